/*
 * Text from outside (names, addresses, messages, a scenario's own text) in a report: whatever it
 * holds, it stays text there. What cannot be seen or turns the line about (controls, bidirectional
 * overrides, Unicode's noncharacters) is shown as U+FFFD, or by its number where the format has a
 * way to say it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum escape {
	ESCAPE_MARKUP,   /* XML and HTML: attributes, and text in one line */
	ESCAPE_LINES,    /* the same; line feeds and tabs stay */
	ESCAPE_YAML,     /* inside of double quotes */
	ESCAPE_TAP,      /* a description */
	ESCAPE_MARKDOWN, /* in a sentence, or in a table */
	ESCAPE_MERMAID,  /* a label */
	ESCAPE_FENCE,    /* in a fenced block; its fence is longer than any in the text */
	ESCAPE_TERMINAL, /* one line */
};

void escape_write(FILE *out, enum escape how, const char *text); /* NULL: nothing */

/* printf() of markup: what %s says is escaped (ESCAPE_MARKUP). Besides it %d, %lld, %zu and %f,
 * with a width and precision of digits; no other conversion. */
void markup_printf(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In a terminal's columns, as ESCAPE_TERMINAL shows it; wide characters count as one. */
size_t escape_columns(const char *text);

/* Writes no more than so many columns; what is cut ends in "...". Returns how many. */
size_t escape_write_columns(FILE *out, const char *text, size_t columns);

/* Writes as many words as so many columns hold, a part of one that is wider alone; *used: how many
 * they are. Returns the rest, "" after the last. */
const char *escape_write_words(FILE *out, const char *text, size_t columns, size_t *used);
