/* What holds between the parts of a configuration, each rule in a function of its own. */
#include "base/addr.h"
#include "model/conf_parts.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512

/* What is checked, against what, and where errors go. */
struct check {
	const struct config *c;
	struct conf_errors *errors;
	const struct conf_places *places; /* NULL: no key counts as given */
};

/* The spec an error is about. */
struct subject {
	const void *spec;
	struct where where;
	char title[96]; /* "": none */
};

void conf_error_at(struct conf_errors *e, const struct where *at, const char *title,
    const char *key, const char *fmt, ...)
{
	char line[16] = "", *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if (at->line)
		snprintf(line, sizeof(line), ":%d", at->line);
	conf_errors_add(e, "%s%s%s%s%s%s%s%s%s", at->file ? at->file : "", line,
	    at->file ? ": " : "", title ? "[" : "", title ? title : "", title ? "] " : "",
	    key ? key : "", key ? ": " : "", text);
	free(text);
}

/* Where the key was given; NULL: it was not. */
static const struct conf_place *find_place(const struct check *k, const void *spec, const char *key)
{
	for (size_t i = 0; k->places && i < k->places->count; i++)
		if (k->places->at[i].spec == spec && strcmp(k->places->at[i].key, key) == 0)
			return &k->places->at[i];
	return NULL;
}

/* Nothing can be said about a key whose value was bad, or that may be in a line that was. */
static bool may_be_given(const struct check *k, const void *spec, const char *key)
{
	return find_place(k, spec, key) || find_place(k, spec, "");
}

static struct subject subject_of(
    const void *spec, const struct where *where, const char *kind, const char *name)
{
	struct subject s = { .spec = spec, .where = *where };

	if (!where->file || where->line) /* a --fault text says it all */
		snprintf(s.title, sizeof(s.title), "%s %s", kind, name);
	return s;
}

static struct subject subject_proxy(const struct proxy_spec *p)
{
	return subject_of(p, &p->where, "proxy", p->name);
}

static struct subject subject_fault(const struct fault_spec *f)
{
	struct subject s = subject_of(f, &f->where, "fault", f->name);

	if (f->toxic) /* who asked for it knows its name */
		*s.title = '\0';
	return s;
}

void conf_errors_add_fault(struct conf_errors *e, const struct fault_spec *f, const char *message)
{
	struct subject s = subject_fault(f);

	conf_error_at(e, &s.where, *s.title ? s.title : NULL, NULL, "%s", message);
}

__attribute__((format(printf, 4, 5))) static void fail(
    const struct check *k, const struct subject *s, const char *key, const char *fmt, ...)
{
	const struct conf_place *place = key ? find_place(k, s->spec, key) : NULL;
	struct where at = s->where;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (place)
		at.line = place->line;
	if (len >= 0)
		conf_error_at(k->errors, &at, *s->title ? s->title : NULL, key, "%s", text);
	free(text);
}

/* " (line 12)" for what is in the file, "" for what is not. */
static const char *line_note(char *buf, size_t size, const struct where *where)
{
	*buf = '\0';
	if (where->line)
		snprintf(buf, size, " (line %d)", where->line);
	return buf;
}

static void check_name(const struct check *k, const struct subject *s, const struct where *before)
{
	char note[32];

	fail(k, s, NULL, "expected a name of its own%s", line_note(note, sizeof(note), before));
}

/* Names of one kind; earlier ones win. */
static void check_names(const struct check *k)
{
	const struct config *c = k->c;

	for (size_t i = 0; i < c->n_hosts; i++) {
		const struct host_spec *first = config_find_host(c, c->hosts[i]->name);
		struct subject s =
		    subject_of(c->hosts[i], &c->hosts[i]->where, "host", c->hosts[i]->name);

		if (first != c->hosts[i])
			check_name(k, &s, &first->where);
	}
	for (size_t i = 0; i < c->n_proxies; i++) {
		const struct proxy_spec *first = config_find_proxy(c, c->proxies[i]->name);
		struct subject s = subject_proxy(c->proxies[i]);

		if (first != c->proxies[i])
			check_name(k, &s, &first->where);
	}
}

/* The names a host= or proxy= may have, for a hint. Free the result. */
static const char **names_of_hosts(const struct config *c, bool lone_proxies)
{
	const char **names = calloc(c->n_hosts + c->n_proxies + 1, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; names && i < c->n_hosts; i++)
		names[n++] = c->hosts[i]->name;
	for (size_t i = 0; names && lone_proxies && i < c->n_proxies; i++)
		if (!c->proxies[i]->host)
			names[n++] = c->proxies[i]->name;
	return names;
}

static const char **names_of_proxies(const struct config *c)
{
	const char **names = calloc(c->n_proxies + 1, sizeof(*names));

	for (size_t i = 0; names && i < c->n_proxies; i++)
		names[i] = c->proxies[i]->name;
	return names;
}

