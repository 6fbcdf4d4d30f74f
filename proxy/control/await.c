/*
 * Every record goes through the row of its event, which keeps the sessions' lives in mind and adds
 * what has happened to a list; a wait counts what it is for from its mark on.
 */
#include "control/await.h"
#include <stdlib.h>
#include <string.h>

struct seen {
	unsigned relay;
	int64_t id;
	char *proxy, *client; /* of session.opened */
	char *fault;          /* that struck it; NULL: none did */
	const char *watcher;  /* the leg whose end is the survivor's: "client", "server", "both" */
	int64_t pid;          /* 0: not known */
	uint64_t opened_at;   /* the number of its record */
	bool up, down;        /* has carried bytes */
	bool detected, closed;
	bool replaced; /* its client has opened another one instead */
};

/* A fault that has ended, first in record number at. */
struct ended {
	char *fault; /* without #2 ... */
	uint64_t at;
};

struct happening {
	enum wait_kind kind;
	char *proxy, *fault; /* what it concerns: one, or "a,b"; NULL: nobody knows, or none */
	uint64_t times, record;
};

struct await {
	const struct wait_spec *wait; /* NULL: none */
	size_t mark, read;            /* its first happening, and behind the last that is counted */
	size_t met_mark;
	uint64_t count, record;
	struct seen *sessions;
	struct ended *ended;
	struct happening *happenings;
	size_t n_sessions, n_ended, n_happenings;
	json_t *pids;   /* client -> pid */
	json_t *scopes; /* fault -> "a,b" or "*": the proxies it acts on */
};

/* ---- what counts ---- */

/* In repetitions it is NAME#2 ... */
static size_t fault_length(const char *fault)
{
	return strcspn(fault, "#");
}

/* Has "a,b#2" the name? */
static bool in_list(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (strncmp(list, name, len) == 0 && (n == len || list[len] == '#'))
			return true;
	}
	return false;
}

static bool is_it(const struct wait_spec *wait, const struct happening *h)
{
	if (wait->kind != h->kind || (wait->fault && !(h->fault && in_list(h->fault, wait->fault))))
		return false;
	return !wait->proxy || !h->proxy || strcmp(h->proxy, "*") == 0 ||
	       in_list(h->proxy, wait->proxy);
}

/* The first happening of the record that one belongs to. */
static size_t record_mark(const struct await *a, size_t i)
{
	while (i > 0 && a->happenings[i - 1].record == a->happenings[i].record)
		i--;
	return i;
}

static void count(struct await *a)
{
	for (; a->wait && a->read < a->n_happenings && !await_met(a); a->read++) {
		const struct happening *h = &a->happenings[a->read];

		if (!is_it(a->wait, h))
			continue;
		a->count += h->times;
		a->met_mark = record_mark(a, a->read);
	}
	if (a->wait && a->met_mark < a->mark)
		a->met_mark = a->mark;
}

static void happened_often(
    struct await *a, enum wait_kind kind, const char *proxy, const char *fault, uint64_t times)
{
	struct happening *grown = reallocarray(a->happenings, a->n_happenings + 1, sizeof(*grown));

	if (!grown)
		return;
	a->happenings = grown;
	grown[a->n_happenings++] = (struct happening){ kind, proxy ? strdup(proxy) : NULL,
		fault ? strdup(fault) : NULL, times, a->record };
}

static void happened(struct await *a, enum wait_kind kind, const char *proxy, const char *fault)
{
	happened_often(a, kind, proxy, fault, 1);
}

/* ---- sessions ---- */

static struct seen *find_session(const struct await *a, const struct record *r)
{
	int64_t id = record_int(r, "session", -1);

	for (size_t i = a->n_sessions; i-- > 0;)
		if (a->sessions[i].id == id && a->sessions[i].relay == r->relay)
			return &a->sessions[i];
	return NULL;
}

/* Without the port. */
static size_t ip_length(const char *client)
{
	const char *colon = strncmp(client, "unix:", 5) ? strrchr(client, ':') : NULL;

	return colon ? (size_t)(colon - client) : strlen(client);
}

/* The same process, or, where a process is not known, the same address. */
static bool same_client(const struct seen *s, const struct seen *t)
{
	size_t len = ip_length(s->client);

	if (strcmp(s->proxy, t->proxy) != 0)
		return false;
	if (s->pid && t->pid)
		return s->pid == t->pid;
	return ip_length(t->client) == len && strncmp(s->client, t->client, len) == 0;
}

static void detect(struct await *a, struct seen *s)
{
	if (!s->fault || s->detected)
		return;
	s->detected = true;
	happened(a, WAIT_DETECTED, s->proxy, s->fault);
}

/* The one that a new session stands for: lost for sure, or struck, which this gives away. */
static struct seen *find_replaced(const struct await *a, const struct seen *fresh)
{
	struct seen *struck = NULL;

	for (struct seen *s = a->sessions; s < fresh; s++) {
		if (s->replaced || !same_client(s, fresh))
			continue;
		if (s->detected || s->closed)
			return s;
		if (s->fault && !struck)
			struck = s;
	}
	return struck;
}

