/* What time it is here, and faults for an instant that a caller names: several relays, each on its
 * own machine, can so strike at one. */
#include "admin/native.h"
#include "base/mono.h"

#define AT_PAST_NS   (5 * NS_PER_S)
#define AT_AHEAD_NS  (3600 * NS_PER_S)
#define DELAY_MAX_NS (INT64_C(10000) * 86400 * NS_PER_S) /* what units.h reads back */

void native_time(struct call *c)
{
	int64_t mono_ns = mono_now_ns(), wall_ns = mono_wall_ns();
	char wall[31];

	mono_format_wall_ns(wall, wall_ns);
	reply_json(c, 200,
	    json_pack("{s:I, s:s, s:I}", "mono_ns", (json_int_t)mono_ns, "wall", wall, "wall_ns",
		(json_int_t)wall_ns));
}

bool native_set_at(struct edit *e, struct fault_spec *f, const char *at)
{
	int64_t at_ns, now_ns = mono_wall_ns(), ahead_ns;
	const char *want = mono_parse_wall(at, &at_ns);
	char now[31];

	if (want)
		return edit_fail(e, EDIT_BAD, "at: expected %s, got \"%.64s\"", want, at);
	mono_format_wall_ns(now, now_ns);
	if (at_ns < now_ns - AT_PAST_NS)
		return edit_fail(
		    e, EDIT_BAD, "at: %s is more than 5 s ago: it is %s here", at, now);
	if (at_ns > now_ns + AT_AHEAD_NS)
		return edit_fail(
		    e, EDIT_BAD, "at: %s is more than 1 h ahead: it is %s here", at, now);
	ahead_ns = at_ns - now_ns + f->delay_ns;
	if (ahead_ns > DELAY_MAX_NS)
		return edit_fail(
		    e, EDIT_BAD, "delay: expected a duration of at most 10000d after at");
	f->delay_ns = ahead_ns > 0 ? ahead_ns : 0;
	return true;
}
