/*
 * Edits of a relay that runs: each holds whole or not at all, on the timeline with who did it;
 * and what drafts do to faults of several proxies.
 */
#include "base/mono.h"
#include "base/utf8.h"
#include "control/draft.h"
#include "faults/catalogue.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "scratch.h"
#include "stage.h"
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *edit_suite(void);

static struct edit e;

static void apply(const char *text)
{
	struct conf_errors errors = { 0 };
	struct config *c =
	    conf_load(scratch_write("c.ini", text, strlen(text)), catalogue_types, &errors);

	ck_assert_msg(c && control_apply(&stage.control, c, &errors), "%s",
	    errors.count ? errors.message[0] : "?");
	conf_errors_free(&errors);
}

#define ECHO "upstream=builtin:echo\n"
#define A    "[proxy a]\nlisten=127.0.0.1:0\n" ECHO
#define B    "[proxy b]\nlisten=127.0.0.1:0\n" ECHO

static void setup(void)
{
	stage_open();
	e = (struct edit){ .who = "127.0.0.1:5", .what = "test" };
	apply(A B);
}

/* --- changes --- */

static bool change_enabled(struct edit *edit, struct config *draft, void *arg)
{
	(void)edit;
	config_find_proxy(draft, "a")->enabled = *(bool *)arg;
	return true;
}

static void enable(bool yes)
{
	ck_assert_msg(control_edit(&stage.control, &e, change_enabled, &yes), "%s", e.message);
}

static bool add_proxy(struct edit *edit, struct config *draft, void *arg)
{
	struct proxy_spec *p = draft_add_proxy(edit, draft, "new");

	if (!p)
		return false;
	addr_parse(arg, &p->listen);
	addr_parse("builtin:echo", &p->upstream);
	return true;
}

static bool add_noop(struct edit *edit, struct config *draft, void *arg)
{
	struct proxy_spec *p = draft_find_proxy(edit, draft, "a");

	return p && draft_add_toxic(edit, draft, p, arg, &catalogue_find("noop")->type);
}

static bool redirect(struct edit *edit, struct config *draft, void *arg)
{
	(void)edit;
	addr_parse(arg, &config_find_proxy(draft, "a")->upstream);
	return true;
}

static bool say_no(struct edit *edit, struct config *draft, void *arg)
{
	(void)arg;
	config_remove_proxy(draft, draft->proxies[0]);
	return edit_fail(edit, EDIT_BAD, "no: %d", 5);
}

/* --- tests --- */

START_TEST(an_edit_is_told_with_who_and_what)
{
	e.proxy = "new";
	ck_assert(control_edit(&stage.control, &e, add_proxy, (void *)(uintptr_t) "127.0.0.1:0"));
	ck_assert_int_eq(e.kind, EDIT_DONE);
	ck_assert_uint_eq(stage.control.config->n_proxies, 3);
	ck_assert_uint_eq(stage.told[EVENT_API_CHANGED], 1);
	ck_assert_uint_eq(stage.told[EVENT_CONFIG_RELOADED], 0);
	ck_assert_str_eq(json_string_value(json_object_get(stage.last[EVENT_API_CHANGED], "who")),
	    "127.0.0.1:5");
	ck_assert_str_eq(
	    json_string_value(json_object_get(stage.last[EVENT_API_CHANGED], "proxy")), "new");
	close(stage_client_of("new"));
}
END_TEST

