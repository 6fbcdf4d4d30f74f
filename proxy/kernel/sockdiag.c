/*
 * One dump for each family: a request, then messages until NLMSG_DONE (netlink(7)). A kernel
 * without inet_diag for TCP answers ENOENT.
 */
#include "kernel/sockdiag.h"
#include "base/mono.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX 65536

const char *const sockdiag_timer_names[] = { "none", "retransmit", "keepalive", "time_wait",
	"probe", NULL };

static void read_address(
    union sockaddr_any *to, int family, const __be32 *bytes, __be16 port, uint32_t interface)
{
	memset(to, 0, sizeof(*to));
	to->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		to->in.sin_port = port;
		memcpy(&to->in.sin_addr, bytes, sizeof(to->in.sin_addr));
		return;
	}
	to->in6.sin6_port = port;
	memcpy(&to->in6.sin6_addr, bytes, sizeof(to->in6.sin6_addr));
	if (IN6_IS_ADDR_LINKLOCAL(&to->in6.sin6_addr))
		to->in6.sin6_scope_id = interface;
}

static void read_attributes(struct sockdiag_socket *s, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	unsigned left = h->nlmsg_len - (unsigned)NLMSG_LENGTH(sizeof(*m));

	for (const struct rtattr *a = (const struct rtattr *)(m + 1); RTA_OK(a, left);
	     a = RTA_NEXT(a, left)) {
		const size_t size = RTA_PAYLOAD(a);

		if (a->rta_type == INET_DIAG_INFO)
			memcpy(
			    &s->info, RTA_DATA(a), size < sizeof(s->info) ? size : sizeof(s->info));
	}
}

static struct sockdiag_socket *add(struct sockdiag_list *list)
{
	if (list->count == list->room) {
		const size_t room = list->room ? list->room * 2 : 64;
		void *more = realloc(list->sockets, room * sizeof(*list->sockets));

		if (!more)
			return NULL;
		list->sockets = more;
		list->room = room;
	}
	return memset(&list->sockets[list->count++], 0, sizeof(*list->sockets));
}

static int read_socket(struct sockdiag_list *list, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct sockdiag_socket *s;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	s = add(list);
	if (!s)
		return -1;
	read_address(
	    &s->local, m->idiag_family, m->id.idiag_src, m->id.idiag_sport, m->id.idiag_if);
	read_address(&s->peer, m->idiag_family, m->id.idiag_dst, m->id.idiag_dport, m->id.idiag_if);
	s->inode = m->idiag_inode;
	s->state = m->idiag_state;
	s->timer = m->idiag_timer <= SOCKDIAG_PROBE ? m->idiag_timer : SOCKDIAG_NONE;
	s->timer_ns = (int64_t)m->idiag_expires * NS_PER_MS;
	s->unsent = m->idiag_wqueue;
	s->unread = m->idiag_rqueue;
	s->error = ESRCH;
	read_attributes(s, h);
	return 0;
}

/* 1: there is more to come; 0: that was all; -1: errno. */
static int read_answer(struct sockdiag_list *list, const void *answer, size_t size)
{
	unsigned left = (unsigned)size;

	for (const struct nlmsghdr *h = answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			return -1;
		}
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && read_socket(list, h) < 0)
			return -1;
	}
	return 1;
}

/* Of one port, in the kernel's own little language (inet_diag_bc_run()): no less, no more, and then
 * to the very end, which is yes. Behind it stands the next port; past the end is no. */
struct port_test {
	struct inet_diag_bc_op at_least, least, at_most, most, yes;
};

static void write_tests(struct port_test *tests, const uint16_t *ports, size_t n)
{
	const unsigned char op = sizeof(struct inet_diag_bc_op), pair = 2 * op;

	for (size_t i = 0; i < n; i++) {
		const unsigned short last = i + 1 == n ? op : 0;

		tests[i] = (struct port_test){
			.at_least = { INET_DIAG_BC_D_GE, pair,
			    (unsigned short)(sizeof(*tests) + last) },
			.least = { 0, 0, ports[i] },
			.at_most = { INET_DIAG_BC_D_LE, pair,
			    (unsigned short)(sizeof(*tests) - pair + last) },
			.most = { 0, 0, ports[i] },
			.yes = { INET_DIAG_BC_JMP, op,
			    (unsigned short)((n - i) * sizeof(*tests) - 2 * pair) },
		};
	}
}

static int ask(int netlink, int family, const struct sockdiag_ports *ports)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const size_t n = ports ? ports->count : 0, tests_bytes = n * sizeof(struct port_test);
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
		struct rtattr filter;
		struct port_test tests[SOCKDIAG_PORTS];
	} request = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.body)),
		    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .sdiag_family = (uint8_t)family,
		    .sdiag_protocol = IPPROTO_TCP,
		    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
		    .idiag_states = ~(1u << TCP_LISTEN | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE |
				      1u << TCP_SYN_RECV) },
		.filter = { .rta_len = (unsigned short)RTA_LENGTH(tests_bytes),
		    .rta_type = INET_DIAG_REQ_BYTECODE },
	};

	if (n) {
		write_tests(request.tests, ports->port, n);
		request.head.nlmsg_len += (uint32_t)RTA_LENGTH(tests_bytes);
	}
	return sendto(netlink, &request, request.head.nlmsg_len, 0,
		   (const struct sockaddr *)&kernel, sizeof(kernel)) < 0
		   ? -1
		   : 0;
}

static int dump(struct sockdiag_list *list, int netlink, int family, char *answer,
    const struct sockdiag_ports *ports)
{
	int more = 1;

	if (ask(netlink, family, ports) < 0)
		return -1;
	while (more > 0) {
		const ssize_t n = recv(netlink, answer, ANSWER_MAX, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		more = read_answer(list, answer, (size_t)n);
	}
	return more;
}

static int by_inode(const void *a, const void *b)
{
	const uint32_t x = ((const struct sockdiag_socket *)a)->inode,
		       y = ((const struct sockdiag_socket *)b)->inode;

	return x < y ? -1 : x > y;
}

int sockdiag_list(struct sockdiag_list *list, const struct sockdiag_ports *ports)
{
	const struct timeval patience = { .tv_sec = 5 };
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), rc = -1;
	char *answer = malloc(ANSWER_MAX);

	memset(list, 0, sizeof(*list));
	if (netlink >= 0 && answer) {
		(void)setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		rc = dump(list, netlink, AF_INET, answer, ports);
		if (rc == 0)
			rc = dump(list, netlink, AF_INET6, answer, ports);
	}
	free(answer);
	if (netlink >= 0)
		close(netlink);
	if (rc < 0)
		sockdiag_free(list);
	else if (list->count)
		qsort(list->sockets, list->count, sizeof(*list->sockets), by_inode);
	return rc;
}

void sockdiag_free(struct sockdiag_list *list)
{
	const int error = errno;

	free(list->sockets);
	memset(list, 0, sizeof(*list));
	errno = error;
}

void sockdiag_keep(struct sockdiag_list *list,
    bool (*keep)(const struct sockdiag_socket *, const void *), const void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (keep(&list->sockets[i], arg))
			list->sockets[kept++] = list->sockets[i];
	list->count = kept;
}
