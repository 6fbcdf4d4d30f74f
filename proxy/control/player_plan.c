/* What a scenario's steps come to with a seed: times that are drawn, the plan in words, and where
 * its player is. */
#include "base/rng.h"
#include "base/units.h"
#include "control/player_parts.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX   512
#define ROUNDS_MAX 20 /* repetitions that are written out */

int64_t player_draw_pause(
    uint64_t seed, const struct step *step, const struct action *a, uint64_t iteration)
{
	char label[160];

	snprintf(label, sizeof(label), "%s pause %zu", step->name, (size_t)(a - step->actions));
	return a->least_ns +
	       (int64_t)((double)(a->most_ns - a->least_ns) * rng_unit(seed, label, iteration));
}

char *player_fault_name(const char *name, uint64_t iteration)
{
	char *made = NULL;

	if (iteration == 1)
		return strdup(name);
	return asprintf(&made, "%s#%llu", name, (unsigned long long)iteration) < 0 ? NULL : made;
}

char *player_describe_wait(const struct wait_spec *wait, char *buf, size_t size)
{
	char times[48] = "";

	if (wait->count > 1)
		snprintf(times, sizeof(times), " %llu times", (unsigned long long)wait->count);
	snprintf(buf, size, "%s%s%s%s%s%s", wait_rows[wait->kind].name, wait->proxy ? " on " : "",
	    wait->proxy ? wait->proxy : "", wait->fault ? " by " : "",
	    wait->fault ? wait->fault : "", times);
	return buf;
}

/* ---- how long ---- */

/* Adding up to a century is far enough. */
static int64_t add_ns(int64_t a, int64_t b)
{
	const int64_t most = INT64_MAX / 4;

	return a > most - b ? most : a + b;
}

static int64_t round_length_ns(const struct step *step, uint64_t seed, uint64_t iteration)
{
	int64_t sum = 0;

	for (size_t i = 0; i < step->n_actions; i++) {
		const struct action *a = &step->actions[i];

		if (a->kind == ACTION_PAUSE)
			sum = add_ns(sum, player_draw_pause(seed, step, a, iteration));
		else if (a->kind == ACTION_WAIT)
			sum = add_ns(sum, a->wait.within_ns);
	}
	return sum;
}

int64_t player_plan_length_ns(const struct scenario *scenario, uint64_t seed)
{
	int64_t at = 0;

	for (size_t i = 0; i < scenario->n_steps; i++) {
		const struct step *s = &scenario->steps[i];
		int64_t begin =
		    add_ns(s->is_after ? add_ns(at, s->when.within_ns) : s->at_ns, s->delay_ns);

		begin = begin > at ? begin : at;
		for (uint64_t n = 1; n <= s->repeat; n++) {
			at = add_ns(begin, round_length_ns(s, seed, n));
			begin = add_ns(begin, s->every_ns);
			begin = begin > at ? begin : at;
		}
	}
	return at;
}

/* ---- in words ---- */

static const char *duration(char *buf, int64_t ns)
{
	return units_format_duration(buf, 48, ns);
}

static void print_heading(const struct step *step, FILE *out)
{
	char text[TEXT_MAX], a[48], b[48];

	if (step->is_after)
		fprintf(out, "after %s (within %s)",
		    player_describe_wait(&step->when, text, sizeof(text)),
		    duration(a, step->when.within_ns));
	else
		fprintf(out, "at %s", duration(a, step->at_ns));
	if (step->delay_ns)
		fprintf(out, ", %s later", duration(b, step->delay_ns));
	if (step->repeat > 1)
		fprintf(out, ", %llu times", (unsigned long long)step->repeat);
	if (step->every_ns)
		fprintf(out, ", every %s", duration(b, step->every_ns));
	fprintf(out, ": %s\n", step->name);
}

static void print_pause(
    const struct step *step, const struct action *a, uint64_t seed, uint64_t iteration, FILE *out)
{
	char text[48];
	int64_t ns = player_draw_pause(seed, step, a, iteration);

	if (a->least_ns != a->most_ns)
		ns -= ns % 1000000; /* for people */
	fprintf(out, "pause for %s", duration(text, ns));
	if (a->least_ns != a->most_ns)
		fprintf(out, " (of %s)", a->text);
}

