/*
 * The TCP connections of other processes, read without disturbing them.
 *
 * NETLINK_SOCK_DIAG (sock_diag(7)) tells, of every connection in this thread's network namespace
 * and to anybody, its addresses, its queues, the timer that runs and TCP_INFO. It does not tell
 * socket options: whether and how keepalive is on, or TCP_USER_TIMEOUT. Those come from a
 * duplicate of the descriptor (pidfd_getfd(2)), which takes the right to ptrace(2) the process; the
 * duplicate is closed at once and only getsockopt(2) is called on it.
 */
#pragma once
#include "base/addr.h"
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* idiag_timer (linux/inet_diag.h, inet_sk_diag_fill()). */
enum sockdiag_timer {
	SOCKDIAG_NONE,
	SOCKDIAG_RETRANSMIT,
	SOCKDIAG_KEEPALIVE,
	SOCKDIAG_TIME_WAIT,
	SOCKDIAG_PROBE
};
extern const char *const sockdiag_timer_names[];

/* What setsockopt(2) has made of a socket, the system's values where it has not. */
struct sockdiag_options {
	bool keepalive;
	int keep_idle_s, keep_interval_s, keep_count;
	int user_timeout_ms; /* 0: none */
	int syn_count;
	int rto_max_ms; /* 0: this kernel has no TCP_RTO_MAX_MS */
};

struct sockdiag_socket {
	union sockaddr_any local, peer;
	uint32_t inode;
	int state; /* TCP_ESTABLISHED ... */
	enum sockdiag_timer timer;
	int64_t timer_ns; /* until it fires */
	uint32_t unsent;  /* bytes in the send queue: not acknowledged or not sent */
	uint32_t unread;
	struct tcp_info info; /* all zero where the kernel told none */
	pid_t pid;            /* whose; 0: not found */
	int fd;               /* its descriptor there */
	char process[32];     /* its name */
	int error;            /* why there are no options: errno; 0: there are */
	struct sockdiag_options options;
};

struct sockdiag_list {
	struct sockdiag_socket *sockets; /* by inode */
	size_t count, room;
};

#define SOCKDIAG_PORTS 1024

struct sockdiag_ports {
	uint16_t port[SOCKDIAG_PORTS];
	size_t count;
};

/* Every connection that is neither listening nor only remembered (TIME_WAIT); of those that go to
 * one of these ports (NULL, or none: to any). 0, or -1 with errno and an empty list. */
int sockdiag_list(struct sockdiag_list *list, const struct sockdiag_ports *ports);
void sockdiag_free(struct sockdiag_list *list);

/* Keeps those that `keep` wants. */
void sockdiag_keep(struct sockdiag_list *list,
    bool (*keep)(const struct sockdiag_socket *, const void *), const void *arg);

/* Finds which of them are descriptors of this process (/proc/PID/fd), and their options. How many
 * there were, or -1 with errno: ENOENT, there is no such process; EACCES, it is somebody else's. */
int sockdiag_claim(struct sockdiag_list *list, pid_t pid);

/* The same of every process that may be looked at. */
void sockdiag_claim_all(struct sockdiag_list *list);

/* Enters the network namespace of a process. A descriptor for sockdiag_leave(), or -1 with errno:
 * ENOENT and EACCES as above; EPERM, entering takes CAP_SYS_ADMIN. */
int sockdiag_enter(pid_t pid);
void sockdiag_leave(int home);
