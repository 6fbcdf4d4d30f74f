/*
 * The table of deaths: for each, a function that says what comes of each situation. Silence is
 * the common case; most deaths are silence that ends, or that begins later:
 *
 *     power loss    silence for good
 *     partition     silence until it heals: the next segment gets through
 *     reboot        silence until it is back: the next segment is answered with RST
 *     idle timeout  silence, or RST, for a connection that nobody used for long enough
 *     hang          the kernel answers, nobody reads
 *     crash, reset  the kernel says so
 */
#include "model/predict.h"
#include "base/mono.h"
#include "model/predict_advice.h"
#include "model/predict_plan.h"
#include <errno.h>
#include <string.h>

const char *const predict_death_names[] = { "power_loss", "reboot", "process_crash", "hang",
	"partition", "reset", "idle_timeout", NULL };
const char *const predict_when_names[] = { "idle", "waiting", "sending", "connecting", "blocked",
	NULL };
const char *const predict_forget_names[] = { "drop", "rst_next", "rst_both", "fin", NULL };
const char *const predict_outcome_names[] = { "noticed", "never", "alive", "carries_on",
	"connected", "unknown", NULL };
const char *const predict_by_names[] = { "nothing", "fin", "rst", "keepalive",
	"keepalive_and_user_timeout", "user_timeout", "retries", "syn_retries", "window_probes",
	"deadline", "retransmission", "probe", "syn", NULL };
const char *const predict_from_names[] = { "death", "window_closed", "last_segment", NULL };
const char *const predict_sent_names[] = { "nothing", "retransmission", "keepalive probe", "SYN",
	"window probe", NULL };

struct question {
	const struct predict_settings *s;
	const struct predict_fate *f;
	enum predict_when when;
	struct prediction *out;
};

static bool is_linux(const struct predict_settings *s)
{
	return s->os == PREDICT_LINUX;
}

static struct moment zero_at(int64_t ns)
{
	return (struct moment){ ns, ns, ns };
}

static void say(struct prediction *out, enum predict_outcome outcome, enum predict_by by, int error,
    struct moment at)
{
	out->outcome = outcome;
	out->by = by;
	out->error = error;
	out->model_ns = at.model > 0 ? at.model : 0;
	out->low_ns = at.low > 0 ? at.low : 0;
	out->high_ns = at.high > out->model_ns ? at.high : out->model_ns;
}

static void say_never(const struct question *q, enum predict_outcome outcome)
{
	say(q->out, outcome, PREDICT_BY_NOTHING, 0, zero_at(0));
	q->out->n_rows = q->out->more_rows = 0;
	q->out->sent = PREDICT_SENT_NOTHING;
}

/* The kernel's word arrives half a round trip later. */
static void say_at(const struct question *q, int64_t at_ns, enum predict_outcome outcome,
    enum predict_by by, int error)
{
	say(q->out, outcome, by, error, (struct moment){ at_ns, at_ns, at_ns + q->s->rtt_ns });
}

static bool nothing_in_flight(enum predict_when when)
{
	return when == PREDICT_IDLE || when == PREDICT_WAITING;
}

/* Since the last segment of a peer that answered probes until it died. */
static int64_t heard_before(const struct question *q)
{
	const int64_t already = q->f->idle_for_ns;

	return q->s->keepalive && q->s->keep_idle_ns ? already % q->s->keep_idle_ns : already;
}

/* The timer that runs. False: none does. */
static bool plan_of(const struct question *q, struct plan *p)
{
	switch (q->when) {
	case PREDICT_SENDING:
		*p = plan_data(q->s);
		return true;
	case PREDICT_CONNECTING:
		*p = plan_syns(q->s);
		return true;
	case PREDICT_BLOCKED:
		*p = plan_window(q->s, q->f->blocked_for_ns);
		return true;
	default:
		*p = plan_keepalive(q->s, heard_before(q));
		return q->s->keepalive;
	}
}

static enum predict_by giver_up(const struct question *q, bool by_count)
{
	const bool user = q->s->user_timeout_ns && !by_count;

	switch (q->when) {
	case PREDICT_SENDING:
		return user ? PREDICT_BY_USER_TIMEOUT : PREDICT_BY_RETRIES;
	case PREDICT_CONNECTING:
		return user ? PREDICT_BY_USER_TIMEOUT : PREDICT_BY_SYN_RETRIES;
	case PREDICT_BLOCKED:
		return user ? PREDICT_BY_USER_TIMEOUT : PREDICT_BY_WINDOW_PROBES;
	default:
		return user ? PREDICT_BY_KEEPALIVE_LIMIT : PREDICT_BY_KEEPALIVE;
	}
}

