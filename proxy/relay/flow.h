/* What flow.c and flow_shape.c share: one step of a flow, and what ends it. */
#pragma once
#include "relay/session.h"
#include "relay/witness.h"

enum step { STEP_AGAIN, STEP_WAIT, STEP_ENDED };

static inline bool flow_is_shaped(const struct session *s, enum flow flow)
{
	return s->target.streams[flow];
}

/* For who wants to know: recv(2) or splice(2) returned n for the source; n bytes were delivered. */
static inline void flow_came(struct session *s, enum flow flow, ssize_t n)
{
	if (s->seen)
		witness_came(s, flow, n);
}

static inline void flow_passed(struct session *s, enum flow flow, const char *data, size_t n)
{
	if (s->seen)
		witness_passed(s, flow, data, n);
}

/* Or what clients send is to be looked at. */
static inline bool flow_may_splice(const struct session *s, enum flow flow)
{
	return !s->seen || flow != FLOW_UPSTREAM;
}

/* Bytes have reached the other leg's socket. A fault may have waited for just that many. */
enum step flow_delivered(struct session *s, enum flow flow, size_t n);
/* errno says how the leg's socket failed. */
enum step flow_failed(struct session *s, enum leg leg);
bool flow_would_block(int err);
/* How much may pass, so that no byte beyond a mark does. */
size_t flow_room(const struct flow_state *f, size_t most);
/* The source's end is passed on. */
enum step flow_ended(struct session *s, enum flow flow);

/* --- flow_shape.c --- */

/* As flow_step() for a flow whose bytes go through its stream. */
enum step flow_shape(struct session *s, enum flow flow);
bool flow_shape_wants_read(const struct session *s, enum flow flow);
bool flow_shape_wants_write(const struct session *s, enum flow flow);
