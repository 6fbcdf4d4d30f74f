#include "shape_rig.h"
#include <stdlib.h>
#include <string.h>

struct fake_world *w;
struct fake_door *door;
struct fake_target *t;

const char *const shape_cutters[4] = { "slicer average_size=1", "bandwidth rate=1KB/s",
	"slow_drip size=1 interval=1ms", "stall bytes=1 pause=1ms" };

void shape_setup(void)
{
	w = fake_world_new();
	door = fake_door(w, "a", NULL);
	fake_door_add(door);
	t = fake_open(door, "10.0.0.1");
}

void shape_teardown(void)
{
	uint64_t kept;

	while (!TAILQ_EMPTY(&door->door.targets))
		fake_close((struct fake_target *)TAILQ_FIRST(&door->door.targets));
	kept = w->engine.buffered;
	fake_world_free(w);
	ck_assert_uint_eq(kept, 0);
}

void shape_again(void)
{
	shape_teardown();
	shape_setup();
}

bool shape_update(struct fault *f, const char *text)
{
	return fake_update(w, f, text);
}

const char *shape_xs(size_t n)
{
	static char xs[4001];

	ck_assert_uint_lt(n, sizeof(xs));
	memset(xs, 'x', n);
	xs[n] = '\0';
	return xs;
}
