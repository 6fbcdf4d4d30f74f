/*
 * The ladder: which mechanisms cut which direction, best first, and going up and down it.
 *
 *     wire_silence: look at the socket -> for each rung that its families' powers allow:
 *                   put on what is new -> take off what is no longer needed -> remember
 *
 * The mechanisms themselves are in wire_filter.c, wire_signature.c, wire_ttl.c, wire_mute.c and
 * wire_repair.c; wire_probe.c finds out which of them work here.
 */
#include "kernel/wire.h"
#include "kernel/wire_impl.h"
#include <errno.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const grade_names[] = { "refused", "partial", "equivalent", "exact", NULL };

struct mechanism {
	unsigned power;
	int (*set)(const struct wire_sock *s, bool on);
};

static const struct mechanism mechanisms[] = {
	{ WIRE_FILTER, wire_filter_set },
	{ WIRE_SIGNATURE, wire_signature_set },
	{ WIRE_MINTTL, wire_minttl_set },
	{ WIRE_MUTE, wire_mute_set },
};

#define N_MECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))

/* In wire_state.powers, beside them. */
#define HAD_RANGES 0x80

/* Which sockets a rung is for. */
enum subject { CONNECTION, LISTENER };

struct rung {
	unsigned dirs;
	enum subject subject;
	unsigned powers;
	bool quiet; /* only where is_quiet() */
	enum grade grade;
};

/*
 * A deaf connection with nothing unacknowledged has no reason to send: exact. With data in flight
 * the retransmission timer runs (tcp_retransmit_timer()), and the signature or the mute sees to it
 * that the peer does not hear. Min-TTL cuts one way whole: then nothing that a Linux peer could
 * notice is missing. Without a way to be mute, what the caller does not write is all that does not
 * leave: ACKs and what is in flight do.
 *
 * A listening socket gets the signature beside the filter: a handshake that is half done when the
 * silence begins has its SYN-ACK repeated by reqsk_timer_handler(), signed now (and not at all once
 * wire_bury() has put a fresh socket there).
 */
static const struct rung ladder[] = {
	{ WIRE_BOTH, CONNECTION, WIRE_FILTER, true, GRADE_EXACT },
	{ WIRE_BOTH, CONNECTION, WIRE_FILTER | WIRE_SIGNATURE, false, GRADE_EQUIVALENT },
	{ WIRE_BOTH, CONNECTION, WIRE_FILTER | WIRE_MUTE, false, GRADE_EQUIVALENT },
	{ WIRE_BOTH, CONNECTION, WIRE_SIGNATURE, false, GRADE_EQUIVALENT },
	{ WIRE_BOTH, CONNECTION, WIRE_MINTTL | WIRE_MUTE, false, GRADE_EQUIVALENT },
	{ WIRE_BOTH, CONNECTION, WIRE_FILTER, false, GRADE_PARTIAL },
	{ WIRE_BOTH, CONNECTION, WIRE_MINTTL, false, GRADE_PARTIAL },
	{ WIRE_IN, CONNECTION, WIRE_FILTER, false, GRADE_EXACT },
	{ WIRE_IN, CONNECTION, WIRE_MINTTL, false, GRADE_EQUIVALENT },
	{ WIRE_OUT, CONNECTION, WIRE_MUTE, false, GRADE_EQUIVALENT },
	{ WIRE_OUT, CONNECTION, 0, false, GRADE_PARTIAL },
	{ WIRE_BOTH, LISTENER, WIRE_FILTER | WIRE_SIGNATURE, false, GRADE_EXACT },
	{ WIRE_BOTH, LISTENER, WIRE_FILTER, false, GRADE_EXACT },
	{ WIRE_BOTH, LISTENER, WIRE_SIGNATURE, false, GRADE_EQUIVALENT },
	{ WIRE_BOTH, LISTENER, WIRE_MINTTL, false, GRADE_EQUIVALENT },
};

#define N_RUNGS (sizeof(ladder) / sizeof(ladder[0]))

const struct in_addr *wire_mapped(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a) ? (const void *)&a->s6_addr[12] : NULL;
}

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* On: close(2) says RST and leaves nothing behind. Off: FIN, as always. */
static void set_linger(int fd, bool on)
{
	const struct linger value = { .l_onoff = on, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value));
}

