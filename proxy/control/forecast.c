/*
 * Settings + death + situation -> prediction. Predictions count from where the rules do (the last
 * segment, the first byte); here all is counted from the death.
 */
#include "control/forecast.h"
#include "base/mono.h"
#include "control/say.h"
#include <stdio.h>
#include <string.h>

const char *const against_names[] = { "within", "sooner", "later", "unknown", NULL };

/* Timers of the kernel are up to an eighth late. */
#define PROBE_LATE_NS (2 * NS_PER_S)

struct subject {
	const struct facts *f;
	const struct fact_death *d;
	const struct fact_fault *fault;
	const struct fault_type *acts; /* NULL: not known */
	struct predict_settings s;
	struct predict_fate fate;
	enum predict_death death;
	enum predict_when when;
	int64_t since_ns; /* what the prediction counts from, after the death */
	bool options_known;
};

/* ---- settings ---- */

static int64_t told(const json_t *o, const char *key, int64_t other)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : other;
}

static void take_client(struct predict_settings *s, const struct client_spec *c)
{
	if (c->os != PREDICT_LINUX)
		predict_preset(s, (enum predict_os)c->os);
	if (c->keepalive)
		s->keepalive = c->keepalive == 2;
	s->keep_idle_ns = c->keep_idle_ns ? c->keep_idle_ns : s->keep_idle_ns;
	s->keep_interval_ns = c->keep_interval_ns ? c->keep_interval_ns : s->keep_interval_ns;
	s->keep_count = c->keep_count ? c->keep_count : s->keep_count;
	s->user_timeout_ns = c->user_timeout_ns ? c->user_timeout_ns : s->user_timeout_ns;
	s->retries2 = c->retries2 ? c->retries2 : s->retries2;
	s->deadline_ns = c->deadline_ns;
}

/* Options that could not be read are only what the timer that runs gives away. */
static void take_socket(struct subject *x)
{
	const json_t *o = x->d->settings, *keepalive = json_object_get(o, "keepalive");
	struct predict_settings *s = &x->s;
	const bool known = json_is_true(json_object_get(o, "known"));

	if (known)
		s->keepalive = json_is_true(keepalive);
	else
		s->keepalive |= json_is_true(keepalive);
	if (known || json_is_true(keepalive)) {
		s->keep_idle_ns = told(o, "keep_idle_ns", s->keep_idle_ns);
		s->keep_interval_ns = told(o, "keep_interval_ns", s->keep_interval_ns);
		s->keep_count = (uint64_t)told(o, "keep_count", (int64_t)s->keep_count);
	}
	if (known || told(o, "user_timeout_ns", 0))
		s->user_timeout_ns = told(o, "user_timeout_ns", s->user_timeout_ns);
	s->retries2 = (uint64_t)told(o, "retries2", (int64_t)s->retries2);
	s->rtt_ns = told(o, "rtt_ns", s->rtt_ns);
	if (!x->d->settings_late)
		s->rto_ns = told(o, "rto_ns", s->rto_ns);
	x->options_known |= known;
}

static bool find_settings(struct subject *x, const struct predict_settings *system)
{
	const struct client_spec *c = &x->f->scenario->client;

	if (system)
		x->s = *system;
	else
		predict_preset(&x->s, PREDICT_LINUX);
	if (c->given)
		take_client(&x->s, c);
	x->options_known = c->given;
	if (x->d->settings && x->d->by_client)
		take_socket(x);
	return c->given || (x->d->settings && x->d->by_client);
}

static void describe(const struct subject *x, char *buf, size_t size)
{
	const struct predict_settings *s = &x->s;
	char text[SAY_MAX];
	int n;

	if (s->keepalive)
		n = snprintf(buf, size, "keepalive %lld/%lld/%llu",
		    (long long)(s->keep_idle_ns / NS_PER_S),
		    (long long)(s->keep_interval_ns / NS_PER_S), (unsigned long long)s->keep_count);
	else
		n = snprintf(
		    buf, size, "%s", x->options_known ? "no keepalive" : "no keepalive seen");
	if (s->user_timeout_ns)
		n += snprintf(buf + n, size - (size_t)n, ", user timeout %s",
		    say_time(text, s->user_timeout_ns));
	else if (x->options_known)
		n += snprintf(buf + n, size - (size_t)n, ", no user timeout");
	if (s->retries2 != 15)
		n += snprintf(buf + n, size - (size_t)n, ", tcp_retries2 %llu",
		    (unsigned long long)s->retries2);
	if (s->deadline_ns)
		snprintf(
		    buf + n, size - (size_t)n, ", deadline %s", say_time(text, s->deadline_ns));
}

/* ---- the death ---- */

static int64_t param(const struct subject *x, const char *key, int64_t other)
{
	const struct fault_spec *spec = x->fault->spec;
	const struct field *row = spec && x->acts == spec->type && x->acts->params
				      ? field_find(x->acts->params, key)
				      : NULL;

	if (!row)
		return other;
	return row->kind == FIELD_CHOICE ? *(const int *)(spec->params.bytes + row->offset)
					 : *(const int64_t *)(spec->params.bytes + row->offset);
}

