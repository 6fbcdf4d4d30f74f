/*
 * A short list of idle pipes. A flow holds one only while bytes sit in it, so few are ever out and
 * the pool makes taking one free after the first (F_SETPIPE_SZ allocates an array of page slots).
 */
#include "kernel/pipe.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct pipe *pipe_open(void)
{
	int fd[2];
	struct pipe *pipe = calloc(1, sizeof(*pipe));

	if (!pipe)
		return NULL;
	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	pipe->rd = fd[0];
	pipe->wr = fd[1];
	/* EPERM past fs.pipe-user-pages-soft (64 of our pipes for a user without privilege):
	 * pipe_set_size() then leaves the pipe as it was, and a small pipe still carries bytes. */
	pipe->capacity = fcntl(pipe->wr, F_SETPIPE_SZ, PIPE_WANTED);
	if (pipe->capacity < 0)
		pipe->capacity = fcntl(pipe->wr, F_GETPIPE_SZ);
	return pipe;
}

static void pipe_close(struct pipe *pipe)
{
	close(pipe->rd);
	close(pipe->wr);
	free(pipe);
}

struct pipe *pipe_take(struct pipe_pool *p)
{
	struct pipe *pipe = p->idle;

	if (pipe) {
		p->idle = pipe->next;
		pipe->next = NULL;
		p->n_idle--;
	} else {
		pipe = pipe_open();
	}
	if (pipe)
		p->n_out++;
	return pipe;
}

void pipe_give(struct pipe_pool *p, struct pipe *pipe)
{
	p->n_out--;
	if (p->n_idle == PIPE_POOL_MAX) {
		pipe_close(pipe);
		return;
	}
	pipe->next = p->idle;
	p->idle = pipe;
	p->n_idle++;
}

void pipe_drop(struct pipe_pool *p, struct pipe *pipe)
{
	p->n_out--;
	pipe_close(pipe);
}

void pipe_pool_free(struct pipe_pool *p)
{
	while (p->idle) {
		struct pipe *next = p->idle->next;

		pipe_close(p->idle);
		p->idle = next;
	}
	p->n_idle = 0;
}