static void saw_opened(struct await *a, const struct record *r)
{
	struct seen *grown = reallocarray(a->sessions, a->n_sessions + 1, sizeof(*grown)), *lost;
	const char *proxy = record_text(r, "proxy"), *client = record_text(r, "client");

	if (!grown)
		return;
	a->sessions = grown;
	grown += a->n_sessions;
	*grown = (struct seen){ r->relay, record_int(r, "session", -1), strdup(proxy ? proxy : ""),
		strdup(client ? client : ""), .opened_at = a->record };
	if (!grown->proxy || !grown->client) {
		free(grown->proxy);
		free(grown->client);
		return;
	}
	a->n_sessions++;
	grown->pid = json_integer_value(json_object_get(a->pids, grown->client));
	happened(a, WAIT_OPENED, grown->proxy, NULL);
	if (!(lost = find_replaced(a, grown)))
		return;
	detect(a, lost);
	lost->replaced = true;
	happened(a, WAIT_RECONNECTED, grown->proxy, NULL);
}

static void saw_connected(struct await *a, const struct record *r)
{
	happened(a, WAIT_CONNECTED, record_text(r, "proxy"), NULL);
}

/* A session that was opened after faults had ended. */
static void recovered(struct await *a, const struct seen *s)
{
	char *faults = NULL, *more;

	for (size_t i = 0; i < a->n_ended && a->ended[i].at < s->opened_at; i++) {
		if (asprintf(&more, "%s%s%s", faults ? faults : "", faults ? "," : "",
			a->ended[i].fault) < 0)
			break;
		free(faults);
		faults = more;
	}
	if (faults)
		happened(a, WAIT_RECOVERED, s->proxy, faults);
	free(faults);
}

static void saw_bytes(struct await *a, const struct record *r)
{
	const char *direction = record_text(r, "direction");
	struct seen *s = find_session(a, r);

	if (!s || !direction || (s->up && s->down))
		return;
	s->up |= strcmp(direction, "upstream") == 0;
	s->down |= strcmp(direction, "downstream") == 0;
	if (!s->up || !s->down)
		return;
	happened(a, WAIT_TRAFFIC, s->proxy, NULL);
	recovered(a, s);
}

static void saw_struck(struct await *a, const struct record *r)
{
	static const char *const watchers[] = { "client", "server", "both", NULL };
	const char *fault = record_text(r, "fault"), *watcher = record_text(r, "watcher");
	struct seen *s = find_session(a, r);

	if (!s || !fault)
		return;
	free(s->fault);
	s->fault = strdup(fault);
	s->detected = false;
	s->watcher = watchers[0];
	for (size_t i = 0; watcher && watchers[i]; i++)
		if (strcmp(watchers[i], watcher) == 0)
			s->watcher = watchers[i];
}

/* It is the survivor's end that has ended. */
static bool watches(const struct seen *s, const char *leg)
{
	return s->fault && leg && (*s->watcher == 'b' || strcmp(s->watcher, leg) == 0);
}

static void saw_peer(struct await *a, const struct record *r)
{
	struct seen *s = find_session(a, r);

	if (s && watches(s, record_text(r, "leg")))
		detect(a, s);
}

static void saw_closed(struct await *a, const struct record *r)
{
	const char *reason = record_text(r, "reason");
	struct seen *s = find_session(a, r);

	happened(a, WAIT_CLOSED, record_text(r, "proxy"), record_text(r, "fault"));
	if (!s)
		return;
	s->closed = true;
	if (reason && ((strcmp(reason, "client_reset") == 0 && watches(s, "client")) ||
			  (strcmp(reason, "server_reset") == 0 && watches(s, "server"))))
		detect(a, s);
}

/* ---- sockets of the application ---- */

static void learn_pid(struct await *a, const struct record *r, const char *client)
{
	int64_t pid = record_int(r, "pid", 0);

	if (!pid || json_integer_value(json_object_get(a->pids, client)) == pid)
		return;
	json_object_set_new_nocheck(a->pids, client, json_integer(pid));
	for (struct seen *s = a->sessions; s && s < a->sessions + a->n_sessions; s++)
		if (!s->pid && strcmp(s->client, client) == 0)
			s->pid = pid;
}

/* In CLOSE_WAIT its kernel was told, and the application has not acted on it so far. */
static bool is_held(const char *state)
{
	return state && (strncmp(state, "ESTAB", 5) == 0 || strncmp(state, "CLOSE_WAIT", 10) == 0 ||
			    strncmp(state, "CLOSE-WAIT", 10) == 0);
}

