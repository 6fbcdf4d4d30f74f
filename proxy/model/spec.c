/* The tables of every key, and the specs' lives: made with defaults, copied, compared, freed. */
#include "model/spec.h"
#include "base/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS   INT64_C(1000000)
#define S    (1000 * MS)
#define H    (3600 * S)
#define DAYS (24 * H)

#define NAME_MAX_BYTES      63
#define FREE_NAME_MAX_BYTES 255

const char *const side_names[] = { "server", "client", "both", NULL };
const char *const other_names[] = { "default", "abort", "close", "hold", NULL };
const char *const direction_names[] = { "both", "upstream", "downstream", NULL };
const char *const splice_names[] = { "auto", "off", "on", NULL };
const char *const rung_names[] = { "best", "exact", "equivalent", "partial", NULL };

#define ROW(type, member, name, kind_) .key = name, .kind = kind_, .offset = offsetof(type, member)

#define SETTING(member, name, kind_) ROW(struct settings, member, name, kind_)
const struct field settings_fields[] = {
	{ SETTING(seed, "seed", FIELD_COUNT), .initial = "0", .max = (INT64_C(1) << 53) - 1,
	    .help = "seed of every random choice; 0 takes a new one and tells it on the timeline" },
	{ SETTING(log_level, "log_level", FIELD_CHOICE), .initial = "info",
	    .choices = log_level_names, .help = "least important level that is logged" },
	{ SETTING(log_format, "log_format", FIELD_CHOICE), .initial = "logfmt",
	    .choices = log_format_names, .help = "form of the log lines on stderr" },
	{ SETTING(events, "events", FIELD_TEXT),
	    .help = "file to which the timeline is appended as NDJSON, or - for stdout" },
	{ SETTING(ports_file, "ports_file", FIELD_TEXT),
	    .help = "file that gets a line NAME=ADDRESS for each proxy once all listen" },
	{ SETTING(drain_timeout_ns, "drain_timeout", FIELD_DURATION), .initial = "5s", .max = DAYS,
	    .help = "how long open sessions may finish after SIGTERM" },
	{ SETTING(observe_interval_ns, "observe_interval", FIELD_DURATION), .initial = "50ms",
	    .min = 10 * MS, .max = 10 * S,
	    .help = "how often the kernel is asked what it dropped for silent sockets" },
	{ SETTING(buffer, "buffer", FIELD_SIZE), .initial = "1MiB", .min = 4096, .max = 1 << 30,
	    .help = "how much the faults that delay bytes may hold of one direction of a session" },
	{ SETTING(buffer_total, "buffer_total", FIELD_SIZE), .initial = "256MiB", .min = 4096,
	    .max = INT64_C(1) << 40, .help = "how much they may hold of all sessions together" },
	{ SETTING(splice, "splice", FIELD_CHOICE), .initial = "auto", .choices = splice_names,
	    .help = "whether bytes move inside the kernel with splice(2)" },
	{ SETTING(rung, "rung", FIELD_CHOICE), .initial = "best", .choices = rung_names,
	    .help = "for tests: the best grade of silence that may be used" },
	{ SETTING(max_fault_duration_ns, "max_fault_duration", FIELD_DURATION), .initial = "0",
	    .max = 30 * DAYS,
	    .help =
		"no fault is active for longer: a forgotten one heals itself; 0 sets no limit" },
	{ SETTING(admin, "admin", FIELD_TEXT), .initial = "127.0.0.1:8474",
	    .help = "address of the HTTP API, unix:/path, or off" },
	{ SETTING(admin_token_file, "admin_token_file", FIELD_TEXT),
	    .help = "file with the token that the HTTP API asks for, needed beyond loopback" },
	{ SETTING(witness, "witness", FIELD_BOOL), .initial = "no",
	    .help = "tell on the timeline what each death struck, and what the peers do about it" },
	{ .key = NULL },
};

const struct field host_fields[] = {
	{ ROW(struct host_spec, title, "title", FIELD_TEXT), .help = "free text for people" },
	{ ROW(struct host_spec, address, "address", FIELD_CIDR),
	    .help = "address or range that what runs on the host connects from, for partitions "
		    "between hosts" },
	{ .key = NULL },
};

