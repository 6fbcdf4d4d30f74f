/*
 * What was asked for: plain data, no sockets, no time. A configuration file, an API call and a
 * command line all end up as these; relay/ and faults/ act on them and never change them.
 * Everything in a spec is owned by it.
 */
#pragma once
#include "base/addr.h"
#include "base/log.h"
#include "model/fault_type.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum side { SIDE_SERVER, SIDE_CLIENT, SIDE_BOTH };
enum other { OTHER_DEFAULT, OTHER_ABORT, OTHER_CLOSE, OTHER_HOLD };
enum direction { DIRECTION_BOTH, DIRECTION_UPSTREAM, DIRECTION_DOWNSTREAM };
enum splice_mode { SPLICE_AUTO, SPLICE_OFF, SPLICE_ON };
enum rung { RUNG_BEST, RUNG_EXACT, RUNG_EQUIVALENT, RUNG_PARTIAL };

extern const char *const side_names[];      /* "server", "client", "both", NULL; and so on */
extern const char *const other_names[];     /* "default", "abort", "close", "hold" */
extern const char *const direction_names[]; /* "both", "upstream", "downstream" */
extern const char *const splice_names[];    /* "auto", "off", "on" */
extern const char *const rung_names[];      /* "best", "exact", "equivalent", "partial" */

/* Where a thing was written; file NULL: not from a file (the command line, a caller). */
struct where {
	const char *file; /* owned by the config */
	int line;
};

/* [deadpeer] */
struct settings {
	uint64_t seed;             /* 0: a new one */
	int log_level, log_format; /* enum log_level, enum log_format */
	char *events;              /* FILE or "-"; NULL: none */
	char *ports_file;          /* NULL: none */
	int64_t drain_timeout_ns;
	int64_t observe_interval_ns;   /* how often silent sockets' drop counters are read */
	uint64_t buffer, buffer_total; /* bytes that faults may hold: one direction, all */
	int splice;                    /* enum splice_mode */
	int rung;                      /* enum rung: best; the others are for tests */
	int64_t max_fault_duration_ns; /* 0: none */
	char *admin;                   /* where the HTTP API listens; "off": nowhere */
	char *admin_token_file;        /* NULL: none */
	bool witness;                  /* tell what faults struck, and what the peers do */
};

/* [host NAME]: proxies that live and die together. */
struct host_spec {
	char *name;
	struct where where;
	char *title;         /* free text for people; NULL: none */
	struct cidr address; /* where its own clients come from; family 0: not known */
};

/* [proxy NAME] */
struct proxy_spec {
	char *name;
	struct where where;
	struct addr listen, upstream;
	char *host; /* NULL: a host of its own */
	int64_t connect_timeout_ns;
	uint64_t max_sessions; /* 0: no limit but the descriptors */
	uint64_t backlog;
	bool enabled; /* no: nothing is bound, its sessions are closed */
};

#define FAULT_PARAMS_BYTES 256

/* [fault NAME] */
struct fault_spec {
	char *name;  /* unique in the config */
	char *toxic; /* its name among the toxics of its proxy; NULL: name */
	struct where where;
	const struct fault_type *type;
	struct names proxies; /* exactly one of proxies and host is given */
	char *host;
	int side;            /* enum side */
	int other;           /* enum other */
	int64_t delay_ns;    /* from start or arming to activation */
	int64_t duration_ns; /* 0: until lifted (types that last), or just the instant (others) */
	double toxicity;
	uint64_t after_bytes;       /* 0: not used */
	int64_t after_idle_ns;      /* 0: not used */
	struct cidr clients;        /* family 0: everybody */
	uint64_t nth, first, every; /* 0: not used */
	bool anew; /* armed again where an equal one is over; until it has been applied */
	union {
		max_align_t align;
		unsigned char bytes[FAULT_PARAMS_BYTES];
	} params; /* as the type's own table says */
};

extern const struct field settings_fields[];
extern const struct field host_fields[];
extern const struct field proxy_fields[];
extern const struct field fault_fields[]; /* the common keys; "type" is not among them */

/* A whole configuration. */
struct config {
	struct settings settings;
	struct host_spec **hosts;
	struct proxy_spec **proxies;
	struct fault_spec **faults; /* in the order of the file: the order of arming */
	size_t n_hosts, n_proxies, n_faults;
	char *file; /* NULL: none */
};

struct config *config_new(void); /* all defaults */
void config_free(struct config *c);

/* Append an empty spec with its defaults (and, for a fault, its type's). The name is copied.
 * The config owns what is returned. */
struct host_spec *config_add_host(struct config *c, const char *name);
struct proxy_spec *config_add_proxy(struct config *c, const char *name);
struct fault_spec *config_add_fault(
    struct config *c, const char *name, const struct fault_type *type);

struct host_spec *config_find_host(const struct config *c, const char *name);
struct proxy_spec *config_find_proxy(const struct config *c, const char *name);
struct fault_spec *config_find_fault(const struct config *c, const char *name);

/* Deep copies (without where, whose file is the config's; NULL when out of memory) and comparison
 * by value (where is not compared). Free with the matching function. */
struct proxy_spec *proxy_spec_copy(const struct proxy_spec *p);
struct fault_spec *fault_spec_copy(const struct fault_spec *f);
void proxy_spec_free(struct proxy_spec *p);
void fault_spec_free(struct fault_spec *f);
bool proxy_spec_equal(const struct proxy_spec *a, const struct proxy_spec *b);
bool fault_spec_equal(const struct fault_spec *a, const struct fault_spec *b);

/* A deep copy of everything, where included. NULL when out of memory. */
struct config *config_copy(const struct config *c);

/* Take it out and free it. */
void config_remove_proxy(struct config *c, struct proxy_spec *p);
void config_remove_fault(struct config *c, struct fault_spec *f);
void config_take_fault(struct config *c, struct fault_spec *f); /* the caller's from now on */

/* Does the fault act on this proxy (by name, "*", or by host; a proxy without host= is the only
 * one of a host of its own name). */
bool fault_spec_covers(const struct fault_spec *f, const struct proxy_spec *p);

/* The type that acts: the one that it repeats, or its own. */
const struct fault_type *fault_spec_acts(const struct fault_spec *f);
/* It must silence something: TCP, and a wire power. */
bool fault_spec_needs_wire(const struct fault_spec *f);
/* The side it has unless told otherwise: the server's, where the type can have it. */
int fault_spec_side_initial(const struct fault_spec *f);

/* Names are 1 to 63 of [A-Za-z0-9_.-]. NULL, or what was expected. */
const char *spec_check_name(const char *name);

/* What a name may be that comes through the API, where Toxiproxy's clients give any: 1 to 255
 * bytes of UTF-8 without control characters. NULL, or what was expected. */
const char *spec_check_free_name(const char *name);
