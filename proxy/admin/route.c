/* A few rows: looked through one by one. */
#include "admin/route.h"
#include <stdlib.h>
#include <string.h>

static size_t segment_length(const char *s)
{
	return strcspn(s, "/");
}

static bool segment_matches(const char *pattern, size_t pattern_len, const char *s, size_t len)
{
	if (*pattern == '{')
		return len > 0;
	return pattern_len == len && !strncmp(pattern, s, len);
}

static bool path_matches(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t n = segment_length(++pattern), m = segment_length(++path);

		if (!segment_matches(pattern, n, path, m))
			return false;
		pattern += n;
		path += m;
	}
	return !*pattern && !*path;
}

/* NULL: no memory, or a NUL in it, which no name has. */
static char *decode(const char *segment, size_t len)
{
	char *raw = strndup(segment, len), *text = NULL;
	size_t size = 0;

	if (raw)
		text = evhttp_uridecode(raw, 0, &size);
	free(raw);
	if (text && strlen(text) != size) {
		free(text);
		return NULL;
	}
	return text;
}

static bool take_params(const char *pattern, const char *path, struct route_params *params)
{
	size_t n = 0;

	*params = (struct route_params){ { NULL } };
	while (*pattern) {
		size_t len = segment_length(++path);

		if (*++pattern == '{' && !(params->value[n++] = decode(path, len))) {
			route_params_free(params);
			return false;
		}
		pattern += segment_length(pattern);
		path += len;
	}
	return true;
}

enum route_found route_find(const struct route *const *tables, enum evhttp_cmd_type method,
    const char *path, const struct route **found, struct route_params *params)
{
	bool known = false;

	for (; *tables; tables++)
		for (const struct route *r = *tables; r->path; r++) {
			if (!path_matches(r->path, path))
				continue;
			known = true;
			if (r->method != method)
				continue;
			*found = r;
			return take_params(r->path, path, params) ? ROUTE_FOUND : ROUTE_NO_PATH;
		}
	return known ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

void route_params_free(struct route_params *params)
{
	for (size_t i = 0; i < ROUTE_PARAMS; i++) {
		free(params->value[i]);
		params->value[i] = NULL;
	}
}

static bool is_dots(const char *s, size_t len, size_t dots)
{
	return len == dots && !strncmp(s, "..", dots);
}

char *route_clean(const char *path)
{
	size_t size = strlen(path) + 2, len = 0;
	char *out = malloc(size);
	const char *s = path;

	while (out && *s == '/') {
		size_t n = segment_length(++s);
		bool last = !s[n];

		if (is_dots(s, n, 2)) /* back to the slash before */
			while (len && out[--len] != '/')
				;
		else if (n && !is_dots(s, n, 1))
			len += (size_t)(stpncpy(stpcpy(out + len, "/"), s, n) - (out + len));
		if (last && (!n || *s == '.') && (!len || out[len - 1] != '/') &&
		    (!n || is_dots(s, n, 1) || is_dots(s, n, 2)))
			out[len++] = '/';
		s += n;
	}
	if (out)
		out[len] = '\0';
	if (out && strcmp(out, path) == 0) {
		free(out);
		return NULL;
	}
	return out;
}
