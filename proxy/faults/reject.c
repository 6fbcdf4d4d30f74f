/*
 * Who is answered with ICMP, and with what. A door listens for segments while a fault that rejects
 * is active there; which of them it answers is asked for each. Of several faults the first armed
 * answers.
 */
#include "faults/runs.h"
#include <string.h>

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

static bool strikes_session_of(
    const struct fault *f, const struct door *d, const struct sockaddr_in6 *peer)
{
	const struct run *r;

	TAILQ_FOREACH (r, &f->runs, in_fault) {
		const struct target *t = r->target;
		struct sockaddr_in6 client;

		if (t->door != d || r->state != RUN_ACTIVE || t->over)
			continue;
		client = canonical(d->ops->client(t));
		if (client.sin6_port == peer->sin6_port &&
		    !memcmp(&client.sin6_addr, &peer->sin6_addr, sizeof(client.sin6_addr)))
			return true;
	}
	return false;
}

/* Where the fault silences the door, too, there is nobody else to be found: every segment of the
 * clients concerned is answered. Else only those of the sessions it has struck. */
static bool strikes(const struct fault *f, const struct door *d, const struct sockaddr *peer)
{
	const struct sockaddr_in6 p = canonical(peer);

	if (fault_gate(f) == GATE_SILENT)
		return cidr_contains(&f->spec->clients, peer);
	return strikes_session_of(f, d, &p);
}

bool engine_rejects(const struct engine *e, const struct door *d, const struct sockaddr *peer,
    uint32_t length, struct icmp_error *how)
{
	const struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine) {
		if (!rejects_at(f, d))
			continue;
		*how = f->ops->rejects(f->spec);
		if ((how->code != ICMP_SAYS_FRAG || length > how->mtu) && strikes(f, d, peer))
			return true;
	}
	return false;
}
