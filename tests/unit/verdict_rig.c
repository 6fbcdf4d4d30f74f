#include "verdict_rig.h"
#include "base/mono.h"
#include "faults/catalogue.h"
#include "model/predict.h"
#include "scratch.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scenario *rig_scenario(const char *text)
{
	struct conf_errors e = { 0 };
	struct scenario *s =
	    scenario_load(scratch_write("case.ini", text, strlen(text)), true, catalogue_types, &e);

	ck_assert_msg(s != NULL, "%s", e.count ? e.message[0] : "no scenario and no error");
	return s;
}

static json_t *value_of(const char *text)
{
	char *end;
	const long long n = strtoll(text, &end, 10);

	if (*text && !*end)
		return json_integer(n);
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return json_boolean(*text == 't');
	return json_string(text);
}

static bool is_drivers(const char *event)
{
	static const char *const heads[] = { "run.", "step.", "action.", "command.", "peer.",
		NULL };

	for (size_t i = 0; heads[i]; i++)
		if (!strncmp(event, heads[i], strlen(heads[i])))
			return true;
	return false;
}

static void tell_line(struct journal *j, char *line)
{
	json_t *fields = json_object();
	char *rest, *word = strtok_r(line, " ", &rest), *event = strtok_r(NULL, " ", &rest);
	const double at = strtod(word, NULL);
	unsigned relay = is_drivers(event) ? JOURNAL_DRIVER : 0;

	while ((word = strtok_r(NULL, " ", &rest))) {
		char *is = strchr(word, '=');

		ck_assert_msg(is != NULL, "%s: %s", event, word);
		*is = '\0';
		if (!strcmp(word, "relay") && relay != JOURNAL_DRIVER)
			relay = (unsigned)atoi(is + 1);
		else
			json_object_set_new(fields, word, value_of(is + 1));
	}
	ck_assert(journal_add(j, llround(at * 1e9), relay, event, fields));
}

void rig_tell(struct journal *j, const char *lines)
{
	char *copy = strdup(lines), *rest, *line;

	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		tell_line(j, line);
	free(copy);
}

/* A file for each, for a check against the schema. */
static void show(const json_t *verdict)
{
	const char *dir = getenv("DEADPEER_VERDICTS");
	char path[512];
	static int n;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%d-%d.json", dir, (int)getpid(), n++);
	ck_assert_int_eq(json_dump_file(verdict, path, JSON_INDENT(1)), 0);
}

/* What a reader may rely on in each message: expected, actual, margin and the line. */
static void check_message(const json_t *e)
{
	const char *const keys[] = { "expected", "actual", "margin" };
	const char *message = json_string_value(json_object_get(e, "message"));
	char line[32];

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *part = json_string_value(json_object_get(e, keys[i]));

		ck_assert_msg(i == 2 || part, "%s is missing", keys[i]);
		ck_assert_msg(!part || strstr(message, part), "%s is not in: %s", keys[i], message);
	}
	snprintf(
	    line, sizeof(line), "case.ini:%lld)", json_integer_value(json_object_get(e, "line")));
	ck_assert_msg(strstr(message, line) != NULL, "no %s in: %s", line, message);
}

struct rig rig_judge_as(
    const char *scenario, const char *const *script, const struct run_about *about)
{
	struct rig r = { .scenario = rig_scenario(scenario) };
	const json_t *e;
	size_t i;

	for (; *script; script++)
		rig_tell(&r.journal, *script);
	r.facts = facts_new(r.scenario, &r.journal);
	ck_assert_ptr_nonnull(r.facts);
	r.verdict = verdict_judge(r.scenario, &r.journal, about);
	ck_assert_ptr_nonnull(r.verdict);
	show(r.verdict);
	json_array_foreach(json_object_get(r.verdict, "expectations"), i, e) check_message(e);
	return r;
}

struct rig rig_judge(const char *scenario, const char *const *script)
{
	struct predict_settings system;
	struct run_about about = { .version = "0.1.0",
		.kernel = "Linux",
		.started = "2026-11-22T12:00:00Z",
		.seed = 7,
		.replay = "deadpeer run",
		.config_text = scenario,
		.system = &system };

	predict_preset(&system, PREDICT_LINUX);
	return rig_judge_as(scenario, script, &about);
}

void rig_free(struct rig *r)
{
	json_decref(r->verdict);
	facts_free(r->facts);
	journal_free(&r->journal);
	scenario_free(r->scenario);
}

const char *rig_result(const struct rig *r)
{
	return json_string_value(json_object_get(r->verdict, "result"));
}

const json_t *rig_at(const struct rig *r, const char *list, size_t i, const char *key)
{
	return json_object_get(json_array_get(json_object_get(r->verdict, list), i), key);
}

const char *rig_expect(const struct rig *r, size_t i, const char *key)
{
	return json_string_value(rig_at(r, "expectations", i, key));
}
