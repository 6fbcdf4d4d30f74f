/*
 * A number becomes the text that its unit makes of it and goes through the row's own parser, so
 * that ranges and messages are those of the INI file.
 */
#include "model/spec_json.h"
#include "base/mono.h"
#include "base/units.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ATTRIBUTES_MAX 3
#define TEXT_MAX       512

struct unit {
	const char *suffix; /* as the parser wants it; NULL: no number */
	int64_t worth;
};

/* What a bare number means, by kind of field. */
static const struct unit units[] = {
	[FIELD_DURATION] = { "ms", NS_PER_MS },
	[FIELD_SIZE] = { "B", 1 },
	[FIELD_RATE] = { "KB/s", 1000 },
	[FIELD_COUNT] = { "", 1 },
	[FIELD_NAMES] = { NULL, 0 }, /* the last kind */
};

static const struct unit microseconds = { "us", NS_PER_US };

/* Toxiproxy's types, their attributes in its order, and the key behind each. */
static const struct classic {
	const char *type;
	struct attribute {
		const char *name, *key;
		const struct unit *unit; /* NULL: its kind's */
	} attributes[ATTRIBUTES_MAX + 1];
} classics[] = {
	{ "latency", { { "latency", "latency" }, { "jitter", "jitter" } } },
	{ "bandwidth", { { "rate", "rate" } } },
	{ "slow_close", { { "delay", "linger" } } },
	{ "timeout", { { "timeout", "timeout" } } },
	{ "reset_peer", { { "timeout", "timeout" } } },
	{ "slicer", { { "average_size", "average_size" }, { "size_variation", "size_variation" },
			{ "delay", "pause", &microseconds } } },
	{ "limit_data", { { "bytes", "bytes" } } },
	{ "noop", { { NULL } } },
};

/* A row of a table, the struct it describes, what the API calls it, and the unit of its numbers. */
struct place {
	const char *name;
	const struct field *field; /* NULL: there is none of that name */
	void *base;
	struct unit unit;
};

static const struct classic *find_classic(const struct fault_type *type)
{
	for (size_t i = 0; i < sizeof(classics) / sizeof(*classics); i++)
		if (!strcmp(classics[i].type, type->name))
			return &classics[i];
	return NULL;
}

bool spec_json_is_classic(const struct fault_type *type)
{
	return find_classic(type);
}

static struct place place_of(const struct field *field, void *base, const struct unit *unit)
{
	struct place p = { .name = field ? field->key : NULL, .field = field, .base = base };

	if (unit)
		p.unit = *unit;
	else if (field && field->kind < sizeof(units) / sizeof(*units))
		p.unit = units[field->kind];
	return p;
}

static const struct field *find_row(const struct field *table, const char *name)
{
	for (; table && table->key; table++)
		if (!strcasecmp(table->key, name))
			return table;
	return NULL;
}

/* Those that the toxic's own members and its path say. */
static bool is_common(const char *key)
{
	return strcmp(key, "proxy") != 0 && strcmp(key, "toxicity") != 0;
}

/* The classic attribute behind the name, the type's own key, or a common one. */
static struct place find_place(struct fault_spec *f, const char *name)
{
	const struct classic *c = find_classic(f->type);
	const struct field *row;

	for (const struct attribute *a = c ? c->attributes : NULL; a && a->name; a++)
		if (!strcasecmp(a->name, name)) {
			struct place p =
			    place_of(field_find(f->type->params, a->key), &f->params, a->unit);

			p.name = a->name;
			return p;
		}
	row = find_row(f->type->params, name);
	if (row)
		return place_of(row, &f->params, NULL);
	row = find_row(fault_fields, name);
	return place_of(row && is_common(row->key) ? row : NULL, f, NULL);
}

/* --- from JSON --- */

/* " latency, jitter" */
static size_t list_keys(char *buf, size_t size, size_t len, const struct field *table)
{
	for (; table && table->key && len < size; table++)
		if (is_common(table->key))
			len += (size_t)snprintf(
			    buf + len, size - len, "%s%s", len ? ", " : "", table->key);
	return len;
}

static void say_unknown(const struct fault_spec *f, const char *name, char *err, size_t size)
{
	char known[TEXT_MAX] = "";
	size_t len = list_keys(known, sizeof(known), 0, f->type->params);

	list_keys(known, sizeof(known), len, fault_fields);
	snprintf(err, size, "unknown attribute \"%.64s\": %s takes %s", name, f->type->name, known);
}

/* The text that the row's parser takes for this value; NULL: it is of no fitting type. */
static const char *text_of(
    const struct place *p, const json_t *value, bool texts, char *buf, size_t size)
{
	enum field_kind kind = p->field->kind;

	if (json_is_integer(value) && p->unit.suffix) {
		snprintf(buf, size, "%lld%s", (long long)json_integer_value(value), p->unit.suffix);
		return buf;
	}
	if (json_is_number(value) && kind == FIELD_PROBABILITY) {
		snprintf(buf, size, "%.17f", json_number_value(value));
		return buf;
	}
	if (json_is_boolean(value) && kind == FIELD_BOOL)
		return json_is_true(value) ? "yes" : "no";
	if (json_is_string(value) && (texts || !p->unit.suffix))
		return json_string_value(value);
	return NULL;
}

