/* The answer for people: the settings, a line for each death and situation, schedules, advice. */
#include "base/mono.h"
#include "base/units.h"
#include "cli/demo_show.h"
#include "cli/predict.h"
#include "kernel/socket.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIME_MAX   48
#define ADVICE_MAX 24

struct page {
	const struct predict_query *query;
	bool color;
	char advice[ADVICE_MAX][sizeof(((struct prediction *)0)->advice)];
	size_t n_advice;
};

/* ---- words ---- */

/* "340 ms", "12.6 s", "15 min 25 s" */
static char *time_text(char *buf, int64_t ns)
{
	if (ns < NS_PER_S)
		snprintf(buf, TIME_MAX, "%.0f ms", (double)ns / NS_PER_MS);
	else if (ns < 100 * NS_PER_S)
		snprintf(buf, TIME_MAX, "%.1f s", (double)ns / NS_PER_S);
	else
		words_time(buf, (double)ns / NS_PER_S);
	return buf;
}

static char *range_text(char *buf, size_t size, const struct prediction *p)
{
	char low[WORDS_MAX], high[WORDS_MAX];
	const bool is_brief = p->high_ns < 10 * NS_PER_MS;

	time_text(low, p->low_ns);
	time_text(high, p->high_ns);
	if (is_brief)
		snprintf(buf, size, "at once");
	else if (!strcmp(low, high))
		snprintf(buf, size, "%s", low);
	else
		snprintf(buf, size, "%s to %s", low, high);
	return buf;
}

static char *when_text(char *buf, size_t size, const struct prediction *p)
{
	static const char *const never[] = {
		[PREDICT_NEVER] = "never",
		[PREDICT_ALIVE] = "never: it is answered",
		[PREDICT_UNKNOWN] = "not modelled",
	};
	char range[2 * WORDS_MAX];

	switch (p->outcome) {
	case PREDICT_CARRIES_ON:
		snprintf(buf, size, "never: goes on, %s", range_text(range, sizeof(range), p));
		break;
	case PREDICT_NOTICED:
	case PREDICT_CONNECTED:
		range_text(buf, size, p);
		break;
	default:
		snprintf(buf, size, "%s", never[p->outcome]);
	}
	return buf;
}

static const char *sees_text(const struct prediction *p)
{
	if (p->outcome == PREDICT_CONNECTED)
		return "connected";
	if (p->outcome != PREDICT_NOTICED)
		return "";
	if (p->by == PREDICT_BY_DEADLINE)
		return "its own timeout";
	return p->error ? strerrorname_np(p->error) : "EOF";
}

static const char *by_text(const struct prediction *p)
{
	static const char *const words[] = {
		[PREDICT_BY_NOTHING] = "",
		[PREDICT_BY_FIN] = "FIN",
		[PREDICT_BY_RST] = "RST",
		[PREDICT_BY_KEEPALIVE] = "keepalive",
		[PREDICT_BY_KEEPALIVE_LIMIT] = "user timeout, at a probe",
		[PREDICT_BY_USER_TIMEOUT] = "user timeout",
		[PREDICT_BY_RETRIES] = "retransmissions",
		[PREDICT_BY_SYN_RETRIES] = "SYN retries",
		[PREDICT_BY_WINDOW_PROBES] = "window probes",
		[PREDICT_BY_DEADLINE] = "deadline",
		[PREDICT_BY_RETRANSMISSION] = "a retransmission",
		[PREDICT_BY_PROBE] = "a probe",
		[PREDICT_BY_SYN] = "the handshake",
	};

	return words[p->by];
}

static const char *color_of(const struct page *page, const struct prediction *p)
{
	if (!page->color)
		return "";
	if (p->outcome == PREDICT_NEVER || p->outcome == PREDICT_UNKNOWN)
		return "\033[1;31m";
	return p->outcome == PREDICT_NOTICED && p->model_ns > 60 * NS_PER_S ? "\033[33m" : "";
}