static int get_tcp_state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_state : 0;
}

static uint32_t get_meminfo(int fd, int which)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 ? info[which] : 0;
}

static unsigned listener_families(int fd, sa_family_t domain)
{
	if (domain == AF_INET)
		return 1u << WIRE_V4;
	if (get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1)
		return 1u << WIRE_V6;
	return 1u << WIRE_V4 | 1u << WIRE_V6;
}

bool wire_look(struct wire_sock *s, int fd)
{
	socklen_t len = sizeof(s->peer);

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	if (getpeername(fd, &s->peer.sa, &len) == 0) {
		const bool v6 =
		    s->peer.sa.sa_family == AF_INET6 && !wire_mapped(&s->peer.in6.sin6_addr);

		s->domain = s->peer.sa.sa_family;
		s->families = 1u << (v6 ? WIRE_V6 : WIRE_V4);
		return s->domain == AF_INET || s->domain == AF_INET6;
	}
	if (errno != ENOTCONN)
		return false;
	s->domain = (sa_family_t)get_int(fd, SOL_SOCKET, SO_DOMAIN);
	s->listening = true; /* or stopped for a while (socket_refuse), or connecting */
	s->connecting = get_tcp_state(fd) == TCP_SYN_SENT;
	s->families = listener_families(fd, s->domain);
	return s->domain == AF_INET || s->domain == AF_INET6;
}

static bool look(const struct wire *w, struct wire_sock *s, int fd)
{
	if (!wire_look(s, fd))
		return false;
	s->shared_drop = w->shared_drop;
	return true;
}

/* What works for every family whose packets reach the socket. */
static unsigned usable_powers(const struct wire *w, const struct wire_sock *s)
{
	unsigned powers = UINT_MAX;

	for (int f = 0; f < WIRE_FAMILIES; f++) {
		if (wire_serves(s, f) && (w->has[f] || s->families == 1u << f))
			powers &= w->powers[f];
	}
	return powers;
}

/* A SYN-ACK that is lost is, to who sent the SYN, a SYN that is lost: a listening socket has one
 * cut. */
static bool rung_fits(const struct rung *r, const struct wire_sock *s, unsigned dirs)
{
	if (s->listening)
		return r->subject == LISTENER;
	return r->subject == CONNECTION && r->dirs == dirs;
}

/* Puts on the mechanisms in `powers`; all of them or none. */
static bool powers_on(const struct wire_sock *s, unsigned powers)
{
	for (size_t i = 0; i < N_MECHANISMS; i++) {
		if (!(powers & mechanisms[i].power) || mechanisms[i].set(s, true) == 0)
			continue;
		while (i-- > 0) {
			if (powers & mechanisms[i].power)
				(void)mechanisms[i].set(s, false);
		}
		return false;
	}
	return true;
}

static void powers_off(const struct wire_sock *s, unsigned powers)
{
	for (size_t i = 0; i < N_MECHANISMS; i++) {
		if (powers & mechanisms[i].power)
			(void)mechanisms[i].set(s, false);
	}
}

/*
 * A deaf socket that has no reason to send: nothing unacknowledged, and no delayed ACK pending. The
 * latter cannot be asked for. But TCP_QUICKACK has just sent it, unless received data is unread:
 * tcp_cleanup_rbuf() then leaves it to the timer (its test of sk_rmem_alloc).
 */
static bool is_quiet(int fd)
{
	return wire_unacked(fd) == 0 && get_meminfo(fd, SK_MEMINFO_RMEM_ALLOC) == 0;
}

/* Before the silence: what is owed is said, and our own kernel loses its reasons to give up. */
static void compose_oneself(int fd)
{
	/* __tcp_sock_set_quickack(): sends a delayed ACK now. */
	(void)set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
	(void)set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
	/* Replaces tcp_retries2 in tcp_write_timeout(): 24 days. It would do so for the orphan that
	 * close(2) leaves, too (a FIN that nobody acknowledges), hence the linger: if this process
	 * is killed in the silence, nothing stays behind. */
	(void)set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, INT_MAX);
	set_linger(fd, true);
}

