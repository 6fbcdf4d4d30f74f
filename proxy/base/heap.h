/*
 * Deadlines: a binary min-heap of nodes that live inside their owners. The heap owns only its
 * array. A node is in at most one heap; index 0 means "not in a heap", so zeroed memory is valid.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t at_ns;
	size_t index;
};

struct heap {
	struct heap_node **nodes; /* 1-based */
	size_t count, room;
};

/* Inserts, or moves when already in. False: out of memory, nothing changed. */
bool heap_set(struct heap *h, struct heap_node *n, int64_t at_ns);
void heap_remove(struct heap *h, struct heap_node *n); /* nothing when not in */
struct heap_node *heap_first(const struct heap *h);    /* NULL when empty */
void heap_free(struct heap *h);                        /* nodes stay their owners' */