/* Nothing is answered any more. */
static void silence(const struct question *q)
{
	struct moment end;
	struct plan p;
	bool by_count;

	if (!plan_of(q, &p)) {
		say_never(q, PREDICT_NEVER);
		return;
	}
	if (!is_linux(q->s) && q->when == PREDICT_BLOCKED) {
		say_never(q, PREDICT_UNKNOWN);
		return;
	}
	by_count = timers_give_up(&p, q->out, &end);
	say(q->out, PREDICT_NOTICED, giver_up(q, by_count), ETIMEDOUT, end);
}

struct answer {
	enum predict_outcome outcome;
	enum predict_by by;
	int error;
};

/* Nothing is answered until at_ns, then the next segment is; or it has been given up before. */
static void silence_until(const struct question *q, int64_t at_ns, struct answer a)
{
	struct prediction *out = q->out, end;
	struct moment next;
	struct plan p;

	silence(q);
	if (out->outcome != PREDICT_NOTICED || out->high_ns < at_ns || !plan_of(q, &p))
		return;
	end = *out;
	timers_next(&p, at_ns, end.high_ns, out, &next);
	if (next.model < end.model_ns)
		say(out, a.outcome, a.by, a.error, next);
	else
		*out = end;
	if (next.high < end.low_ns)
		return;
	out->either = true;
	out->low_ns = next.low < end.low_ns ? next.low : end.low_ns;
	out->high_ns = end.high_ns;
}

static void power_loss(const struct question *q)
{
	silence(q);
}

static enum predict_by answered_by(const struct question *q)
{
	if (q->when == PREDICT_SENDING)
		return PREDICT_BY_RETRANSMISSION;
	return q->when == PREDICT_CONNECTING ? PREDICT_BY_SYN : PREDICT_BY_PROBE;
}

static void reboot(const struct question *q)
{
	const int64_t listens = q->f->back_after_ns + q->f->service_delay_ns;
	const enum predict_by by = answered_by(q);

	if (q->when != PREDICT_CONNECTING) {
		silence_until(
		    q, q->f->back_after_ns, (struct answer){ PREDICT_NOTICED, by, ECONNRESET });
		return;
	}
	silence_until(q, q->f->back_after_ns, (struct answer){ PREDICT_NOTICED, by, ECONNREFUSED });
	if (q->out->error == ECONNREFUSED && q->out->model_ns >= listens) {
		q->out->outcome = PREDICT_CONNECTED;
		q->out->error = 0;
	}
}

static void partition(const struct question *q)
{
	const int64_t healed = q->f->heal_after_ns;
	const bool connecting = q->when == PREDICT_CONNECTING;

	if (!healed) {
		silence(q);
		return;
	}
	silence_until(q, healed,
	    (struct answer){
		connecting ? PREDICT_CONNECTED : PREDICT_CARRIES_ON, answered_by(q), 0 });
	if (q->out->outcome == PREDICT_NEVER)
		say_at(q, healed, PREDICT_CARRIES_ON, PREDICT_BY_NOTHING, 0);
}

static void process_crash(const struct question *q)
{
	switch (q->when) {
	case PREDICT_CONNECTING:
		say_at(q, 0, PREDICT_NOTICED, PREDICT_BY_RST, ECONNREFUSED);
		break;
	case PREDICT_SENDING: /* EOF, then RST for what is sent to nobody (RFC 9293, 3.10.7.1) */
	case PREDICT_BLOCKED: /* it left data unread: RST (RFC 2525, 2.17) */
		say_at(q, 0, PREDICT_NOTICED, PREDICT_BY_RST, ECONNRESET);
		break;
	default:
		say_at(q, 0, PREDICT_NOTICED, PREDICT_BY_FIN, 0);
	}
}

static void reset(const struct question *q)
{
	if (q->when == PREDICT_CONNECTING)
		say_at(q, 0, PREDICT_CONNECTED, PREDICT_BY_SYN, 0);
	else
		say_at(q, 0, PREDICT_NOTICED, PREDICT_BY_RST, ECONNRESET);
}

/* The kernel answers probes of every kind. What a user timeout ends, it ends of a peer that is
 * well and only slow, too: icsk_probes_tstamp is not reset by an answer. */
static void hang(const struct question *q)
{
	const bool closes = q->when == PREDICT_SENDING || q->when == PREDICT_BLOCKED;
	struct moment end;
	struct plan p;

	if (q->when == PREDICT_CONNECTING) {
		say_at(q, 0, PREDICT_CONNECTED, PREDICT_BY_SYN, 0);
		return;
	}
	if (!closes || !q->s->user_timeout_ns || !is_linux(q->s)) {
		say_never(q, PREDICT_ALIVE);
		return;
	}
	p = plan_window(q->s, q->when == PREDICT_BLOCKED ? q->f->blocked_for_ns : 0);
	p.count = UINT64_MAX;
	timers_give_up(&p, q->out, &end);
	say(q->out, PREDICT_NOTICED, PREDICT_BY_USER_TIMEOUT, ETIMEDOUT, end);
	if (q->when == PREDICT_SENDING)
		q->out->from = PREDICT_FROM_CLOSED;
}

