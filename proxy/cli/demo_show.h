/*
 * How the demo is shown: times with the machine's own settings, everything in short words, the
 * live board and the table at the end.
 */
#pragma once
#include "cli/demo.h"
#include "cli/look.h"
#include <stdio.h>

/* --- demo_defaults.c --- */

/* The machine's settings, and what follows from them by the model of net/ipv4/tcp_timer.c. */
struct defaults {
	int retries2, syn_retries, syn_linear, keep_time, keep_intvl, keep_probes;
	double rto_max_s;
	double sending_s, keepalive_s, connecting_s, first_probe_s;
};

void defaults_read(struct defaults *d);
void defaults_model(struct defaults *d); /* the last line from the others */

/* --- demo_words.c --- */

#define WORDS_MAX 64

char *words_seen(
    char *buf, const struct peer *p, int n);           /* "" when there is no such line; n from 0 */
char *words_event(char *buf, const struct seen *seen); /* "EOF 2 ms" */
char *words_state(char *buf, const struct peer *p);
char *words_usual(char *buf, enum usual u, const struct defaults *d);
char *words_time(char *buf, double s); /* "3.1 s", "15 min 25 s", "2 h 11 min" */
const char *words_saw(int what);

/* --- demo_board.c, demo_table.c, demo_json.c --- */

const char *look_mark(const struct look *l, enum verdict v);
const char *look_color(const struct look *l, enum verdict v); /* "" without color */
const char *look_plain(const struct look *l);

struct board *board_new(struct demo *d); /* NULL: no memory, no board */
void board_tick(struct board *b);
void board_free(struct board *b); /* wipes the board */

void table_print(const struct demo *d);
void json_print(const struct demo *d);