#define PROXY(member, name, kind_) ROW(struct proxy_spec, member, name, kind_)
const struct field proxy_fields[] = {
	{ PROXY(listen, "listen", FIELD_ADDR), .required = true,
	    .help = "address on which clients are accepted; port 0 lets the kernel pick one" },
	{ PROXY(upstream, "upstream", FIELD_ADDR), .required = true,
	    .help = "address of the real server, or builtin:echo or builtin:discard" },
	{ PROXY(host, "host", FIELD_TEXT), .help = "the [host] whose fate this proxy shares; "
						   "without it the proxy is a host of its own" },
	{ PROXY(connect_timeout_ns, "connect_timeout", FIELD_DURATION), .initial = "10s", .min = MS,
	    .max = DAYS, .help = "how long the connection to the upstream may take" },
	{ PROXY(max_sessions, "max_sessions", FIELD_COUNT), .initial = "0",
	    .help = "most sessions at a time, more wait to be accepted; 0 sets no limit" },
	{ PROXY(backlog, "backlog", FIELD_COUNT), .initial = "4096", .min = 1, .max = 65535,
	    .help = "length of the accept queue asked of the kernel" },
	{ PROXY(enabled, "enabled", FIELD_BOOL), .initial = "yes",
	    .help = "no: the address is not bound, and nobody is served" },
	{ .key = NULL },
};

#define FAULT(member, name, kind_) ROW(struct fault_spec, member, name, kind_)
const struct field fault_fields[] = {
	{ FAULT(proxies, "proxy", FIELD_NAMES),
	    .help = "the proxies it acts on, with commas between them, or * for all" },
	{ FAULT(host, "host", FIELD_TEXT),
	    .help = "the host it acts on: all its proxies at one instant" },
	{ FAULT(side, "side", FIELD_CHOICE), .initial = "server", .choices = side_names,
	    .help = "whose end fails: the server's, the client's, or the path between both" },
	{ FAULT(other, "other", FIELD_CHOICE), .initial = "default", .choices = other_names,
	    .help = "what becomes of the leg to the end that lives" },
	{ FAULT(delay_ns, "delay", FIELD_DURATION), .initial = "0",
	    .help = "time from the start, or from arming, until it becomes active" },
	{ FAULT(duration_ns, "duration", FIELD_DURATION), .initial = "0",
	    .help = "how long it lasts; 0 until it is lifted, or just the instant for those that "
		    "strike once" },
	{ FAULT(toxicity, "toxicity", FIELD_PROBABILITY), .initial = "1",
	    .help = "share of the sessions it touches, rolled once for each" },
	{ FAULT(after_bytes, "after_bytes", FIELD_SIZE), .initial = "0",
	    .help = "strikes a session once so many bytes went in the failing end's direction; 0 "
		    "unused" },
	{ FAULT(after_idle_ns, "after_idle", FIELD_DURATION), .initial = "0",
	    .help = "strikes a session once it carried nothing for so long; 0 unused" },
	{ FAULT(clients, "clients", FIELD_CIDR),
	    .help = "only sessions of clients with this address or in this range; * for all" },
	{ FAULT(nth, "nth", FIELD_COUNT), .initial = "0",
	    .help = "only the Nth session of each proxy, counted from 1; 0 unused" },
	{ FAULT(first, "first", FIELD_COUNT), .initial = "0",
	    .help = "only the first N sessions of each proxy; 0 unused" },
	{ FAULT(every, "every", FIELD_COUNT), .initial = "0",
	    .help = "only every Nth session of each proxy; 0 unused" },
	{ .key = NULL },
};

const char *spec_check_name(const char *name)
{
	size_t len =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (len == 0 || len > NAME_MAX_BYTES || name[len])
		return "a name of 1 to 63 letters, digits, '_', '.' or '-'";
	return NULL;
}

const char *spec_check_free_name(const char *name)
{
	if (!*name || strlen(name) > FREE_NAME_MAX_BYTES || !utf8_is_printable(name))
		return "a name of 1 to 255 bytes of UTF-8, without control characters";
	return NULL;
}

struct config *config_new(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c)
		field_defaults(settings_fields, &c->settings);
	return c;
}

static void host_spec_free(struct host_spec *h)
{
	if (!h)
		return;
	field_release(host_fields, h);
	free(h->name);
	free(h);
}

void proxy_spec_free(struct proxy_spec *p)
{
	if (!p)
		return;
	field_release(proxy_fields, p);
	free(p->name);
	free(p);
}

