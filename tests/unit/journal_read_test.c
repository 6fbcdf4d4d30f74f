/* A run that was written is read back and judged as it was. */
#include "control/journal_read.h"
#include "scratch.h"
#include "verdict_rig.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *journal_read_suite(void);

#define A "10.0.0.1:1000"

START_TEST(what_was_written_is_judged_the_same)
{
	const char *const script[] = { RIG_RELAY RIG_SESSION("0.5", "db", "1", A)
					   RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle")
					       RIG_PEER("5", "1", "fin") RIG_LIFTED RIG_SESSION(
						   "14", "db", "2", "10.0.0.1:2000") RIG_END("20"),
		NULL };
	struct rig r = rig_judge(RIG_PROXIES RIG_STEP "[expect]\nrecover_within = 3s\n", script);
	const struct run_about about = { .config_text = "" };
	const char *path = scratch_path("events.ndjson");
	struct journal again = { 0 };
	json_t *was = verdict_judge(r.scenario, &r.journal, &about), *is;
	char *why;

	ck_assert(journal_write(&r.journal, path));
	ck_assert_msg(journal_read(&again, path, &why), "%s", why);
	ck_assert_uint_eq(again.count, r.journal.count);
	for (size_t i = 0; i < again.count; i++) {
		ck_assert_int_eq(again.records[i].at_ns, r.journal.records[i].at_ns);
		ck_assert_uint_eq(again.records[i].relay, r.journal.records[i].relay);
		ck_assert_str_eq(again.records[i].event, r.journal.records[i].event);
		ck_assert(json_equal(again.records[i].fields, r.journal.records[i].fields));
	}
	is = verdict_judge(r.scenario, &again, &about);
	ck_assert(json_equal(was, is));
	ck_assert_str_eq(json_string_value(json_object_get(is, "result")), "pass");
	ck_assert_str_eq(record_text(&again.records[0], "relay"), "local");
	json_decref(was);
	json_decref(is);
	journal_free(&again);
	rig_free(&r);
}
END_TEST

static const struct {
	const char *text, *why; /* NULL: right */
} lines[] = {
	{ "", NULL },
	{ "\n  \n", NULL },
	{ "{\"at_ns\":1,\"relay\":0,\"event\":\"session.opened\"}", NULL },
	{ "{\"at_ns\":1,\"relay\":null,\"event\":\"run.zero\"}\n", NULL },
	{ "{\"at_ns\":1,\"event\":\"run.zero\"}\nx\n", ":2: expected a JSON object: " },
	{ "[1]\n", ":1: expected a JSON object" },
	{ "{\"event\":\"run.zero\"}\n", ":1: expected \"at_ns\": a number" },
	{ "{\"at_ns\":\"1\",\"event\":\"run.zero\"}\n", ":1: expected \"at_ns\": a number" },
	{ "{\"at_ns\":1}\n", ":1: expected \"event\": an event's name" },
	{ "{\"at_ns\":1,\"event\":\"session.opened\"}\n", ":1: expected \"relay\": its number" },
	{ "{\"at_ns\":1,\"relay\":-1,\"event\":\"session.opened\"}\n", ":1: expected \"relay\"" },
	{ "{\"at_ns\":1,\"relay\":9999999999,\"event\":\"session.opened\"}\n",
	    ":1: expected \"relay\"" },
	{ "{\"at_ns\":1,\"relay\":0,\"event\":\"a\"", ":1: expected a JSON object: " },
};

START_TEST(what_is_wrong_is_told_with_its_line)
{
	struct journal j = { 0 };
	char *why = NULL;
	const char *path = scratch_write("e.ndjson", lines[_i].text, strlen(lines[_i].text));
	const bool read = journal_read(&j, path, &why);

	ck_assert_msg(read == !lines[_i].why, "line %d: %s", _i, why ? why : "read");
	if (lines[_i].why)
		ck_assert_msg(strstr(why, lines[_i].why) != NULL, "%s", why);
	free(why);
	journal_free(&j);
}
END_TEST

START_TEST(no_file)
{
	struct journal j = { 0 };
	char *why = NULL;

	ck_assert(!journal_read(&j, scratch_path("none"), &why));
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	free(why);
}
END_TEST

/* Nothing that a file may say crashes the judging of it: fields missing, of another type, absurd.
 */
START_TEST(absurd_records_are_judged)
{
	static const char *const values[] = { "null", "\"x\"", "-1", "9223372036854775807", "{}",
		"true" };
	static const char *const events[] = { "session.opened", "session.bytes",
		"session.connected", "session.closed", "session.struck", "session.peer",
		"session.repeated", "segments.dropped", "client.syn", "peer.attempt", "peer.socket",
		"peer.settings", "fault.armed", "fault.active", "fault.fired", "fault.phase",
		"fault.lifted", "fault.refused", "proxy.gate", "action.done", "run.relay",
		"run.events_lost", "deadpeer.start", "command.started", "command.exited",
		"step.began", "step.ended" };
	static const char *const keys[] = { "session", "proxy", "client", "fault", "leg", "what",
		"watcher", "shape", "segments", "new", "step", "iteration", "relay", "of", "bytes",
		"pid", "reason", "result", "code", "direction", "phase", "lost" };
	struct rig r = rig_judge(RIG_PROXIES RIG_STEP "[expect]\nno_loss = yes\nmax_storm = 1\n",
	    (const char *const[]){ "", NULL });
	struct run_about about = { 0 };
	size_t n = 0;

	for (size_t round = 0; round < 3; round++)
		for (size_t e = 0; e < sizeof(events) / sizeof(*events); e++) {
			json_t *fields = json_object();

			for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
				json_object_set_new(fields, keys[k],
				    json_loads(values[n++ * 7 % 6], JSON_DECODE_ANY, NULL));
			ck_assert(journal_add(&r.journal, (int64_t)n, e < 20 ? 0 : JOURNAL_DRIVER,
			    events[e], fields));
			ck_assert(journal_add(
			    &r.journal, (int64_t)n, e < 20 ? 7 : JOURNAL_DRIVER, events[e], NULL));
		}
	json_decref(r.verdict);
	r.verdict = verdict_judge(r.scenario, &r.journal, &about);
	ck_assert_ptr_nonnull(r.verdict);
	(void)verdict_settled(r.scenario, &r.journal);
	rig_free(&r);
}
END_TEST

Suite *journal_read_suite(void)
{
	Suite *s = suite_create("journal_read");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, what_was_written_is_judged_the_same);
	tcase_add_loop_test(
	    t, what_is_wrong_is_told_with_its_line, 0, (int)(sizeof(lines) / sizeof(*lines)));
	tcase_add_test(t, no_file);
	tcase_add_test(t, absurd_records_are_judged);
	suite_add_tcase(s, t);
	return s;
}
