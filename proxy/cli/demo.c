/*
 * deadpeer demo: every death there is, at the same time, in one process and one loop.
 *
 *     CONNECT  proxies listen, peers connect and say hello; senders begin
 *     GREET    the idle ones say hello once more, so that all their timers start here
 *     DEATH    all machines die; for 12 s nobody does anything but what its cell says
 *     OVER     what was seen is judged
 *
 * Upstream of every proxy is builtin:echo; nothing outside the process is needed.
 */
#include "cli/demo.h"
#include "base/mono.h"
#include "cli/cli.h"
#include "cli/demo_options.h"
#include "cli/demo_show.h"
#include "faults/catalogue.h"
#include "kernel/socket.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64
#define TICK_MS        20
#define TALK_S         0.3 /* how long the senders are at it before the death */
#define READY_S        5.0 /* nobody needs longer to connect and say hello on loopback */

static bool fail(struct demo *d, const char *why)
{
	snprintf(d->error, sizeof(d->error), "%s", why);
	return false;
}

double demo_now_s(const struct demo *d)
{
	return d->death_ns ? (double)(mono_now_ns() - d->death_ns) / NS_PER_S : -1;
}

/* --- the configuration --- */

/* "cut, healed" and 2: "cut-healed.2"; -1: the machine itself. */
static char *slug(char *buf, int row, int column)
{
	char *to = buf;

	for (const char *c = demo_rows[row].name; *c; c++)
		if (*c != ',')
			*to++ = *c == ' ' ? '-' : *c;
	*to = '\0';
	if (column >= 0)
		sprintf(to, ".%d", column);
	return buf;
}

