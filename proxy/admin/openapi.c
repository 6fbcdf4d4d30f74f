/*
 * GET /v1/openapi.json: the API's description (OpenAPI 3.1), made of the tables that it is made of:
 * routes, fields, the catalogue. What answers look like is written here, in a short form:
 *
 *     "name:s sessions:i faults:[s] host:s? one:@Proxy all:[@Proxy] values:o"
 *
 * s text, i whole number, b boolean, o object, n null or whole number, @ another one of these.
 */
#include "admin/native.h"
#include "faults/catalogue.h"
#include "model/field_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *members;
} answers[] = {
	{ "Error", "error:s status:i errors:[s]?" },
	{ "OpenAPI", "openapi:s info:o paths:o components:o security:[o]" },
	{ "Version", "name:s version:s kernel:s seed:i uptime_ns:i witness:s wire:o" },
	{ "Time", "mono_ns:i wall:s wall_ns:i" },
	{ "Config", "settings:o hosts:[o] proxies:[o] faults:[o]" },
	{ "Reloaded", "seq:i? mono_ns:i? wall:s? event:s? file:s? added:i? removed:i? kept:i? "
		      "faults_armed:i? faults_lifted:i? needs_restart:s?" },
	{ "Hosts", "hosts:[@Host]" },
	{ "Host", "name:s title:s? address:s? proxies:[s] power:s" },
	{ "Partitioned", "faults:[s]" },
	{ "Proxies", "proxies:[@Proxy]" },
	{ "Proxy", "name:s listen:s upstream:s enabled:b host:s gate:s connect_timeout:s "
		   "max_sessions:s backlog:s sessions:i accepted:i upstream_bytes:i "
		   "downstream_bytes:i faults:[s]" },
	{ "Removed", "removed:s" },
	{ "FaultTypes", "types:[@FaultType] common:[o]" },
	{ "FaultType", "type:s summary:s peer_sees:s sides:[s] gates:b needs:o grade:o params:[o] "
		       "refuses:[o] presets:[o]" },
	{ "Faults", "faults:[@Fault]" },
	{ "Fault", "name:s type:s state:s grade:s side:s proxies:p host:s? toxic:s? values:o "
		   "sessions:i segments:i active_ns:i remaining_ns:n" },
	{ "Lifted", "lifted:s" },
	{ "Healed", "lifted:[s]" },
	{ "Sessions", "sessions:[@Session] total:i" },
	{ "Session", "id:i proxy:s client:s upstream:t state:s age_ns:i idle_ns:i "
		     "upstream_bytes:i downstream_bytes:i client_leg:s server_leg:s faults:[s] "
		     "segments_dropped:i" },
	{ "Killed", "killed:i how:s" },
	{ "Waited", "met:b event:r count:i waited_ns:i" },
};

/* --- schemas of answers --- */

static json_t *schema_of(const char *form, size_t len)
{
	static const struct {
		char form;
		const char *type, *other;
	} types[] = { { 's', "string", NULL }, { 'i', "integer", NULL }, { 'b', "boolean", NULL },
		{ 'o', "object", NULL }, { 'n', "integer", "null" }, { 't', "string", "null" },
		{ 'r', "object", "null" }, { 'p', "array", "string" } };

	if (*form == '[')
		return json_pack(
		    "{s:s, s:o}", "type", "array", "items", schema_of(form + 1, len - 2));
	if (*form == '@')
		return json_pack("{s:o}", "$ref",
		    json_sprintf("#/components/schemas/%.*s", (int)len - 1, form + 1));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (*form == types[i].form && types[i].other)
			return json_pack("{s:[s, s]}", "type", types[i].type, types[i].other);
		else if (*form == types[i].form)
			return json_pack("{s:s}", "type", types[i].type);
	return json_object();
}

static json_t *answer_schema(const char *members)
{
	json_t *properties = json_object(), *required = json_array();

	while (*members) {
		size_t name = strcspn(members, ":"), all = strcspn(members, " ");
		bool optional = members[all - 1] == '?';
		json_t *key = json_stringn(members, name);

		json_object_set_new(properties, json_string_value(key),
		    schema_of(members + name + 1, all - name - 1 - optional));
		if (!optional)
			json_array_append(required, key);
		json_decref(key);
		members += all + strspn(members + all, " ");
	}
	return json_pack(
	    "{s:s, s:o, s:o}", "type", "object", "properties", properties, "required", required);
}

/* --- schemas of bodies --- */

