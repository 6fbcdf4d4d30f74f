/* Bytes that are shared, wherever they are. See block.h. */
#include "faults/block.h"
#include "kernel/pipe.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct block {
	uint32_t refs;
	uint32_t len;      /* it began with */
	uint32_t taken;    /* from the pipe, before the rest of it was fetched */
	struct pipe *pipe; /* NULL: in memory */
	struct pipe_pool *pool;
	unsigned char *memory; /* from byte `taken` on: own_bytes, or allocated */
	unsigned char own_bytes[];
};

struct block *block_of_bytes(const void *data, size_t len)
{
	struct block *b = malloc(sizeof(*b) + len);

	if (!b)
		return NULL;
	*b = (struct block){ .refs = 1, .len = (uint32_t)len, .memory = b->own_bytes };
	memcpy(b->own_bytes, data, len);
	return b;
}

struct block *block_of_pipe(struct pipe *pipe, struct pipe_pool *pool, size_t len)
{
	struct block *b = malloc(sizeof(*b));

	if (b)
		*b = (struct block){ .refs = 1, .len = (uint32_t)len, .pipe = pipe, .pool = pool };
	return b;
}

void block_hold(struct block *b)
{
	b->refs++;
}

bool block_is_shared(const struct block *b)
{
	return b->refs > 1;
}

void block_drop(struct block *b)
{
	if (--b->refs)
		return;
	if (b->pipe)
		(b->taken == b->len ? pipe_give : pipe_drop)(b->pool, b->pipe);
	if (b->memory != b->own_bytes)
		free(b->memory);
	free(b);
}

struct pipe *block_pipe(const struct block *b)
{
	return b->pipe;
}

bool block_was_fetched(const struct block *b)
{
	return b->pool && !b->pipe;
}

void block_taken(struct block *b, size_t n)
{
	b->taken += (uint32_t)n;
}

/* All that a pipe holds can be read at once. */
static bool read_all(int fd, unsigned char *out, size_t len)
{
	while (len) {
		ssize_t n = read(fd, out, len);

		if (n <= 0 && errno != EINTR)
			return false;
		out += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static bool fetch(struct block *b)
{
	size_t len = b->len - b->taken;

	b->memory = malloc(len);
	if (!b->memory || !read_all(b->pipe->rd, b->memory, len)) {
		free(b->memory);
		b->memory = NULL;
		return false;
	}
	pipe_give(b->pool, b->pipe);
	b->pipe = NULL;
	return true;
}

unsigned char *block_bytes(struct block *b, size_t off)
{
	if (b->pipe && !fetch(b))
		return NULL;
	return b->memory + (off - b->taken);
}
