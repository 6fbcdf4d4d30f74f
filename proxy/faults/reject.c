/*
 * Who is answered with ICMP, and with what. A door listens for segments while a fault that rejects
 * is active there; which of them it answers is asked for each. Of several faults the first armed
 * answers.
 */
#include "faults/run.h"
#include "faults/runs.h"
#include <stdio.h>
#include <string.h>

bool reject_passes(const struct fault_spec *s)
{
	const struct fault_ops *ops = catalogue_ops(s->type);

	return ops->rejects && ops->rejects(s).code == ICMP_SAYS_FRAG;
}

const char *reject_refuses(const struct engine *e, const struct fault_spec *s, const struct door *d,
    char *buf, size_t size)
{
	sa_family_t family = d->family[LEG_CLIENT] == AF_UNSPEC ? AF_INET : d->family[LEG_CLIENT];

	if (family == AF_UNIX)
		return NULL; /* it is refused for its silence */
	if (!(e->wire->powers[family == AF_INET6 ? WIRE_V6 : WIRE_V4] & WIRE_ICMP))
		snprintf(buf, size, "%s: needs CAP_NET_RAW to send ICMP: see deadpeer doctor",
		    s->type->name);
	else if (reject_passes(s) && !wire_can_sieve(e->wire, family))
		snprintf(buf, size,
		    "%s: code=frag_needed needs CAP_NET_ADMIN (socket filter): see deadpeer doctor",
		    s->type->name);
	else
		return NULL;
	return buf;
}

static bool rejects_at(const struct fault *f, const struct door *d)
{
	return f->ops->rejects && f->state == FAULT_ACTIVE && fault_spec_covers(f->spec, d->spec);
}

void door_rejects(struct engine *e, struct door *d)
{
	bool wanted = false;
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		wanted |= rejects_at(f, d);
	if (wanted != d->rejecting)
		d->rejecting = d->ops->reject(d, wanted) && wanted;
	if (!wanted || d->rejecting)
		return;
	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (rejects_at(f, d))
			fault_lower(
			    f, GRADE_REFUSED); /* as silent as a partition: not this fault */
}

void fault_rejects(struct fault *f)
{
	struct door *d;

	if (!f->ops->rejects)
		return;
	TAILQ_FOREACH (d, &f->engine->doors, in_engine)
		if (fault_spec_covers(f->spec, d->spec))
			door_rejects(f->engine, d);
}

/* An IPv4 peer has two forms: what a socket for both families shows is a v4-mapped address. */
static struct sockaddr_in6 canonical(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
	struct sockaddr_in6 out = { .sin6_family = AF_INET6 };

	if (sa->sa_family == AF_INET) {
		out.sin6_addr.s6_addr[10] = out.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&out.sin6_addr.s6_addr[12], &in->sin_addr, 4);
		out.sin6_port = in->sin_port;
	} else if (sa->sa_family == AF_INET6) {
		out.sin6_addr = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		out.sin6_port = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_port;
	}
	return out;
}

/* The run on the session of this peer; NULL: it has not been struck. */
static struct run *run_of(struct fault *f, const struct door *d, const struct sockaddr *sa)
{
	const struct sockaddr_in6 peer = canonical(sa);
	struct run *r;

	TAILQ_FOREACH (r, &f->runs, in_fault) {
		struct sockaddr_in6 client;

		if (r->target->door != d || r->state != RUN_ACTIVE || r->target->over)
			continue;
		client = canonical(d->ops->client(r->target));
		if (client.sin6_port == peer.sin6_port &&
		    !memcmp(&client.sin6_addr, &peer.sin6_addr, sizeof(peer.sin6_addr)))
			return r;
	}
	return NULL;
}

/* Where the fault silences the door, too, there is nobody else to be found: every segment of the
 * clients concerned is answered. Else only those of the sessions it has struck. */
static bool rejects_silent(struct fault *f, const struct door *d, const struct icmp_segment *s)
{
	if (fault_gate(f) == GATE_SILENT)
		return cidr_contains(&f->spec->clients, &s->from.sa);
	return run_of(f, d, &s->from.sa);
}

/* What began where a packet was too large comes again, and fits; or, should that have been missed,
 * a packet is as large as can be. */
static bool has_learnt(const struct run *r, const struct icmp_segment *s, uint32_t mtu)
{
	return r->answered && (s->seq == r->answered_seq || s->length == mtu);
}

/*
 * What is too large was dropped by the run's sieve, and is answered. Once the sender has learnt,
 * nothing is dropped any more: several packets that fit may arrive as one that does not (GRO, or
 * TSO from the same machine), and would be lost for good.
 */
static bool rejects_large(
    struct fault *f, const struct door *d, const struct icmp_segment *s, uint32_t mtu)
{
	struct run *r = run_of(f, d, &s->from.sa);

	if (!r || !r->sieve || !s->data)
		return false;
	if (s->length <= mtu) {
		if (has_learnt(r, s, mtu)) {
			run_observe(r); /* what was dropped is not counted without the sieve */
			run_lift_sieve(r);
		}
		return false;
	}
	if (!r->answered || (int32_t)(s->seq - r->answered_seq) < 0)
		r->answered_seq = s->seq;
	r->answered = true;
	return true;
}

static bool rejects(struct fault *f, const struct door *d, const struct icmp_segment *s,
    const struct icmp_error *how)
{
	if (how->code == ICMP_SAYS_FRAG)
		return rejects_large(f, d, s, how->mtu);
	return rejects_silent(f, d, s);
}

bool engine_rejects(
    struct engine *e, struct door *d, const struct icmp_segment *s, struct icmp_error *how)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine) {
		if (!rejects_at(f, d))
			continue;
		*how = f->ops->rejects(f->spec);
		if (rejects(f, d, s, how))
			return true;
	}
	return false;
}
