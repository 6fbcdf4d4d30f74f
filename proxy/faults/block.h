/*
 * The bytes of one read: in memory, or in a pipe from which they are taken in order, or, once
 * somebody has wanted to see them, moved from there to memory.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block;
struct pipe;
struct pipe_pool;

/* One reference. NULL: no memory; a pipe stays the caller's. */
struct block *block_of_bytes(const void *data, size_t len);
struct block *block_of_pipe(struct pipe *pipe, struct pipe_pool *pool, size_t len);

void block_hold(struct block *b);
bool block_is_shared(const struct block *b);
/* The last one frees it; its pipe goes back to the pool if it is empty, else it is closed. */
void block_drop(struct block *b);

/* Its pipe; NULL: the bytes are in memory. */
struct pipe *block_pipe(const struct block *b);
/* They once were in a pipe. */
bool block_was_fetched(const struct block *b);
/* n bytes were taken from the head of its pipe. */
void block_taken(struct block *b, size_t n);

/* Byte number off of those that it began with, which was not taken yet, and those behind it. NULL:
 * no memory to fetch them from the pipe, where they stay. */
unsigned char *block_bytes(struct block *b, size_t off);
