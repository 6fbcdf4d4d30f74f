#include "base/mono.h"
#include "base/sink.h"
#include "model/timeline.h"
#include "scratch.h"
#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *timeline_suite(void);

static struct sink *must_open(const char *path)
{
	const char *err = NULL;
	struct sink *s = sink_open(path, &err);

	ck_assert_msg(s != NULL, "%s: %s", path, err);
	return s;
}

/* The n-th line of a file as JSON, NULL when there is none. */
static json_t *line_at(const char *path, int n)
{
	char *text = scratch_read(path, NULL), *save = NULL, *line;
	json_t *record = NULL;

	line = strtok_r(text, "\n", &save);
	while (line && n-- > 0)
		line = strtok_r(NULL, "\n", &save);
	if (line) {
		record = json_loads(line, 0, NULL);
		ck_assert_msg(record != NULL, "no JSON: %s", line);
	}
	free(text);
	return record;
}

static const char *string_at(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static int64_t number_at(const json_t *record, const char *key)
{
	return json_integer_value(json_object_get(record, key));
}

START_TEST(rows_are_whole)
{
	for (int i = 0; i < EVENT_COUNT; i++) {
		const struct event_row *row = &event_rows[i];

		ck_assert_msg(row->name && strchr(row->name, '.'), "event %d", i);
		ck_assert_msg(row->fields && row->help, "%s", row->name);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(row->name, event_rows[j].name);
	}
}
END_TEST

START_TEST(records_are_numbered_and_timed)
{
	const char *path = scratch_path("events");
	struct timeline t = { .events = must_open(path) };
	int64_t before = mono_now_ns();

	timeline_record(&t, EVENT_SESSION_OPENED,
	    json_pack("{s:s, s:i, s:s}", "proxy", "redis", "session", 17, "client", "127.0.0.1:5"));
	timeline_record(&t, EVENT_READY, NULL);
	json_t *first = line_at(path, 0), *second = line_at(path, 1);
	ck_assert_int_eq(number_at(first, "seq"), 1);
	ck_assert_int_eq(number_at(second, "seq"), 2);
	ck_assert_int_ge(number_at(first, "mono_ns"), before);
	ck_assert_int_le(number_at(second, "mono_ns"), mono_now_ns());
	ck_assert_int_le(number_at(first, "mono_ns"), number_at(second, "mono_ns"));
	ck_assert_uint_eq(strlen(string_at(first, "wall")), 27);
	ck_assert_str_eq(string_at(first, "event"), "session.opened");
	ck_assert_str_eq(string_at(second, "event"), "deadpeer.ready");
	ck_assert_int_eq(number_at(first, "session"), 17);
	ck_assert_ptr_null(line_at(path, 2));
	json_decref(first);
	json_decref(second);
	sink_close(t.events);
	unlink(path);
}
END_TEST

START_TEST(members_come_in_order)
{
	const char *path = scratch_path("events");
	struct timeline t = { .events = must_open(path) };
	const char *const order[] = {
		"\"seq\":", "\"mono_ns\":", "\"wall\":", "\"event\":", "\"z\":", "\"a\":", NULL
	};

	timeline_record(&t, EVENT_READY, json_pack("{s:i, s:i}", "z", 1, "a", 2));
	char *text = scratch_read(path, NULL), *at = text;
	ck_assert_int_eq(text[0], '{');
	for (int i = 0; order[i]; i++)
		ck_assert_msg((at = strstr(at, order[i])) != NULL, "%s in %s", order[i], text);
	ck_assert_ptr_null(strchr(text, ' ')); /* compact */
	free(text);
	sink_close(t.events);
	unlink(path);
}
END_TEST

START_TEST(the_log_gets_what_its_level_wants)
{
	const char *path = scratch_path("log");
	struct log l = { .sink = must_open(path), .level = LOG_INFO };
	struct timeline t = { .log = &l };

	ck_assert(!timeline_wants(&t, EVENT_SESSION_OPENED));
	ck_assert(timeline_wants(&t, EVENT_SESSION_CLOSED));
	timeline_record(&t, EVENT_SESSION_OPENED, json_pack("{s:s}", "proxy", "no"));
	timeline_record(&t, EVENT_SESSION_CLOSED, json_pack("{s:s}", "proxy", "yes"));
	char *text = scratch_read(path, NULL);
	ck_assert_ptr_nonnull(strstr(text, "level=info event=session.closed proxy=yes\n"));
	ck_assert_ptr_null(strstr(text, "no"));
	free(text);
	sink_close(l.sink);
	unlink(path);
}
END_TEST

struct seen {
	enum event_id id;
	int64_t mono_ns;
	int n, session;
};

static void watch(void *arg, enum event_id id, int64_t mono_ns, const struct json_t *fields)
{
	struct seen *seen = arg;

	seen->id = id;
	seen->mono_ns = mono_ns;
	seen->session = (int)number_at(fields, "session");
	seen->n++;
}

START_TEST(a_watcher_sees_everything)
{
	struct seen seen = { 0 };
	struct timeline t = { .watch = watch, .watch_arg = &seen };

	ck_assert(timeline_wants(&t, EVENT_SESSION_STATE));
	ck_assert(!timeline_wants(&(struct timeline){ 0 }, EVENT_SESSION_STATE));
	timeline_record(&t, EVENT_SESSION_STATE, json_pack("{s:i}", "session", 5));
	ck_assert_int_eq(seen.n, 1);
	ck_assert_int_eq(seen.id, EVENT_SESSION_STATE);
	ck_assert_int_eq(seen.session, 5);
	ck_assert_int_gt(seen.mono_ns, 0);
	timeline_record(&t, EVENT_READY, NULL);
	ck_assert_int_eq(seen.n, 2);
}
END_TEST

START_TEST(bad_utf8_loses_its_field_alone)
{
	const char *path = scratch_path("events");
	struct timeline t = { .events = must_open(path) };

	timeline_record(&t, EVENT_CONFIG_REJECTED,
	    json_pack("{s:o, s:i}", "file", json_string_nocheck("\xff"), "n", 3));
	json_t *record = line_at(path, 0);
	ck_assert(json_is_null(json_object_get(record, "file")));
	ck_assert_int_eq(number_at(record, "n"), 3);
	json_decref(record);
	sink_close(t.events);
	unlink(path);
}
END_TEST

static int count(const char *text, const char *word)
{
	int n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

/* A FIFO and its reader. */
static int fifo_open(const char *path, struct sink **sink)
{
	int reader;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_ge(reader = open(path, O_RDONLY | O_NONBLOCK), 0);
	*sink = must_open(path);
	return reader;
}

/* A pipe whose reader goes away and comes back: told on the log when it begins, everywhere when it
 * ends, once each. */
START_TEST(lost_events_are_told_once_an_episode)
{
	const char *fifo = scratch_path("fifo"), *path = scratch_path("log");
	struct log l = { .level = LOG_WARN, .sink = must_open(path) };
	struct timeline t = { .log = &l };
	char got[4096] = "";
	int reader = fifo_open(fifo, &t.events);

	for (int episode = 1; episode <= 2; episode++) {
		close(reader);
		for (int i = 0; i < 3; i++)
			timeline_record(&t, EVENT_READY, NULL);
		char *log = scratch_read(path, NULL);
		ck_assert_int_eq(count(log, "event=events.lost"), 2 * episode - 1);
		free(log);
		ck_assert_int_ge(reader = open(fifo, O_RDONLY | O_NONBLOCK), 0);
		for (int i = 0; i < 3; i++)
			timeline_record(&t, EVENT_READY, NULL);
		ssize_t n = read(reader, got, sizeof(got) - 1);
		ck_assert_int_gt(n, 0);
		got[n] = '\0';
		ck_assert_int_eq(count(got, "\"event\":\"events.lost\""), 1);
		ck_assert_int_eq(count(got, "\"lost\":3,\"error\":\"Broken pipe\""), 1);
		ck_assert_int_eq(count(got, "deadpeer.ready"), 3);
	}
	char *log = scratch_read(path, NULL);
	ck_assert_int_eq(count(log, "event=events.lost"), 4);
	ck_assert_int_eq(count(log, "lost=3 error=\"Broken pipe\""), 2);
	free(log);
	close(reader);
	sink_close(t.events);
	sink_close(l.sink);
	unlink(path);
	unlink(fifo);
}
END_TEST

/* A disk that stays full: the total is in the log at the end. */
START_TEST(the_total_lost_is_told_at_the_end)
{
	const char *path = scratch_path("log");
	struct log l = { .level = LOG_WARN, .sink = must_open(path) };
	struct timeline t = { .log = &l, .events = must_open("/dev/full") };

	for (int i = 0; i < 10; i++)
		timeline_record(&t, EVENT_READY, NULL);
	timeline_record(&t, EVENT_STOP, NULL);
	char *log = scratch_read(path, NULL);
	ck_assert_int_eq(count(log, "event=events.lost"), 2);
	ck_assert_int_eq(count(log, "lost=1 error=\"No space left on device\""), 1);
	ck_assert_int_eq(count(log, "lost=11 error="), 1);
	free(log);
	sink_close(t.events);
	sink_close(l.sink);
	unlink(path);
}
END_TEST

static void no_call(void *arg)
{
	(void)arg;
}

/* Gathered lines are lost when they are written: told then, though no event follows; and what gets
 * through again is told by the first event that does. */
START_TEST(gathered_events_that_are_lost_are_told)
{
	const char *fifo = scratch_path("fifo"), *path = scratch_path("log");
	struct log l = { .level = LOG_WARN, .sink = must_open(path) };
	struct timeline t = { .log = &l };
	char got[4096] = "";
	int reader = fifo_open(fifo, &t.events);

	timeline_gather(&t, no_call, NULL);
	close(reader);
	timeline_record(&t, EVENT_READY, NULL);
	timeline_record(&t, EVENT_READY, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert(!timeline_flush(&t));
		char *log = scratch_read(path, NULL);
		ck_assert_int_eq(count(log, "event=events.lost"), 1);
		ck_assert_int_eq(count(log, "lost=2 error=\"Broken pipe\""), 1);
		free(log);
	}
	timeline_record(&t, EVENT_READY, NULL);
	ck_assert_int_ge(reader = open(fifo, O_RDONLY | O_NONBLOCK), 0);
	timeline_record(&t, EVENT_READY, NULL);
	ssize_t n = read(reader, got, sizeof(got) - 1);
	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	ck_assert_int_eq(count(got, "\"lost\":3,\"error\":\"Broken pipe\""), 1);
	close(reader);
	sink_close(t.events);
	sink_close(l.sink);
	unlink(path);
	unlink(fifo);
}
END_TEST

Suite *timeline_suite(void)
{
	Suite *s = suite_create("timeline");
	TCase *t = tcase_create("timeline");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, rows_are_whole);
	tcase_add_test(t, records_are_numbered_and_timed);
	tcase_add_test(t, members_come_in_order);
	tcase_add_test(t, the_log_gets_what_its_level_wants);
	tcase_add_test(t, a_watcher_sees_everything);
	tcase_add_test(t, bad_utf8_loses_its_field_alone);
	tcase_add_test(t, lost_events_are_told_once_an_episode);
	tcase_add_test(t, the_total_lost_is_told_at_the_end);
	tcase_add_test(t, gathered_events_that_are_lost_are_told);
	suite_add_tcase(s, t);
	return s;
}
