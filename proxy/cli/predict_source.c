/*
 * Where the settings come from. A process is looked at in its own network namespace: its
 * connections are only there, and so are its sysctls.
 */
#include "base/mono.h"
#include "cli/predict.h"
#include "kernel/socket.h"
#include "kernel/tcp_sysctl.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void predict_kernel(struct predict_settings *s)
{
	struct tcp_sysctl t;

	tcp_sysctl_read(&t);
	predict_preset(s, PREDICT_LINUX);
	s->keep_idle_ns = t.keepalive_time_s * NS_PER_S;
	s->keep_interval_ns = t.keepalive_intvl_s * NS_PER_S;
	s->keep_count = (uint64_t)t.keepalive_probes;
	s->retries2 = (uint64_t)t.retries2;
	s->syn_retries = (uint64_t)t.syn_retries;
	s->syn_linear = (uint64_t)t.syn_linear_timeouts;
	s->rto_min_ns = t.rto_min_us * NS_PER_US;
	s->rto_max_ns = t.rto_max_ms * NS_PER_MS;
	s->tick_ns = t.tick_ns;
}

static void settings_by_default(const struct predict_query *q, struct predict_settings *s)
{
	if (q->os >= 0)
		predict_preset(s, (enum predict_os)q->os);
	else
		predict_kernel(s);
}

/* ---- a connection's own ---- */

enum predict_when predict_now(const struct sockdiag_socket *s)
{
	if (s->state == TCP_SYN_SENT)
		return PREDICT_CONNECTING;
	if (s->timer == SOCKDIAG_PROBE)
		return PREDICT_BLOCKED;
	return s->info.tcpi_unacked ? PREDICT_SENDING : PREDICT_IDLE;
}

static void apply_info(const struct tcp_info *info, struct predict_asked *asked)
{
	const uint32_t heard = info->tcpi_last_data_recv < info->tcpi_last_ack_recv
				   ? info->tcpi_last_data_recv
				   : info->tcpi_last_ack_recv;

	asked->f.idle_for_ns = heard * NS_PER_MS;
	asked->s.rtt_ns = info->tcpi_rtt * NS_PER_US;
	if (!info->tcpi_retransmits) /* else it is what it has grown to */
		asked->s.rto_ns = info->tcpi_rto * NS_PER_US;
}

static void apply_options(const struct sockdiag_options *o, struct predict_settings *s)
{
	s->keepalive = o->keepalive;
	s->keep_idle_ns = o->keep_idle_s * NS_PER_S;
	s->keep_interval_ns = o->keep_interval_s * NS_PER_S;
	s->keep_count = (uint64_t)o->keep_count;
	s->user_timeout_ns = o->user_timeout_ms * NS_PER_MS;
	s->syn_retries = (uint64_t)o->syn_count;
	if (o->rto_max_ms)
		s->rto_max_ns = o->rto_max_ms * NS_PER_MS;
}

/* Without the options: the timer that runs tells whether keepalive is on, unless another hides
 * it. */
static void apply_socket(struct predict_subject *x)
{
	const struct sockdiag_socket *s = x->socket;

	if (s->state != TCP_SYN_SENT && s->info.tcpi_rto)
		apply_info(&s->info, &x->asked);
	x->options_told = x->keepalive_told = s->error == 0;
	if (x->options_told) {
		apply_options(&s->options, &x->asked.s);
	} else if (s->timer == SOCKDIAG_KEEPALIVE || s->timer == SOCKDIAG_NONE) {
		x->keepalive_told = true;
		x->asked.s.keepalive = s->timer == SOCKDIAG_KEEPALIVE;
	}
}

/* ---- finding them ---- */

struct endpoint {
	const struct addrinfo *found;
	uint16_t port;
};

/* An IPv4 address in either of its forms. */
static bool same_address(const union sockaddr_any *peer, const struct sockaddr *sa)
{
	const union sockaddr_any *want = (const union sockaddr_any *)sa;

	if (peer->sa.sa_family == sa->sa_family)
		return sa->sa_family == AF_INET
			   ? peer->in.sin_addr.s_addr == want->in.sin_addr.s_addr
			   : !memcmp(&peer->in6.sin6_addr, &want->in6.sin6_addr, 16);
	return peer->sa.sa_family == AF_INET6 && sa->sa_family == AF_INET &&
	       IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr) &&
	       !memcmp(&peer->in6.sin6_addr.s6_addr[12], &want->in.sin_addr, 4);
}

static bool goes_to(const struct sockdiag_socket *s, const void *arg)
{
	const struct endpoint *e = arg;
	const in_port_t port =
	    s->peer.sa.sa_family == AF_INET ? s->peer.in.sin_port : s->peer.in6.sin6_port;

	if (ntohs(port) != e->port)
		return false;
	for (const struct addrinfo *a = e->found; a; a = a->ai_next)
		if (same_address(&s->peer, a->ai_addr))
			return true;
	return false;
}

static bool keep_endpoint(
    const struct addr *to, struct sockdiag_list *list, char why[PREDICT_WHY_MAX])
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL, one = { 0 };
	union sockaddr_any sa = to->sa;
	struct endpoint e = { .port = to->port };
	int rc = 0;

	if (to->kind == ADDR_IP) {
		one.ai_addr = &sa.sa;
		e.found = &one;
	} else {
		rc = getaddrinfo(to->name, NULL, &hints, &found);
		e.found = found;
	}
	if (rc) {
		snprintf(why, PREDICT_WHY_MAX, "--connect: %s: %s; give its address", to->name,
		    gai_strerror(rc));
		return false;
	}
	sockdiag_keep(list, goes_to, &e);
	if (found)
		freeaddrinfo(found);
	return true;
}

