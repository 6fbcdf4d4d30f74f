/*
 * An accept queue that is full, by nothing but listen(2) and connections of our own. Linux calls a
 * queue full when it holds more than the backlog (sk_acceptq_is_full(), unix_recvq_full()): then
 * tcp_conn_request() drops SYNs, and connect(2) to a Unix socket waits, or says EAGAIN. So the
 * backlog is set so that what waits now and `room` more fit. It is at least 1, and the places that
 * are one too many are taken by connections to ourselves: a backlog of 0 would make the kernel
 * answer the first SYN with a cookie and warn of a flood in its log.
 */
#pragma once
#include "base/addr.h"
#include <stdbool.h>

#define FILLERS_MAX 2

/* Zeroed: none. */
struct filling {
	struct filler {
		int fd;
		union sockaddr_any local; /* how the connection is known when it is accepted */
	} fillers[FILLERS_MAX];
	unsigned n;
};

/* From now on no more than `room` connections fit in the queue of the socket fd, which listens at
 * bound. False: one that should take a place could not be made, so one more fits. */
bool filling_make(struct filling *f, int fd, const union sockaddr_any *bound, unsigned room);

/* Was this accepted connection one of them? Then both its ends are closed. */
bool filling_takes(struct filling *f, int accepted);

/* Closes them; the queue was emptied by its end. */
void filling_drop(struct filling *f);
