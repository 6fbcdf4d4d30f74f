/*
 * What an application's settings must give for a death (model/predict.h), beside what was measured.
 * Its settings are those of its socket (peer.settings), else [client]'s, over the system's.
 */
#pragma once
#include "control/facts.h"
#include "model/predict.h"

/* How far a measurement may be off: sockets and counters are sampled. */
#define FORECAST_SLACK_NS (INT64_C(250) * 1000 * 1000)

enum against { AGAINST_WITHIN, AGAINST_SOONER, AGAINST_LATER, AGAINST_UNKNOWN };
extern const char *const against_names[];

struct forecast {
	bool known; /* else nothing below is */
	enum predict_outcome outcome;
	enum predict_by by;
	int error;
	int64_t low_ns, high_ns; /* since the death; NOT_YET: none */
	char advice[240];        /* "" none */
	char cause[120];         /* why it is so: "no user timeout is set"; "" nothing to say */
	char settings[200];      /* "keepalive 15/15/9, user timeout 20 s" */
};

/* system NULL: Linux's defaults. */
void forecast(const struct facts *f, const struct fact_death *d,
    const struct predict_settings *system, struct forecast *out);

enum against forecast_against(
    const struct facts *f, const struct fact_death *d, const struct forecast *c);
