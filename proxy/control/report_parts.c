#include "control/report_parts.h"
#include "base/mono.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

const char *part_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

int64_t part_int(const json_t *o, const char *key, int64_t other)
{
	const json_t *value = json_object_get(o, key);

	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value))
		return other;
	return n > PART_MOST ? PART_MOST : n < -PART_MOST ? -PART_MOST : n;
}

double part_real(const json_t *o, const char *key, double other)
{
	const json_t *value = json_object_get(o, key);

	return json_is_number(value) ? json_number_value(value) : other;
}

bool part_has(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	return value && !json_is_null(value);
}

const json_t *part_list(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

const json_t *part_scenario(const json_t *verdict)
{
	return json_object_get(json_object_get(verdict, "run"), "scenario");
}

const char *part_title(const json_t *verdict)
{
	const char *title = part_text(part_scenario(verdict), "title");

	return *title ? title : part_text(part_scenario(verdict), "name");
}

char *part_who(const json_t *o)
{
	const char *process = part_text(o, "process"), *client = part_text(o, "client");
	const char *colon = strrchr(client, ':');
	size_t length =
	    colon && strncmp(client, "unix:", 5) ? (size_t)(colon - client) : strlen(client);

	return *process ? strdup(process) : strndup(client, length);
}

size_t part_advice(const json_t *verdict, const char **advice, size_t max)
{
	const json_t *death;
	size_t i, n = 0;

	json_array_foreach(part_list(verdict, "deaths"), i, death)
	{
		const char *text = part_text(json_object_get(death, "predicted"), "advice");
		size_t same = 0;

		while (same < n && strcmp(advice[same], text) != 0)
			same++;
		if (*text && same == n && n < max)
			advice[n++] = text;
	}
	return n;
}

/* --- words --- */

static void small_duration(char *buf, size_t size, int64_t ns)
{
	double part = (double)ns / (ns < NS_PER_MS ? 1e3 : 1e6);

	/* %g would make 1e+03 of what is nearly 1000 */
	snprintf(buf, size, part < 99 ? "%.3g %s" : "%.0f %s", part, ns < NS_PER_MS ? "µs" : "ms");
}

char *words_duration(char *buf, size_t size, int64_t ns)
{
	int64_t s = ns / NS_PER_S;

	if (ns < 0 && ns >= -PART_MOST && size > 1) { /* before time began */
		*buf = '-';
		words_duration(buf + 1, size - 1, -ns);
	} else if (ns < NS_PER_S) {
		small_duration(buf, size, ns);
	} else if (s < 120) {
		snprintf(buf, size, "%.*f s", s < 10 ? 2 : 1, (double)ns / 1e9);
	} else if (s < 7200) {
		snprintf(buf, size, "%d min %d s", (int)(s / 60), (int)(s % 60));
	} else {
		snprintf(buf, size, "%lld h %d min", (long long)(s / 3600), (int)(s % 3600 / 60));
	}
	return buf;
}

char *words_make(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return text;
}

char *words_at(const json_t *o, const char *key, const char *none)
{
	const json_t *value = json_object_get(o, key);
	char buf[40];

	if (!json_is_integer(value))
		return strdup(none);
	return strdup(words_duration(buf, sizeof(buf), json_integer_value(value)));
}

/* " key=value" if there is one. */
static char *bound_to(const json_t *o, const char *key)
{
	const char *value = part_text(o, key);

	return *value ? words_make(" %s=%s", key, value) : strdup("");
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

char *words_expectation(const json_t *e)
{
	char *step = bound_to(e, "step"), *proxy = bound_to(e, "proxy");
	char *client = bound_to(e, "client");
	const char *name = part_text(e, "name");
	char *text = words_make("%s=%s%s%s%s%s%s%s", part_text(e, "key"), part_text(e, "value"),
	    *name ? " [" : "", name, *name ? "]" : "", or_empty(step), or_empty(proxy),
	    or_empty(client));

	free(step), free(proxy), free(client);
	return text;
}

char *words_step(const json_t *step)
{
	long long iteration = part_int(step, "iteration", 1);

	if (iteration <= 1)
		return strdup(part_text(step, "name"));
	return words_make("%s #%lld", part_text(step, "name"), iteration);
}

static const char *how_words(const char *how)
{
	static const char *const words[][2] = { { "fin", "FIN" }, { "rst", "RST" },
		{ "gone", "socket gone" }, { "reconnect", "came anew" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(how, words[i][0]))
			return words[i][1];
	return how;
}

char *words_detected(const json_t *death)
{
	const json_t *d = json_object_get(death, "detected");
	char buf[40];

	if (!json_is_object(d))
		return strdup("never");
	return words_make("%s, %s", words_duration(buf, sizeof(buf), part_int(d, "after_ns", 0)),
	    how_words(part_text(d, "how")));
}

char *words_predicted(const json_t *death)
{
	const json_t *p = json_object_get(death, "predicted");
	bool is_by_something = strcmp(part_text(p, "by"), "nothing") != 0;
	const char *by = is_by_something ? part_text(p, "by") : "", *comma = *by ? ", " : "";
	char low[40], high[40];

	if (!json_is_object(p))
		return strdup("not known");
	if (!part_has(p, "low_ns") && !part_has(p, "high_ns"))
		return words_make("%s%s%s", part_text(p, "outcome"), comma, by);
	words_duration(low, sizeof(low), part_int(p, "low_ns", 0));
	if (!part_has(p, "high_ns"))
		return words_make("%s or more%s%s", low, comma, by);
	words_duration(high, sizeof(high), part_int(p, "high_ns", 0));
	if (!strcmp(low, high))
		return words_make("%s%s%s", low, comma, by);
	return words_make("%s to %s%s%s", low, high, comma, by);
}

char *words_client(const json_t *o)
{
	const char *process = part_text(o, "process"), *client = part_text(o, "client");

	return words_make("%s%s%s", process, *process && *client ? " " : "", client);
}

char *words_command(const json_t *verdict)
{
	const json_t *argv = json_object_get(json_object_get(verdict, "run"), "command"), *word;
	char *text = strdup("");
	size_t i;

	json_array_foreach(argv, i, word)
	{
		char *longer = words_make(
		    "%s%s%s", or_empty(text), i ? " " : "", or_empty(json_string_value(word)));

		free(text);
		text = longer;
	}
	return text;
}