static bool add_proxy(struct demo *d, struct config *c, int row, int column)
{
	char name[NAME_MAX_BYTES], host[NAME_MAX_BYTES];
	struct proxy_spec *p = config_add_proxy(c, slug(name, row, column));

	if (!p)
		return false;
	addr_parse(d->family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0", &p->listen);
	addr_parse("builtin:echo", &p->upstream);
	p->host = strdup(slug(host, row, -1));
	if (demo_rows[row].backlog)
		p->backlog = demo_rows[row].backlog;
	return p->host;
}

static struct fault_spec *add_fault(struct config *c, int row, struct conf_errors *errors)
{
	char text[160], name[NAME_MAX_BYTES];

	slug(name, row, -1);
	snprintf(text, sizeof(text), "%s host=%s", demo_rows[row].fault, name);
	return conf_add_fault_text(c, name, text, catalogue_types, errors)
		   ? config_find_fault(c, name)
		   : NULL;
}

static struct config *make_config(struct demo *d, bool faults, struct conf_errors *errors)
{
	struct config *c = config_new();
	char name[NAME_MAX_BYTES];

	for (int row = 0; c && row < DEMO_ROWS; row++) {
		bool ok = config_add_host(c, slug(name, row, -1));

		for (int column = 0; ok && column < DEMO_COLUMNS; column++)
			ok = add_proxy(d, c, row, column);
		if (ok && faults && !*d->rows[row].refused)
			ok = add_fault(c, row, errors);
		if (!ok) {
			config_free(c);
			c = NULL;
		}
	}
	return c;
}

static bool apply(struct demo *d, bool faults)
{
	struct conf_errors errors = { 0 };
	struct config *c = make_config(d, faults, &errors);
	bool ok = c && control_apply(&d->control, c, &errors);

	if (!ok) {
		config_free(c);
		fail(d, errors.count ? errors.message[0] : "out of memory");
	}
	conf_errors_free(&errors);
	return ok;
}

/* What the wire cannot do here is said, row by row, and not played. */
static bool ask_wire(struct demo *d)
{
	struct conf_errors errors = { 0 };
	struct config *c = make_config(d, true, &errors);
	char name[NAME_MAX_BYTES], why[160];

	for (int row = 0; c && row < DEMO_ROWS; row++) {
		struct proxy *p = relay_find_proxy(d->relay, slug(name, row, 0));
		const struct fault_spec *f = config_find_fault(c, slug(name, row, -1));

		if (engine_refuses(&d->relay->engine, f, proxy_door(p), why, sizeof(why)))
			snprintf(d->rows[row].refused, sizeof(d->rows[row].refused), "%s", why);
	}
	if (!c)
		fail(d, errors.count ? errors.message[0] : "out of memory");
	config_free(c);
	conf_errors_free(&errors);
	return c;
}

/* --- the play --- */

static struct peer *each_peer(struct demo *d, struct peer *p)
{
	for (p = p ? p + 1 : d->peers; p < d->peers + DEMO_CELLS; p++)
		if (p->verdict != VERDICT_REFUSED)
			return p;
	return NULL;
}

static bool all_greeted(struct demo *d)
{
	for (struct peer *p = NULL; (p = each_peer(d, p));)
		if (p->column != COLUMN_CONNECTING && p->column != COLUMN_SENDING && !p->greeted)
			return false;
	return true;
}

static void greet_again(struct demo *d)
{
	for (struct peer *p = NULL; (p = each_peer(d, p));)
		if (p->column == COLUMN_IDLE || p->column == COLUMN_KEEPALIVE)
			peer_greet(p);
}

static void die(struct demo *d)
{
	d->death_ns = mono_now_ns();
	if (!apply(d, true))
		return;
	for (struct peer *p = NULL; (p = each_peer(d, p));)
		peer_death(p);
}

static void finish(struct demo *d)
{
	for (struct peer *p = NULL; (p = each_peer(d, p));) {
		peer_finish(p);
		judge_peer(p);
	}
	for (int row = 0; row < DEMO_ROWS; row++)
		if (!d->rows[row].fired && !*d->rows[row].refused)
			fail(d, "a fault did not fire");
}

/* True: the next phase. */
static bool phase_done(struct demo *d)
{
	double since_s = (double)(mono_now_ns() - d->began_ns) / NS_PER_S;

	switch (d->phase) {
	case PHASE_CONNECT:
		return since_s >= TALK_S && all_greeted(d);
	case PHASE_GREET:
		return all_greeted(d);
	case PHASE_DEATH:
		return demo_now_s(d) >= DEMO_LASTS_S;
	case PHASE_OVER:
		break;
	}
	return false;
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	static void (*const enter[])(struct demo * d) = {
		[PHASE_GREET] = greet_again,
		[PHASE_DEATH] = die,
		[PHASE_OVER] = finish,
	};
	struct demo *d = arg;

	(void)fd, (void)what;
	/* The last word was said a tick ago and has been read: who dies now says FIN, not RST. */
	if (phase_done(d))
		enter[++d->phase](d);
	else if (!d->death_ns && mono_now_ns() - d->began_ns > READY_S * NS_PER_S)
		fail(d, "the peers could not connect and say hello");
	for (struct peer *p = NULL; d->phase != PHASE_OVER && (p = each_peer(d, p));)
		peer_tick(p);
	if (d->board)
		board_tick(d->board);
	if (*d->error || d->phase == PHASE_OVER)
		event_base_loopbreak(d->relay->base);
}

/* --- the beginning and the end --- */

static void on_event(void *arg, enum event_id id, int64_t mono_ns, const json_t *fields)
{
	const char *fault = json_string_value(json_object_get(fields, "fault"));
	const char *grade = json_string_value(json_object_get(fields, "grade"));
	struct demo *d = arg;
	char name[NAME_MAX_BYTES];

	(void)mono_ns;
	if (id != EVENT_FAULT_FIRED)
		return;
	for (int row = 0; row < DEMO_ROWS; row++) {
		if (strcmp(slug(name, row, -1), fault))
			continue;
		d->rows[row].fired = true;
		snprintf(d->rows[row].grade, sizeof(d->rows[row].grade), "%s", grade ? grade : "");
	}
}

static void cast(struct demo *d)
{
	char name[NAME_MAX_BYTES];

	for (int i = 0; i < DEMO_CELLS; i++) {
		struct peer *p = &d->peers[i];

		p->demo = d;
		p->row = i / DEMO_COLUMNS;
		p->column = i % DEMO_COLUMNS;
		p->cell = &demo_rows[p->row].cells[p->column];
		p->sends = p->column == COLUMN_SENDING;
		p->fd = -1;
		for (int n = 0; n < DEMO_CALLERS; n++)
			p->callers[n] = -1;
		p->to = *proxy_bound(relay_find_proxy(d->relay, slug(name, p->row, p->column)));
		p->to_len = d->family == AF_INET6 ? sizeof(p->to.in6) : sizeof(p->to.in);
		if (*d->rows[p->row].refused)
			p->verdict = VERDICT_REFUSED;
		else if (p->column != COLUMN_CONNECTING)
			peer_start(p);
	}
}

static bool choose_wire(struct demo *d, const struct demo_options *o)
{
	bool v6;

	wire_probe(&d->wire);
	v6 = o->ipv6 || !d->wire.has[WIRE_V4];
	if (!d->wire.has[v6 ? WIRE_V6 : WIRE_V4])
		return fail(d, v6 ? "no connection to [::1] is possible here"
				  : "no connection to 127.0.0.1 is possible here");
	d->family = v6 ? AF_INET6 : AF_INET;
	wire_limit(&d->wire, o->best);
	if (o->exact && wire_grade(&d->wire, d->family, WIRE_BOTH) != GRADE_EXACT)
		return fail(d, "rung exact: this needs CAP_NET_ADMIN (see deadpeer doctor)");
	return true;
}

static bool set_up(struct demo *d, const struct demo_options *o)
{
	struct timeval period = { .tv_usec = TICK_MS * 1000 };
	struct config *settings = config_new();
	const char *err = "out of memory";

	d->timeline = (struct timeline){ .watch = on_event, .watch_arg = d };
	d->relay = settings ? relay_new(&d->timeline, &d->wire, &settings->settings, &err) : NULL;
	config_free(settings);
	if (!d->relay)
		return fail(d, err);
	d->control = (struct control){ .relay = d->relay, .timeline = &d->timeline };
	d->tick = event_new(d->relay->base, -1, EV_PERSIST, tick, d);
	if (!d->tick || event_add(d->tick, &period))
		return fail(d, "no memory for a timer");
	if (!apply(d, false) || !ask_wire(d))
		return false;
	if (!o->json)
		d->board = board_new(d);
	d->began_ns = mono_now_ns();
	cast(d);
	return true;
}

static void tear_down(struct demo *d)
{
	for (int i = 0; i < DEMO_CELLS && d->peers[i].demo; i++)
		peer_close(&d->peers[i]);
	if (d->tick)
		event_free(d->tick);
	relay_free(d->relay);
	control_free(&d->control);
}

static bool all_right(const struct demo *d)
{
	for (int i = 0; i < DEMO_CELLS; i++)
		if (d->peers[i].verdict != VERDICT_RIGHT)
			return false;
	return true;
}

static int report(struct demo *d, const struct demo_options *o)
{
	if (*d->error) {
		fprintf(stderr, "deadpeer demo: %s\n", d->error);
		return EXIT_FAILED;
	}
	if (o->json)
		json_print(d);
	else
		table_print(d);
	return all_right(d) && !fflush(stdout) ? EXIT_DONE : EXIT_FAILED;
}

int demo_main(int argc, char **argv)
{
	struct demo_options options;
	struct demo *d;
	int rc;

	switch (demo_parse(argc, argv, &options)) {
	case DEMO_HELP:
		return EXIT_DONE;
	case DEMO_WRONG:
		return EXIT_USAGE;
	case DEMO_RUN:
		break;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return EXIT_FAILED;
	if (choose_wire(d, &options) && set_up(d, &options))
		event_base_dispatch(d->relay->base);
	board_free(d->board);
	rc = report(d, &options);
	tear_down(d);
	free(d);
	return rc;
}