/* What a number would have to be, for those who send numbers. */
static const char *want_number(const struct place *p, const char *want)
{
	static const char *const whole[] = {
		[FIELD_DURATION] = "a whole number of milliseconds, 0 or more",
		[FIELD_SIZE] = "a whole number of bytes, 0 or more",
		[FIELD_RATE] = "a whole number of KB/s, 0 or more",
	};

	if (p->field->kind == FIELD_DURATION && p->unit.worth == NS_PER_US)
		return "a whole number of microseconds, 0 or more";
	if (p->field->kind < sizeof(whole) / sizeof(*whole) && whole[p->field->kind])
		return whole[p->field->kind];
	return want ? want : "a whole number, 0 or more";
}

static bool set_one(
    struct fault_spec *f, const char *name, const json_t *value, char *err, size_t size)
{
	bool classic = spec_json_is_classic(f->type);
	struct place p = find_place(f, name);
	char text[TEXT_MAX], buf[TEXT_MAX];
	const char *given, *want = NULL;

	if (json_is_null(value))
		return true;
	if (!p.field) {
		if (!classic)
			say_unknown(f, name, err, size);
		return classic;
	}
	given = text_of(&p, value, !classic, text, sizeof(text));
	if (given)
		want = field_parse(p.field, p.base, given, buf, sizeof(buf));
	if (given && !want)
		return true;
	if (p.unit.suffix && (!given || *given == '-'))
		want = want_number(&p, want);
	char *got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
	snprintf(err, size, "attribute %s: expected %s%s, got %.64s", p.name,
	    want ? want : "a text",
	    p.unit.suffix && json_is_real(value) ? " (no \".\", no \"e\")" : "", got ? got : "?");
	free(got);
	return false;
}

/* "key=value key=value" of a preset that is part of the program: for keys that are not given. */
static void set_settings(struct fault_spec *f, const json_t *attributes, char *settings)
{
	char buf[TEXT_MAX], *save = NULL;

	for (char *key = strtok_r(settings, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
		char *equals = strchrnul(key, '=');
		const struct field *row;

		if (*equals)
			*equals++ = '\0';
		row = field_find(f->type->params, key);
		if (row && !json_object_get(attributes, key))
			field_parse(row, &f->params, equals, buf, sizeof(buf));
	}
}

void spec_json_preset(struct fault_spec *f, const json_t *attributes)
{
	const char *chosen = json_string_value(json_object_get(attributes, "preset"));
	const struct preset *p = f->type->presets;
	char *settings;

	while (chosen && p && p->name && strcmp(p->name, chosen) != 0)
		p++;
	if (!chosen || !p || !p->name)
		return;
	settings = strdup(p->settings);
	if (settings)
		set_settings(f, attributes, settings);
	free(settings);
}

bool spec_json_set_attributes(
    struct fault_spec *f, const json_t *attributes, char *err, size_t size)
{
	json_t *value;
	const char *name;

	if (!attributes || json_is_null(attributes))
		return true;
	if (!json_is_object(attributes)) {
		snprintf(err, size, "attributes: expected an object");
		return false;
	}
	spec_json_preset(f, attributes);
	json_object_foreach((json_t *)(uintptr_t)attributes, name, value)
	{
		if (!set_one(f, name, value, err, size))
			return false;
	}
	spec_json_side(f, attributes);
	return true;
}

void spec_json_side(struct fault_spec *f, const json_t *attributes)
{
	if (!json_object_get(attributes, "side") && !(fault_spec_acts(f)->sides & 1u << f->side))
		f->side = fault_spec_side_initial(f);
}

bool spec_json_set_toxicity(struct fault_spec *f, const json_t *toxicity, char *err, size_t size)
{
	double v = json_number_value(toxicity);
	char text[32];

	if (!toxicity || json_is_null(toxicity))
		return true;
	if (!json_is_number(toxicity) || !(v >= 0 && v <= 1)) {
		snprintf(err, size, "toxicity: expected a number from 0 to 1");
		return false;
	}
	/* As finely as a file could say it. */
	snprintf(text, sizeof(text), "%.17f", v > 0 ? v : 0); /* -0.0 is none */
	return !units_parse_probability(text, &f->toxicity);
}

/* --- streams --- */

static int *direction_of(const struct fault_spec *f)
{
	const struct field *row = field_find(f->type->params, "direction");

	if (!row || row->choices != direction_names)
		return NULL;
	return (int *)(void *)((char *)(uintptr_t)f->params.bytes + row->offset);
}

const char *spec_json_set_stream(struct fault_spec *f, const char *stream)
{
	bool up = stream && !strcasecmp(stream, "upstream"), classic = find_classic(f->type);
	unsigned sides = fault_spec_acts(f)->sides;
	int *direction = direction_of(f);

	if (stream && !up && strcasecmp(stream, "downstream") != 0)
		return "stream was invalid, can be either upstream or downstream";
	if (!stream && !classic) { /* as the type has it, or what it repeats */
		f->side = fault_spec_side_initial(f);
		return NULL;
	}
	if (direction)
		*direction = up ? DIRECTION_UPSTREAM : DIRECTION_DOWNSTREAM;
	else if (up && !(sides & 1 << SIDE_CLIENT) && sides & 1 << SIDE_SERVER)
		return "stream was invalid, this type acts on downstream alone";
	else if (sides & 1u << (up ? SIDE_CLIENT : SIDE_SERVER))
		f->side = up ? SIDE_CLIENT : SIDE_SERVER;
	return NULL;
}

const char *spec_json_stream(const struct fault_spec *f)
{
	const int *direction = direction_of(f);
	bool up = direction ? *direction == DIRECTION_UPSTREAM : f->side == SIDE_CLIENT;

	return up ? "upstream" : "downstream";
}

/* --- to JSON --- */

/* The nearest number in the API's unit. */
static json_t *whole_json(const struct place *p)
{
	int64_t v;

	memcpy(&v, (const char *)p->base + p->field->offset, sizeof(v));
	return json_integer(v / p->unit.worth + (v % p->unit.worth * 2 >= p->unit.worth));
}

/* As Toxiproxy prints it: a 32-bit float with the fewest digits. */
static json_t *share_json(double v)
{
	char text[32];
	float wanted = (float)v, back;

	if (!(wanted > 0) || wanted >= 1)
		return json_integer(wanted > 0);
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)wanted);
		back = strtof(text, NULL);
		if (back >= wanted && back <= wanted)
			break;
	}
	return json_real(strtod(text, NULL));
}

