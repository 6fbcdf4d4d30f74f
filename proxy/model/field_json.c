/* Everything becomes the text that the row's own parser takes: one set of ranges and messages. */
#include "model/field_json.h"
#include "base/addr.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

static const char *whole_text(const struct field *f, json_int_t v, char *buf, size_t size)
{
	static const char *const suffix[FIELD_NAMES + 1] = {
		[FIELD_DURATION] = "ms",
		[FIELD_SIZE] = "B",
		[FIELD_COUNT] = "",
		[FIELD_PROBABILITY] = "",
		[FIELD_SHARE] = "",
	};

	if (!suffix[f->kind])
		return NULL;
	snprintf(buf, size, "%lld%s", (long long)v, suffix[f->kind]);
	return buf;
}

/* How much the value's text needs, by far. */
static size_t text_room(const json_t *array)
{
	size_t room = TEXT_MAX;

	for (size_t i = 0; i < json_array_size(array); i++)
		room += json_string_length(json_array_get(array, i)) + 1;
	return room;
}

/* "a,b"; NULL: something in it is no text. */
static const char *names_text(const json_t *array, char *buf, size_t size)
{
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *name = json_string_value(json_array_get(array, i));

		if (!name || len + strlen(name) + 2 > size)
			return NULL;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "", name);
	}
	return buf;
}

static const char *text_of(const struct field *f, const json_t *value, char *buf, size_t size)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return whole_text(f, json_integer_value(value), buf, size);
	if (json_is_real(value) && (f->kind == FIELD_PROBABILITY || f->kind == FIELD_SHARE)) {
		snprintf(buf, size, "%.17f", json_real_value(value));
		return buf;
	}
	if (json_is_boolean(value) && f->kind == FIELD_BOOL)
		return json_is_true(value) ? "yes" : "no";
	if (json_is_array(value) && f->kind == FIELD_NAMES)
		return names_text(value, buf, size);
	return NULL;
}

const char *field_parse_json(
    const struct field *f, void *base, const json_t *value, char *buf, size_t size)
{
	static const char *const wanted[] = {
		[FIELD_DURATION] = "a duration as a text (\"5s\") or in whole milliseconds",
		[FIELD_SIZE] = "a size as a text (\"64KiB\") or in whole bytes",
		[FIELD_RATE] = "a rate as a text (\"64KiB/s\")",
		[FIELD_COUNT] = "a whole number",
		[FIELD_PROBABILITY] = "a number from 0 to 1",
		[FIELD_SHARE] = "a number, 0 or more",
		[FIELD_CHOICE] = "a name",
		[FIELD_BOOL] = "true or false",
		[FIELD_TEXT] = "a text",
		[FIELD_ADDR] = "an address as a text",
		[FIELD_CIDR] = "a range of addresses as a text (\"10.0.0.0/8\")",
		[FIELD_NAMES] = "a name, an array of names, or \"*\"",
	};
	size_t room = text_room(value);
	char *own = malloc(room);
	const char *text = own ? text_of(f, value, own, room) : NULL, *want;

	want = text ? field_parse(f, base, text, buf, size) : wanted[f->kind];
	free(own);
	return want;
}

static bool is_unset(const struct field *f, const void *base)
{
	const char *at = (const char *)base + f->offset;

	switch (f->kind) {
	case FIELD_TEXT:
		return !*(char *const *)(const void *)at;
	case FIELD_NAMES:
		return !((const struct names *)(const void *)at)->all &&
		       !((const struct names *)(const void *)at)->count;
	case FIELD_CIDR:
		return !((const struct cidr *)(const void *)at)->family;
	default:
		return false;
	}
}

json_t *field_json(const struct field *f, const void *base)
{
	const void *at = (const char *)base + f->offset;
	const struct names *n = f->kind == FIELD_NAMES ? at : NULL;
	size_t room = TEXT_MAX;
	json_t *o = NULL;
	char *text;

	for (size_t i = 0; n && i < n->count; i++)
		room += strlen(n->name[i]) + 1;
	text = malloc(room);
	if (text)
		o = json_string(field_format(f, base, text, room));
	free(text);
	return o;
}

static bool is_in(const char *const *list, const char *key)
{
	for (; list && *list; list++)
		if (!strcmp(*list, key))
			return true;
	return false;
}

void fields_json(json_t *o, const struct field *table, const void *base, const void *plain,
    const char *const *skip)
{
	for (const struct field *f = table; f && f->key; f++)
		if (!is_unset(f, base) && !is_in(skip, f->key) &&
		    !(plain && field_equal(f, base, plain)))
			json_object_set_new(o, f->key, field_json(f, base));
}

static json_t *choices_json(const struct field *f)
{
	json_t *all = json_array();

	for (const char *const *c = f->choices; c && *c; c++)
		json_array_append_new(all, json_string(*c));
	return all;
}

json_t *field_schema(const struct field *f)
{
	static const char *const others[FIELD_NAMES + 1] = {
		[FIELD_DURATION] = "integer",
		[FIELD_SIZE] = "integer",
		[FIELD_COUNT] = "integer",
		[FIELD_PROBABILITY] = "number",
		[FIELD_SHARE] = "number",
		[FIELD_NAMES] = "array",
		[FIELD_BOOL] = "boolean",
	};
	json_t *o;

	if (others[f->kind])
		o = json_pack("{s:[s,s]}", "type", "string", others[f->kind]);
	else
		o = json_pack("{s:s}", "type", "string");
	if (f->kind == FIELD_CHOICE)
		json_object_set_new(o, "enum", choices_json(f));
	if (f->kind == FIELD_NAMES)
		json_object_set_new(o, "items", json_pack("{s:s}", "type", "string"));
	if (f->initial)
		json_object_set_new(o, "default", json_string(f->initial));
	json_object_set_new(o, "description", json_string(f->help ? f->help : ""));
	return o;
}
