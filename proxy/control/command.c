/*
 * Applying a configuration: first everything that can fail (bind the new addresses, ask whether
 * the wire can do the new faults), then everything that cannot. See command.h.
 */
#include "control/command.h"
#include "base/mono.h"
#include "relay/proxy.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What happens to one wanted proxy: one of the two. */
struct plan {
	const struct proxy_spec *spec;
	struct proxy *kept;     /* it has the address already, perhaps under another name */
	struct proxy *prepared; /* it will */
	struct proxy *paused;   /* stopped listening meanwhile: it has that port, and will go */
};

static bool same_listen(const struct proxy_spec *a, const struct proxy_spec *b)
{
	char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];

	return !strcmp(
	    addr_format(x, sizeof(x), &a->listen), addr_format(y, sizeof(y), &b->listen));
}

/* It has that address now, and is not to keep it under its own name. */
static bool gives_up(
    const struct proxy_spec *old, const struct config *wanted, const struct proxy_spec *spec)
{
	const struct proxy_spec *next = config_find_proxy(wanted, old->name);

	return old->enabled && spec->enabled && same_listen(spec, old) &&
	       (!next || next == spec || !same_listen(next, old));
}

/* Which proxy has this one's address now? An address can be bound only once, so a proxy that is
 * renamed, or takes over another one's address, is an update of whoever has it. */
static struct proxy *find_keeper(
    const struct control *c, const struct config *wanted, const struct proxy_spec *spec)
{
	struct proxy *p = relay_find_proxy(c->relay, spec->name);

	if (p && same_listen(spec, proxy_spec_of(p)))
		return p;
	if (spec->listen.kind != ADDR_UNIX && !spec->listen.port)
		return NULL; /* any port will do */
	for (size_t i = 0; c->config && i < c->config->n_proxies; i++)
		if (gives_up(c->config->proxies[i], wanted, spec))
			return relay_find_proxy(c->relay, c->config->proxies[i]->name);
	return NULL;
}

/* Who has the port, on another address, and is not wanted there any longer. */
static struct proxy *find_leaver(
    const struct control *c, const struct config *wanted, const struct addr *listen)
{
	struct proxy *p;

	TAILQ_FOREACH (p, &c->relay->proxies, in_relay) {
		const struct proxy_spec *old = proxy_spec_of(p);
		const struct proxy_spec *next = config_find_proxy(wanted, old->name);

		if (old->enabled && listen->port && proxy_bound_port(p) == listen->port &&
		    !(next && next->enabled && same_listen(next, old)))
			return p;
	}
	return NULL;
}

/* Sockets that do not listen can share a port (SO_REUSEADDR; inet_csk_bind_conflict()). */
static bool plan_prepare(
    struct control *c, const struct config *wanted, struct plan *p, char *err, size_t size)
{
	p->prepared = proxy_prepare(c->relay, p->spec, err, size);
	if (p->prepared || errno != EADDRINUSE)
		return p->prepared;
	p->paused = find_leaver(c, wanted, &p->spec->listen);
	if (!p->paused) {
		errno = EADDRINUSE;
		return false;
	}
	proxy_pause(p->paused);
	p->prepared = proxy_prepare(c->relay, p->spec, err, size);
	return p->prepared;
}

/* Binds what the plan needs bound: a new proxy's address, or that of one that was disabled. */
static bool plan_bind(
    struct control *c, const struct config *wanted, struct plan *p, char *err, size_t size)
{
	if (!p->kept)
		return plan_prepare(c, wanted, p, err, size);
	return proxy_spec_of(p->kept)->enabled || !p->spec->enabled ||
	       proxy_bind(p->kept, err, size);
}

static bool prepare(
    struct control *c, const struct config *wanted, struct plan *plans, struct conf_errors *errors)
{
	char err[512];

