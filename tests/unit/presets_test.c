/*
 * Presets: whose values win and in which order, for any type that has them; that the rows of the
 * catalogue mean what they say; and what time_scale makes of an idle time.
 */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/catalogue.h"
#include "faults/presets.h"
#include "faults/runs.h"
#include "scratch.h"
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

Suite *presets_suite(void);

/* ---- a type of our own ---- */

struct box_params {
	int64_t after_ns;
	uint64_t scale;
	int preset, mode;
};

static const char *const box_names[] = { "none", "fast", "odd", NULL };
static const char *const box_modes[] = { "drop", "fin", "rst", NULL };
static const struct field box_params[] = {
	{ .key = "preset",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct box_params, preset),
	    .initial = "none",
	    .choices = box_names },
	{ .key = "after",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct box_params, after_ns),
	    .initial = "9s" },
	{ .key = "mode",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct box_params, mode),
	    .initial = "drop",
	    .choices = box_modes },
	{ .key = "scale",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct box_params, scale),
	    .initial = "1" },
	{ 0 },
};
static const struct preset box_presets[] = {
	{ "fast", "after=1s mode=fin side=client", "", "" },
	{ "odd", "after=soon scale=7", "", "" },
	{ 0 },
};

static const char *box_check(const struct fault_spec *s, const char **key, char *buf, size_t size)
{
	const struct box_params *p = (const struct box_params *)s->params.bytes;

	if (p->scale < 5)
		return NULL;
	*key = "scale";
	snprintf(buf, size, "less than 5, got %d", (int)p->scale);
	return buf;
}

static const struct fault_type box = {
	.name = "box", .sides = 7, .params = box_params, .presets = box_presets, .check = box_check
};
static const struct fault_type plain = { .name = "plain", .sides = 7 };
static const struct fault_type *const types[] = { &box, &plain, NULL };

static struct config *one_proxy(void)
{
	static const char text[] = "[proxy p]\nlisten = 127.0.0.1:1\nupstream = 127.0.0.1:2\n";
	struct conf_errors e = { 0 };
	struct config *c = conf_load(scratch_write("p.ini", text, strlen(text)), types, &e);

	ck_assert_ptr_nonnull(c);
	return c;
}

/* "after mode side scale" of a fault */
static const char *values(const struct fault_spec *f)
{
	static char buf[128];
	const struct box_params *p = (const struct box_params *)f->params.bytes;

	snprintf(buf, sizeof(buf), "%ds %s %s %d", (int)(p->after_ns / NS_PER_S),
	    box_modes[p->mode], side_names[f->side], (int)p->scale);
	return buf;
}

static const struct {
	const char *text, *want;
} orders[] = {
	{ "box", "9s drop server 1" },
	{ "box preset=none", "9s drop server 1" },
	{ "box preset=none mode=rst", "9s rst server 1" },
	{ "box preset=fast", "1s fin client 1" },
	{ "box preset=fast mode=rst", "1s rst client 1" },
	{ "box mode=rst preset=fast", "1s rst client 1" },
	{ "box after=3s preset=fast mode=drop", "3s drop client 1" },
	{ "after=3s mode=drop side=both scale=2 preset=fast type=box", "3s drop both 2" },
	{ "preset=fast side=server type=box", "1s fin server 1" },
	{ "box preset=odd after=3s scale=4", "3s drop server 4" },
};

START_TEST(given_keys_win_in_any_order)
{
	struct config *c = one_proxy();
	struct conf_errors e = { 0 };
	char file[512];
	size_t len;

	ck_assert_msg(conf_add_fault_text(c, "f", orders[_i].text, types, &e), "%s", e.message[0]);
	ck_assert_str_eq(values(c->faults[0]), orders[_i].want);
	config_free(c);
	/* and the same as a section, a line each */
	len = (size_t)snprintf(file, sizeof(file),
	    "[proxy p]\nlisten = 127.0.0.1:1\nupstream = 127.0.0.1:2\n[fault f]\nproxy = p\n%s%s\n",
	    strncmp(orders[_i].text, "box", 3) ? "" : "type=", orders[_i].text);
	for (char *p = strstr(file, "[fault f]") + 9; *p; p++)
		if (*p == ' ' && p[-1] != '=' && p[1] != '=')
			*p = '\n';
	c = conf_load(scratch_write("f.ini", file, len), types, &e);
	ck_assert_msg(c != NULL, "%s", e.count ? e.message[0] : "?");
	ck_assert_str_eq(values(c->faults[0]), orders[_i].want);
	config_free(c);
}
END_TEST

