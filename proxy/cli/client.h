/*
 * HTTP to a running deadpeer, over TCP or a Unix socket: one call is one connection.
 *
 *     connect (each address in turn) -> request -> status -> headers -> body -> done
 *
 * evhttp's own client (libevent 2.1) knows no Unix sockets and does not tell why it failed, so this
 * stands on bufferevents. Requests are HTTP/1.0: the answer comes in one piece without chunks, and
 * ends with the connection (RFC 9112, 6.3).
 */
#pragma once
#include "base/addr.h"
#include <event2/event.h>

#define CLIENT_ADDRESSES 4
#define CLIENT_PATIENCE  10 /* seconds, unless the request says otherwise */

/* Where it is, and what opens it. */
struct server {
	char text[ADDR_TEXT_MAX]; /* as it was asked for */
	union sockaddr_any sa[CLIENT_ADDRESSES];
	socklen_t len[CLIENT_ADDRESSES];
	unsigned n;
	char *token; /* owned; NULL: none */
};

enum server_found { SERVER_FOUND, SERVER_WRONG /* to ask so */, SERVER_UNKNOWN /* the name */ };

/*
 * admin: as in deadpeer.ini(5), also "http://host:port"; NULL: $DEADPEER_ADMIN, $TOXIPROXY_URL, or
 * 127.0.0.1:8474. token_file NULL: $DEADPEER_ADMIN_TOKEN. Names are looked up at once. Not
 * SERVER_FOUND: err says why.
 */
enum server_found server_find(
    struct server *s, const char *admin, const char *token_file, char *err, size_t size);
void server_free(struct server *s);

struct request {
	const char *method, *path; /* path: with its query, encoded */
	const char *body;          /* JSON; NULL: none */
	int64_t limit_s;           /* 0: CLIENT_PATIENCE; negative: no limit once it answers */
	/* NULL, or called with each line of a body of 2xx, which is not kept. False: enough. */
	bool (*line)(void *arg, const char *line);
	void *arg;
};

struct answer {
	int status;      /* 0: there is no answer, and error says why */
	char *body;      /* NUL-terminated, "" at least; the caller's */
	char error[512]; /* one sentence that says what to try */
};

void answer_free(struct answer *a);

/* Takes the answer over. The call is gone by then. */
typedef void client_done(void *arg, struct answer *a);

/* Calls done from the loop, once, unless cancelled. NULL: no memory. server outlives the call; the
 * rest is copied. */
struct client *client_start(struct event_base *base, const struct server *server,
    const struct request *r, client_done *done, void *arg);
void client_cancel(struct client *c);

/* The same, to its end. */
void client_call(const struct server *server, const struct request *r, struct answer *a);

/* A name as part of a path or a query; free it. */
char *client_encode(const char *text);
