/* What Linux does with its own settings, by the model of deadpeer predict. Measured times are 1 to
 * 4 % above it. */
#include "base/mono.h"
#include "cli/demo_show.h"
#include "kernel/tcp_sysctl.h"
#include "model/predict.h"

/* After a power loss, in seconds. */
static double given_up_after(const struct predict_settings *s, enum predict_when when)
{
	const struct predict_fate fate = { 0 };
	struct prediction p;

	predict(s, &fate, PREDICT_POWER_LOSS, when, &p);
	return (double)p.model_ns / NS_PER_S;
}

void defaults_model(struct defaults *d)
{
	struct predict_settings s;

	predict_preset(&s, PREDICT_LINUX);
	s.keepalive = true;
	s.keep_idle_ns = d->keep_time * NS_PER_S;
	s.keep_interval_ns = d->keep_intvl * NS_PER_S;
	s.keep_count = (uint64_t)d->keep_probes;
	s.retries2 = (uint64_t)d->retries2;
	s.syn_retries = (uint64_t)d->syn_retries;
	s.syn_linear = (uint64_t)d->syn_linear;
	s.rto_max_ns = (int64_t)(d->rto_max_s * NS_PER_S);
	d->sending_s = given_up_after(&s, PREDICT_SENDING);
	d->keepalive_s = given_up_after(&s, PREDICT_IDLE);
	d->connecting_s = given_up_after(&s, PREDICT_CONNECTING);
	d->first_probe_s = d->keep_time;
}

void defaults_read(struct defaults *d)
{
	struct tcp_sysctl t;

	tcp_sysctl_read(&t);
	*d = (struct defaults){
		.retries2 = (int)t.retries2,
		.syn_retries = (int)t.syn_retries,
		.syn_linear = (int)t.syn_linear_timeouts,
		.keep_time = (int)t.keepalive_time_s,
		.keep_intvl = (int)t.keepalive_intvl_s,
		.keep_probes = (int)t.keepalive_probes,
		.rto_max_s = (double)t.rto_max_ms / 1e3,
	};
	defaults_model(d);
}
