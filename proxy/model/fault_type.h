/*
 * What the data layers know of a type of fault: a row for each (faults/catalogue.h). The INI
 * reader, the manual's check, the README's catalogue and the API read it; nothing else knows a
 * type's name.
 */
#pragma once
#include "model/field.h"

struct fault_spec;

/* A key that a type does not take, and why; a sentence fragment: "it acts on SYNs, before there is
 * a session". A table of them ends with key NULL. */
struct refusal {
	const char *key;
	const char *why;
};

/* Values that a kind of machine is known to have, under its name. A table of them ends with name
 * NULL. */
struct preset {
	const char *name;
	const char *settings; /* "after=350s mode=rst_next": keys that were not given themselves */
	const char *about;    /* one sentence */
	const char *source;   /* where the values were read, and when (year-month) */
};

struct fault_spec;

/* What the data layers know of a type of fault. faults/ supplies the rows (faults/catalogue.h). */
struct fault_type {
	const char *name;
	const char *summary;        /* one sentence */
	const char *peer_sees;      /* what the surviving peer's kernel reports */
	const struct field *params; /* its own keys, offsets into fault_spec.params; NULL: none */
	const struct refusal *refusals; /* common keys it does not take; NULL: none */
	const struct preset *presets;   /* of a type with a key `preset`; NULL: none */
	/* What its keys cannot say together: NULL, or what was expected, in buf or static, and
	 * *key, the one to blame. NULL: they may say anything. */
	const char *(*check)(const struct fault_spec *s, const char **key, char *buf, size_t size);
	unsigned sides;    /* bit 1 << enum side for each side it can have */
	bool needs_wire;   /* it must make the dying end's leg silent: TCP, and a wire power */
	bool needs_filter; /* it drops some segments and lets others pass: CAP_NET_ADMIN */
	bool needs_raw;    /* it sends ICMP: CAP_NET_RAW */
	bool gates;        /* it acts on the listening address, too */
	/* The type that it repeats, whose rules hold, too; NULL: none. */
	const struct fault_type *(*inner)(const struct fault_spec *s);
	/* needs_wire is so with these parameters; NULL: with all. */
	bool (*needs_wire_if)(const struct fault_spec *s);
	const char *wire_with; /* the same in words, "mode=silent"; NULL: as a rule */
};
