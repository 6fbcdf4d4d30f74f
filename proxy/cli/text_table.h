/*
 * A table for people: columns as wide as their widest cell, two blanks between them, the last one
 * broken between words at TEXT_TABLE_WIDTH and continued below itself. The head is bold where color
 * is wanted. Cells are UTF-8.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define TEXT_TABLE_WIDTH   120
#define TEXT_TABLE_COLUMNS 12

struct text_table {
	size_t columns;
	char *(*rows)[TEXT_TABLE_COLUMNS]; /* the first is the head */
	size_t count;
};

/* Appends a row: copies of the table's number of cells. False: no memory, nothing was added. */
bool text_table_add(struct text_table *t, const char *const *cells);

/* How many columns of a screen the text takes. */
size_t text_cells(const char *text);

/* On stdout. */
void text_table_print(const struct text_table *t, bool color);
void text_table_free(struct text_table *t);
