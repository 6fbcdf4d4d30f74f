/* What is said of it in the end: the verdict for people or programs, and the reports. */
#include "base/mono.h"
#include "cli/look.h"
#include "cli/predict.h"
#include "cli/run.h"
#include "control/journal_read.h"
#include "control/report.h"
#include "control/verdict.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT_MAX (1u << 20)

/* "": it came through a pipe. */
char *driver_read_text(const char *path)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : NULL;
	char *text = calloc(1, TEXT_MAX + 1);

	if (in && text)
		(void)!fread(text, 1, TEXT_MAX, in);
	if (in)
		fclose(in);
	return text;
}

static json_t *judge(struct driver *run)
{
	struct predict_settings system;
	struct utsname u;
	struct run_about about = {
		.version = DEADPEER_VERSION,
		.kernel = u.release,
		.started = run->started,
		.seed = run->seed,
		.command = run->command_words,
		.replay = run->replay,
		.config_text = run->text ? run->text : "",
		.system = &system,
		.signal = run->signal,
	};
	json_t *verdict;

	uname(&u);
	predict_kernel(&system);
	verdict = verdict_judge(run->scenario, &run->journal, &about);
	return verdict;
}

bool driver_may_report(struct driver *run)
{
	const char *dir = run->o.report;

	if (dir && ((mkdir(dir, 0777) && errno != EEXIST) || access(dir, W_OK | X_OK))) {
		driver_say(run, "%s: %s", dir, strerror(errno));
		return false;
	}
	return true;
}

static bool report(struct driver *run, const json_t *verdict)
{
	const char *failed = NULL;
	char path[4096];

	if (!report_all(verdict, run->o.report, &failed)) {
		driver_say(
		    run, "%s: %s: %s", run->o.report, failed ? failed : "?", strerror(errno));
		return false;
	}
	snprintf(path, sizeof(path), "%s/events.ndjson", run->o.report);
	if (journal_write(&run->journal, path))
		return true;
	driver_say(run, "%s: %s", path, strerror(errno));
	return false;
}

static bool print(const struct driver *run, const json_t *verdict)
{
	if (!run->o.json)
		return report_text(verdict, stdout, look_of(STDOUT_FILENO).color,
		    look_columns(STDOUT_FILENO, 100));
	return json_dumpf(verdict, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
}

int driver_judge(struct driver *run)
{
	json_t *verdict = run->no_memory ? NULL : judge(run);
	int code;

	if (!verdict) {
		driver_say(run, "out of memory");
		return RUN_FAIL;
	}
	code = verdict_exit_code(verdict);
	if (!print(run, verdict) || fflush(stdout)) {
		driver_say(run, "standard output: %s", strerror(errno));
		code = code ? code : RUN_FAIL;
	}
	if (run->o.report && !report(run, verdict))
		code = code ? code : RUN_USAGE;
	json_decref(verdict);
	return code;
}

/* --- once more --- */

static const struct record *find(const struct journal *j, const char *event)
{
	for (size_t i = 0; i < j->count; i++)
		if (!strcmp(j->records[i].event, event))
			return &j->records[i];
	return NULL;
}

/* Borrowed from the journal. */
static bool find_command(struct driver *run)
{
	const struct record *r = find(&run->journal, "command.started");
	const json_t *argv = r ? json_object_get(r->fields, "argv") : NULL, *word;
	size_t i;

	if (!json_array_size(argv))
		return true;
	run->command_words = calloc(json_array_size(argv) + 1, sizeof(*run->command_words));
	if (!run->command_words)
		return false;
	json_array_foreach(argv, i, word)
	{
		if (!json_is_string(word))
			break;
		run->command_words[i] = (char *)(uintptr_t)json_string_value(word);
	}
	return true;
}

static bool find_about(struct driver *run, const char *path)
{
	const struct record *zero = find(&run->journal, "run.zero"),
			    *end = find(&run->journal, "run.end");
	const char *started = zero ? record_text(zero, "started") : NULL;

	if (!zero || !end) {
		driver_say(run, "%s: expected a run's events.ndjson: it has no %s", path,
		    zero ? "run.end" : "run.zero");
		return false;
	}
	snprintf(run->started, sizeof(run->started), "%s", started ? started : "");
	run->seed = (uint64_t)record_int(zero, "seed", 0);
	run->signal = (int)record_int(end, "signal", 0);
	return true;
}

int driver_judge_again(struct driver *run)
{
	char *why;

	if (!journal_read(&run->journal, run->o.judge, &why)) {
		driver_say(run, "%s", why ? why : strerror(ENOMEM));
		free(why);
		return RUN_USAGE;
	}
	if (!find_about(run, run->o.judge))
		return RUN_USAGE;
	if (asprintf(&run->replay, "deadpeer run %s --judge %s", run->o.file, run->o.judge) < 0)
		run->replay = NULL;
	run->no_memory = !run->replay || !find_command(run);
	return driver_judge(run);
}
