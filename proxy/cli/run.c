/*
 * deadpeer run: one run from its options to its exit code.
 *
 *     options, scenario -> relays -> command -> (traffic) -> time begins: the player plays
 *         -> all is decided, or the limit, or a signal -> time ends
 *         -> command, faults, relays are ended -> verdict
 *
 * SIGINT, SIGTERM, SIGHUP: what is being played is stopped, and all the rest follows; a second one
 * ends at once.
 */
#include "cli/run.h"
#include "base/mono.h"
#include "base/rng.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "control/verdict.h"
#include "faults/catalogue.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_NS     (20 * NS_PER_MS)
#define JUDGE_NS    NS_PER_S          /* how often it is asked whether all is decided, at most */
#define JUDGE_SHARE 20                /* of the time: what asking may take */
#define CALM_NS     (500 * NS_PER_MS) /* until all is told of what the last step did */
#define COMMAND_NS  (5 * NS_PER_S)    /* from SIGTERM to SIGKILL */

void driver_say(struct driver *run, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = snprintf(text, sizeof(text), "deadpeer run: ");
	vsnprintf(text + n, sizeof(text) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	strcat(text, "\n");
	show_through(run->show, STDERR_FILENO, text, strlen(text));
}

/* --- records --- */

int64_t driver_now_ns(const struct driver *run)
{
	return mono_now_ns() - run->zero_ns;
}

/* What the player and others make of it; it was theirs already when they told it. */
static void pass(struct driver *run, const struct record *r, bool to_player)
{
	show_saw(run->show, r);
	if (run->traffic)
		await_saw(run->traffic, r);
	if (run->player && to_player)
		player_saw(run->player, r);
	if (!strcmp(r->event, "session.opened"))
		watch_soon(run->watch);
}

static void keep(struct driver *run, int64_t at_ns, unsigned relay, const char *event,
    json_t *fields, bool to_player)
{
	struct record r = { at_ns, relay, (char *)(uintptr_t)event, fields };

	if (run->ended) {
		json_decref(fields);
		return;
	}
	if (!fields)
		r.fields = fields = json_object();
	json_incref(fields);
	if (!journal_add(&run->journal, at_ns, relay, event, fields))
		run->no_memory = true;
	pass(run, &r, to_player);
	json_decref(r.fields);
}

void driver_saw(
    struct driver *run, int64_t mono_ns, unsigned relay, const char *event, json_t *fields)
{
	keep(run, mono_ns - run->zero_ns, relay, event, fields, true);
}

void driver_tell(struct driver *run, const char *event, json_t *fields)
{
	const bool players = !strncmp(event, "step.", 5) || !strncmp(event, "action.", 7);

	keep(run, driver_now_ns(run), JOURNAL_DRIVER, event, fields, !players);
}

/* --- the loop --- */

void driver_turn(struct driver *run)
{
	event_base_loop(run->base, EVLOOP_ONCE);
}

static void tick_due(evutil_socket_t fd, short what, void *arg)
{
	struct driver *run = arg;

	(void)fd, (void)what;
	show_draw(run->show);
}

static void wake_due(evutil_socket_t fd, short what, void *arg)
{
	struct driver *run = arg;

	(void)fd, (void)what;
	if (run->player && !run->ended)
		player_tick(run->player);
}

static void child_ended(evutil_socket_t sig, short what, void *arg)
{
	struct driver *run = arg;
	int status;
	pid_t pid;

	(void)sig, (void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		(void)(own_reap(run, pid, status) || process_reap(&run->command, pid, status) ||
		       process_reap(&run->shell, pid, status));
}

/* Who asks twice does not want to wait for anything. */
static void signal_came(evutil_socket_t sig, short what, void *arg)
{
	struct driver *run = arg;

	(void)what;
	if (run->signal) {
		process_kill(&run->command, SIGKILL);
		process_kill(&run->shell, SIGKILL);
		own_kill(run);
		_exit(RUN_SIGNAL + sig);
	}
	run->signal = sig;
	if (run->player)
		player_stop(run->player, "interrupted");
}

static bool add_events(struct driver *run)
{
	static const struct timeval often = { .tv_usec = TICK_NS / NS_PER_US };
	static const int signals[RUN_SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };

	run->base = event_base_new();
	if (!run->base)
		return false;
	for (int i = 0; i < RUN_SIGNALS; i++) {
		run->signals[i] = evsignal_new(
		    run->base, signals[i], signals[i] == SIGCHLD ? child_ended : signal_came, run);
		if (!run->signals[i] || event_add(run->signals[i], NULL))
			return false;
	}
	run->tick = event_new(run->base, -1, EV_PERSIST, tick_due, run);
	run->wake = event_new(run->base, -1, 0, wake_due, run);
	return run->tick && run->wake && !event_add(run->tick, &often);
}

/* --- the scenario's time --- */

/* Those who came later have missed what was before. */
static void begin_at(struct driver *run, int64_t at_ns)
{
	journal_shift(&run->journal, at_ns);
	run->zero_ns += at_ns;
	run->began = true;
	run->player = player_new(run->scenario, run->seed, &run->stage);
	for (size_t i = 0; run->player && i < run->journal.count; i++)
		player_saw(run->player, &run->journal.records[i]);
	run->no_memory |= !run->player;
	keep(run, 0, JOURNAL_DRIVER, "run.zero",
	    json_pack("{s:s, s:I}", "started", run->started, "seed", (json_int_t)run->seed), true);
}

/* When it came, or INT64_MIN: it did not. */
static int64_t wait_traffic(struct driver *run)
{
	static const struct wait_spec wait = { .kind = WAIT_TRAFFIC, .count = 1 };
	const int64_t until_ns = driver_now_ns(run) + run->scenario->start_within_ns;
	int64_t at_ns = INT64_MIN;

	run->traffic = await_new();
	if (!run->traffic)
		return at_ns;
	for (size_t i = 0; i < run->journal.count; i++)
		await_saw(run->traffic, &run->journal.records[i]);
	await_begin(run->traffic, &wait, 0);
	while (!await_met(run->traffic) && !run->signal && driver_now_ns(run) < until_ns &&
	       (!run->command.pid || run->command.alive))
		driver_turn(run);
	if (await_met(run->traffic))
		at_ns = driver_now_ns(run);
	await_free(run->traffic);
	run->traffic = NULL;
	return at_ns;
}

static void begin(struct driver *run)
{
	char why[128];
	int64_t at_ns = driver_now_ns(run);

	if (run->scenario->start == START_TRAFFIC && (at_ns = wait_traffic(run)) == INT64_MIN) {
		begin_at(run, driver_now_ns(run));
		snprintf(why, sizeof(why), "no traffic came%s",
		    run->command.pid && !run->command.alive ? " before the command ended" : "");
		if (run->player)
			player_stop(run->player, run->signal ? "interrupted" : why);
		return;
	}
	begin_at(run, at_ns);
	if (run->player && run->command.pid && !run->command.alive)
		player_stop(run->player, "the command has ended");
}

static bool expects_exit(const struct scenario *s)
{
	for (size_t i = 0; i < s->n_expectations; i++)
		if (s->expectations[i].kind == EXPECT_EXIT_CODE)
			return true;
	return false;
}

static bool is_relay_lost(const struct driver *run)
{
	for (unsigned i = 0; i < run->n_relays; i++)
		if (run->relays[i].is_lost)
			return true;
	return run->n_relays && !run->o.n_admin && !run->own.alive;
}

/* After the last step; "": not yet. */
static const char *is_decided(struct driver *run, int64_t over_ns, int64_t *next_ns)
{
	const int64_t now_ns = driver_now_ns(run);
	int64_t took_ns;
	bool settled;

	if (run->command.alive && expects_exit(run->scenario))
		return "";
	if (now_ns >= over_ns + run->scenario->settle_ns)
		return "settled";
	if (now_ns < over_ns + CALM_NS || now_ns < *next_ns)
		return "";
	settled = verdict_settled(run->scenario, &run->journal);
	took_ns = driver_now_ns(run) - now_ns;
	*next_ns = now_ns + (took_ns * JUDGE_SHARE > JUDGE_NS ? took_ns * JUDGE_SHARE : JUDGE_NS);
	return settled ? "decided" : "";
}

/* Why it ended. */
static const char *play(struct driver *run)
{
	const int64_t limit_ns = run->o.limit_ns ? run->o.limit_ns : run->scenario->limit_ns;
	int64_t over_ns = -1, next_ns = 0;
	const char *why = "";

	player_tick(run->player);
	while (!*why) {
		driver_turn(run);
		if (run->signal)
			why = "signal";
		else if (run->no_memory)
			why = "no memory";
		else if (is_relay_lost(run))
			why = "relay";
		else if (limit_ns && driver_now_ns(run) >= limit_ns)
			why = "limit";
		else if (over_ns >= 0)
			why = is_decided(run, over_ns, &next_ns);
		else if (player_over(run->player))
			next_ns = (over_ns = driver_now_ns(run)) + JUDGE_NS; /* let it strike */
	}
	return why;
}

/* --- all of it --- */

static int set_up(struct driver *run)
{
	int code;

	mono_format_wall_ns(run->started, mono_wall_ns());
	run->zero_ns = mono_now_ns();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!add_events(run) || !command_make(run)) {
		driver_say(run, "out of memory");
		return RUN_FAIL;
	}
	run->show = show_new(run);
	code = relays_start(run);
	if (!code && !command_find_proxies(run)) {
		driver_say(run, "out of memory");
		code = RUN_FAIL;
	}
	return code;
}

static void tear_down(struct driver *run)
{
	stage_cancel(run);
	player_free(run->player);
	run->player = NULL;
	watch_free(run->watch);
	run->watch = NULL;
	process_stop(&run->shell, 0);
	process_stop(&run->command, COMMAND_NS);
	relays_end(run);
	process_free(&run->shell);
	process_free(&run->command);
	show_free(run->show);
	run->show = NULL;
}

static void free_run(struct driver *run)
{
	relays_free(run);
	journal_free(&run->journal);
	json_decref(run->environment);
	for (int i = 0; i < RUN_SIGNALS; i++)
		if (run->signals[i])
			event_free(run->signals[i]);
	if (run->tick)
		event_free(run->tick);
	if (run->wake)
		event_free(run->wake);
	if (run->base)
		event_base_free(run->base);
	free(run->command_words);
	free(run->text);
	free(run->replay);
	scenario_free(run->scenario);
}

static const char *words_of(const char *why)
{
	if (!strcmp(why, "limit"))
		return "the run's limit was reached";
	return strcmp(why, "relay") ? why : "a relay was lost";
}

static void end_time(struct driver *run, const char *why)
{
	player_stop(run->player, words_of(why));
	for (unsigned i = 0; i < run->n_relays; i++)
		events_catch_up(&run->relays[i]);
	watch_stop(run->watch);
	if (is_relay_lost(run))
		why = "relay";
	driver_tell(run, "run.end",
	    run->signal ? json_pack("{s:s, s:i}", "reason", why, "signal", run->signal)
			: json_pack("{s:s}", "reason", why));
	run->ended = true;
}

static int run_all(struct driver *run)
{
	const char *why = "no memory";
	int code = set_up(run);

	if (!code)
		code = command_start(run);
	if (!code) {
		begin(run);
		if (run->player)
			why = play(run);
		if (run->player)
			end_time(run, why);
	}
	run->ended = true;
	tear_down(run);
	if (code)
		return code;
	code = driver_judge(run);
	return run->signal ? RUN_SIGNAL + run->signal : code;
}

/* --- the scenario --- */

static bool move_proxy(struct scenario *s, const struct run_moved *m)
{
	struct proxy_spec *p = config_find_proxy(s->config, m->proxy);

	if (!p) {
		cli_usage_error("run", "--%s: %s has no proxy %s",
		    m->listen ? "listen" : "upstream", s->file, m->proxy);
		return false;
	}
	*(m->listen ? &p->listen : &p->upstream) = m->to;
	return true;
}

static bool load(struct driver *run)
{
	struct conf_errors errors = { 0 };
	struct scenario *s = scenario_load(run->o.file, !run->o.n_admin, catalogue_types, &errors);
	bool right = s;

	run->scenario = s;
	for (size_t i = 0; right && i < run->o.n_moved; i++)
		right = move_proxy(s, &run->o.moved[i]);
	if (right && run->o.n_moved)
		right = conf_check(s->config, &errors);
	cli_print_errors(&errors);
	conf_errors_free(&errors);
	return right;
}

int run_main(int argc, char **argv)
{
	struct driver run = { .stage.ops = &run_stage_ops };
	enum run_parsed parsed;
	char **words;
	int code;

	words = calloc((size_t)argc + 1, sizeof(*words)); /* getopt(3) reorders the others */
	if (words)
		memcpy(words, argv, (size_t)argc * sizeof(*words));
	parsed = words ? run_parse(argc, argv, &run.o) : RUN_WRONG;
	TAILQ_INIT(&run.orders);
	run.command = (struct process){ .run = &run, .ended = command_ended };
	run.shell = (struct process){ .run = &run, .ended = stage_shell_ended };
	run.own.events_fd = run.own.inotify_fd = run.own.errors_fd = -1;
	if (parsed != RUN_PLAY || !load(&run)) {
		free(words);
		free_run(&run);
		return parsed == RUN_HELP ? EXIT_DONE : RUN_USAGE;
	}
	if (run.o.judge) {
		free(words);
		code = driver_judge_again(&run);
		free_run(&run);
		return code;
	}
	run.seed = run.o.seed ? run.o.seed : run.scenario->config->settings.seed;
	if (!run.seed)
		run.seed = rng_new_seed();
	run.text = driver_read_text(run.o.file);
	run.replay = run_replay(argc, words, run.seed);
	free(words);
	if (run.o.dry_run)
		code = player_print_plan(run.scenario, run.seed, stdout) && !fflush(stdout)
			   ? EXIT_DONE
			   : RUN_FAIL;
	else if (!driver_may_report(&run))
		code = RUN_USAGE;
	else
		code = run_all(&run);
	free_run(&run);
	return code;
}
