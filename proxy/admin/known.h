/*
 * Who has been seen: for each proxy the client addresses (without ports) that had a session, and
 * which of them lost one since, because it closed or because a fault struck. So it can be told that
 * somebody came back.
 */
#pragma once
#include "model/timeline.h"
#include <jansson.h>

#define KNOWN_MAX 65536 /* addresses; of more, no more are remembered */

struct known {
	json_t *lost; /* {"PROXY ADDRESS": has it lost one?} */
};

bool known_init(struct known *k); /* false: no memory */
void known_free(struct known *k); /* zeroed memory is fine */

/* It has a session, or had: lost. */
void known_add(struct known *k, const char *proxy, const char *address, bool lost);

/* session.opened, session.closed, fault.fired; record has at least the event's fields. True: a
 * session was opened by an address that had lost one. */
bool known_sees(struct known *k, enum event_id id, const json_t *record);
