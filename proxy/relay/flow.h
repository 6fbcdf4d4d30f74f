/* What flow.c and flow_shape.c share: one step of a flow, and what ends it. */
#pragma once
#include "relay/session.h"

enum step { STEP_AGAIN, STEP_WAIT, STEP_ENDED };

static inline bool flow_is_shaped(const struct session *s, enum flow flow)
{
	return s->target.streams[flow];
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
