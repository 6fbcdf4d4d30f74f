/* Each question on its own; server.c asks them. */
#include "admin/guard.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define TOKEN_MAX 1024
#define TOKEN_ENV "DEADPEER_ADMIN_TOKEN"

static bool is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool is_local_name(const char *host)
{
	static const char suffix[] = ".localhost"; /* RFC 6761, 6.3 */
	size_t len = strlen(host), n = sizeof(suffix) - 1;

	return !strcasecmp(host, suffix + 1) || (len > n && !strcasecmp(host + len - n, suffix));
}

static bool is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

#define HOST_MAX 256

/* Without the port and brackets; false: it is too long, or has no end. */
static bool host_of(const char *header, char name[HOST_MAX])
{
	const char *end = header + strcspn(header, ":");

	if (*header == '[')
		end = strchr(++header, ']');
	if (!end || end - header >= HOST_MAX)
		return false;
	memcpy(name, header, (size_t)(end - header));
	name[end - header] = '\0';
	return true;
}

bool guard_host_is_local(const char *host)
{
	char name[HOST_MAX];

	if (!host || !*host)
		return true; /* HTTP/1.0: no browser */
	return host_of(host, name) && (is_loopback(name) || is_local_name(name));
}

bool guard_host_is_address(const char *host)
{
	char name[HOST_MAX];

	if (guard_host_is_local(host))
		return true;
	return host_of(host, name) && is_address(name);
}

bool guard_origin_is_own(const char *origin, const char *host)
{
	const char *authority = origin ? strstr(origin, "://") : NULL;

	if (!origin)
		return true;
	return authority && host && !strcasecmp(authority + 3, host);
}

bool guard_token_is(const char *authorization, const char *token)
{
	size_t len = strlen(token), given_len;
	unsigned char differ = 0;
	const char *given;

	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return false;
	given = authorization + 7;
	given_len = strlen(given);
	for (size_t i = 0; i < given_len; i++)
		differ |= (unsigned char)(given[i] ^ token[i % (len + 1)]);
	return given_len == len && !differ;
}

/* One word of printable ASCII; a newline behind it is an editor's. */
static bool check_token(char *text, const char *file, char *err, size_t size)
{
	size_t len = strcspn(text, "\r\n"), whole = strlen(text);

	if (text[len + strspn(text + len, "\r\n")] == '\0')
		text[len] = '\0';
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			len = 0;
	if (len && whole < TOKEN_MAX - 1)
		return true;
	snprintf(err, size, "%s%s: expected a token, one word of printable ASCII, of at most %d",
	    file ? "admin_token_file " : TOKEN_ENV, file ? file : "", TOKEN_MAX - 2);
	return false;
}

static bool read_file(
    const char *path, char *text, size_t room, bool *is_public, char *err, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f;
	struct stat st;

	if (f) {
		if (is_public)
			*is_public =
			    !fstat(fileno(f), &st) && S_ISREG(st.st_mode) && st.st_mode & S_IROTH;
		text[fread(text, 1, room - 1, f)] = '\0';
		ok = !ferror(f);
	}
	if (!ok)
		snprintf(err, size, "admin_token_file %s: %s", path, strerror(errno));
	if (f)
		fclose(f);
	return ok;
}

bool guard_read_token(const char *file, char **token, bool *is_public, char *err, size_t size)
{
	const char *env = getenv(TOKEN_ENV);
	char text[TOKEN_MAX];

	*token = NULL;
	if (is_public)
		*is_public = false;
	if (!file && !env)
		return true;
	if (file && !read_file(file, text, sizeof(text), is_public, err, size))
		return false;
	if (!file)
		snprintf(text, sizeof(text), "%s", env);
	if (!check_token(text, file, err, size))
		return false;
	*token = strdup(text);
	return *token;
}
