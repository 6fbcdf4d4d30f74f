/* How output looks: asked of the locale, the terminal and NO_COLOR once. */
#pragma once
#include <stdbool.h>

struct look {
	bool utf8, color, redraw; /* redraw: what was written can be drawn over */
};

struct look look_of(int fd);

/* A terminal's width; unknown where it does not know, or there is none. */
int look_columns(int fd, int unknown);