/* ---- settings ---- */

static const char *duration(char *buf, int64_t ns)
{
	return units_format_duration(buf, TIME_MAX, ns);
}

static void print_keepalive(const struct predict_subject *x)
{
	const struct predict_settings *s = &x->asked.s;
	char idle[TIME_MAX], interval[TIME_MAX];

	if (x->socket && !x->keepalive_told)
		puts("  keepalive     not told by the kernel; off is assumed");
	else if (!s->keepalive)
		puts("  keepalive     off");
	else
		printf("  keepalive     on: after %s, %llu probes %s apart%s\n",
		    duration(idle, s->keep_idle_ns), (unsigned long long)s->keep_count,
		    duration(interval, s->keep_interval_ns),
		    x->socket && !x->options_told
			? " (the machine's; its own are not told by the kernel)"
			: "");
}

static void print_timeouts(const struct predict_subject *x)
{
	const struct predict_settings *s = &x->asked.s;
	char text[TIME_MAX];

	printf("  user timeout  %s%s\n",
	    s->user_timeout_ns ? duration(text, s->user_timeout_ns) : "none",
	    x->socket && !x->options_told && !s->user_timeout_ns
		? " is assumed: not told by the kernel"
		: "");
	if (s->deadline_ns)
		printf(
		    "  deadline      %s, the application's own\n", duration(text, s->deadline_ns));
}

static void print_retries(const struct predict_settings *s)
{
	const bool is_linux = s->os == PREDICT_LINUX;
	char limit[WORDS_MAX], rto[TIME_MAX], rtt[TIME_MAX], most[TIME_MAX];

	printf("  sending       %s %llu", is_linux ? "tcp_retries2" : "retransmissions",
	    (unsigned long long)s->retries2);
	if (is_linux)
		printf(" (%s)", time_text(limit, predict_model_timeout(
						     s->retries2, 200 * NS_PER_MS, s->rto_max_ns)));
	printf(", RTO %s (RTT %s) to %s\n",
	    duration(rto, s->rto_ns ? s->rto_ns : s->rto_min_ns + s->rtt_ns),
	    duration(rtt, s->rtt_ns), duration(most, s->rto_max_ns));
	if (s->connect_limit_ns)
		printf("  connecting    %s\n", duration(limit, s->connect_limit_ns));
	else
		printf("  connecting    %llu retries, the first %llu not doubled\n",
		    (unsigned long long)s->syn_retries, (unsigned long long)s->syn_linear);
}

static void print_socket(const struct predict_subject *x)
{
	const struct sockdiag_socket *s = x->socket;
	char local[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX], timer[TIME_MAX];

	printf("%s -> %s  %s", addr_format_sa(local, sizeof(local), &s->local.sa),
	    addr_format_sa(peer, sizeof(peer), &s->peer.sa), socket_state_name(s->state));
	if (s->pid)
		printf("  %s, pid %d, fd %d\n", s->process, (int)s->pid, s->fd);
	else
		puts("  its process is not to be seen by this user");
	if (s->pid && s->error)
		printf("  (its options cannot be read: %s; CAP_SYS_PTRACE, or sudo, lets them)\n",
		    strerror(s->error));
	printf("  now           %s; timer: %s", predict_when_names[predict_now(s)],
	    sockdiag_timer_names[s->timer]);
	if (s->timer != SOCKDIAG_NONE)
		printf(" in %s", time_text(timer, s->timer_ns));
	printf("; %u bytes queued, %u segments in flight, cwnd %u\n", s->unsent,
	    s->info.tcpi_unacked, s->info.tcpi_snd_cwnd);
}

static void print_settings(const struct page *page, const struct predict_subject *x)
{
	char source[160];

	if (x->socket)
		print_socket(x);
	else
		printf("Settings: %s\n", predict_source(page->query, source, sizeof(source)));
	print_keepalive(x);
	print_timeouts(x);
	print_retries(&x->asked.s);
}

