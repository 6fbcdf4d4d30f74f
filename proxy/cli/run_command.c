/* The command: which it is, what it is told of the proxies, its start and its end. */
#include "cli/run.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool command_make(struct driver *run)
{
	const struct names *own = &run->scenario->command;
	size_t n = 0;

	if (!run->o.command && !own->count)
		return true;
	while (run->o.command && run->o.command[n])
		n++;
	run->command_words =
	    calloc((run->o.command ? n : own->count) + 1, sizeof(*run->command_words));
	if (!run->command_words)
		return false;
	if (run->o.command)
		memcpy(run->command_words, run->o.command, n * sizeof(*run->command_words));
	else
		memcpy(run->command_words, own->name, own->count * sizeof(*own->name));
	return true;
}

/* --- what the command is told --- */

/* "db-1" is DEADPEER_DB_1. */
static void set_variable(
    struct driver *run, const char *name, const char *suffix, const char *value)
{
	char variable[128];
	size_t n = (size_t)snprintf(variable, sizeof(variable), "DEADPEER_%s%s", name, suffix);

	for (size_t i = 0; i < n && i < sizeof(variable); i++)
		variable[i] = isalnum((unsigned char)variable[i])
				  ? (char)toupper((unsigned char)variable[i])
				  : '_';
	json_object_set_new(run->environment, variable, json_string(value));
}

static void tell_address(struct driver *run, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_MAX], host[ADDR_TEXT_MAX], port[8] = "";
	size_t n;

	addr_format(text, sizeof(text), a);
	set_variable(run, name, "", text);
	if (!run->command_words && !run->o.quiet) /* somebody else has to go there */
		driver_say(run, "%s listening on %s", name, text);
	snprintf(host, sizeof(host), "%s", text);
	if (a->kind == ADDR_UNIX) {
		set_variable(run, name, "_HOST", host + strlen("unix:"));
	} else {
		snprintf(port, sizeof(port), "%u", a->port);
		*strrchr(host, ':') = '\0';
		n = strlen(host);
		if (*host == '[' && n > 1)
			host[n - 1] = '\0';
		set_variable(run, name, "_HOST", *host == '[' ? host + 1 : host);
	}
	set_variable(run, name, "_PORT", port);
}

/* For the command and the watch. */
bool command_find_proxies(struct driver *run)
{
	run->environment = json_object();
	run->watch = watch_new(run);
	if (!run->environment || !run->watch)
		return false;
	for (unsigned i = 0; i < run->n_relays; i++) {
		const struct run_relay *r = &run->relays[i];
		const json_t *row;
		size_t k;

		json_array_foreach(r->proxies, k, row)
		{
			const char *name = json_string_value(json_object_get(row, "name"));
			struct addr a;
			bool any;

			if (!relay_address(r, row, &a, &any))
				continue;
			tell_address(run, name, &a);
			if (!watch_add(run->watch, name, &a, any))
				return false;
		}
	}
	set_variable(run, "ADMIN", "", run->relays[0].server.text);
	return true;
}

/* --- the command --- */

void command_ended(struct process *p)
{
	const bool signaled = WIFSIGNALED(p->status);

	driver_tell(p->run, "command.exited",
	    signaled ? json_pack("{s:s}", "signal", sigabbrev_np(WTERMSIG(p->status)))
		     : json_pack("{s:i}", "code", WEXITSTATUS(p->status)));
	if (p->run->player && !p->run->ended)
		player_stop(p->run->player, "the command has ended");
}

int command_start(struct driver *run)
{
	json_t *argv = json_array();
	char why[256], pid[16];

	if (!run->command_words)
		return json_decref(argv), 0;
	if (!process_start(
		&run->command, run->command_words, run->o.json ? STDERR_FILENO : STDOUT_FILENO)) {
		snprintf(why, sizeof(why), "%s", strerror(errno));
		driver_say(run, "%s: %s", run->command_words[0], why);
		json_decref(argv);
		return RUN_USAGE;
	}
	for (char **word = run->command_words; *word; word++)
		json_array_append_new(argv, json_string(*word));
	snprintf(pid, sizeof(pid), "%d", (int)run->command.pid);
	set_variable(run, "COMMAND_PID", "", pid); /* for what run= starts */
	driver_tell(run, "command.started",
	    json_pack("{s:i, s:o}", "pid", (int)run->command.pid, "argv", argv));
	watch_process(run->watch, run->command.pid);
	return 0;
}
