/* The parts of the verdict's JSON, as config/schema/verdict-1.json has them. Private to verdict. */
#pragma once
#include "control/expect.h"

#define VERDICT_SESSIONS 2000 /* those that were struck are never left out */
#define VERDICT_ATTEMPTS 10000
#define VERDICT_MARKS    200 /* of a session */

/* A moment or a duration; NOT_YET: null. */
json_t *verdict_ns(int64_t ns);
json_t *verdict_since(int64_t at_ns, int64_t from_ns); /* null if at_ns is NOT_YET */
json_t *verdict_text(const char *text);                /* NULL: null */
json_t *verdict_process(const struct fact_client *who);
json_t *verdict_ways(const int64_t bytes[static FACT_LEGS]);
const char *verdict_relay(const struct facts *f, unsigned relay); /* its name */

json_t *verdict_run(const struct facts *f, const struct run_about *about);
json_t *verdict_relays(const struct facts *f);
json_t *verdict_steps(const struct facts *f);
json_t *verdict_faults(const struct facts *f);
json_t *verdict_deaths(const struct facts *f, const struct predict_settings *system);
json_t *verdict_recoveries(const struct facts *f);
json_t *verdict_sessions(const struct facts *f, size_t *left_out);
json_t *verdict_attempts(const struct facts *f, size_t *left_out);
json_t *verdict_expectation(const struct judging *j, const struct judged *judged);
