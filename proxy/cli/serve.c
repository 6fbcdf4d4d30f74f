/*
 * deadpeer serve, and what deadpeer toxiproxy-server has of it (serve.h).
 *
 * SIGTERM, SIGINT: drain, then end; a second one ends at once. SIGHUP: the file again. SIGUSR1:
 * every session to the log.
 */
#include "cli/serve.h"
#include "admin/admin.h"
#include "admin/toxiproxy.h"
#include "base/mono.h"
#include "base/rng.h"
#include "base/sink.h"
#include "cli/cli.h"
#include "cli/ports_file.h"
#include "cli/serve_options.h"
#include "control/command.h"
#include "faults/catalogue.h"
#include "kernel/sched.h"
#include "kernel/sniff.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { ON_TERM, ON_INT, ON_HUP, ON_USR1, N_SIGNALS };

struct serve {
	const struct serve_plan *plan;
	struct log log;
	struct timeline timeline;
	struct wire wire;
	struct relay *relay;
	struct control control;
	struct admin *admin; /* NULL: off, or over */
	struct event *signals[N_SIGNALS];
	struct event *flush, *deadline;
	bool draining;
	const char *stop_reason;
	char *ports_file; /* the one that was written; NULL: none */
};

/* --- the end --- */

static void stop_now(struct serve *s, const char *reason)
{
	s->stop_reason = reason;
	event_base_loopbreak(s->relay->base);
}

static void drained(void *arg)
{
	stop_now(arg, "drained");
}

static void drain_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	stop_now(arg, "drain_timeout");
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct serve *s = arg;
	int64_t left_ns = s->control.config->settings.drain_timeout_ns;
	struct timeval left = { left_ns / NS_PER_S, left_ns % NS_PER_S / NS_PER_US };
	struct proxy *p;

	(void)sig, (void)what;
	if (s->draining) {
		stop_now(s, "second_signal");
		return;
	}
	s->draining = true;
	admin_free(s->admin); /* nothing is to begin any more */
	s->admin = NULL;
	TAILQ_FOREACH (p, &s->relay->proxies, in_relay)
		proxy_close_listener(p);
	if (!relay_live_sessions(s->relay)) {
		stop_now(s, "drained");
		return;
	}
	s->relay->idle = drained;
	s->relay->idle_arg = s;
	event_add(s->deadline, &left);
}

/* --- the other signals --- */

static void log_level_from(struct serve *s)
{
	const struct settings *set = &s->control.config->settings;

	s->log.level = set->log_level;
	s->log.format = set->log_format;
	s->relay->splice = set->splice;
	s->relay->engine.observe_interval_ns = set->observe_interval_ns;
	s->relay->engine.max_fault_ns = set->max_fault_duration_ns;
	s->relay->engine.buffer_bytes = set->buffer;
	s->relay->engine.buffer_total = set->buffer_total;
}

static void tell_rejected(struct serve *s, const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		timeline_record(&s->timeline, EVENT_CONFIG_REJECTED,
		    json_pack("{s:s?, s:s}", "file", s->plan->file, "error", errors->message[i]));
}

static bool keep_ports_file(struct serve *s, const char *path);
static void say_ports(struct serve *s);

static bool reload(void *arg, struct conf_errors *errors)
{
	struct serve *s = arg;
	struct config *wanted;

	if (!s->plan->file || !strcmp(s->plan->file, "-")) {
		conf_errors_add(errors, "there is no file to read again (started without -c FILE)");
		tell_rejected(s, errors);
		return false;
	}
	wanted = serve_reload(s->plan->argc, s->plan->argv, errors);
	if (wanted && !wanted->settings.seed) /* not a wish for another one */
		wanted->settings.seed = s->control.config->settings.seed;
	if (!wanted || !control_apply(&s->control, wanted, errors)) {
		config_free(wanted);
		tell_rejected(s, errors);
		return false;
	}
	log_level_from(s);
	(void)keep_ports_file(
	    s, s->control.config->settings.ports_file); /* sessions count for more */
	say_ports(s);
	tell_rejected(s, errors);
	return true;
}

static void on_hup(evutil_socket_t sig, short what, void *arg)
{
	struct conf_errors errors = { 0 };
	struct serve *s = arg;

	(void)sig, (void)what;
	if (!s->draining)
		reload(s, &errors);
	conf_errors_free(&errors);
}

static void on_usr1(evutil_socket_t sig, short what, void *arg)
{
	(void)sig, (void)what;
	relay_dump(((struct serve *)arg)->relay);
}

/* One round of the loop may tell ten thousand things: they are written together, at its end. */
static void flush_soon(void *arg)
{
	event_active(((struct serve *)arg)->flush, EV_TIMEOUT, 0);
}

/* Nobody knows when a pipe's reader goes on, and epoll(7) does not take files: look now and then,
 * often while lines wait. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct serve *s = arg;
	bool waits = timeline_flush(&s->timeline);
	struct timeval next = { .tv_usec = waits ? 5 * 1000 : 500 * 1000 };

	(void)fd, (void)what;
	event_add(s->flush, &next);
}

/* --- the beginning --- */

