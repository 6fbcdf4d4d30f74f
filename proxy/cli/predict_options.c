/* Flags of deadpeer predict: a row each for what changes a number, and its help. */
#include "base/mono.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/predict.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S(member) offsetof(struct predict_asked, s.member)
#define F(member) offsetof(struct predict_asked, f.member)

/* Ranges are the kernel's own (tcp(7), ip-sysctl). */
static const struct field rows[] = {
	{ "keepalive", FIELD_BOOL, S(keepalive), .help = "SO_KEEPALIVE; on or off" },
	{ "keep-idle", FIELD_DURATION, S(keep_idle_ns), .min = NS_PER_S, .max = 32767 * NS_PER_S,
	    .help = "TCP_KEEPIDLE; turns keepalive on, as the next two do" },
	{ "keep-interval", FIELD_DURATION, S(keep_interval_ns), .min = NS_PER_S,
	    .max = 32767 * NS_PER_S, .help = "TCP_KEEPINTVL" },
	{ "keep-count", FIELD_COUNT, S(keep_count), .min = 1, .max = 127, .help = "TCP_KEEPCNT" },
	{ "user-timeout", FIELD_DURATION, S(user_timeout_ns), .min = 0,
	    .max = INT32_MAX * NS_PER_MS, .help = "TCP_USER_TIMEOUT; 0 for none" },
	{ "retries2", FIELD_COUNT, S(retries2), .min = 0, .max = 255, .help = "tcp_retries2" },
	{ "syn-retries", FIELD_COUNT, S(syn_retries), .min = 1, .max = 127,
	    .help = "tcp_syn_retries, or TCP_SYNCNT" },
	{ "syn-linear", FIELD_COUNT, S(syn_linear), .min = 0, .max = 127,
	    .help = "tcp_syn_linear_timeouts; 0 before Linux 6.5" },
	{ "rtt", FIELD_DURATION, S(rtt_ns), .min = 0, .max = 60 * NS_PER_S,
	    .help = "the round trip, smoothed" },
	{ "rto", FIELD_DURATION, S(rto_ns), .min = NS_PER_MS, .max = 120 * NS_PER_S,
	    .help = "the connection's own RTO, instead of rtt + rto-min" },
	{ "rto-min", FIELD_DURATION, S(rto_min_ns), .min = NS_PER_MS, .max = 120 * NS_PER_S,
	    .help = "least variance term of the RTO (tcp_rto_min_us)" },
	{ "rto-max", FIELD_DURATION, S(rto_max_ns), .min = NS_PER_S, .max = 120 * NS_PER_S,
	    .help = "tcp_rto_max_ms, or TCP_RTO_MAX_MS" },
	{ "deadline", FIELD_DURATION, S(deadline_ns), .min = 0, .max = 86400 * 365 * NS_PER_S,
	    .help = "the application's own, for an answer or a connection" },
	{ "back-after", FIELD_DURATION, F(back_after_ns), "30s", .min = 0,
	    .max = 86400 * 365 * NS_PER_S, .help = "reboot: the kernel is back" },
	{ "service-delay", FIELD_DURATION, F(service_delay_ns), "5s", .min = 0,
	    .max = 86400 * 365 * NS_PER_S, .help = "reboot: and the service so much later" },
	{ "heal-after", FIELD_DURATION, F(heal_after_ns), .min = 0, .max = 86400 * 365 * NS_PER_S,
	    .help = "partition: it heals; 0 for never" },
	{ "idle-timeout", FIELD_DURATION, F(forget_after_ns), "350s", .min = NS_PER_MS,
	    .max = 86400 * 365 * NS_PER_S, .help = "idle_timeout: the middlebox forgets" },
	{ "idle-mode", FIELD_CHOICE, F(forget), "drop", .choices = predict_forget_names,
	    .help = "idle_timeout: drop, rst_next, rst_both or fin" },
	{ "idle-for", FIELD_DURATION, F(idle_for_ns), .min = 0, .max = 86400 * 365 * NS_PER_S,
	    .help = "how long nothing had come from the peer when it died" },
	{ "blocked-for", FIELD_DURATION, F(blocked_for_ns), .min = 0, .max = 86400 * 365 * NS_PER_S,
	    .help = "how long the peer had not been reading when it died" },
	{ 0 },
};

#define N_ROWS (sizeof(rows) / sizeof(*rows) - 1)

enum {
	FLAG_OS = 1,
	FLAG_PID,
	FLAG_CONNECT,
	FLAG_DEATH,
	FLAG_WHEN,
	FLAG_SCHEDULE,
	FLAG_JSON,
	FLAG_HELP,
	FLAG_ROW
};

