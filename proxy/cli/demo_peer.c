/*
 * A peer: a client as any application is one. It connects, says hello, and then does what its cell
 * says; all that it writes down is what its own kernel told it.
 *
 *     NEW -> CONNECTING -> CONNECTED -> OVER      (refused: CONNECTING again, if its cell says so)
 */
#include "base/mono.h"
#include "cli/demo.h"
#include "kernel/socket.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELLO_BYTES  16
#define CHUNK_BYTES  4096
#define FLOOD_BUFFER (64 << 10)
#define FLOOD_CHUNKS 4096 /* a loop needs an end */
#define GAP_S        1.0
#define RETRY_S      0.2

static void peer_ready(evutil_socket_t fd, short what, void *arg);

/* What stands at an offset of a peer's stream. */
static unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 31 + (offset >> 8) * 7);
}

static void saw(struct peer *p, int what)
{
	struct seen *last = p->n_seen ? &p->seen[p->n_seen - 1] : NULL;

	if (!p->demo->death_ns) {
		snprintf(p->demo->error, sizeof(p->demo->error),
		    "%s, %s: %s before anything had died", demo_rows[p->row].name,
		    demo_columns[p->column], what > 0 ? strerror(what) : "an end of file");
		return;
	}
	/* Refused again is no news; neither is that what was acknowledged came back, but better. */
	if (last && last->what == what)
		return;
	if (last && last->what == SAW_ACK && what == SAW_ECHO) {
		last->what = what;
		return;
	}
	if (p->n_seen < DEMO_STEPS)
		p->seen[p->n_seen++] = (struct seen){ what, demo_now_s(p->demo) };
}

static void watch(struct peer *p, short what)
{
	if (event_initialized(&p->ev))
		event_del(&p->ev);
	event_assign(&p->ev, p->demo->relay->base, p->fd, what | EV_PERSIST, peer_ready, p);
	event_add(&p->ev, NULL);
}

static void over(struct peer *p, int err)
{
	p->stage = PEER_OVER;
	event_del(&p->ev);
	saw(p, err);
}

/* --- bytes --- */

