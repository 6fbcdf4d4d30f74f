#include "base/heap.h"
#include "base/rng.h"
#include <check.h>

Suite *heap_suite(void);

#define N 500

struct owner {
	int id;
	struct heap_node node;
};

START_TEST(empty_heap_has_no_first)
{
	struct heap h = { 0 };
	struct heap_node n = { 0 };

	ck_assert_ptr_null(heap_first(&h));
	heap_remove(&h, &n);
	ck_assert_ptr_null(heap_first(&h));
	heap_free(&h);
}
END_TEST

START_TEST(set_moves_what_is_in)
{
	struct heap h = { 0 };
	struct heap_node a = { 0 }, b = { 0 };

	ck_assert(heap_set(&h, &a, 10));
	ck_assert(heap_set(&h, &b, 20));
	ck_assert_ptr_eq(heap_first(&h), &a);
	ck_assert(heap_set(&h, &a, 30));
	ck_assert_ptr_eq(heap_first(&h), &b);
	ck_assert(heap_set(&h, &a, INT64_MIN));
	ck_assert_ptr_eq(heap_first(&h), &a);
	ck_assert_uint_eq(h.count, 2);
	heap_remove(&h, &a);
	ck_assert_uint_eq(a.index, 0);
	heap_remove(&h, &a);
	ck_assert_uint_eq(h.count, 1);
	heap_free(&h);
	ck_assert_uint_eq(b.index, 0);
}
END_TEST

static void check_order(const struct heap *h)
{
	for (size_t i = 1; i <= h->count; i++) {
		ck_assert_uint_eq(h->nodes[i]->index, i);
		if (i > 1)
			ck_assert_int_le(h->nodes[i / 2]->at_ns, h->nodes[i]->at_ns);
	}
}

/* Random sets, moves and removals; the heap stays a heap, and empties in order. */
START_TEST(any_sequence_keeps_the_order)
{
	static struct owner owners[N];
	struct heap h = { 0 };
	size_t in = 0;

	for (uint64_t step = 0; step < 20000; step++) {
		struct owner *o = &owners[rng_bits(1, "who", step) % N];

		if (rng_unit(1, "what", step) < 0.4) {
			in -= o->node.index != 0;
			heap_remove(&h, &o->node);
		} else {
			in += o->node.index == 0;
			ck_assert(
			    heap_set(&h, &o->node, (int64_t)(rng_bits(1, "when", step) % 100)));
		}
		ck_assert_uint_eq(h.count, in);
		if (step % 64 == 0)
			check_order(&h);
	}
	check_order(&h);
	ck_assert_uint_gt(in, N / 4);
	for (int64_t last = INT64_MIN; in > 0; in--) {
		struct heap_node *n = heap_first(&h);

		ck_assert_int_ge(n->at_ns, last);
		last = n->at_ns;
		heap_remove(&h, n);
	}
	ck_assert_ptr_null(heap_first(&h));
	heap_free(&h);
}
END_TEST

Suite *heap_suite(void)
{
	Suite *s = suite_create("heap");
	TCase *t = tcase_create("heap");

	tcase_add_test(t, empty_heap_has_no_first);
	tcase_add_test(t, set_moves_what_is_in);
	tcase_add_test(t, any_sequence_keeps_the_order);
	suite_add_tcase(s, t);
	return s;
}
