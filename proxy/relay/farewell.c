/*
 * The end of a session that came to its own end. close(2) would leave a socket whose last bytes are
 * not acknowledged to the kernel, which goes on sending them, out of reach: a host that dies a
 * moment later would still speak. So the descriptors are kept until the peers' kernels have
 * everything. On loopback that is at once.
 */
#include "base/mono.h"
#include "relay/proxy.h"
#include "relay/session.h"

#define LOOK_MS 20
/* As long as the kernel would have kept such an orphan trying: tcp_orphan_retries(), about 100 s.
 */
#define KEPT_NS (100 * NS_PER_S)

static bool owes(const struct session *s, enum leg which)
{
	const struct leg_state *leg = &s->legs[which];

	return !leg->over && s->proxy->door.family[which] != AF_UNIX && wire_unacked(leg->fd) > 0;
}

static bool is_silent(const struct session *s)
{
	return s->legs[LEG_CLIENT].wire.dirs || s->legs[LEG_SERVER].wire.dirs;
}

static void look(evutil_socket_t fd, short what, void *arg)
{
	struct timeval again = { .tv_usec = LOOK_MS * 1000 };
	struct session *s = arg;
	bool waits = is_silent(s) || owes(s, LEG_CLIENT) || owes(s, LEG_SERVER);

	(void)fd, (void)what;
	if (s->state != SESSION_CLOSING)
		return; /* a fault has ended it otherwise */
	if (waits && (is_silent(s) || mono_now_ns() - s->active_ns < KEPT_NS))
		event_add(s->limit, &again);
	else
		session_close(s, ENDING_CLOSE, "closed");
}

void session_finish(struct session *s)
{
	struct timeval soon = { .tv_usec = LOOK_MS * 1000 };

	if (!owes(s, LEG_CLIENT) && !owes(s, LEG_SERVER)) {
		session_close(s, ENDING_CLOSE, "closed");
		return;
	}
	s->limit = event_new(s->relay->base, -1, 0, look, s);
	if (!s->limit || event_add(s->limit, &soon)) {
		session_close(s, ENDING_CLOSE, "closed");
		return;
	}
	session_set_state(s, SESSION_CLOSING);
	session_watch(s);
}
