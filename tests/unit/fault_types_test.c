/* The words of deadpeer fault types, for rows that the catalogue may not have yet. */
#include "cli/fault_types.h"
#include "cli/text_table.h"
#include <check.h>
#include <string.h>

Suite *fault_types_suite(void);

static unsigned both_ways(const struct fault_spec *s, enum leg leg)
{
	(void)s, (void)leg;
	return WIRE_BOTH;
}

static unsigned one_way(const struct fault_spec *s, enum leg leg)
{
	(void)s;
	return leg == LEG_CLIENT ? WIRE_IN : WIRE_OUT;
}

static unsigned no_way(const struct fault_spec *s, enum leg leg)
{
	(void)s, (void)leg;
	return 0;
}

static const struct {
	struct fault_ops ops;
	const char *needs;
	enum grade root, unprivileged;
} needs[] = {
	{ { .type = { 0 } }, "nothing", GRADE_EXACT, GRADE_EXACT },
	{ { .type = { .needs_wire = true }, .dirs = both_ways }, "TCP, any wire power", GRADE_EXACT,
	    GRADE_EQUIVALENT },
	{ { .type = { .needs_wire = true }, .dirs = one_way }, "TCP, any wire power",
	    GRADE_EQUIVALENT, GRADE_PARTIAL },
	{ { .type = { .needs_filter = true } }, "TCP, CAP_NET_ADMIN", GRADE_EXACT, GRADE_REFUSED },
	{ { .type = { .needs_wire = true, .needs_filter = true }, .dirs = both_ways },
	    "TCP, CAP_NET_ADMIN", GRADE_EXACT, GRADE_REFUSED },
	{ { .type = { .needs_wire = true, .wire_with = "mode=silent" }, .dirs = no_way },
	    "TCP, wire if mode=silent", GRADE_EXACT, GRADE_EXACT },
	{ { .type = { .needs_raw = true } }, "TCP, CAP_NET_RAW", GRADE_EXACT, GRADE_REFUSED },
};

START_TEST(what_it_needs_and_how_well_it_does)
{
	char buf[FACT_MAX];

	ck_assert_str_eq(fact_needs(buf, &needs[_i].ops.type), needs[_i].needs);
	ck_assert_int_eq(fact_grade(&needs[_i].ops, PRIVILEGE_ROOT), needs[_i].root);
	ck_assert_int_eq(fact_grade(&needs[_i].ops, PRIVILEGE_NONE), needs[_i].unprivileged);
}
END_TEST

static const char *const few[] = { "a", "b", NULL };
static const char *const many[] = { "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL };
static const struct preset some[] = { { .name = "a" }, { 0 } };
static const struct fault_type boxed = { .presets = some };

static const struct {
	struct field field;
	const char *value;
} values[] = {
	{ { .key = "k", .kind = FIELD_DURATION, .max = 5000000000 }, "duration, 0 to 5s" },
	{ { .key = "k", .kind = FIELD_DURATION }, "duration" },
	{ { .key = "k", .kind = FIELD_SIZE, .min = 1, .max = 65536 }, "size, 1B to 64KiB" },
	{ { .key = "k", .kind = FIELD_SIZE, .min = 68, .max = 65535 }, "size, 68B to 65535B" },
	{ { .key = "k", .kind = FIELD_COUNT, .min = 1, .max = 7 }, "number, 1 to 7" },
	{ { .key = "k", .kind = FIELD_PROBABILITY }, "probability" },
	{ { .key = "k", .kind = FIELD_BOOL }, "yes or no" },
	{ { .key = "k", .kind = FIELD_CHOICE, .choices = few }, "a|b" },
	{ { .key = "k", .kind = FIELD_CHOICE, .choices = many }, "name" },
	{ { .key = "preset", .kind = FIELD_CHOICE, .choices = few }, "see --presets" },
};

START_TEST(what_a_key_takes)
{
	char buf[FACT_MAX];

	ck_assert_str_eq(fact_value(buf, &boxed, &values[_i].field), values[_i].value);
}
END_TEST

START_TEST(which_sides)
{
	char buf[FACT_MAX];

	ck_assert_str_eq(fact_sides(buf, &(struct fault_type){ .sides = 7 }), "any");
	ck_assert_str_eq(fact_sides(buf, &(struct fault_type){ .sides = 3 }), "server, client");
	ck_assert_str_eq(fact_sides(buf, &(struct fault_type){ .sides = 4 }), "both");
}
END_TEST

/* Rows are copied. */
START_TEST(a_table_owns_its_cells)
{
	struct text_table t = { .columns = 2 };
	char cell[] = "first";

	ck_assert(text_table_add(&t, (const char *const[]){ cell, "x" }));
	memset(cell, 'y', sizeof(cell) - 1);
	ck_assert_str_eq(t.rows[0][0], "first");
	ck_assert_uint_eq(t.count, 1);
	text_table_free(&t);
	text_table_free(&t);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

Suite *fault_types_suite(void)
{
	Suite *s = suite_create("fault_types");
	TCase *t = tcase_create("facts");

	tcase_add_loop_test(t, what_it_needs_and_how_well_it_does, 0, COUNT(needs));
	tcase_add_loop_test(t, what_a_key_takes, 0, COUNT(values));
	tcase_add_test(t, which_sides);
	tcase_add_test(t, a_table_owns_its_cells);
	suite_add_tcase(s, t);
	return s;
}
