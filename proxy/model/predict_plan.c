/*
 * The four timers of a connection. Only one runs at a time: while data is in flight, or waits for
 * the window to open, keepalive is silent (tcp_keepalive_timer()).
 */
#include "model/predict_plan.h"
#include "base/mono.h"

#define MODEL_RTO_NS  (200 * NS_PER_MS) /* TCP_RTO_MIN, whatever the connection's own RTO is */
#define RATE_LIMIT_NS (500 * NS_PER_MS)

int64_t predict_model_timeout(uint64_t n, int64_t base_ns, int64_t max_ns)
{
	int64_t sum = 0, wait = base_ns;

	/* ilog2(max / base) doublings, then max itself; written as the sum that it is. */
	for (uint64_t i = 0; i <= n; i++) {
		sum += wait;
		wait = wait <= max_ns / 2 ? wait * 2 : max_ns;
	}
	return sum;
}

static bool is_linux(const struct predict_settings *s)
{
	return s->os == PREDICT_LINUX;
}

/* RFC 6298, 2.3; Linux keeps it in whole ticks and never below one more than the minimum
 * (tcp_set_rto(), __tcp_set_rto()). */
static struct moment rto_of(const struct predict_settings *s)
{
	const int64_t asked = s->rto_ns ? s->rto_ns : s->rto_min_ns + s->rtt_ns;
	const int64_t own = asked < s->rto_max_ns ? asked : s->rto_max_ns;
	struct moment rto = { own, own, own };

	if (!s->rto_ns && s->tick_ns) {
		rto.low = (own + (s->rtt_ns ? 0 : 1) + s->tick_ns - 1) / s->tick_ns * s->tick_ns;
		rto.high = rto.low;
	}
	if (!s->rto_ns && s->rto_top_ns > own)
		rto.high = s->rto_top_ns;
	return rto;
}

static struct moment zero_at(int64_t ns)
{
	return (struct moment){ ns, ns, ns };
}

/* Data in flight. A lone segment's tail loss probe goes out before the first retransmission and
 * starts its timer anew (tcp_schedule_loss_probe(), tcp_send_loss_probe()). */
struct plan plan_data(const struct predict_settings *s)
{
	const struct moment rto = rto_of(s);
	int64_t probe = 2 * s->rtt_ns + MODEL_RTO_NS;
	struct plan p = {
		.sent = PREDICT_SENT_DATA,
		.base = rto,
		.first = rto,
		.doublings = 64,
		.max_ns = s->rto_max_ns,
		.count = s->retries2,
		.tick_ns = s->tick_ns,
	};

	p.first.high += timers_late(rto.high, s->tick_ns);
	if (!is_linux(s))
		return p;
	probe = probe < rto.high ? probe : rto.high;
	p.first.high += probe + timers_late(probe, s->tick_ns);
	p.start = (struct moment){ 0, p.first.low, p.first.high };
	p.count = UINT64_MAX;
	p.limit_ns = predict_model_timeout(s->retries2, MODEL_RTO_NS, s->rto_max_ns);
	if (s->user_timeout_ns) {
		p.limit_ns = s->user_timeout_ns;
		p.exact = true;
	}
	return p;
}

struct plan plan_syns(const struct predict_settings *s)
{
	struct plan p = {
		.sent = PREDICT_SENT_SYNS,
		.base = zero_at(s->syn_rto_ns),
		.first = zero_at(s->syn_rto_ns),
		.linear = s->syn_linear,
		.doublings = 64,
		.max_ns = s->rto_max_ns,
		.count = s->syn_retries + s->syn_linear,
		.tick_ns = s->tick_ns,
	};

	p.first.high += timers_late(s->syn_rto_ns, s->tick_ns);
	if (is_linux(s))
		p.limit_ns = predict_model_timeout(s->syn_retries, s->syn_rto_ns, s->rto_max_ns);
	if (is_linux(s) && s->user_timeout_ns)
		p.limit_ns = s->user_timeout_ns;
	if (s->connect_limit_ns)
		p.limit_ns = s->connect_limit_ns;
	p.exact = s->connect_limit_ns || (is_linux(s) && s->user_timeout_ns);
	return p;
}

/* already: since the peer's last segment, at the death. */
struct plan plan_keepalive(const struct predict_settings *s, int64_t already_ns)
{
	struct plan p = {
		.sent = PREDICT_SENT_PROBES,
		.base = zero_at(s->keep_interval_ns),
		.first = zero_at(s->keep_idle_ns - already_ns),
		.start = zero_at(-already_ns),
		.max_ns = INT64_MAX,
		.count = s->keep_count,
		.tick_ns = s->tick_ns,
	};

	p.first.high += timers_late(s->keep_idle_ns, s->tick_ns);
	if (is_linux(s) && s->user_timeout_ns) {
		p.limit_ns = s->user_timeout_ns;
		p.count = UINT64_MAX;
	}
	return p;
}

/* Probes of a closed window, which began when it closed (tcp_probe0_when()). */
static struct plan plan_window_now(const struct predict_settings *s)
{
	struct moment rto = rto_of(s);
	struct plan p = {
		.sent = PREDICT_SENT_WINDOW_PROBES,
		.doublings = s->retries2,
		.max_ns = s->rto_max_ns,
		.count = s->retries2,
		.limit_ns = s->user_timeout_ns,
		.exact = true,
		.tick_ns = s->tick_ns,
	};

	if (rto.low < MODEL_RTO_NS) /* tcp_probe0_base() */
		rto = zero_at(MODEL_RTO_NS);
	p.base = p.first = rto;
	p.first.high += timers_late(rto.high, s->tick_ns);
	p.start = (struct moment){ 0, p.first.low, p.first.high };
	return p;
}

/* Firing n's wait, without an end to doubling but the plan's own. */
static int64_t doubled(const struct plan *p, uint64_t n)
{
	int64_t wait = p->base.model;

	for (uint64_t i = 0; i < n && i < p->doublings && wait < p->max_ns; i++)
		wait *= 2;
	return wait < p->max_ns ? wait : p->max_ns;
}

/* The same for a peer that answered the probes for a while before it died: they are as far apart
 * as they had become, and it may have died at any moment between two of them. The last one may have
 * been left unanswered in life: a kernel answers such segments twice a second at most
 * (tcp_invalid_ratelimit, tcp_oow_rate_limited()). */
struct plan plan_window(const struct predict_settings *s, int64_t already_ns)
{
	struct plan p = plan_window_now(s);
	int64_t at = p.first.model, wait = at;

	if (!already_ns)
		return p;
	p.start.model -= already_ns;
	p.start.low -= already_ns;
	p.start.high -= already_ns;
	for (; at < already_ns; at += wait)
		wait = doubled(&p, ++p.skip);
	p.spare = p.skip >= 2 && doubled(&p, p.skip - 2) < RATE_LIMIT_NS;
	p.lag = true;
	p.first.model = at - already_ns;
	p.first.low = 0;
	p.first.high = wait + timers_late(wait, s->tick_ns);
	return p;
}