static enum grade speak_again(const struct wire_sock *s, struct wire_state *st)
{
	powers_off(s, st->powers);
	if (!s->listening) {
		(void)set_int(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
		set_linger(s->fd, false);
	}
	st->powers &= HAD_RANGES;
	st->dirs = 0;
	st->grade = GRADE_EXACT;
	return GRADE_EXACT;
}

static bool rung_usable(
    const struct rung *r, const struct wire_sock *s, unsigned usable, unsigned dirs)
{
	return rung_fits(r, s, dirs) && !(r->powers & ~usable);
}

static bool ladder_has(const struct wire_sock *s, unsigned usable, unsigned dirs)
{
	for (const struct rung *r = ladder; r < ladder + N_RUNGS; r++) {
		if (rung_usable(r, s, usable, dirs))
			return true;
	}
	return false;
}

/* The first rung that holds, put on beside what is on already; *on says what is on then. A rung
 * that was too quiet leaves its filter on, for the next ones begin with it. NULL: none. */
static const struct rung *climb(
    const struct wire_sock *s, unsigned usable, unsigned dirs, unsigned *on)
{
	for (const struct rung *r = ladder; r < ladder + N_RUNGS; r++) {
		if (!rung_usable(r, s, usable, dirs) || !powers_on(s, r->powers & ~*on))
			continue;
		*on |= r->powers;
		/* Asked only now: once deaf, nothing that arrives changes the answer. */
		if (!r->quiet || is_quiet(s->fd))
			return r;
	}
	return NULL;
}

enum grade wire_silence(const struct wire *w, int fd, struct wire_state *st, unsigned dirs)
{
	const struct rung *r;
	struct wire_sock s;
	unsigned usable, on = st->powers;

	if (st->buried)
		return dirs == WIRE_BOTH ? (enum grade)st->grade : GRADE_REFUSED;
	if (!look(w, &s, fd))
		return GRADE_REFUSED;
	if (dirs == 0)
		return speak_again(&s, st);
	usable = usable_powers(w, &s);
	if (!ladder_has(&s, usable, dirs))
		return GRADE_REFUSED;
	if (st->dirs == 0)
		st->drops = 0 - wire_raw_drops(fd); /* counts from here; modular */
	if (st->dirs == 0 && !s.listening)
		compose_oneself(fd);
	r = climb(&s, usable, dirs, &on);
	powers_off(&s, on & ~(r ? r->powers : (unsigned)st->powers));
	if (!r)
		return GRADE_REFUSED;
	st->dirs = (uint8_t)dirs;
	st->powers = (uint8_t)(r->powers | (st->powers & HAD_RANGES));
	st->grade = (uint8_t)r->grade;
	if (s.connecting && r->grade == GRADE_EXACT)
		st->grade = GRADE_EQUIVALENT; /* its SYN is repeated, signed */
	return st->grade;
}

static enum grade range_silence(
    const struct wire_sock *s, unsigned usable, const struct cidr *clients)
{
	struct wire_block block;

	if (usable & WIRE_FILTER) {
		wire_block_range(&block, clients);
		if (wire_filter_add(s->fd, &block) == 0) {
			if (usable & WIRE_SIGNATURE)
				(void)wire_signature_range(s, clients, true);
			return GRADE_EXACT;
		}
	}
	if ((usable & WIRE_SIGNATURE) && wire_signature_range(s, clients, true) == 0)
		return GRADE_EQUIVALENT;
	return GRADE_REFUSED;
}

/* Which of them was used is not remembered: taking off what is not there does nothing. */
static void range_speak(const struct wire_sock *s, unsigned usable, const struct cidr *clients)
{
	struct wire_block block;

	if (usable & WIRE_FILTER) {
		wire_block_range(&block, clients);
		(void)wire_filter_remove(s->fd, &block);
	}
	if (usable & WIRE_SIGNATURE)
		(void)wire_signature_range(s, clients, false);
}

enum grade wire_silence_listener(
    const struct wire *w, int fd, struct wire_state *st, const struct cidr *clients, bool silent)
{
	struct wire_sock s;
	enum grade grade = GRADE_EXACT;

	if (!clients || clients->family == 0)
		return wire_silence(w, fd, st, silent ? WIRE_BOTH : 0);
	if (!look(w, &s, fd))
		return GRADE_REFUSED;
	st->powers |= HAD_RANGES;
	if (silent)
		grade = range_silence(&s, usable_powers(w, &s), clients);
	else
		range_speak(&s, usable_powers(w, &s), clients);
	return grade;
}

/* Ranges' keys cannot be read back, so a listener that ever had one stays as it is. */
static enum grade bury_listener(const struct wire_sock *s, struct wire_state *st)
{
	const uint32_t drops = wire_drops(s->fd, st);
	struct wire_sock fresh = *s;

