#include "base/mono.h"
#include "model/spec.h"
#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

Suite *spec_suite(void);

static const struct field params[] = {
	{ .key = "down", .kind = FIELD_DURATION, .initial = "30s" },
	{ .key = "note", .kind = FIELD_TEXT, .offset = 8, .initial = "n" },
	{ .key = NULL },
};

static const struct fault_type reboot = {
	.name = "reboot", .params = params, .sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT
};
static const struct fault_type cut = { .name = "cut", .sides = 1 << SIDE_BOTH };

static void set(const struct field *table, void *base, const char *key, const char *text)
{
	const struct field *f = field_find(table, key);
	char buf[256];

	ck_assert_msg(f != NULL, "%s", key);
	const char *want = field_parse(f, base, text, buf, sizeof(buf));
	ck_assert_msg(!want, "%s = %s: expected %s", key, text, want);
}

START_TEST(defaults_are_as_documented)
{
	struct config *c = config_new();
	struct proxy_spec *p = config_add_proxy(c, "p");
	struct fault_spec *f = config_add_fault(c, "f", &reboot);
	struct fault_spec *g = config_add_fault(c, "g", &cut);

	ck_assert_uint_eq(c->settings.seed, 0);
	ck_assert_int_eq(c->settings.log_level, LOG_INFO);
	ck_assert_int_eq(c->settings.log_format, LOG_LOGFMT);
	ck_assert_ptr_null(c->settings.events);
	ck_assert_ptr_null(c->settings.ports_file);
	ck_assert_int_eq(c->settings.drain_timeout_ns, 5 * NS_PER_S);
	ck_assert_int_eq(c->settings.observe_interval_ns, 50 * NS_PER_MS);
	ck_assert_int_eq(c->settings.splice, SPLICE_AUTO);
	ck_assert_int_eq(c->settings.rung, RUNG_BEST);
	ck_assert_int_eq(p->connect_timeout_ns, 10 * NS_PER_S);
	ck_assert_uint_eq(p->max_sessions, 0);
	ck_assert_uint_eq(p->backlog, 4096);
	ck_assert_int_eq(p->listen.kind, ADDR_NONE);
	ck_assert_int_eq(f->side, SIDE_SERVER);
	ck_assert_int_eq(f->other, OTHER_DEFAULT);
	ck_assert(f->toxicity >= 1 && f->toxicity <= 1);
	ck_assert_int_eq(f->clients.family, 0);
	ck_assert_int_eq(*(int64_t *)(void *)f->params.bytes, 30 * NS_PER_S);
	ck_assert_int_eq(g->side, SIDE_BOTH);
	ck_assert_ptr_eq(config_find_proxy(c, "p"), p);
	ck_assert_ptr_eq(config_find_fault(c, "g"), g);
	ck_assert_ptr_null(config_find_fault(c, "p"));
	ck_assert_ptr_null(config_find_host(c, "p"));
	config_free(c);
	config_free(NULL);
}
END_TEST

START_TEST(names_are_checked)
{
	char longest[65];

	memset(longest, 'a', 64);
	longest[64] = '\0';
	ck_assert_ptr_nonnull(spec_check_name(longest));
	ck_assert_ptr_null(spec_check_name(longest + 1));
	ck_assert_ptr_null(spec_check_name("a"));
	ck_assert_ptr_null(spec_check_name("Redis_1.prod-eu"));
	ck_assert_ptr_nonnull(spec_check_name(""));
	ck_assert_ptr_nonnull(spec_check_name("*"));
	ck_assert_ptr_nonnull(spec_check_name("a b"));
	ck_assert_ptr_nonnull(spec_check_name("a,b"));
	ck_assert_ptr_nonnull(spec_check_name("a/b"));
	ck_assert_ptr_nonnull(spec_check_name("\xc3\xa4"));
	ck_assert_ptr_nonnull(spec_check_name("a\n"));
}
END_TEST

static const struct {
	const char *key, *text;
} proxy_changes[] = {
	{ "listen", "127.0.0.1:1" },
	{ "upstream", "unix:/x" },
	{ "host", "h" },
	{ "connect_timeout", "1s" },
	{ "max_sessions", "7" },
	{ "backlog", "5" },
	{ "enabled", "no" },
};

START_TEST(proxies_are_copied_and_compared_by_every_key)
{
	struct config *c = config_new();
	struct proxy_spec *p = config_add_proxy(c, "p");
	struct proxy_spec *before = proxy_spec_copy(p);

	p->where = (struct where){ .file = "x", .line = 3 };
	ck_assert(proxy_spec_equal(p, before));
	set(proxy_fields, p, proxy_changes[_i].key, proxy_changes[_i].text);
	ck_assert(!proxy_spec_equal(p, before));
	struct proxy_spec *after = proxy_spec_copy(p);
	ck_assert(proxy_spec_equal(p, after));
	ck_assert_ptr_null(after->where.file);
	config_free(c);
	ck_assert_str_eq(after->name, "p");
	free(after->name);
	after->name = strdup("q");
	free(before->name);
	before->name = strdup("q");
	ck_assert(!proxy_spec_equal(after, before));
	proxy_spec_free(before);
	proxy_spec_free(after);
	proxy_spec_free(NULL);
}
END_TEST