static void add_fields(json_t *properties, const struct field *table)
{
	for (const struct field *f = table; f && f->key; f++)
		json_object_set_new(properties, f->key, field_schema(f));
}

static json_t *type_names(void)
{
	json_t *all = json_array();

	for (const struct fault_ops *const *o = catalogue; *o; o++)
		json_array_append_new(all, json_string((*o)->type.name));
	return all;
}

/* An object with these members; strict: and no other. */
static json_t *body_schema(json_t *properties, bool strict)
{
	return json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
	    "additionalProperties", !strict);
}

static json_t *text_schema(const char *description)
{
	return json_pack("{s:s, s:s}", "type", "string", "description", description);
}

static json_t *names_schema(void)
{
	return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
}

static json_t *fault_body(bool is_new)
{
	json_t *properties = json_object(), *o;

	if (is_new) {
		json_object_set_new(properties, "name",
		    text_schema("1 to 63 letters, digits, '_', '.' or '-'; made up if missing"));
		json_object_set_new(properties, "type", json_pack("{s:o}", "enum", type_names()));
		json_object_set_new(properties, "at",
		    json_pack("{s:s, s:s, s:s}", "type", "string", "format", "date-time",
			"description",
			"the wall time, in UTC, from which delay counts, instead of from now; at "
			"most 5 s ago, at most 1 h ahead: GET /v1/time tells the time here"));
	}
	add_fields(properties, fault_fields);
	o = body_schema(properties, false);
	json_object_set_new(o, "description",
	    json_string("and the keys of its type, which GET /v1/fault-types tells"));
	if (is_new)
		json_object_set_new(o, "required", json_pack("[s]", "type"));
	return o;
}

static json_t *proxy_body(bool is_new)
{
	json_t *properties = json_object(), *o;

	if (is_new)
		json_object_set_new(
		    properties, "name", text_schema("1 to 63 letters, digits, '_', '.' or '-'"));
	add_fields(properties, proxy_fields);
	if (is_new)
		json_object_set_new(properties, "faults", schema_of("[@NewFault]", 11));
	o = body_schema(properties, true);
	if (is_new)
		json_object_set_new(
		    o, "required", json_pack("[s, s, s]", "name", "listen", "upstream"));
	return o;
}

static json_t *host_body(void)
{
	json_t *properties = json_object(), *o;

	json_object_set_new(
	    properties, "name", text_schema("1 to 63 letters, digits, '_', '.' or '-'"));
	add_fields(properties, host_fields);
	o = body_schema(properties, true);
	json_object_set_new(o, "required", json_pack("[s]", "name"));
	return o;
}

static json_t *duration_body(void)
{
	json_t *properties = json_object();

	json_object_set_new(
	    properties, "duration", field_schema(field_find(fault_fields, "duration")));
	return body_schema(properties, true);
}

static json_t *partition_body(void)
{
	json_t *o = duration_body(), *properties = json_object_get(o, "properties");

	json_object_set_new(properties, "a", names_schema());
	json_object_set_new(properties, "b", names_schema());
	json_object_set_new(o, "required", json_pack("[s, s]", "a", "b"));
	return o;
}

static json_t *schemas_json(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		json_object_set_new(all, answers[i].name, answer_schema(answers[i].members));
	json_object_set_new(all, "NewProxy", proxy_body(true));
	json_object_set_new(all, "ProxyChange", proxy_body(false));
	json_object_set_new(all, "NewFault", fault_body(true));
	json_object_set_new(all, "FaultChange", fault_body(false));
	json_object_set_new(all, "NewHost", host_body());
	json_object_set_new(all, "PowerOff", duration_body());
	json_object_set_new(all, "NewPartition", partition_body());
	json_object_set_new(all, "Heal",
	    body_schema(json_pack("{s:o}", "proxy",
			    text_schema("only what acts on this proxy alone; default: all")),
		true));
	return all;
}

/* --- paths --- */

static json_t *path_parameters(const char *path)
{
	json_t *all = json_array();

	while ((path = strchr(path, '{'))) {
		size_t len = strcspn(++path, "}");

		json_array_append_new(
		    all, json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", path, len, "in", "path",
			     "required", 1, "schema", "type", "string"));
	}
	return all;
}

static json_t *parameters_json(const struct route *r)
{
	json_t *all = path_parameters(r->path);

	for (const struct field *f = r->query; f && f->key; f++)
		json_array_append_new(
		    all, json_pack("{s:s, s:s, s:b, s:o}", "name", f->key, "in", "query",
			     "required", f->required, "schema", field_schema(f)));
	return all;
}

