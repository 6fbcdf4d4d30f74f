#include "cli/text_table.h"
#include "base/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_LEAST 30 /* the last column is never narrower than this */

bool text_table_add(struct text_table *t, const char *const *cells)
{
	char *(*grown)[TEXT_TABLE_COLUMNS] = reallocarray(t->rows, t->count + 1, sizeof(*t->rows));
	size_t copied = 0;

	if (!grown)
		return false;
	t->rows = grown;
	for (; copied < t->columns; copied++)
		if (!(grown[t->count][copied] = strdup(cells[copied])))
			break;
	if (copied == t->columns) {
		t->count++;
		return true;
	}
	while (copied > 0)
		free(grown[t->count][--copied]);
	return false;
}

size_t text_cells(const char *text)
{
	size_t cells = 0, length;

	for (; *text; text += length)
		cells += utf8_cells(text, &length);
	return cells;
}

static size_t column_width(const struct text_table *t, size_t column)
{
	size_t width = 0;

	for (size_t i = 0; i < t->count; i++)
		if (text_cells(t->rows[i][column]) > width)
			width = text_cells(t->rows[i][column]);
	return width;
}

/* How much of the text fits: up to the last blank; a longer word is not broken. */
static size_t line_length(const char *text, size_t room)
{
	size_t fits = 0;

	if (strlen(text) <= room)
		return strlen(text);
	for (size_t end = strcspn(text, " "); !fits || end <= room;
	     end += 1 + strcspn(text + end + 1, " ")) {
		fits = end;
		if (!text[end])
			break;
	}
	return fits;
}

static void print_last(const char *text, size_t indent)
{
	size_t room =
	    indent + LAST_LEAST < TEXT_TABLE_WIDTH ? TEXT_TABLE_WIDTH - indent : LAST_LEAST;
	size_t len = line_length(text, room);

	printf("%.*s", (int)len, text);
	for (text += len; *text; text += len) {
		text++;
		len = line_length(text, room);
		printf("\n%*s%.*s", (int)indent, "", (int)len, text);
	}
}

void text_table_print(const struct text_table *t, bool color)
{
	size_t width[TEXT_TABLE_COLUMNS], indent = 0;

	for (size_t c = 0; c + 1 < t->columns; c++) {
		width[c] = column_width(t, c);
		indent += width[c] + 2;
	}
	for (size_t i = 0; i < t->count; i++) {
		bool bold = color && i == 0;

		fputs(bold ? "\033[1m" : "", stdout);
		for (size_t c = 0; c + 1 < t->columns; c++)
			printf("%s%*s", t->rows[i][c],
			    (int)(width[c] + 2 - text_cells(t->rows[i][c])), "");
		print_last(t->rows[i][t->columns - 1], indent);
		puts(bold ? "\033[0m" : "");
	}
}

void text_table_free(struct text_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t c = 0; c < t->columns; c++)
			free(t->rows[i][c]);
	free(t->rows);
	*t = (struct text_table){ 0 };
}
