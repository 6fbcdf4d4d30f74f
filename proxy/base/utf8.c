/* The well-formed sequences are a table (Unicode, table 3-7): no overlong ones, no surrogates. */
#include "base/utf8.h"
#include <stdint.h>

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

/* By block, as wcwidth(3) has them, which would have to be asked in a locale that may not be there.
 */
static const struct {
	uint32_t from, to;
	size_t cells;
} widths[] = {
	{ 0x0300, 0x036f, 0 }, /* combining */
	{ 0x1100, 0x115f, 2 }, /* Hangul that begins a syllable */
	{ 0x200b, 0x200d, 0 },
	{ 0x20d0, 0x20ff, 0 },
	{ 0x2e80, 0x303e, 2 },
	{ 0x3041, 0xa4cf, 2 }, /* from Kana to Yi */
	{ 0xac00, 0xd7a3, 2 },
	{ 0xf900, 0xfaff, 2 },
	{ 0xfe00, 0xfe0f, 0 },
	{ 0xfe30, 0xfe6f, 2 },
	{ 0xff01, 0xff60, 2 },
	{ 0xffe0, 0xffe6, 2 },
	{ 0x1f300, 0x1f64f, 2 }, /* pictures */
	{ 0x1f680, 0x1f6ff, 2 },
	{ 0x1f900, 0x1f9ff, 2 },
	{ 0x20000, 0x3fffd, 2 },
};

size_t utf8_cells(const char *text, size_t *length)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = length_at(s);
	uint32_t code = *s;

	*length = n ? n : 1;
	if (n < 2)
		return 1;
	code &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (s[i] & 0x3f);
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		if (code >= widths[i].from && code <= widths[i].to)
			return widths[i].cells;
	return 1;
}