static const struct {
	const char *text, *error;
} bad[] = {
	{ "box preset=fats",
	    "preset: expected none, fast or odd, got \"fats\" (did you mean \"fast\"?)" },
	{ "box preset=", "preset: expected none, fast or odd, got \"\"" },
	{ "plain preset=fast", "preset: unknown key: plain does not take it, box does" },
	{ "box preset=fast preset=odd", "preset: expected once in a section" },
	{ "box after=2s preset=odd", "scale: expected less than 5, got 7" },
	{ "box preset=odd scale=1",
	    "after: expected a duration with a unit, such as 250ms, 5s or 2m, got \"soon\"" },
	/* what a type says of its values together is not said of values that could not be read */
	{ "box scale=6 after=x",
	    "after: expected a duration with a unit, such as 250ms, 5s or 2m, got \"x\"" },
	{ "box scale=1 scale=6", "scale: expected once in a section" },
	{ "box scale=6", "scale: expected less than 5, got 6" },
};

START_TEST(wrong_ones_are_explained)
{
	struct config *c = one_proxy();
	struct conf_errors e = { 0 };
	char want[512];

	ck_assert(!conf_add_fault_text(c, "f", bad[_i].text, types, &e));
	snprintf(want, sizeof(want), "--fault '%s': %s", bad[_i].text, bad[_i].error);
	ck_assert_str_eq(e.message[0], want);
	ck_assert_uint_eq(e.count, 1);
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

/* What a preset brings stands where the preset does. */
START_TEST(errors_have_the_line_of_the_preset)
{
	static const char text[] = "[proxy p]\nlisten = 127.0.0.1:1\nupstream = 127.0.0.1:2\n"
				   "[fault f]\ntype = box\nproxy = p\npreset = odd\nmode = fin\n";
	struct conf_errors e = { 0 };
	const char *path = scratch_write("f.ini", text, strlen(text));

	ck_assert_ptr_null(conf_load(path, types, &e));
	ck_assert_uint_eq(e.count, 1);
	ck_assert_str_eq(e.message[0] + strlen(path),
	    ":7: [fault f] after: expected a duration with a unit, such as 250ms, 5s or 2m, got "
	    "\"soon\"");
	conf_errors_free(&e);
}
END_TEST

START_TEST(a_config_without_a_file_is_checked_together)
{
	struct config *c = one_proxy();
	struct fault_spec *f = config_add_fault(c, "f", &box);
	struct conf_errors e = { 0 };

	f->proxies.all = true;
	ck_assert(conf_check(c, &e));
	((struct box_params *)(void *)f->params.bytes)->scale = 5;
	ck_assert(!conf_check(c, &e));
	ck_assert_str_eq(e.message[0], "[fault f] scale: expected less than 5, got 5");
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

/* ---- the catalogue's ---- */

static struct fault_spec *add_real(struct config *c, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static struct fault_spec *add_real(struct config *c, const char *name, const char *fmt, ...)
{
	struct conf_errors e = { 0 };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ck_assert_msg(conf_add_fault_text(c, name, text, catalogue_types, &e), "%s",
	    e.count ? e.message[0] : "?");
	return config_find_fault(c, name);
}

/* preset=NAME is the same as its settings written out. */
static void check_preset(const struct fault_type *type, const struct preset *p)
{
	struct config *c = one_proxy();
	struct fault_spec *a = add_real(c, "a", "%s preset=%s", type->name, p->name);
	struct fault_spec *b = add_real(c, "b", "%s %s", type->name, p->settings);

	for (const struct field *f = fault_fields; f->key; f++)
		ck_assert_msg(field_equal(f, a, b), "%s sets %s", p->name, f->key);
	for (const struct field *f = type->params; f->key; f++)
		if (strcmp(f->key, "preset"))
			ck_assert_msg(
			    field_equal(f, &a->params, &b->params), "%s: %s", p->name, f->key);
	config_free(c);
}

/* "2026-11" somewhere */
static bool has_month(const char *text)
{
	for (; *text; text++)
		if (strspn(text, "0123456789") == 4 && text[4] == '-' &&
		    strspn(text + 5, "0123456789") == 2 && !strchr("-", text[7] ? text[7] : ' '))
			return true;
	return false;
}

START_TEST(every_preset_is_what_it_says)
{
	size_t n = 0;

	for (const struct fault_type *const *t = catalogue_types; *t; t++) {
		const struct field *key = field_find((*t)->params, "preset");
		size_t i = 0;

		ck_assert_msg(!key == !(*t)->presets, "%s: a key without presets", (*t)->name);
		if (!key)
			continue;
		ck_assert_str_eq(key->choices[0], "none");
		ck_assert_str_eq(key->initial, "none");
		for (const struct preset *p = (*t)->presets; p->name; p++, n++) {
			ck_assert_str_eq(key->choices[++i], p->name);
			ck_assert_ptr_null(spec_check_name(p->name));
			ck_assert_msg(strlen(p->about) > 10, "%s", p->name);
			ck_assert_msg(p->about[strlen(p->about) - 1] != '.', "%s", p->name);
			ck_assert_msg(has_month(p->source), "%s: read when?", p->name);
			check_preset(*t, p);
		}
		ck_assert_ptr_null(key->choices[i + 1]);
	}
	ck_assert_uint_ge(n, 27);
}
END_TEST

/* Who ends TCP itself says FIN and answers probes itself; who passes segments on cannot do either.
 */
START_TEST(proxies_close_and_do_not_count_probes)
{
	for (const struct preset *p = idle_presets; p->name; p++) {
		bool fin = strstr(p->settings, "mode=fin");

		ck_assert_msg(!fin || strstr(p->settings, "keepalive_counts=no"), "%s", p->name);
		ck_assert_msg(strstr(p->settings, "after="), "%s", p->name);
		ck_assert_msg(strstr(p->settings, "mode="), "%s", p->name);
		ck_assert_msg(strstr(p->settings, "keepalive_counts="), "%s", p->name);
		ck_assert_msg(!strstr(p->settings, "time_scale"), "%s", p->name);
	}
}
END_TEST

/* ---- time_scale ---- */

static const struct {
	const char *text;
	int64_t idle_ns;
	const char *note; /* NULL: none */
} scales[] = {
	{ "idle_timeout", 350 * NS_PER_S, NULL },
	{ "idle_timeout time_scale=1", 350 * NS_PER_S, NULL },
	{ "idle_timeout time_scale=100", 3500 * NS_PER_MS, "after=350s at time_scale=100 is 3.5s" },
	{ "idle_timeout time_scale=100 preset=aws-nlb", 3500 * NS_PER_MS,
	    "after=350s at time_scale=100 is 3.5s" },
	{ "idle_timeout preset=rfc5382-nat time_scale=60", 124 * NS_PER_S,
	    "after=7440s at time_scale=60 is 2m4s" },
	{ "idle_timeout preset=linux-conntrack time_scale=100000", 4320 * NS_PER_MS,
	    "after=432000s at time_scale=100000 is 4.32s" },
	{ "idle_timeout preset=node time_scale=500", 10 * NS_PER_MS,
	    "after=5s at time_scale=500 is 10ms" },
	{ "idle_timeout after=1500ms time_scale=2", 750 * NS_PER_MS,
	    "after=1.5s at time_scale=2 is 750ms" },
	{ "idle_timeout preset=node after=30d time_scale=3", INT64_C(864000) * NS_PER_S,
	    "after=2592000s at time_scale=3 is 10d" },
	{ "idle_timeout after=10ms", 10 * NS_PER_MS, NULL },
};

START_TEST(time_is_scaled_and_that_is_noted)
{
	struct fake_world *w = fake_world_new();
	const json_t *armed;

	fake_door(w, "a", NULL);
	fake_door_add(&w->doors[0]);
	fake_arm(w, scales[_i].text);
	ck_assert_int_eq(fault_idle_ns(w->config->faults[0]), scales[_i].idle_ns);
	armed = fake_event(w, EVENT_FAULT_ARMED);
	if (scales[_i].note)
		ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "note"), scales[_i].note);
	else
		ck_assert_ptr_null(json_object_get(armed, "note"));
	fake_world_free(w);
}
END_TEST

START_TEST(a_scaled_preset_strikes_in_scaled_time)
{
	struct fake_world *w = fake_world_new();
	struct fake_target *t;

	fake_door(w, "a", NULL);
	fake_door_add(&w->doors[0]);
	t = fake_open(&w->doors[0], "10.0.0.1");
	fake_arm(w, "idle_timeout time_scale=100 preset=aws-nlb");
	fake_until(w, 3);
	fake_carry(t, FLOW_DOWNSTREAM, 1);
	fake_until(w, 6.4);
	ck_assert_str_eq(fake_calls(w), "");
	fake_until(w, 6.5);
	ck_assert_str_eq(fake_calls(w), "1.client end=vanish; 1.server end=vanish");
	fake_world_free(w);
}
END_TEST

static const struct {
	const char *text, *error;
} too_small[] = {
	{ "idle_timeout preset=aws-nlb time_scale=35001",
	    "time_scale: expected at most 35000, so that after=350s lasts 10ms or longer, got "
	    "\"35001\"" },
	{ "idle_timeout time_scale=501 preset=node", "time_scale: expected at most 500, so that "
						     "after=5s lasts 10ms or longer, got \"501\"" },
	{ "idle_timeout time_scale=2 after=19ms",
	    "time_scale: expected at most 1, so that after=19ms lasts 10ms or longer, got \"2\"" },
	{ "idle_timeout time_scale=0",
	    "time_scale: expected a whole number from 1 to 100000, got \"0\"" },
	{ "idle_timeout time_scale=100001",
	    "time_scale: expected a whole number from 1 to 100000, got \"100001\"" },
	{ "idle_timeout time_scale=100000 after=9ms",
	    "after: expected a duration from 10ms to 30d, got \"9ms\"" },
	{ "hang time_scale=2",
	    "time_scale: unknown key: hang does not take it, idle_timeout does" },
};

START_TEST(too_small_an_idle_time_is_refused)
{
	struct config *c = one_proxy();
	struct conf_errors e = { 0 };
	char want[512];

	ck_assert(!conf_add_fault_text(c, "f", too_small[_i].text, catalogue_types, &e));
	snprintf(want, sizeof(want), "--fault '%s': %s", too_small[_i].text, too_small[_i].error);
	ck_assert_str_eq(e.message[0], want);
	ck_assert_uint_eq(e.count, 1);
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

Suite *presets_suite(void)
{
	Suite *s = suite_create("presets");
	TCase *t = tcase_create("presets");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_loop_test(t, given_keys_win_in_any_order, 0, COUNT(orders));
	tcase_add_loop_test(t, wrong_ones_are_explained, 0, COUNT(bad));
	tcase_add_test(t, errors_have_the_line_of_the_preset);
	tcase_add_test(t, a_config_without_a_file_is_checked_together);
	tcase_add_test(t, every_preset_is_what_it_says);
	tcase_add_test(t, proxies_close_and_do_not_count_probes);
	suite_add_tcase(s, t);
	t = tcase_create("time_scale");
	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_loop_test(t, time_is_scaled_and_that_is_noted, 0, COUNT(scales));
	tcase_add_test(t, a_scaled_preset_strikes_in_scaled_time);
	tcase_add_loop_test(t, too_small_an_idle_time_is_refused, 0, COUNT(too_small));
	suite_add_tcase(s, t);
	return s;
}
