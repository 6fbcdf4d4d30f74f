#include "fake_target.h"
#include "base/mono.h"
#include "faults/catalogue.h"
#include "faults/stream.h"
#include <arpa/inet.h>
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const leg_names[] = { "client", "server" };
static const char *const dir_names[] = { "none", "in", "out", "both" };
static const char *const held_names[] = { "none", "up", "down", "both" };
static const char *const ending_names[] = { "close", "abort", "finish", "vanish" };

__attribute__((format(printf, 2, 3))) static void note(struct fake_world *w, const char *fmt, ...)
{
	size_t len = strlen(w->calls);
	va_list ap;

	if (w->quiet)
		return;
	if (len)
		len += (size_t)snprintf(w->calls + len, sizeof(w->calls) - len, "; ");
	va_start(ap, fmt);
	len += (size_t)vsnprintf(w->calls + len, sizeof(w->calls) - len, fmt, ap);
	va_end(ap);
	ck_assert_uint_lt(len, sizeof(w->calls));
}

const char *fake_calls(struct fake_world *w)
{
	strcpy(w->taken, w->calls);
	*w->calls = '\0';
	return w->taken;
}

/* --- a session --- */

static struct fake_target *fake_of(struct target *t)
{
	ck_assert_msg(!t->over, "session %d is over: leave it alone", (int)t->id);
	return (struct fake_target *)t;
}

/* It is over when both legs have ended and none of them has still to say so. */
static void settle_over(struct fake_target *f)
{
	f->target.over = f->ended[LEG_CLIENT] && f->ended[LEG_SERVER] &&
			 !(f->silent[LEG_CLIENT] & WIRE_OUT) && !(f->silent[LEG_SERVER] & WIRE_OUT);
}

static enum grade silence(struct target *t, enum leg leg, unsigned dirs)
{
	struct fake_target *f = fake_of(t);

	if (leg == LEG_SERVER && !f->connected)
		return GRADE_EXACT;
	if (f->silent[leg] == dirs)
		return f->grade[leg];
	note(f->world, "%d.%s silence=%s", (int)t->id, leg_names[leg], dir_names[dirs]);
	if (dirs && f->grade[leg] == GRADE_REFUSED)
		return GRADE_REFUSED;
	f->silent[leg] = (uint8_t)dirs;
	settle_over(f);
	return dirs ? f->grade[leg] : GRADE_EXACT;
}

static enum grade bury(struct target *t, enum leg leg)
{
	struct fake_target *f = fake_of(t);

	if (leg == LEG_SERVER && !f->connected)
		return GRADE_EXACT;
	note(f->world, "%d.%s bury", (int)t->id, leg_names[leg]);
	ck_assert_uint_eq(f->silent[leg], WIRE_BOTH);
	f->buried[leg] = true;
	return f->bury_grade[leg];
}

/* "none", or what is dropped: "loss=0.1,ack=1,mtu=1400,probes". */
static const char *sieve_text(const struct wire_sieve *s, char *buf, size_t size)
{
	int n = 0;

	if (!s)
		return "none";
	if (s->loss > 0)
		n += snprintf(buf + n, size - (size_t)n, ",loss=%g", s->loss);
	if (s->ack_loss > 0)
		n += snprintf(buf + n, size - (size_t)n, ",ack=%g", s->ack_loss);
	if (s->larger_than)
		n += snprintf(buf + n, size - (size_t)n, ",mtu=%u", s->larger_than);
	if (s->probes)
		n += snprintf(buf + n, size - (size_t)n, ",probes");
	ck_assert_int_gt(n, 0); /* who wants nothing says so */
	return buf + 1;
}

static enum grade sieve(struct target *t, enum leg leg, const struct wire_sieve *joined)
{
	struct fake_target *f = fake_of(t);
	char text[96];

	if (leg == LEG_SERVER && !f->connected)
		return GRADE_EXACT;
	note(f->world, "%d.%s sieve=%s", (int)t->id, leg_names[leg],
	    sieve_text(joined, text, sizeof(text)));
	f->sieve[leg] = joined ? *joined : (struct wire_sieve){ 0 };
	return joined ? f->grade[leg] : GRADE_EXACT;
}

static void hold(struct target *t, unsigned flows)
{
	struct fake_target *f = fake_of(t);

	note(f->world, "%d hold=%s", (int)t->id, held_names[flows]);
	f->held = (uint8_t)flows;
}

