/* From the words to the exit code. See ctl.h. */
#include "cli/ctl.h"
#include "cli/cli.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ctl_wrong(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", c->called);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry '%s --help'.\n", c->called);
	return false;
}

/* --- what the server says --- */

/* The server advises in its own words, those of its API. */
static const struct {
	const char *call, *command;
} advice[] = {
	{ "GET /v1/proxies", "`deadpeer list`" },
	{ "GET /v1/faults", "`deadpeer fault list`" },
	{ "GET /v1/fault-types", "`deadpeer fault types`" },
	{ "GET /v1/hosts", "`deadpeer host list`" },
	{ "GET /v1/sessions", "`deadpeer sessions`" },
	{ "PATCH or DELETE /v1/proxies/", "`deadpeer set` or `deadpeer delete` " },
	{ "PATCH or DELETE /v1/faults/", "`deadpeer fault set` or `deadpeer fault rm` " },
	{ "POST /v1/hosts/", "`deadpeer host on` " },
	{ "/power_on first", " first" },
};

#define N_ADVICE (sizeof(advice) / sizeof(*advice))

static void put_advice(const char *text)
{
	if (*text == '?') /* of the query: what a flag said */
		fputs("--", stderr), text++;
	while (*text) {
		size_t i = 0, n;

		while (i < N_ADVICE && strncmp(text, advice[i].call, strlen(advice[i].call)) != 0)
			i++;
		n = i < N_ADVICE ? strlen(advice[i].call) : 1;
		fprintf(stderr, "%.*s", i < N_ADVICE ? INT_MAX : 1,
		    i < N_ADVICE ? advice[i].command : text);
		text += n;
	}
}

static void tell_error(const struct ctl *c, const json_t *error)
{
	char text[CELL_MAX]; /* from outside: without control characters */

	fprintf(stderr, "%s: ", c->called);
	put_advice(ctl_value(text, sizeof(text), "error", error));
	fputc('\n', stderr);
}

/* Where to look for the right name, if the server has not said. */
static void tell_where(const struct ctl *c, const json_t *o)
{
	static const char *const lists[] = { [ARG_PROXY] = "list",
		[ARG_FAULT] = "fault list",
		[ARG_SESSION] = "sessions",
		[ARG_HOST] = "host list",
		[ARG_OTHER] = NULL };
	const char *error = json_string_value(json_object_get(o, "error"));
	const char *list = lists[c->command->takes[0]];

	if (list && error && !strstr(error, "GET "))
		fprintf(stderr, "Try 'deadpeer %s'.\n", list);
}

/* What the body says of itself: a sentence, or several, as a file can earn. False: nothing. */
static bool tell_errors(const struct ctl *c, const json_t *o)
{
	const json_t *error = json_object_get(o, "error"), *all = json_object_get(o, "errors");

	for (size_t i = 0; i < json_array_size(all); i++)
		tell_error(c, json_array_get(all, i));
	if (!json_array_size(all) && json_is_string(error))
		tell_error(c, error);
	return json_array_size(all) || json_is_string(error);
}

static void tell_refusal(const struct ctl *c, const struct request *r, const struct answer *a)
{
	json_t *o = json_loads(a->body, JSON_DISABLE_EOF_CHECK, NULL);
	bool told = tell_errors(c, o);

	if (!told && (a->status == 404 || a->status == 405))
		fprintf(stderr,
		    "%s: %s knows no %s %s: is it an older deadpeer, or something else?\n",
		    c->called, c->server.text, r->method, r->path);
	else if (!told)
		fprintf(stderr, "%s: %s answered with status %d\n", c->called, c->server.text,
		    a->status);
	if (a->status == 404)
		tell_where(c, o);
	if (a->status == 401)
		fputs("Give the server's token with --admin-token-file FILE or "
		      "DEADPEER_ADMIN_TOKEN.\n",
		    stderr);
	json_decref(o);
}