static json_t *value_json(const struct place *p)
{
	const char *at = (const char *)p->base + p->field->offset;
	char text[TEXT_MAX];

	if (p->unit.worth)
		return whole_json(p);
	if (p->field->kind == FIELD_BOOL)
		return json_boolean(*(const bool *)at);
	if (p->field->kind == FIELD_PROBABILITY)
		return share_json(*(const double *)(const void *)at);
	return json_string(field_format(p->field, p->base, text, sizeof(text)));
}

static void add_attribute(json_t *o, const char *name, struct place p)
{
	if (p.field && !json_object_get(o, name))
		json_object_set_new(o, name, value_json(&p));
}

/* Those rows whose value is not the plain one; plain NULL: every one. */
static void add_rows(json_t *o, const struct field *table, void *base, const void *plain)
{
	for (; table && table->key; table++)
		if (is_common(table->key) && (!plain || !field_equal(table, base, plain)))
			add_attribute(o, table->key, place_of(table, base, NULL));
}

/* The row that a classic attribute stands for is not told a second time under its key. */
static bool told_by_alias(const struct classic *c, const char *key)
{
	for (const struct attribute *a = c->attributes; a->name; a++)
		if (!strcmp(a->key, key))
			return true;
	return !strcmp(key, "direction");
}

static void add_classic(
    json_t *o, const struct classic *c, struct fault_spec *f, const struct fault_spec *plain)
{
	for (const struct attribute *a = c->attributes; a->name; a++)
		add_attribute(
		    o, a->name, place_of(field_find(f->type->params, a->key), &f->params, a->unit));
	for (const struct field *row = f->type->params; row && row->key; row++)
		if (!told_by_alias(c, row->key) && !field_equal(row, &f->params, &plain->params))
			add_attribute(o, row->key, place_of(row, &f->params, NULL));
}

static json_t *attributes_json(const struct fault_spec *spec)
{
	struct fault_spec *f = (struct fault_spec *)(uintptr_t)spec, plain = { .side = f->side };
	const struct classic *c = find_classic(f->type);
	json_t *o = json_object();

	field_defaults(fault_fields, &plain);
	field_defaults(f->type->params, &plain.params);
	/* The stream tells the side, where it is one of two. */
	if (f->side == SIDE_BOTH && fault_spec_acts(f)->sides != 1 << SIDE_BOTH)
		plain.side = SIDE_SERVER;
	else
		plain.side = f->side;
	if (c)
		add_classic(o, c, f, &plain);
	else
		add_rows(o, f->type->params, &f->params, NULL);
	add_rows(o, fault_fields, f, &plain);
	field_release(f->type->params, &plain.params);
	field_release(fault_fields, &plain);
	return o;
}

json_t *spec_json_toxic(const struct fault_spec *f)
{
	return json_pack("{s:o, s:s, s:s, s:s, s:o}", "attributes", attributes_json(f), "name",
	    f->toxic ? f->toxic : f->name, "type", f->type->name, "stream", spec_json_stream(f),
	    "toxicity", share_json(f->toxicity));
}