	for (size_t i = 0; i < wanted->n_proxies; i++) {
		struct plan *p = &plans[i];

		p->spec = wanted->proxies[i];
		p->kept = find_keeper(c, wanted, p->spec);
		if (plan_bind(c, wanted, p, err, sizeof(err)))
			continue;
		if (!errors->count)
			c->why = (struct control_why){ WHY_LISTEN, errno, p->spec };
		conf_errors_add(errors, "%s", err);
	}
	return !errors->count;
}

static void unprepare(const struct config *wanted, struct plan *plans)
{
	for (size_t i = 0; i < wanted->n_proxies; i++)
		if (plans[i].prepared)
			proxy_stop(plans[i].prepared, NULL);
		else if (plans[i].kept)
			proxy_unbind(plans[i].kept);
	for (size_t i = 0; i < wanted->n_proxies; i++)
		if (plans[i].paused)
			proxy_resume(plans[i].paused);
}

/* Can the wire do what every fault asks, on every proxy that there will be? */
static bool faults_possible(struct control *c, const struct config *wanted,
    const struct plan *plans, struct conf_errors *errors)
{
	char why[256];

	for (size_t f = 0; f < wanted->n_faults; f++)
		for (size_t i = 0; i < wanted->n_proxies; i++) {
			struct proxy *p = plans[i].prepared ? plans[i].prepared : plans[i].kept;
			struct door door;

			if (!fault_spec_covers(wanted->faults[f], plans[i].spec))
				continue;
			door = *proxy_door(p); /* as it will be */
			door.spec = plans[i].spec;
			if (!engine_refuses(
				&c->relay->engine, wanted->faults[f], &door, why, sizeof(why)))
				continue;
			c->why = (struct control_why){ .what = WHY_WIRE };
			conf_errors_add_fault(errors, wanted->faults[f], why);
			if (timeline_wants(c->timeline, EVENT_FAULT_REFUSED))
				timeline_record(c->timeline, EVENT_FAULT_REFUSED,
				    json_pack("{s:s, s:s, s:s}", "fault", wanted->faults[f]->name,
					"type", wanted->faults[f]->type->name, "reason", why));
			break;
		}
	return !errors->count;
}

/* Does it go on as what is wanted? One that is over does not strike again by being wanted still. */
static bool goes_on(struct control *c, struct fault *f, const struct fault_spec *wanted)
{
	if (fault_spec_equal(wanted, f->spec))
		return !wanted->anew || f->state < FAULT_TAIL;
	return engine_update(&c->relay->engine, f, wanted, mono_now_ns());
}

/* Of the faults there are: lifts those that are not wanted, or no longer so; those that can go on
 * with other parameters do. */
static unsigned lift_unwanted(struct control *c, const struct config *wanted)
{
	struct fault *f, *next;
	unsigned n = 0;

	for (f = TAILQ_FIRST(&c->relay->engine.faults); f; f = next) {
		const struct fault_spec *s = config_find_fault(wanted, f->spec->name);

		next = TAILQ_NEXT(f, in_engine);
		if (s && goes_on(c, f, s))
			continue;
		engine_lift(&c->relay->engine, f, s ? "changed" : "removed", mono_now_ns());
		n++;
	}
	return n;
}

static bool is_kept(const struct proxy *p, const struct config *wanted, const struct plan *plans)
{
	for (size_t i = 0; i < wanted->n_proxies; i++)
		if (plans[i].kept == p)
			return true;
	return false;
}

/* Those whose address is no longer wanted. */
static unsigned stop_unwanted(
    struct control *c, const struct config *wanted, const struct plan *plans)
{
	unsigned n = 0;

	for (size_t i = 0; c->config && i < c->config->n_proxies; i++) {
		const char *name = c->config->proxies[i]->name;
		struct proxy *p = relay_find_proxy(c->relay, name);
		bool moved = config_find_proxy(wanted, name);

		if (!p || is_kept(p, wanted, plans))
			continue;
		proxy_end_sessions(p, moved ? "moved" : "removed");
		proxy_stop(p, moved ? "moved" : "removed");
		n += !moved;
	}
	return n;
}

