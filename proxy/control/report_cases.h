/*
 * A verdict as the test cases that JUnit and TAP know: the expectations, the steps, and each fault
 * that was refused; if the whole is not green and none of these says so, one more for that. So what
 * is not pass (or skipped) has a case that is red.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct report_case {
	const char *group;   /* expect, steps, faults, verdict */
	char *title;         /* unique in its group */
	const char *result;  /* pass, fail, vacuous, error, skipped; what is none of them: error */
	const char *message; /* "": none */
	const char *file;    /* "": none */
	long long line;      /* 0: none */
	double seconds;
	const json_t *source; /* its numbers: the verdict's own object */
};

struct report_cases {
	struct report_case *cases;
	size_t n;
};

bool cases_make(const json_t *verdict, struct report_cases *c); /* false: no memory */
void cases_free(struct report_cases *c);
size_t cases_count(const struct report_cases *c, const char *result);

/* The numbers (and short texts) of a case that are worth a property: name and value, one after the
 * other; arrays and objects are left out. NULL: that was the last one. */
const char *case_number(const struct report_case *c, size_t i, const json_t **value);
