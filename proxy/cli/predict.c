/* deadpeer predict: finds the settings, asks the model, and says what it said. */
#include "cli/predict.h"
#include "cli/cli.h"
#include <stdio.h>
#include <sys/utsname.h>

static bool is_live(const struct predict_query *q)
{
	return q->n_pids || q->connect.kind != ADDR_NONE;
}

/* Of a connection, what has most to say about its settings. */
unsigned predict_deaths(const struct predict_query *q)
{
	if (q->deaths)
		return q->deaths;
	return is_live(q) || (q->schedule && !q->deaths) ? 1u << PREDICT_POWER_LOSS : ~0u;
}

unsigned predict_whens(const struct predict_query *q)
{
	return q->whens ? q->whens : ~0u;
}

const char *predict_source(const struct predict_query *q, char *buf, size_t size)
{
	const char *flags = q->n_flags ? ", and flags" : "";
	struct utsname u = { 0 };

	(void)uname(&u);
	if (is_live(q))
		snprintf(buf, size, "the connection's own%s", flags);
	else if (q->os >= 0)
		snprintf(buf, size, "defaults of %s%s%s", predict_os_names[q->os],
		    q->os == PREDICT_LINUX ? "" : " (estimates)", flags);
	else
		snprintf(buf, size, "this machine's (%s %s)%s", u.sysname, u.release, flags);
	return buf;
}

int predict_main(int argc, char **argv)
{
	struct predict_subjects all;
	struct predict_query query;
	char why[PREDICT_WHY_MAX];
	enum predict_parsed parsed = predict_parse(argc, argv, &query);
	bool printed = true;

	if (parsed != PREDICT_RUN)
		return parsed == PREDICT_HELP ? EXIT_DONE : EXIT_USAGE;
	if (!predict_find(&query, &all, why)) {
		predict_free(&all);
		return cli_usage_error("predict", "%s", why);
	}
	if (query.json)
		printed = predict_print_json(&query, &all);
	else
		predict_show(&query, &all);
	predict_free(&all);
	return cli_finish("predict", printed);
}
