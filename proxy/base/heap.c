/*
 * A binary heap in an array from 1: the parent of i is i/2. Every move of a node writes its new
 * place into the node, so that removal and change need no search.
 */
#include "base/heap.h"
#include <stdlib.h>

static void place(struct heap *h, struct heap_node *n, size_t i)
{
	h->nodes[i] = n;
	n->index = i;
}

static void sift_up(struct heap *h, struct heap_node *n, size_t i)
{
	for (; i > 1 && n->at_ns < h->nodes[i / 2]->at_ns; i /= 2)
		place(h, h->nodes[i / 2], i);
	place(h, n, i);
}

static void sift_down(struct heap *h, struct heap_node *n, size_t i)
{
	size_t child;

	for (; (child = 2 * i) <= h->count; i = child) {
		if (child < h->count && h->nodes[child + 1]->at_ns < h->nodes[child]->at_ns)
			child++;
		if (n->at_ns <= h->nodes[child]->at_ns)
			break;
		place(h, h->nodes[child], i);
	}
	place(h, n, i);
}

/* Puts n where it belongs, starting from the free place i. */
static void settle(struct heap *h, struct heap_node *n, size_t i)
{
	if (i > 1 && n->at_ns < h->nodes[i / 2]->at_ns)
		sift_up(h, n, i);
	else
		sift_down(h, n, i);
}

bool heap_set(struct heap *h, struct heap_node *n, int64_t at_ns)
{
	if (n->index == 0 && h->count + 1 >= h->room) {
		size_t room = h->room ? 2 * h->room : 16;
		struct heap_node **nodes = reallocarray(h->nodes, room, sizeof(struct heap_node *));

		if (!nodes)
			return false;
		h->nodes = nodes;
		h->room = room;
	}
	n->at_ns = at_ns;
	settle(h, n, n->index ? n->index : ++h->count);
	return true;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	size_t i = n->index;

	if (i == 0)
		return;
	struct heap_node *last = h->nodes[h->count--];
	if (last != n)
		settle(h, last, i);
	n->index = 0;
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count ? h->nodes[1] : NULL;
}

void heap_free(struct heap *h)
{
	for (size_t i = 1; i <= h->count; i++)
		h->nodes[i]->index = 0;
	free(h->nodes);
	*h = (struct heap){ 0 };
}
