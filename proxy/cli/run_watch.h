/*
 * The application's ends of its connections, as this machine's kernel has them (sockdiag.h):
 * peer.attempt, peer.socket, peer.settings (journal.h). Sockets in other network namespaces are
 * not seen.
 */
#pragma once
#include "base/addr.h"

struct driver;
struct watch;

/* NULL: no memory. Looks every 20 ms, less often where looking is dear. */
struct watch *watch_new(struct driver *run);
void watch_free(struct watch *w);

/* Sockets whose peer is this are watched; any: or its port on any address of this machine. */
bool watch_add(struct watch *w, const char *proxy, const struct addr *to, bool any);
/* These processes are asked first whose a socket is. */
void watch_process(struct watch *w, int pid);
void watch_soon(struct watch *w);     /* something has happened: look at once */
void watch_settings(struct watch *w); /* what the sockets are set to, now */
void watch_stop(struct watch *w);     /* one last look */
