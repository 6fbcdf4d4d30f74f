/* Every row of the catalogue says what it must, and says it of keys that there are. */
#include "faults/catalogue.h"
#include "faults/fault.h"
#include "model/conf.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *catalogue_suite(void);

/* clang-format off */
static const char *const wanted[] = {
	"power_loss",
	"reboot",
	"process_crash",
	"hang",
	"partition",
	"reset",
	"idle_timeout",
	"refuse",
	"syn_drop",
	"half_close",
	"flap",
	"max_connections",
	"accept_queue_full",
	"connect_delay",
	"unreachable",
	"packet_loss",
	"mtu_blackhole",
	"ack_loss",
	"keepalive_blackhole",
	"latency",
	"bandwidth",
	"slow_close",
	"slicer",
	"limit_data",
	"timeout",
	"reset_peer",
	"slow_drip",
	"stall",
	"corrupt",
	"fin_race",
	"noop",
};
/* clang-format on */

#define N_WANTED (sizeof(wanted) / sizeof(*wanted))

START_TEST(every_death_is_there_once)
{
	size_t n = 0;

	for (; catalogue[n]; n++) {
		ck_assert_ptr_eq(catalogue_types[n], &catalogue[n]->type);
		ck_assert_ptr_eq(catalogue_find(catalogue[n]->type.name), catalogue[n]);
		ck_assert_ptr_eq(catalogue_ops(catalogue_types[n]), catalogue[n]);
		ck_assert_ptr_null(spec_check_name(catalogue[n]->type.name));
	}
	ck_assert_ptr_null(catalogue_types[n]);
	ck_assert_uint_eq(n, N_WANTED);
	for (size_t i = 0; i < N_WANTED; i++)
		ck_assert_ptr_nonnull(catalogue_find(wanted[i]));
	ck_assert_ptr_null(catalogue_find("power"));
	ck_assert_ptr_null(catalogue_find(""));
}
END_TEST

static void check_sentence(const char *name, const char *text)
{
	ck_assert_msg(text && strlen(text) > 10, "%s says too little", name);
	ck_assert_msg(text[strlen(text) - 1] != '.', "%s: no full stop", name);
}

START_TEST(every_type_explains_itself)
{
	for (const struct fault_type *const *t = catalogue_types; *t; t++) {
		check_sentence((*t)->name, (*t)->summary);
		check_sentence((*t)->name, (*t)->peer_sees);
		ck_assert_msg(
		    (*t)->sides & 7 && !((*t)->sides & ~7u), "%s has no side", (*t)->name);
	}
}
END_TEST

START_TEST(params_have_help_and_hide_nothing)
{
	for (const struct fault_type *const *t = catalogue_types; *t; t++)
		for (const struct field *f = (*t)->params; f && f->key; f++) {
			check_sentence(f->key, f->help);
			ck_assert_msg(!field_find(fault_fields, f->key), "%s.%s is a common key",
			    (*t)->name, f->key);
			ck_assert_str_ne(f->key, "type");
			ck_assert_ptr_eq(field_find((*t)->params, f->key), f);
			ck_assert_uint_le(f->offset + sizeof(int64_t), FAULT_PARAMS_BYTES);
			ck_assert_msg(
			    f->initial || f->required, "%s.%s has no default", (*t)->name, f->key);
		}
}
END_TEST

START_TEST(refusals_name_common_keys_once)
{
	for (const struct fault_type *const *t = catalogue_types; *t; t++)
		for (const struct refusal *r = (*t)->refusals; r && r->key; r++) {
			ck_assert_msg(field_find(fault_fields, r->key) != NULL,
			    "%s refuses %s, which is no key", (*t)->name, r->key);
			check_sentence(r->key, r->why);
			for (const struct refusal *q = r + 1; q->key; q++)
				ck_assert_str_ne(r->key, q->key);
		}
}
END_TEST

static bool refuses(const struct fault_type *t, const char *key)
{
	for (const struct refusal *r = t->refusals; r && r->key; r++)
		if (!strcmp(r->key, key))
			return true;
	return false;
}

