/*
 * Whatever a toxic's JSON says: it is refused with a message, or read; what was read is told as
 * JSON that is read the same, keeps within the ranges of its rows, and can be copied and compared.
 *
 * The input is what POST /proxies/{proxy}/toxics gets as its body.
 */
#include "faults/catalogue.h"
#include "fuzz.h"
#include "model/conf.h"
#include "model/spec_json.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the toxic is: a proxy p on a host db. */
static struct config *make_config(void)
{
	struct config *c = config_new();
	struct proxy_spec *p = config_add_proxy(c, "p");
	char buf[64];

	config_add_host(c, "db");
	CHECK(!field_parse(field_find(proxy_fields, "listen"), p, "127.0.0.1:1", buf, sizeof(buf)));
	CHECK(
	    !field_parse(field_find(proxy_fields, "upstream"), p, "127.0.0.1:2", buf, sizeof(buf)));
	CHECK(!field_parse(field_find(proxy_fields, "host"), p, "db", buf, sizeof(buf)));
	return c;
}

/* A refusal has a message, which is text. */
static bool refused(bool done, const char *err)
{
	json_t *text;

	if (done)
		return false;
	text = json_string(err);
	CHECK(*err && text);
	json_decref(text);
	return true;
}

/* An attribute `host` stands in the place of the proxy; then all rules that there are. */
static bool is_right(struct config *c, struct fault_spec *f)
{
	struct conf_errors errors = { 0 };
	bool right;

	if (f->host) {
		for (size_t i = 0; i < f->proxies.count; i++)
			free(f->proxies.name[i]);
		free(f->proxies.name);
		f->proxies = (struct names){ 0 };
	}
	right = conf_check(c, &errors);
	CHECK(right == !errors.count);
	conf_errors_free(&errors);
	return right;
}

/* As the API does it; NULL: refused. */
static struct fault_spec *read_toxic(struct config *c, const char *name, const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	const char *stream = json_string_value(json_object_get(o, "stream"));
	const struct fault_ops *ops = catalogue_find(type ? type : "");
	struct fault_spec *f = ops ? config_add_fault(c, name, &ops->type) : NULL;
	char err[1024] = "", buf[64];

	if (!f)
		return NULL;
	field_parse(field_find(fault_fields, "proxy"), f, "p", buf, sizeof(buf));
	if (spec_json_set_stream(f, stream) ||
	    refused(
		spec_json_set_toxicity(f, json_object_get(o, "toxicity"), err, sizeof(err)), err) ||
	    refused(spec_json_set_attributes(f, json_object_get(o, "attributes"), err, sizeof(err)),
		err) ||
	    !is_right(c, f)) {
		config_remove_fault(c, f);
		return NULL;
	}
	return f;
}

/* The row's own parser takes what its formatter makes of it: it is in range. */
static void check_rows(const struct field *table, const void *base)
{
	for (; table && table->key; table++) {
		struct {
			max_align_t align;
			char bytes[4096];
		} copy = { 0 };
		char text[4096], want[512];

		field_format(table, base, text, sizeof(text));
		if (!*text)
			continue; /* not set */
		CHECK(!field_parse(table, &copy, text, want, sizeof(want)));
		CHECK(field_equal(table, &copy, base));
		field_release((const struct field[]){ *table, { .key = NULL } }, &copy);
	}
}

/* Told, read and told again, it is the same. */
static void check_told(struct config *c, const struct fault_spec *f)
{
	json_t *told = spec_json_toxic(f), *again;
	struct fault_spec *twin, *copy = fault_spec_copy(f);
	char *text = told ? json_dumps(told, JSON_COMPACT) : NULL;

	CHECK(told && text && copy && fault_spec_equal(copy, f));
	twin = read_toxic(c, "twin", told);
	if (!twin)
		fprintf(stderr, "what is told is refused: %s\n", text);
	CHECK(twin);
	again = spec_json_toxic(twin);
	json_object_set(again, "name", json_object_get(told, "name"));
	if (!json_equal(told, again))
		fprintf(stderr, "%s\n%s\n", text, json_dumps(again, JSON_COMPACT));
	CHECK(json_equal(told, again));
	json_decref(again);
	json_decref(told);
	free(text);
	fault_spec_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o =
	    json_loadb((const char *)data, size, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, NULL);
	struct config *c = make_config();
	struct fault_spec *f = json_is_object(o) ? read_toxic(c, "toxic", o) : NULL;

	if (f) {
		check_rows(fault_fields, f);
		check_rows(f->type->params, &f->params);
		check_told(c, f);
	}
	config_free(c);
	json_decref(o);
	return 0;
}
