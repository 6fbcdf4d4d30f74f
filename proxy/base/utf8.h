/* UTF-8 (RFC 3629): what of it may be shown on a line. */
#pragma once
#include <stdbool.h>

/* Well-formed, and no control characters (C0, DEL, C1). */
bool utf8_is_printable(const char *text);
