/*
 * Faults as Toxiproxy's API writes them:
 *
 *     {"attributes":{"latency":100,"jitter":0},"name":"slow","type":"latency",
 *      "stream":"downstream","toxicity":1}
 *
 * Numbers are whole and in the API's units: durations in milliseconds, sizes in bytes, rates in
 * KB/s. The classic types have Toxiproxy's own attributes and ignore others; a type of deadpeer's
 * own takes its keys and the common ones of a fault (delay, duration, after_bytes ...), also as the
 * text that the INI file takes ("5s"), and refuses what it does not know. The stream is whose end
 * fails (downstream: the server's), or the direction where a type has one.
 */
#pragma once
#include "model/spec.h"

struct json_t;

/* Is it one of Toxiproxy's types? */
bool spec_json_is_classic(const struct fault_type *type);

/* To be called after the attributes, where they do not say side or direction themselves. stream
 * NULL: the type's default. NULL on success; else what was expected (static): it is no stream, or
 * not one that the type can have. */
const char *spec_json_set_stream(struct fault_spec *f, const char *stream);
const char *spec_json_stream(const struct fault_spec *f); /* "upstream" or "downstream" */

/* attributes: an object, the keys of which are set, the others are left; NULL or null: nothing.
 * False: err says which and why, and f may be half changed: it is a draft's. */
bool spec_json_set_attributes(
    struct fault_spec *f, const struct json_t *attributes, char *err, size_t size);

/* The values of the preset that attributes (an object) names, for keys that it does not have; one
 * that is not known is found by whoever reads the key itself. */
void spec_json_preset(struct fault_spec *f, const struct json_t *attributes);
/* What it acts as may be another type now, which has other sides: the first of them, where
 * attributes does not name one. */
void spec_json_side(struct fault_spec *f, const struct json_t *attributes);

/* A number from 0 to 1; NULL or null: left as it is. False as above. */
bool spec_json_set_toxicity(
    struct fault_spec *f, const struct json_t *toxicity, char *err, size_t size);

/* The object above; NULL: out of memory. */
struct json_t *spec_json_toxic(const struct fault_spec *f);