static int64_t ended_after(const struct subject *x)
{
	const struct fault_spec *spec = x->fault->spec;

	if (x->d->until_ns != NOT_YET)
		return x->d->until_ns - x->d->at_ns;
	/* As long as it may still end as it was told to. */
	return spec && x->d->at_ns + spec->duration_ns > x->f->end_ns ? spec->duration_ns : 0;
}

static void power_loss(struct subject *x)
{
	x->fate.back_after_ns = ended_after(x);
	x->death = x->fate.back_after_ns ? PREDICT_REBOOT : PREDICT_POWER_LOSS;
}

static void reboot(struct subject *x)
{
	x->fate.back_after_ns = param(x, "down", ended_after(x));
	x->fate.service_delay_ns = param(x, "service_delay", 0);
}

static void partition(struct subject *x)
{
	x->fate.heal_after_ns = ended_after(x);
}

static int64_t quiet_for(const struct fact_death *d)
{
	const int64_t up = d->idle_ns[0], down = d->idle_ns[1];

	if (up < 0 || down < 0)
		return up < down ? down : up;
	return up < down ? up : down;
}

/* Strikes when it forgets: predict counts from the last segment. */
static void idle_timeout(struct subject *x)
{
	const int64_t quiet = quiet_for(x->d);

	x->fate.forget = (int)param(x, "mode", PREDICT_DROP);
	x->fate.forget_after_ns = quiet >= 0 ? quiet : param(x, "after", 0);
}

static void plain(struct subject *x)
{
	(void)x;
}

static const struct {
	const char *type;
	enum predict_death death;
	void (*fill)(struct subject *);
} deaths[] = {
	{ "power_loss", PREDICT_POWER_LOSS, power_loss },
	{ "reboot", PREDICT_REBOOT, reboot },
	{ "process_crash", PREDICT_PROCESS_CRASH, plain },
	{ "hang", PREDICT_HANG, plain },
	{ "partition", PREDICT_PARTITION, partition },
	{ "reset", PREDICT_RESET, plain },
	{ "reset_peer", PREDICT_RESET, plain },
	{ "idle_timeout", PREDICT_IDLE_TIMEOUT, idle_timeout },
};

static bool find_death(struct subject *x)
{
	const char *type = x->acts ? x->acts->name : x->fault->type;

	for (size_t i = 0; i < sizeof(deaths) / sizeof(*deaths); i++) {
		if (strcmp(deaths[i].type, type) != 0)
			continue;
		x->death = deaths[i].death;
		deaths[i].fill(x);
		return true;
	}
	return false;
}

/* ---- the situation ---- */

/* An idle client that writes after the death is a sender from then on. */
static void becomes_sender(struct subject *x)
{
	x->when = PREDICT_SENDING;
	x->since_ns = x->d->drops[0] - x->d->at_ns;
	if (x->fate.back_after_ns)
		x->fate.back_after_ns -= x->since_ns;
	if (x->fate.heal_after_ns)
		x->fate.heal_after_ns =
		    x->fate.heal_after_ns > x->since_ns ? x->fate.heal_after_ns - x->since_ns : 1;
}

static bool find_when(struct subject *x)
{
	static const enum predict_when whens[] = { [SHAPE_IDLE] = PREDICT_IDLE,
		[SHAPE_WAITING] = PREDICT_WAITING,
		[SHAPE_BUSY] = PREDICT_SENDING,
		[SHAPE_BLOCKED] = PREDICT_BLOCKED };
	const struct fact_death *d = x->d;
	const int64_t quiet = quiet_for(d), blocked = d->idle_ns[d->by_client ? 0 : 1];

	if (d->shape == SHAPE_UNKNOWN)
		return false;
	x->when = whens[d->shape];
	x->fate.idle_for_ns = quiet > 0 ? quiet : 0;
	x->fate.blocked_for_ns = x->when == PREDICT_BLOCKED && blocked > 0 ? blocked : 0;
	if (d->sends && d->n_drops && x->death != PREDICT_IDLE_TIMEOUT &&
	    (x->when == PREDICT_IDLE || x->when == PREDICT_WAITING))
		becomes_sender(x);
	return true;
}

/* ---- the answer ---- */

static void explain(const struct subject *x, const struct prediction *p, char *buf, size_t size)
{
	char text[SAY_MAX];

	switch (p->by) {
	case PREDICT_BY_RETRIES:
		snprintf(buf, size, "%s",
		    x->options_known ? "no user timeout is set" : "tcp_retries2 decides");
		break;
	case PREDICT_BY_WINDOW_PROBES:
		snprintf(buf, size, "only window probes end it");
		break;
	case PREDICT_BY_KEEPALIVE:
		snprintf(buf, size, "keepalive decides, %lld + %llu x %lld s",
		    (long long)(x->s.keep_idle_ns / NS_PER_S), (unsigned long long)x->s.keep_count,
		    (long long)(x->s.keep_interval_ns / NS_PER_S));
		break;
	case PREDICT_BY_USER_TIMEOUT:
	case PREDICT_BY_KEEPALIVE_LIMIT:
		snprintf(buf, size, "its user timeout is %s", say_time(text, x->s.user_timeout_ns));
		break;
	case PREDICT_BY_DEADLINE:
		snprintf(buf, size, "its own deadline is %s", say_time(text, x->s.deadline_ns));
		break;
	default:
		if (p->outcome == PREDICT_NEVER)
			snprintf(buf, size, "%s",
			    x->s.keepalive ? "nothing is sent" : "keepalive is off");
		else if (p->outcome == PREDICT_ALIVE)
			snprintf(buf, size, "its peer's kernel answers");
	}
}

