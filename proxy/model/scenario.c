/* The tables of a scenario's keys, and its life. */
#include "model/scenario.h"
#include "base/mono.h"
#include "model/scenario_parts.h"
#include <stdlib.h>
#include <string.h>

#define DAY (86400 * NS_PER_S)

const char *const action_names[] = { "arm", "lift", "power_off", "power_on", "partition", "heal",
	"wait", "run", "pause", NULL };

#define ACTION(name) .key = name, .kind = FIELD_TEXT
const struct field action_fields[] = {
	[ACTION_ARM] = { ACTION("arm"), .help = "a fault: its type and keys" },
	[ACTION_LIFT] = { ACTION("lift"), .help = "ends a fault, or * all that were armed" },
	[ACTION_POWER_OFF] = { ACTION("power_off"), .help = "a host's power fails" },
	[ACTION_POWER_ON] = { ACTION("power_on"), .help = "a host's power is back" },
	[ACTION_PARTITION] = { ACTION("partition"), .help = "cuts two groups of hosts off" },
	[ACTION_HEAL] = { ACTION("heal"), .help = "ends every fault of a proxy, or * of all" },
	[ACTION_WAIT] = { ACTION("wait"), .help = "until something has happened" },
	[ACTION_RUN] = { ACTION("run"), .help = "a command for /bin/sh, which must exit with 0" },
	[ACTION_PAUSE] = { ACTION("pause"), .help = "a time, or one between two, by the seed" },
	[ACTION_KINDS] = { .key = NULL },
};

const struct wait_row wait_rows[] = {
	[WAIT_OPENED] = { "opened", "a session was accepted", true, false },
	[WAIT_CONNECTED] = { "connected", "the upstream of a session has answered", true, false },
	[WAIT_TRAFFIC] = { "traffic", "a session has carried bytes both ways", true, false },
	[WAIT_FIRED] = { "fired", "a fault has struck a session", true, true },
	[WAIT_LIFTED] = { "lifted", "a fault has ended", true, true },
	[WAIT_CLOSED] = { "closed", "a session has ended", true, true },
	[WAIT_DETECTED] = { "detected", "a client gave up a session that a fault had struck", true,
	    true },
	[WAIT_RECONNECTED] = { "reconnected", "a client that had a session opened another one",
	    true, false },
	[WAIT_RECOVERED] = { "recovered",
	    "a session that was opened after a fault had ended has carried bytes both ways", true,
	    true },
	[WAIT_EXITED] = { "exited", "the command has ended", false, false },
	[WAIT_KINDS] = { NULL, NULL },
};

/* The keys of a wait, in a struct that has one at base. */
#define WAIT_ROWS(base)                                                                            \
	{ .key = "proxy",                                                                          \
		.kind = FIELD_TEXT,                                                                \
		.offset = (base) + offsetof(struct wait_spec, proxy),                              \
		.help = "of this proxy alone" },                                                   \
	    { .key = "fault",                                                                      \
		    .kind = FIELD_TEXT,                                                            \
		    .offset = (base) + offsetof(struct wait_spec, fault),                          \
		    .help = "by this fault alone" },                                               \
	    { .key = "count",                                                                      \
		    .kind = FIELD_COUNT,                                                           \
		    .offset = (base) + offsetof(struct wait_spec, count),                          \
		    .initial = "1",                                                                \
		    .min = 1,                                                                      \
		    .max = 1000000,                                                                \
		    .help = "how often it must happen" },                                          \
	{                                                                                          \
		.key = "within", .kind = FIELD_DURATION,                                           \
		.offset = (base) + offsetof(struct wait_spec, within_ns), .initial = "30s",        \
		.min = 1, .max = DAY, .help = "how long is waited; the step fails then"            \
	}

const struct field wait_fields[] = { WAIT_ROWS(0), { .key = NULL } };

#define STEP(member, name, kind_)                                                                  \
	.key = name, .kind = kind_, .offset = offsetof(struct step, member)
const struct field step_fields[] = {
	{ STEP(name, "name", FIELD_TEXT), .help = "name of the step, and of its faults" },
	{ STEP(delay_ns, "delay", FIELD_DURATION), .initial = "0", .max = DAY,
	    .help = "so much later than the heading says" },
	{ STEP(repeat, "repeat", FIELD_COUNT), .initial = "1", .min = 1, .max = 10000,
	    .help = "how often its actions are done" },
	{ STEP(every_ns, "every", FIELD_DURATION), .initial = "0", .max = DAY,
	    .help = "from one beginning to the next; 0: one after the other" },
	WAIT_ROWS(offsetof(struct step, when)),
	{ .key = NULL },
};

static const char *const start_names[] = { "ready", "traffic", NULL };

#define ABOUT(member, name, kind_)                                                                 \
	.key = name, .kind = kind_, .offset = offsetof(struct scenario, member)
const struct field scenario_fields[] = {
	{ ABOUT(title, "title", FIELD_TEXT), .help = "free text for people" },
	{ ABOUT(command_text, "command", FIELD_TEXT),
	    .help = "the application, for /bin/sh; what stands behind -- replaces it" },
	{ ABOUT(start, "start", FIELD_CHOICE), .initial = "ready", .choices = start_names,
	    .help = "when time begins: when all listens, or with the first bytes both ways" },
	{ ABOUT(start_within_ns, "start_within", FIELD_DURATION), .initial = "30s",
	    .min = NS_PER_MS, .max = DAY, .help = "how long that may take" },
	{ ABOUT(settle_ns, "settle", FIELD_DURATION), .max = DAY,
	    .help = "how long is watched on after the last step; 0: as long as any expectation "
		    "wants, and 10s at least" },
	{ ABOUT(limit_ns, "limit", FIELD_DURATION), .initial = "1h", .min = NS_PER_MS,
	    .max = 30 * DAY, .help = "how long the whole run may take" },
	{ ABOUT(run_limit_ns, "run_limit", FIELD_DURATION), .initial = "30s", .min = NS_PER_MS,
	    .max = DAY, .help = "how long a command of run= may take" },
	{ .key = NULL },
};

