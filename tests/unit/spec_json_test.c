/* Faults as the API writes them, there and back: units, streams, what each type takes. */
#include "base/mono.h"
#include "faults/catalogue.h"
#include "faults/fault.h"
#include "model/spec_json.h"
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

Suite *spec_json_suite(void);

/* A classic type with every kind of number, and one of its own with every kind of value. */
static const struct field slicer_params[] = {
	FAULT_DIRECTION("downstream", "the direction"),
	{ .key = "average_size",
	    .kind = FIELD_SIZE,
	    .offset = 8,
	    .initial = "0",
	    .help = "bytes of a piece" },
	{ .key = "size_variation",
	    .kind = FIELD_SIZE,
	    .offset = 16,
	    .initial = "0",
	    .help = "more or less" },
	{ .key = "pause",
	    .kind = FIELD_DURATION,
	    .offset = 24,
	    .initial = "0",
	    .help = "between pieces" },
	{ .key = "extra", .kind = FIELD_COUNT, .offset = 32, .initial = "3", .help = "of our own" },
	{ .key = NULL },
};
static const struct fault_type slicer = {
	.name = "slicer", .params = slicer_params, .sides = 1 << SIDE_BOTH
};

static const char *const modes[] = { "soft", "hard", NULL };
static const struct field own_params[] = {
	{ .key = "down",
	    .kind = FIELD_DURATION,
	    .initial = "30s",
	    .min = NS_PER_MS,
	    .max = 60 * NS_PER_S },
	{ .key = "mode", .kind = FIELD_CHOICE, .offset = 8, .initial = "soft", .choices = modes },
	{ .key = "often", .kind = FIELD_BOOL, .offset = 12, .initial = "no" },
	{ .key = "note", .kind = FIELD_TEXT, .offset = 16, .initial = "n" },
	{ .key = "share", .kind = FIELD_PROBABILITY, .offset = 24, .initial = "0.5" },
	{ .key = NULL },
};
static const struct fault_type own = {
	.name = "own", .params = own_params, .sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT
};
static const struct fault_type server_only = { .name = "server_only", .sides = 1 << SIDE_SERVER };

static struct config *config;
static char err[512];

static void setup(void)
{
	config = config_new();
	*err = '\0';
}

static void teardown(void)
{
	config_free(config);
}

static struct fault_spec *add(const struct fault_type *type)
{
	return config_add_fault(config, "f", type);
}

static bool set(struct fault_spec *f, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	bool done;

	ck_assert_msg(o != NULL, "%s", text);
	done = spec_json_set_attributes(f, o, err, sizeof(err));
	json_decref(o);
	return done;
}

static void assert_json(const struct fault_spec *f, const char *wanted)
{
	json_t *o = spec_json_toxic(f);
	char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));

	ck_assert_str_eq(text, wanted);
	free(text);
	json_decref(o);
}

START_TEST(classic_numbers_have_toxiproxys_units)
{
	struct fault_spec *f = add(&slicer);
	const char *p = (const char *)f->params.bytes;
	int64_t delay;

	ck_assert(spec_json_is_classic(&slicer));
	assert_json(f, "{\"attributes\":{\"average_size\":0,\"size_variation\":0,\"delay\":0},"
		       "\"name\":\"f\",\"type\":\"slicer\",\"stream\":\"downstream\","
		       "\"toxicity\":1}");
	ck_assert(set(f, "{\"average_size\":64,\"delay\":250,\"Size_Variation\":8}"));
	memcpy(&delay, p + 24, sizeof(delay));
	ck_assert_int_eq(delay, 250 * NS_PER_US);
	ck_assert_int_eq(f->delay_ns, 0);
	ck_assert(set(f, "{\"extra\":4}"));
	assert_json(f, "{\"attributes\":{\"average_size\":64,\"size_variation\":8,\"delay\":250,"
		       "\"extra\":4},\"name\":\"f\",\"type\":\"slicer\","
		       "\"stream\":\"downstream\",\"toxicity\":1}");
}
END_TEST

