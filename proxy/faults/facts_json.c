/* The catalogue for programs. */
#include "faults/facts.h"
#include "model/spec.h"
#include <string.h>

static json_t *json_sides(const struct fault_type *type)
{
	json_t *all = json_array();

	for (int side = 0; side_names[side]; side++)
		if (type->sides & (1u << side))
			json_array_append_new(all, json_string(side_names[side]));
	return all;
}

static json_t *json_choices(const struct field *f)
{
	json_t *all = json_array();

	for (const char *const *c = f->choices; *c; c++)
		json_array_append_new(all, json_string(*c));
	return all;
}

/* min and max are in the unit: nanoseconds or bytes. */
static json_t *json_param(const struct field *f)
{
	static const char *const kinds[] = {
		[FIELD_DURATION] = "duration",
		[FIELD_SIZE] = "size",
		[FIELD_RATE] = "rate",
		[FIELD_COUNT] = "count",
		[FIELD_PROBABILITY] = "probability",
		[FIELD_SHARE] = "percentage",
		[FIELD_CHOICE] = "choice",
		[FIELD_BOOL] = "bool",
		[FIELD_TEXT] = "text",
		[FIELD_ADDR] = "address",
		[FIELD_CIDR] = "range",
		[FIELD_NAMES] = "names",
	};
	static const char *const units[FIELD_NAMES + 1] = {
		[FIELD_DURATION] = "ns", [FIELD_SIZE] = "bytes", [FIELD_RATE] = "bytes/s"
	};
	json_t *o = json_pack("{s:s, s:s, s:s?, s:b, s:s}", "key", f->key, "kind", kinds[f->kind],
	    "default", f->initial, "required", f->required, "help", f->help);

	if (units[f->kind])
		json_object_set_new(o, "unit", json_string(units[f->kind]));
	if (f->min || f->max) {
		json_object_set_new(o, "min", json_integer(f->min));
		json_object_set_new(o, "max", json_integer(f->max));
	}
	if (f->kind == FIELD_CHOICE)
		json_object_set_new(o, "choices", json_choices(f));
	return o;
}

static json_t *json_params(const struct field *table)
{
	json_t *all = json_array();

	for (const struct field *f = table; f && f->key; f++)
		json_array_append_new(all, json_param(f));
	return all;
}

static json_t *json_refusals(const struct fault_type *type)
{
	json_t *all = json_array();

	for (const struct refusal *r = type->refusals; r && r->key; r++)
		json_array_append_new(all, json_pack("{s:s, s:s}", "key", r->key, "why", r->why));
	return all;
}

static json_t *json_presets(const struct fault_type *type)
{
	json_t *all = json_array();

	for (const struct preset *p = type->presets; p && p->name; p++)
		json_array_append_new(
		    all, json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", type->name, "name", p->name,
			     "settings", p->settings, "about", p->about, "source", p->source));
	return all;
}

static json_t *json_of_type(const struct fault_ops *ops)
{
	const struct fault_type *type = &ops->type;
	json_t *needs = json_pack("{s:b, s:b, s:s?}", "tcp",
	    type->needs_wire || type->needs_filter || type->needs_raw, "wire", type->needs_wire,
	    "capability", fact_capability(type));
	json_t *grade =
	    json_pack("{s:s, s:s}", "root", grade_names[fact_grade(ops, PRIVILEGE_ROOT)],
		"unprivileged", grade_names[fact_grade(ops, PRIVILEGE_NONE)]);

	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "type", type->name,
	    "summary", type->summary, "peer_sees", type->peer_sees, "sides", json_sides(type),
	    "gates", type->gates, "needs", needs, "grade", grade, "params",
	    json_params(type->params), "refuses", json_refusals(type), "presets",
	    json_presets(type));
}

json_t *fault_types_json(const struct fault_ops *only)
{
	json_t *all = json_array();

	for (const struct fault_ops *const *o = catalogue; *o; o++)
		if (!only || *o == only)
			json_array_append_new(all, json_of_type(*o));
	return json_pack("{s:o, s:o}", "types", all, "common", json_params(fault_fields));
}

json_t *fault_presets_json(const struct fault_ops *only)
{
	json_t *all = json_array();

	for (const struct fault_ops *const *o = catalogue; *o; o++) {
		json_t *some = !only || *o == only ? json_presets(&(*o)->type) : NULL;

		json_array_extend(all, some);
		json_decref(some);
	}
	return json_pack("{s:o}", "presets", all);
}