static int fail(const struct serve *s, const char *what, const char *why)
{
	fprintf(stderr, "deadpeer %s: %s: %s\n", s->plan->name, what, why);
	return EXIT_FAILED;
}

static int open_sinks(struct serve *s, const struct settings *set)
{
	const char *err;

	s->log = (struct log){ .level = set->log_level, .format = set->log_format };
	s->log.sink = s->plan->silent_log ? NULL : sink_open(s->plan->log, &err);
	if (!s->log.sink && !s->plan->silent_log)
		return fail(s, s->plan->log, err);
	s->timeline.log = &s->log;
	if (set->events) {
		s->timeline.events = sink_open(set->events, &err);
		if (!s->timeline.events)
			return fail(s, set->events, err);
	}
	return 0;
}

static json_t *grades(const struct wire *w)
{
	static const struct {
		const char *name;
		sa_family_t family;
	} families[] = { { "ipv4", AF_INET }, { "ipv6", AF_INET6 } };
	json_t *o = json_object();

	for (size_t i = 0; i < 2; i++)
		json_object_set_new(o, families[i].name,
		    json_string(grade_names[wire_grade(w, families[i].family, WIRE_BOTH)]));
	return o;
}

static void tell_start(struct serve *s, const struct settings *set)
{
	struct utsname u;
	json_t *o;

	if (!timeline_wants(&s->timeline, EVENT_START))
		return;
	uname(&u);
	o = json_pack("{s:s, s:s, s:I, s:i, s:o, s:s?}", "version", DEADPEER_VERSION, "kernel",
	    u.release, "seed", (json_int_t)set->seed, "pid", (int)getpid(), "wire",
	    grades(&s->wire), "config", s->plan->file);
	if (set->witness)
		json_object_set_new(
		    o, "witness", json_string(sniff_works() ? "segments" : "sessions"));
	timeline_record(&s->timeline, EVENT_START, o);
}

static int probe_wire(struct serve *s, const struct settings *set)
{
	static const enum grade best[] = { GRADE_EXACT, GRADE_EXACT, GRADE_EQUIVALENT,
		GRADE_PARTIAL };

	wire_probe(&s->wire);
	wire_limit(&s->wire, best[set->rung]);
	wire_share(&s->wire);
	if (set->rung == RUNG_EXACT && wire_grade(&s->wire, AF_INET, WIRE_BOTH) != GRADE_EXACT)
		return fail(s, "rung = exact", "this needs CAP_NET_ADMIN (see deadpeer doctor)");
	return 0;
}

static bool add_signal(struct serve *s, int slot, int sig, event_callback_fn cb)
{
	s->signals[slot] = evsignal_new(s->relay->base, sig, cb, s);
	return s->signals[slot] && !event_add(s->signals[slot], NULL);
}

static bool add_events(struct serve *s)
{
	struct timeval half_second = { .tv_usec = 500 * 1000 };

	s->deadline = event_new(s->relay->base, -1, 0, drain_due, s);
	s->flush = event_new(s->relay->base, -1, 0, on_flush, s);
	return s->deadline && s->flush && !event_add(s->flush, &half_second) &&
	       add_signal(s, ON_TERM, SIGTERM, on_stop) && add_signal(s, ON_INT, SIGINT, on_stop) &&
	       add_signal(s, ON_HUP, SIGHUP, on_hup) && add_signal(s, ON_USR1, SIGUSR1, on_usr1);
}

/* NULL: there is no API. */
static const char *admin_text(const struct serve *s, char *buf, size_t size)
{
	return s->admin ? admin_address(s->admin, buf, size) : NULL;
}

/* False: it could not be written, which has been said. */
static bool keep_ports_file(struct serve *s, const char *path)
{
	char admin[ADDR_TEXT_MAX];

	if (s->ports_file && (!path || strcmp(path, s->ports_file)))
		unlink(s->ports_file);
	free(s->ports_file);
	s->ports_file = path ? strdup(path) : NULL;
	if (!path || !ports_file_write(path, s->relay, admin_text(s, admin, sizeof(admin))))
		return true;
	fprintf(stderr, "deadpeer %s: ports_file %s: %m\n", s->plan->name, path);
	return false;
}

static void print_ports(struct serve *s)
{
	char bound[ADDR_TEXT_MAX], up[ADDR_TEXT_MAX], admin[ADDR_TEXT_MAX];
	struct proxy *p;

	TAILQ_FOREACH (p, &s->relay->proxies, in_relay)
		printf("%s %s %s, upstream %s\n", p->spec->name,
		    p->spec->enabled ? "listening on" : "disabled on",
		    proxy_listen_text(p, bound, sizeof(bound)),
		    addr_format(up, sizeof(up), &p->spec->upstream));
	if (admin_text(s, admin, sizeof(admin)))
		printf("admin API on %s\n", admin);
	puts("ready");
	fflush(stdout);
}

