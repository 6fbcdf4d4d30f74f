/*
 * Ten thousand random steps of arming, lifting, opening, closing, carrying and waiting, held after
 * each against a model that is nothing but the definitions.
 */
#include "base/mono.h"
#include "base/rng.h"
#include "fake_target.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *walk_suite(void);

static struct fake_world *w;

static void setup(void)
{
	w = fake_world_new();
	fake_door(w, "a", NULL);
	fake_door_add(&w->doors[0]);
}

static void teardown(void)
{
	fake_world_free(w);
}

static struct fake_door *door(unsigned i)
{
	return &w->doors[i];
}

#define WALK_DOORS    3
#define WALK_FAULTS   12
#define WALK_SESSIONS 40
#define WALK_STEPS    10000

/* What a type wants, by definition. */
struct want {
	const char *text;
	uint8_t silent[LEGS], held;
	enum gate gate;
	bool kills; /* when its window ends the session is over */
	bool ends;  /* it is over at once */
	bool flaps; /* WALK_DOWN, WALK_UP */
};

#define WALK_DOWN NS_PER_S
#define WALK_UP   (NS_PER_S / 2)

static const struct want wants[] = {
	{ "power_loss", { 3, 0 }, 3, GATE_SILENT, true, false },
	{ "power_loss side=client", { 0, 3 }, 3, GATE_REFUSE, true, false },
	{ "reboot side=both down=%s service_delay=0", { 3, 3 }, 3, GATE_SILENT, true, false },
	{ "partition", { 3, 3 }, 3, GATE_SILENT, false, false },
	{ "partition direction=upstream", { 1, 2 }, 1, GATE_SILENT, false, false },
	{ "partition direction=downstream", { 2, 1 }, 2, GATE_SILENT, false, false },
	{ "hang", { 0, 0 }, 3, GATE_HOLD, false, false },
	{ "refuse", { 0, 0 }, 0, GATE_REFUSE, false, false },
	{ "syn_drop", { 0, 0 }, 0, GATE_SILENT, false, false },
	{ "accept_queue_full", { 0, 0 }, 0, GATE_FULL, false, false },
	{ "flap down=1s up=500ms", { 3, 3 }, 3, GATE_SILENT, false, false, true },
	{ "flap down=1s up=500ms fault=power_loss", { 3, 0 }, 3, GATE_SILENT, true, false, true },
	{ "flap down=1s up=500ms fault=hang", { 0, 0 }, 3, GATE_HOLD, false, false, true },
	{ "process_crash restart_after=%s", { 0, 0 }, 0, GATE_REFUSE, false, true },
	{ "reset side=both duration=%s", { 0, 0 }, 0, GATE_OPEN, false, true },
	{ "half_close", { 0, 0 }, 0, GATE_OPEN, false, false },
};

enum { TRIGGER_NONE, TRIGGER_EVERY2, TRIGGER_BYTES, TRIGGERS };

struct model_fault {
	struct fault *fault; /* NULL: a free place */
	const struct want *want;
	int door; /* -1: all */
	int trigger;
	int64_t from_ns, until_ns; /* TRIGGER_NONE: active; else from is when it arms */
	int64_t lasts_ns;
	uint64_t seen[WALK_DOORS];
};

struct model_session {
	struct fake_target *target; /* NULL: a free place */
	int door;
	bool over;                      /* it should be by now */
	bool enlisted[WALK_FAULTS];     /* TRIGGER_*: chosen, waits for its bytes */
	int64_t struck_ns[WALK_FAULTS]; /* 0: not; own window from here */
};

static struct model_fault mf[WALK_FAULTS];
static struct model_session ms[WALK_SESSIONS];
static uint64_t walk_n;

static unsigned pick(unsigned n)
{
	return (unsigned)(rng_bits(20261122, "walk", walk_n++) % n);
}

static bool window_open(const struct model_fault *f)
{
	if (!f->fault || f->trigger != TRIGGER_NONE || w->now_ns < f->from_ns ||
	    w->now_ns >= f->until_ns)
		return false;
	return !f->want->flaps || (w->now_ns - f->from_ns) % (WALK_DOWN + WALK_UP) < WALK_DOWN;
}

