/*
 * The verdict: what a run's journal says of the application, and whether that was expected. A pure
 * function: no clock, no socket, no file.
 *
 *     journal --facts.h--> sessions, faults, deaths, attempts --expect.h--> results --> JSON
 *
 * The JSON is a contract: config/schema/verdict-1.json. All reports (report.h) are made of it.
 */
#pragma once
#include "control/journal.h"
#include "model/scenario.h"

/* What the run is, beyond its journal; all borrowed. */
struct run_about {
	const char *version, *kernel, *started; /* RFC 3339 */
	uint64_t seed;
	char *const *command;    /* NULL-terminated; NULL: none */
	const char *replay;      /* the command line that plays it again */
	const char *config_text; /* the scenario file */
	/* This system's, for predictions: predict_preset(), with what /proc/sys says. */
	const struct predict_settings *system;
	int signal; /* that ended it; 0: none */
};

enum result { RESULT_PASS, RESULT_FAIL, RESULT_VACUOUS, RESULT_ERROR, RESULT_SKIPPED, RESULTS };
extern const char *const result_names[];

/* NULL: no memory. The journal holds everything, sorted. */
json_t *verdict_judge(
    const struct scenario *scenario, const struct journal *journal, const struct run_about *about);

/* Would judging now say the same as judging later? True: there is nothing left to wait for. */
bool verdict_settled(const struct scenario *scenario, const struct journal *journal);

/* 0 pass, 1 fail (or error), 3 vacuous, 4 could not inject, 128 + signal. */
int verdict_exit_code(const json_t *verdict);
