/*
 * deadpeer top: what runs, drawn over and over. top.c asks the server and keeps the terminal,
 * top_draw.c makes a frame of what is known.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TOP_EVENTS 64

struct top_view {
	const char *server; /* its address */
	const char *error;  /* why nothing new is known; "" : all is well */
	char clock[16];
	json_t *proxies, *faults, *sessions; /* answers of /v1; NULL: not known */
	char *events[TOP_EVENTS];            /* lines; the newest is the last */
	int n_events;
	int rows, columns; /* of the screen */
	bool color;
};

/* One screen, from its upper left corner to its end; no line is wider than the screen, and there
 * are no more of them than fit. Free it; NULL: no memory. */
char *top_draw(const struct top_view *v);

/* Puts "upstream_rate" and "downstream_rate" into each proxy of an answer: what went since the
 * answer before (NULL: none), elapsed_ns ago. */
void top_add_rates(json_t *proxies, const json_t *before, int64_t elapsed_ns);
