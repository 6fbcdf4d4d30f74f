/*
 * The lines of a file. inih splits them into keys and values; the reader that feeds it counts
 * them, because inih 55 cuts a line of 200 bytes in two without a word, tells neither where a key
 * was nor that a section began, keeps only the first error, and joins an indented line to the
 * key above it. What the reader hands over is therefore one whole line, without its indentation.
 */
#include "model/conf.h"
#include "model/conf_parts.h"
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n\v\f"

struct reader {
	FILE *in;
	const char *file;
	struct conf_run *run;
	struct conf_section section;
	char *line; /* as read; getline(3)'s */
	size_t room;
	int number;
	int error;        /* errno of a failed read */
	bool expects_key; /* inih has a line that must call the handler */
};

void conf_errors_add(struct conf_errors *e, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	char **grown = reallocarray(e->message, e->count + 1, sizeof(char *));
	if (grown)
		e->message = grown;
	if (!grown || len < 0) {
		free(text);
		return;
	}
	for (char *p = text; *p; p++) /* the file's bytes must not drive a terminal */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	e->message[e->count++] = text;
}

void conf_errors_free(struct conf_errors *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->message[i]);
	free(e->message);
	*e = (struct conf_errors){ 0 };
}

static struct where reader_place(const struct reader *r)
{
	return (struct where){ .file = r->file, .line = r->number };
}

/* The line cannot be understood: what it might have said counts as said. */
static void line_error(struct reader *r, const char *want, const char *got)
{
	struct where at = reader_place(r);

	r->section.damaged = true;
	conf_error_at(
	    r->run->errors, &at, r->section.title, NULL, "expected %s, got \"%s\"", want, got);
}

/* "[kind name]", and behind it a comment at most. */
static void section_line(struct reader *r, char *line)
{
	char *end = strchr(line, ']');

	conf_section_close(r->run, &r->section);
	if (!end) {
		line_error(r, "[SECTION]", line);
		conf_section_open(r->run, &r->section, r->file, r->number, NULL);
		return;
	}
	*end = '\0';
	conf_section_open(r->run, &r->section, r->file, r->number, line + 1);
	*end = ']';
	char *rest = end + 1 + strspn(end + 1, BLANKS);
	if (*rest && !strchr(";#", *rest))
		line_error(r, "nothing behind [SECTION]", rest);
}

static void long_line(struct reader *r, bool is_section, size_t len)
{
	struct where at = reader_place(r);

	if (is_section) {
		conf_section_close(r->run, &r->section);
		conf_section_open(r->run, &r->section, r->file, r->number, NULL);
	}
	r->section.damaged = true;
	conf_error_at(r->run->errors, &at, r->section.title, NULL,
	    "expected a line of at most %d bytes, got %zu", CONF_LINE_MAX, len);
}

/* What inih shall see of the line: "" when there is nothing in it for it. */
static const char *line_take(struct reader *r, size_t len, size_t most)
{
	static const char bom[] = "\xef\xbb\xbf";
	char *line = r->line;

	if (r->number == 1 && strncmp(line, bom, 3) == 0)
		line += 3;
	char *text = line + strspn(line, BLANKS);
	if (strchr(";#", *text) && strlen(r->line) == len)
		return ""; /* an empty line (strchr finds the end, too) or a comment, however long
			    */
	len -= (size_t)(line - r->line);
	while (len > 0 && strchr("\r\n", line[len - 1]))
		line[--len] = '\0';
	if (strlen(line) != len) {
		line_error(r, "text", "a NUL byte");
		return "";
	}
	if (len > CONF_LINE_MAX || len > most) {
		long_line(r, *text == '[', len);
		return "";
	}
	if (*text == '[')
		section_line(r, text);
	else
		r->expects_key = true;
	return text;
}

/* The line before this one should have been "key = value". */
static void check_last_line(struct reader *r)
{
	if (r->expects_key)
		line_error(r, "KEY = VALUE", r->line + strspn(r->line, BLANKS));
	r->expects_key = false;
}

/* fgets(3) for inih: one line, without its newline, in a buffer of size bytes. */
static char *reader_line(char *buf, int size, void *arg)
{
	struct reader *r = arg;
	ssize_t len;

	check_last_line(r);
	if ((len = getline(&r->line, &r->room, r->in)) < 0) {
		r->error = feof(r->in) ? 0 : errno;
		return NULL;
	}
	r->number++;
	snprintf(buf, (size_t)size, "%s", line_take(r, (size_t)len, (size_t)size - 1));
	return buf;
}

static int reader_entry(void *arg, const char *section, const char *key, const char *value)
{
	struct reader *r = arg;

	(void)section; /* inih cuts it at 49 bytes */
	r->expects_key = false;
	if (r->section.title) {
		conf_section_add(&r->section, key, value, r->number);
	} else {
		struct where at = reader_place(r);

		conf_error_at(
		    r->run->errors, &at, NULL, key, "expected a [SECTION] before the first key");
	}
	return 1;
}

static void read_stream(struct conf_run *run, FILE *in, const char *file)
{
	struct reader r = { .in = in, .file = file, .run = run };
	int failed = ini_parse_stream(reader_line, &r, reader_entry, &r);

	conf_section_close(run, &r.section);
	if (r.error)
		conf_errors_add(run->errors, "%s: cannot be read: %s", file, strerror(r.error));
	else if (failed && run->errors->count == 0)
		conf_errors_add(
		    run->errors, "%s:%d: expected KEY = VALUE or [SECTION]", file, failed);
	free(r.line);
}

bool conf_read(struct conf_run *run, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *in;

	if (!run->c || !(run->c->file = strdup(path))) {
		conf_errors_add(run->errors, "%s: out of memory", path);
		return false;
	}
	in = is_stdin ? stdin : fopen(path, "re");
	if (!in) {
		conf_errors_add(run->errors, "%s: cannot be opened: %s", path, strerror(errno));
		return false;
	}
	read_stream(run, in, is_stdin ? "stdin" : run->c->file);
	if (!is_stdin)
		fclose(in);
	run->was_read = true;
	if (run->bare_elsewhere && run->c->n_proxies == 0)
		run->places.elsewhere = true;
	conf_check_all(run->c, run->errors, &run->places);
	return run->errors->count == 0;
}

struct config *conf_load(
    const char *path, const struct fault_type *const *types, struct conf_errors *errors)
{
	struct conf_errors found = { 0 };
	struct conf_run run = { .c = config_new(), .types = types, .errors = &found };
	bool right = conf_read(&run, path);

	free(run.places.at);
	for (size_t i = 0; i < found.count; i++)
		conf_errors_add(errors, "%s", found.message[i]);
	conf_errors_free(&found);
	if (right)
		return run.c;
	config_free(run.c);
	return NULL;
}
