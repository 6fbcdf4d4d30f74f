/*
 * The far end: level-triggered epoll, one shared buffer. What the socket does not take whole of an
 * answer is kept for that connection, and no more is read from it until it is gone.
 */
#include "loadgen.h"
#include "pattern.h"
#include "probe.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES (256 * 1024)
#define BACKLOG     4096
#define BATCH       256

struct peer {
	int fd;
	size_t hello_got;
	struct hello hello;
	uint64_t got;
	uint64_t first_wrong;
	uint8_t *kept; /* an answer's rest, or NULL */
	size_t kept_len;
	bool last;   /* closed once `kept` is out */
	stamp stamp; /* stamps: the one that is coming, of which part_len bytes came */
	size_t part_len;
	int64_t *late_ns; /* stamps: how late each was */
	size_t lates, lates_room;
	uint64_t reported_ns; /* drain */
};

struct server {
	int epoll;
	int listener;
	uint8_t *chunk;
};

static void peer_close(struct peer *p)
{
	close(p->fd);
	free(p->kept);
	free(p->late_ns);
	free(p);
}

static void peer_watch(struct server *s, struct peer *p, int op)
{
	struct epoll_event ev = { .events = p->kept ? EPOLLOUT : EPOLLIN, .data.ptr = p };

	if (epoll_ctl(s->epoll, op, p->fd, &ev) < 0)
		perror("epoll_ctl");
}

/* Takes the hello's bytes off the front of what came: how many they were, or -1 for nonsense. */
static ssize_t peer_hello(struct peer *p, const uint8_t *buf, size_t len)
{
	size_t lacking = sizeof(p->hello) - p->hello_got;
	size_t n = len < lacking ? len : lacking;

	memcpy((uint8_t *)&p->hello + p->hello_got, buf, n);
	p->hello_got += n;
	if (p->hello_got == sizeof(p->hello) &&
	    (p->hello.magic != HELLO_MAGIC || !p->hello.kind || p->hello.kind >= STREAM_KINDS)) {
		fprintf(stderr, "server: a connection began with wrong bytes\n");
		return -1;
	}
	return (ssize_t)n;
}