static void print_action(
    const struct step *step, const struct action *a, uint64_t seed, uint64_t iteration, FILE *out)
{
	char text[TEXT_MAX], limit[48];
	char *fault = a->kind == ACTION_ARM ? player_fault_name(a->fault->name, iteration) : NULL;

	fputs("    ", out);
	if (a->kind == ACTION_PAUSE)
		print_pause(step, a, seed, iteration, out);
	else if (a->kind == ACTION_WAIT)
		fprintf(out, "wait for %s (within %s)",
		    player_describe_wait(&a->wait, text, sizeof(text)),
		    duration(limit, a->wait.within_ns));
	else
		fprintf(out, "%s %s", action_names[a->kind], a->text);
	fprintf(out, fault ? " as %s\n" : "\n", fault);
	free(fault);
}

/* Does one repetition differ from another? */
static bool is_drawn(const struct step *step)
{
	for (size_t i = 0; i < step->n_actions; i++)
		if (step->actions[i].least_ns != step->actions[i].most_ns)
			return true;
	return false;
}

static void print_step(const struct step *step, uint64_t seed, FILE *out)
{
	uint64_t rounds = is_drawn(step) ? step->repeat : 1;

	print_heading(step, out);
	for (uint64_t n = 1; n <= rounds && n <= ROUNDS_MAX; n++) {
		if (rounds > 1)
			fprintf(out, "  %llu:\n", (unsigned long long)n);
		for (size_t i = 0; i < step->n_actions; i++)
			print_action(step, &step->actions[i], seed, n, out);
	}
	if (rounds > ROUNDS_MAX)
		fprintf(out, "  and so on\n");
}

bool player_print_plan(const struct scenario *scenario, uint64_t seed, FILE *out)
{
	char text[48];

	fprintf(out, "%s, seed %llu, at most %s\n", scenario->name, (unsigned long long)seed,
	    duration(text, player_plan_length_ns(scenario, seed) / 1000000 * 1000000));
	for (size_t i = 0; i < scenario->n_steps; i++)
		print_step(&scenario->steps[i], seed, out);
	return fflush(out) == 0 && !ferror(out);
}

/* ---- where it is ---- */

static char *left_of(const struct player *p, char *buf, size_t size)
{
	int64_t left_ns = p->until_ns - p->stage->ops->now_ns(p->stage);

	snprintf(buf, size, "%.1f s", left_ns > 0 ? (double)left_ns / 1e9 : 0.0);
	return buf;
}

static void describe_state(const struct player *p, char *buf, size_t size)
{
	const struct action *a = player_action(p);
	char left[48], text[TEXT_MAX];

	left_of(p, left, sizeof(left));
	if (p->state == STATE_EVENT)
		snprintf(buf, size, "waiting for %s, %s left",
		    player_describe_wait(&player_step(p)->when, text, sizeof(text)), left);
	else if (p->state == STATE_WAIT)
		snprintf(buf, size, "waiting for %s, %s left",
		    player_describe_wait(&a->wait, text, sizeof(text)), left);
	else if (p->state == STATE_UNTIL)
		snprintf(buf, size, p->begun ? "pause, %s left" : "begins in %s", left);
	else if (a)
		snprintf(buf, size, "%s %s", action_names[a->kind], a->text);
	else
		snprintf(buf, size, "done");
}

char *player_now(const struct player *p, char *buf, size_t size)
{
	char state[TEXT_MAX], round[64] = "";

	if (p->state == STATE_OVER) {
		snprintf(buf, size, "%s", p->reason ? p->reason : "all steps are over");
		return buf;
	}
	describe_state(p, state, sizeof(state));
	if (player_step(p)->repeat > 1)
		snprintf(round, sizeof(round), " (%llu of %llu)", (unsigned long long)p->iteration,
		    (unsigned long long)player_step(p)->repeat);
	snprintf(buf, size, "%s%s: %s", player_step(p)->name, round, state);
	return buf;
}

int64_t player_length_ns(const struct player *p)
{
	return player_plan_length_ns(p->scenario, p->seed);
}
