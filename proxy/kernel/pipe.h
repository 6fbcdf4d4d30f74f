/*
 * Pipes for splice(2), held only while bytes are in flight in them.
 *
 * A pipe that the pool hands out is empty and the taker's alone; pipe_give takes back only an empty
 * one (pipe_drop closes one that is not). Asked for PIPE_WANTED bytes of capacity (F_SETPIPE_SZ);
 * past the user's soft limit (/proc/sys/fs/pipe-user-pages-soft) the kernel gives less and
 * `capacity` says how much.
 */
#pragma once
#include <stddef.h>

#define PIPE_WANTED   (1 << 20)
#define PIPE_POOL_MAX 32 /* idle pipes kept */

struct pipe {
	int rd, wr;
	int capacity; /* bytes */
	struct pipe *next;
};

struct pipe_pool {
	struct pipe *idle;
	unsigned n_idle, n_out;
};

struct pipe *pipe_take(
    struct pipe_pool *p); /* NULL: no descriptors or no memory; errno says which */
void pipe_give(struct pipe_pool *p, struct pipe *pipe);
void pipe_drop(struct pipe_pool *p, struct pipe *pipe);
void pipe_pool_free(struct pipe_pool *p); /* the idle ones; none may be out */
