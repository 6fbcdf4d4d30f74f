/*
 *     sink_line -> queue (whole lines, at most SINK_QUEUE_BYTES) -> poll, write
 *
 * The queue's bytes are data[sent..len); the line at its front may be half written ("torn"). When
 * a write fails, what waits is given up, line by line counted; if that tears a line, the next one
 * starts with a newline of its own, so a reader of lines meets one bad line and no more.
 */
#include "base/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sink {
	int fd;
	bool owned; /* fd was opened here */
	bool torn;  /* the last byte written was not the end of a line */
	int error;
	uint64_t lost;
	char *data;
	size_t sent, len, room;
	void (*later)(void *arg); /* NULL: nothing is gathered */
	void *later_arg;
};

struct sink *sink_open(const char *path, const char **err)
{
	struct sink *s = calloc(1, sizeof(*s));

	if (!s) {
		*err = "out of memory";
		return NULL;
	}
	if (strcmp(path, "-") == 0) {
		s->fd = STDOUT_FILENO;
	} else if (strcmp(path, "stderr") == 0) {
		s->fd = STDERR_FILENO;
	} else {
		/* O_NONBLOCK on a descriptor of our own: a FIFO that nobody reads is an error now
		 * (ENXIO, fifo(7)) and never a wait */
		s->owned = true;
		s->fd = open(
		    path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	}
	if (s->fd < 0) {
		*err = strerror(errno);
		free(s);
		return NULL;
	}
	return s;
}

void sink_close(struct sink *s)
{
	if (!s)
		return;
	sink_flush(s);
	if (s->owned)
		close(s->fd);
	free(s->data);
	free(s);
}

/* Room for more bytes behind the queue, or false. */
static bool queue_reserve(struct sink *s, size_t more)
{
	if (more > SINK_QUEUE_BYTES || s->len - s->sent > SINK_QUEUE_BYTES - more)
		return false;
	if (s->len + more <= s->room)
		return true;
	if (s->sent > 0)
		memmove(s->data, s->data + s->sent, s->len - s->sent);
	s->len -= s->sent;
	s->sent = 0;
	if (s->len + more <= s->room)
		return true;
	size_t room = s->room ? s->room : 4096;
	while (room < s->len + more)
		room *= 2;
	char *data = realloc(s->data, room);
	if (!data)
		return false;
	s->data = data;
	s->room = room;
	return true;
}

void sink_gather(struct sink *s, void (*later)(void *arg), void *arg)
{
	s->later = later;
	s->later_arg = arg;
}

void sink_line(struct sink *s, const char *line, size_t len)
{
	bool first = s->sent == s->len, heal = s->torn && first;

	if (!queue_reserve(s, len + 1 + heal)) {
		s->lost++;
	} else {
		if (heal)
			s->data[s->len++] = '\n';
		memcpy(s->data + s->len, line, len);
		s->len += len;
		s->data[s->len++] = '\n';
	}
	if (!s->later || s->len - s->sent >= PIPE_BUF)
		sink_flush(s);
	else if (first)
		s->later(s->later_arg);
}

/* A newline at the very front ends a line whose text is written, or heals one: no loss. */
static void queue_give_up(struct sink *s, int error)
{
	for (size_t i = s->sent + 1; i < s->len; i++)
		s->lost += s->data[i] == '\n';
	s->sent = s->len = 0;
	s->error = error;
}

/* write(2) will take PIPE_BUF bytes without waiting, or fail at once. */
static bool descriptor_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

/* What one write takes: whole lines, so that two sinks on one pipe do not tear each other's; a line
 * longer than PIPE_BUF goes in parts. */
static size_t next_piece(const struct sink *s)
{
	const char *data = s->data + s->sent;
	size_t waiting = s->len - s->sent;
	const char *end;

	if (waiting <= PIPE_BUF)
		return waiting;
	end = memrchr(data, '\n', PIPE_BUF);
	return end ? (size_t)(end - data) + 1 : PIPE_BUF;
}

bool sink_flush(struct sink *s)
{
	while (s->sent < s->len && descriptor_ready(s->fd)) {
		ssize_t n = write(s->fd, s->data + s->sent, next_piece(s));

		if (n > 0) {
			s->sent += (size_t)n;
			s->torn = s->data[s->sent - 1] != '\n';
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			queue_give_up(s, errno);
		}
	}
	if (s->sent == s->len)
		s->sent = s->len = 0;
	return s->len > 0;
}

uint64_t sink_lost(const struct sink *s)
{
	return s->lost;
}

int sink_error(const struct sink *s)
{
	return s->error;
}
