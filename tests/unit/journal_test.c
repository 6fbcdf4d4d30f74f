#include "control/journal.h"
#include "scratch.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *journal_suite(void);

static void assert_order(const struct journal *j, const char *want)
{
	char got[64] = "";

	for (size_t i = 0; i < j->count; i++)
		strcat(got, j->records[i].event);
	ck_assert_str_eq(got, want);
}

START_TEST(records_find_their_place)
{
	struct journal j = { 0 };

	ck_assert(journal_add(&j, 10, 0, "b", NULL));
	ck_assert(journal_add(&j, 30, 0, "d", NULL));
	ck_assert(journal_add(&j, 20, 1, "c", NULL));
	ck_assert(journal_add(&j, 30, JOURNAL_DRIVER, "e", NULL)); /* behind the same time */
	ck_assert(journal_add(&j, -5, 0, "a", NULL));
	assert_order(&j, "abcde");
	journal_shift(&j, 10);
	ck_assert_int_eq(j.records[0].at_ns, -15);
	ck_assert_int_eq(j.records[4].at_ns, 20);
	journal_free(&j);
	ck_assert_uint_eq(j.count, 0);
}
END_TEST

START_TEST(many_records_fit)
{
	struct journal j = { 0 };

	for (int i = 0; i < 5000; i++)
		ck_assert(journal_add(&j, (i * 7919) % 5000, 0, "x", NULL));
	for (size_t i = 1; i < j.count; i++)
		ck_assert_int_le(j.records[i - 1].at_ns, j.records[i].at_ns);
	ck_assert_uint_eq(j.count, 5000);
	journal_free(&j);
}
END_TEST

START_TEST(fields_are_read)
{
	struct journal j = { 0 };

	journal_add(&j, 0, 0, "x", json_pack("{s:s, s:i, s:n}", "t", "text", "n", 7, "none"));
	ck_assert_str_eq(record_text(j.records, "t"), "text");
	ck_assert_ptr_null(record_text(j.records, "n"));
	ck_assert_ptr_null(record_text(j.records, "missing"));
	ck_assert_int_eq(record_int(j.records, "n", -1), 7);
	ck_assert_int_eq(record_int(j.records, "t", -1), -1);
	ck_assert_int_eq(record_int(j.records, "none", -2), -2);
	journal_free(&j);
}
END_TEST

START_TEST(it_is_written_as_ndjson)
{
	struct journal j = { 0 };
	const char *path = scratch_path("events.ndjson");

	journal_add(&j, -1, 2, "session.opened", json_pack("{s:s}", "proxy", "redis"));
	journal_add(&j, 5, JOURNAL_DRIVER, "run.zero", NULL);
	ck_assert(journal_write(&j, path));
	char *text = scratch_read(path, NULL);
	ck_assert_str_eq(text,
	    "{\"at_ns\":-1,\"relay\":2,\"event\":\"session.opened\",\"proxy\":\"redis\"}\n"
	    "{\"at_ns\":5,\"relay\":null,\"event\":\"run.zero\"}\n");
	free(text);
	ck_assert(!journal_write(&j, scratch_path("no/such/dir")));
	ck_assert(!journal_write(&j, "/dev/full/x"));
	journal_free(&j);
}
END_TEST

Suite *journal_suite(void)
{
	Suite *s = suite_create("journal");
	TCase *t = tcase_create("records");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, records_find_their_place);
	tcase_add_test(t, many_records_fit);
	tcase_add_test(t, fields_are_read);
	tcase_add_test(t, it_is_written_as_ndjson);
	suite_add_tcase(s, t);
	return s;
}