START_TEST(what_fails_changes_nothing)
{
	const struct config *before = stage.control.config;
	int fd = stage_client_of("a");
	char text[64];

	ck_assert(!control_edit(&stage.control, &e, say_no, NULL));
	ck_assert_int_eq(e.kind, EDIT_BAD);
	ck_assert_str_eq(e.message, "no: 5");
	proxy_listen_text(stage_find("a"), text, sizeof(text));
	ck_assert(!control_edit(&stage.control, &e, add_proxy, text));
	ck_assert_int_eq(e.kind, EDIT_LISTEN);
	ck_assert_int_eq(e.error, EADDRINUSE);
	ck_assert_str_eq(e.listen, text);
	ck_assert(!control_edit(&stage.control, &e, add_proxy, (void *)(uintptr_t) "192.0.2.1:0"));
	ck_assert_int_eq(e.error, EADDRNOTAVAIL);
	ck_assert(!control_edit(
	    &stage.control, &e, add_proxy, (void *)(uintptr_t) "no.such.name.invalid:0"));
	ck_assert_int_eq(e.error, ENOENT);
	ck_assert(!control_edit(&stage.control, &e, redirect, (void *)(uintptr_t) "127.0.0.1:0"));
	ck_assert_int_eq(e.kind, EDIT_BAD);
	ck_assert_ptr_eq(stage.control.config, before);
	ck_assert_uint_eq(stage.told[EVENT_API_CHANGED], 0);
	ck_assert(stage_echoes(fd));
	close(fd);
}
END_TEST

START_TEST(names_are_taken_once)
{
	ck_assert(control_edit(&stage.control, &e, add_noop, (void *)(uintptr_t) "x"));
	ck_assert_str_eq(stage.control.config->faults[0]->name, "a/x");
	ck_assert_str_eq(draft_toxic_name(stage.control.config->faults[0]), "x");
	ck_assert(!control_edit(&stage.control, &e, add_noop, (void *)(uintptr_t) "x"));
	ck_assert_int_eq(e.kind, EDIT_EXISTS);
	ck_assert(!control_edit(&stage.control, &e, add_noop, (void *)(uintptr_t) ""));
	ck_assert_int_eq(e.kind, EDIT_BAD);
	ck_assert(!control_edit(&stage.control, &e, add_noop, (void *)(uintptr_t) "a\nb"));
	ck_assert_int_eq(e.kind, EDIT_BAD);
	ck_assert(control_edit(&stage.control, &e, add_noop, (void *)(uintptr_t) "a/b \xc3\xa4"));
	ck_assert_uint_eq(stage.control.config->n_faults, 2);
}
END_TEST

/* Out and in again on the same port, though the kernel had chosen it. */
START_TEST(disabled_is_gone_and_comes_back_where_it_was)
{
	union sockaddr_any bound = *proxy_bound(stage_find("a"));
	int fd = stage_client_of("a"), other = stage_client_of("b"), again;
	struct proxy *a = stage_find("a");
	char c, before[64], after[64];

	proxy_listen_text(a, before, sizeof(before));
	enable(false);
	ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	close(fd);
	again = stage_dial(&bound);
	ck_assert(again < 0 || socket_error(again) == ECONNREFUSED);
	if (again >= 0)
		close(again);
	ck_assert_str_eq(
	    json_string_value(json_object_get(stage.last[EVENT_PROXY_DOWN], "reason")), "disabled");
	enable(false);
	ck_assert_uint_eq(stage.told[EVENT_PROXY_DOWN], 1);
	enable(true);
	ck_assert_ptr_eq(stage_find("a"), a);
	ck_assert_str_eq(proxy_listen_text(a, after, sizeof(after)), before);
	fd = stage_client_of("a");
	close(fd);
	ck_assert(stage_echoes(other));
	close(other);
}
END_TEST

/* The address was taken meanwhile: it stays disabled. */
START_TEST(enabling_can_fail)
{
	union sockaddr_any bound;
	struct addr thief;
	char text[64];
	int fd;

	proxy_listen_text(stage_find("a"), text, sizeof(text));
	enable(false);
	addr_parse(text, &thief);
	fd = socket_listen(&thief, 5, &bound);
	ck_assert_int_ge(fd, 0);
	ck_assert(!control_edit(&stage.control, &e, change_enabled, &(bool){ true }));
	ck_assert_int_eq(e.kind, EDIT_LISTEN);
	ck_assert_int_eq(e.error, EADDRINUSE);
	ck_assert(!config_find_proxy(stage.control.config, "a")->enabled);
	close(fd);
	enable(true);
	close(stage_client_of("a"));
}
END_TEST

