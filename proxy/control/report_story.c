#include "control/report_story.h"
#include "control/report_parts.h"
#include <stdlib.h>
#include <string.h>

#define BEATS_MAX  32
#define COUNT_MOST 1000000000 /* of one mark; sums of them are shown */

/* What a mark is on the client's leg; on the server's, the server stands in the client's place. */
static const struct sight {
	const char *kind;
	enum story_shape shape;
	enum story_place from, to;
	const char *words;
} sights[] = {
	{ "syn", STORY_ARROW, STORY_CLIENT, STORY_RELAY, "SYN" },
	{ "open", STORY_ARROW, STORY_RELAY, STORY_CLIENT, "accepted" },
	{ "connected", STORY_ARROW, STORY_RELAY, STORY_CLIENT, "connected" },
	{ "data", STORY_BOTH, STORY_CLIENT, STORY_RELAY, "data" },
	{ "silence", STORY_BAND, STORY_CLIENT, STORY_SERVER, "the fault strikes" },
	{ "retransmission", STORY_LOST, STORY_CLIENT, STORY_RELAY, "retransmission" },
	{ "probe", STORY_LOST, STORY_CLIENT, STORY_RELAY, "keepalive probe" },
	{ "fin", STORY_ARROW, STORY_CLIENT, STORY_RELAY, "FIN" },
	{ "rst", STORY_ARROW, STORY_CLIENT, STORY_RELAY, "RST" },
	{ "gone", STORY_NOTE, STORY_CLIENT, STORY_CLIENT, "socket gone" },
	{ "closed", STORY_NOTE, STORY_RELAY, STORY_RELAY, "session ends" },
	{ "lifted", STORY_BAND, STORY_CLIENT, STORY_SERVER, "the fault ends" },
	/* attempts, by their outcome */
	{ "accepted", STORY_ARROW, STORY_CLIENT, STORY_RELAY, "connects anew" },
	{ "refused", STORY_ARROW, STORY_CLIENT, STORY_RELAY, "SYN, refused" },
	{ "unanswered", STORY_LOST, STORY_CLIENT, STORY_RELAY, "SYN, no answer" },
	{ "unknown", STORY_ARROW, STORY_CLIENT, STORY_RELAY, "tries to connect" },
	{ "recovered", STORY_BAND, STORY_CLIENT, STORY_SERVER, "bytes both ways again" },
};

static enum story_place turned(enum story_place place, bool is_server_leg)
{
	return place == STORY_CLIENT && is_server_leg ? STORY_SERVER : place;
}

static bool tell(
    struct story *s, const char *kind, bool is_server_leg, int64_t at_ns, const json_t *o)
{
	const struct sight *sight = sights;
	size_t n = sizeof(sights) / sizeof(*sights);
	struct beat *b;

	while (n && strcmp(sight->kind, kind) != 0)
		sight++, n--;
	if (!n)
		return true;
	b = realloc(s->beats, (s->n + 1) * sizeof(*s->beats));
	if (!b)
		return false;
	s->beats = b;
	b[s->n++] = (struct beat){
		.at_ns = at_ns,
		.until_ns = at_ns,
		.shape = sight->shape,
		.from = turned(sight->from, is_server_leg),
		.to = sight->shape == STORY_BAND ? sight->to : turned(sight->to, is_server_leg),
		.words = sight->words,
		.more = part_text(o, "text"),
		.count = part_int(o, "count", 1),
	};
	if (b[s->n - 1].count < 1 || b[s->n - 1].count > COUNT_MOST)
		b[s->n - 1].count = 1;
	return true;
}

static bool tell_marks(struct story *s)
{
	const json_t *mark;
	size_t i;

	json_array_foreach(part_list(s->session, "marks"), i,
	    mark) if (!tell(s, part_text(mark, "kind"), !strcmp(part_text(mark, "leg"), "server"),
			  part_int(mark, "at_ns", 0), mark)) return false;
	return true;
}

static bool tell_attempts(struct story *s, const json_t *verdict)
{
	int64_t struck_ns = part_int(s->death, "at_ns", 0);
	const char *proxy = part_text(s->session, "proxy");
	char *who = part_who(s->session);
	const json_t *attempt;
	bool told = who;
	size_t i;

	json_array_foreach(part_list(verdict, "attempts"), i, attempt)
	{
		char *other = part_who(attempt);

		if (other && told && part_int(attempt, "at_ns", 0) > struck_ns &&
		    !strcmp(who, other) && !strcmp(part_text(attempt, "proxy"), proxy))
			told = tell(s, part_text(attempt, "outcome"), false,
			    part_int(attempt, "at_ns", 0), NULL);
		free(other);
	}
	free(who);
	if (told && part_has(s->death, "until_ns") && part_has(s->death, "recovered_ns"))
		told = tell(s, "recovered", false,
		    part_int(s->death, "until_ns", 0) + part_int(s->death, "recovered_ns", 0),
		    NULL);
	return told;
}

/* By time; what was told first stays first. */
static void sort(struct story *s)
{
	for (size_t i = 1; i < s->n; i++) {
		struct beat b = s->beats[i];
		size_t at = i;

		for (; at > 0 && s->beats[at - 1].at_ns > b.at_ns; at--)
			s->beats[at] = s->beats[at - 1];
		s->beats[at] = b;
	}
}

static bool is_the_same(const struct beat *a, const struct beat *b)
{
	return a->words == b->words && a->from == b->from && a->to == b->to &&
	       a->shape != STORY_BAND && !strcmp(a->more, b->more);
}

static void merge(struct story *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (n && is_the_same(&s->beats[n - 1], &s->beats[i])) {
			s->beats[n - 1].until_ns = s->beats[i].at_ns;
			s->beats[n - 1].count += s->beats[i].count;
		} else {
			s->beats[n++] = s->beats[i];
		}
	}
	s->left_out = n > BEATS_MAX ? n - BEATS_MAX : 0;
	s->n = n - s->left_out;
}

/* Of the deaths, the one that came first and whose session is known. */
static void find_first(const json_t *verdict, struct story *s)
{
	const json_t *deaths = part_list(verdict, "deaths"), *session;
	size_t i, n;

	for (n = 0; n < json_array_size(deaths) && !s->session; n++) {
		s->death = json_array_get(deaths, n);
		json_array_foreach(part_list(verdict, "sessions"), i, session)
		{
			if (part_int(session, "id", -1) != part_int(s->death, "session", -2) ||
			    strcmp(part_text(session, "relay"), part_text(s->death, "relay")) != 0)
				continue;
			s->session = session;
			break;
		}
	}
}

bool story_make(const json_t *verdict, struct story *s)
{
	*s = (struct story){ 0 };
	find_first(verdict, s);
	if (!s->session)
		return false;
	if (!tell_marks(s) || !tell_attempts(s, verdict)) {
		story_free(s);
		return false;
	}
	sort(s);
	merge(s);
	return true;
}

void story_free(struct story *s)
{
	free(s->beats);
	*s = (struct story){ 0 };
}
