/*
 * Looks again and again, and tells what is new since the look before:
 *
 *     sockdiag_list() -> those that go to a proxy -> whose they are -> compared -> told
 *
 * A connection is known by its addresses: its inode goes when its process closes it, while the
 * kernel still sends. Whose it is is asked once, of the processes first that had others.
 */
#include "base/mono.h"
#include "cli/ends.h"
#include "cli/run.h"
#include "kernel/sockdiag.h"
#include "kernel/tcp_sysctl.h"
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS      (20 * NS_PER_MS)
#define LOOK_SHARE   20                /* at most a 20th of the time */
#define SETTLE_NS    (250 * NS_PER_MS) /* what a program sets after connecting is set by then */
#define SOON_NS      (5 * NS_PER_MS)
#define PROCESSES    64
#define SETTINGS_MAX 1024 /* sockets whose options are read at once */

/* A proxy's address. */
struct target {
	char *proxy;
	union sockaddr_any sa;
	bool any; /* the port alone, on an address of this machine */
};

struct told {
	bool known;
	struct sockdiag_options options;
	enum sockdiag_timer timer; /* NONE or KEEPALIVE; only where the options are not known */
};

struct peer {
	struct ends ends;
	unsigned target;
	struct sockdiag_socket now;
	int64_t since_ns;
	bool asked;   /* whose it is */
	bool settled; /* it was asked again after SETTLE_NS */
	bool has_told;
	struct told told;
};

struct watch {
	struct driver *run;
	struct event *tick;
	bool stopped;
	struct target *targets;
	unsigned n_targets;
	struct sockdiag_ports ports; /* theirs */
	struct peer *peers;          /* by ends */
	size_t n_peers;
	pid_t processes[PROCESSES];
	unsigned n_processes, next_process;
	int64_t looked_ns, cost_ns;        /* when; the CPU time that a look takes */
	int64_t before_ns;                 /* the look before this one began then */
	int64_t all_asked_ns, all_cost_ns; /* of asking every process */
	int64_t retries2;
};

/* Waiting for a busy machine costs nobody anything. */
static int64_t cpu_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* --- addresses --- */

static int by_ends(const void *a, const void *b)
{
	return memcmp(
	    &((const struct peer *)a)->ends, &((const struct peer *)b)->ends, sizeof(struct ends));
}

/* n_targets: to none. */
static unsigned target_of(const struct watch *w, const struct sockdiag_socket *s)
{
	const struct ends e = ends_of(s);
	unsigned i = 0;

	while (i < w->n_targets && !ends_go_to(&e, &w->targets[i].sa, w->targets[i].any))
		i++;
	return i;
}

static bool is_watched(const struct sockdiag_socket *s, const void *arg)
{
	const struct watch *w = arg;

	return target_of(w, s) < w->n_targets;
}

/* --- whose they are --- */

static bool is_unknown(const struct sockdiag_socket *s, const void *arg)
{
	(void)arg;
	return s->pid == 0;
}

void watch_process(struct watch *w, int pid)
{
	if (!w || pid <= 0)
		return;
	for (unsigned i = 0; i < w->n_processes; i++)
		if (w->processes[i] == pid)
			return;
	w->processes[w->next_process] = pid;
	w->next_process = (w->next_process + 1) % PROCESSES;
	if (w->n_processes < PROCESSES)
		w->n_processes++;
}

static struct sockdiag_socket *by_inode(const struct sockdiag_list *list, uint32_t inode)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->sockets[i].inode == inode)
			return &list->sockets[i];
	return NULL;
}

/* Dear where there are many processes: a tenth of the time at most. */
static void ask_all(struct watch *w, struct sockdiag_list *list)
{
	const int64_t from_ns = cpu_now_ns();

	if (mono_now_ns() < w->all_asked_ns + 10 * w->all_cost_ns)
		return;
	sockdiag_claim_all(list);
	w->all_asked_ns = mono_now_ns();
	w->all_cost_ns = cpu_now_ns() - from_ns;
}

