/*
 * Advice: the first rule that fits. A prediction that nobody would mind gets none.
 */
#include "model/predict_advice.h"
#include "base/mono.h"
#include "base/units.h"
#include <stdio.h>

#define LONG_CONNECT_NS (30 * NS_PER_S)
#define LONG_SEND_NS    (60 * NS_PER_S)
#define LONG_IDLE_NS    (240 * NS_PER_S) /* what the shortest-lived cloud balancers remember */

struct subject {
	const struct predict_settings *s;
	const struct predict_fate *f;
	enum predict_death death;
	enum predict_when when;
	const struct prediction *p;
};

#define DURATION_MAX 48

static int64_t by_count_ns(const struct predict_settings *s)
{
	return s->keep_idle_ns + s->keep_interval_ns * (int64_t)s->keep_count;
}

static bool never_tells(const struct subject *x)
{
	return x->p->outcome == PREDICT_NEVER;
}

static void advise_never(const struct subject *x, char *buf, size_t size)
{
	if (x->s->user_timeout_ns)
		snprintf(buf, size,
		    "TCP_USER_TIMEOUT acts only while data is unacknowledged: turn keepalive on as "
		    "well, or ping");
	else if (x->when == PREDICT_WAITING)
		snprintf(buf, size,
		    "waiting for an answer is never noticed: set a deadline for it, or turn "
		    "keepalive on");
	else
		snprintf(
		    buf, size, "idle connections are never noticed: turn keepalive on or ping");
}

static bool hangs(const struct subject *x)
{
	return x->p->outcome == PREDICT_ALIVE && x->death == PREDICT_HANG;
}

static void advise_hang(const struct subject *x, char *buf, size_t size)
{
	if (x->when == PREDICT_IDLE || x->when == PREDICT_WAITING)
		snprintf(buf, size,
		    "its kernel answers keepalive: only a ping or a deadline of the application's "
		    "own notices");
	else
		snprintf(buf, size,
		    "its kernel answers window probes for good: set a deadline, or "
		    "TCP_USER_TIMEOUT");
}

static bool kills_the_slow(const struct subject *x)
{
	return x->death == PREDICT_HANG && x->p->by == PREDICT_BY_USER_TIMEOUT;
}

static void advise_slow(const struct subject *x, char *buf, size_t size)
{
	char timeout[DURATION_MAX];

	snprintf(buf, size,
	    "TCP_USER_TIMEOUT also ends a healthy peer that does not read for %s: keep it longer "
	    "than that takes",
	    units_format_duration(timeout, sizeof(timeout), x->s->user_timeout_ns));
}

static bool one_probe_kills(const struct subject *x)
{
	return x->p->by == PREDICT_BY_KEEPALIVE_LIMIT && x->s->keep_count > 1 &&
	       x->s->keep_idle_ns + x->s->keep_interval_ns >= x->s->user_timeout_ns;
}

static void advise_one_probe(const struct subject *x, char *buf, size_t size)
{
	char timeout[DURATION_MAX], least[DURATION_MAX];

	snprintf(buf, size,
	    "one lost probe is enough: the user timeout of %s replaces the count of %llu; make it "
	    "%s",
	    units_format_duration(timeout, sizeof(timeout), x->s->user_timeout_ns),
	    (unsigned long long)x->s->keep_count,
	    units_format_duration(least, sizeof(least), by_count_ns(x->s)));
}

static bool later_than_count(const struct subject *x)
{
	return x->p->by == PREDICT_BY_KEEPALIVE_LIMIT && x->p->model_ns > by_count_ns(x->s);
}

static void advise_later(const struct subject *x, char *buf, size_t size)
{
	char alone[DURATION_MAX];

	snprintf(buf, size,
	    "the user timeout replaces keepalive's count and makes it later than keepalive alone, "
	    "%s: make it no longer than that",
	    units_format_duration(alone, sizeof(alone), by_count_ns(x->s)));
}

static bool forgets(const struct subject *x)
{
	return x->death == PREDICT_IDLE_TIMEOUT && x->p->outcome == PREDICT_NOTICED &&
	       (x->when == PREDICT_IDLE || x->when == PREDICT_WAITING);
}