/* Where it listens, for people and for scripts. */
static void say_ports(struct serve *s)
{
	char admin[ADDR_TEXT_MAX];
	json_t *o;

	if (s->plan->tell_ports)
		print_ports(s);
	if (!timeline_wants(&s->timeline, EVENT_READY))
		return;
	o = json_pack("{s:i}", "proxies", (int)s->control.config->n_proxies);
	if (s->admin)
		json_object_set_new(o, "admin", json_string(admin_text(s, admin, sizeof(admin))));
	timeline_record(&s->timeline, EVENT_READY, o);
}

/* Through the API: proxies have come or gone. */
static void edited(void *arg)
{
	struct serve *s = arg;

	(void)keep_ports_file(s, s->control.config->settings.ports_file);
}

static int start_admin(struct serve *s)
{
	const struct settings *set = &s->control.config->settings;
	char err[512];

	if (admin_is_off(set))
		return 0;
	s->admin = admin_new(&s->control, set, s->plan->admin_open, err, sizeof(err));
	if (!s->admin)
		return fail(s, "start", err);
	if (admin_is_exposed(s->admin))
		fprintf(stderr,
		    "deadpeer %s: other machines can reach the API, and nobody is asked for a "
		    "token: DEADPEER_ADMIN_TOKEN in the environment sets one\n",
		    s->plan->name);
	if (admin_token_is_public(s->admin))
		fprintf(stderr,
		    "deadpeer %s: everybody on this machine may read admin_token_file %s: "
		    "chmod o-r %s\n",
		    s->plan->name, set->admin_token_file, set->admin_token_file);
	s->control.edited = edited;
	s->control.edited_arg = s;
	s->control.reload = reload;
	s->control.reload_arg = s;
	return 0;
}

static int populate_from_file(struct serve *s)
{
	char err[1280];

	if (!s->plan->populate || toxiproxy_load(&s->control, s->plan->populate, err, sizeof(err)))
		return 0;
	return fail(s, "config", err);
}

static int start(struct serve *s, struct config *config)
{
	struct conf_errors errors = { 0 };
	const char *err;
	int rc = 0;

	s->relay = relay_new(&s->timeline, &s->wire, &config->settings, &err);
	if (!s->relay || !add_events(s)) {
		config_free(config);
		return fail(s, "start", s->relay ? "no memory for the loop's events" : err);
	}
	s->control = (struct control){ .relay = s->relay, .timeline = &s->timeline };
	if (!control_apply(&s->control, config, &errors)) {
		config_free(config);
		rc = EXIT_FAILED;
	}
	cli_print_errors(&errors);
	conf_errors_free(&errors);
	if (!rc)
		rc = populate_from_file(s);
	if (!rc)
		rc = start_admin(s);
	if (!rc && !keep_ports_file(s, s->control.config->settings.ports_file))
		rc = EXIT_FAILED; /* somebody would wait for it in vain */
	return rc;
}

static void tell_stop(struct serve *s)
{
	if (timeline_wants(&s->timeline, EVENT_STOP))
		timeline_record(&s->timeline, EVENT_STOP,
		    json_pack("{s:s, s:I}", "reason", s->stop_reason ? s->stop_reason : "error",
			"sessions", (json_int_t)(s->relay ? s->relay->sessions : 0)));
}

static void end(struct serve *s)
{
	if (s->relay && s->control.config) {
		tell_stop(s);
		(void)keep_ports_file(s, NULL);
	}
	admin_free(s->admin);
	for (int i = 0; i < N_SIGNALS; i++)
		if (s->signals[i])
			event_free(s->signals[i]);
	if (s->flush)
		event_free(s->flush);
	if (s->deadline)
		event_free(s->deadline);
	if (s->relay)
		s->relay->idle = NULL;
	relay_free(s->relay);
	control_free(&s->control);
	wire_unshare(&s->wire);
	sink_close(s->timeline.events);
	sink_close(s->log.sink);
}

int serve_run(const struct serve_plan *plan)
{
	struct serve s = { .plan = plan };
	struct config *config = plan->config;
	int rc;

	if (!config->settings.seed)
		config->settings.seed = rng_new_seed();
	socket_raise_nofile();
	sched_ask_short_slices();
	rc = open_sinks(&s, &config->settings);
	if (!rc)
		rc = probe_wire(&s, &config->settings);
	if (rc) {
		config_free(config);
	} else {
		tell_start(&s, &config->settings);
		rc = start(&s, config);
	}
	if (!rc) {
		say_ports(&s);
		timeline_gather(&s.timeline, flush_soon, &s);
		event_base_dispatch(s.relay->base);
		timeline_gather(&s.timeline, NULL, NULL);
	}
	end(&s);
	return rc;
}

int serve_main(int argc, char **argv)
{
	struct serve_plan plan = {
		.name = "serve", .log = "stderr", .tell_ports = true, .argc = argc, .argv = argv
	};
	enum serve_parsed parsed;

	argv[0] = (char *)(uintptr_t) "deadpeer serve"; /* what getopt complains as */
	parsed = serve_parse(argc, argv, &plan.config, &plan.file);
	if (parsed != SERVE_RUN)
		return parsed == SERVE_HELP ? EXIT_DONE : EXIT_USAGE;
	return serve_run(&plan);
}
