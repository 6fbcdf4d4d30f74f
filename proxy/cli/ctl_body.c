/* What each command sends. Values go as they were typed: the server knows their units. */
#include "cli/ctl.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: those below have no fraction that was lost */

/* "TYPE key=value ..." as one object of the array. */
static bool add_fault(const struct ctl *c, json_t *faults, const char *text)
{
	char *words = strdup(text), *save = NULL;
	json_t *o = json_object();
	bool ok = words && o;

	for (char *word = words ? strtok_r(words, " ", &save) : NULL; ok && word;
	     word = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(word, '=');

		if (!json_object_size(o) && !equals) {
			ok = !json_object_set_new(o, "type", json_string(word));
			continue;
		}
		ok = equals && equals != word;
		if (ok) {
			*equals = '\0';
			ok = !json_object_set_new(o, word, json_string(equals + 1));
		}
	}
	free(words);
	if (ok && json_object_get(o, "type"))
		return !json_array_append_new(faults, o);
	json_decref(o);
	return ctl_wrong(c, "--fault: expected 'TYPE KEY=VALUE ...', got \"%s\"", text);
}

bool body_proxy(const struct ctl *c, json_t *body)
{
	json_t *faults = json_array();
	bool ok = true;

	json_object_set_new(body, "name", json_string(c->argv[0]));
	for (int i = 0; ok && i < c->n_values; i++)
		if (!strcmp(c->values[i].flag->name, "fault"))
			ok = add_fault(c, faults, c->values[i].text);
	if (json_array_size(faults))
		json_object_set(body, "faults", faults);
	json_decref(faults);
	return ok && ctl_add_flags(c, body) && ctl_add_pairs(c, body, 1);
}

bool body_enable(const struct ctl *c, json_t *body)
{
	(void)c;
	return !json_object_set_new(body, "enabled", json_true());
}

bool body_disable(const struct ctl *c, json_t *body)
{
	(void)c;
	return !json_object_set_new(body, "enabled", json_false());
}

bool body_fault(const struct ctl *c, json_t *body)
{
	int type = ctl_flag(c, "host") ? 0 : 1;

	if (c->argc <= type || strchr(c->argv[type], '='))
		return ctl_wrong(c, "expected %s, then its keys, such as delay=5s",
		    type ? "PROXY TYPE" : "TYPE");
	if (type)
		json_object_set_new(body, "proxy", json_string(c->argv[0]));
	json_object_set_new(body, "type", json_string(c->argv[type]));
	return ctl_add_flags(c, body) && ctl_add_pairs(c, body, type + 1);
}

bool body_pairs(const struct ctl *c, json_t *body)
{
	return ctl_add_pairs(c, body, 1);
}

bool body_heal(const struct ctl *c, json_t *body)
{
	if (c->argc && ctl_flag(c, "all"))
		return ctl_wrong(c, "expected a PROXY or --all, got both");
	if (c->argc)
		json_object_set_new(body, "proxy", json_string(c->argv[0]));
	return true;
}

bool body_host(const struct ctl *c, json_t *body)
{
	if (strcmp(c->command->name, "host create") == 0)
		json_object_set_new(body, "name", json_string(c->argv[0]));
	return ctl_add_flags(c, body) && ctl_add_pairs(c, body, 1);
}

static json_t *names(const char *list)
{
	json_t *array = json_array();

	for (const char *at = list; array && *at; at += *at == ',') {
		size_t n = strcspn(at, ",");

		if (n)
			json_array_append_new(array, json_stringn(at, n));
		at += n;
	}
	return array;
}

bool body_partition(const struct ctl *c, json_t *body)
{
	json_object_set_new(body, "a", names(c->argv[0]));
	json_object_set_new(body, "b", names(c->argv[1]));
	return ctl_add_flags(c, body);
}

/* --- toxics --- */

/* What reads as a number is one, as toxiproxy-cli has it (0100 and 1e2 are 100); else a text, for
 * keys with a unit. */
static json_t *toxic_value(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	char *end;
	double number = strtod(text, &end);

	if (json_is_integer(value) || json_is_boolean(value))
		return value;
	json_decref(value);
	if (end == text || *end || !isfinite(number) || strpbrk(text, "xX \t\n"))
		return json_string(text);
	if (number == floor(number) && fabs(number) <= WHOLE_MAX)
		return json_integer((json_int_t)number);
	return json_real(number);
}

static bool add_attribute(const struct ctl *c, json_t *attributes, const char *text)
{
	const char *equals = strchr(text, '=');
	char *key;
	bool ok;

	if (!equals || equals == text)
		return ctl_wrong(
		    c, "--attribute: expected KEY=VALUE, such as latency=100, got \"%s\"", text);
	key = strndup(text, (size_t)(equals - text));
	ok = key && !json_object_set_new(attributes, key, toxic_value(equals + 1));
	free(key);
	return ok || ctl_wrong(c, "--attribute: expected UTF-8");
}

static bool add_toxicity(const struct ctl *c, json_t *body)
{
	const char *text = ctl_flag(c, "toxicity");
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	if (!text)
		return true;
	if (json_is_number(value))
		return !json_object_set_new(body, "toxicity", value);
	json_decref(value);
	return ctl_wrong(c, "--toxicity: expected a number from 0 to 1, got \"%s\"", text);
}

bool body_toxic(const struct ctl *c, json_t *body)
{
	json_t *attributes = json_object();
	bool update = !strcmp(c->command->name, "toxic update"), ok = true;

	if (ctl_flag(c, "upstream") && ctl_flag(c, "downstream"))
		ok = ctl_wrong(c, "expected --upstream or --downstream, got both");
	for (int i = 0; ok && i < c->n_values; i++)
		if (!strcmp(c->values[i].flag->name, "attribute"))
			ok = add_attribute(c, attributes, c->values[i].text);
	json_object_set(body, "attributes", attributes);
	json_decref(attributes);
	if (!update) {
		const char *name = ctl_flag(c, "name");

		json_object_set_new(body, "stream",
		    json_string(ctl_flag(c, "upstream") ? "upstream" : "downstream"));
		json_object_set_new(body, "type", json_string(ctl_flag(c, "type")));
		if (name)
			json_object_set_new(body, "name", json_string(name));
	}
	return ok && add_toxicity(c, body);
}