static bool is_claimed(const struct sockdiag_socket *s, const void *arg)
{
	(void)arg;
	return s->pid != 0;
}

static bool explain_process(pid_t pid, char why[PREDICT_WHY_MAX])
{
	if (errno == ENOENT || errno == ESRCH)
		snprintf(why, PREDICT_WHY_MAX,
		    "--pid %d: there is no such process; try --pid $(pidof NAME)", (int)pid);
	else if (errno == EPERM)
		snprintf(why, PREDICT_WHY_MAX,
		    "--pid %d: it is in another network namespace, which only root (CAP_SYS_ADMIN) "
		    "may enter; try sudo, or from inside: nsenter -t %d -n deadpeer predict --pid "
		    "%d",
		    (int)pid, (int)pid, (int)pid);
	else if (errno == EACCES)
		snprintf(why, PREDICT_WHY_MAX,
		    "--pid %d: it is another user's; try sudo, or --connect ADDR", (int)pid);
	else
		snprintf(why, PREDICT_WHY_MAX, "--pid %d: %s", (int)pid, strerror(errno));
	return false;
}

static bool explain_dump(char why[PREDICT_WHY_MAX])
{
	snprintf(why, PREDICT_WHY_MAX,
	    "the kernel does not list its connections (NETLINK_SOCK_DIAG): %s; try modprobe "
	    "tcp_diag",
	    strerror(errno));
	return false;
}

static bool explain_none(const struct predict_query *q, char why[PREDICT_WHY_MAX])
{
	char text[ADDR_TEXT_MAX];

	if (q->n_pids && q->connect.kind == ADDR_NONE)
		snprintf(why, PREDICT_WHY_MAX,
		    "--pid %d%s: no TCP connection is open now; try while it has one, or without "
		    "--pid",
		    (int)q->pids[0], q->n_pids > 1 ? " ..." : "");
	else
		snprintf(why, PREDICT_WHY_MAX,
		    "--connect %s: no such connection is open now%s; ss -t lists those there are",
		    addr_format(text, sizeof(text), &q->connect),
		    q->n_pids ? "" : " in this network namespace");
	return false;
}

static bool add_subjects(
    struct predict_subjects *all, const struct predict_settings *s, size_t from)
{
	struct predict_subject *more =
	    realloc(all->list, (all->sockets.count + 1) * sizeof(*all->list));

	if (!more)
		return false;
	all->list = more;
	for (size_t i = from; i < all->sockets.count; i++)
		all->list[all->count++] = (struct predict_subject){ .asked.s = *s };
	return true;
}

static bool append(struct sockdiag_list *to, const struct sockdiag_list *from)
{
	void *more = realloc(to->sockets, (to->count + from->count + 1) * sizeof(*to->sockets));

	if (!more)
		return false;
	to->sockets = more;
	if (from->count)
		memcpy(&to->sockets[to->count], from->sockets, from->count * sizeof(*to->sockets));
	to->count = to->room = to->count + from->count;
	return true;
}

/* The wanted connections that are seen from the namespace we are in. */
static bool look_around(const struct predict_query *q, pid_t pid, struct predict_subjects *all,
    char why[PREDICT_WHY_MAX])
{
	const size_t from = all->count;
	struct predict_settings settings;
	struct sockdiag_list found;
	bool good;

	if (sockdiag_list(&found, NULL) < 0)
		return explain_dump(why);
	settings_by_default(q, &settings);
	good = q->connect.kind == ADDR_NONE || keep_endpoint(&q->connect, &found, why);
	if (good && !pid)
		sockdiag_claim_all(&found);
	if (good && pid && sockdiag_claim(&found, pid) < 0)
		good = explain_process(pid, why);
	if (good && pid)
		sockdiag_keep(&found, is_claimed, NULL);
	if (good && (!append(&all->sockets, &found) || !add_subjects(all, &settings, from))) {
		snprintf(why, PREDICT_WHY_MAX, "%s", strerror(ENOMEM));
		good = false;
	}
	sockdiag_free(&found);
	return good;
}

static bool look_at_process(const struct predict_query *q, pid_t pid, struct predict_subjects *all,
    char why[PREDICT_WHY_MAX])
{
	const int home = sockdiag_enter(pid);
	bool good;

	if (home < 0)
		return explain_process(pid, why);
	good = look_around(q, pid, all, why);
	sockdiag_leave(home);
	return good;
}

static bool find_live(
    const struct predict_query *q, struct predict_subjects *all, char why[PREDICT_WHY_MAX])
{
	bool good = true;

	if (!q->n_pids)
		good = look_around(q, 0, all, why);
	for (int i = 0; good && i < q->n_pids; i++)
		good = look_at_process(q, q->pids[i], all, why);
	if (good && !all->count)
		good = explain_none(q, why);
	for (size_t i = 0; good && i < all->count; i++) {
		all->list[i].socket = &all->sockets.sockets[i];
		apply_socket(&all->list[i]);
	}
	return good;
}

bool predict_find(
    const struct predict_query *q, struct predict_subjects *all, char why[PREDICT_WHY_MAX])
{
	bool good = true;

	memset(all, 0, sizeof(*all));
	if (q->n_pids || q->connect.kind != ADDR_NONE) {
		good = find_live(q, all, why);
	} else {
		all->list = calloc(1, sizeof(*all->list));
		if (all->list)
			settings_by_default(q, &all->list[all->count++].asked.s);
		good = all->list;
		if (!good)
			snprintf(why, PREDICT_WHY_MAX, "%s", strerror(ENOMEM));
	}
	for (size_t i = 0; good && i < all->count; i++)
		predict_apply(q, &all->list[i].asked);
	return good;
}

void predict_free(struct predict_subjects *all)
{
	free(all->list);
	sockdiag_free(&all->sockets);
	memset(all, 0, sizeof(*all));
}