/* Fills in pid, process and options of those in list, which is by inode. */
static void ask(struct watch *w, struct sockdiag_list *list)
{
	struct sockdiag_list rest = *list;

	for (unsigned i = 0; i < w->n_processes; i++)
		(void)sockdiag_claim(list, w->processes[i]);
	rest.sockets = malloc((list->count + 1) * sizeof(*rest.sockets));
	if (!rest.sockets)
		return;
	memcpy(rest.sockets, list->sockets, list->count * sizeof(*rest.sockets));
	sockdiag_keep(&rest, is_unknown, NULL);
	if (rest.count)
		ask_all(w, &rest);
	for (size_t i = 0; i < rest.count; i++) {
		struct sockdiag_socket *s = by_inode(list, rest.sockets[i].inode);

		if (s && rest.sockets[i].pid)
			*s = rest.sockets[i];
	}
	free(rest.sockets);
	for (size_t i = 0; i < list->count; i++)
		watch_process(w, list->sockets[i].pid);
}

/* --- what is told --- */

/* As ss(8) writes it. */
static const char *state_name(int state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "ESTAB",
		[TCP_SYN_SENT] = "SYN-SENT",
		[TCP_SYN_RECV] = "SYN-RECV",
		[TCP_FIN_WAIT1] = "FIN-WAIT-1",
		[TCP_FIN_WAIT2] = "FIN-WAIT-2",
		[TCP_TIME_WAIT] = "TIME-WAIT",
		[TCP_CLOSE] = "UNCONN",
		[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCP_LAST_ACK] = "LAST-ACK",
		[TCP_LISTEN] = "LISTEN",
		[TCP_CLOSING] = "CLOSING",
	};

	return state > 0 && state <= TCP_CLOSING ? names[state] : "?";
}

static json_t *base_of(const struct watch *w, const struct peer *p)
{
	char client[ADDR_TEXT_MAX];
	json_t *o = json_pack("{s:s, s:s}", "proxy", w->targets[p->target].proxy, "client",
	    addr_format_sa(client, sizeof(client), &p->now.local.sa));

	if (p->now.pid) {
		json_object_set_new(o, "pid", json_integer(p->now.pid));
		json_object_set_new(o, "process", json_string(p->now.process));
	}
	return o;
}

static void tell(struct watch *w, int64_t at_ns, const char *event, json_t *fields)
{
	driver_saw(w->run, at_ns, JOURNAL_DRIVER, event, fields);
}

static void tell_state(
    struct watch *w, int64_t at_ns, const struct peer *p, int old, const char *new)
{
	json_t *o = base_of(w, p);

	json_object_set_new(o, "old", json_string(state_name(old)));
	json_object_set_new(o, "new", json_string(new));
	json_object_set_new(o, "since_ns", json_integer(w->before_ns ? at_ns - w->before_ns : 0));
	json_object_set_new(o, "retransmits", json_integer(p->now.info.tcpi_retransmits));
	tell(w, at_ns, "peer.socket", o);
}

static void set_ns(json_t *o, const char *key, bool known, int64_t ns)
{
	json_object_set_new(o, key, known ? json_integer(ns) : json_null());
}

static struct told settings_of(const struct sockdiag_socket *s)
{
	struct told t;

	memset(&t, 0, sizeof(t));
	t.known = s->pid && !s->error;
	if (t.known)
		t.options = s->options;
	else
		t.timer = s->timer;
	return t;
}

static json_t *keepalive_of(const struct told *t)
{
	if (t->known)
		return json_boolean(t->options.keepalive);
	if (t->timer == SOCKDIAG_KEEPALIVE || t->timer == SOCKDIAG_NONE)
		return json_boolean(t->timer == SOCKDIAG_KEEPALIVE);
	return json_null(); /* another timer hides it */
}