void fault_spec_free(struct fault_spec *f)
{
	if (!f)
		return;
	field_release(fault_fields, f);
	if (f->type)
		field_release(f->type->params, &f->params);
	free(f->toxic);
	free(f->name);
	free(f);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_hosts; i++)
		host_spec_free(c->hosts[i]);
	for (size_t i = 0; i < c->n_proxies; i++)
		proxy_spec_free(c->proxies[i]);
	for (size_t i = 0; i < c->n_faults; i++)
		fault_spec_free(c->faults[i]);
	free(c->hosts);
	free(c->proxies);
	free(c->faults);
	field_release(settings_fields, &c->settings);
	free(c->file);
	free(c);
}

/* Room for one more pointer in *array; false: out of memory. */
static bool array_grow(void *array, size_t count)
{
	void **old, **grown;

	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, count + 1, sizeof(void *));
	if (grown)
		memcpy(array, &grown, sizeof(grown));
	return grown;
}

struct host_spec *config_add_host(struct config *c, const char *name)
{
	struct host_spec *h = calloc(1, sizeof(*h));

	if (!h || !(h->name = strdup(name)) || !array_grow(&c->hosts, c->n_hosts)) {
		host_spec_free(h);
		return NULL;
	}
	field_defaults(host_fields, h);
	return c->hosts[c->n_hosts++] = h;
}

struct proxy_spec *config_add_proxy(struct config *c, const char *name)
{
	struct proxy_spec *p = calloc(1, sizeof(*p));

	if (!p || !(p->name = strdup(name)) || !array_grow(&c->proxies, c->n_proxies)) {
		proxy_spec_free(p);
		return NULL;
	}
	field_defaults(proxy_fields, p);
	return c->proxies[c->n_proxies++] = p;
}

const struct fault_type *fault_spec_acts(const struct fault_spec *f)
{
	return f->type->inner ? f->type->inner(f) : f->type;
}

bool fault_spec_needs_wire(const struct fault_spec *f)
{
	const struct fault_type *type = fault_spec_acts(f);

	return type->needs_wire && (!type->needs_wire_if || type->needs_wire_if(f));
}

int fault_spec_side_initial(const struct fault_spec *f)
{
	unsigned sides = fault_spec_acts(f)->sides;
	int side = SIDE_SERVER;

	while (side < SIDE_BOTH && !(sides & (1u << side)))
		side++;
	return side;
}

struct fault_spec *config_add_fault(
    struct config *c, const char *name, const struct fault_type *type)
{
	struct fault_spec *f = calloc(1, sizeof(*f));

	if (!f || !(f->name = strdup(name)) || !array_grow(&c->faults, c->n_faults)) {
		fault_spec_free(f);
		return NULL;
	}
	field_defaults(fault_fields, f);
	field_defaults(type->params, &f->params);
	f->type = type;
	f->side = fault_spec_side_initial(f);
	return c->faults[c->n_faults++] = f;
}

struct host_spec *config_find_host(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_hosts; i++)
		if (strcmp(c->hosts[i]->name, name) == 0)
			return c->hosts[i];
	return NULL;
}

struct proxy_spec *config_find_proxy(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_proxies; i++)
		if (strcmp(c->proxies[i]->name, name) == 0)
			return c->proxies[i];
	return NULL;
}

struct fault_spec *config_find_fault(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_faults; i++)
		if (strcmp(c->faults[i]->name, name) == 0)
			return c->faults[i];
	return NULL;
}

static bool table_equal(const struct field *table, const void *a, const void *b)
{
	for (; table && table->key; table++)
		if (!field_equal(table, a, b))
			return false;
	return true;
}

/* False: out of memory, seen by what is missing in the copy. */
static bool table_copy(const struct field *table, void *dst, const void *src)
{
	for (const struct field *f = table; f && f->key; f++)
		field_copy(f, dst, src);
	return table_equal(table, dst, src);
}

struct proxy_spec *proxy_spec_copy(const struct proxy_spec *p)
{
	struct proxy_spec *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->name = strdup(p->name);
	if (!table_copy(proxy_fields, copy, p) || !copy->name) {
		proxy_spec_free(copy);
		return NULL;
	}
	return copy;
}

