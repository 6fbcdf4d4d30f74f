/* An array that is kept sorted: records come nearly in order, so each finds its place from the end.
 */
#include "control/journal.h"
#include "base/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool journal_grow(struct journal *j)
{
	size_t room = j->room ? 2 * j->room : 256;
	struct record *grown = reallocarray(j->records, room, sizeof(*grown));

	if (!grown)
		return false;
	j->records = grown;
	j->room = room;
	return true;
}

bool journal_add(
    struct journal *j, int64_t at_ns, unsigned relay, const char *event, json_t *fields)
{
	struct record r = { at_ns, relay, strdup(event), fields ? fields : json_object() };
	size_t i = j->count;

	if (!r.event || !r.fields || (j->count == j->room && !journal_grow(j))) {
		free(r.event);
		json_decref(r.fields);
		return false;
	}
	while (i > 0 && j->records[i - 1].at_ns > at_ns)
		i--;
	memmove(j->records + i + 1, j->records + i, (j->count - i) * sizeof(r));
	j->records[i] = r;
	j->count++;
	return true;
}

void journal_shift(struct journal *j, int64_t by_ns)
{
	for (size_t i = 0; i < j->count; i++)
		j->records[i].at_ns -= by_ns;
}

static bool record_write(const struct record *r, FILE *out)
{
	json_t *relay = r->relay == JOURNAL_DRIVER ? json_null() : json_integer(r->relay), *head;
	size_t len;

	head = json_pack(
	    "{s:I, s:o, s:s}", "at_ns", (json_int_t)r->at_ns, "relay", relay, "event", r->event);
	char *line = json_dump_line(head, r->fields, &len);
	bool whole = line && fwrite(line, 1, len, out) == len && putc('\n', out) == '\n';

	if (!line)
		errno = ENOMEM;
	free(line);
	return whole;
}

static bool write_all(const struct journal *j, FILE *out)
{
	bool whole = true;

	for (size_t i = 0; whole && i < j->count; i++)
		whole = record_write(&j->records[i], out);
	int error = errno;
	if (fclose(out) != 0 && whole)
		return false;
	errno = error;
	return whole;
}

/* Beside it, then renamed: there is never half a file. */
bool journal_write(const struct journal *j, const char *path)
{
	char *beside = NULL;
	bool written = false;
	FILE *out;

	if (asprintf(&beside, "%s.new", path) < 0)
		return false;
	if ((out = fopen(beside, "we"))) {
		written = write_all(j, out) && rename(beside, path) == 0;
		int error = errno;
		if (!written)
			remove(beside);
		errno = error;
	}
	free(beside);
	return written;
}

void journal_free(struct journal *j)
{
	for (size_t i = 0; i < j->count; i++) {
		free(j->records[i].event);
		json_decref(j->records[i].fields);
	}
	free(j->records);
	*j = (struct journal){ 0 };
}

const char *record_text(const struct record *r, const char *key)
{
	return json_string_value(json_object_get(r->fields, key));
}

int64_t record_int(const struct record *r, const char *key, int64_t other)
{
	const json_t *value = json_object_get(r->fields, key);

	return json_is_integer(value) ? json_integer_value(value) : other;
}