/* ---- the middlebox that forgets ---- */

static bool kept_in_mind(const struct question *q)
{
	if (q->when == PREDICT_BLOCKED) /* window probes */
		return q->s->rto_max_ns < q->f->forget_after_ns;
	return nothing_in_flight(q->when) && q->s->keepalive &&
	       q->s->keep_idle_ns + timers_late(q->s->keep_idle_ns, q->s->tick_ns) <
		   q->f->forget_after_ns;
}

/* Later segments vanish: silence that began with the last one that got through. */
static void forgotten_silently(const struct question *q)
{
	struct predict_fate since = *q->f;
	struct question sooner = { q->s, &since, q->when, q->out };

	since.idle_for_ns = since.blocked_for_ns = 0;
	silence(&sooner);
}

/* The next segment is answered with RST; who sends none learns nothing. */
static void forgotten_until_next(const struct question *q)
{
	struct moment at;

	if (q->when == PREDICT_SENDING || q->when == PREDICT_BLOCKED) {
		say_at(q, 0, PREDICT_NOTICED, PREDICT_BY_RST, ECONNRESET);
		return;
	}
	if (!q->s->keepalive) {
		say_never(q, PREDICT_NEVER);
		return;
	}
	at = plan_keepalive(q->s, 0).first;
	say(q->out, PREDICT_NOTICED, PREDICT_BY_PROBE, ECONNRESET, at);
}

/* Counted from the last segment, but for a sender: it writes after it was forgotten. */
static void idle_timeout(const struct question *q)
{
	const int64_t told = q->when == PREDICT_SENDING ? 0 : q->f->forget_after_ns;

	if (nothing_in_flight(q->when) || q->when == PREDICT_BLOCKED)
		q->out->from = PREDICT_FROM_LAST;
	if (q->when == PREDICT_CONNECTING) {
		say_at(q, 0, PREDICT_CONNECTED, PREDICT_BY_SYN, 0);
	} else if (kept_in_mind(q)) {
		say_never(q, PREDICT_ALIVE);
	} else if (q->f->forget == PREDICT_DROP) {
		forgotten_silently(q);
	} else if (q->f->forget == PREDICT_RST_NEXT) {
		forgotten_until_next(q);
	} else {
		const bool fin = q->f->forget == PREDICT_FIN;

		say_at(q, told, PREDICT_NOTICED, fin ? PREDICT_BY_FIN : PREDICT_BY_RST,
		    fin ? 0 : ECONNRESET);
	}
}

static void (*const deaths[PREDICT_DEATHS])(const struct question *) = {
	[PREDICT_POWER_LOSS] = power_loss,
	[PREDICT_REBOOT] = reboot,
	[PREDICT_PROCESS_CRASH] = process_crash,
	[PREDICT_HANG] = hang,
	[PREDICT_PARTITION] = partition,
	[PREDICT_RESET] = reset,
	[PREDICT_IDLE_TIMEOUT] = idle_timeout,
};

/* The application's own clock runs while it waits for an answer, for room to write, or for a
 * connection; not while it is idle. */
static void apply_deadline(const struct question *q)
{
	const int64_t deadline = q->s->deadline_ns;
	struct prediction *out = q->out;
	const bool ends = out->outcome == PREDICT_NOTICED || out->outcome == PREDICT_CARRIES_ON ||
			  out->outcome == PREDICT_CONNECTED;

	if (!deadline || q->when == PREDICT_IDLE)
		return;
	if (ends && out->from != PREDICT_FROM_CLOSED && out->high_ns <= deadline)
		return;
	if (ends && out->from != PREDICT_FROM_CLOSED && out->low_ns < deadline) {
		out->high_ns = deadline;
		out->either = true;
		if (out->model_ns <= deadline)
			return;
		out->model_ns = deadline;
	} else {
		out->model_ns = out->low_ns = out->high_ns = deadline;
		out->either = false;
	}
	out->outcome = PREDICT_NOTICED;
	out->by = PREDICT_BY_DEADLINE;
	out->error = 0;
	if (out->from == PREDICT_FROM_CLOSED)
		out->from = PREDICT_FROM_DEATH;
}

void predict(const struct predict_settings *s, const struct predict_fate *f,
    enum predict_death death, enum predict_when when, struct prediction *out)
{
	const struct question q = { s, f, when, out };

	memset(out, 0, offsetof(struct prediction, rows));
	out->advice[0] = '\0';
	deaths[death](&q);
	apply_deadline(&q);
	out->estimate = !is_linux(s);
	predict_advise(s, f, death, when, out);
}
