/* The well-formed sequences are a table (Unicode, table 3-7): no overlong ones, no surrogates. */
#include "base/utf8.h"
#include <stddef.h>

static const struct {
	unsigned char from, to, second_from, second_to;
	size_t length;
} rows[] = {
	{ 0xc2, 0xc2, 0xa0, 0xbf, 2 }, /* below are the C1 controls */
	{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* How long the character at s is; 0: there is none that could be shown. */
static size_t length_at(const unsigned char *s)
{
	if (*s < 0x80)
		return *s >= 0x20 && *s != 0x7f;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = 2;

		if (*s < rows[i].from || *s > rows[i].to || s[1] < rows[i].second_from ||
		    s[1] > rows[i].second_to)
			continue;
		while (n < rows[i].length && (s[n] & 0xc0) == 0x80)
			n++;
		return n == rows[i].length ? n : 0;
	}
	return 0;
}

bool utf8_is_printable(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		size_t n = length_at(s);

		if (!n)
			return false;
		s += n;
	}
	return true;
}