static void update_kept(
    const struct config *wanted, const struct plan *plans, struct conf_errors *errors)
{
	for (size_t i = 0; i < wanted->n_proxies; i++)
		if (plans[i].kept &&
		    !proxy_spec_equal(plans[i].spec, proxy_spec_of(plans[i].kept)) &&
		    !proxy_update(plans[i].kept, plans[i].spec))
			conf_errors_add(errors, "proxy %s: out of memory", plans[i].spec->name);
}

static unsigned arm_wanted(
    struct control *c, const struct config *wanted, struct conf_errors *errors)
{
	unsigned n = 0;

	for (size_t i = 0; i < wanted->n_faults; i++) {
		wanted->faults[i]->anew = false;
		if (engine_find(&c->relay->engine, wanted->faults[i]->name))
			continue;
		if (engine_arm(&c->relay->engine, wanted->faults[i], mono_now_ns()))
			n++;
		else
			conf_errors_add(errors, "fault %s: out of memory", wanted->faults[i]->name);
	}
	return n;
}

static void tell_reloaded(struct control *c, const struct config *wanted, unsigned added,
    unsigned removed, unsigned armed, unsigned lifted)
{
	char restart[128];
	json_t *o;

	if (!timeline_wants(c->timeline, EVENT_CONFIG_RELOADED))
		return;
	o = json_pack("{s:s?, s:i, s:i, s:i, s:i, s:i}", "file", wanted->file, "added", (int)added,
	    "removed", (int)removed, "kept", (int)(wanted->n_proxies - added), "faults_armed",
	    (int)armed, "faults_lifted", (int)lifted);
	if (*control_restart_needed(c->config, wanted, restart, sizeof(restart)))
		json_object_set_new(o, "needs_restart", json_string(restart));
	timeline_record(c->timeline, EVENT_CONFIG_RELOADED, o);
}

/* Faults come before the addresses that they gate, and go before the addresses that stay. */
static void commit(
    struct control *c, struct config *wanted, struct plan *plans, struct conf_errors *errors)
{
	unsigned added = 0, lifted = lift_unwanted(c, wanted);
	unsigned removed = stop_unwanted(c, wanted, plans), armed;

	update_kept(wanted, plans, errors);
	armed = arm_wanted(c, wanted, errors);
	for (size_t i = 0; i < wanted->n_proxies; i++)
		if (plans[i].prepared) {
			proxy_start(plans[i].prepared);
			added++;
		}
	relay_schedule(c->relay);
	if (c->config && !c->edit)
		tell_reloaded(c, wanted, added, removed, armed, lifted);
}

bool control_apply(struct control *c, struct config *wanted, struct conf_errors *errors)
{
	struct plan *plans = calloc(wanted->n_proxies + 1, sizeof(*plans));

	c->why = (struct control_why){ .what = WHY_NO_MEMORY };
	bool ok =
	    plans && prepare(c, wanted, plans, errors) && faults_possible(c, wanted, plans, errors);

	if (ok) {
		if (c->config && !wanted->settings.seed) /* any: the one there is */
			wanted->settings.seed = c->config->settings.seed;
		commit(c, wanted, plans, errors);
		config_free(c->config);
		c->config = wanted;
	} else if (plans) {
		unprepare(wanted, plans);
	} else {
		conf_errors_add(errors, "out of memory");
	}
	free(plans);
	return ok;
}

char *control_restart_needed(
    const struct config *now, const struct config *wanted, char *buf, size_t size)
{
	static const char *const fixed[] = { "seed", "events", "rung", "admin", "admin_token_file",
		"witness" };
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (!field_equal(
			field_find(settings_fields, fixed[i]), &now->settings, &wanted->settings))
			len += (size_t)snprintf(
			    buf + len, size - len, "%s%s", len ? "," : "", fixed[i]);
	return buf;
}

void control_free(struct control *c)
{
	config_free(c->config);
	c->config = NULL;
}
