/*
 * The API's connections, watched so that none can hold a place: a request must be complete in 15 s
 * from its first byte, a connection may be idle for 60 s, of more than 1024 the one that has been
 * idle for longest goes, and of those that leave more than 64 MiB of answers unread the one that
 * leaves most.
 */
#pragma once
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdbool.h>

#define CONNS_MAX       1024
#define CONNS_AHEAD     (2 << 20) /* bytes read before they are wanted; more than a request has */
#define CONNS_UNREAD    (64 << 20)
#define CONNS_REQUEST_S 15
#define CONNS_IDLE_S    60

struct conns;

/* Watches every connection that this server accepts. NULL: no memory. */
struct conns *conns_new(struct event_base *base, struct evhttp *http);

/*
 * The request that has just come is answered later: for so long its connection may be as idle as it
 * likes. gone is called when it ends before conns_release(), also because the client went: no
 * answer may be given then, and conns_forget() is to be called. False: no memory.
 */
bool conns_hold(
    struct conns *c, struct evhttp_connection *evcon, void (*gone)(void *arg), void *arg);
void conns_release(struct conns *c, struct evhttp_connection *evcon);

/* Frees a request that evhttp has parted from its connection, which it does when it is the one to
 * see the end; else it frees both by itself. */
void conns_forget(struct evhttp_request *req);

/* Ends the connection (calls gone where it is held). Not from within one of its callbacks. */
void conns_drop(struct conns *c, struct evhttp_connection *evcon);

/* After evhttp_free(). */
void conns_free(struct conns *c);

/* A whole request has come on this connection. False: answers that nobody reads take all the room
 * there is, so none is to be made of it that may be large; the worst of those readers goes. */
bool conns_request(struct conns *c, struct evhttp_connection *evcon);
