/*
 * The tables of all reports, said once: which columns there are and what stands in them. Each
 * writer lays them out its own way.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define TABLE_ALL ((size_t)100000)

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
	size_t in_terminal;                 /* rows there, at most; TABLE_ALL */
	bool (*wants)(const json_t *row);   /* NULL: all rows */
	bool (*first)(const json_t *row);   /* these before others, as not all may be shown */
};

extern const struct report_table table_expectations, table_deaths, table_reconnects,
    table_recoveries, table_steps, table_faults, table_relays,
    table_running; /* the relays, but the run's own */

/* Of rows, so many at most; of a table that must be seen as a whole, all. */
static inline size_t table_most(const struct report_table *t, size_t most)
{
	return t->in_terminal > most ? t->in_terminal : most;
}

/* The rows as they are to be shown, borrowed, in an array to free(3); *n: how many. NULL: none, or
 * no memory. */
const json_t **table_rows(const struct report_table *t, const json_t *verdict, size_t *n);

/* "pass", "fail" ...: how a row is to be seen; "": as all others. */
const char *table_row_result(const struct report_table *t, const json_t *row);