static bool peer_answer(struct server *s, struct peer *p, const void *buf, size_t len)
{
	ssize_t n = send(p->fd, buf, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	n = n < 0 ? 0 : n;
	if ((size_t)n == len)
		return true;
	p->kept_len = len - (size_t)n;
	p->kept = malloc(p->kept_len);
	if (!p->kept)
		return false;
	memcpy(p->kept, (const uint8_t *)buf + n, p->kept_len);
	peer_watch(s, p, EPOLL_CTL_MOD);
	return true;
}

static bool peer_answer_echo(struct server *s, struct peer *p, const uint8_t *buf, size_t len)
{
	return peer_answer(s, p, buf, len);
}

static bool peer_flush(struct server *s, struct peer *p)
{
	ssize_t n = send(p->fd, p->kept, p->kept_len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	p->kept_len -= (size_t)n;
	memmove(p->kept, p->kept + n, p->kept_len);
	if (p->kept_len)
		return true;
	free(p->kept);
	p->kept = NULL;
	peer_watch(s, p, EPOLL_CTL_MOD);
	return !p->last;
}

static bool peer_check(struct server *s, struct peer *p, const uint8_t *buf, size_t len)
{
	(void)s;
	if (p->first_wrong == NONE_WRONG) {
		size_t right = pattern_check(buf, len, p->hello.seed, p->got);

		if (right < len)
			p->first_wrong = p->got + right;
	}
	p->got += len;
	return true;
}

static bool keep_late(struct peer *p, int64_t late_ns)
{
	if (p->lates == p->lates_room) {
		size_t room = p->lates_room ? 2 * p->lates_room : 64;
		int64_t *more = reallocarray(p->late_ns, room, sizeof(*more));

		if (!more)
			return false;
		p->late_ns = more;
		p->lates_room = room;
	}
	p->late_ns[p->lates++] = late_ns;
	return true;
}

static bool peer_stamps(struct server *s, struct peer *p, const uint8_t *buf, size_t len)
{
	uint64_t now = probe_now_ns();

	(void)s;
	while (len) {
		size_t lacking = sizeof(p->stamp) - p->part_len;
		size_t n = len < lacking ? len : lacking;

		memcpy((uint8_t *)&p->stamp + p->part_len, buf, n);
		p->part_len = (p->part_len + n) % sizeof(p->stamp);
		if (!p->part_len && !keep_late(p, (int64_t)(now - p->stamp)))
			return false;
		buf += n;
		len -= n;
	}
	return true;
}

static bool peer_drain(struct server *s, struct peer *p, const uint8_t *buf, size_t len)
{
	struct report r = { probe_now_ns(), p->got += len };

	(void)buf;
	if (r.at - p->reported_ns < REPORT_INTERVAL_NS)
		return true;
	p->reported_ns = r.at;
	return peer_answer(s, p, &r, sizeof(r));
}

/* After the client's FIN. False: nothing more is to be sent. */
static bool peer_verdict(struct server *s, struct peer *p)
{
	struct verdict v = { VERDICT_MAGIC, p->got, p->first_wrong };

	p->last = true;
	if (p->hello_got < sizeof(p->hello))
		return false;
	if (p->hello.kind == STREAM_SINK)
		return peer_answer(s, p, &v, sizeof(v)) && p->kept;
	if (p->hello.kind == STREAM_STAMPS)
		return peer_answer(s, p, p->late_ns, p->lates * sizeof(*p->late_ns)) && p->kept;
	return false;
}

static const struct {
	bool (*take)(struct server *s, struct peer *p, const uint8_t *buf, size_t len);
	int lowat_bytes; /* SO_RCVLOWAT; 0: the kernel's */
	int receive;     /* MSG_TRUNC throws the bytes away uncopied, tcp(7) */
} kinds[STREAM_KINDS] = {
	[STREAM_SINK] = { peer_check, 262144, 0 },
	[STREAM_ECHO] = { peer_answer_echo, 0, 0 },
	[STREAM_STAMPS] = { peer_stamps, 0, 0 },
	[STREAM_DRAIN] = { peer_drain, 0, MSG_TRUNC },
};

/* The hello is whole. */
static bool peer_begin(struct server *s, struct peer *p)
{
	int lowat = kinds[p->hello.kind].lowat_bytes;
	stamp now = probe_now_ns();

	if (lowat)
		setsockopt(p->fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
	return p->hello.kind != STREAM_STAMPS || peer_answer(s, p, &now, sizeof(now));
}

/* False: the connection is over. */
static bool peer_read(struct server *s, struct peer *p)
{
	bool greeted = p->hello_got == sizeof(p->hello);
	ssize_t n = recv(p->fd, s->chunk, CHUNK_BYTES, greeted ? kinds[p->hello.kind].receive : 0);
	ssize_t skip = 0;

	if (n < 0)
		return errno == EAGAIN;
	if (n == 0)
		return peer_verdict(s, p);
	if (!greeted) {
		skip = peer_hello(p, s->chunk, (size_t)n);
		if (skip < 0)
			return false;
		if (p->hello_got == sizeof(p->hello) && !peer_begin(s, p))
			return false;
	}
	if (n == skip)
		return true;
	return kinds[p->hello.kind].take(s, p, s->chunk + skip, (size_t)(n - skip));
}

static void server_accept(struct server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));

		if (!p) {
			close(fd);
			return;
		}
		p->fd = fd;
		p->first_wrong = NONE_WRONG;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		peer_watch(s, p, EPOLL_CTL_ADD);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		perror("server: accept");
}

static bool server_listen(struct server *s)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sin);

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(s->listener, BACKLOG) < 0 ||
	    getsockname(s->listener, (struct sockaddr *)&sin, &len) < 0)
		return false;
	printf("%d\n", ntohs(sin.sin_port));
	return fflush(stdout) == 0;
}

static bool server_open(struct server *s)
{
	struct epoll_event listener = { .events = EPOLLIN, .data.ptr = &s->listener };
	struct epoll_event end = { .events = EPOLLIN, .data.ptr = NULL };

	s->chunk = malloc(CHUNK_BYTES);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	return s->chunk && s->epoll >= 0 && server_listen(s) &&
	       epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &listener) == 0 &&
	       epoll_ctl(s->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &end) == 0;
}

/* False: stdin ended, whoever started this is done or gone. */
static bool server_handle(struct server *s, const struct epoll_event *ev)
{
	struct peer *p = ev->data.ptr;
	char byte;

	if (!p)
		return read(STDIN_FILENO, &byte, 1) > 0;
	if (ev->data.ptr == &s->listener)
		server_accept(s);
	else if (!(p->kept ? peer_flush(s, p) : peer_read(s, p)))
		peer_close(p);
	return true;
}

int server_run(void)
{
	struct epoll_event events[BATCH];
	struct server s;
	bool on = true;

	if (!server_open(&s)) {
		perror("server");
		return EXIT_BAD;
	}
	while (on) {
		int n = epoll_wait(s.epoll, events, BATCH, -1);

		for (int i = 0; i < n; i++)
			on &= server_handle(&s, &events[i]);
	}
	free(s.chunk);
	return EXIT_OK;
}
