/*
 *     text -> code points -> one function a format, which writes the character its own way
 */
#include "control/report_escape.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffd
#define LETTERS     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* The character at *at, which moves behind it; REPLACEMENT for what is no UTF-8. */
static uint32_t next_character(const unsigned char **at)
{
	const unsigned char *s = *at;
	unsigned length = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 0;
	uint32_t c = length == 1 ? *s : *s & (0xffu >> (length + 1));

	for (unsigned i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*at += i;
			return REPLACEMENT;
		}
		c = c << 6 | (s[i] & 0x3fu);
	}
	*at += length ? length : 1;
	return length ? c : REPLACEMENT;
}

static void put(FILE *out, uint32_t c)
{
	if (c < 0x80) {
		putc((int)c, out);
	} else if (c < 0x800) {
		fprintf(out, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		fprintf(out, "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f));
	} else {
		fprintf(out, "%c%c%c%c", 0xf0 | c >> 18, 0x80 | (c >> 12 & 0x3f),
		    0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f));
	}
}

/* Unicode's ranges of what has no shape of its own, or changes that of others. */
static bool is_hidden(uint32_t c)
{
	static const uint32_t ranges[][2] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad },
		{ 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xd800, 0xdfff }, { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb },
		{ 0xfffe, 0xffff }, { 0xe0000, 0xe0fff }, { 0x110000, UINT32_MAX } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return (c & 0xfffe) == 0xfffe; /* the last two of each plane */
}

static bool is_one_of(uint32_t c, const char *set)
{
	return c && c < 0x80 && strchr(set, (int)c);
}

static void put_blank_or(FILE *out, uint32_t c)
{
	put(out, is_one_of(c, "\n\t\r") ? ' ' : REPLACEMENT);
}

/* --- one for each format --- */

static void put_markup(FILE *out, uint32_t c)
{
	if (is_one_of(c, "&<>\"'\n\t\r"))
		fprintf(out, "&#%u;", (unsigned)c);
	else
		put(out, is_hidden(c) ? REPLACEMENT : c);
}

static void put_lines(FILE *out, uint32_t c)
{
	if (is_one_of(c, "\n\t"))
		put(out, c);
	else if (c != '\r')
		put_markup(out, c);
}

static void put_yaml(FILE *out, uint32_t c)
{
	if (is_one_of(c, "\"\\"))
		fprintf(out, "\\%c", (int)c);
	else if (!is_hidden(c))
		put(out, c);
	else if (c > 0xffff)
		fprintf(out, "\\U%08X", (unsigned)c);
	else
		fprintf(out, c < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)c);
}

/* Version 14 escapes '#' by a backslash, but readers of 13 would take "\# SKIP" for a directive: it
 * becomes its wide twin. */
static void put_tap(FILE *out, uint32_t c)
{
	if (c == '#')
		put(out, 0xff03);
	else if (c == '\\')
		fputs("\\\\", out);
	else if (is_hidden(c))
		put_blank_or(out, c);
	else
		put(out, c);
}

/* Entities, too, for what a page makes links and mentions of behind Markdown's back. */
static void put_markdown(FILE *out, uint32_t c)
{
	if (is_one_of(c, "\\`*_{}[]()#!|~$"))
		fprintf(out, "\\%c", (int)c);
	else if (is_one_of(c, "<>&@"))
		fprintf(out, "&#%u;", (unsigned)c);
	else if (is_hidden(c))
		put_blank_or(out, c);
	else
		put(out, c);
}

