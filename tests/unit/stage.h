/*
 * A relay that runs inside of a test, without a wire and without a loop of its own: stage_open and
 * stage_close are a checked fixture. Sockets are real ones, on loopback; time passes in
 * stage_turns.
 */
#pragma once
#include "control/command.h"
#include "model/timeline.h"
#include "relay/relay.h"
#include <jansson.h>
#include <stdbool.h>

struct stage {
	struct wire wire;
	struct timeline timeline;
	struct relay *relay;
	struct control control;
	json_t *last[EVENT_COUNT]; /* the newest of each event, and how many came */
	unsigned told[EVENT_COUNT];
};

extern struct stage stage;

void stage_open(void);
void stage_close(void);

struct proxy *stage_find(const char *name);

/* Turns of the loop, as many. */
void stage_turns(int n);

/* A connection to this address of the stage, not yet accepted; -1: none. */
int stage_dial(const union sockaddr_any *sa);

/* One byte to an echo, and back. */
bool stage_echoes(int fd);

/* A client of this proxy, with its session open. */
int stage_client_of(const char *name);