/* The real ones, with Toxiproxy's own attributes. */
static const struct {
	const char *type, *given, *told;
} classics[] = {
	{ "latency", "{\"latency\":100,\"jitter\":7}", "{\"latency\":100,\"jitter\":7}" },
	{ "latency", "{}", "{\"latency\":0,\"jitter\":0}" },
	{ "latency", "{\"distribution\":\"normal\"}",
	    "{\"latency\":0,\"jitter\":0,\"distribution\":\"normal\"}" },
	{ "bandwidth", "{\"rate\":64}", "{\"rate\":64}" },
	{ "bandwidth", "{}", "{\"rate\":0}" },
	{ "slow_close", "{\"delay\":250}", "{\"delay\":250}" },
	{ "timeout", "{\"timeout\":3000}", "{\"timeout\":3000}" },
	{ "reset_peer", "{\"timeout\":40}", "{\"timeout\":40}" },
	{ "slicer", "{\"average_size\":9,\"size_variation\":2,\"delay\":10}",
	    "{\"average_size\":9,\"size_variation\":2,\"delay\":10}" },
	{ "limit_data", "{\"bytes\":1000}", "{\"bytes\":1000}" },
};

START_TEST(classics_of_the_catalogue)
{
	const struct fault_ops *ops = catalogue_find(classics[_i].type);
	struct fault_spec *f;
	char wanted[256];

	if (!ops)
		return;
	f = add(&ops->type);
	ck_assert_ptr_null(spec_json_set_stream(f, "upstream"));
	ck_assert_msg(set(f, classics[_i].given), "%s", err);
	snprintf(wanted, sizeof(wanted),
	    "{\"attributes\":%s,\"name\":\"f\",\"type\":\"%s\",\"stream\":\"upstream\","
	    "\"toxicity\":1}",
	    classics[_i].told, classics[_i].type);
	assert_json(f, wanted);
	ck_assert_int_eq(f->delay_ns, 0);
}
END_TEST

START_TEST(presets_are_attributes)
{
	struct fault_spec *f = add(&catalogue_find("idle_timeout")->type);
	json_t *o, *a;

	ck_assert_msg(set(f, "{\"preset\":\"aws-nlb\",\"mode\":\"drop\"}"), "%s", err);
	o = spec_json_toxic(f);
	a = json_object_get(o, "attributes");
	ck_assert_int_eq(json_integer_value(json_object_get(a, "after")), 350000);
	ck_assert_str_eq(json_string_value(json_object_get(a, "mode")), "drop");
	json_decref(o);
	ck_assert_msg(set(f, "{\"preset\":\"aws-nlb\"}"), "%s", err);
	o = spec_json_toxic(f);
	a = json_object_get(o, "attributes");
	ck_assert_str_eq(json_string_value(json_object_get(a, "mode")), "rst_next");
	json_decref(o);
	ck_assert(!set(f, "{\"preset\":\"nonsense\"}"));
}
END_TEST

START_TEST(classic_types_ignore_what_they_do_not_know)
{
	struct fault_spec *f = add(&slicer);

	ck_assert(set(f, "{\"nonsense\":1,\"other_nonsense\":{},\"delay\":null}"));
	ck_assert(spec_json_set_attributes(f, NULL, err, sizeof(err)));
	ck_assert(!set(f, "{\"delay\":5.0}"));
	ck_assert_ptr_nonnull(
	    strstr(err, "a whole number of microseconds, 0 or more (no \".\", no \"e\"), got 5.0"));
	ck_assert(!set(f, "{\"delay\":\"5s\"}"));
	ck_assert_ptr_nonnull(strstr(err, "a whole number of microseconds"));
}
END_TEST

