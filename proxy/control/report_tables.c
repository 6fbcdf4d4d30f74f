#include "control/report_tables.h"
#include "control/report_parts.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_CELL(name, key)                                                                       \
	static char *name(const json_t *o)                                                         \
	{                                                                                          \
		return strdup(part_text(o, key));                                                  \
	}
#define TIME_CELL(name, key, none)                                                                 \
	static char *name(const json_t *o)                                                         \
	{                                                                                          \
		return words_at(o, key, none);                                                     \
	}
#define NUMBER_CELL(name, key)                                                                     \
	static char *name(const json_t *o)                                                         \
	{                                                                                          \
		return words_make("%lld", (long long)part_int(o, key, 0));                         \
	}

TEXT_CELL(cell_result, "result")
TEXT_CELL(cell_expected, "expected")
TEXT_CELL(cell_actual, "actual")
TEXT_CELL(cell_margin, "margin")
TEXT_CELL(cell_message, "message")
TEXT_CELL(cell_shape, "shape")
TEXT_CELL(cell_against, "against")
TEXT_CELL(cell_proxy, "proxy")
TEXT_CELL(cell_fault, "fault")
TEXT_CELL(cell_name, "name")
TEXT_CELL(cell_type, "type")
TEXT_CELL(cell_side, "side")
TEXT_CELL(cell_grade, "grade")
TEXT_CELL(cell_refused, "refused")
TEXT_CELL(cell_admin, "admin")
TEXT_CELL(cell_version, "version")
TEXT_CELL(cell_wire, "wire")
TIME_CELL(cell_at, "at_ns", "")
TIME_CELL(cell_recovered, "recovered_ns", "not")
TIME_CELL(cell_lifted, "lifted_ns", "not")
TIME_CELL(cell_active, "active_ns", "never")
TIME_CELL(cell_planned, "planned_ns", "")
TIME_CELL(cell_began, "began_ns", "")
TIME_CELL(cell_ended, "ended_ns", "")
TIME_CELL(cell_first_after, "first_after_ns", "never")
TIME_CELL(cell_full_after, "full_after_ns", "never")
TIME_CELL(cell_skew, "skew_ns", "")
TIME_CELL(cell_rtt, "rtt_ns", "")
NUMBER_CELL(cell_session, "session")
NUMBER_CELL(cell_cases, "cases")
NUMBER_CELL(cell_before, "sessions_before")
NUMBER_CELL(cell_struck, "sessions")
NUMBER_CELL(cell_segments, "segments")
NUMBER_CELL(cell_events_lost, "events_lost")

/* --- expectations --- */

static char *cell_place(const json_t *e)
{
	return words_make("%s:%lld", part_text(e, "file"), (long long)part_int(e, "line", 0));
}

/* What holds is said by its numbers already. */
static char *cell_meaning(const json_t *e)
{
	return strcmp(part_text(e, "result"), "pass") ? cell_message(e) : strdup("");
}

static const struct table_column expectation_columns[] = {
	{ "result", cell_result, false, true },
	{ "expectation", words_expectation },
	{ "expected", cell_expected },
	{ "actual", cell_actual },
	{ "margin", cell_margin },
	{ "cases", cell_cases, true },
	{ "where", cell_place, true },
	{ "what that means", cell_meaning, true },
	{ NULL },
};

/* --- deaths --- */

static char *cell_lost(const json_t *d)
{
	const json_t *lost = json_object_get(d, "lost");

	return words_make("%lld up, %lld down", (long long)part_int(lost, "upstream", 0),
	    (long long)part_int(lost, "downstream", 0));
}

static char *cell_watcher(const json_t *d)
{
	return words_make("%s of %s", part_text(d, "watcher"), part_text(d, "proxy"));
}

static char *cell_death_fault(const json_t *d)
{
	return words_make("%s (%s)", part_text(d, "fault"), part_text(d, "type"));
}

static char *cell_segments_seen(const json_t *d)
{
	size_t resent = json_array_size(part_list(d, "retransmissions"));
	size_t probes = json_array_size(part_list(d, "probes"));

	if (resent && probes)
		return words_make("%zu resent, %zu probes", resent, probes);
	if (resent || probes)
		return words_make("%zu %s", resent + probes, resent ? "resent" : "probes");
	return strdup("nothing");
}

static char *cell_zombie(const json_t *d)
{
	return strdup(json_is_true(json_object_get(d, "zombie")) ? "zombie" : "");
}

static bool is_surprise(const json_t *d)
{
	const char *against = part_text(d, "against");

	return json_is_true(json_object_get(d, "zombie")) || !part_has(d, "detected") ||
	       !strcmp(against, "sooner") || !strcmp(against, "later");
}

static char *cell_settings(const json_t *d)
{
	return strdup(part_text(json_object_get(d, "predicted"), "settings"));
}

static const struct table_column death_columns[] = {
	{ "session", cell_session },
	{ "client", words_client },
	{ "watcher", cell_watcher, true },
	{ "fault", cell_death_fault },
	{ "at", cell_at, true },
	{ "shape", cell_shape },
	{ "predicted", words_predicted },
	{ "measured", words_detected },
	{ "against", cell_against },
	{ "left behind", cell_zombie },
	{ "settings", cell_settings, true },
	{ "seen while silent", cell_segments_seen, true },
	{ "recovered after", cell_recovered, true },
	{ "bytes lost", cell_lost, true },
	{ NULL },
};

/* --- how they came back --- */

static const json_t *reconnect_of(const json_t *d)
{
	return json_object_get(d, "reconnect");
}

