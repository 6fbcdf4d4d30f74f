/* The configuration that holds, and reading the file again. */
#include "admin/native.h"
#include "model/field_json.h"
#include <event2/buffer.h>
#include <string.h>

struct config_query {
	int format;
};

static const char *const formats[] = { "json", "ini", NULL };

const struct field native_config_query[] = {
	{ .key = "format",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct config_query, format),
	    .initial = "json",
	    .choices = formats,
	    .help = "ini: as a file for deadpeer serve" },
	{ .key = NULL },
};

/* --- JSON --- */

static json_t *settings_json(const struct control *c)
{
	json_t *o = json_object();

	fields_json(o, settings_fields, &c->config->settings, NULL, NULL);
	json_object_set_new(
	    o, "seed", json_sprintf("%llu", (unsigned long long)c->relay->engine.seed));
	return o;
}

static json_t *host_json(const struct host_spec *h)
{
	json_t *o = json_pack("{s:s}", "name", h->name);

	fields_json(o, host_fields, h, NULL, NULL);
	return o;
}

/* With the port that the kernel chose; known: its name in the relay. */
static json_t *proxy_json(const struct control *c, const struct proxy_spec *s, const char *known)
{
	const struct proxy *p = relay_find_proxy(c->relay, known);
	json_t *o = json_pack("{s:s}", "name", s->name);
	char listen[ADDR_TEXT_MAX];

	fields_json(o, proxy_fields, s, NULL, NULL);
	if (p)
		json_object_set_new(
		    o, "listen", json_string(proxy_listen_text(p, listen, sizeof(listen))));
	return o;
}

static json_t *fault_json(const struct fault_spec *f)
{
	json_t *o = json_pack("{s:s, s:s}", "name", f->name, "type", f->type->name);
	struct fault_spec plain = { 0 };

	field_defaults(fault_fields, &plain);
	plain.side =
	    f->side == SIDE_SERVER || f->type->sides == 1u << f->side ? f->side : SIDE_SERVER;
	fields_json(o, fault_fields, f, &plain, NULL);
	fields_json(o, f->type->params, &f->params, NULL, NULL);
	field_release(fault_fields, &plain);
	return o;
}

json_t *native_config_json(const struct control *c, const struct config *config)
{
	json_t *hosts = json_array(), *proxies = json_array(), *faults = json_array();

	for (size_t i = 0; i < config->n_hosts; i++)
		json_array_append_new(hosts, host_json(config->hosts[i]));
	for (size_t i = 0; i < config->n_proxies; i++)
		json_array_append_new(
		    proxies, proxy_json(c, config->proxies[i], c->config->proxies[i]->name));
	for (size_t i = 0; i < config->n_faults; i++)
		json_array_append_new(faults, fault_json(config->faults[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "settings", settings_json(c), "hosts", hosts,
	    "proxies", proxies, "faults", faults);
}

void native_config(struct call *c)
{
	struct config_query q = { 0 };

	if (!native_query(c, native_config_query, &q))
		return;
	if (q.format)
		native_config_ini(c);
	else
		reply_json(c, 200, native_config_json(c->control, c->control->config));
}

/* --- reload --- */

static void reply_errors(struct call *c, const struct conf_errors *errors)
{
	json_t *all = json_array();

	for (size_t i = 0; i < errors->count; i++)
		json_array_append_new(all, json_string(errors->message[i]));
	reply_json(c, 400,
	    json_pack("{s:s, s:i, s:o}", "error", errors->count ? errors->message[0] : "?",
		"status", 400, "errors", all));
}

/* As the timeline has told it. */
static json_t *last_reload(const struct feed *f)
{
	for (uint64_t seq = f->next; seq-- > f->first;) {
		const struct feed_line *line = feed_find(f, seq);

		if (line->id == EVENT_CONFIG_RELOADED && line->text)
			return json_loadb(line->text, line->len, 0, NULL);
	}
	return json_object();
}

void native_reload(struct call *c)
{
	struct control *control = c->control;
	struct conf_errors errors = { 0 };

	if (!control->reload) {
		reply_error(c, 400, "there is no file to read again");
	} else if (control->reload(control->reload_arg, &errors)) {
		if (timeline_wants(control->timeline, EVENT_API_CHANGED))
			timeline_record(control->timeline, EVENT_API_CHANGED,
			    json_pack("{s:s, s:s}", "who", c->who, "what", "reload"));
		reply_json(c, 200, last_reload(&c->native->feed));
	} else {
		reply_errors(c, &errors);
	}
	conf_errors_free(&errors);
}
