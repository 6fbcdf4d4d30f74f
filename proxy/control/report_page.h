/* The parts of report.html; each writes a whole section, or nothing if there is nothing to show. */
#pragma once
#include <jansson.h>
#include <stdio.h>

struct report_table;

extern const char page_style[]; /* CSS */
extern const char page_marks[]; /* SVG: the signs that svg_mark() uses */

void page_table(FILE *out, const json_t *verdict, const struct report_table *t);
void page_lanes(FILE *out, const json_t *verdict);    /* a lane per connection */
void page_dots(FILE *out, const json_t *verdict);     /* attempts over time, per client */
void page_bars(FILE *out, const json_t *verdict);     /* predicted against measured */
void page_sequence(FILE *out, const json_t *verdict); /* the first session that was struck */