/* ---- predictions ---- */

static void remember(struct page *page, const struct prediction *p)
{
	if (!*p->advice)
		return;
	for (size_t i = 0; i < page->n_advice; i++)
		if (!strcmp(page->advice[i], p->advice))
			return;
	if (page->n_advice < ADVICE_MAX)
		memcpy(page->advice[page->n_advice++], p->advice, sizeof(p->advice));
}

static void print_line(struct page *page, const char *death, int when, const struct prediction *p)
{
	static const char *const since[] = {
		[PREDICT_FROM_DEATH] = "",
		[PREDICT_FROM_CLOSED] = " (after its window closed)",
		[PREDICT_FROM_LAST] = " (after the last segment)",
	};
	const char *color = color_of(page, p);
	char text[3 * WORDS_MAX];
	const bool timed = p->outcome == PREDICT_NOTICED;

	printf("  %-14s %-11s %s%-*s%s", death, predict_when_names[when], color,
	    *by_text(p) ? 34 : 0, when_text(text, sizeof(text), p), *color ? "\033[0m" : "");
	if (*by_text(p))
		printf(" %-25s %s%s%s", by_text(p), sees_text(p),
		    p->either ? " (a close race)" : "", timed ? since[p->from] : "");
	putchar('\n');
	remember(page, p);
}

static void print_rows(const char *death, const char *when, const struct prediction *p)
{
	char wait[TIME_MAX];

	if (!p->n_rows)
		return;
	printf("\n  %s, %s: each %s\n  %5s %12s %12s %12s\n", death, when,
	    predict_sent_names[p->sent], "", "wait", "at", "at the latest");
	for (size_t i = 0; i < p->n_rows; i++)
		printf("  %5zu %12s %10.1f s %10.1f s\n", i + 1, duration(wait, p->rows[i].wait_ns),
		    (double)p->rows[i].model_ns / NS_PER_S, (double)p->rows[i].high_ns / NS_PER_S);
	if (p->more_rows)
		printf("  ... and %zu more\n", p->more_rows);
	if (p->outcome == PREDICT_NOTICED)
		printf("  %5s %12s %10.1f s %10.1f s  %s\n", "", "", (double)p->model_ns / NS_PER_S,
		    (double)p->high_ns / NS_PER_S, sees_text(p));
}

static void for_each(struct page *page, const struct predict_subject *x, bool rows)
{
	const unsigned deaths = predict_deaths(page->query), whens = predict_whens(page->query);
	struct prediction p;

	for (int death = 0; death < PREDICT_DEATHS; death++) {
		const char *name = predict_death_names[death];

		for (int when = 0; when < PREDICT_WHENS; when++) {
			if (!(deaths >> death & 1) || !(whens >> when & 1))
				continue;
			predict(&x->asked.s, &x->asked.f, death, when, &p);
			if (rows)
				print_rows(name, predict_when_names[when], &p);
			else
				print_line(page, name, when, &p);
			name = rows ? name : "";
		}
	}
}

static void print_subject(struct page *page, const struct predict_subject *x)
{
	page->n_advice = 0;
	print_settings(page, x);
	printf("\n  %-14s %-11s %-34s %-25s %s\n", "death", "while", "noticed after", "by", "sees");
	for_each(page, x, false);
	if (page->query->schedule)
		for_each(page, x, true);
	if (page->n_advice)
		puts("\nAdvice:");
	for (size_t i = 0; i < page->n_advice; i++)
		printf("  - %s.\n", page->advice[i]);
}

void predict_show(const struct predict_query *q, const struct predict_subjects *all)
{
	struct page page = { .query = q, .color = look_of(STDOUT_FILENO).color };

	for (size_t i = 0; i < all->count; i++) {
		if (i)
			putchar('\n');
		print_subject(&page, &all->list[i]);
	}
}
