/* The value of an action, by its kind. */
#include "base/units.h"
#include "model/scenario_parts.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS   " \t"
#define TEXT_MAX 512

/* What is being read, and where to complain. */
struct reading {
	struct conf_run *run;
	const char *title;
	struct action *action;
};

__attribute__((format(printf, 2, 3))) static void wrong(
    const struct reading *r, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len >= 0)
		conf_error_at(r->run->errors, &r->action->where, r->title,
		    action_names[r->action->kind], "%s", text);
	free(text);
}

/* ---- wait = EVENT [KEY=VALUE] ---- */

static void wait_key(const struct reading *r, char *word)
{
	static const char *const keys[] = { "proxy", "fault", "count", "within", NULL };
	struct wait_spec *wait = &r->action->wait;
	char *equals = strchr(word, '='), buf[TEXT_MAX];
	const char *value = equals ? equals + 1 : "", *want;
	const struct field *f;

	if (equals)
		*equals = '\0';
	f = field_find(wait_fields, word);
	if (!f)
		wrong(r, "expected EVENT and proxy=, fault=, count= or within=, got \"%s\"%s", word,
		    conf_hint(buf, sizeof(buf), word, keys));
	else if ((want = field_parse(f, wait, value, buf, sizeof(buf))))
		wrong(r, "%s: expected %s, got \"%s\"", f->key, want, value);
}

static void read_wait(const struct reading *r, char *text)
{
	char *save = NULL, *word = strtok_r(text, BLANKS, &save);
	const char *name = word ? word : "";

	field_defaults(wait_fields, &r->action->wait);
	r->action->wait.kind = scenario_find_wait(name);
	if (r->action->wait.kind == WAIT_KINDS)
		scenario_wrong_wait(r->run, &r->action->where, r->title, "wait", name);
	while (word && (word = strtok_r(NULL, BLANKS, &save)))
		wait_key(r, word);
}

/* ---- pause = 2s, or 1s..5s ---- */

static void read_pause(const struct reading *r, char *text)
{
	struct action *a = r->action;
	char *dots = strstr(text, "..");
	const char *most = text, *want;

	if (dots) {
		*dots = '\0';
		most = dots + 2;
	}
	want = units_parse_duration(text, &a->least_ns);
	if (!want)
		want = units_parse_duration(most, &a->most_ns);
	if (want)
		wrong(r, "expected %s, or two with .. between them, got \"%s\"", want, a->text);
	else if (a->least_ns > a->most_ns)
		wrong(r, "expected the shorter time first, got \"%s\"", a->text);
}

/* ---- partition = a,b | c ---- */

static bool read_side(const struct reading *r, const char *text, struct names *side)
{
	static const struct field row = { .key = "partition", .kind = FIELD_NAMES };
	char buf[TEXT_MAX];
	const char *want = field_parse(&row, side, text, buf, sizeof(buf));

	if (!want && side->all)
		want = "hosts by their names";
	if (want)
		wrong(r,
		    "expected two groups of hosts, such as a,b | c, and in each %s, got \"%s\"",
		    want, r->action->text);
	return !want;
}

static void read_partition(const struct reading *r, char *text)
{
	struct names *a = &r->action->side_a, *b = &r->action->side_b;
	char *bar = strchr(text, '|');

	if (!bar) {
		wrong(r, "expected two groups of hosts, such as a,b | c, got \"%s\"",
		    r->action->text);
		return;
	}
	*bar = '\0';
	if (!read_side(r, text, a) || !read_side(r, bar + 1, b))
		return;
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (strcmp(a->name[i], b->name[j]) == 0)
				wrong(r, "expected a host on one side, got \"%s\" on both",
				    a->name[i]);
}

static void read_text(const struct reading *r, char *text)
{
	static const char *const want[ACTION_KINDS] = {
		[ACTION_ARM] = "a fault, such as power_loss proxy=redis duration=30s",
		[ACTION_LIFT] = "the name of a fault, or *",
		[ACTION_POWER_OFF] = "the name of a host",
		[ACTION_POWER_ON] = "the name of a host",
		[ACTION_HEAL] = "the name of a proxy, or *",
		[ACTION_RUN] = "a command",
	};

	if (!*text)
		wrong(r, "expected %s", want[r->action->kind]);
}

void scenario_read_action(struct conf_run *run, const char *title, struct action *a)
{
	static void (*const read[ACTION_KINDS])(const struct reading *r, char *text) = {
		[ACTION_ARM] = read_text,
		[ACTION_LIFT] = read_text,
		[ACTION_POWER_OFF] = read_text,
		[ACTION_POWER_ON] = read_text,
		[ACTION_PARTITION] = read_partition,
		[ACTION_HEAL] = read_text,
		[ACTION_WAIT] = read_wait,
		[ACTION_RUN] = read_text,
		[ACTION_PAUSE] = read_pause,
	};
	char *text = strdup(a->text);

	if (text)
		read[a->kind](&(struct reading){ run, title, a }, text);
	free(text);
}
