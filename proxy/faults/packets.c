/*
 * A path that loses some packets of a connection and delivers the rest, so that the kernels at both
 * ends retransmit, back off or give up as they do on a bad network:
 *
 *   packet_loss           any segment, by chance
 *   mtu_blackhole         what is larger than the path's MTU, without the ICMP that would say so
 *   ack_loss              segments without data: the sender repeats what has arrived
 *   keepalive_blackhole   keepalive probes alone: a live connection that its owner gives up
 *
 * upstream is what arrives from the client, downstream what arrives from the server; what this host
 * sends is not touched. Nothing else of the relay changes: bytes go on by copy or splice.
 *
 * Not here: bursts (a Gilbert-Elliott model), for classic BPF keeps no state from one segment to
 * the next; and connection attempts, which syn_drop acts on. A zero-window probe looks like a
 * keepalive probe (tcp_xmit_probe_skb() sends both) and shares its fate.
 */
#include "base/mono.h"
#include "faults/fault.h"

/* Probes come no sooner than a second after data (TCP_KEEPIDLE): two looks later RCV.NXT is known
 * again. */
#define PROBE_LOOK_NS (250 * NS_PER_MS)

/* Each begins with the direction (FAULT_DIRECTION). */
struct loss_params {
	int direction;
	double rate;
};

struct mtu_params {
	int direction;
	uint64_t mtu;
};

static const struct field loss_fields[] = {
	FAULT_DIRECTION(
	    "both", "whose packets are lost: both, upstream (the client's) or downstream"),
	{ .key = "rate",
	    .kind = FIELD_PROBABILITY,
	    .offset = offsetof(struct loss_params, rate),
	    .initial = "10%",
	    .help = "the share of segments that is lost, each by itself" },
	{ 0 },
};

static const struct field mtu_fields[] = {
	FAULT_DIRECTION(
	    "both", "whose packets are too large: both, upstream (the client's) or downstream"),
	{ .key = "mtu",
	    .kind = FIELD_SIZE,
	    .offset = offsetof(struct mtu_params, mtu),
	    .initial = "1400",
	    .min = 68, /* RFC 791: what every module must be able to forward */
	    .max = 65535,
	    .help = "the largest IP packet that passes, its header included" },
	{ 0 },
};

static const struct field ack_fields[] = {
	FAULT_DIRECTION(
	    "both", "whose acknowledgements are lost: both, upstream (the client's) or downstream"),
	{ .key = "rate",
	    .kind = FIELD_PROBABILITY,
	    .offset = offsetof(struct loss_params, rate),
	    .initial = "100%",
	    .help = "the share of the segments without data that is lost" },
	{ 0 },
};

static const struct field keepalive_fields[] = {
	FAULT_DIRECTION("upstream",
	    "whose keepalive probes vanish: both, upstream (the client's) or downstream"),
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "other", "no end dies: the path between them loses packets" },
	{ 0 },
};

static void sieve(struct run *r, const struct wire_sieve *wish)
{
	run_sieve(r, fault_direction_legs(run_spec(r)), wish);
}

static const void *params_of(const struct run *r)
{
	return run_spec(r)->params.bytes;
}

static void arm_loss(struct run *r)
{
	const struct loss_params *p = params_of(r);

	sieve(r, &(struct wire_sieve){ .loss = p->rate });
}

static void arm_mtu(struct run *r)
{
	const struct mtu_params *p = params_of(r);

	sieve(r, &(struct wire_sieve){ .larger_than = (uint32_t)p->mtu });
}

static void arm_ack_loss(struct run *r)
{
	const struct loss_params *p = params_of(r);

	sieve(r, &(struct wire_sieve){ .ack_loss = p->rate });
}

static void arm_keepalive(struct run *r)
{
	sieve(r, &(struct wire_sieve){ .probes = true });
}

/* What all of them share beside their type. */
#define PACKET_FAULT(arm_)                                                                         \
	.other = OTHER_HOLD, .lasts = FAULT_NO_PARAM, .tail = FAULT_NO_PARAM,                      \
	.flows = fault_direction_flows, .arm = (arm_)

const struct fault_ops fault_packet_loss = {
	.type = {
		.name = "packet_loss",
		.summary = "some packets of open connections are lost; the kernels retransmit",
		.peer_sees = "its segments are retransmitted: stalls and less throughput, but every byte "
		             "arrives once and in order",
		.params = loss_fields,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_filter = true,
	},
	PACKET_FAULT(arm_loss),
};

const struct fault_ops fault_mtu_blackhole = {
	.type = {
		.name = "mtu_blackhole",
		.summary = "packets larger than the path's MTU vanish and nobody is told; smaller ones pass",
		.peer_sees = "it connects and small requests are answered; the first large one is "
		             "retransmitted until its kernel gives up: ETIMEDOUT",
		.params = mtu_fields,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_filter = true,
	},
	PACKET_FAULT(arm_mtu),
};

const struct fault_ops fault_ack_loss = {
	.type = {
		.name = "ack_loss",
		.summary = "segments without data are lost: who sends is not told that it arrived",
		.peer_sees = "it gets the same segments again and again; the stream stays whole, and stalls "
		             "when the sender's window is full",
		.params = ack_fields,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_filter = true,
	},
	PACKET_FAULT(arm_ack_loss),
};

const struct fault_ops fault_keepalive_blackhole = {
	.type = {
		.name = "keepalive_blackhole",
		.summary = "keepalive probes vanish and data passes: a middlebox that does not forward them",
		.peer_sees = "ETIMEDOUT after idle + count x interval although the other end lives; never "
		             "while it has data to send",
		.params = keepalive_fields,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_filter = true,
	},
	PACKET_FAULT(arm_keepalive),
	.look = run_sieve_look,
	.look_ns = PROBE_LOOK_NS,
};
