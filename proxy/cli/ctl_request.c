/* Paths, queries and the parts that bodies are made of. */
#include "cli/ctl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 32

/* What {word} stands for; NULL: nothing. */
static const char *meaning(
    const struct ctl *c, const char *word, const json_t *answer, char *buf, size_t size)
{
	const json_t *member = json_object_get(answer, word);

	if (word[0] >= '1' && word[0] <= '9' && !word[1])
		return word[0] - '1' < c->argc ? c->argv[word[0] - '1'] : "";
	if (member)
		return ctl_value(buf, size, word, member);
	return ctl_flag(c, word);
}

static void put(FILE *out, const char *text, bool encode)
{
	char *encoded = encode ? client_encode(text) : NULL;

	fputs(encoded ? encoded : text, out);
	free(encoded);
}

char *ctl_expand(const struct ctl *c, const char *template, const json_t *answer, bool encode)
{
	char *text = NULL, word[WORD_MAX], buf[CELL_MAX];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (const char *at = template; *at; at++) {
		size_t n = strcspn(at, "}");
		const char *found;

		if (*at != '{' || n >= sizeof(word) || !at[n]) {
			fputc(*at, out);
			continue;
		}
		snprintf(word, n, "%s", at + 1);
		found = meaning(c, word, answer, buf, sizeof(buf));
		put(out, found ? found : "?", encode);
		at += n;
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

char *ctl_path(const struct ctl *c, const char *template)
{
	char *path = ctl_expand(c, template, NULL, true), *longer = NULL, *value;

	for (int i = 0; path && i < c->n_values; i++) {
		const char *key = c->values[i].flag->query;

		if (!key)
			continue;
		value = client_encode(c->values[i].text);
		if (!value || asprintf(&longer, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?',
				  key, value) < 0)
			longer = NULL;
		free(value);
		free(path);
		path = longer;
	}
	return path;
}

static bool add(const struct ctl *c, json_t *body, const char *key, const char *text)
{
	if (json_object_get(body, key))
		return ctl_wrong(c, "%s is given twice", key);
	if (!json_object_set_new(body, key, json_string(text)))
		return true;
	return ctl_wrong(c, "%s: expected UTF-8", key);
}

bool ctl_add_pairs(const struct ctl *c, json_t *body, int from)
{
	for (int i = from; i < c->argc; i++) {
		const char *text = c->argv[i], *equals = strchr(text, '=');
		char *key;
		bool ok;

		if (!equals || equals == text)
			return ctl_wrong(
			    c, "expected KEY=VALUE, such as delay=5s, got \"%s\"", text);
		key = strndup(text, (size_t)(equals - text));
		ok = key && add(c, body, key, equals + 1);
		free(key);
		if (!ok)
			return false;
	}
	return true;
}

bool ctl_add_flags(const struct ctl *c, json_t *body)
{
	for (int i = 0; i < c->n_values; i++) {
		const char *member = c->values[i].flag->member;

		if (member && !add(c, body, member, c->values[i].text))
			return false;
	}
	return true;
}