static void saw_socket(struct await *a, const struct record *r)
{
	const char *client = record_text(r, "client"), *proxy = record_text(r, "proxy");
	bool gave_up = is_held(record_text(r, "old")) && !is_held(record_text(r, "new"));

	if (!client || !proxy)
		return;
	learn_pid(a, r, client);
	for (size_t i = a->n_sessions; gave_up && i-- > 0;) {
		struct seen *s = &a->sessions[i];

		if (strcmp(s->client, client) == 0 && strcmp(s->proxy, proxy) == 0) {
			if (watches(s, "client"))
				detect(a, s);
			return; /* an earlier one had the port before */
		}
	}
}

/* ---- faults, the command ---- */

static void saw_active(struct await *a, const struct record *r)
{
	const char *fault = record_text(r, "fault"), *proxies = record_text(r, "proxies");

	if (fault && proxies)
		json_object_set_new_nocheck(a->scopes, fault, json_string(proxies));
}

static const char *scope_of(const struct await *a, const struct record *r)
{
	const char *proxy = record_text(r, "proxy"), *fault = record_text(r, "fault");

	if (proxy || !fault)
		return proxy;
	return json_string_value(json_object_get(a->scopes, fault));
}

static void saw_fired(struct await *a, const struct record *r)
{
	int64_t sessions = record_int(r, "sessions", 0);

	if (sessions > 0)
		happened_often(
		    a, WAIT_FIRED, scope_of(a, r), record_text(r, "fault"), (uint64_t)sessions);
}

/* Sessions that nobody gave up carry on after these. */
static bool carries_on(const char *type)
{
	static const char *const types[] = { "hang", "partition", "unreachable", NULL };

	for (size_t i = 0; type && types[i]; i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static void add_ended(struct await *a, const char *fault)
{
	size_t len = fault_length(fault);
	struct ended *grown;

	for (size_t i = 0; i < a->n_ended; i++)
		if (strlen(a->ended[i].fault) == len && !strncmp(a->ended[i].fault, fault, len))
			return;
	grown = reallocarray(a->ended, a->n_ended + 1, sizeof(*grown));
	if (!grown)
		return;
	a->ended = grown;
	grown[a->n_ended] = (struct ended){ strndup(fault, len), a->record };
	a->n_ended += grown[a->n_ended].fault != NULL;
}

static void saw_lifted(struct await *a, const struct record *r)
{
	const char *fault = record_text(r, "fault");

	if (!fault)
		return;
	add_ended(a, fault);
	happened(a, WAIT_LIFTED, scope_of(a, r), fault);
	for (struct seen *s = a->sessions; s && s < a->sessions + a->n_sessions; s++) {
		if (!s->fault || s->detected || strcmp(s->fault, fault) != 0 ||
		    !carries_on(record_text(r, "type")))
			continue;
		free(s->fault);
		s->fault = NULL;
	}
}

static void saw_exited(struct await *a, const struct record *r)
{
	(void)r;
	happened(a, WAIT_EXITED, NULL, NULL);
}

static const struct {
	const char *event;
	void (*saw)(struct await *a, const struct record *r);
} rows[] = {
	{ "session.opened", saw_opened },
	{ "session.connected", saw_connected },
	{ "session.bytes", saw_bytes },
	{ "session.struck", saw_struck },
	{ "session.peer", saw_peer },
	{ "session.closed", saw_closed },
	{ "peer.attempt", saw_socket },
	{ "peer.settings", saw_socket },
	{ "peer.socket", saw_socket },
	{ "fault.active", saw_active },
	{ "fault.fired", saw_fired },
	{ "fault.lifted", saw_lifted },
	{ "command.exited", saw_exited },
};

void await_saw(struct await *a, const struct record *r)
{
	a->record++;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].event, r->event) == 0)
			rows[i].saw(a, r);
	count(a);
}

/* ---- its life ---- */

struct await *await_new(void)
{
	struct await *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->pids = json_object();
	a->scopes = json_object();
	if (a->pids && a->scopes)
		return a;
	await_free(a);
	return NULL;
}

void await_free(struct await *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_sessions; i++) {
		free(a->sessions[i].proxy);
		free(a->sessions[i].client);
		free(a->sessions[i].fault);
	}
	for (size_t i = 0; i < a->n_ended; i++)
		free(a->ended[i].fault);
	for (size_t i = 0; i < a->n_happenings; i++) {
		free(a->happenings[i].proxy);
		free(a->happenings[i].fault);
	}
	free(a->sessions);
	free(a->ended);
	free(a->happenings);
	json_decref(a->pids);
	json_decref(a->scopes);
	free(a);
}

size_t await_mark(const struct await *a)
{
	return a->n_happenings;
}

void await_begin(struct await *a, const struct wait_spec *wait, size_t mark)
{
	bool again = a->wait && a->wait->kind == wait->kind;

	if (again && mark < a->read)
		mark = a->read; /* what met the one before is not for this one, too */
	a->wait = wait;
	a->count = 0;
	a->mark = a->read = a->met_mark = mark;
	count(a);
}

bool await_met(const struct await *a)
{
	return a->wait && a->count >= a->wait->count;
}

uint64_t await_count(const struct await *a)
{
	return a->count;
}

size_t await_met_mark(const struct await *a)
{
	return a->met_mark;
}