/* As many as go in; false: no more will. */
static bool say(struct peer *p, size_t count)
{
	unsigned char bytes[CHUNK_BYTES];
	ssize_t n;

	for (size_t i = 0; i < count; i++)
		bytes[i] = pattern(p->sent + i);
	n = send(p->fd, bytes, count, MSG_NOSIGNAL);
	if (n > 0)
		p->sent += (uint64_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		over(p, errno);
	return n > 0;
}

static void hear_bytes(struct peer *p, const unsigned char *bytes, size_t n)
{
	double now_s = demo_now_s(p->demo), since_s = p->echoed_s > 0 ? p->echoed_s : 0;

	for (size_t i = 0; i < n; i++)
		p->corrupt |= bytes[i] != pattern(p->echoed + i);
	p->echoed += n;
	p->corrupt |= p->echoed > p->sent;
	p->greeted |= p->echoed == p->sent;
	if (p->sends && p->demo->death_ns && now_s - since_s > GAP_S)
		saw(p, SAW_CARRIED_ON);
	if (p->poked_at && p->echoed >= p->poked_at)
		saw(p, SAW_ECHO);
	p->echoed_s = now_s;
}

static void hear(struct peer *p)
{
	unsigned char bytes[4 * CHUNK_BYTES];
	ssize_t n = recv(p->fd, bytes, sizeof(bytes), 0);

	if (n > 0) {
		hear_bytes(p, bytes, (size_t)n);
	} else if (n == 0) {
		event_del(&p->ev); /* it may still speak */
		saw(p, SAW_EOF);
	} else if (errno != EAGAIN && errno != EINTR) {
		over(p, errno);
	}
}

/* --- connecting --- */

static void set_option(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_options(struct peer *p)
{
	const struct cell *c = p->cell;

	if (c->keepalive_count) {
		set_option(p->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		set_option(p->fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
		set_option(p->fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
		set_option(p->fd, IPPROTO_TCP, TCP_KEEPCNT, c->keepalive_count);
	}
	if (c->user_timeout_ms)
		set_option(p->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, c->user_timeout_ms);
	if (c->syn_count)
		set_option(p->fd, IPPROTO_TCP, TCP_SYNCNT, c->syn_count);
	if (c->flood)
		set_option(p->fd, SOL_SOCKET, SO_SNDBUF, FLOOD_BUFFER);
}

/* -1: errno says why. A connect in progress, or done, otherwise. */
static int start_connect(const struct peer *p)
{
	return socket(p->to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

void peer_start(struct peer *p)
{
	p->fd = start_connect(p);
	if (p->fd < 0) {
		p->stage = PEER_OVER;
		saw(p, errno);
		return;
	}
	set_options(p);
	set_option(p->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	p->stage = PEER_CONNECTING;
	watch(p, EV_WRITE);
	if (connect(p->fd, &p->to.sa, p->to_len) && errno != EINPROGRESS)
		over(p, errno);
}

static void refused(struct peer *p, int err)
{
	over(p, err);
	if (!p->cell->again || err != ECONNREFUSED)
		return;
	close(p->fd);
	p->fd = -1;
	p->stage = PEER_NEW;
	p->retry_s = demo_now_s(p->demo) + RETRY_S;
}

static void connected(struct peer *p)
{
	p->stage = PEER_CONNECTED;
	if (p->column == COLUMN_CONNECTING)
		saw(p, SAW_CONNECTED);
	watch(p, EV_READ);
	peer_greet(p);
}

static void peer_ready(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	int err;

	(void)what;
	if (p->stage != PEER_CONNECTING) {
		hear(p);
		return;
	}
	err = socket_error(fd);
	if (err)
		refused(p, err);
	else
		connected(p);
}

void peer_greet(struct peer *p)
{
	p->greeted = false;
	if (p->stage == PEER_CONNECTED)
		say(p, HELLO_BYTES);
}

/* Others get into the queue first. */
static void call(struct peer *p)
{
	for (int i = 0; i < DEMO_CALLERS; i++) {
		p->callers[i] = start_connect(p);
		if (p->callers[i] >= 0)
			(void)connect(p->callers[i], &p->to.sa, p->to_len);
	}
}

void peer_death(struct peer *p)
{
	if (p->cell->callers)
		call(p);
	if (p->column == COLUMN_CONNECTING)
		peer_start(p);
	sight_read(p->fd, &p->before);
}

/* --- time --- */

static void tick_flood(struct peer *p)
{
	for (int i = 0; i < FLOOD_CHUNKS && say(p, CHUNK_BYTES); i++)
		;
	if (p->stage != PEER_CONNECTED || p->n_seen || p->now.unacked || !p->now.unsent ||
	    p->now.snd_wnd)
		return;
	p->blocked = p->now;
	saw(p, SAW_BLOCKED);
}

static void tick_connected(struct peer *p, double now_s)
{
	if (p->cell->flood && p->demo->death_ns)
		tick_flood(p);
	else if (p->sends && now_s < DEMO_QUIET_S && (now_s < 0 || now_s >= p->cell->pause_s))
		say(p, CHUNK_BYTES);
	if (p->cell->poke && !p->poked_at && now_s >= DEMO_POKE_S) {
		p->poked_at = p->sent + 1;
		say(p, 1);
	} else if (p->poked_at && !p->n_seen && !p->now.unacked) {
		saw(p, SAW_ACK);
	}
}

void peer_tick(struct peer *p)
{
	double now_s = demo_now_s(p->demo);

	sight_read(p->fd, &p->now);
	if (p->stage == PEER_CONNECTED)
		tick_connected(p, now_s);
	else if (p->stage == PEER_NEW && p->retry_s > 0 && now_s >= p->retry_s)
		peer_start(p);
}

void peer_finish(struct peer *p)
{
	sight_read(p->fd, &p->now);
	if (p->poked_at && p->stage == PEER_CONNECTED && p->now.unacked)
		saw(p, SAW_SILENCE);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void peer_close(struct peer *p)
{
	if (event_initialized(&p->ev))
		event_del(&p->ev);
	close_fd(&p->fd);
	for (int i = 0; i < DEMO_CALLERS; i++)
		close_fd(&p->callers[i]);
}