static void end(struct target *t, enum leg leg, enum ending how, const char *why)
{
	struct fake_target *f = fake_of(t);

	ck_assert_ptr_nonnull(why);
	note(f->world, "%d.%s end=%s", (int)t->id, leg_names[leg], ending_names[how]);
	if (how == ENDING_FINISH)
		return;
	if (!f->ended[leg] || how == ENDING_VANISH)
		f->ended[leg] = (uint8_t)(1 + how);
	if (!f->connected) /* nobody waits for the dial any more */
		f->ended[LEG_SERVER] = 1 + ENDING_ABORT;
	settle_over(f);
	engine_session_done(&f->world->engine, t);
}

static uint32_t drops(struct target *t, enum leg leg)
{
	return ((struct fake_target *)t)->drops[leg];
}

static uint32_t segments(struct target *t, enum leg leg)
{
	return ((struct fake_target *)t)->segments[leg];
}

static void mark(struct target *t, enum flow flow, uint64_t bytes)
{
	fake_of(t)->mark[flow] = bytes;
}

static int64_t active_ns(const struct target *t)
{
	return ((const struct fake_target *)t)->active_ns;
}

static uint64_t bytes(const struct target *t, enum flow flow)
{
	return ((const struct fake_target *)t)->bytes[flow];
}

/* "0.250:abc 0.300:FIN": a piece a word, with the seconds since the start. */
static void got(struct fake_target *f, enum flow flow, const char *bytes, size_t n)
{
	int64_t ms = (f->world->now_ns - FAKE_START) / NS_PER_MS;
	char *out = f->got[flow];
	size_t len = strlen(out);

	len += (size_t)snprintf(out + len, FAKE_GOT - len, "%s%d.%03d:%.*s", len ? " " : "",
	    (int)(ms / 1000), (int)(ms % 1000), (int)n, bytes);
	ck_assert_uint_lt(len, FAKE_GOT);
}

static void take(struct fake_target *f, enum flow flow)
{
	struct stream *s = f->target.streams[flow];
	struct chunk *c;

	while (!f->target.over && !f->blocked && !(f->held & FLOW_BIT(flow)) &&
	       (c = stream_first(s))) {
		if (c->kind == CHUNK_END) {
			got(f, flow, c->reset ? "RST" : "FIN", 3);
			stream_taken(s, 0);
		} else {
			got(f, flow, (char *)chunk_bytes(c), c->len);
			f->bytes[flow] += c->len;
			stream_taken(s, c->len);
		}
	}
	if (stream_is_done(s))
		stream_free(s);
}

static void shaped(struct target *t, enum flow flow)
{
	take(fake_of(t), flow);
}

static void look(struct target *t, int64_t struck_ns)
{
	struct fake_target *f = fake_of(t);

	note(f->world, "%d look", (int)t->id);
	/* What bytes set off strikes by the real clock. */
	ck_assert(struck_ns <= f->world->now_ns || struck_ns <= mono_now_ns());
}

static void struck(struct target *t, const char *fault, enum side side)
{
	note(((struct fake_target *)t)->world, "%d struck=%s/%s", (int)t->id, fault,
	    side_names[side]);
}

bool fake_send(struct fake_target *f, enum flow flow, const char *text)
{
	struct stream *s = f->target.streams[flow];
	size_t len = text ? strlen(text) : 0;

	if (f->target.over)
		return false;
	if (!s) {
		got(f, flow, text ? text : "FIN", text ? len : 3);
		return true;
	}
	if (stream_room(s) < len || s->ended)
		return false;
	if (text)
		ck_assert(stream_push(s, text, len, f->world->now_ns));
	else
		ck_assert(stream_end(s, f->world->now_ns));
	stream_run(s, f->world->now_ns);
	if (!f->target.over)
		take(f, flow);
	return true;
}

const char *fake_got(struct fake_target *f, enum flow flow)
{
	strcpy(f->taken, f->got[flow]);
	*f->got[flow] = '\0';
	return f->taken;
}

static void dial(struct target *t, bool may)
{
	struct fake_target *f = fake_of(t);

	note(f->world, "%d dial=%s", (int)t->id, may ? "yes" : "no");
	f->undialled = !may;
}

