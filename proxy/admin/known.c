/* See known.h. */
#include "admin/known.h"
#include "base/addr.h"
#include <stdio.h>
#include <string.h>

bool known_init(struct known *k)
{
	k->lost = json_object();
	return k->lost;
}

void known_free(struct known *k)
{
	json_decref(k->lost);
	k->lost = NULL;
}

static void set(struct known *k, const char *who, bool lost)
{
	if (json_object_get(k->lost, who) || json_object_size(k->lost) < KNOWN_MAX)
		json_object_set_new_nocheck(k->lost, who, json_boolean(lost));
}

#define WHO_MAX (ADDR_TEXT_MAX + 300)

static char *who_is(char *buf, const char *proxy, const char *address)
{
	snprintf(buf, WHO_MAX, "%s %s", proxy, address);
	return buf;
}

void known_add(struct known *k, const char *proxy, const char *address, bool lost)
{
	char who[WHO_MAX];

	if (!json_object_get(k->lost, who_is(who, proxy, address)) || lost)
		set(k, who, lost);
}

static const char *text(const json_t *record, const char *key)
{
	const char *s = json_string_value(json_object_get(record, key));

	return s ? s : "";
}

/* Everybody on that proxy; "": on any. Which proxies a fault without one acts on is not in the
 * record: who comes anew did lose one, or would not. */
static void all_lost(struct known *k, const char *proxy)
{
	size_t len = strlen(proxy);
	const char *who;
	json_t *value;
	void *next;

	json_object_foreach_safe(k->lost, next, who, value)
	{
		if (!len || (!strncmp(who, proxy, len) && who[len] == ' '))
			json_object_set_new_nocheck(k->lost, who, json_true());
	}
}

bool known_sees(struct known *k, enum event_id id, const json_t *record)
{
	char who[WHO_MAX], client[ADDR_TEXT_MAX];
	char *port;

	if (id == EVENT_FAULT_FIRED) {
		if (json_integer_value(json_object_get(record, "sessions")) > 0)
			all_lost(k, text(record, "proxy"));
		return false;
	}
	snprintf(client, sizeof(client), "%s", text(record, "client"));
	port = strncmp(client, "unix:", 5) ? strrchr(client, ':') : NULL;
	if (port)
		*port = '\0';
	who_is(who, text(record, "proxy"), client);
	if (id == EVENT_SESSION_CLOSED) {
		set(k, who, true);
		return false;
	}
	if (json_is_true(json_object_get(k->lost, who)))
		return true;
	set(k, who, false);
	return false;
}
