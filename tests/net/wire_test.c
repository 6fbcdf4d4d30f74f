/*
 * The wire on real connections, on loopback. Root runs everything twice, the second time as nobody.
 * Most tests wait for a retransmission timer, so every variant has a process of its own and they
 * wait together; what one prints comes out in one piece.
 */
#include "wire_rig.h"
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

START_TEST(probe_says_what_and_why)
{
	const int64_t began = mono_now_ns();

	wire_probe(&rig.wire);
	printf("probe: %.1f ms\n", (double)(mono_now_ns() - began) / 1e6);
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		ck_assert(rig.wire.has[f]);
		for (unsigned bit = 0; bit < 6; bit++) {
			const bool works = rig.wire.powers[f] & (1u << bit);

			ck_assert_int_eq(works, rig.wire.result[f][bit].error == 0);
			ck_assert_int_eq(works, rig.wire.result[f][bit].why[0] == '\0');
			if (!works)
				printf("IPv%d power %u: %s\n", f ? 6 : 4, bit,
				    rig.wire.result[f][bit].why);
		}
	}
	if (geteuid() == 0)
		ck_assert_ptr_null(wire_advice(&rig.wire));
	(void)fflush(stdout);
}
END_TEST

static Suite *variant_suite(int variant)
{
	Suite *suite = suite_create("wire");

	suite_add_tcase(suite, wire_cut_tests(variant));
	suite_add_tcase(suite, wire_death_tests(variant));
	suite_add_tcase(suite, wire_listener_tests(variant));
	suite_add_tcase(suite, wire_sieve_tests(variant));
	return suite;
}

static Suite *probe_suite(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("probe");

	tcase_add_test(tc, probe_says_what_and_why);
	suite_add_tcase(suite, tc);
	return suite;
}

static int run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A user without privilege has no exact grade, so it is as a variant without; and not every user
 * who has one may share. */
static bool variant_is_spare(int variant)
{
	struct wire wire;

	rig_describe(variant);
	if (rig.limit != GRADE_EXACT)
		return false;
	wire_probe(&wire);
	if (wire_grade(&wire, rig_family(), WIRE_BOTH) != GRADE_EXACT)
		return skip("everything", wire.result[WIRE_V4][0].why);
	wire_share(&wire);
	if (!rig.shared || wire.shared_drop)
		return false;
	return skip("everything", "no CAP_BPF");
}

/* The suite in a process of its own, whose output goes to *out. */
static pid_t start_variant(int variant, FILE **out)
{
	pid_t child;

	*out = tmpfile();
	if (!*out || fflush(NULL) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		if (dup2(fileno(*out), STDOUT_FILENO) < 0)
			_exit(EXIT_FAILURE);
		exit(variant_is_spare(variant) ? EXIT_SUCCESS : run(variant_suite(variant)));
	}
	return child;
}

static bool finish_variant(pid_t child, FILE *out)
{
	int status = 0, c;

	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	rewind(out);
	while ((c = getc(out)) != EOF)
		putchar(c);
	(void)fclose(out);
	return status == 0;
}

static int run_all(void)
{
	pid_t child[N_VARIANTS];
	FILE *out[N_VARIANTS];
	bool good;

	printf("wire_test as uid %u\n", (unsigned)geteuid());
	(void)fflush(stdout);
	good = run(probe_suite()) == EXIT_SUCCESS;
	for (int i = 0; i < N_VARIANTS; i++)
		child[i] = start_variant(i, &out[i]);
	for (int i = 0; i < N_VARIANTS; i++)
		good = finish_variant(child[i], out[i]) && good;
	printf("wire_test as uid %u: %s\n", (unsigned)geteuid(), good ? "passed" : "FAILED");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_as_nobody(void)
{
	int status = 0;
	pid_t child;

	(void)fflush(NULL);
	child = fork();
	if (child == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(EXIT_FAILURE);
		exit(run_all());
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? EXIT_SUCCESS
									       : EXIT_FAILURE;
}

int main(void)
{
	const int as_it_is = run_all();

	if (geteuid() != 0)
		return as_it_is;
	return run_as_nobody() == EXIT_SUCCESS ? as_it_is : EXIT_FAILURE;
}