static char *cell_attempts(const json_t *d)
{
	return words_make("%lld", (long long)part_int(reconnect_of(d), "attempts", 0));
}

static char *cell_first_delay(const json_t *d)
{
	return words_at(reconnect_of(d), "first_delay_ns", "");
}

#define GAPS_SHOWN 4

static char *cell_gaps(const json_t *d)
{
	const json_t *gaps = part_list(reconnect_of(d), "gaps_ns"), *gap;
	char *text = strdup(""), buf[40];
	size_t i;

	json_array_foreach(gaps, i, gap)
	{
		char *longer = words_make("%s%s%s", text ? text : "", i ? ", " : "",
		    i == GAPS_SHOWN ? "..."
				    : words_duration(buf, sizeof(buf), json_integer_value(gap)));

		free(text);
		text = longer;
		if (i == GAPS_SHOWN)
			break;
	}
	return text;
}

static char *real_cell(const json_t *d, const char *key, const char *format_suffix, double factor)
{
	if (!part_has(reconnect_of(d), key))
		return strdup("");
	return words_make("%.3g%s", part_real(reconnect_of(d), key, 0) * factor, format_suffix);
}

static char *cell_growth(const json_t *d)
{
	return real_cell(d, "growth", " x", 1);
}

static char *cell_jitter(const json_t *d)
{
	return real_cell(d, "jitter", " %", 100);
}

static char *cell_parallel(const json_t *d)
{
	return words_make("%lld", (long long)part_int(reconnect_of(d), "parallel", 0));
}

static char *cell_connected(const json_t *d)
{
	return words_at(reconnect_of(d), "connected_ns", "never");
}

static bool has_reconnect(const json_t *d)
{
	return json_is_object(reconnect_of(d));
}

static const struct table_column reconnect_columns[] = {
	{ "session", cell_session },
	{ "client", words_client },
	{ "attempts", cell_attempts },
	{ "first after", cell_first_delay },
	{ "gaps", cell_gaps },
	{ "growth", cell_growth },
	{ "jitter", cell_jitter },
	{ "at once", cell_parallel, true },
	{ "accepted at", cell_connected },
	{ NULL },
};

static char *cell_storm(const json_t *r)
{
	return words_make("%.3g a second", part_real(r, "storm", 0));
}

static const struct table_column recovery_columns[] = {
	{ "fault", cell_fault },
	{ "proxy", cell_proxy },
	{ "ended at", cell_lifted },
	{ "sessions before", cell_before },
	{ "first bytes after", cell_first_after },
	{ "all back after", cell_full_after },
	{ "attempts, at most", cell_storm },
	{ NULL },
};

/* --- the run --- */

static const struct table_column step_columns[] = {
	{ "result", cell_result, false, true },
	{ "step", words_step },
	{ "planned", cell_planned },
	{ "began", cell_began },
	{ "ended", cell_ended },
	{ "message", cell_message },
	{ NULL },
};

static const struct table_column fault_columns[] = {
	{ "fault", cell_name },
	{ "type", cell_type },
	{ "side", cell_side },
	{ "grade", cell_grade },
	{ "from", cell_active },
	{ "until", cell_lifted },
	{ "sessions struck", cell_struck },
	{ "segments dropped", cell_segments },
	{ "refused", cell_refused },
	{ NULL },
};

static const struct table_column relay_columns[] = {
	{ "relay", cell_name },
	{ "admin", cell_admin },
	{ "version", cell_version },
	{ "wire", cell_wire },
	{ "clock ahead", cell_skew },
	{ "known to", cell_rtt },
	{ "events lost", cell_events_lost },
	{ NULL },
};

const struct report_table table_expectations = { "expectations", "Expectations", "expectations",
	"Nothing was expected.", expectation_columns, TABLE_ALL };
const struct report_table table_deaths = { "deaths", "Deaths: predicted against measured", "deaths",
	"No session was struck.", death_columns, 20, NULL, is_surprise };
const struct report_table table_reconnects = { "deaths", "Reconnects", "reconnects", NULL,
	reconnect_columns, 5, has_reconnect };
const struct report_table table_recoveries = { "recoveries", "Recoveries", "recoveries", NULL,
	recovery_columns, 5 };
const struct report_table table_steps = { "steps", "Steps", "steps", NULL, step_columns, 20 };
const struct report_table table_faults = { "faults", "Faults", "faults", NULL, fault_columns, 20 };
static bool is_running(const json_t *relay)
{
	return strcmp(part_text(relay, "name"), "own") != 0;
}

const struct report_table table_relays = { "relays", "Relays", "relays", NULL, relay_columns, 20 };
const struct report_table table_running = { "relays", "Relays", "relays", NULL, relay_columns, 20,
	is_running };

const json_t **table_rows(const struct report_table *t, const json_t *verdict, size_t *n)
{
	const json_t *list = part_list(verdict, t->list), *row;
	const json_t **rows = calloc(json_array_size(list) + 1, sizeof(*rows));
	size_t i;

	*n = 0;
	for (int first = 1; rows && first >= 0; first--)
		json_array_foreach(list, i,
		    row) if ((!t->wants || t->wants(row)) && (t->first && t->first(row)) == first)
		    rows[(*n)++] = row;
	return rows;
}

const char *table_row_result(const struct report_table *t, const json_t *row)
{
	if (t->columns[0].is_result)
		return part_text(row, "result");
	if (t == &table_deaths && json_is_true(json_object_get(row, "zombie")))
		return "fail";
	return t == &table_faults && part_has(row, "refused") ? "error" : "";
}
