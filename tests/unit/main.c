/*
 * All unit tests, one suite a module, one line a suite. check's own variables work: CK_FORK=no for
 * a debugger, CK_RUN_SUITE=units, CK_VERBOSITY=verbose.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

/* One line each: adding a suite touches no other line. */
/* clang-format off */
#define SUITES(X) \
	X(mono) \
	X(units) \
	X(addr) \
	X(heap) \
	X(rng) \
	X(nearest) \
	X(sink) \
	X(log) \
	X(field) \
	X(spec) \
	X(spec_json) \
	X(field_json) \
	X(timeline) \
	X(conf) \
	X(pipe) \
	X(socket) \
	X(catalogue) \
	X(faults) \
	X(presets) \
	X(engine) \
	X(cap) \
	X(tell) \
	X(strike) \
	X(icmp) \
	X(sniff) \
	X(reject) \
	X(walk) \
	X(stream) \
	X(latency) \
	X(bandwidth) \
	X(slicer) \
	X(limit) \
	X(fin_race) \
	X(shapes) \
	X(runs) \
	X(sieve) \
	X(flap) \
	X(gates) \
	X(flow) \
	X(witness) \
	X(command) \
	X(edit) \
	X(route) \
	X(feed) \
	X(serve_options) \
	X(ports_file) \
	X(resolve) \
	X(docs) \
	X(fault_types) \
	X(demo) \
	X(predict) \
	X(ctl) \
	X(top) \
	X(sockdiag) \
	X(journal_read) \
	X(facts) \
	X(verdict) \
	X(scenario) \
	X(journal) \
	X(await) \
	X(player) \
	X(report)

/* clang-format on */

#define DECLARE(name) Suite *name##_suite(void);
#define ROW(name)     name##_suite,

SUITES(DECLARE)

static Suite *(*const suites[])(void) = { SUITES(ROW) };

int main(void)
{
	SRunner *runner = srunner_create(NULL);

	signal(SIGPIPE, SIG_IGN);              /* as deadpeer itself does */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* check's 4 s are too few on a busy machine */
	for (size_t i = 0; i < sizeof(suites) / sizeof(*suites); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