static void advise_forgets(const struct subject *x, char *buf, size_t size)
{
	char after[DURATION_MAX];

	snprintf(buf, size, "keepalive sooner than the middlebox's %s would prevent it",
	    units_format_duration(after, sizeof(after), x->f->forget_after_ns));
}

/* What ends a wait for an acknowledgement there. */
static const char *user_timeout_of(const struct predict_settings *s)
{
	static const char *const names[] = { "TCP_USER_TIMEOUT", "TCP_RXT_CONNDROPTIME",
		"TCP_MAXRT", "" };

	return names[s->os];
}

static bool waits_long_for_ack(const struct subject *x)
{
	return x->p->by == PREDICT_BY_RETRIES && x->p->model_ns > LONG_SEND_NS;
}

static void advise_ack(const struct subject *x, char *buf, size_t size)
{
	snprintf(buf, size, "%sset %s%sa deadline for the answer",
	    x->s->keepalive ? "keepalive is silent while data is in flight: " : "",
	    user_timeout_of(x->s), *user_timeout_of(x->s) ? ", or " : "");
}

static bool connects_long(const struct subject *x)
{
	return x->when == PREDICT_CONNECTING && x->p->outcome == PREDICT_NOTICED &&
	       x->p->model_ns > LONG_CONNECT_NS && x->p->by == PREDICT_BY_SYN_RETRIES;
}

static void advise_connect(const struct subject *x, char *buf, size_t size)
{
	snprintf(buf, size, "give connect a deadline%s",
	    x->s->os == PREDICT_LINUX ? ", or set TCP_SYNCNT or TCP_USER_TIMEOUT" : "");
}

static bool probes_late(const struct subject *x)
{
	return x->p->by == PREDICT_BY_KEEPALIVE && x->s->keep_idle_ns > LONG_IDLE_NS;
}

static void advise_probes(const struct subject *x, char *buf, size_t size)
{
	char idle[DURATION_MAX];

	snprintf(buf, size,
	    "the first probe comes after %s, later than many middleboxes forget: set TCP_KEEPIDLE "
	    "to 60s or less",
	    units_format_duration(idle, sizeof(idle), x->s->keep_idle_ns));
}

static bool blocked_long(const struct subject *x)
{
	return x->p->by == PREDICT_BY_WINDOW_PROBES && x->p->model_ns > LONG_SEND_NS;
}

static void advise_blocked(const struct subject *x, char *buf, size_t size)
{
	snprintf(buf, size,
	    "%sset a deadline for writing, or TCP_USER_TIMEOUT longer than a slow peer's longest "
	    "pause",
	    x->s->keepalive ? "keepalive is silent while data is queued: " : "");
}

static bool is_unread(const struct subject *x)
{
	return x->when == PREDICT_IDLE && x->p->by == PREDICT_BY_FIN;
}

static void advise_unread(const struct subject *x, char *buf, size_t size)
{
	(void)x;
	snprintf(buf, size,
	    "only who reads or polls sees EOF: check a pooled connection before "
	    "it is used");
}

static bool is_unknown(const struct subject *x)
{
	return x->p->outcome == PREDICT_UNKNOWN;
}

static void advise_unknown(const struct subject *x, char *buf, size_t size)
{
	snprintf(buf, size, "what %s does with a closed window is not modelled",
	    predict_os_names[x->s->os]);
}

static const struct {
	bool (*fits)(const struct subject *);
	void (*write)(const struct subject *, char *, size_t);
} rules[] = {
	{ is_unknown, advise_unknown },
	{ never_tells, advise_never },
	{ hangs, advise_hang },
	{ kills_the_slow, advise_slow },
	{ forgets, advise_forgets },
	{ one_probe_kills, advise_one_probe },
	{ later_than_count, advise_later },
	{ waits_long_for_ack, advise_ack },
	{ connects_long, advise_connect },
	{ probes_late, advise_probes },
	{ blocked_long, advise_blocked },
	{ is_unread, advise_unread },
};

void predict_advise(const struct predict_settings *s, const struct predict_fate *f,
    enum predict_death death, enum predict_when when, struct prediction *out)
{
	const struct subject x = { s, f, death, when, out };

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (!rules[i].fits(&x))
			continue;
		rules[i].write(&x, out->advice, sizeof(out->advice));
		return;
	}
}
