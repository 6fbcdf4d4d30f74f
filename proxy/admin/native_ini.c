/*
 * The configuration as a file that `deadpeer check` takes and that says the same, in names that a
 * file can have.
 *
 *     config_copy -> names -> the JSON of it -> config_write()
 */
#include "admin/native.h"
#include "model/config_json.h"
#include <ctype.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 64

/* --- names --- */

static bool name_taken(const struct config *c, const char *name, bool is_fault)
{
	if (is_fault)
		return config_find_fault(c, name);
	return config_find_proxy(c, name) || config_find_host(c, name);
}

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* 1 to 63 of what a section's name may have, and nobody else's; nth: its place among its kind,
 * so that many that look alike find theirs at once. */
static void plain_name(
    const struct config *c, const char *name, bool is_fault, size_t nth, char out[static NAME_ROOM])
{
	char stem[NAME_ROOM];
	size_t len = 0;

	for (; name[len] && len < NAME_ROOM - 1; len++)
		stem[len] = is_plain(name[len]) ? name[len] : '_';
	stem[len] = '\0';
	snprintf(out, NAME_ROOM, "%s", stem);
	for (size_t n = nth + 1; name_taken(c, out, is_fault); n++)
		snprintf(out, NAME_ROOM, "%.42s-%zu", stem, n);
}

static bool replace(char **text, const char *old, const char *name)
{
	char *copy;

	if (!*text || strcmp(*text, old) != 0)
		return true;
	copy = strdup(name);
	if (!copy)
		return false;
	free(*text);
	*text = copy;
	return true;
}

/* Wherever the proxy is named: by faults, and as a host of its own. */
static bool rename_proxy(struct config *c, size_t nth)
{
	struct proxy_spec *p = c->proxies[nth];
	char name[NAME_ROOM];
	bool ok = true;

	plain_name(c, p->name, false, nth, name);
	for (size_t i = 0; i < c->n_faults; i++) {
		struct fault_spec *f = c->faults[i];

		for (size_t n = 0; n < f->proxies.count; n++)
			ok = ok && replace(&f->proxies.name[n], p->name, name);
		ok = ok && replace(&f->host, p->name, name);
	}
	return ok && replace(&p->name, p->name, name);
}

static bool rename_fault(struct config *c, size_t nth)
{
	struct fault_spec *f = c->faults[nth];
	char name[NAME_ROOM];

	plain_name(c, f->name, true, nth, name);
	return replace(&f->name, f->name, name);
}

static bool rename_all(struct config *c)
{
	bool ok = true;

	for (size_t i = 0; i < c->n_proxies; i++)
		if (spec_check_name(c->proxies[i]->name))
			ok = ok && rename_proxy(c, i);
	for (size_t i = 0; i < c->n_faults; i++)
		if (spec_check_name(c->faults[i]->name))
			ok = ok && rename_fault(c, i);
	return ok;
}

static void reply_ini(struct call *c, const json_t *o)
{
	char *text = NULL, err[1024];
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct evbuffer *body = evbuffer_new();
	bool said = out && config_write(o, out, err, sizeof(err));
	bool whole = out && fclose(out) == 0 && body;

	if (whole && said) {
		evbuffer_add(body, text, len);
		reply_buffer(c, 200, "text/plain; charset=utf-8", body);
	} else if (whole) {
		reply_error(c, 422, "%s", err);
	} else {
		reply_error(c, 500, "out of memory");
	}
	if (body && !(whole && said))
		evbuffer_free(body);
	free(text);
}

void native_config_ini(struct call *c)
{
	struct config *plain = config_copy(c->control->config);
	json_t *o;

	if (!plain || !rename_all(plain)) {
		reply_error(c, 500, "out of memory");
	} else {
		o = native_config_json(c->control, plain);
		reply_ini(c, o);
		json_decref(o);
	}
	config_free(plain);
}
