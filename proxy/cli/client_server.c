/* Where the server is: flags, the environment, names. See client.h. */
#include "admin/guard.h"
#include "cli/client.h"
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ADMIN "127.0.0.1:8474"

static const char *text_of(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? text : NULL;
}

/* "http://host:port/" is "host:port", for what toxiproxy-cli's users have. */
static void set_text(struct server *s, const char *admin)
{
	static const char scheme[] = "http://";
	size_t n = sizeof(scheme) - 1, len;

	snprintf(s->text, sizeof(s->text), "%s", strncmp(admin, scheme, n) ? admin : admin + n);
	len = strlen(s->text);
	if (!strncmp(admin, scheme, n) && len && s->text[len - 1] == '/')
		s->text[len - 1] = '\0';
}

/* Blocks: there is nothing else to do yet. */
static bool look_up(struct server *s, const struct addr *a, char *err, size_t size)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found;
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%u", a->port);
	error = getaddrinfo(a->any ? "localhost" : a->name, port, &hints, &found);
	if (error) {
		snprintf(err, size, "cannot reach %s: %s", s->text, gai_strerror(error));
		return false;
	}
	for (const struct addrinfo *i = found; i && s->n < CLIENT_ADDRESSES; i = i->ai_next)
		if (i->ai_addrlen <= sizeof(*s->sa)) {
			memcpy(&s->sa[s->n], i->ai_addr, i->ai_addrlen);
			s->len[s->n++] = i->ai_addrlen;
		}
	freeaddrinfo(found);
	return true;
}

enum server_found server_find(
    struct server *s, const char *admin, const char *token_file, char *err, size_t size)
{
	const char *from = "--admin", *want = NULL;
	struct addr a;

	*s = (struct server){ 0 };
	if (!admin && (admin = text_of("DEADPEER_ADMIN")))
		from = "DEADPEER_ADMIN";
	if (!admin && (admin = text_of("TOXIPROXY_URL")))
		from = "TOXIPROXY_URL";
	set_text(s, admin ? admin : DEFAULT_ADMIN);
	want = strncmp(s->text, "https://", 8) ? addr_parse(s->text, &a)
					       : "http:// or an address (its API speaks no TLS)";
	if (!want && (a.kind == ADDR_BUILTIN || (a.kind != ADDR_UNIX && !a.port)))
		want = "where its API listens, such as 127.0.0.1:8474 or unix:/path";
	if (want) {
		snprintf(err, size, "%s: expected %s, got \"%s\"", from, want, s->text);
		return SERVER_WRONG;
	}
	if (!guard_read_token(token_file, &s->token, NULL, err, size))
		return SERVER_WRONG;
	if (a.any || a.kind == ADDR_NAME)
		return look_up(s, &a, err, size) ? SERVER_FOUND : SERVER_UNKNOWN;
	s->sa[0] = a.sa;
	s->len[0] = a.len;
	s->n = 1;
	return SERVER_FOUND;
}

void server_free(struct server *s)
{
	free(s->token);
	s->token = NULL;
}
