/*
 * A router or a firewall on the path says that the server cannot be reached. Segments vanish as in
 * a partition, and each is answered with an ICMP error: connect(2) fails at once with its errno,
 * sessions retransmit as ever and end with it in place of ETIMEDOUT. Nothing is lost: when it is
 * lifted in time, they carry on.
 *
 * code=frag_needed is another thing: packets larger than the path's MTU are dropped and their
 * sender is told the MTU (RFC 1191, RFC 8201); the rest passes.
 */
#include "faults/fault.h"

#define MTU_UNSAID 1280 /* mtu's default: it may just not have been given */

struct unreachable_params {
	int code; /* enum icmp_code */
	uint64_t mtu;
};

static const struct field params[] = {
	{ .key = "code",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct unreachable_params, code),
	    .initial = "host",
	    .choices = icmp_code_names,
	    .help =
		"what the ICMP error says: host, net or port unreachable, admin (prohibited by a "
		"firewall), or frag_needed" },
	{ .key = "mtu",
	    .kind = FIELD_SIZE,
	    .offset = offsetof(struct unreachable_params, mtu),
	    .initial = "1280",
	    .min = 576,
	    .max = 65535,
	    .help = "with code=frag_needed: larger packets are the ones that do not fit" },
	{ 0 },
};

static struct icmp_error rejects(const struct fault_spec *s)
{
	const struct unreachable_params *p = (const void *)s->params.bytes;

	return (struct icmp_error){ .code = (enum icmp_code)p->code, .mtu = (uint32_t)p->mtu };
}

static bool frag_needed(const struct fault_spec *s)
{
	return rejects(s).code == ICMP_SAYS_FRAG;
}

static const char *check(const struct fault_spec *s, const char **key, char *buf, size_t size)
{
	(void)buf, (void)size;
	if (frag_needed(s) || rejects(s).mtu == MTU_UNSAID)
		return NULL;
	*key = "mtu";
	return "code=frag_needed with it: no other code looks at sizes";
}

static unsigned dirs(const struct fault_spec *s, enum leg leg)
{
	(void)leg;
	return frag_needed(s) ? 0 : WIRE_BOTH;
}

static void arm(struct run *r)
{
	if (frag_needed(run_spec(r)))
		run_sieve(r, 1u << LEG_CLIENT,
		    &(struct wire_sieve){ .larger_than = rejects(run_spec(r)).mtu });
	else
		run_silence(r, LEG_CLIENT, WIRE_BOTH);
}

static void settle(struct run *r)
{
	if (!frag_needed(run_spec(r)))
		run_hold(r, FLOWS_ALL);
}

static void tell(struct run *r)
{
	if (!frag_needed(run_spec(r)))
		run_end_other(r);
}

/* The other end has been told: its connection is gone, and so is this one when it speaks again. */
static void disarm(struct run *r)
{
	int other = run_spec(r)->other;

	if (!frag_needed(run_spec(r)) && (other == OTHER_ABORT || other == OTHER_CLOSE))
		run_end(r, LEG_CLIENT, other == OTHER_ABORT ? ENDING_ABORT : ENDING_CLOSE);
}

const struct fault_ops fault_unreachable = {
	.type = {
		.name = "unreachable",
		.summary = "a router or firewall answers every segment with an ICMP error; nothing is lost",
		.peer_sees = "connect fails at once: EHOSTUNREACH, ENETUNREACH, ECONNREFUSED or EACCES; a "
		             "session that sends ends as in power_loss, with that error for ETIMEDOUT",
		.params = params,
		.check = check,
		.sides = 1 << SIDE_SERVER,
		.needs_wire = true,
		.needs_raw = true,
		.gates = true,
	},
	.other = OTHER_HOLD,
	.gate = GATE_SILENT,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = dirs,
	.rejects = rejects,
	.arm = arm,
	.settle = settle,
	.tell = tell,
	.disarm = disarm,
};