static const struct target_ops target_ops = {
	.silence = silence,
	.bury = bury,
	.sieve = sieve,
	.hold = hold,
	.end = end,
	.drops = drops,
	.segments = segments,
	.mark = mark,
	.active_ns = active_ns,
	.bytes = bytes,
	.shaped = shaped,
	.look = look,
	.struck = struck,
	.dial = dial,
};

struct fake_target *fake_dialing(struct fake_door *d, const char *client)
{
	struct fake_target *f = calloc(1, sizeof(*f));

	f->world = d->world;
	f->target = (struct target){ .ops = &target_ops,
		.door = &d->door,
		.id = ++d->world->n_sessions,
		.nth = ++d->sessions };
	f->grade[LEG_CLIENT] = f->grade[LEG_SERVER] = GRADE_EXACT;
	f->bury_grade[LEG_CLIENT] = f->bury_grade[LEG_SERVER] = GRADE_EXACT;
	f->mark[FLOW_UPSTREAM] = f->mark[FLOW_DOWNSTREAM] = UINT64_MAX;
	f->active_ns = d->world->now_ns;
	if (client) {
		f->client.in.sin_family = AF_INET;
		ck_assert_int_eq(inet_pton(AF_INET, client, &f->client.in.sin_addr), 1);
	}
	engine_session_opened(&d->world->engine, &f->target, d->world->now_ns);
	return f;
}

void fake_connected(struct fake_target *t)
{
	t->connected = true;
	if (!t->target.over)
		engine_leg_ready(&t->world->engine, &t->target, t->world->now_ns);
}

struct fake_target *fake_open(struct fake_door *d, const char *client)
{
	struct fake_target *f = fake_dialing(d, client);

	fake_connected(f);
	return f;
}

void fake_close(struct fake_target *t)
{
	engine_leg_ends(&t->target);
	engine_session_closed(&t->world->engine, &t->target, t->world->now_ns);
	ck_assert(LIST_EMPTY(&t->target.runs));
	free(t);
}

void fake_carry(struct fake_target *t, enum flow flow, uint64_t n)
{
	while (n && !t->target.over && !(t->held & FLOW_BIT(flow))) {
		uint64_t left = t->mark[flow] - t->bytes[flow], part = n < left ? n : left;

		ck_assert_uint_gt(left, 0);
		t->bytes[flow] += part;
		n -= part;
		t->active_ns = t->world->now_ns;
		if (t->bytes[flow] == t->mark[flow])
			engine_bytes(&t->world->engine, &t->target, flow, t->world->now_ns);
	}
}

/* --- a door --- */

static enum grade gate(struct door *door, enum gate g)
{
	struct fake_door *d = (struct fake_door *)door;

	if (g == GATE_FULL)
		note(d->world, "%s gate=full room=%u", door->spec->name, door->room);
	else
		note(d->world, "%s gate=%s", door->spec->name, gate_names[g]);
	if (g == GATE_SILENT)
		d->drops = 0;
	for (; g == GATE_SILENT && d->queued; d->queued--)
		fake_dialing(d, "10.0.0.99");
	return d->grade;
}

static enum grade range(struct door *door, const struct cidr *clients, bool on)
{
	struct fake_door *d = (struct fake_door *)door;
	char text[64];

	note(d->world, "%s range %s %s", door->spec->name, cidr_format(text, sizeof(text), clients),
	    on ? "silent" : "speaks");
	return d->grade;
}

static uint32_t door_drops(struct door *door)
{
	return ((struct fake_door *)door)->drops;
}

static const struct sockaddr *door_client(const struct target *t)
{
	return &((const struct fake_target *)t)->client.sa;
}

static bool reject(struct door *door, bool on)
{
	struct fake_door *d = (struct fake_door *)door;

	note(d->world, "%s reject=%s", door->spec->name, on ? "on" : "off");
	return !d->cannot_reject;
}

static const struct door_ops door_ops = { gate, range, door_drops, reject, door_client };

struct fake_door *fake_door(struct fake_world *w, const char *name, const char *host)
{
	struct fake_door *d = &w->doors[w->n_doors++];
	struct proxy_spec *spec = config_add_proxy(w->config, name);

