/* How output looks: asked of the locale, the terminal and NO_COLOR once. */
#pragma once
#include <stdbool.h>

struct look {
	bool utf8, color, redraw;
};

struct look look_of(int fd);
