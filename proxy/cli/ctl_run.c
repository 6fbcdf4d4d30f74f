/* Commands that take more than one call, or whose answer is no JSON object. */
#include "base/units.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_DEFAULT_NS INT64_C(10000000000)
#define WAIT_MARGIN_S   5

static int print_json(const json_t *answer)
{
	if (json_dumpf(answer, stdout, JSON_COMPACT | JSON_ENCODE_ANY))
		return EXIT_FAILED;
	putchar('\n');
	return EXIT_DONE;
}

static bool is_listed(const json_t *names, const char *name)
{
	json_t *one;
	size_t i;

	if (json_is_string(names)) /* "*" */
		return true;
	json_array_foreach((json_t *)(uintptr_t)names, i,
	    one) if (json_is_string(one) && !strcmp(json_string_value(one), name)) return true;
	return false;
}

/* Leaves those faults that act on the proxy. */
static void keep_faults_of(json_t *answer, const char *proxy)
{
	json_t *rows = json_object_get(answer, "faults");

	for (size_t i = json_array_size(rows); i-- > 0;)
		if (!is_listed(json_object_get(json_array_get(rows, i), "proxies"), proxy))
			json_array_remove(rows, i);
}

static void print_name(const json_t *o, const char *member)
{
	char text[CELL_MAX];

	puts(ctl_value(text, sizeof(text), member, json_object_get(o, member)));
}

static void print_fault_names(const json_t *answer)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "faults"), i, row) print_name(row, "name");
}

int run_list_faults(struct ctl *c)
{
	json_t *answer, *proxy = NULL;
	int code = EXIT_DONE;

	if (c->argc) /* is there such a proxy at all? */
		code = ctl_call(c, "GET", "/v1/proxies/{1}", NULL, &proxy);
	json_decref(proxy);
	if (code == EXIT_DONE)
		code = ctl_call(c, "GET", "/v1/faults", NULL, &answer);
	if (code != EXIT_DONE)
		return code;
	if (c->argc)
		keep_faults_of(answer, c->argv[0]);
	if (c->json)
		code = print_json(answer);
	else if (c->quiet)
		print_fault_names(answer);
	else if (!show_faults(c, answer))
		code = EXIT_FAILED;
	json_decref(answer);
	return code;
}

int run_show(struct ctl *c)
{
	json_t *proxy, *faults = NULL;
	int code = ctl_call(c, "GET", "/v1/proxies/{1}", NULL, &proxy);

	if (code != EXIT_DONE)
		return code;
	if (c->json)
		code = print_json(proxy);
	else if (c->quiet)
		puts(c->argv[0]);
	else if (show_members(c, proxy) && json_array_size(json_object_get(proxy, "faults")))
		code = ctl_call(c, "GET", "/v1/faults", NULL, &faults);
	if (faults) {
		keep_faults_of(faults, c->argv[0]);
		putchar('\n');
		show_faults(c, faults);
	}
	json_decref(faults);
	json_decref(proxy);
	return code;
}

/* By Toxiproxy's own paths: its servers, too, are asked. */
int run_toggle(struct ctl *c)
{
	json_t *proxy, *body, *answer = NULL;
	int code = ctl_call(c, "GET", "/proxies/{1}", NULL, &proxy);
	bool enable;

	if (code != EXIT_DONE)
		return code;
	enable = json_is_false(json_object_get(proxy, "enabled"));
	body = json_pack("{s:b}", "enabled", enable);
	code = ctl_call(c, "POST", "/proxies/{1}", body, &answer);
	if (code == EXIT_DONE && c->json)
		code = print_json(answer);
	else if (code == EXIT_DONE && !c->quiet)
		printf("Proxy %s is now %s\n", c->argv[0], enable ? "enabled" : "disabled");
	json_decref(answer);
	json_decref(body);
	json_decref(proxy);
	return code;
}

int run_version(struct ctl *c)
{
	json_t *answer;
	int code = ctl_call(c, "GET", "/v1/version", NULL, &answer);

	if (code == EXIT_DONE && c->json)
		code = print_json(answer);
	else if (code == EXIT_DONE && c->quiet)
		print_name(answer, "version");
	else if (code == EXIT_DONE)
		show_members(c, answer);
	if (!c->json && !c->quiet)
		printf("this program is deadpeer " DEADPEER_VERSION "\n");
	json_decref(answer);
	return code;
}

/* One that is a text, as it is. */
static int print_text(struct ctl *c, const char *path)
{
	const struct request r = { .method = "GET", .path = path };
	struct answer a;
	int code = ctl_send(c, &r, &a);

	if (code == EXIT_DONE && !c->quiet) {
		fputs(a.body, stdout);
		if (*a.body && a.body[strlen(a.body) - 1] != '\n')
			putchar('\n');
	}
	answer_free(&a);
	return code;
}

int run_health(struct ctl *c)
{
	json_t *ready;
	int code;

	if (!c->json)
		return print_text(c, "/readyz");
	c->quiet = true;
	code = print_text(c, "/readyz");
	ready = json_pack("{s:b}", "ready", true);
	if (code == EXIT_DONE)
		code = print_json(ready);
	json_decref(ready);
	return code;
}

int run_config(struct ctl *c)
{
	return print_text(c, c->json ? "/v1/config" : "/v1/config?format=ini");
}

/* --- wait --- */

static void print_event(const struct ctl *c, const json_t *answer)
{
	char text[CELL_MAX], waited[64];
	json_t *event = json_object_get(answer, "event");

	printf("%s after %s: %s", c->argv[0],
	    ctl_value(waited, sizeof(waited), "waited_ns", json_object_get(answer, "waited_ns")),
	    ctl_value(text, sizeof(text), "event", json_object_get(event, "event")));
	ctl_print_fields(stdout, event);
	putchar('\n');
}

static int told(const struct ctl *c, const struct answer *a)
{
	json_t *answer = json_loads(a->body, 0, NULL);
	bool met = json_is_true(json_object_get(answer, "met"));

	if (c->json)
		puts(a->body);
	else if (met && !c->quiet)
		print_event(c, answer);
	else if (!met)
		fprintf(stderr, "%s: not %s in time\n", c->called, c->argv[0]);
	json_decref(answer);
	return met ? EXIT_DONE : EXIT_FAILED;
}

int run_wait(struct ctl *c)
{
	const char *timeout = ctl_flag(c, "timeout"), *want;
	int64_t ns = WAIT_DEFAULT_NS;
	struct request r = { .method = "GET" };
	struct answer a;
	char *path;
	int code;

	want = timeout ? units_parse_duration(timeout, &ns) : NULL;
	if (want) {
		ctl_wrong(c, "--timeout: expected %s, got \"%s\"", want, timeout);
		return EXIT_USAGE;
	}
	r.path = path = ctl_path(c, "/v1/wait?for={1}");
	if (!path)
		return EXIT_FAILED;
	r.limit_s = ns / 1000000000 + WAIT_MARGIN_S;
	client_call(&c->server, &r, &a);
	code = a.status == 200 || a.status == 408 ? told(c, &a) : ctl_judge(c, &r, &a);
	answer_free(&a);
	free(path);
	return code;
}
