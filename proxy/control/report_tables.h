/*
 * The tables of all reports, said once: which columns there are and what stands in them. Each
 * writer lays them out its own way.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct table_column {
	const char *head;
	char *(*cell)(const json_t *row); /* free(3) it; NULL: "" */
	bool is_wide;                     /* left out in a terminal and in a job's summary */
	bool is_result;                   /* its text is a result's name, or as a result is */
};

struct report_table {
	const char *list; /* member of the verdict */
	const char *title;
	const char *id;                     /* in a page */
	const char *none;                   /* instead of an empty table; NULL: no section at all */
	const struct table_column *columns; /* head NULL ends them */
	bool (*wants)(const json_t *row);   /* NULL: all rows */
};

extern const struct report_table table_expectations, table_deaths, table_reconnects,
    table_recoveries, table_steps, table_faults, table_relays;

static inline bool table_wants(const struct report_table *t, const json_t *row)
{
	return !t->wants || t->wants(row);
}

size_t table_rows(const struct report_table *t, const json_t *verdict);

/* "pass", "fail" ...: how a row is to be seen; "": as all others. */
const char *table_row_result(const struct report_table *t, const json_t *row);
