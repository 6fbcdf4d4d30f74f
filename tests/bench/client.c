/*
 * The near end. A run is up to three stages, each of them "send up to this many bytes on every
 * connection, then":
 *
 *              warm-up        measured              afterwards
 *   bulk       park           close
 *   exchange   park           park                  close
 *   connect                   close, open another
 *   idle                      park                  one more exchange each, reset
 *
 * A connection has settled when it has done what the stage asks; a stage ends when all have. An
 * exchange waits for the whole of its response before the next begins. Closing is FIN, then the
 * peer's FIN with nothing before it but a sink's verdict.
 */
#include "loadgen.h"
#include "pattern.h"
#include "probe.h"
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES   (1024 * 1024)
#define BATCH         256
#define IDLE_WINDOW   256 /* idle: sessions being opened at a time; a backlog takes them */
#define REST_LIMIT_NS UINT64_C(1000000000)

enum ending { END_PARK, END_CLOSE, END_RESET };

struct connection {
	int fd;
	bool settled;
	bool shut;    /* our FIN is sent */
	bool blocked; /* EPOLLOUT is asked for */
	uint64_t out; /* bytes sent, the hello among them */
	uint64_t got; /* bytes of the echo, or of the verdict */
	struct hello hello;
	struct verdict verdict;
};

struct client {
	const struct load *load;
	int epoll;
	bool failed;
	uint8_t *chunk;
	struct connection *connections; /* all there will ever be */
	uint64_t total, opened, settled;
	uint64_t limit_bytes; /* the stage's, on each connection */
	enum ending ending;
	uint64_t until_ns;
};

__attribute__((format(printf, 3, 4))) static bool connection_fail(
    struct client *cl, const struct connection *c, const char *format, ...)
{
	va_list args;

