/*
 * One change to the running configuration, all or nothing: a copy of it (the draft) is changed,
 * checked, and applied through control_apply(). When any of that fails nothing has changed, and
 * the edit says why. An edit that worked is on the timeline (api.changed) with who did it.
 */
#pragma once
#include "control/command.h"

#define EDIT_MAX      2000 /* of each kind */
#define EDIT_NAME_MAX 544  /* two names that the API takes, and a number */

enum edit_kind {
	EDIT_DONE,
	EDIT_BAD,       /* a value is wrong */
	EDIT_NOT_FOUND, /* what was named is not there */
	EDIT_EXISTS,    /* the name is taken */
	EDIT_LISTEN,    /* the address cannot be had: error, listen */
	EDIT_REFUSED,   /* the kernel offers no way to do it */
	EDIT_NO_MEMORY,
};

struct edit {
	const char *who;           /* an address */
	const char *what;          /* "proxy.create" */
	const char *proxy;         /* its name; NULL: none */
	const char *host;          /* the same */
	char fault[EDIT_NAME_MAX]; /* its name in the config; "": none */
	/* The outcome. */
	enum edit_kind kind;
	int error;                  /* EDIT_LISTEN: errno; ENOENT: no such name */
	char listen[ADDR_TEXT_MAX]; /* EDIT_LISTEN */
	char message[1024];         /* "" when done */
};

/* Changes the draft. False: edit_fail() has said why. May set e->fault. */
typedef bool edit_change(struct edit *e, struct config *draft, void *arg);

/* It is about this fault, which may be gone when that is told. */
void edit_names_fault(struct edit *e, const struct fault_spec *f);

/* Always false, for `return edit_fail(...)`. */
bool edit_fail(struct edit *e, enum edit_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Is there room for one more of so many ("proxies", "faults", "hosts")? What an edit costs grows
 * with all of them, and nobody else is served meanwhile. False: edit_fail() has said so. A file may
 * have more. */
bool edit_has_room(struct edit *e, size_t count, const char *what);

/* True: the change holds. Sessions of a proxy whose upstream changed have ended. */
bool control_edit(struct control *c, struct edit *e, edit_change *change, void *arg);