static const char *const keepalive_names[] = { "unknown", "no", "yes", NULL };

#define CLIENT(member, name, kind_)                                                                \
	.key = name, .kind = kind_, .offset = offsetof(struct client_spec, member)
const struct field client_fields[] = {
	{ CLIENT(keepalive, "keepalive", FIELD_CHOICE), .initial = "unknown",
	    .choices = keepalive_names, .help = "SO_KEEPALIVE" },
	{ CLIENT(keep_idle_ns, "keep_idle", FIELD_DURATION), .max = 32767 * NS_PER_S,
	    .help = "TCP_KEEPIDLE" },
	{ CLIENT(keep_interval_ns, "keep_interval", FIELD_DURATION), .max = 32767 * NS_PER_S,
	    .help = "TCP_KEEPINTVL" },
	{ CLIENT(keep_count, "keep_count", FIELD_COUNT), .max = 127, .help = "TCP_KEEPCNT" },
	{ CLIENT(user_timeout_ns, "user_timeout", FIELD_DURATION), .max = INT32_MAX * NS_PER_MS,
	    .help = "TCP_USER_TIMEOUT" },
	{ CLIENT(retries2, "retries2", FIELD_COUNT), .max = 255, .help = "tcp_retries2" },
	{ CLIENT(deadline_ns, "deadline", FIELD_DURATION), .max = 365 * DAY,
	    .help = "the application's own limit for an answer or a connection" },
	{ CLIENT(os, "os", FIELD_CHOICE), .initial = "linux", .choices = predict_os_names,
	    .help = "its system" },
	{ .key = NULL },
};

static void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
}

static void action_free(struct action *a)
{
	free(a->text);
	fault_spec_free(a->fault);
	field_release(wait_fields, &a->wait);
	names_free(&a->side_a);
	names_free(&a->side_b);
}

static void step_free(struct step *step)
{
	for (size_t i = 0; i < step->n_actions; i++)
		action_free(&step->actions[i]);
	free(step->actions);
	free(step->title);
	field_release(step_fields, step);
}

static void expectation_free(struct expectation *e)
{
	field_release(expect_scope_fields, e);
	free(e->name);
	free(e->text);
}

static void free_parts(struct scenario *s)
{
	for (size_t i = 0; i < s->n_steps; i++)
		step_free(&s->steps[i]);
	for (size_t i = 0; i < s->n_expectations; i++)
		expectation_free(&s->expectations[i]);
	free(s->steps);
	free(s->expectations);
	names_free(&s->command);
	field_release(client_fields, &s->client);
	field_release(scenario_fields, s);
	free(s->name);
	free(s->file);
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	free_parts(s);
	config_free(s->config);
	free(s);
}

/* "redis-idle" of "config/scenarios/redis-idle.ini". */
static char *name_of_file(const char *path)
{
	const char *base = strrchr(path, '/');
	const char *from = base ? base + 1 : path;
	const char *dot = strrchr(from, '.');

	if (strcmp(path, "-") == 0)
		return strdup("stdin");
	return dot && dot > from ? strndup(from, (size_t)(dot - from)) : strdup(from);
}

/* {"/bin/sh", "-c", text} */
static bool command_fill(struct scenario *s)
{
	struct names *n = &s->command;

	if (!s->command_text)
		return true;
	n->name = calloc(4, sizeof(*n->name));
	if (!n->name)
		return false;
	n->name[0] = strdup("/bin/sh");
	n->name[1] = strdup("-c");
	n->name[2] = strdup(s->command_text);
	n->count = 3;
	return n->name[0] && n->name[1] && n->name[2];
}

static struct scenario *load(struct conf_run *run, const char *path, bool must_be)
{
	struct scenario *s = calloc(1, sizeof(*s));

	if (!s || !(s->config = config_new())) {
		conf_errors_add(run->errors, "%s: out of memory", path);
		free(s);
		return NULL;
	}
	run->scenario = s;
	run->c = s->config;
	field_defaults(scenario_fields, s);
	field_defaults(client_fields, &s->client);
	conf_read(run, path);
	s->file = strdup(path);
	if (!s->name)
		s->name = name_of_file(path);
	if (run->was_read && (must_be || run->saw_scenario))
		scenario_finish(run);
	if (run->errors->count == 0 && (!s->file || !s->name || !command_fill(s)))
		conf_errors_add(run->errors, "%s: out of memory", path);
	return s;
}

/* run has what differs. */
static struct scenario *load_with(
    struct conf_run *run, const char *path, bool must_be, struct conf_errors *errors)
{
	struct conf_errors found = { 0 };
	run->errors = &found;
	struct scenario *s = load(run, path, must_be);

	free(run->places.at);
	if (found.count > 0) {
		scenario_free(s);
		s = NULL;
	}
	for (size_t i = 0; i < found.count; i++)
		conf_errors_add(errors, "%s", found.message[i]);
	conf_errors_free(&found);
	return s;
}

struct scenario *scenario_load(
    const char *path, bool local, const struct fault_type *const *types, struct conf_errors *errors)
{
	struct conf_run run = { .types = types, .places.elsewhere = !local };

	return load_with(&run, path, true, errors);
}

struct scenario *scenario_load_either(
    const char *path, const struct fault_type *const *types, struct conf_errors *errors)
{
	struct conf_run run = { .types = types, .bare_elsewhere = true };

	return load_with(&run, path, false, errors);
}
