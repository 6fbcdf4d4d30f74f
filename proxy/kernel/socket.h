/*
 * Sockets, non-blocking and close-on-exec from birth. Functions return a descriptor or 0, or
 * -1 with errno set; nothing is left open on failure.
 */
#pragma once
#include "base/addr.h"
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Binds and listens. TCP: SO_REUSEADDR; the port stays bound when the socket stops listening
 * (socket_refuse), also when the kernel chose it (a port 0 is bound twice: inet_csk_get_port()
 * keeps only a port that was asked for). a->any: [::] with IPV6_V6ONLY off, 0.0.0.0 where there is
 * no IPv6. Unix: a stale socket file (nobody answers: ECONNREFUSED) is removed first, a live one is
 * EADDRINUSE. *bound gets the address with the real port. A negative backlog (TCP only) binds
 * without listening, as if socket_refuse() had been called; socket_relisten() listens. ADDR_NAME
 * must have been resolved to ADDR_IP before.
 */
int socket_listen(const struct addr *a, int backlog, union sockaddr_any *bound);
/* What to do where it failed with this errno: " (...)", static; "" where nobody knows. */
const char *socket_listen_hint(int error);

/* Stops listening, keeps the port: SYNs and the connections still queued are answered with RST
 * (shutdown(2) SHUT_RD on a listening socket: inet_csk_listen_stop()). TCP only. */
int socket_refuse(int fd);

/* Listens again on a socket that socket_refuse stopped. */
int socket_relisten(int fd, int backlog);

/* accept4(2). *peer gets the IP part. TCP_NODELAY is set on TCP. EAGAIN: nobody waits. */
int socket_accept(int fd, union sockaddr_ip *peer);

/* Starts a connect(2): 0, with *in_progress, and the descriptor in *fd. TCP_NODELAY is set on TCP.
 */
int socket_connect(const struct sockaddr *sa, socklen_t len, int *fd, bool *in_progress);

int socket_error(int fd);      /* SO_ERROR: taken and cleared */
int socket_abort(int fd);      /* RST: SO_LINGER {1,0}, close(2). Unix: close */
int socket_shut_write(int fd); /* FIN */
bool socket_is_tcp(int fd);
bool socket_local(int fd, union sockaddr_ip *out);
bool socket_tcp_info(int fd, struct tcp_info *out);
const char *socket_state_name(int tcp_state); /* "ESTABLISHED" ... (include/net/tcp_states.h) */

/* Raises RLIMIT_NOFILE's soft limit to the hard one; returns the limit now. */
uint64_t socket_raise_nofile(void);