	ck_assert_uint_le(w->n_doors, FAKE_DOORS);
	if (host) {
		if (!config_find_host(w->config, host))
			config_add_host(w->config, host);
		spec->host = strdup(host);
	}
	d->world = w;
	d->grade = GRADE_EXACT;
	d->door = (struct door){ .ops = &door_ops, .spec = spec, .family = { AF_INET, AF_INET } };
	return d;
}

void fake_door_add(struct fake_door *d)
{
	engine_door_add(&d->world->engine, &d->door, d->world->now_ns);
}

/* --- the world --- */

static void watch(void *arg, enum event_id id, int64_t mono_ns, const json_t *fields)
{
	struct fake_world *w = arg;

	(void)mono_ns;
	if (w->quiet)
		return;
	ck_assert_uint_lt(w->n_events, FAKE_EVENTS);
	w->events[w->n_events].id = id;
	w->events[w->n_events++].fields = json_deep_copy(fields);
}

struct fake_world *fake_world_new(void)
{
	struct fake_world *w = calloc(1, sizeof(*w));

	for (int f = 0; f < WIRE_FAMILIES; f++) {
		w->wire.powers[f] = WIRE_FILTER | WIRE_REPAIR | WIRE_SIGNATURE | WIRE_MINTTL |
				    WIRE_MUTE | WIRE_ICMP;
		w->wire.has[f] = true;
	}
	w->timeline.watch = watch;
	w->timeline.watch_arg = w;
	w->config = config_new();
	w->now_ns = FAKE_START;
	engine_init(&w->engine, &w->wire, &w->timeline, 42);
	return w;
}

void fake_world_free(struct fake_world *w)
{
	for (unsigned i = 0; i < w->n_doors; i++) {
		struct door *d = &w->doors[i].door;

		if (!d->in_engine.tqe_prev)
			continue;
		while (!TAILQ_EMPTY(&d->targets))
			fake_close((struct fake_target *)TAILQ_FIRST(&d->targets));
		engine_door_remove(&w->engine, d);
	}
	engine_free(&w->engine);
	for (unsigned i = 0; i < w->n_events; i++)
		json_decref(w->events[i].fields);
	config_free(w->config);
	free(w);
}

const struct fault_spec *fake_spec(struct fake_world *w, const char *text)
{
	struct conf_errors errors = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "f%u", ++w->n_faults);
	if (!conf_add_fault_text(w->config, name, text, catalogue_types, &errors))
		ck_abort_msg("%s: %s", text, errors.message[0]);
	conf_errors_free(&errors);
	return w->config->faults[w->config->n_faults - 1];
}

struct fault *fake_arm(struct fake_world *w, const char *text)
{
	return engine_arm(&w->engine, fake_spec(w, text), w->now_ns);
}

bool fake_update(struct fake_world *w, struct fault *f, const char *text)
{
	struct fault_spec *s = (struct fault_spec *)fake_spec(w, text);

	free(s->name);
	s->name = strdup(f->spec->name);
	return engine_update(&w->engine, f, s, w->now_ns);
}

void fake_lift(struct fake_world *w, struct fault *f)
{
	engine_lift(&w->engine, f, "removed", w->now_ns);
}

void fake_until(struct fake_world *w, double seconds)
{
	int64_t end_ns = FAKE_START + (int64_t)(seconds * NS_PER_S), at;

	while ((at = engine_deadline(&w->engine)) <= end_ns) {
		if (at > w->now_ns)
			w->now_ns = at;
		engine_tick(&w->engine, w->now_ns);
	}
	w->now_ns = end_ns;
}

unsigned fake_event_count(const struct fake_world *w, enum event_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n_events; i++)
		n += w->events[i].id == id;
	return n;
}

const json_t *fake_event(const struct fake_world *w, enum event_id id)
{
	for (unsigned i = w->n_events; i-- > 0;)
		if (w->events[i].id == id)
			return w->events[i].fields;
	return NULL;
}

int64_t fake_event_int(const struct fake_world *w, enum event_id id, const char *key)
{
	const json_t *v = json_object_get(fake_event(w, id), key);

	ck_assert_msg(json_is_integer(v), "%s: no number %s", event_rows[id].name, key);
	return json_integer_value(v);
}

const char *fake_event_text(const struct fake_world *w, enum event_id id, const char *key)
{
	const json_t *v = json_object_get(fake_event(w, id), key);

	ck_assert_msg(json_is_string(v), "%s: no text %s", event_rows[id].name, key);
	return json_string_value(v);
}