static int64_t since_death(const struct subject *x, const struct prediction *p, int64_t ns)
{
	int64_t passed = 0;

	if (p->from == PREDICT_FROM_LAST)
		passed = x->fate.forget_after_ns;
	else if (p->from == PREDICT_FROM_CLOSED)
		passed = x->fate.blocked_for_ns;
	ns += x->since_ns - passed;
	return ns > 0 ? ns : 0;
}

static void answer(const struct subject *x, const struct prediction *p, struct forecast *out)
{
	out->known = true;
	out->outcome = p->outcome;
	out->by = p->by;
	out->error = p->error;
	snprintf(out->advice, sizeof(out->advice), "%s", p->advice);
	explain(x, p, out->cause, sizeof(out->cause));
	describe(x, out->settings, sizeof(out->settings));
	if (p->outcome != PREDICT_NOTICED && p->outcome != PREDICT_CARRIES_ON)
		return;
	out->low_ns = since_death(x, p, p->low_ns);
	/* When a window closes that was open at the death is not known. */
	if (p->from != PREDICT_FROM_CLOSED || x->fate.blocked_for_ns)
		out->high_ns = since_death(x, p, p->high_ns);
}

/* A keepalive probe was due at about the moment of the death: whether it was answered is not known,
 * and that makes a whole idle time's difference. */
static void widen(struct subject *x, struct forecast *out)
{
	const int64_t idle_ns = x->s.keep_idle_ns,
		      near_ns = idle_ns / 8 < PROBE_LATE_NS ? idle_ns / 8 : PROBE_LATE_NS;
	struct forecast other = { .high_ns = NOT_YET, .low_ns = NOT_YET };
	struct prediction p;
	int64_t beyond_ns;

	if (out->by != PREDICT_BY_KEEPALIVE && out->by != PREDICT_BY_KEEPALIVE_LIMIT)
		return;
	beyond_ns = idle_ns ? x->fate.idle_for_ns % idle_ns : 0;
	if (!idle_ns || x->fate.idle_for_ns < idle_ns || beyond_ns > near_ns)
		return;
	x->fate.idle_for_ns = idle_ns - 1;
	predict(&x->s, &x->fate, x->death, x->when, &p);
	answer(x, &p, &other);
	if (other.low_ns < out->low_ns)
		out->low_ns = other.low_ns;
}

void forecast(const struct facts *f, const struct fact_death *d,
    const struct predict_settings *system, struct forecast *out)
{
	struct subject x = { .f = f, .d = d, .fault = &f->faults[d->fault] };
	struct prediction p;

	memset(out, 0, sizeof(*out));
	out->low_ns = out->high_ns = NOT_YET;
	x.acts = x.fault->spec ? fault_spec_acts(x.fault->spec) : NULL;
	if (!find_settings(&x, system) || !find_death(&x) || !find_when(&x))
		return;
	predict(&x.s, &x.fate, x.death, x.when, &p);
	answer(&x, &p, out);
	widen(&x, out);
}

/* Not detected: until when that was watched decides. */
static enum against undetected(
    const struct facts *f, const struct fact_death *d, const struct forecast *c)
{
	const int64_t end_ns = d->lived ? d->until_ns : f->end_ns;

	if (c->outcome == PREDICT_NEVER || c->outcome == PREDICT_ALIVE ||
	    (c->outcome == PREDICT_CARRIES_ON && d->lived))
		return AGAINST_WITHIN;
	if (c->outcome == PREDICT_NOTICED && c->high_ns != NOT_YET &&
	    end_ns - d->at_ns > c->high_ns + FORECAST_SLACK_NS)
		return AGAINST_LATER;
	return AGAINST_UNKNOWN;
}

enum against forecast_against(
    const struct facts *f, const struct fact_death *d, const struct forecast *c)
{
	/* Nobody hears of it before it has come to his session. */
	const int64_t after_ns = d->detected_ns - d->at_ns,
		      early_ns = after_ns - d->tolerance_ns - f->faults[d->fault].settled_ns;

	if (!c->known || c->outcome == PREDICT_UNKNOWN)
		return AGAINST_UNKNOWN;
	if (d->detected_ns == NOT_YET)
		return undetected(f, d, c);
	if (c->outcome != PREDICT_NOTICED)
		return AGAINST_SOONER;
	if (after_ns < c->low_ns - FORECAST_SLACK_NS)
		return AGAINST_SOONER;
	if (c->high_ns != NOT_YET && early_ns > c->high_ns + FORECAST_SLACK_NS)
		return AGAINST_LATER;
	return AGAINST_WITHIN;
}
