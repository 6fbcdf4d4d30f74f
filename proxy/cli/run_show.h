/*
 * What is seen on stderr while a scenario plays: on a terminal one line that is drawn over and
 * over, elsewhere a line for each step.
 */
#pragma once
#include "control/journal.h"

struct driver;
struct show;

/* NULL: no memory, or nothing is to be shown; the others take it. */
struct show *show_new(struct driver *run);
void show_free(struct show *s); /* wipes the line */
void show_saw(struct show *s, const struct record *r);
void show_draw(struct show *s);

/* Is there a line that is drawn over? Others' output then goes through here. */
bool show_redraws(const struct show *s);
void show_through(struct show *s, int fd, const char *bytes, size_t len);