/* What holds of a proxy holds while it is disabled: its faults wait at the door. */
START_TEST(faults_outlive_a_disabled_proxy)
{
	apply(A "[fault f]\ntype=refuse\nproxy=a\n");
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_REFUSE);
	enable(false);
	enable(true);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_REFUSE);
	apply(A);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_OPEN);
	close(stage_client_of("a"));
	enable(false);
	apply("[proxy a]\nlisten=127.0.0.1:0\nenabled=no\n" ECHO "[fault f]\ntype=hang\nproxy=a\n");
	apply(A "[fault f]\ntype=hang\nproxy=a\n");
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_HOLD);
}
END_TEST

START_TEST(a_new_upstream_ends_the_sessions)
{
	int fd = stage_client_of("a"), other = stage_client_of("b");
	char c;

	ck_assert(
	    control_edit(&stage.control, &e, redirect, (void *)(uintptr_t) "builtin:discard"));
	ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	ck_assert(stage_echoes(other));
	close(fd);
	close(other);
}
END_TEST

/* Nobody else is there whose event would let the next one in. */
START_TEST(a_new_upstream_makes_room)
{
	int fd;

	apply(A B "[fault f]\ntype=max_connections\nlimit=1\nproxy=a\n");
	fd = stage_client_of("a");
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_REFUSE);
	ck_assert(
	    control_edit(&stage.control, &e, redirect, (void *)(uintptr_t) "builtin:discard"));
	for (int i = 0; i < 20000 && proxy_door(stage_find("a"))->gate != GATE_OPEN; i++)
		stage_turns(1);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_OPEN);
	close(fd);
}
END_TEST

static bool remove_from_a(struct edit *edit, struct config *draft, void *arg)
{
	struct proxy_spec *p = config_find_proxy(draft, "a");
	struct fault_spec *f = draft_find_toxic(edit, draft, p, arg);

	return f && draft_remove_toxic(edit, draft, p, f);
}

static bool remove_a(struct edit *edit, struct config *draft, void *arg)
{
	(void)edit, (void)arg;
	draft_remove_proxy(draft, config_find_proxy(draft, "a"));
	return true;
}

static const struct {
	const char *where;
	bool survives; /* when it is taken from proxy a, or when that goes */
} scopes[] = { { "proxy=a\n", false }, { "proxy=a,b\n", true }, { "proxy=*\n", true },
	{ "host=a\n", false }, { "host=h\n", true } };

#define HOST "[host h]\n[proxy c]\nhost=h\nlisten=127.0.0.1:0\n" ECHO

static void apply_scope(int i)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%s" HOST "[fault f]\ntype=noop\n%s",
	    i == 4 ? "[proxy a]\nhost=h\nlisten=127.0.0.1:0\n" ECHO : A, B, scopes[i].where);
	apply(text);
}

START_TEST(faults_of_several_proxies_lose_one)
{
	const struct fault_spec *f;

	apply_scope(_i);
	ck_assert_msg(control_edit(&stage.control, &e, remove_from_a, (void *)(uintptr_t) "f"),
	    "%s", e.message);
	f = config_find_fault(stage.control.config, "f");
	ck_assert_int_eq(f != NULL, scopes[_i].survives);
	ck_assert(!f || !fault_spec_covers(f, config_find_proxy(stage.control.config, "a")));
	ck_assert(!control_edit(&stage.control, &e, remove_from_a, (void *)(uintptr_t) "f"));
	ck_assert_int_eq(e.kind, EDIT_NOT_FOUND);
}
END_TEST

