/* What follows from a row of the catalogue, in words. */
#include "faults/facts.h"
#include "base/units.h"
#include "model/spec.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SIDES_ALL (1u << SIDE_SERVER | 1u << SIDE_CLIENT | 1u << SIDE_BOTH)

/* Above this many, choices are not written out. */
#define CHOICES_MAX 6

static const char *const kinds[] = {
	[FIELD_DURATION] = "duration",
	[FIELD_SIZE] = "size",
	[FIELD_RATE] = "rate",
	[FIELD_COUNT] = "number",
	[FIELD_PROBABILITY] = "probability",
	[FIELD_SHARE] = "percentage",
	[FIELD_CHOICE] = "name",
	[FIELD_BOOL] = "yes or no",
	[FIELD_TEXT] = "text",
	[FIELD_ADDR] = "address",
	[FIELD_CIDR] = "range",
	[FIELD_NAMES] = "names",
};

static char *append(char *buf, const char *between, const char *text)
{
	size_t len = strlen(buf);

	snprintf(buf + len, FACT_MAX - len, "%s%s", len ? between : "", text);
	return buf;
}

const char *fact_capability(const struct fault_type *type)
{
	if (type->needs_filter)
		return "CAP_NET_ADMIN";
	return type->needs_raw ? "CAP_NET_RAW" : NULL;
}

#define POWERS_OF_ROOT (WIRE_FILTER | WIRE_REPAIR | WIRE_SIGNATURE | WIRE_MINTTL | WIRE_MUTE)
#define POWERS_OF_ALL  (WIRE_SIGNATURE | WIRE_MINTTL)

/* The wire's ladder over IPv4 as wire_probe() finds it where the kernel has everything, for a fault
 * with its defaults. */
static enum grade wire_promise(const struct fault_ops *ops, enum privilege who)
{
	const unsigned powers = who == PRIVILEGE_ROOT ? POWERS_OF_ROOT : POWERS_OF_ALL;
	const struct wire wire = { .powers = { [WIRE_V4] = powers } };
	struct fault_spec s = { .type = &ops->type, .side = SIDE_BOTH };
	enum grade worst = GRADE_EXACT;

	field_defaults(ops->type.params, &s.params);
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++) {
		unsigned dirs = ops->dirs(&s, leg);
		enum grade g = dirs ? wire_grade(&wire, AF_INET, dirs) : GRADE_EXACT;

		if (g < worst)
			worst = g;
	}
	field_release(ops->type.params, &s.params);
	return worst;
}

enum grade fact_grade(const struct fault_ops *ops, enum privilege who)
{
	if (who == PRIVILEGE_NONE && fact_capability(&ops->type))
		return GRADE_REFUSED;
	return ops->dirs ? wire_promise(ops, who) : GRADE_EXACT;
}

char *fact_sides(char *buf, const struct fault_type *type)
{
	*buf = '\0';
	if (type->sides == SIDES_ALL)
		return append(buf, "", "any");
	for (int side = 0; side_names[side]; side++)
		if (type->sides & (1u << side))
			append(buf, ", ", side_names[side]);
	return buf;
}

char *fact_needs(char *buf, const struct fault_type *type)
{
	const char *capability = fact_capability(type);

	*buf = '\0';
	if (type->needs_wire || type->needs_filter || type->needs_raw)
		append(buf, "", "TCP");
	if (capability)
		append(buf, ", ", capability);
	else if (type->wire_with)
		append(append(buf, ", ", "wire if "), "", type->wire_with);
	else if (type->needs_wire)
		append(buf, ", ", "any wire power");
	return *buf ? buf : append(buf, "", "nothing");
}

bool fact_names_presets(const struct fault_type *type, const struct field *f)
{
	return type->presets && !strcmp(f->key, "preset");
}

static const char *limit(char *buf, size_t size, const struct field *f, int64_t v)
{
	if (f->kind == FIELD_DURATION && v > 0)
		units_format_duration(buf, size, v);
	else if (f->kind == FIELD_SIZE && v % 1024)
		snprintf(buf, size, "%lldB", (long long)v);
	else if (f->kind == FIELD_SIZE)
		units_format_size(buf, size, (uint64_t)v);
	else if (f->kind == FIELD_RATE)
		units_format_rate(buf, size, (uint64_t)v);
	else
		snprintf(buf, size, "%lld", (long long)v);
	return buf;
}

static char *number_value(char *buf, const struct field *f)
{
	char least[48], most[48];

	append(buf, "", kinds[f->kind]);
	if (f->min || f->max) {
		append(buf, ", ", limit(least, sizeof(least), f, f->min));
		append(buf, " to ", limit(most, sizeof(most), f, f->max));
	}
	return buf;
}

char *fact_value(char *buf, const struct fault_type *type, const struct field *f)
{
	size_t n = 0;

	*buf = '\0';
	if (fact_names_presets(type, f))
		return append(buf, "", "see --presets");
	while (f->kind == FIELD_CHOICE && f->choices[n])
		n++;
	if (n == 0 || n > CHOICES_MAX)
		return number_value(buf, f);
	for (size_t i = 0; i < n; i++)
		append(buf, "|", f->choices[i]);
	return buf;
}
