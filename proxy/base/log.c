/*
 * One line an event, built whole and given to the sink at once. JSON goes through jansson; logfmt
 * is key=value with blanks between, quoted where a reader would otherwise lose his place. Bytes
 * that are no UTF-8 are escaped in logfmt; JSON has no way to say them (json.h).
 */
#include "base/log.h"
#include "base/json.h"
#include "base/mono.h"
#include "base/sink.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const log_level_names[] = { "error", "warn", "info", "debug", NULL };
const char *const log_format_names[] = { "logfmt", "json", NULL };

/* Length of the UTF-8 character at s of len bytes; 0: none (RFC 3629). */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80   ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0; /* overlong, surrogate, beyond U+10FFFF */
	return n;
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static bool needs_quotes(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		unsigned char c = (unsigned char)s[i];

		n = utf8_len((const unsigned char *)s + i, len - i);
		if (n == 0 || is_control(c) || strchr(" \"=\\", c))
			return true;
	}
	return len == 0;
}

static void write_escape(FILE *out, unsigned char c)
{
	static const char named[][2] = { { '"', '"' }, { '\\', '\\' }, { '\n', 'n' }, { '\r', 'r' },
		{ '\t', 't' } };

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
		if ((unsigned char)named[i][0] == c) {
			fprintf(out, "\\%c", named[i][1]);
			return;
		}
	}
	fprintf(out, "\\x%02x", c);
}

static void write_text(FILE *out, const char *s, size_t len)
{
	if (!needs_quotes(s, len)) {
		fwrite(s, 1, len, out);
		return;
	}
	putc('"', out);
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)s[i];
		size_t n = utf8_len((const unsigned char *)s + i, len - i);

		if (n == 0 || is_control(c) || c == '"' || c == '\\') {
			write_escape(out, c);
			n = 1;
		} else {
			fwrite(s + i, 1, n, out);
		}
		i += n;
	}
	putc('"', out);
}

static void write_value(FILE *out, const json_t *v)
{
	if (json_is_string(v)) {
		write_text(out, json_string_value(v), json_string_length(v));
		return;
	}
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text)
		write_text(out, text, strlen(text));
	free(text);
}

static char *line_logfmt(
    const char *level, const char *wall, const char *event, const json_t *fields, size_t *len)
{
	char *line = NULL;
	FILE *out = open_memstream(&line, len);
	const char *key;
	json_t *value;

	if (!out)
		return NULL;
	fprintf(out, "time=%s level=%s event=%s", wall, level, event);
	json_object_foreach((json_t *)fields, key, value)
	{
		fprintf(out, " %s=", key);
		write_value(out, value);
	}
	if (fclose(out) == 0)
		return line;
	free(line);
	return NULL;
}

static char *line_json(
    const char *level, const char *wall, const char *event, const json_t *fields, size_t *len)
{
	json_t *head = json_pack("{s:s, s:s, s:s}", "time", wall, "level", level, "event", event);

	return json_dump_line(head, fields, len);
}

void log_event(struct log *l, enum log_level level, int64_t wall_ns, const char *event,
    const struct json_t *fields)
{
	char wall[28], *line;
	size_t len = 0;

	if (!log_wants(l, level))
		return;
	mono_format_wall(wall, wall_ns);
	if (l->format == LOG_JSON)
		line = line_json(log_level_names[level], wall, event, fields, &len);
	else
		line = line_logfmt(log_level_names[level], wall, event, fields, &len);
	if (line)
		sink_line(l->sink, line, len);
	free(line);
}
