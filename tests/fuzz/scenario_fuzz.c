/*
 * Whatever a scenario says: it is read, or refused with messages that say where. What was read has
 * a plan.
 */
#include "control/player.h"
#include "faults/catalogue.h"
#include "fuzz.h"
#include "model/scenario.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_scenario(const struct scenario *s, bool must_be)
{
	FILE *out = fopen("/dev/null", "we");

	CHECK(!must_be || (s->n_steps && s->n_expectations));
	for (size_t i = 0; i < s->n_steps; i++) {
		CHECK(s->steps[i].name && s->steps[i].title && s->steps[i].n_actions);
		for (size_t j = 0; j < s->steps[i].n_actions; j++) {
			const struct action *a = &s->steps[i].actions[j];

			CHECK(a->text && (a->kind != ACTION_ARM) == !a->fault);
		}
	}
	CHECK(out && player_print_plan(s, 1, out));
	fclose(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("scenario", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int way = 0; way < 3; way++) {
		struct conf_errors errors = { 0 };
		struct scenario *s = way == 2
					 ? scenario_load_either(path, catalogue_types, &errors)
					 : scenario_load(path, way == 1, catalogue_types, &errors);

		CHECK(!s == (errors.count > 0));
		if (s)
			check_scenario(s, way < 2);
		scenario_free(s);
		conf_errors_free(&errors);
	}
	close(fd);
	return 0;
}