struct fault_spec *fault_spec_copy(const struct fault_spec *f)
{
	struct fault_spec *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->type = f->type;
	copy->name = strdup(f->name);
	copy->toxic = f->toxic ? strdup(f->toxic) : NULL;
	bool whole = table_copy(fault_fields, copy, f);
	whole = table_copy(f->type->params, &copy->params, &f->params) && whole;
	if (!whole || !copy->name || !copy->toxic != !f->toxic) {
		fault_spec_free(copy);
		return NULL;
	}
	return copy;
}

/* The file's name is the config's; other names of places are static. */
static struct where where_copy(
    const struct config *copy, const struct config *c, const struct where *where)
{
	return (struct where){ .file = where->file == c->file ? copy->file : where->file,
		.line = where->line };
}

/* Takes over each copy. False: out of memory. */
static bool take_proxy(struct config *c, struct proxy_spec *p)
{
	if (!p || !array_grow(&c->proxies, c->n_proxies)) {
		proxy_spec_free(p);
		return false;
	}
	c->proxies[c->n_proxies++] = p;
	return true;
}

static bool take_fault(struct config *c, struct fault_spec *f)
{
	if (!f || !array_grow(&c->faults, c->n_faults)) {
		fault_spec_free(f);
		return false;
	}
	c->faults[c->n_faults++] = f;
	return true;
}

static bool copy_hosts(struct config *copy, const struct config *c)
{
	for (size_t i = 0; i < c->n_hosts; i++) {
		struct host_spec *h = config_add_host(copy, c->hosts[i]->name);

		if (!h || !table_copy(host_fields, h, c->hosts[i]))
			return false;
		h->where = where_copy(copy, c, &c->hosts[i]->where);
	}
	return true;
}

static bool config_fill(struct config *copy, const struct config *c)
{
	if (c->file && !(copy->file = strdup(c->file)))
		return false;
	if (!table_copy(settings_fields, &copy->settings, &c->settings) || !copy_hosts(copy, c))
		return false;
	for (size_t i = 0; i < c->n_proxies; i++) {
		if (!take_proxy(copy, proxy_spec_copy(c->proxies[i])))
			return false;
		copy->proxies[i]->where = where_copy(copy, c, &c->proxies[i]->where);
	}
	for (size_t i = 0; i < c->n_faults; i++) {
		if (!take_fault(copy, fault_spec_copy(c->faults[i])))
			return false;
		copy->faults[i]->where = where_copy(copy, c, &c->faults[i]->where);
	}
	return true;
}

struct config *config_copy(const struct config *c)
{
	struct config *copy = calloc(1, sizeof(*copy));

	if (copy && config_fill(copy, c))
		return copy;
	config_free(copy);
	return NULL;
}

/* Closes the gap that one of *count pointers leaves. */
static void array_remove(void *array, size_t *count, const void *what)
{
	void **at;

	memcpy(&at, array, sizeof(at));
	for (size_t i = 0; i < *count; i++) {
		if (at[i] != what)
			continue;
		memmove(at + i, at + i + 1, (*count - i - 1) * sizeof(*at));
		--*count;
		return;
	}
}

void config_remove_proxy(struct config *c, struct proxy_spec *p)
{
	array_remove(&c->proxies, &c->n_proxies, p);
	proxy_spec_free(p);
}

void config_take_fault(struct config *c, struct fault_spec *f)
{
	array_remove(&c->faults, &c->n_faults, f);
}

void config_remove_fault(struct config *c, struct fault_spec *f)
{
	config_take_fault(c, f);
	fault_spec_free(f);
}

bool proxy_spec_equal(const struct proxy_spec *a, const struct proxy_spec *b)
{
	return strcmp(a->name, b->name) == 0 && table_equal(proxy_fields, a, b);
}

bool fault_spec_equal(const struct fault_spec *a, const struct fault_spec *b)
{
	return strcmp(a->name, b->name) == 0 && a->type == b->type &&
	       table_equal(fault_fields, a, b) &&
	       table_equal(a->type->params, &a->params, &b->params);
}

bool fault_spec_covers(const struct fault_spec *f, const struct proxy_spec *p)
{
	if (f->host)
		return strcmp(f->host, p->host ? p->host : p->name) == 0;
	if (f->proxies.all)
		return true;
	for (size_t i = 0; i < f->proxies.count; i++)
		if (strcmp(f->proxies.name[i], p->name) == 0)
			return true;
	return false;
}