static json_t *one_content(const char *schema, size_t len)
{
	if (!strncmp(schema, "text", len))
		return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
	if (!strncmp(schema, "events", len))
		return json_pack("{s:{s:{s:s}}, s:{s:{s:s}}}", "application/x-ndjson", "schema",
		    "type", "string", "text/event-stream", "schema", "type", "string");
	return json_pack("{s:{s:{s:o}}}", "application/json", "schema", "$ref",
	    json_sprintf("#/components/schemas/%.*s", (int)len, schema));
}

/* "Config|text": either of them. */
static json_t *content_json(const char *schema, size_t len)
{
	const char *other = memchr(schema, '|', len);
	json_t *all, *more;

	if (!other)
		return one_content(schema, len);
	all = one_content(schema, (size_t)(other - schema));
	more = one_content(other + 1, len - 1 - (size_t)(other - schema));
	json_object_update(all, more);
	json_decref(more);
	return all;
}

/* "201 Proxy, 400": statuses; those without a schema tell an Error. */
static json_t *responses_json(const char *text)
{
	json_t *all;

	if (!text)
		return json_pack("{s:{s:s}}", "default", "description", "as Toxiproxy has it");
	all = json_object();
	while (*text) {
		size_t len = strcspn(text, ",");
		size_t name = len > 4 ? len - 4 : 0;
		char status[4];

		snprintf(status, sizeof(status), "%.3s", text);
		json_object_set_new(all, status,
		    json_pack("{s:s, s:o}", "description", *status == '2' ? "done" : "not done",
			"content", name ? content_json(text + 4, name) : content_json("Error", 5)));
		text += len;
		text += strspn(text, ", ");
	}
	return all;
}

/* Who may call at all, and what may be wrong with that: the same everywhere but at probes. */
static void add_guards(const struct route *r, json_t *responses)
{
	json_object_set_new(responses, "401",
	    json_pack("{s:s, s:o}", "description", "the token is missing, or another", "content",
		content_json("Error", 5)));
	json_object_set_new(responses, "403",
	    json_pack("{s:s, s:o}", "description", "Host or Origin is another machine's", "content",
		content_json("Error", 5)));
	if (r->method == EVHTTP_REQ_GET)
		json_object_set_new(responses, "503",
		    json_pack("{s:s, s:o}", "description", "too many now", "content",
			content_json("Error", 5)));
}

static json_t *operation_json(const struct route *r)
{
	json_t *o = json_pack("{s:s, s:o, s:o}", "summary", r->summary, "parameters",
	    parameters_json(r), "responses", responses_json(r->answers));

	if (r->body)
		json_object_set_new(o, "requestBody",
		    json_pack("{s:o}", "content", content_json(r->body, strlen(r->body))));
	if (!r->answers)
		json_object_set_new(o, "tags", json_pack("[s]", "Toxiproxy"));
	else if (!native_is_probe(r->path))
		add_guards(r, json_object_get(o, "responses"));
	return o;
}

static const char *method_of(const struct route *r)
{
	switch (r->method) {
	case EVHTTP_REQ_GET:
		return "get";
	case EVHTTP_REQ_POST:
		return "post";
	case EVHTTP_REQ_PATCH:
		return "patch";
	default:
		return "delete";
	}
}

static void add_route(json_t *paths, const struct route *r)
{
	json_t *path = json_object_get(paths, r->path);

	if (!path) {
		path = json_object();
		json_object_set_new(paths, r->path, path);
	}
	json_object_set_new(path, method_of(r), operation_json(r));
}

json_t *openapi_json(const struct route *const *tables)
{
	json_t *paths = json_object();

	for (; *tables; tables++)
		for (const struct route *r = *tables; r->path; r++)
			add_route(paths, r);
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o, s:{s:{s:s, s:s}}}, s:[{}, {s:[]}]}",
	    "openapi", "3.1.0", "info", "title", "deadpeer", "version", DEADPEER_VERSION,
	    "description",
	    "A TCP relay whose peers really die. Durations are texts with a unit (\"5s\") or whole "
	    "milliseconds, in answers also nanoseconds where a name ends with _ns.",
	    "paths", paths, "components", "schemas", schemas_json(), "securitySchemes", "token",
	    "type", "http", "scheme", "bearer", "security", "token");
}

void native_openapi(struct call *c)
{
	reply_json(c, 200, openapi_json(c->native->tables));
}