START_TEST(own_types_take_text_and_common_keys)
{
	struct fault_spec *f = add(&own);

	ck_assert(!spec_json_is_classic(&own));
	ck_assert(set(f, "{\"down\":1500,\"mode\":\"hard\",\"often\":true,\"note\":\"x\","
			 "\"share\":0.25,\"delay\":\"5s\",\"duration\":10,\"after_bytes\":\"4KiB\","
			 "\"clients\":\"10.0.0.0/8\",\"nth\":3}"));
	ck_assert_int_eq(*(int64_t *)(void *)f->params.bytes, 1500 * NS_PER_MS);
	ck_assert_int_eq(f->delay_ns, 5 * NS_PER_S);
	ck_assert_int_eq(f->duration_ns, 10 * NS_PER_MS);
	ck_assert_uint_eq(f->after_bytes, 4096);
	ck_assert_uint_eq(f->nth, 3);
	ck_assert_int_eq(f->clients.bits, 8);
	f->toxic = strdup("name of its own");
	assert_json(f, "{\"attributes\":{\"down\":1500,\"mode\":\"hard\",\"often\":true,"
		       "\"note\":\"x\",\"share\":0.25,\"delay\":5000,\"duration\":10,"
		       "\"after_bytes\":4096,\"clients\":\"10.0.0.0/8\",\"nth\":3},"
		       "\"name\":\"name of its own\",\"type\":\"own\",\"stream\":\"downstream\","
		       "\"toxicity\":1}");
}
END_TEST

static const struct {
	const char *attributes, *said;
} wrong[] = {
	{ "{\"nonsense\":1}", "unknown attribute \"nonsense\": own takes down, mode, often, note, "
			      "share, host, side" },
	{ "{\"toxicity\":1}", "unknown attribute \"toxicity\"" },
	{ "{\"proxy\":\"p\"}", "unknown attribute \"proxy\"" },
	{ "{\"down\":0}", "attribute down: expected a duration from 1ms to 1m, got 0" },
	{ "{\"down\":-1}", "attribute down: expected a whole number of milliseconds, 0 or more" },
	{ "{\"down\":1.5}", "got 1.5" },
	{ "{\"down\":true}", "whole number of milliseconds, 0 or more, got true" },
	{ "{\"down\":\"5\"}", "a duration with a unit" },
	{ "{\"down\":[]}", "got []" },
	{ "{\"down\":9223372036854775807}", "attribute down: expected " },
	{ "{\"mode\":\"weird\"}", "attribute mode: expected soft or hard" },
	{ "{\"mode\":1}", "attribute mode: expected " },
	{ "{\"share\":2}", "a probability" },
	{ "{\"share\":-0.5}", "a probability" },
	{ "{\"nth\":-1}", "a whole number" },
	{ "{\"after_bytes\":-1}", "a whole number of bytes" },
	{ "{\"clients\":\"x\"}", "an address or a range" },
	{ "{\"side\":\"nobody\"}", "server, client or both" },
};

START_TEST(wrong_values_are_named)
{
	struct fault_spec *f = add(&own);

	ck_assert_msg(!set(f, wrong[_i].attributes), "%s", wrong[_i].attributes);
	ck_assert_msg(strstr(err, wrong[_i].said) != NULL, "%s: %s", wrong[_i].attributes, err);
}
END_TEST

START_TEST(attributes_are_an_object)
{
	json_t *o = json_array();

	ck_assert(!spec_json_set_attributes(add(&own), o, err, sizeof(err)));
	json_decref(o);
}
END_TEST

START_TEST(streams_are_sides)
{
	struct fault_spec *f = add(&own);

	ck_assert_ptr_null(spec_json_set_stream(f, "UpStream"));
	ck_assert_int_eq(f->side, SIDE_CLIENT);
	ck_assert_str_eq(spec_json_stream(f), "upstream");
	ck_assert_ptr_null(spec_json_set_stream(f, "downstream"));
	ck_assert_int_eq(f->side, SIDE_SERVER);
	ck_assert_ptr_nonnull(spec_json_set_stream(f, ""));
	ck_assert_ptr_nonnull(spec_json_set_stream(f, "both"));
	f = add(&server_only);
	ck_assert_ptr_null(spec_json_set_stream(f, NULL));
	ck_assert_ptr_null(spec_json_set_stream(f, "downstream"));
	ck_assert_ptr_nonnull(spec_json_set_stream(f, "upstream"));
}
END_TEST