static const struct {
	const char *key, *text;
} fault_changes[] = {
	{ "proxy", "a,b" },
	{ "host", "h" },
	{ "side", "client" },
	{ "other", "hold" },
	{ "delay", "1s" },
	{ "duration", "1s" },
	{ "toxicity", "0.5" },
	{ "after_bytes", "1" },
	{ "after_idle", "1s" },
	{ "clients", "10.0.0.0/8" },
	{ "nth", "1" },
	{ "first", "1" },
	{ "every", "1" },
	{ "down", "1s" },
	{ "note", "other" },
};

START_TEST(faults_are_copied_and_compared_by_every_key)
{
	struct config *c = config_new();
	struct fault_spec *f = config_add_fault(c, "f", &reboot);
	struct fault_spec *before = fault_spec_copy(f);
	bool own = field_find(params, fault_changes[_i].key);

	ck_assert(fault_spec_equal(f, before));
	set(own ? params : fault_fields, own ? (void *)&f->params : f, fault_changes[_i].key,
	    fault_changes[_i].text);
	ck_assert(!fault_spec_equal(f, before));
	struct fault_spec *after = fault_spec_copy(f);
	ck_assert(fault_spec_equal(f, after));
	config_free(c);
	ck_assert_str_eq(after->name, "f");
	after->type = &cut;
	ck_assert(!fault_spec_equal(after, before));
	after->type = &reboot;
	fault_spec_free(before);
	fault_spec_free(after);
	fault_spec_free(NULL);
}
END_TEST

START_TEST(every_key_is_in_the_tests_above)
{
	for (const struct field *f = proxy_fields; f->key; f++) {
		bool found = false;

		for (size_t i = 0; i < sizeof(proxy_changes) / sizeof(*proxy_changes); i++)
			found = found || strcmp(proxy_changes[i].key, f->key) == 0;
		ck_assert_msg(found, "%s", f->key);
	}
	for (const struct field *f = fault_fields; f->key; f++) {
		bool found = false;

		for (size_t i = 0; i < sizeof(fault_changes) / sizeof(*fault_changes); i++)
			found = found || strcmp(fault_changes[i].key, f->key) == 0;
		ck_assert_msg(found, "%s", f->key);
	}
}
END_TEST

static void check_table(const struct field *table)
{
	for (const struct field *f = table; f->key; f++) {
		ck_assert_msg(f->help && strlen(f->help) > 10, "%s has no help", f->key);
		ck_assert_msg(f->help[strlen(f->help) - 1] != '.', "%s: %s", f->key, f->help);
		ck_assert_msg(islower((unsigned char)*f->key), "%s", f->key);
		ck_assert_msg((f->kind == FIELD_CHOICE) == (f->choices != NULL), "%s", f->key);
		for (const struct field *g = table; g < f; g++)
			ck_assert_str_ne(f->key, g->key);
		if (!f->initial)
			continue;
		/* a default is one that a user could write */
		union {
			max_align_t align;
			char bytes[4096];
		} base = { 0 };
		char buf[256];
		const char *want = field_parse(f, &base, f->initial, buf, sizeof(buf));
		ck_assert_msg(!want, "%s = %s: expected %s", f->key, f->initial, want);
		field_release((struct field[]){ *f, { .key = NULL } }, &base);
	}
}

START_TEST(tables_are_whole)
{
	check_table(settings_fields);
	check_table(host_fields);
	check_table(proxy_fields);
	check_table(fault_fields);
}
END_TEST

START_TEST(faults_cover_by_name_star_and_host)
{
	struct config *c = config_new();
	struct proxy_spec *a = config_add_proxy(c, "a"), *b = config_add_proxy(c, "b");
	struct fault_spec *f = config_add_fault(c, "f", &reboot);

	set(proxy_fields, b, "host", "db");
	ck_assert(!fault_spec_covers(f, a));
	set(fault_fields, f, "proxy", "x,a");
	ck_assert(fault_spec_covers(f, a));
	ck_assert(!fault_spec_covers(f, b));
	set(fault_fields, f, "proxy", "*");
	ck_assert(fault_spec_covers(f, a) && fault_spec_covers(f, b));
	struct fault_spec *g = config_add_fault(c, "g", &reboot);
	set(fault_fields, g, "host", "db");
	ck_assert(!fault_spec_covers(g, a) && fault_spec_covers(g, b));
	set(fault_fields, g, "host", "a"); /* a proxy alone is a host of its own name */
	ck_assert(fault_spec_covers(g, a) && !fault_spec_covers(g, b));
	set(fault_fields, g, "host", "b");
	ck_assert(!fault_spec_covers(g, b));
	config_free(c);
}
END_TEST

Suite *spec_suite(void)
{
	Suite *s = suite_create("spec");
	TCase *t = tcase_create("spec");

	tcase_add_test(t, defaults_are_as_documented);
	tcase_add_test(t, names_are_checked);
	tcase_add_loop_test(t, proxies_are_copied_and_compared_by_every_key, 0,
	    sizeof(proxy_changes) / sizeof(*proxy_changes));
	tcase_add_loop_test(t, faults_are_copied_and_compared_by_every_key, 0,
	    sizeof(fault_changes) / sizeof(*fault_changes));
	tcase_add_test(t, every_key_is_in_the_tests_above);
	tcase_add_test(t, tables_are_whole);
	tcase_add_test(t, faults_cover_by_name_star_and_host);
	suite_add_tcase(s, t);
	return s;
}