static bool covers(const struct model_fault *f, int d)
{
	return f->door < 0 || f->door == d;
}

/* Does fault i act on this session now? */
static bool acts(int i, const struct model_session *s)
{
	const struct model_fault *f = &mf[i];

	if (!f->fault || !covers(f, s->door))
		return false;
	if (f->trigger == TRIGGER_NONE)
		return window_open(f);
	return s->struck_ns[i] && w->now_ns < s->struck_ns[i] + f->lasts_ns;
}

static bool is_over(struct model_session *s)
{
	return s->over || s->target->target.over;
}

static void model_strike(int i, struct model_session *s)
{
	s->struck_ns[i] = w->now_ns;
	s->enlisted[i] = false;
}

/* Sessions the fault has killed, now that it no longer acts: they end when nothing silences them.
 */
static void check_session(struct model_session *s)
{
	uint8_t silent[LEGS] = { 0, 0 }, held = 0;
	struct fake_target *t = s->target;

	for (int i = 0; i < WALK_FAULTS; i++)
		if (acts(i, s)) {
			silent[LEG_CLIENT] |= mf[i].want->silent[LEG_CLIENT];
			silent[LEG_SERVER] |= mf[i].want->silent[LEG_SERVER];
			held |= mf[i].want->held;
		}
	if (is_over(s))
		return;
	for (enum leg leg = 0; leg < LEGS; leg++)
		ck_assert_msg(t->silent[leg] == silent[leg],
		    "step %u session %d leg %d: silent %d, not %d", (unsigned)walk_n,
		    (int)t->target.id, leg, t->silent[leg], silent[leg]);
	ck_assert_msg(t->held == held, "step %u session %d: held %d, not %d", (unsigned)walk_n,
	    (int)t->target.id, t->held, held);
	ck_assert(!(t->ended[LEG_CLIENT] && t->ended[LEG_SERVER]) ||
		  (t->silent[LEG_CLIENT] | t->silent[LEG_SERVER]) & WIRE_OUT);
}

static void check_model(void)
{
	for (int d = 0; d < WALK_DOORS; d++) {
		enum gate gate = GATE_OPEN;

		for (int i = 0; i < WALK_FAULTS; i++)
			if (window_open(&mf[i]) && covers(&mf[i], d) && mf[i].want->gate > gate)
				gate = mf[i].want->gate;
		ck_assert_int_eq(door(d)->door.gate, gate);
	}
	for (int s = 0; s < WALK_SESSIONS; s++)
		if (ms[s].target)
			check_session(&ms[s]);
}

static void walk_arm(int i)
{
	static const char *const triggers[] = { "", " every=2", " after_bytes=100" };
	const struct want *want = &wants[pick(sizeof(wants) / sizeof(*wants))];
	int64_t delay_s = pick(3), lasts_s = 1 + pick(8);
	struct model_fault *f = &mf[i];
	char lasts[16], text[256];
	int len;

	snprintf(lasts, sizeof(lasts), "%ds", (int)lasts_s);
	len = snprintf(text, sizeof(text), want->text, lasts); // NOLINT: the table's formats
	if (!strchr(want->text, '%'))
		len += snprintf(text + len, sizeof(text) - len, " duration=%s", lasts);
	*f = (struct model_fault){ .want = want,
		.door = (int)pick(WALK_DOORS + 1) - 1,
		.trigger = (want->gate && !want->held && !want->ends) || want->flaps
			       ? TRIGGER_NONE
			       : (int)pick(TRIGGERS),
		.from_ns = w->now_ns + delay_s * NS_PER_S,
		.lasts_ns = lasts_s * NS_PER_S };
	f->until_ns = f->from_ns + f->lasts_ns;
	len += snprintf(
	    text + len, sizeof(text) - len, " delay=%ds%s", (int)delay_s, triggers[f->trigger]);
	if (f->door >= 0)
		len += snprintf(
		    text + len, sizeof(text) - len, " proxy=%s", door(f->door)->door.spec->name);
	for (int s = 0; s < WALK_SESSIONS; s++) {
		ms[s].struck_ns[i] = 0;
		ms[s].enlisted[i] =
		    ms[s].target && f->trigger == TRIGGER_BYTES && covers(f, ms[s].door);
	}
	f->fault = fake_arm(w, text);
}

