/* See feed.h. */
#include "admin/feed.h"
#include <stdlib.h>
#include <string.h>

bool feed_init(struct feed *f, uint64_t next)
{
	*f = (struct feed){ .first = next, .next = next };
	f->lines = calloc(FEED_MAX, sizeof(*f->lines));
	return f->lines;
}

void feed_free(struct feed *f)
{
	for (size_t i = 0; f->lines && i < FEED_MAX; i++)
		free(f->lines[i].text);
	free(f->lines);
	*f = (struct feed){ NULL };
}

void feed_add(struct feed *f, const struct timeline_line *line)
{
	struct feed_line *place = &f->lines[line->seq % FEED_MAX];

	free(place->text);
	place->text = malloc(line->len + 1);
	place->len = place->text ? (uint32_t)line->len : 0;
	place->id = (uint16_t)line->id;
	if (place->text) {
		memcpy(place->text, line->text, line->len);
		place->text[line->len] = '\0';
	}
	f->next = line->seq + 1;
	if (f->next - f->first > FEED_MAX)
		f->first = f->next - FEED_MAX;
}

const struct feed_line *feed_find(const struct feed *f, uint64_t seq)
{
	if (seq < f->first || seq >= f->next)
		return NULL;
	return &f->lines[seq % FEED_MAX];
}