START_TEST(faults_of_a_proxy_that_goes)
{
	apply_scope(_i);
	ck_assert_msg(control_edit(&stage.control, &e, remove_a, NULL), "%s", e.message);
	ck_assert_int_eq(config_find_fault(stage.control.config, "f") != NULL, scopes[_i].survives);
	ck_assert_ptr_null(stage_find("a"));
}
END_TEST

START_TEST(copies_are_deep_and_whole)
{
	struct config *c, *copy;
	struct conf_errors errors = { 0 };

	c = conf_load("config/deadpeer.ini", catalogue_types, &errors);
	ck_assert_ptr_nonnull(c);
	ck_assert(conf_add_fault_text(
	    c, "f", "reset clients=10.0.0.0/8 proxy=echo", catalogue_types, &errors));
	c->faults[0]->toxic = strdup("own");
	copy = config_copy(c);
	ck_assert_uint_eq(copy->n_proxies, c->n_proxies);
	ck_assert_uint_eq(copy->n_hosts, c->n_hosts);
	ck_assert_uint_eq(copy->n_faults, c->n_faults);
	ck_assert_str_eq(copy->faults[0]->toxic, "own");
	ck_assert_str_eq(copy->settings.admin, c->settings.admin);
	ck_assert_ptr_ne(copy->settings.admin, c->settings.admin);
	for (size_t i = 0; i < c->n_proxies; i++) {
		ck_assert(proxy_spec_equal(copy->proxies[i], c->proxies[i]));
		ck_assert_int_eq(copy->proxies[i]->where.line, c->proxies[i]->where.line);
		ck_assert_ptr_eq(copy->proxies[i]->where.file, copy->file);
	}
	config_free(c);
	ck_assert(conf_check(copy, &errors));
	config_free(copy);
}
END_TEST

/* A thousand edits among a hundred proxies: each far below what a caller would notice. */
START_TEST(edits_are_cheap)
{
	char text[16384], name[16];
	size_t len = 0;
	int64_t began;

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "[proxy p%d]\nlisten=127.0.0.1:0\n" ECHO, i);
	snprintf(text + len, sizeof(text) - len, A);
	apply(text);
	began = mono_now_ns();
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		ck_assert(control_edit(&stage.control, &e, add_noop, name));
	}
	ck_assert_int_lt((mono_now_ns() - began) / 100, 50 * NS_PER_MS);
}
END_TEST

START_TEST(printable_text)
{
	static const char *const good[] = { "", "plain", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x92\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\xc2\xa0" };
	static const char *const bad[] = { "\n", "a\x7f", "\x80", "\xc3", "\xc0\xaf", "\xc2\x85",
		"\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
		"\xe2\x82", "\xff", "\xf0\x9f\x92" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_msg(utf8_is_printable(good[i]), "good %zu", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!utf8_is_printable(bad[i]), "bad %zu", i);
}
END_TEST

Suite *edit_suite(void)
{
	Suite *s = suite_create("edit");
	TCase *t = tcase_create("edits");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_checked_fixture(t, setup, stage_close);
	tcase_add_test(t, an_edit_is_told_with_who_and_what);
	tcase_add_test(t, what_fails_changes_nothing);
	tcase_add_test(t, names_are_taken_once);
	tcase_add_test(t, disabled_is_gone_and_comes_back_where_it_was);
	tcase_add_test(t, enabling_can_fail);
	tcase_add_test(t, faults_outlive_a_disabled_proxy);
	tcase_add_test(t, a_new_upstream_ends_the_sessions);
	tcase_add_test(t, a_new_upstream_makes_room);
	tcase_add_loop_test(
	    t, faults_of_several_proxies_lose_one, 0, sizeof(scopes) / sizeof(*scopes));
	tcase_add_loop_test(t, faults_of_a_proxy_that_goes, 0, sizeof(scopes) / sizeof(*scopes));
	tcase_add_test(t, copies_are_deep_and_whole);
	tcase_add_test(t, edits_are_cheap);
	tcase_add_test(t, printable_text);
	suite_add_tcase(s, t);
	return s;
}
