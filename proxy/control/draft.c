/* A fault of several proxies is one fault: what is taken away from it is one of its proxies. */
#include "control/draft.h"
#include <stdlib.h>
#include <string.h>

struct proxy_spec *draft_add_proxy(struct edit *e, struct config *draft, const char *name)
{
	const char *want = spec_check_free_name(name);
	struct proxy_spec *p;

	if (!edit_has_room(e, draft->n_proxies, "proxies"))
		return NULL;
	if (want)
		edit_fail(e, EDIT_BAD, "name: expected %s", want);
	else if (config_find_proxy(draft, name))
		edit_fail(e, EDIT_EXISTS, "proxy already exists");
	else if (!(p = config_add_proxy(draft, name)))
		edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	else
		return p;
	return NULL;
}

struct proxy_spec *draft_find_proxy(struct edit *e, const struct config *draft, const char *name)
{
	struct proxy_spec *p = config_find_proxy(draft, name);

	if (!p)
		edit_fail(e, EDIT_NOT_FOUND, "proxy not found");
	return p;
}

const char *draft_toxic_name(const struct fault_spec *f)
{
	return f->toxic ? f->toxic : f->name;
}

static struct fault_spec *find_toxic(
    const struct config *draft, const struct proxy_spec *p, const char *name)
{
	for (size_t i = 0; i < draft->n_faults; i++)
		if (fault_spec_covers(draft->faults[i], p) &&
		    !strcmp(draft_toxic_name(draft->faults[i]), name))
			return draft->faults[i];
	return NULL;
}

struct fault_spec *draft_find_toxic(
    struct edit *e, const struct config *draft, const struct proxy_spec *p, const char *name)
{
	struct fault_spec *f = find_toxic(draft, p, name);

	if (!f)
		edit_fail(e, EDIT_NOT_FOUND, "toxic not found");
	return f;
}

static bool add_name(struct names *n, const char *name)
{
	char **grown = reallocarray(n->name, n->count + 1, sizeof(*grown));

	if (!grown)
		return false;
	n->name = grown;
	n->name[n->count] = strdup(name);
	return n->name[n->count] && ++n->count;
}

/* "PROXY/TOXIC", or with a number behind where slashes in names make that another one's. */
static char *unique_name(const struct config *draft, const char *proxy, const char *toxic)
{
	char *name = NULL;

	if (asprintf(&name, "%s/%s", proxy, toxic) < 0)
		return NULL;
	for (unsigned n = 2; config_find_fault(draft, name); n++) {
		free(name);
		if (asprintf(&name, "%s/%s#%u", proxy, toxic, n) < 0)
			return NULL;
	}
	return name;
}

struct fault_spec *draft_add_toxic(struct edit *e, struct config *draft, const struct proxy_spec *p,
    const char *name, const struct fault_type *type)
{
	const char *want = spec_check_free_name(name);
	struct fault_spec *f = NULL;
	char *unique;

	if (!edit_has_room(e, draft->n_faults, "faults (over or not)"))
		return NULL;
	if (want) {
		edit_fail(e, EDIT_BAD, "name: expected %s", want);
		return NULL;
	}
	if (find_toxic(draft, p, name)) {
		edit_fail(e, EDIT_EXISTS, "toxic already exists");
		return NULL;
	}
	unique = unique_name(draft, p->name, name);
	if (unique)
		f = config_add_fault(draft, unique, type);
	free(unique);
	if (f && (f->toxic = strdup(name)) && add_name(&f->proxies, p->name)) {
		f->anew = true;
		return f;
	}
	edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	return NULL;
}

/* The names of all that it acts on but one, whether it names them, "*" or a host. */
static bool names_without(const struct config *draft, const struct fault_spec *f,
    const struct proxy_spec *p, struct names *out)
{
	for (size_t i = 0; i < draft->n_proxies; i++) {
		const struct proxy_spec *q = draft->proxies[i];

		if (q != p && fault_spec_covers(f, q) && !add_name(out, q->name))
			return false;
	}
	return true;
}

static void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
	*n = (struct names){ 0 };
}

bool draft_remove_toxic(
    struct edit *e, struct config *draft, const struct proxy_spec *p, struct fault_spec *f)
{
	struct names rest = { 0 };

	if (!names_without(draft, f, p, &rest)) {
		names_free(&rest);
		return edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	}
	if (!rest.count) {
		config_remove_fault(draft, f);
		return true;
	}
	names_free(&f->proxies);
	free(f->host);
	f->host = NULL;
	f->proxies = rest;
	return true;
}

bool draft_clear_toxics(struct edit *e, struct config *draft, const struct proxy_spec *p)
{
	for (size_t i = draft->n_faults; i-- > 0;)
		if (fault_spec_covers(draft->faults[i], p) &&
		    !draft_remove_toxic(e, draft, p, draft->faults[i]))
			return false;
	return true;
}

/* A fault that names it must not any longer; "*" and a host that is left need not know. */
void draft_remove_proxy(struct config *draft, struct proxy_spec *p)
{
	for (size_t i = draft->n_faults; i-- > 0;) {
		struct fault_spec *f = draft->faults[i];
		bool lone_host = f->host && !p->host && !strcmp(f->host, p->name);

		for (size_t n = 0; n < f->proxies.count; n++) {
			if (strcmp(f->proxies.name[n], p->name) != 0)
				continue;
			free(f->proxies.name[n]);
			memmove(f->proxies.name + n, f->proxies.name + n + 1,
			    (--f->proxies.count - n) * sizeof(*f->proxies.name));
			break;
		}
		if (lone_host || (!f->host && !f->proxies.all && !f->proxies.count))
			config_remove_fault(draft, f);
	}
	config_remove_proxy(draft, p);
}