	if (st->dirs == 0 || s->connecting || (st->powers & HAD_RANGES))
		return st->grade;
	fresh.fd = wire_renew_open(s);
	if (fresh.fd < 0)
		return st->grade;
	if (!powers_on(&fresh, st->powers))
		close(fresh.fd);
	else if (wire_renew_swap(s, fresh.fd))
		st->drops = drops;
	return st->grade;
}

enum grade wire_bury(const struct wire *w, int fd, struct wire_state *st, int listener)
{
	const unsigned needed = WIRE_FILTER | WIRE_REPAIR;
	const uint32_t drops = wire_drops(fd, st);
	struct wire_sock s;
	int rc;

	if (st->buried || !look(w, &s, fd))
		return st->grade;
	if (s.listening)
		return bury_listener(&s, st);
	if (is_quiet(fd) || (usable_powers(w, &s) & needed) != needed)
		return st->grade;
	rc = wire_repair_bury(fd, listener, w->shared_drop);
	if (rc < 0)
		return st->grade;
	st->buried = true;
	st->drops = drops;
	st->dirs = WIRE_BOTH;
	st->powers = needed;
	st->grade = rc == 0 ? GRADE_EXACT : GRADE_PARTIAL;
	return st->grade;
}

/* The RST that an abortive close sends is signed, or mute, so the peer's kernel drops it. */
static enum grade vanish_unheard(const struct wire_sock *s, unsigned usable)
{
	enum grade grade = GRADE_PARTIAL;

	if (((usable & WIRE_SIGNATURE) && wire_signature_set(s, true) == 0) ||
	    ((usable & WIRE_MUTE) && wire_mute_set(s, true) == 0)) {
		set_linger(s->fd, true);
		grade = GRADE_EQUIVALENT;
	}
	close(s->fd);
	return grade;
}

enum grade wire_vanish(const struct wire *w, int fd, struct wire_state *st)
{
	const bool buried = st->buried;
	struct wire_sock s;
	unsigned usable;

	memset(st, 0, sizeof(*st));
	if (buried || !look(w, &s, fd)) {
		close(fd); /* still in repair mode; or no connection any more: silent either way */
		return GRADE_EXACT;
	}
	usable = usable_powers(w, &s);
	if (!(usable & WIRE_REPAIR) || wire_repair_enter(fd) < 0)
		return vanish_unheard(&s, usable);
	close(fd);
	return GRADE_EXACT;
}

enum grade wire_grade(const struct wire *w, sa_family_t family, unsigned dirs)
{
	const struct wire_sock s = { .families = 1u << (family == AF_INET6 ? WIRE_V6 : WIRE_V4) };
	const unsigned usable = usable_powers(w, &s);
	enum grade best = GRADE_REFUSED;

	for (const struct rung *r = usable ? ladder : ladder + N_RUNGS; r < ladder + N_RUNGS; r++) {
		if (!rung_usable(r, &s, usable, dirs))
			continue;
		if (r->quiet && !(usable & WIRE_REPAIR)) /* wire_bury makes it so */
			continue;
		if (r->grade > best)
			best = r->grade;
	}
	return best;
}

void wire_limit(struct wire *w, enum grade best)
{
	static const unsigned above[] = {
		[GRADE_REFUSED] = UINT_MAX,
		[GRADE_PARTIAL] = WIRE_FILTER | WIRE_REPAIR | WIRE_SIGNATURE | WIRE_MUTE,
		[GRADE_EQUIVALENT] = WIRE_FILTER | WIRE_REPAIR,
		[GRADE_EXACT] = 0,
	};

	for (int f = 0; f < WIRE_FAMILIES; f++)
		w->powers[f] &= ~above[best];
}

uint32_t wire_raw_drops(int fd)
{
	return get_meminfo(fd, SK_MEMINFO_DROPS);
}

uint32_t wire_drops(int fd, const struct wire_state *st)
{
	return st->drops + wire_raw_drops(fd);
}

int wire_unacked(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}
