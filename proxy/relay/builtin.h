/*
 * Upstreams that need no server: echo sends back what it gets, discard throws it away. Each is a
 * real TCP service on a loopback port of the kernel's choice, so a session to it has two real legs
 * and every fault works on both.
 */
#pragma once
#include "base/addr.h"
#include <event2/event.h>

enum builtin_kind { BUILTIN_ECHO, BUILTIN_DISCARD, BUILTINS };
extern const char *const builtin_names[]; /* "echo", "discard", NULL */

struct builtin;

/* NULL with errno. */
struct builtin *builtin_new(struct event_base *base, enum builtin_kind kind);
void builtin_free(struct builtin *b);
/*
 * The connection fd, to this service or to anything else, is about to vanish without a word: if it
 * leads here, the service lets go of its end. A real server would be left half-open for good, and
 * somebody could look at that; here it would only be a descriptor lost.
 */
void builtin_let_go(struct builtin *b, int fd);

const union sockaddr_any *builtin_address(const struct builtin *b);
