/*
 * Whatever a toxic's JSON says: it becomes a fault, or is refused with a message; the fault can be
 * copied, shown, and what is shown is taken again.
 */
#include "faults/catalogue.h"
#include "model/spec_json.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static bool take(struct fault_spec *f, const json_t *o)
{
	char err[512] = "";
	bool taken =
	    spec_json_set_toxicity(f, json_object_get(o, "toxicity"), err, sizeof(err)) &&
	    spec_json_set_attributes(f, json_object_get(o, "attributes"), err, sizeof(err));

	CHECK(taken || *err);
	return taken && !spec_json_set_stream(f, json_string_value(json_object_get(o, "stream")));
}

static void check_fault(struct config *c, const struct fault_spec *f)
{
	struct fault_spec *copy = fault_spec_copy(f);
	json_t *shown = spec_json_toxic(f);
	char *text = json_dumps(shown, JSON_COMPACT);

	CHECK(copy && fault_spec_equal(copy, f));
	fault_spec_free(copy);
	CHECK(text);
	take(config_add_fault(c, "again", f->type), shown);
	free(text);
	json_decref(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
	const char *type = json_string_value(json_object_get(o, "type"));
	const struct fault_ops *ops = type ? catalogue_find(type) : NULL;
	struct config *c = config_new();
	struct fault_spec *f = ops ? config_add_fault(c, "f", &ops->type) : NULL;

	if (f && take(f, o))
		check_fault(c, f);
	config_free(c);
	json_decref(o);
	return 0;
}