	if (!cl->failed) {
		fprintf(stderr, "client: connection %td: ", c - cl->connections);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	cl->failed = true;
	return false;
}

static bool is_sink(const struct connection *c)
{
	return c->hello.kind == STREAM_SINK;
}

static uint64_t data_out(const struct connection *c)
{
	return c->out < sizeof(c->hello) ? 0 : c->out - sizeof(c->hello);
}

/* How far the connection may send now. */
static uint64_t send_limit(const struct client *cl, const struct connection *c)
{
	uint64_t size = cl->load->size_bytes;
	uint64_t next = is_sink(c) ? cl->limit_bytes : c->got / size * size + size;

	return next < cl->limit_bytes ? next : cl->limit_bytes;
}

static void watch(struct client *cl, struct connection *c, bool blocked)
{
	struct epoll_event ev = { .events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = c };

	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	if (epoll_ctl(cl->epoll, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		connection_fail(cl, c, "epoll_ctl: %s", strerror(errno));
}

/* The next bytes of the stream, from the hello on; how many. */
static size_t next_bytes(struct client *cl, const struct connection *c, uint64_t limit)
{
	uint64_t data = data_out(c);
	size_t n = 0, room;

	if (c->out < sizeof(c->hello)) {
		n = sizeof(c->hello) - c->out;
		memcpy(cl->chunk, (const uint8_t *)&c->hello + c->out, n);
	}
	room = CHUNK_BYTES - n;
	if (is_sink(c) && cl->load->size_bytes < room)
		room = cl->load->size_bytes;
	if (limit - data < room)
		room = limit - data;
	pattern_fill(cl->chunk + n, room, c->hello.seed, data);
	return n + room;
}

static bool connection_send(struct client *cl, struct connection *c)
{
	uint64_t limit = send_limit(cl, c);
	size_t len;
	ssize_t n;

	if (data_out(c) >= limit)
		return true;
	len = next_bytes(cl, c, limit);
	n = send(c->fd, cl->chunk, len, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return connection_fail(
		    cl, c, "send after %" PRIu64 " bytes: %s", data_out(c), strerror(errno));
	c->out += n < 0 ? 0 : (uint64_t)n;
	watch(cl, c, n < 0 || (size_t)n < len || is_sink(c));
	return !cl->failed;
}

static bool take_echo(struct client *cl, struct connection *c, const uint8_t *buf, size_t len)
{
	size_t right = pattern_check(buf, len, c->hello.seed, c->got);

	if (right < len)
		return connection_fail(cl, c, "wrong byte at offset %" PRIu64, c->got + right);
	c->got += len;
	if (c->got > data_out(c))
		return connection_fail(
		    cl, c, "%" PRIu64 " bytes sent, %" PRIu64 " came back", data_out(c), c->got);
	return true;
}

static bool take_verdict(struct client *cl, struct connection *c, const uint8_t *buf, size_t len)
{
	if (c->got + len > sizeof(c->verdict))
		return connection_fail(cl, c, "bytes after the verdict");
	memcpy((uint8_t *)&c->verdict + c->got, buf, len);
	c->got += len;
	return true;
}

static bool end_is_right(struct client *cl, struct connection *c)
{
	const struct verdict *v = &c->verdict;

	if (!c->shut)
		return connection_fail(cl, c,
		    "closed by the peer after %" PRIu64 " of %" PRIu64 " bytes", c->got,
		    data_out(c));
	if (!is_sink(c))
		return c->got == data_out(c) ||
		       connection_fail(cl, c, "%" PRIu64 " bytes sent, %" PRIu64 " came back",
			   data_out(c), c->got);
	if (c->got != sizeof(*v) || v->magic != VERDICT_MAGIC)
		return connection_fail(cl, c, "no verdict");
	if (v->first_wrong != NONE_WRONG)
		return connection_fail(cl, c, "wrong byte at offset %" PRIu64, v->first_wrong);
	return v->bytes == data_out(c) ||
	       connection_fail(
		   cl, c, "%" PRIu64 " bytes sent, %" PRIu64 " arrived", data_out(c), v->bytes);
}

static void connection_settle(struct client *cl, struct connection *c)
{
	c->settled = true;
	cl->settled++;
}

static void connection_close(struct client *cl, struct connection *c)
{
	close(c->fd);
	c->fd = -1;
	connection_settle(cl, c);
}

static bool connection_receive(struct client *cl, struct connection *c)
{
	ssize_t n = recv(c->fd, cl->chunk, CHUNK_BYTES, 0);

	if (n < 0)
		return errno == EAGAIN ||
		       connection_fail(
			   cl, c, "receive after %" PRIu64 " bytes: %s", c->got, strerror(errno));
	if (n > 0)
		return (is_sink(c) ? take_verdict : take_echo)(cl, c, cl->chunk, (size_t)n);
	if (!end_is_right(cl, c))
		return false;
	connection_close(cl, c);
	return true;
}

/* What the stage wants of a connection that has done its bytes. */
static bool connection_end(struct client *cl, struct connection *c)
{
	const struct linger reset = { 1, 0 };

	if (cl->ending == END_PARK) {
		watch(cl, c, false);
		connection_settle(cl, c);
	} else if (cl->ending == END_CLOSE) {
		watch(cl, c, false);
		c->shut = true;
		if (shutdown(c->fd, SHUT_WR) < 0)
			return connection_fail(cl, c, "shutdown: %s", strerror(errno));
	} else {
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		connection_close(cl, c);
	}
	return true;
}

static bool connection_pump(struct client *cl, struct connection *c)
{
	uint64_t done;

	if (c->fd < 0 || c->settled || c->shut)
		return true;
	if (!connection_send(cl, c))
		return false;
	done = is_sink(c) ? data_out(c) : c->got;
	return done < cl->limit_bytes || connection_end(cl, c);
}

static bool connection_open(struct client *cl)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(cl->load->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct connection *c = &cl->connections[cl->opened];
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	bool bulk = cl->load->work == WORK_BULK;

	c->hello = (struct hello){ HELLO_MAGIC, bulk ? STREAM_SINK : STREAM_ECHO,
		pattern_seed(cl->opened), bulk ? cl->load->count / cl->total : 0 };
	cl->opened++;
	c->blocked = true;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return connection_fail(cl, c, "socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (epoll_ctl(cl->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0 ||
	    (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 && errno != EINPROGRESS))
		return connection_fail(cl, c, "connect: %s", strerror(errno));
	return true;
}

static bool client_handle(struct client *cl, const struct epoll_event *ev)
{
	struct connection *c = ev->data.ptr;

	if ((ev->events & ~(uint32_t)EPOLLOUT) && !connection_receive(cl, c))
		return false;
	return connection_pump(cl, c);
}

static bool client_wait(struct client *cl)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(cl->epoll, events, BATCH, 100);

	for (int i = 0; i < n; i++)
		if (!client_handle(cl, &events[i]))
			return false;
	if (probe_now_ns() < cl->until_ns)
		return true;
	fprintf(stderr, "client: time is up: %" PRIu64 " of %" PRIu64 " connections had settled\n",
	    cl->settled, cl->total);
	return false;
}

/* Opens connections until window of them have not settled yet. */
static bool client_open_more(struct client *cl, uint64_t window)
{
	while (cl->opened < cl->total && cl->opened - cl->settled < window)
		if (!connection_open(cl))
			return false;
	return true;
}

static bool client_stage(struct client *cl, uint64_t limit_bytes, enum ending ending)
{
	uint64_t window = cl->load->work == WORK_IDLE ? IDLE_WINDOW : cl->load->connections;

	cl->limit_bytes = limit_bytes;
	cl->ending = ending;
	cl->settled = 0;
	for (uint64_t i = 0; i < cl->opened; i++) {
		cl->connections[i].settled = false;
		if (!connection_pump(cl, &cl->connections[i]))
			return false;
	}
	while (cl->settled < cl->total)
		if (!client_open_more(cl, window) || !client_wait(cl))
			return false;
	return true;
}

static bool client_measure(struct client *cl, struct probe *begin, struct probe *end)
{
	const struct load *l = cl->load;
	bool bulk = l->work == WORK_BULK, idle = l->work == WORK_IDLE;
	bool connects = l->work == WORK_CONNECT;
	uint64_t unit = bulk ? 1 : l->size_bytes;
	uint64_t each = idle || connects ? unit : l->count / cl->total * unit;
	uint64_t warm = l->warm_count / cl->total * unit;

	if (!idle && !connects && !client_stage(cl, warm, END_PARK))
		return false;
	if (!probe_read_at_rest(l->pid, REST_LIMIT_NS, begin) ||
	    !client_stage(cl, each, bulk || connects ? END_CLOSE : END_PARK))
		return false;
	if (!(idle ? probe_read_at_rest(l->pid, REST_LIMIT_NS, end) : probe_read(l->pid, end)))
		return false;
	if (idle)
		return client_stage(cl, 2 * each, END_RESET);
	return bulk || connects || client_stage(cl, each, END_CLOSE);
}

static bool client_init(struct client *cl, const struct load *load)
{
	*cl = (struct client){ .load = load };
	cl->total = load->work == WORK_CONNECT ? load->count : load->connections;
	cl->until_ns = probe_now_ns() + load->seconds * UINT64_C(1000000000);
	cl->chunk = malloc(CHUNK_BYTES);
	cl->connections = calloc(cl->total, sizeof(*cl->connections));
	cl->epoll = epoll_create1(EPOLL_CLOEXEC);
	return cl->chunk && cl->connections && cl->epoll >= 0;
}

static void client_print(const struct client *cl, const struct probe *a, const struct probe *b)
{
	const struct load *l = cl->load;
	uint64_t units = l->work == WORK_IDLE ? cl->total : l->count / cl->total * cl->total;
	uint64_t warm = l->work == WORK_CONNECT ? 0 : l->warm_count / cl->total * cl->total;

	printf("{\"units\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 ", \"wall_ns\": %" PRIu64
	       ", \"memory_bytes\": %" PRId64 "}\n",
	    units - warm, b->cpu_ns - a->cpu_ns, b->wall_ns - a->wall_ns,
	    (int64_t)(b->memory_bytes - a->memory_bytes));
}

int client_run(const struct load *load)
{
	struct probe begin, end;
	struct client cl;
	bool ok = client_init(&cl, load) && client_measure(&cl, &begin, &end);

	if (ok)
		client_print(&cl, &begin, &end);
	else if (!cl.failed)
		fprintf(stderr, "client: the run was not completed\n");
	free(cl.chunk);
	free(cl.connections);
	return ok ? EXIT_OK : EXIT_BAD;
}
