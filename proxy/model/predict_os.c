/*
 * What each system does by itself. Linux: its documented defaults (tcp(7), ip-sysctl). The others
 * are estimates from their documentation: XNU's and FreeBSD's tcp_timer.h (RTO 30 ms + 200 ms slop
 * to 64 s, 12 retransmissions, connections 75 s, keepalive 75 s x 8), Windows'
 * TcpMaxDataRetransmissions 5, 3 SYNs in 21 s, and 10 keepalive probes 1 s apart.
 */
#include "base/mono.h"
#include "model/predict_settings.h"

const char *const predict_os_names[] = { "linux", "macos", "windows", "freebsd", NULL };

#define LINUX_TICK_NS (4 * NS_PER_MS) /* CONFIG_HZ=250 */

static const struct predict_settings presets[] = {
	[PREDICT_LINUX] = {
	    .keep_idle_ns = 7200 * NS_PER_S,
	    .keep_interval_ns = 75 * NS_PER_S,
	    .keep_count = 9,
	    .retries2 = 15,
	    .syn_retries = 6,
	    .syn_linear = 4,
	    .rto_min_ns = 200 * NS_PER_MS,
	    .rto_max_ns = 120 * NS_PER_S,
	    .syn_rto_ns = NS_PER_S,
	    .tick_ns = LINUX_TICK_NS,
	},
	[PREDICT_MACOS] = {
	    .keep_idle_ns = 7200 * NS_PER_S,
	    .keep_interval_ns = 75 * NS_PER_S,
	    .keep_count = 8,
	    .retries2 = 12,
	    .syn_retries = 12,
	    .rto_min_ns = 230 * NS_PER_MS,
	    .rto_max_ns = 64 * NS_PER_S,
	    .rto_top_ns = NS_PER_S,
	    .syn_rto_ns = NS_PER_S,
	    .connect_limit_ns = 75 * NS_PER_S,
	},
	[PREDICT_WINDOWS] = {
	    .keep_idle_ns = 7200 * NS_PER_S,
	    .keep_interval_ns = NS_PER_S,
	    .keep_count = 10,
	    .retries2 = 5,
	    .syn_retries = 2,
	    .rto_min_ns = 300 * NS_PER_MS,
	    .rto_max_ns = 60 * NS_PER_S,
	    .rto_top_ns = NS_PER_S,
	    .syn_rto_ns = 3 * NS_PER_S,
	},
};

void predict_preset(struct predict_settings *s, enum predict_os os)
{
	*s = presets[os == PREDICT_FREEBSD ? PREDICT_MACOS : os];
	s->os = (int)os;
}