/* "KEY: no KEY has the name X", unless it may be elsewhere; takes over names. */
static void fail_name(const struct check *k, const struct subject *s, const char *key,
    const char *name, const char **names)
{
	char hint[TEXT_MAX] = "";

	if (k->places && k->places->elsewhere) {
		free(names);
		return;
	}
	if (names)
		conf_hint(hint, sizeof(hint), name, names);
	fail(k, s, key, "expected the name of a %s, got \"%s\"%s", key, name, hint);
	free(names);
}

static void check_listen(const struct check *k, const struct subject *s, const struct proxy_spec *p)
{
	char text[ADDR_TEXT_MAX], note[32];

	addr_format(text, sizeof(text), &p->listen);
	if (p->listen.kind == ADDR_BUILTIN)
		fail(k, s, "listen", "expected an address to listen on, got \"%s\"", text);
	if (p->listen.kind == ADDR_NONE && !may_be_given(k, p, "listen"))
		fail(k, s, "listen", "missing; expected an address such as 127.0.0.1:6380");
	for (size_t i = 0; k->c->proxies[i] != p; i++) {
		const struct proxy_spec *q = k->c->proxies[i];

		if (p->enabled && q->enabled && addr_same_listen(&p->listen, &q->listen)) {
			fail(k, s, "listen",
			    "expected an address of its own, got \"%s\", which proxy %s has%s",
			    text, q->name, line_note(note, sizeof(note), &q->where));
			return;
		}
	}
}

static void check_upstream(
    const struct check *k, const struct subject *s, const struct proxy_spec *p)
{
	char text[ADDR_TEXT_MAX];
	const struct addr *a = &p->upstream;

	addr_format(text, sizeof(text), a);
	if (a->kind == ADDR_NONE && !may_be_given(k, p, "upstream"))
		fail(k, s, "upstream", "missing; expected an address such as 127.0.0.1:6379");
	if ((a->kind == ADDR_IP || a->kind == ADDR_NAME) && a->port == 0)
		fail(k, s, "upstream", "expected a port from 1 to 65535, got \"%s\"", text);
}

static void check_proxy(const struct check *k, const struct proxy_spec *p)
{
	struct subject s = subject_proxy(p);

	check_listen(k, &s, p);
	check_upstream(k, &s, p);
	if (p->host && !config_find_host(k->c, p->host))
		fail_name(k, &s, "host", p->host, names_of_hosts(k->c, false));
	if (!p->host && config_find_host(k->c, p->name) && !may_be_given(k, p, "host"))
		fail(k, &s, NULL,
		    "expected host=%s or another name: without host= a proxy is a host of its "
		    "own, and there is a [host %s]",
		    p->name, p->name);
}

/* Exactly one of proxy= and host=, and it is there. */
static void check_scope(const struct check *k, const struct subject *s, const struct fault_spec *f)
{
	bool by_proxy = f->proxies.all || f->proxies.count;

	if (by_proxy && f->host)
		fail(k, s, "host", "expected proxy= or host=, got both");
	else if (!by_proxy && !f->host && !may_be_given(k, f, "proxy") &&
		 !may_be_given(k, f, "host"))
		fail(k, s, NULL,
		    "missing; expected proxy=NAME, proxy=* or host=NAME, which say where it acts");
	for (size_t i = 0; i < f->proxies.count; i++)
		if (!config_find_proxy(k->c, f->proxies.name[i]))
			fail_name(k, s, "proxy", f->proxies.name[i], names_of_proxies(k->c));
	if (!f->host || config_find_host(k->c, f->host))
		return;
	const struct proxy_spec *lone = config_find_proxy(k->c, f->host);
	if (!lone || lone->host)
		fail_name(k, s, "host", f->host, names_of_hosts(k->c, true));
}

static bool refuses(const struct fault_type *type, const char *key)
{
	for (const struct refusal *r = type->refusals; r && r->key; r++)
		if (strcmp(r->key, key) == 0)
			return true;
	return false;
}

static void check_side(const struct check *k, const struct subject *s, const struct fault_spec *f)
{
	const struct fault_type *acts = fault_spec_acts(f);
	char list[TEXT_MAX] = "";
	size_t len = 0;

	if (acts->sides & (1u << f->side))
		return;
	if (refuses(f->type, "side") && find_place(k, f, "side")) /* check_refusals() says why */
		return;
	for (int i = 0; side_names[i]; i++)
		if (acts->sides & (1u << i))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
			    len ? " or " : "", side_names[i]);
	fail(k, s, "side", "expected %s, got \"%s\", which %s cannot have", list,
	    side_names[f->side], acts->name);
}

/* A type that is repeated has its end from the one that repeats it. */
static bool said_elsewhere(
    const struct fault_type *inner, const struct fault_type *type, const char *key)
{
	return inner != type && (strcmp(key, "duration") == 0 || refuses(type, key));
}

