/* One session through one door, for the suites of faults that shape its bytes. */
#pragma once
#include "fake_target.h"
#include "faults/stream.h"
#include <check.h>

extern struct fake_world *w;
extern struct fake_door *door;
extern struct fake_target *t;

/* A checked fixture; the latter fails if anything is still buffered once the sessions are gone. */
void shape_setup(void);
void shape_teardown(void);
void shape_again(void); /* a world of its own for what comes next */

/* As a reload that changes this fault to what text says; false: it would be armed anew. */
bool shape_update(struct fault *f, const char *text);

/* n of them, at most 4000; the same ones each time. */
const char *shape_xs(size_t n);

/* Whoever cuts small pieces: four rows. */
extern const char *const shape_cutters[4];

#define GOT(flow, text)  ck_assert_str_eq(fake_got(t, FLOW_##flow), text)
#define SEND(flow, text) ck_assert(fake_send(t, FLOW_##flow, text))
#define CALLS(text)      ck_assert_str_eq(fake_calls(w), text)
