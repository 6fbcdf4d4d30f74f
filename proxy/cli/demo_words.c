/* Everything the demo says of a cell, in at most 19 characters a line. */
#include "base/units.h"
#include "cli/demo_show.h"
#include "kernel/socket.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *words_saw(int what)
{
	static const char *const words[] = {
		[-SAW_EOF] = "EOF",
		[-SAW_CONNECTED] = "connected",
		[-SAW_ECHO] = "echoed",
		[-SAW_ACK] = "ACKed only",
		[-SAW_SILENCE] = "unanswered",
		[-SAW_CARRIED_ON] = "carried on",
		[-SAW_BLOCKED] = "zero window",
	};

	return what > 0 ? strerrorname_np(what) : words[-what];
}

char *words_event(char *buf, const struct seen *seen)
{
	if (seen->at_s < 1)
		snprintf(buf, WORDS_MAX, "%s %.0f ms", words_saw(seen->what), seen->at_s * 1000);
	else
		snprintf(buf, WORDS_MAX, "%s %.1f s", words_saw(seen->what), seen->at_s);
	return buf;
}

/* What a poked peer was told comes after a long nothing. */
static bool is_poked(const struct peer *p)
{
	return p->poked_at && (!p->n_seen || p->seen[0].at_s >= DEMO_POKE_S);
}

static char *queue_words(char *buf, const struct peer *p, int n)
{
	if (n == 0)
		snprintf(buf, WORDS_MAX, "%d connect at once", DEMO_CALLERS);
	else if (p->n_seen)
		snprintf(buf, WORDS_MAX, "#%d %s %.1f s", DEMO_CALLERS + 1,
		    words_saw(p->seen[0].what), p->seen[0].at_s);
	return buf;
}

static char *poked_words(char *buf, const struct peer *p, int n)
{
	if (n == 0)
		snprintf(buf, WORDS_MAX, "nothing for %.1f s", DEMO_POKE_S);
	else
		snprintf(buf, WORDS_MAX, "1 byte: %s",
		    words_saw(p->n_seen ? p->seen[0].what : SAW_SILENCE));
	return buf;
}

char *words_seen(char *buf, const struct peer *p, int n)
{
	char size[32];

	*buf = '\0';
	if (n > 1)
		return buf;
	if (p->cell->callers)
		return queue_words(buf, p, n);
	if (is_poked(p))
		return poked_words(buf, p, n);
	if (n < p->n_seen)
		words_event(buf, &p->seen[n]);
	else if (n == 0)
		snprintf(buf, WORDS_MAX, "nothing for %.1f s", DEMO_LASTS_S);
	else if (p->cell->proof == PROOF_INTACT && p->sends)
		snprintf(buf, WORDS_MAX, "%s, none lost",
		    units_format_size(size, sizeof(size), p->echoed));
	return buf;
}

char *words_state(char *buf, const struct peer *p)
{
	const char *state = socket_state_name(p->now.state);
	const struct sight *since = p->n_seen ? &p->blocked : &p->before;

	switch (p->cell->proof) {
	case PROOF_ANSWERED:
		snprintf(buf, WORDS_MAX, "%s %u ACKs", state, p->now.segs_in - since->segs_in);
		break;
	case PROOF_UNANSWERED:
		snprintf(buf, WORDS_MAX, "%s %u lost", state,
		    p->now.total_retrans - p->before.total_retrans);
		break;
	default:
		snprintf(buf, WORDS_MAX, "%s", state);
	}
	return buf;
}

char *words_time(char *buf, double s)
{
	static const struct {
		long seconds;
		const char *name, *part;
	} units[] = { { 3600, "h", "min" }, { 60, "min", "s" } };
	int u = s < 3600;
	long whole = lround(s), rest;

	if (s < 60) {
		snprintf(buf, WORDS_MAX, "%.4g s", s);
		return buf;
	}
	rest = whole % units[u].seconds / (units[u].seconds / 60);
	snprintf(buf, WORDS_MAX, rest ? "%ld %s %ld %s" : "%ld %s", whole / units[u].seconds,
	    units[u].name, rest, units[u].part);
	return buf;
}

char *words_usual(char *buf, enum usual u, const struct defaults *d)
{
	static const struct {
		const char *text; /* with %s: and a time */
		size_t seconds;   /* its place in struct defaults */
	} usual[USUAL_COUNT] = {
		[USUAL_AT_ONCE] = { "at once" },
		[USUAL_NEVER] = { "never by itself" },
		[USUAL_ALIVE] = { "never: it is alive" },
		[USUAL_KEEPALIVE] = { "%s", offsetof(struct defaults, keepalive_s) },
		[USUAL_RETRIES] = { "%s", offsetof(struct defaults, sending_s) },
		[USUAL_SYN] = { "%s", offsetof(struct defaults, connecting_s) },
		[USUAL_PROBE] = { "1st probe at %s", offsetof(struct defaults, first_probe_s) },
		[USUAL_RETRANSMISSION] = { "boot + <= %s", offsetof(struct defaults, rto_max_s) },
		[USUAL_BOOT] = { "boot and service" },
		[USUAL_RESTART] = { "at the restart" },
		[USUAL_HEALS_ALWAYS] = { "whenever it heals" },
		[USUAL_HEALS_KEEPALIVE] = { "if < %s", offsetof(struct defaults, keepalive_s) },
		[USUAL_HEALS_RETRIES] = { "if < %s", offsetof(struct defaults, sending_s) },
		[USUAL_HEALS_SYN] = { "if < %s", offsetof(struct defaults, connecting_s) },
	};
	const char *text = usual[u].text, *mark = strstr(text, "%s");
	char time[WORDS_MAX];
	double seconds;

	if (!mark) {
		snprintf(buf, WORDS_MAX, "%s", text);
		return buf;
	}
	memcpy(&seconds, (const char *)d + usual[u].seconds, sizeof(seconds));
	snprintf(buf, WORDS_MAX, "%.*s%s%s", (int)(mark - text), text, words_time(time, seconds),
	    mark + 2);
	return buf;
}