static const struct option own[] = {
	{ "os", required_argument, NULL, FLAG_OS },
	{ "pid", required_argument, NULL, FLAG_PID },
	{ "connect", required_argument, NULL, FLAG_CONNECT },
	{ "death", required_argument, NULL, FLAG_DEATH },
	{ "when", required_argument, NULL, FLAG_WHEN },
	{ "schedule", no_argument, NULL, FLAG_SCHEDULE },
	{ "json", no_argument, NULL, FLAG_JSON },
	{ "help", no_argument, NULL, FLAG_HELP },
};

#define N_OWN (sizeof(own) / sizeof(*own))

static void print_help(void)
{
	fputs("usage: deadpeer predict [SETTINGS] [--death LIST] [--when LIST] [--schedule] "
	      "[--json]\n"
	      "       deadpeer predict --pid PID... | --connect ADDR [SETTINGS]\n"
	      "\n"
	      "When an application learns that its peer has died, by the rules of its kernel: the "
	      "range of\n"
	      "time, what decides it, the errno, and what to change. The low end is what the rules "
	      "ask for,\n"
	      "the high end what the kernel's timers may add.\n"
	      "\n"
	      "Settings are those of the running kernel unless told otherwise; later wins:\n"
	      "  --os NAME            defaults of linux, macos, windows or freebsd; all but linux "
	      "are estimates\n"
	      "  --pid PID...         what a running process has set on each of its connections\n"
	      "  --connect ADDR       the same for the connections from here to ADDR, whoever's "
	      "they are\n",
	    stdout);
	for (size_t i = 0; i < N_ROWS; i++) {
		printf("  --%-18s %s", rows[i].key, rows[i].help);
		if (rows[i].initial)
			printf(" (%s)", rows[i].initial);
		putchar('\n');
	}
	fputs("\nWhat is asked:\n"
	      "  --death LIST         all, or of: power_loss, reboot, process_crash, hang, "
	      "partition, reset,\n"
	      "                       idle_timeout (all; for connections: power_loss)\n"
	      "  --when LIST          all, or of: idle, waiting, sending, connecting, blocked "
	      "(all)\n"
	      "  --schedule           every retransmission, probe and SYN with its time\n"
	      "  --json               the same as a JSON object\n"
	      "  -h, --help           this\n"
	      "\n"
	      "Examples:  deadpeer predict\n"
	      "           deadpeer predict --death power_loss --when sending --schedule\n"
	      "           deadpeer predict --keep-idle 15s --keep-interval 15s --user-timeout 20s\n"
	      "           deadpeer predict --pid $(pidof my-app)\n"
	      "           deadpeer predict --connect db1:5432 --json\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, or there is no such process or "
	      "connection.\n",
	    stdout);
}

static bool parse_os(struct predict_query *q, const char *text)
{
	for (int i = 0; predict_os_names[i]; i++)
		if (!strcmp(predict_os_names[i], text))
			q->os = i;
	if (q->os < 0)
		cli_usage_error(
		    "predict", "--os: expected linux, macos, windows or freebsd, got \"%s\"", text);
	return q->os >= 0;
}

static bool parse_pid(struct predict_query *q, const char *text)
{
	char *end;
	const long pid = strtol(text, &end, 10);

	if (end == text || *end || pid <= 0 || pid > INT32_MAX) {
		cli_usage_error("predict",
		    "--pid: expected the number of a process, got \"%s\"; try $(pidof NAME)", text);
		return false;
	}
	if (q->n_pids == PREDICT_PIDS_MAX) {
		cli_usage_error("predict", "--pid: at most %d processes", PREDICT_PIDS_MAX);
		return false;
	}
	q->pids[q->n_pids++] = (pid_t)pid;
	return true;
}

static bool parse_connect(struct predict_query *q, const char *text)
{
	const char *expected = addr_parse(text, &q->connect);

	if (!expected && (q->connect.any || !q->connect.port ||
			     (q->connect.kind != ADDR_IP && q->connect.kind != ADDR_NAME)))
		expected = "the other end's address and port, such as 192.0.2.7:5432 or db1:5432";
	if (expected)
		cli_usage_error("predict", "--connect: expected %s, got \"%s\"", expected, text);
	return !expected;
}