/* A refused key must neither be given nor differ from its default. */
static void check_refusals_of(const struct check *k, const struct subject *s,
    const struct fault_spec *f, const struct fault_type *type)
{
	struct fault_spec plain = { 0 };

	field_defaults(fault_fields, &plain);
	plain.side = f->side; /* its default depends on the type: check_side() */
	for (const struct refusal *r = type->refusals; r && r->key; r++) {
		const struct field *field = field_find(fault_fields, r->key);

		if (said_elsewhere(type, f->type, r->key))
			continue;
		if (find_place(k, f, r->key) || (field && !field_equal(field, f, &plain)))
			fail(k, s, r->key, "%s does not take %s: %s", type->name, r->key, r->why);
	}
	field_release(fault_fields, &plain);
}

static void check_refusals(
    const struct check *k, const struct subject *s, const struct fault_spec *f)
{
	check_refusals_of(k, s, f, f->type);
	if (f->type->inner)
		check_refusals_of(k, s, f, f->type->inner(f));
}

/* A Unix socket has no wire: there is nothing between its ends that could fall silent. */
static void check_wire(const struct check *k, const struct subject *s, const struct fault_spec *f)
{
	for (size_t i = 0; fault_spec_needs_wire(f) && i < k->c->n_proxies; i++) {
		const struct proxy_spec *p = k->c->proxies[i];
		bool client_leg = f->side != SIDE_CLIENT && p->listen.kind == ADDR_UNIX;
		bool server_leg = f->side != SIDE_SERVER && p->upstream.kind == ADDR_UNIX;

		if (fault_spec_covers(f, p) && (client_leg || server_leg))
			fail(k, s, NULL, "%s needs TCP, but the %s of proxy %s is a Unix socket",
			    fault_spec_acts(f)->name, client_leg ? "listen address" : "upstream",
			    p->name);
	}
}

/* Counts of sessions that no session has. */
static void check_counts(const struct check *k, const struct subject *s, const struct fault_spec *f)
{
	if (f->nth && f->first && f->nth > f->first)
		fail(k, s, "nth", "expected at most first=%llu, got \"%llu\": no session is both",
		    (unsigned long long)f->first, (unsigned long long)f->nth);
	else if (f->nth && f->every && f->nth % f->every)
		fail(k, s, "nth",
		    "expected a multiple of every=%llu, got \"%llu\": no session is both",
		    (unsigned long long)f->every, (unsigned long long)f->nth);
	else if (f->first && f->every > f->first)
		fail(k, s, "every", "expected at most first=%llu, got \"%llu\": no session is both",
		    (unsigned long long)f->first, (unsigned long long)f->every);
}

/* What the type has to say of its values together: of those that could all be read. */
static void check_together(
    const struct check *k, const struct subject *s, const struct fault_spec *f)
{
	const char *key = NULL, *want;
	char buf[TEXT_MAX];

	if (!f->type->check || may_be_given(k, f, CONF_BAD))
		return;
	if ((want = f->type->check(f, &key, buf, sizeof(buf))))
		fail(k, s, key, "expected %s", want);
}

static void check_fault(const struct check *k, const struct fault_spec *f)
{
	const struct fault_spec *first = config_find_fault(k->c, f->name);
	struct subject s = subject_fault(f);

	if (first != f)
		check_name(k, &s, &first->where);
	check_scope(k, &s, f);
	check_side(k, &s, f);
	check_refusals(k, &s, f);
	check_wire(k, &s, f);
	check_counts(k, &s, f);
	check_together(k, &s, f);
}

void conf_check_fault(const struct config *c, const struct fault_spec *f, struct conf_errors *e,
    const struct conf_places *places)
{
	check_fault(&(struct check){ .c = c, .errors = e, .places = places }, f);
}

static void check_settings(const struct check *k, const struct settings *set)
{
	struct subject s = { .spec = set, .where = { .file = k->c->file }, .title = "deadpeer" };
	const char *want = NULL;
	struct addr a;

	if (set->admin && strcmp(set->admin, "off") != 0)
		want = addr_parse(set->admin, &a);
	if (!want && set->admin && strcmp(set->admin, "off") != 0 && a.kind == ADDR_BUILTIN)
		want = "an address to listen on";
	if (want)
		fail(k, &s, "admin", "expected off or %s, got \"%s\"", want, set->admin);
}

void conf_check_all(const struct config *c, struct conf_errors *e, const struct conf_places *places)
{
	struct check k = { .c = c, .errors = e, .places = places };

	check_settings(&k, &c->settings);
	check_names(&k);
	for (size_t i = 0; i < c->n_proxies; i++)
		check_proxy(&k, c->proxies[i]);
	for (size_t i = 0; i < c->n_faults; i++)
		check_fault(&k, c->faults[i]);
}

bool conf_check(const struct config *c, struct conf_errors *errors)
{
	size_t before = errors->count;

	conf_check_all(c, errors, NULL);
	return errors->count == before;
}