static void tell_settings(struct watch *w, int64_t at_ns, struct peer *p)
{
	const struct told t = settings_of(&p->now);
	const struct sockdiag_options *s = &t.options;
	json_t *o;

	if (p->has_told && !memcmp(&t, &p->told, sizeof(t)))
		return;
	if (p->has_told && !t.known && (p->told.known || t.timer > SOCKDIAG_KEEPALIVE))
		return; /* more was known */
	p->told = t;
	p->has_told = true;
	o = base_of(w, p);
	json_object_set_new(o, "known", json_boolean(t.known));
	json_object_set_new(o, "keepalive", keepalive_of(&t));
	set_ns(o, "keep_idle_ns", t.known, s->keep_idle_s * NS_PER_S);
	set_ns(o, "keep_interval_ns", t.known, s->keep_interval_s * NS_PER_S);
	set_ns(o, "keep_count", t.known, s->keep_count);
	set_ns(o, "user_timeout_ns", t.known, s->user_timeout_ms * NS_PER_MS);
	set_ns(o, "retries2", true, w->retries2);
	set_ns(o, "rtt_ns", true, p->now.info.tcpi_rtt * NS_PER_US);
	set_ns(o, "rto_ns", !p->now.info.tcpi_retransmits, p->now.info.tcpi_rto * NS_PER_US);
	tell(w, at_ns, "peer.settings", o);
}

/* --- a look --- */

static bool is_own(const struct watch *w, const struct sockdiag_socket *s)
{
	return w->run->own.pid && s->pid == w->run->own.pid;
}

static struct peer *find(const struct watch *w, const struct sockdiag_socket *s)
{
	const struct peer want = { .ends = ends_of(s) };

	return w->n_peers ? bsearch(&want, w->peers, w->n_peers, sizeof(want), by_ends) : NULL;
}

static bool is_same(const struct peer *before, const struct sockdiag_socket *s)
{
	return before && (!s->inode || !before->now.inode || s->inode == before->now.inode);
}

/* What must be asked of a socket now: whose it is, or what it is set to. */
static bool is_due(const struct peer *p, const struct sockdiag_socket *s, int64_t now_ns, bool all)
{
	if (!s->inode)
		return false;
	if (!is_same(p, s) || !p->asked)
		return true;
	return s->state == TCP_ESTABLISHED &&
	       (all || (!p->settled && now_ns >= p->since_ns + SETTLE_NS));
}

/* What was known of it and is not asked again. */
static void keep_owner(struct sockdiag_socket *s, const struct peer *before)
{
	s->pid = before->now.pid;
	s->fd = before->now.fd;
	s->error = before->now.error;
	s->options = before->now.options;
	memcpy(s->process, before->now.process, sizeof(s->process));
}

/* Asks for those in list that are due; true for each that was, in due. */
static void ask_due(
    struct watch *w, struct sockdiag_list *list, int64_t now_ns, bool all, bool *due)
{
	struct sockdiag_list some = { 0 };

	some.sockets = malloc((list->count + 1) * sizeof(*some.sockets));
	for (size_t i = 0; some.sockets && i < list->count; i++) {
		due[i] = some.count < SETTINGS_MAX &&
			 is_due(find(w, &list->sockets[i]), &list->sockets[i], now_ns, all);
		if (due[i])
			some.sockets[some.count++] = list->sockets[i];
	}
	if (some.count)
		ask(w, &some);
	for (size_t i = 0, k = 0; k < some.count && i < list->count; i++)
		if (due[i])
			list->sockets[i] = some.sockets[k++];
	free(some.sockets);
}

static void compare(
    struct watch *w, int64_t now_ns, struct peer *p, const struct peer *before, bool due)
{
	const int old = before ? before->now.state : 0;

	if (before && !due)
		keep_owner(&p->now, before);
	if (before) {
		p->since_ns = before->since_ns;
		p->settled = before->settled;
		p->has_told = before->has_told;
		p->told = before->told;
	}
	p->asked = due || (before && before->asked);
	if (!before && p->now.state == TCP_SYN_SENT)
		tell(w, now_ns, "peer.attempt", base_of(w, p));
	else if (before && old != p->now.state)
		tell_state(w, now_ns, p, old, state_name(p->now.state));
	if (due && p->now.state == TCP_ESTABLISHED) {
		p->settled |= now_ns >= p->since_ns + SETTLE_NS;
		tell_settings(w, now_ns, p);
	}
}