/* "a,b" or "all", as bits. */
static bool parse_list(const char *flag, const char *const *names, const char *text, unsigned *bits)
{
	char word[32];

	for (const char *at = text; *at || at == text; at += *at == ',') {
		const size_t n = strcspn(at, ",");
		const char *near;
		int i;

		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		at += n;
		if (!strcmp(word, "all")) {
			*bits = ~0u;
			continue;
		}
		for (i = 0; names[i] && strcmp(names[i], word) != 0; i++)
			;
		if (names[i]) {
			*bits |= 1u << i;
			continue;
		}
		near = nearest_find(word, names);
		cli_usage_error("predict", "%s: there is no \"%s\"%s%s%s", flag, word,
		    near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
		return false;
	}
	return true;
}

static bool parse_row(struct predict_query *q, const struct field *row, const char *text)
{
	struct predict_asked scratch = { 0 };
	char buf[256];
	const char *expected = field_parse(row, &scratch, text, buf, sizeof(buf));

	if (expected) {
		cli_usage_error(
		    "predict", "--%s: expected %s, got \"%s\"", row->key, expected, text);
		return false;
	}
	if (q->n_flags == PREDICT_FLAGS_MAX) {
		cli_usage_error("predict", "more than %d settings", PREDICT_FLAGS_MAX);
		return false;
	}
	q->flags[q->n_flags++] = (struct predict_flag){ row, text };
	return true;
}

static bool parse_flag(struct predict_query *q, int c, const char *text)
{
	switch (c) {
	case FLAG_OS:
		return parse_os(q, text);
	case FLAG_PID:
		return parse_pid(q, text);
	case FLAG_CONNECT:
		return parse_connect(q, text);
	case FLAG_DEATH:
		return parse_list("--death", predict_death_names, text, &q->deaths);
	case FLAG_WHEN:
		return parse_list("--when", predict_when_names, text, &q->whens);
	case FLAG_SCHEDULE:
		return q->schedule = true;
	case FLAG_JSON:
		return q->json = true;
	default:
		return parse_row(q, &rows[c - FLAG_ROW], text);
	}
}

static bool has_flag(const struct predict_query *q, const char *key)
{
	for (int i = 0; i < q->n_flags; i++)
		if (!strcmp(q->flags[i].field->key, key))
			return true;
	return false;
}

static bool check(const struct predict_query *q)
{
	const bool live = q->n_pids || q->connect.kind != ADDR_NONE;

	if (q->os > PREDICT_LINUX && live)
		cli_usage_error("predict",
		    "--os %s: connections that can be read are this "
		    "machine's, which runs Linux",
		    predict_os_names[q->os]);
	else if (q->os > PREDICT_LINUX && has_flag(q, "user-timeout"))
		cli_usage_error("predict",
		    "--user-timeout is TCP_USER_TIMEOUT, which %s does not have",
		    predict_os_names[q->os]);
	else
		return true;
	return false;
}

static void make_options(struct option *all)
{
	memcpy(all, own, sizeof(own));
	for (size_t i = 0; i < N_ROWS; i++)
		all[N_OWN + i] =
		    (struct option){ rows[i].key, required_argument, NULL, FLAG_ROW + (int)i };
}

enum predict_parsed predict_parse(int argc, char **argv, struct predict_query *q)
{
	struct option all[N_OWN + N_ROWS + 1] = { 0 };
	int c;

	make_options(all);
	*q = (struct predict_query){ .os = -1 };
	optind = 1;
	argv[0] = (char *)(uintptr_t) "deadpeer predict"; /* what getopt complains as */
	while ((c = getopt_long(argc, argv, "h", all, NULL)) != -1) {
		if (c == '?') {
			fputs("Try 'deadpeer predict --help'.\n", stderr);
			return PREDICT_WRONG;
		}
		if (c == 'h' || c == FLAG_HELP) {
			print_help();
			return PREDICT_HELP;
		}
		if (!parse_flag(q, c, optarg))
			return PREDICT_WRONG;
	}
	for (; optind < argc; optind++) { /* pidof prints several */
		if (!q->n_pids) {
			cli_usage_error("predict", "unexpected '%s'", argv[optind]);
			return PREDICT_WRONG;
		}
		if (!parse_pid(q, argv[optind]))
			return PREDICT_WRONG;
	}
	return check(q) ? PREDICT_RUN : PREDICT_WRONG;
}

void predict_apply(const struct predict_query *q, struct predict_asked *asked)
{
	char buf[256];

	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].initial)
			(void)field_parse(&rows[i], asked, rows[i].initial, buf, sizeof(buf));
	if (has_flag(q, "keep-idle") || has_flag(q, "keep-interval") || has_flag(q, "keep-count"))
		asked->s.keepalive = true;
	for (int i = 0; i < q->n_flags; i++)
		(void)field_parse(q->flags[i].field, asked, q->flags[i].text, buf, sizeof(buf));
}