static void walk_open(int i)
{
	struct model_session *s = &ms[i];

	*s = (struct model_session){ .door = (int)pick(WALK_DOORS) };
	for (int k = 0; k < WALK_FAULTS; k++) {
		struct model_fault *f = &mf[k];

		if (!f->fault || !covers(f, s->door) || f->trigger == TRIGGER_NONE)
			continue;
		f->seen[s->door]++;
		if (f->trigger == TRIGGER_BYTES)
			s->enlisted[k] = true;
		else if (f->seen[s->door] % 2 == 0) {
			s->enlisted[k] = true;
			if (w->now_ns >= f->from_ns)
				model_strike(k, s);
		}
	}
	s->target = fake_open(door(s->door), "10.0.0.1");
}

static bool reached(const struct model_fault *f, const struct fake_target *t)
{
	bool client = strstr(f->want->text, "side=client"),
	     both = f->want->silent[0] && f->want->silent[1];

	both |= strstr(f->want->text, "side=both") != NULL;
	return ((client || both) && t->bytes[FLOW_UPSTREAM] >= 100) ||
	       (!client && t->bytes[FLOW_DOWNSTREAM] >= 100);
}

/* After bytes have moved, or a delay is over: who has reached its mark? */
static void model_bytes(void)
{
	for (int i = 0; i < WALK_FAULTS; i++)
		for (int s = 0; s < WALK_SESSIONS; s++) {
			if (!mf[i].fault || !ms[s].target || !ms[s].enlisted[i] ||
			    w->now_ns < mf[i].from_ns)
				continue;
			if (mf[i].trigger == TRIGGER_EVERY2 || reached(&mf[i], ms[s].target))
				model_strike(i, &ms[s]);
		}
}

static void walk_step(void)
{
	int i = (int)pick(WALK_FAULTS), s = (int)pick(WALK_SESSIONS);

	switch (pick(6)) {
	case 0:
		if (mf[i].fault) {
			fake_lift(w, mf[i].fault);
			mf[i].fault = NULL;
		} else if (pick(2)) {
			walk_arm(i);
		}
		break;
	case 1:
	case 2:
		if (!ms[s].target)
			walk_open(s);
		else if (is_over(&ms[s]) || pick(4) == 0) {
			fake_close(ms[s].target);
			ms[s].target = NULL;
		}
		break;
	case 3:
		if (ms[s].target && !is_over(&ms[s]))
			fake_carry(ms[s].target, (enum flow)pick(FLOWS), 1 + pick(60));
		break;
	default:
		fake_until(w, (double)(w->now_ns - FAKE_START) / NS_PER_S + 0.25);
		break;
	}
	model_bytes();
}

START_TEST(ten_thousand_steps_against_the_model)
{
	memset(mf, 0, sizeof(mf));
	memset(ms, 0, sizeof(ms));
	fake_door(w, "b", NULL);
	fake_door(w, "c", NULL);
	fake_door_add(door(1));
	fake_door_add(door(2));
	w->quiet = true;
	for (unsigned step = 0; step < WALK_STEPS; step++) {
		walk_step();
		check_model();
	}
	while (!TAILQ_EMPTY(&w->engine.faults))
		fake_lift(w, TAILQ_FIRST(&w->engine.faults));
	memset(mf, 0, sizeof(mf));
	check_model();
	for (int s = 0; s < WALK_SESSIONS; s++)
		if (ms[s].target) {
			ck_assert(LIST_EMPTY(&ms[s].target->target.runs));
			fake_close(ms[s].target);
		}
	ck_assert_int_eq(heap_first(&w->engine.timers) == NULL, 1);
}
END_TEST

Suite *walk_suite(void)
{
	Suite *s = suite_create("walk");
	TCase *c = tcase_create("walk");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, ten_thousand_steps_against_the_model);
	suite_add_tcase(s, c);
	return s;
}