START_TEST(streams_are_directions_where_there_is_one)
{
	struct fault_spec *f = add(&slicer), *cut = add(&catalogue_find("partition")->type);

	ck_assert_ptr_null(spec_json_set_stream(f, "upstream"));
	ck_assert_int_eq(*(int *)(void *)f->params.bytes, DIRECTION_UPSTREAM);
	ck_assert_str_eq(spec_json_stream(f), "upstream");
	ck_assert_ptr_null(spec_json_set_stream(f, NULL));
	ck_assert_str_eq(spec_json_stream(f), "downstream");
	ck_assert_ptr_null(spec_json_set_stream(cut, NULL)); /* not one way, unless asked */
	assert_json(cut,
	    "{\"attributes\":{\"direction\":\"both\"},\"name\":\"f\",\"type\":\"partition\","
	    "\"stream\":\"downstream\",\"toxicity\":1}");
}
END_TEST

static const struct {
	double given;
	const char *told;
} shares[] = { { 0.1, "0.1" }, { 0, "0" }, { 1, "1" }, { 0.123456789, "0.12345679" },
	{ 0.5, "0.5" }, { 1e-10, "1e-10" }, { -0.0, "0" }, { 1e-30, "0" }, { 0.99999999999, "1" },
	{ 0.6666660012, "0.66666603" } };

START_TEST(toxicity_is_a_short_float)
{
	struct fault_spec *f = add(&server_only);
	json_t *given = json_real(shares[_i].given);
	char wanted[256];

	ck_assert(spec_json_set_toxicity(f, given, err, sizeof(err)));
	snprintf(wanted, sizeof(wanted),
	    "{\"attributes\":{},\"name\":\"f\",\"type\":\"server_only\","
	    "\"stream\":\"downstream\",\"toxicity\":%s}",
	    shares[_i].told);
	assert_json(f, wanted);
	json_decref(given);
}
END_TEST

START_TEST(toxicity_is_a_probability)
{
	static const char *const wrong_ones[] = { "2.5", "-1", "\"1\"", "true", "[]" };
	struct fault_spec *f = add(&own);

	ck_assert(spec_json_set_toxicity(f, NULL, err, sizeof(err)));
	for (size_t i = 0; i < sizeof(wrong_ones) / sizeof(*wrong_ones); i++) {
		json_t *o = json_loads(wrong_ones[i], JSON_DECODE_ANY, NULL);

		ck_assert(!spec_json_set_toxicity(f, o, err, sizeof(err)));
		json_decref(o);
	}
	ck_assert(f->toxicity >= 1);
}
END_TEST

/* What is shown can be given back, and is the same then. */
START_TEST(every_type_of_the_catalogue_goes_there_and_back)
{
	for (const struct fault_type *const *t = catalogue_types; *t; t++) {
		struct fault_spec *f = add(*t), *g = add(*t);
		json_t *shown = spec_json_toxic(f);

		ck_assert_ptr_nonnull(shown);
		ck_assert_ptr_null(
		    spec_json_set_stream(g, json_string_value(json_object_get(shown, "stream"))));
		ck_assert_msg(spec_json_set_attributes(
				  g, json_object_get(shown, "attributes"), err, sizeof(err)),
		    "%s: %s", (*t)->name, err);
		ck_assert_msg(fault_spec_equal(f, g), "%s", (*t)->name);
		json_decref(shown);
	}
}
END_TEST

Suite *spec_json_suite(void)
{
	Suite *s = suite_create("spec_json");
	TCase *t = tcase_create("toxics");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, classic_numbers_have_toxiproxys_units);
	tcase_add_loop_test(t, classics_of_the_catalogue, 0, sizeof(classics) / sizeof(*classics));
	tcase_add_test(t, presets_are_attributes);
	tcase_add_test(t, classic_types_ignore_what_they_do_not_know);
	tcase_add_test(t, own_types_take_text_and_common_keys);
	tcase_add_loop_test(t, wrong_values_are_named, 0, sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(t, attributes_are_an_object);
	tcase_add_test(t, streams_are_sides);
	tcase_add_test(t, streams_are_directions_where_there_is_one);
	tcase_add_loop_test(t, toxicity_is_a_short_float, 0, sizeof(shares) / sizeof(*shares));
	tcase_add_test(t, toxicity_is_a_probability);
	tcase_add_test(t, every_type_of_the_catalogue_goes_there_and_back);
	suite_add_tcase(s, t);
	return s;
}
