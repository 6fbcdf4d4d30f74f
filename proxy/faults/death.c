/*
 * A host without power: its kernel says nothing and hears nothing. When it boots, its connections
 * are gone, so the next segment of a peer is answered with RST (RFC 9293, 3.10.7.1).
 */
#include "faults/death.h"

unsigned death_dirs(const struct fault_spec *s, enum leg leg)
{
	(void)s, (void)leg;
	return WIRE_BOTH;
}

void death_arm(struct run *r)
{
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (run_is_dying(r, leg))
			run_silence(r, leg, WIRE_BOTH);
}

void death_settle(struct run *r)
{
	run_hold(r, FLOWS_ALL);
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (run_is_dying(r, leg))
			run_bury(r, leg);
}

void death_disarm(struct run *r)
{
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		run_end(r, leg, run_is_dying(r, leg) ? ENDING_VANISH : ENDING_ABORT);
}