static void put_mermaid(FILE *out, uint32_t c)
{
	if (is_hidden(c))
		put_blank_or(out, c);
	else if (c < 0x80 && !is_one_of(c, " .,()+/=-[]") && !(c >= '0' && c <= '9') &&
		 !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z'))
		fprintf(out, "#%u;", (unsigned)c);
	else
		put(out, c);
}

static void put_fence(FILE *out, uint32_t c)
{
	if (is_one_of(c, "\n\t"))
		put(out, c);
	else if (c != '\r')
		put(out, is_hidden(c) ? REPLACEMENT : c);
}

/* How a terminal is told of what it shall not obey; at most 10 bytes. */
static void name_hidden(char *buf, size_t size, uint32_t c)
{
	if (is_one_of(c, "\n\t\r"))
		snprintf(buf, size, " ");
	else
		snprintf(buf, size, c < 0x100 ? "\\x%02x" : "\\u{%x}", (unsigned)c);
}

static void put_terminal(FILE *out, uint32_t c)
{
	char buf[16];

	if (is_hidden(c)) {
		name_hidden(buf, sizeof(buf), c);
		fputs(buf, out);
	} else {
		put(out, c);
	}
}

static void (*const puts_of[])(FILE *, uint32_t) = {
	[ESCAPE_MARKUP] = put_markup,
	[ESCAPE_LINES] = put_lines,
	[ESCAPE_YAML] = put_yaml,
	[ESCAPE_TAP] = put_tap,
	[ESCAPE_MARKDOWN] = put_markdown,
	[ESCAPE_MERMAID] = put_mermaid,
	[ESCAPE_FENCE] = put_fence,
	[ESCAPE_TERMINAL] = put_terminal,
};

/* Words that are more than text, whatever surrounds them: their first character is given by its
 * number. Mermaid's keyword ends a block; links are made of bare addresses. */
static bool is_word_with_sense(enum escape how, const unsigned char *s)
{
	const char *text = (const char *)s;

	if (how == ESCAPE_MERMAID)
		return !strncasecmp(text, "end", 3) && !strspn(text + 3, LETTERS);
	return how == ESCAPE_MARKDOWN &&
	       (!strncmp(text, "://", 3) || !strncasecmp(text, "www.", 4));
}

void escape_write(FILE *out, enum escape how, const char *text)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "");

	while (*at) {
		if (is_word_with_sense(how, at))
			fprintf(out, how == ESCAPE_MERMAID ? "#%d;" : "&#%d;", *at++);
		else
			puts_of[how](out, next_character(&at));
	}
}

/* --- columns --- */

static size_t columns_of(uint32_t c)
{
	char buf[16];

	if (!is_hidden(c))
		return 1;
	name_hidden(buf, sizeof(buf), c);
	return strlen(buf);
}

size_t escape_columns(const char *text)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "");
	size_t n = 0;

	while (*at)
		n += columns_of(next_character(&at));
	return n;
}

size_t escape_write_columns(FILE *out, const char *text, size_t columns)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "");
	bool is_cut = escape_columns(text) > columns;
	size_t room = is_cut && columns > 3 ? columns - 3 : columns, n = 0;

	while (*at) {
		uint32_t c = next_character(&at);

		if (n + columns_of(c) > room)
			break;
		put_terminal(out, c);
		n += columns_of(c);
	}
	if (is_cut && columns > 3) {
		fputs("...", out);
		n += 3;
	}
	return n;
}

/* Where a line of so many columns ends: before the last blanks, if there are any. */
static const unsigned char *end_of_line(const unsigned char *text, size_t columns)
{
	const unsigned char *at = text, *blank = NULL;
	size_t n = 0;

	while (*at) {
		const unsigned char *before = at;
		const uint32_t c = next_character(&at);

		if (c == ' ' && (before == text || before[-1] != ' '))
			blank = before;
		n += columns_of(c);
		if (n > columns) /* a character alone always goes */
			return blank ? blank : before > text ? before : at;
	}
	return at;
}

const char *escape_write_words(FILE *out, const char *text, size_t columns, size_t *used)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "");
	const unsigned char *end = end_of_line(at, columns);

	*used = 0;
	while (at < end) {
		const uint32_t c = next_character(&at);

		put_terminal(out, c);
		*used += columns_of(c);
	}
	return (const char *)at + strspn((const char *)at, " ");
}

/* --- markup --- */

/* One conversion other than %s. length: of fmt, its letter included. */
static void print_number(FILE *out, const char *fmt, size_t length, va_list *ap)
{
	char one[16];

	snprintf(one, sizeof(one), "%.*s", (int)length, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (fmt[length - 1] == 'f')
		fprintf(out, one, va_arg(*ap, double));
	else if (length > 2 && fmt[length - 2] == 'l')
		fprintf(out, one, va_arg(*ap, long long));
	else if (length > 2 && fmt[length - 2] == 'z')
		fprintf(out, one, va_arg(*ap, size_t));
	else
		fprintf(out, one, va_arg(*ap, int));
#pragma GCC diagnostic pop
}

void markup_printf(FILE *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (const char *percent; (percent = strchr(fmt, '%'));) {
		size_t length = 1 + strspn(percent + 1, "0123456789.lz") + 1;

		fwrite(fmt, 1, (size_t)(percent - fmt), out);
		if (percent[1] == '%')
			putc('%', out);
		else if (percent[1] == 's')
			escape_write(out, ESCAPE_MARKUP, va_arg(ap, const char *));
		else
			print_number(out, percent, length, &ap);
		fmt = percent + length;
	}
	va_end(ap);
	fputs(fmt, out);
}
