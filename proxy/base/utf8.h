/* UTF-8 (RFC 3629): what of it may be shown on a line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Well-formed, and no control characters (C0, DEL, C1). */
bool utf8_is_printable(const char *text);

/* How many cells of a terminal the character at the beginning takes: 0 to 2. *length: its bytes. */
size_t utf8_cells(const char *text, size_t *length);