/* The list becomes what is known; what is there no more is told. */
static void replace(
    struct watch *w, int64_t now_ns, const struct sockdiag_list *list, const bool *due)
{
	struct peer *peers = calloc(list->count + 1, sizeof(*peers));
	size_t n = 0;

	for (size_t i = 0; peers && i < list->count; i++) {
		const struct sockdiag_socket *s = &list->sockets[i];
		struct peer *before = find(w, s), *p = &peers[n];

		if (is_own(w, s))
			continue;
		if (!is_same(before, s))
			before = NULL;
		*p = (struct peer){ .ends = ends_of(s), .target = target_of(w, s), .now = *s };
		p->since_ns = now_ns;
		compare(w, now_ns, p, before, due[i]);
		if (before)
			before->since_ns = INT64_MAX; /* it goes on */
		n++;
	}
	for (size_t i = 0; peers && i < w->n_peers; i++)
		if (w->peers[i].since_ns != INT64_MAX)
			tell_state(w, now_ns, &w->peers[i], w->peers[i].now.state, "gone");
	if (!peers)
		return;
	qsort(peers, n, sizeof(*peers), by_ends);
	free(w->peers);
	w->peers = peers;
	w->n_peers = n;
}

static void look(struct watch *w, bool all)
{
	const int64_t now_ns = mono_now_ns();
	struct sockdiag_list list;
	bool *due;

	if (w->stopped || !w->n_targets || sockdiag_list(&list, &w->ports) < 0)
		return;
	sockdiag_keep(&list, is_watched, w);
	due = calloc(list.count + 1, sizeof(*due));
	if (due) {
		ask_due(w, &list, now_ns, all, due);
		replace(w, now_ns, &list, due);
	}
	free(due);
	sockdiag_free(&list);
	w->before_ns = now_ns;
}

static void tick_due(evutil_socket_t fd, short what, void *arg)
{
	const int64_t from_ns = cpu_now_ns();
	struct watch *w = arg;
	struct timeval next;
	int64_t next_ns;

	(void)fd, (void)what;
	look(w, false);
	w->looked_ns = mono_now_ns();
	w->cost_ns = cpu_now_ns() - from_ns;
	next_ns = w->cost_ns * LOOK_SHARE > LOOK_NS ? w->cost_ns * LOOK_SHARE : LOOK_NS;
	next = (struct timeval){ next_ns / NS_PER_S, next_ns % NS_PER_S / NS_PER_US };
	event_add(w->tick, &next);
}

void watch_soon(struct watch *w)
{
	if (w && w->n_targets && !w->stopped &&
	    mono_now_ns() > w->looked_ns + SOON_NS + w->cost_ns * LOOK_SHARE / 4)
		event_active(w->tick, EV_TIMEOUT, 0);
}

void watch_settings(struct watch *w)
{
	if (w)
		look(w, true);
}

void watch_stop(struct watch *w)
{
	if (!w)
		return;
	look(w, false);
	event_del(w->tick);
	w->stopped = true;
}

/* --- life --- */

struct watch *watch_new(struct driver *run)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct tcp_sysctl t;

	if (!w || !(w->tick = event_new(run->base, -1, 0, tick_due, w))) {
		free(w);
		return NULL;
	}
	tcp_sysctl_read(&t);
	w->run = run;
	w->retries2 = t.retries2;
	watch_process(w, run->own.pid);
	return w;
}

bool watch_add(struct watch *w, const char *proxy, const struct addr *to, bool any)
{
	struct target *more;

	if (!w || to->kind != ADDR_IP || w->n_targets == SOCKDIAG_PORTS)
		return true;
	more = realloc(w->targets, (w->n_targets + 1) * sizeof(*more));
	if (!more)
		return false;
	w->targets = more;
	more[w->n_targets] = (struct target){ strdup(proxy), to->sa, any };
	if (!more[w->n_targets].proxy)
		return false;
	w->n_targets++;
	w->ports.port[w->ports.count++] = to->port;
	watch_soon(w);
	return true;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	event_free(w->tick);
	for (unsigned i = 0; i < w->n_targets; i++)
		free(w->targets[i].proxy);
	free(w->targets);
	free(w->peers);
	free(w);
}
