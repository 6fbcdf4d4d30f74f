/*
 * Pictures in a page: rows of a label and a strip, all strips as wide as each other and on one
 * axis. Places across a strip are percent, so it fits a telephone as it fits a screen without its
 * text being scaled; heights are pixels.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define AXIS_HEIGHT 22

struct axis {
	int64_t from_ns, to_ns; /* from 0 on if it is not log */
	bool is_log;
	double reserved; /* percent at its end, for what is beyond it */
};

/* The axis that all of them fit on: logarithmic if the least that is not 0 would be lost on a
 * linear one. most_ns 0: one second. */
struct axis axis_time(int64_t most_ns);
struct axis axis_fit(int64_t least_ns, int64_t most_ns);

/* Of a strip's width; what is outside of the axis is at its edge. */
double axis_percent(const struct axis *a, int64_t ns);

/* A row of what it measures and the axis' labels. */
void axis_write(FILE *out, const struct axis *a, const char *what);
void axis_grid(FILE *out, const struct axis *a, int height); /* lines behind a strip */

/* A row begins with its label, which the caller writes (as markup) between these two. alternative:
 * what the strip says, in words. */
void row_begin(FILE *out, const char *class_name);
void row_strip(FILE *out, int height, const char *alternative);
void row_end(FILE *out);

/* The signs of the page's legend, defined once in it. use: id without "m-". */
void svg_mark(FILE *out, const char *id, double percent, int y, const char *tooltip);
void svg_rect(FILE *out, const char *class_name, double from, double to, int y, int height,
    const char *tooltip);
void svg_line(FILE *out, const char *class_name, double from, double to, int y1, int y2);
