/*
 * What changes do to a draft (edit.h), in the words of the API: a proxy's toxics are the faults
 * that act on it. Functions that can fail say so through edit_fail().
 */
#pragma once
#include "control/edit.h"

/* A proxy with its defaults; the caller fills in listen and upstream. NULL: the name is taken, or
 * none. */
struct proxy_spec *draft_add_proxy(struct edit *e, struct config *draft, const char *name);

/* NULL: not found. */
struct proxy_spec *draft_find_proxy(struct edit *e, const struct config *draft, const char *name);

/* With the faults that acted on it alone; the others go on without it. */
void draft_remove_proxy(struct config *draft, struct proxy_spec *p);

/* The name that a fault has among a proxy's toxics. */
const char *draft_toxic_name(const struct fault_spec *f);

/* NULL: not found. */
struct fault_spec *draft_find_toxic(
    struct edit *e, const struct config *draft, const struct proxy_spec *p, const char *name);

/* A fault on that proxy alone; the caller fills in the rest. NULL: the name is taken, or none. */
struct fault_spec *draft_add_toxic(struct edit *e, struct config *draft, const struct proxy_spec *p,
    const char *name, const struct fault_type *type);

/* It acts on this proxy no longer; it goes when there is no other. */
bool draft_remove_toxic(
    struct edit *e, struct config *draft, const struct proxy_spec *p, struct fault_spec *f);

/* All those of one proxy. */
bool draft_clear_toxics(struct edit *e, struct config *draft, const struct proxy_spec *p);
