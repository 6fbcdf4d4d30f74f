/*
 * A verdict (verdict.h) for machines and for people. Each writer takes the verdict's JSON alone.
 * False: errno says why the file could not be written.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

bool report_junit(const json_t *verdict, FILE *out);    /* JUnit XML; numbers as properties */
bool report_tap(const json_t *verdict, FILE *out);      /* TAP 14 with a YAML block each */
bool report_markdown(const json_t *verdict, FILE *out); /* for a job's summary */
bool report_text(const json_t *verdict, FILE *out, bool color, int columns); /* a terminal */
bool report_html(const json_t *verdict, FILE *out); /* one file, no scripts from elsewhere */

/*
 * All of them into a directory, which is made if it is not there: verdict.json, junit.xml,
 * results.tap, summary.md, report.html (events.ndjson is journal_write()'s). Each file is complete
 * or not there (written beside, then renamed). False: *failed names the file, errno why.
 */
bool report_all(const json_t *verdict, const char *dir, const char **failed);