int ctl_judge(const struct ctl *c, const struct request *r, const struct answer *a)
{
	if (!a->status)
		fprintf(stderr, "%s: %s\n", c->called, a->error);
	if (!a->status)
		return EXIT_NOBODY;
	if (a->status / 100 == 2)
		return EXIT_DONE;
	if (c->json && *a->body)
		puts(a->body);
	tell_refusal(c, r, a);
	return EXIT_FAILED;
}

int ctl_send(const struct ctl *c, const struct request *r, struct answer *a)
{
	client_call(&c->server, r, a);
	return ctl_judge(c, r, a);
}

static int read_answer(const struct ctl *c, const struct answer *a, json_t **answer)
{
	*answer = *a->body ? json_loads(a->body, JSON_DECODE_ANY, NULL) : json_null();
	if (*answer)
		return EXIT_DONE;
	fprintf(stderr, "%s: %s answers, but not with JSON: is that deadpeer's admin API?\n",
	    c->called, c->server.text);
	return EXIT_FAILED;
}

int ctl_call(
    struct ctl *c, const char *method, const char *path, const json_t *body, json_t **answer)
{
	char *target = ctl_path(c, path);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const struct request r = { .method = method, .path = target, .body = text };
	struct answer a = { .body = NULL };
	int code = EXIT_FAILED;

	*answer = NULL;
	if (target && (text || !body))
		code = ctl_send(c, &r, &a);
	else
		fprintf(stderr, "%s: out of memory\n", c->called);
	if (code == EXIT_DONE)
		code = read_answer(c, &a, answer);
	answer_free(&a);
	free(target);
	free(text);
	return code;
}

/* --- what is said of it --- */

/* One name a line: the member of the answer, of each of its rows, or the texts that it lists. */
static void print_names(const json_t *answer, const char *member)
{
	const json_t *one = json_object_get(answer, member), *rows = one, *row;
	char text[CELL_MAX];
	const char *key;
	json_t *value;
	size_t i;

	if (one && !json_is_array(one)) {
		puts(ctl_value(text, sizeof(text), member, one));
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)answer, key,
	    value) if (!rows && json_is_array(value)) rows = value;
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) puts(ctl_value(
	    text, sizeof(text), member, json_is_object(row) ? json_object_get(row, member) : row));
}

static bool print_done(const struct ctl *c, const json_t *answer)
{
	char *text = ctl_expand(c, c->command->done, answer, false);

	if (text)
		puts(text);
	free(text);
	return text;
}

static bool tell(const struct ctl *c, json_t *answer)
{
	if (c->json)
		return json_is_null(answer) ||
		       (!json_dumpf(answer, stdout, JSON_COMPACT | JSON_ENCODE_ANY) &&
			   putchar('\n') != EOF);
	if (c->quiet) {
		if (c->command->quiet)
			print_names(answer, c->command->quiet);
		return true;
	}
	return c->command->show ? c->command->show(c, answer) : print_done(c, answer);
}

static int run_row(struct ctl *c)
{
	const struct command *row = c->command;
	json_t *body = row->body ? json_object() : NULL, *answer = NULL;
	int code = EXIT_USAGE;

	if (!row->body || (body && row->body(c, body)))
		code = ctl_call(c, row->method, row->path, body, &answer);
	if (code == EXIT_DONE && !tell(c, answer))
		code = EXIT_FAILED;
	json_decref(body);
	json_decref(answer);
	return code;
}

static int run(struct ctl *c)
{
	char err[512];
	int code;

	switch (server_find(&c->server, c->admin, c->token_file, err, sizeof(err))) {
	case SERVER_FOUND:
		return c->command->run ? c->command->run(c) : run_row(c);
	case SERVER_WRONG:
		code = EXIT_USAGE;
		break;
	default:
		code = EXIT_NOBODY;
	}
	fprintf(stderr, "%s: %s\n", c->called, err);
	return code;
}

int ctl_main(const struct command *command, int argc, char **argv)
{
	struct ctl c;
	int code = ctl_parse(&c, command, argc, argv);

	if (code == EXIT_DONE && c.help)
		ctl_print_help(command);
	else if (code == EXIT_DONE)
		code = run(&c);
	server_free(&c.server);
	return code == EXIT_DONE || ferror(stdout) ? cli_finish(command->name, true) : code;
}
