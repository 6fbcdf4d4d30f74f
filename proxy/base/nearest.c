/* Optimal string alignment: edit distance with transpositions of neighbours, three rows at a time.
 */
#include "base/nearest.h"
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define WORD_MAX 64 /* longer words are nobody's typing error */

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static int same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t distance(const char *a, size_t len_a, const char *b, size_t len_b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= len_b; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t change = last[j - 1] + !same(a[i - 1], b[j - 1]);

			row[j] = least(row[j - 1] + 1, last[j] + 1, change);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				row[j] = least(row[j], row[j], before[j - 2] + 1);
		}
		size_t *spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[len_b];
}

const char *nearest_find(const char *word, const char *const *candidates)
{
	size_t len = strnlen(word, WORD_MAX + 1);
	size_t best = 1 + len / 4 + 1; /* one more than what is near enough */
	const char *found = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (; *candidates; candidates++) {
		size_t n = strnlen(*candidates, WORD_MAX + 1);

		if (n == 0 || n > WORD_MAX)
			continue;
		if ((n > len ? n - len : len - n) >= best)
			continue; /* each byte too many costs one */
		size_t d = distance(word, len, *candidates, n);
		if (d < best) {
			best = d;
			found = *candidates;
		}
	}
	return found;
}
