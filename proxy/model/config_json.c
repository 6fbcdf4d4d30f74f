/* Specs as JSON. A value that is the table's default is told, too, but for a fault's common keys.
 */
#include "model/config_json.h"
#include "model/field_json.h"

static json_t *named(const char *name, const struct field *table, const void *base)
{
	json_t *o = json_pack("{s:s}", "name", name);

	fields_json(o, table, base, NULL, NULL);
	return o;
}

/* The one side that a type can have is not told. */
json_t *config_fault_json(const struct fault_spec *f)
{
	json_t *o = json_pack("{s:s, s:s}", "name", f->name, "type", f->type->name);
	struct fault_spec plain = { 0 };

	field_defaults(fault_fields, &plain);
	plain.side = f->type->sides == 1u << f->side ? f->side : SIDE_SERVER;
	fields_json(o, fault_fields, f, &plain, NULL);
	fields_json(o, f->type->params, &f->params, NULL, NULL);
	field_release(fault_fields, &plain);
	return o;
}

json_t *config_json(const struct config *c)
{
	json_t *settings = json_object(), *hosts = json_array(), *proxies = json_array(),
	       *faults = json_array();

	fields_json(settings, settings_fields, &c->settings, NULL, NULL);
	for (size_t i = 0; i < c->n_hosts; i++)
		json_array_append_new(hosts, named(c->hosts[i]->name, host_fields, c->hosts[i]));
	for (size_t i = 0; i < c->n_proxies; i++)
		json_array_append_new(
		    proxies, named(c->proxies[i]->name, proxy_fields, c->proxies[i]));
	for (size_t i = 0; i < c->n_faults; i++)
		json_array_append_new(faults, config_fault_json(c->faults[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "settings", settings, "hosts", hosts, "proxies",
	    proxies, "faults", faults);
}