/* The functions and the data of a row agree. */
START_TEST(rows_agree_with_themselves)
{
	for (const struct fault_ops *const *o = catalogue; *o; o++) {
		const struct fault_ops *ops = *o;
		const char *name = ops->type.name;

		ck_assert_msg((ops->dirs != NULL) == ops->type.needs_wire, "%s: wire", name);
		ck_assert_msg((ops->gate != GATE_OPEN) == ops->type.gates, "%s: gate", name);
		ck_assert_msg(
		    ops->gate != GATE_SILENT || ops->type.needs_wire, "%s: silent gate", name);
		ck_assert_msg((ops->tail_gate != GATE_OPEN) == (ops->tail != FAULT_NO_PARAM),
		    "%s: tail", name);
		ck_assert_msg((ops->lasts != FAULT_NO_PARAM) == refuses(&ops->type, "duration"),
		    "%s: two lengths, or none", name);
		ck_assert_msg(ops->other != OTHER_DEFAULT || !(ops->arm || ops->pump),
		    "%s: what is the default of other?", name);
		ck_assert_msg(ops->arm || ops->pump || refuses(&ops->type, "nth"),
		    "%s strikes no session", name);
		ck_assert_msg(!ops->pump || ops->flows, "%s: whose bytes?", name);
		ck_assert_msg(!ops->settle || ops->arm, "%s settles what it does not arm", name);
		ck_assert_msg(!ops->look == !ops->look_ns, "%s: how often does it look?", name);
		ck_assert_msg(!ops->type.needs_filter || refuses(&ops->type, "other"),
		    "%s: no end dies, so there is no other", name);
	}
}
END_TEST

/* What needs no silence works on Unix sockets; and what keys cannot say together. */
static const struct {
	const char *text, *error;
} variants[] = {
	{ "limit_data then=fin", NULL },
	{ "limit_data then=rst", NULL },
	{ "limit_data then=hang", NULL },
	{ "limit_data then=silent", "needs TCP" },
	{ "max_connections mode=rst", NULL },
	{ "max_connections mode=silent", "needs TCP" },
	{ "idle_timeout mode=fin", NULL },
	{ "idle_timeout preset=aws-alb", NULL },
	{ "idle_timeout mode=rst_both", NULL },
	{ "idle_timeout mode=rst_next", "needs TCP" },
	{ "idle_timeout mode=drop", "needs TCP" },
	{ "latency side=client", "side: latency does not take side" },
	{ "unreachable mtu=1300", "mtu: expected code=frag_needed" },
};

START_TEST(a_type_and_its_keys)
{
	struct config *c = config_new();
	struct proxy_spec *p = config_add_proxy(c, "u");
	struct conf_errors e = { 0 };
	char buf[64];

	ck_assert_ptr_null(
	    field_parse(field_find(proxy_fields, "listen"), p, "unix:/a", buf, sizeof(buf)));
	ck_assert_ptr_null(
	    field_parse(field_find(proxy_fields, "upstream"), p, "unix:/b", buf, sizeof(buf)));
	conf_add_fault_text(c, "f", variants[_i].text, catalogue_types, &e);
	if (!e.count)
		conf_check(c, &e);
	if (!variants[_i].error)
		ck_assert_msg(!e.count, "%s", e.count ? e.message[0] : "");
	else
		ck_assert_ptr_nonnull(strstr(e.message[e.count - 1], variants[_i].error));
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

Suite *catalogue_suite(void)
{
	Suite *s = suite_create("catalogue");
	TCase *c = tcase_create("rows");

	tcase_add_test(c, every_death_is_there_once);
	tcase_add_test(c, every_type_explains_itself);
	tcase_add_test(c, params_have_help_and_hide_nothing);
	tcase_add_test(c, refusals_name_common_keys_once);
	tcase_add_test(c, rows_agree_with_themselves);
	tcase_add_loop_test(c, a_type_and_its_keys, 0, (int)(sizeof(variants) / sizeof(*variants)));
	suite_add_tcase(s, c);
	return s;
}
