#include "base/mono.h"
#include "base/rng.h"
#include "model/conf.h"
#include "scratch.h"
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

Suite *conf_suite(void);

/* ---- a catalogue of our own: these tests must not change with the real one ---- */

static const struct field reboot_params[] = {
	{ .key = "down",
	    .kind = FIELD_DURATION,
	    .initial = "30s",
	    .min = NS_PER_MS,
	    .max = 3600 * NS_PER_S },
	{ .key = "service_delay", .kind = FIELD_DURATION, .offset = 8, .initial = "5s" },
	{ .key = NULL },
};
static const struct refusal reboot_refusals[] = { { "duration", "down says it" }, { 0 } };
static const struct refusal refuse_refusals[] = { { "after_bytes", "there is no session yet" },
	{ "toxicity", "a port is for all" }, { 0 } };

#define BIT(side) (1u << (side))
#define ALL_SIDES (BIT(SIDE_SERVER) | BIT(SIDE_CLIENT) | BIT(SIDE_BOTH))

static const struct fault_type power_loss = {
	.name = "power_loss", .sides = ALL_SIDES, .needs_wire = true, .gates = true
};
static const struct fault_type reboot = { .name = "reboot",
	.sides = BIT(SIDE_SERVER) | BIT(SIDE_CLIENT),
	.params = reboot_params,
	.refusals = reboot_refusals,
	.needs_wire = true };
static const struct fault_type refuse = {
	.name = "refuse", .sides = BIT(SIDE_SERVER), .refusals = refuse_refusals
};
static const struct fault_type reset = { .name = "reset", .sides = ALL_SIDES };

static const struct fault_type *const types[] = { &power_loss, &reboot, &refuse, &reset, NULL };

/* ---- helpers ---- */

static struct config *load_bytes(const void *data, size_t len, struct conf_errors *e)
{
	return conf_load(scratch_write("f.ini", data, len), types, e);
}

static struct config *load(const char *text, struct conf_errors *e)
{
	return load_bytes(text, strlen(text), e);
}

static struct config *must_load(const char *text)
{
	struct conf_errors e = { 0 };
	struct config *c = load(text, &e);

	ck_assert_msg(c != NULL, "%s", e.count ? e.message[0] : "no config and no error");
	ck_assert_uint_eq(e.count, 0);
	return c;
}

static void join(const struct conf_errors *e, char *out, size_t size)
{
	const char *prefix = scratch_path("f.ini");
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < e->count; i++) {
		const char *m = e->message[i];

		if (strncmp(m, prefix, strlen(prefix)) == 0)
			m += strlen(prefix);
		len += (size_t)snprintf(out + len, size - len, "%s\n", m);
	}
}

/* The errors of a file, without its path, a line each. */
static void assert_errors_bytes(const void *data, size_t len, const char *want)
{
	struct conf_errors e = { 0 };
	char got[8192];

	ck_assert_ptr_null(load_bytes(data, len, &e));
	join(&e, got, sizeof(got));
	ck_assert_str_eq(got, want);
	conf_errors_free(&e);
	ck_assert_uint_eq(e.count, 0);
}

static void assert_errors(const char *text, const char *want)
{
	assert_errors_bytes(text, strlen(text), want);
}

#define PROXY "[proxy p]\nlisten = 127.0.0.1:1\nupstream = 127.0.0.1:2\n" /* 3 lines */

/* ---- what is right ---- */

START_TEST(a_whole_file_is_read)
{
	struct config *c = must_load("; a comment\n"
				     "# another\n"
				     "[deadpeer]\n"
				     "seed = 42\n"
				     "log_level=debug ; inline\n"
				     "events = -\n"
				     "\n"
				     "[host db1]\n"
				     "title = The first; really ; gone\n"
				     "[proxy redis]\n"
				     "listen : 127.0.0.1:6380\n"
				     "upstream = localhost:6379\n"
				     "host = db1\n"
				     "[ proxy   echo ] ; blanks\n"
				     "  listen = unix:/run/echo\n"
				     "\tupstream=builtin:echo\n"
				     "[fault boom]\n"
				     "delay = 5s\n"
				     "down = 1s\n"
				     "host = db1\n"
				     "type = reboot\n"
				     "clients = 10.0.0.0/8\n"
				     "[fault bye]\n"
				     "type = reset\n"
				     "proxy = redis, echo\n"
				     "toxicity = 25%\n");

	ck_assert_uint_eq(c->settings.seed, 42);
	ck_assert_int_eq(c->settings.log_level, LOG_DEBUG);
	ck_assert_str_eq(c->settings.events, "-");
	ck_assert_uint_eq(c->n_hosts, 1);
	ck_assert_str_eq(c->hosts[0]->title, "The first; really");
	ck_assert_int_eq(c->hosts[0]->where.line, 8);
	ck_assert_uint_eq(c->n_proxies, 2);
	ck_assert_uint_eq(c->proxies[0]->listen.port, 6380);
	ck_assert_int_eq(c->proxies[0]->upstream.kind, ADDR_NAME);
	ck_assert_str_eq(c->proxies[0]->host, "db1");
	ck_assert_str_eq(c->proxies[1]->name, "echo");
	ck_assert_int_eq(c->proxies[1]->listen.kind, ADDR_UNIX);
	ck_assert_int_eq(c->proxies[1]->where.line, 14);
	ck_assert_uint_eq(c->n_faults, 2);
	ck_assert_ptr_eq(c->faults[0]->type, &reboot);
	ck_assert_int_eq(*(int64_t *)(void *)c->faults[0]->params.bytes, NS_PER_S);
	ck_assert_int_eq(c->faults[0]->delay_ns, 5 * NS_PER_S);
	ck_assert_uint_eq(c->faults[1]->proxies.count, 2);
	ck_assert_str_eq(c->file, scratch_path("f.ini"));
	ck_assert_str_eq(c->faults[1]->where.file, c->file);
	config_free(c);
}
END_TEST

START_TEST(line_ends_and_bom_do_not_matter)
{
	config_free(
	    must_load("\xef\xbb\xbf[proxy p]\r\nlisten = 127.0.0.1:1\r\nupstream = 127.0.0.1:2"));
}
END_TEST

START_TEST(a_section_name_may_be_long)
{
	char name[64] = { 0 }, text[512];

	memset(name, 'n', 63);
	snprintf(text, sizeof(text),
	    "[proxy %s]\nlisten = 127.0.0.1:1\nupstream = 127.0.0.1:2\n"
	    "[fault %s]\ntype = reset\nproxy = %s\n",
	    name, name, name);
	struct config *c = must_load(text);
	ck_assert_str_eq(c->proxies[0]->name, name);
	config_free(c);
}
END_TEST

/* ---- lines ---- */

static char *long_line(const char *start, size_t len, const char *end)
{
	static char text[1024];

	memset(text, 'x', len);
	memcpy(text, start, strlen(start));
	strcpy(text + len, end);
	return text;
}

START_TEST(a_line_of_199_bytes_is_whole)
{
	char file[4096];

	snprintf(file, sizeof(file), "%s[host h]\n%s", PROXY, long_line("title = ", 199, "\n"));
	struct config *c = must_load(file);
	ck_assert_uint_eq(strlen(c->hosts[0]->title), 199 - 8);
	config_free(c);
	snprintf(file, sizeof(file), "%s[host h]\r\n%s", PROXY, long_line("title = ", 199, "\r\n"));
	c = must_load(file);
	ck_assert_uint_eq(strlen(c->hosts[0]->title), 199 - 8);
	config_free(c);
	snprintf(file, sizeof(file), "%s[host h]\n%s", PROXY, long_line("title = ", 199, ""));
	config_free(must_load(file));
}
END_TEST

START_TEST(a_longer_line_is_an_error)
{
	char file[4096];

	snprintf(
	    file, sizeof(file), "%s[host h]\n%s[host]\n", PROXY, long_line("title = ", 200, "\n"));
	assert_errors(file,
	    ":5: [host h] expected a line of at most 199 bytes, got 200\n"
	    ":6: [host] expected a name of 1 to 63 letters, digits, '_', '.' or '-', got "
	    "\"\"\n");
	/* what such a line may have said is not called missing */
	snprintf(file, sizeof(file), "[proxy p]\n%supstream = 127.0.0.1:1\n",
	    long_line("listen = ", 300, "\n"));
	assert_errors(file, ":2: [proxy p] expected a line of at most 199 bytes, got 300\n");
	snprintf(file, sizeof(file), PROXY "[fault f]\n%s", long_line("type = ", 300, "\n"));
	assert_errors(file, ":5: [fault f] expected a line of at most 199 bytes, got 300\n");
	snprintf(file, sizeof(file), PROXY "%sx = 1\n", long_line("[host ", 300, "]\n"));
	assert_errors(file, ":4: [?] expected a line of at most 199 bytes, got 301\n");
}
END_TEST

/* inih would take what is behind byte 199 for a line of its own. */
START_TEST(a_long_comment_is_a_comment)
{
	char file[4096], *comment = long_line("; ", 600, "\n");

	memcpy(comment + 198, "\\= [x] seed = nonsense", 22);
	snprintf(file, sizeof(file), "%s%s[host h]\n#%s  ;%s", comment, PROXY, comment, comment);
	config_free(must_load(file));
}
END_TEST

static const struct {
	const char *text, *errors;
} bad_lines[] = {
	{ PROXY "backlog\n", ":4: [proxy p] expected KEY = VALUE, got \"backlog\"\n" },
	{ PROXY "backlog 5\nmax_sessions = 1\nx",
	    ":4: [proxy p] expected KEY = VALUE, got \"backlog 5\"\n"
	    ":6: [proxy p] expected KEY = VALUE, got \"x\"\n" },
	{ "seed = 1\n" PROXY, ":1: seed: expected a [SECTION] before the first key\n" },
	{ "seed\n" PROXY, ":1: expected KEY = VALUE, got \"seed\"\n" },
	{ PROXY "[host h\ntitle = x\n", ":4: expected [SECTION], got \"[host h\"\n" },
	{ PROXY "[host h] title = x\n",
	    ":4: [host h] expected nothing behind [SECTION], got \"title = x\"\n" },
	{ PROXY "host = a,\n  b\n",
	    ":5: [proxy p] expected KEY = VALUE, got \"b\"\n"
	    ":4: [proxy p] host: expected the name of a host, got \"a,\"\n" },
	{ PROXY " ; fine\n\t# fine\n   \n = 5\n", ":7: [proxy p] : unknown key\n" },
	{ PROXY "\x1b[31m\n", ":4: [proxy p] expected KEY = VALUE, got \"?[31m\"\n" },
	{ "[]\n", ":1: [] unknown section; expected [deadpeer], [host NAME], [proxy NAME] or "
		  "[fault NAME]\n" },
};

START_TEST(bad_lines_are_found)
{
	assert_errors(bad_lines[_i].text, bad_lines[_i].errors);
}
END_TEST

START_TEST(a_nul_byte_is_an_error)
{
	static const char text[] = PROXY "max_sessions = 5\0 0\n# a\0b\n";

	assert_errors_bytes(text, sizeof(text) - 1,
	    ":4: [proxy p] expected text, got \"a NUL byte\"\n"
	    ":5: [proxy p] expected text, got \"a NUL byte\"\n");
}
END_TEST

START_TEST(what_cannot_be_read_says_why)
{
	struct conf_errors e = { 0 };

	ck_assert_ptr_null(conf_load(scratch_path("none.ini"), types, &e));
	ck_assert_uint_eq(e.count, 1);
	ck_assert_ptr_nonnull(strstr(e.message[0], "none.ini: cannot be opened: No such file"));
	ck_assert_ptr_null(conf_load("/", types, &e));
	ck_assert_uint_eq(e.count, 2);
	ck_assert_str_eq(e.message[1], "/: cannot be read: Is a directory");
	conf_errors_free(&e);
}
END_TEST

/* Whatever is done to a right file, it is either right or wrong with a reason. */
START_TEST(any_bytes_are_right_or_explained)
{
	static const char whole[] =
	    "[deadpeer]\nseed = 4\nevents = -\n[host h]\ntitle = x\n" PROXY
	    "host = h\n[proxy u]\nlisten = unix:/a\nupstream = localhost:5\n[fault f]\ntype = "
	    "reboot\nproxy = p\ndown = 5s\ntoxicity = 25%\n[fault g]\ntype=reset\nhost=h\n";
	int right = 0;

	for (uint64_t n = 0; n < 1000; n++) {
		char text[sizeof(whole)];
		size_t len = sizeof(whole) - 1 - rng_bits(1, "cut", n) % 8;
		struct conf_errors e = { 0 };

		memcpy(text, whole, sizeof(text));
		for (uint64_t i = rng_bits(1, "changes", n) % 4; i > 0; i--) {
			const char *bytes = "[]=:;# \n\0\xff"
					    "0";

			text[rng_bits(i, "at", n) % len] = bytes[rng_bits(i, "byte", n) % 11];
		}
		struct config *c = load_bytes(text, len, &e);
		ck_assert_int_eq(c == NULL, e.count > 0);
		ck_assert(!c || conf_check(c, &e));
		right += c != NULL;
		conf_errors_free(&e);
		config_free(c);
	}
	ck_assert_int_gt(right, 30);
	ck_assert_int_lt(right, 900);
}
END_TEST

/* ---- sections, keys, values ---- */

static const struct {
	const char *text, *errors;
} bad_files[] = {
	/* sections */
	{ PROXY "[prxy q]\nlisten = x\n", ":4: [prxy q] unknown section (did you mean \"proxy\"?); "
					  "expected [deadpeer], [host NAME], "
					  "[proxy NAME] or [fault NAME]\n" },
	{ PROXY "[deadpeer x]\n", ":4: [deadpeer x] expected [deadpeer], without a name\n" },
	{ PROXY "[deadpeer]\nseed = 1\n[deadpeer]\nseed = 2\n",
	    ":6: [deadpeer] expected once in a file\n" },
	{ PROXY "[host a b]\n", ":4: [host a b] expected a name of 1 to 63 letters, digits, '_', "
				"'.' or '-', got \"a b\"\n" },
	{ PROXY "[host h]\n[host h]\n", ":5: [host h] expected a name of its own (line 4)\n" },
	{ PROXY "[proxy p]\nlisten = 127.0.0.1:3\nupstream = 127.0.0.1:2\n",
	    ":4: [proxy p] expected a name of its own (line 1)\n" },
	{ PROXY "[fault f]\ntype=reset\nproxy=*\n[fault f]\ntype=reset\nproxy=*\n",
	    ":7: [fault f] expected a name of its own (line 4)\n" },
	{ PROXY "[host p]\n", ":1: [proxy p] expected host=p or another name: without host= a "
			      "proxy is a host of its own, and "
			      "there is a [host p]\n" },
	/* keys */
	{ PROXY "conect_timeout = 5s\n",
	    ":4: [proxy p] conect_timeout: unknown key (did you mean \"connect_timeout\"?)\n" },
	{ PROXY "Listen = 127.0.0.1:5\n",
	    ":4: [proxy p] Listen: unknown key (did you mean \"listen\"?)\n" },
	{ PROXY "backlog = 5\nbacklog = 5\n",
	    ":5: [proxy p] backlog: expected once in a section\n" },
	{ PROXY "[deadpeer]\nsede = 1\n",
	    ":5: [deadpeer] sede: unknown key (did you mean \"seed\"?)\n" },
	{ PROXY "[fault f]\ntype = power_loss\nproxy = *\ndown = 5s\n",
	    ":7: [fault f] down: unknown key: power_loss does not take it, reboot does\n" },
	{ PROXY "[fault f]\ntpye = reset\nproxy = *\n",
	    ":4: [fault f] type: missing; expected one of power_loss, reboot, refuse, reset\n"
	    ":5: [fault f] tpye: unknown key (did you mean \"type\"?)\n" },
	{ PROXY "[fault f]\n",
	    ":4: [fault f] type: missing; expected one of power_loss, reboot, refuse, reset\n"
	    ":4: [fault f] missing; expected proxy=NAME, proxy=* or host=NAME, which say where it "
	    "acts\n" },
	{ PROXY "[fault f]\nproxy = *\ntype = powerloss\ndown = 5s\ndelay = 5\n",
	    ":6: [fault f] type: there is no \"powerloss\" (did you "
	    "mean \"power_loss\"?)\n"
	    ":8: [fault f] delay: expected a duration with a unit, such as 250ms, 5s or 2m, got "
	    "\"5\"\n" },
	{ PROXY "[fault f]\nproxy = *\ntype = reset\ntype = reset\n",
	    ":7: [fault f] type: expected once in a section\n" },
	/* lists in several lines */
	{ PROXY "[fault f]\ntype = reset\nproxy = p\nproxy = p\n",
	    ":6: [fault f] proxy: expected each name once (p is there twice), got \"p\"\n" },
	{ PROXY "[fault f]\ntype = reset\nproxy = p\nproxy = q\n",
	    ":6: [fault f] proxy: expected the name of a proxy, got \"q\" (did you mean "
	    "\"p\"?)\n" },
	/* values */
	{ PROXY "connect_timeout = 5\n", ":4: [proxy p] connect_timeout: expected a duration with "
					 "a unit, such as 250ms, 5s or 2m, got "
					 "\"5\"\n" },
	{ PROXY "connect_timeout =\n", ":4: [proxy p] connect_timeout: expected a duration with a "
				       "unit, such as 250ms, 5s or 2m, got "
				       "\"\"\n" },
	{ PROXY "backlog = 65536\n",
	    ":4: [proxy p] backlog: expected a whole number from 1 to 65535, got \"65536\"\n" },
	{ PROXY "[deadpeer]\nlog_level = debgu\n",
	    ":5: [deadpeer] log_level: expected error, warn, info or debug, got \"debgu\" (did you "
	    "mean "
	    "\"debug\"?)\n" },
	{ PROXY "[deadpeer]\nobserve_interval = 1ms\n",
	    ":5: [deadpeer] observe_interval: expected a duration from 10ms to 10s, got "
	    "\"1ms\"\n" },
	{ PROXY "[fault f]\ntype = reboot\nproxy = *\ndown = 2h\n",
	    ":7: [fault f] down: expected a duration from 1ms to 1h, got \"2h\"\n" },
	/* a proxy's addresses */
	{ "[proxy p]\n",
	    ":1: [proxy p] listen: missing; expected an address such as 127.0.0.1:6380\n"
	    ":1: [proxy p] upstream: missing; expected an address such as 127.0.0.1:6379\n" },
	{ "[proxy p]\nlisten = builtin:echo\nupstream = 127.0.0.1:0\n",
	    ":2: [proxy p] listen: expected an address to listen on, got \"builtin:echo\"\n"
	    ":3: [proxy p] upstream: expected a port from 1 to 65535, got \"127.0.0.1:0\"\n" },
	{ "[proxy p]\nlisten = nonsense\nupstream = localhost:0\n",
	    ":2: [proxy p] listen: expected a port from 0 to 65535 after the address, got "
	    "\"nonsense\"\n"
	    ":3: [proxy p] upstream: expected a port from 1 to 65535, got \"localhost:0\"\n" },
	{ PROXY "[proxy q]\nupstream = 127.0.0.1:2\nlisten = 127.0.0.1:1\n",
	    ":6: [proxy q] listen: expected an address of its own, got \"127.0.0.1:1\", which "
	    "proxy p has "
	    "(line 1)\n" },
	{ PROXY "[proxy q]\nlisten = *:1\nupstream = 127.0.0.1:2\n",
	    ":5: [proxy q] listen: expected an address of its own, got \"*:1\", which proxy p has "
	    "(line 1)\n" },
	{ "[proxy p]\nlisten = unix:/a\nupstream = unix:/b\n[proxy q]\nlisten = unix:/a\nupstream "
	  "= unix:/b\n",
	    ":5: [proxy q] listen: expected an address of its own, got \"unix:/a\", which proxy p "
	    "has (line "
	    "1)\n" },
	{ PROXY "host = db\n[host db1]\n", ":4: [proxy p] host: expected the name of a host, got "
					   "\"db\" (did you mean \"db1\"?)\n" },
	/* where a fault acts */
	{ PROXY "[fault f]\ntype = reset\n", ":4: [fault f] missing; expected proxy=NAME, proxy=* "
					     "or host=NAME, which say where it acts\n" },
	{ PROXY "[fault f]\ntype = reset\nproxy = p\nhost = p\n",
	    ":7: [fault f] host: expected proxy= or host=, got both\n" },
	{ PROXY "[fault f]\ntype = reset\nproxy = a/b\n",
	    ":6: [fault f] proxy: expected a name of 1 to 63 letters, digits, '_', '.' or '-', got "
	    "\"a/b\"\n" },
	{ "[proxy redis]\nlisten=127.0.0.1:1\nupstream=127.0.0.1:2\n[fault "
	  "f]\ntype=reset\nproxy=redis,"
	  "rediss,zz\n",
	    ":6: [fault f] proxy: expected the name of a proxy, got \"rediss\" (did you mean "
	    "\"redis\"?)\n"
	    ":6: [fault f] proxy: expected the name of a proxy, got \"zz\"\n" },
	{ PROXY "host = db\n[host db]\n[fault f]\ntype = reset\nhost = p\n",
	    ":8: [fault f] host: expected the name of a host, got \"p\"\n" },
	{ PROXY "host = db1\n[host db1]\n[fault f]\ntype = reset\nhost = db2\n",
	    ":8: [fault f] host: expected the name of a host, got \"db2\" (did you mean "
	    "\"db1\"?)\n" },
	/* what a type does not take: given, even as its default */
	{ PROXY "[fault f]\nafter_bytes = 5\ntype = refuse\nproxy = p\ntoxicity = 1\n",
	    ":5: [fault f] after_bytes: refuse does not take after_bytes: there is no session yet\n"
	    ":8: [fault f] toxicity: refuse does not take toxicity: a port is for all\n" },
	{ PROXY "[fault f]\ntype = refuse\nproxy = p\nside = client\n",
	    ":7: [fault f] side: expected server, got \"client\", which refuse cannot have\n" },
	{ PROXY "[fault f]\ntype = reboot\nproxy = p\nside = both\n",
	    ":7: [fault f] side: expected server or client, got \"both\", which reboot cannot "
	    "have\n" },
	/* sessions that cannot be */
	{ PROXY "[fault f]\ntype = reset\nproxy = p\nnth = 3\nfirst = 2\n",
	    ":7: [fault f] nth: expected at most first=2, got \"3\": no session is both\n" },
	{ PROXY "[fault f]\ntype = reset\nproxy = p\nnth = 3\nevery = 2\n",
	    ":7: [fault f] nth: expected a multiple of every=2, got \"3\": no session is both\n" },
	{ PROXY "[fault f]\ntype = reset\nproxy = p\nfirst = 2\nevery = 3\n",
	    ":8: [fault f] every: expected at most first=2, got \"3\": no session is both\n" },
	/* the wire */
	{ "[proxy u]\nlisten = unix:/a\nupstream = 127.0.0.1:2\n[fault f]\ntype = "
	  "power_loss\nproxy = *\n",
	    ":4: [fault f] power_loss needs TCP, but the listen address of proxy u is a Unix "
	    "socket\n" },
	{ "[proxy u]\nlisten = 127.0.0.1:1\nupstream = unix:/a\n[fault f]\ntype = power_loss\nhost "
	  "= u\n"
	  "side = client\n",
	    ":4: [fault f] power_loss needs TCP, but the upstream of proxy u is a Unix socket\n" },
};

START_TEST(bad_files_are_explained)
{
	assert_errors(bad_files[_i].text, bad_files[_i].errors);
}
END_TEST

static const char *const good_files[] = {
	"", /* settings may come from a file, a proxy from flags */
	"# nothing\n[deadpeer]\nseed = 1\n",
	PROXY
	"[proxy q]\nlisten = 127.0.0.1:0\nupstream = [::1]:2\n[proxy r]\nlisten = 127.0.0.1:0\n"
	"upstream = [::1]:2\n",
	PROXY "[fault f]\ntype = reset\nhost = p\n",
	PROXY "host = p\n[host p]\n[fault f]\ntype = power_loss\nhost = p\n",
	/* a Unix socket on the leg that lives, and no wire needed */
	"[proxy u]\nlisten = unix:/a\nupstream = 127.0.0.1:2\n[fault f]\ntype = power_loss\nproxy "
	"= *\n"
	"side = client\n[fault g]\ntype = reset\nproxy = u\n",
	"[proxy u]\nlisten = localhost:0\nupstream = unix:/b\n[fault f]\ntype = power_loss\nproxy "
	"= *\n",
	"[proxy u]\nlisten = unix:/a\nupstream = unix:/b\n" PROXY
	"[fault f]\ntype = power_loss\nproxy = p\n",
	PROXY "[fault f]\ntype = reset\nproxy = p\nnth = 4\nfirst = 4\nevery = 2\n",
	PROXY "[host empty]\n[deadpeer]\n",
};

START_TEST(good_files_are_taken)
{
	config_free(must_load(good_files[_i]));
}
END_TEST

START_TEST(all_errors_come_in_one_run)
{
	struct conf_errors e = { 0 };

	conf_errors_add(&e, "was there %d", 1);
	ck_assert_ptr_null(load("[deadpeer]\nseed = x\nfoo = 1\nbar\n[proxy]\nlisten = 1\n[nope]\n"
				"[fault f]\ntype = resett\nproxy = zz\n",
	    &e));
	ck_assert_uint_eq(e.count, 10);
	ck_assert_str_eq(e.message[0], "was there 1");
	conf_errors_free(&e);
}
END_TEST

/* ---- a config that did not come from a file ---- */

static void set(const struct field *table, void *base, const char *key, const char *text)
{
	char buf[256];

	ck_assert_ptr_null(field_parse(field_find(table, key), base, text, buf, sizeof(buf)));
}

START_TEST(configs_without_a_file_are_checked)
{
	struct config *c = config_new();
	struct conf_errors e = { 0 };
	struct proxy_spec *p = config_add_proxy(c, "p");

	set(proxy_fields, p, "listen", "127.0.0.1:1");
	ck_assert(!conf_check(c, &e));
	ck_assert_uint_eq(e.count, 1);
	ck_assert_str_eq(e.message[0],
	    "[proxy p] upstream: missing; expected an address such as 127.0.0.1:6379");
	set(proxy_fields, p, "upstream", "127.0.0.1:2");
	ck_assert(conf_check(c, &e));
	struct fault_spec *f = config_add_fault(c, "f", &refuse);
	set(fault_fields, f, "proxy", "*");
	ck_assert(conf_check(c, &e));
	set(fault_fields, f, "after_bytes", "1");
	ck_assert(!conf_check(c, &e));
	ck_assert_uint_eq(e.count, 2);
	ck_assert_str_eq(e.message[1],
	    "[fault f] after_bytes: refuse does not take after_bytes: there is no session yet");
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

/* ---- --fault ---- */

static struct config *one_proxy(void)
{
	struct config *c = config_new();
	struct proxy_spec *p = config_add_proxy(c, "proxy");

	set(proxy_fields, p, "listen", "127.0.0.1:1");
	set(proxy_fields, p, "upstream", "127.0.0.1:2");
	return c;
}

START_TEST(fault_texts_are_read)
{
	struct config *c = one_proxy();
	struct conf_errors e = { 0 };

	ck_assert(conf_add_fault_text(c, "fault1", "power_loss delay=5s duration=30s", types, &e));
	ck_assert(conf_add_fault_text(
	    c, "fault2", "  down=1s\ttype=reboot name=mine host=proxy ", types, &e));
	ck_assert(conf_add_fault_text(c, "fault3", "reset proxy=proxy clients=::1", types, &e));
	ck_assert_uint_eq(e.count, 0);
	ck_assert_uint_eq(c->n_faults, 3);
	ck_assert_str_eq(c->faults[0]->name, "fault1");
	ck_assert(c->faults[0]->proxies.all);
	ck_assert_int_eq(c->faults[0]->delay_ns, 5 * NS_PER_S);
	ck_assert_int_eq(c->faults[0]->duration_ns, 30 * NS_PER_S);
	ck_assert_str_eq(c->faults[1]->name, "mine");
	ck_assert(!c->faults[1]->proxies.all);
	ck_assert_int_eq(*(int64_t *)(void *)c->faults[1]->params.bytes, NS_PER_S);
	ck_assert_ptr_null(c->faults[2]->where.file);
	ck_assert(conf_check(c, &e));
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

static const struct {
	const char *text, *errors; /* without the place */
} bad_texts[] = {
	{ "", "type: missing; expected one of power_loss, reboot, refuse, reset\n" },
	{ "delay=5s", "type: missing; expected one of power_loss, reboot, refuse, reset\n" },
	{ "powerloss", "type: there is no \"powerloss\" (did you mean \"power_loss\"?)\n" },
	{ "gravity", "type: expected one of power_loss, reboot, refuse, reset, got \"gravity\"\n" },
	{ "reset delay=5 dealy=5s",
	    "delay: expected a duration with a unit, such as 250ms, 5s or 2m, got \"5\"\n"
	    "dealy: unknown key (did you mean \"delay\"?)\n" },
	{ "reset now", "now: unknown key\n" },
	{ "reset delay=1s delay=2s", "delay: expected once in a section\n" },
	{ "reset proxy=prox",
	    "proxy: expected the name of a proxy, got \"prox\" (did you mean \"proxy\"?)\n" },
	{ "reset proxy=proxy host=proxy", "host: expected proxy= or host=, got both\n" },
	{ "reset proxy=", "proxy: expected names with commas between them, or *, got \"\"\n" },
	{ "reset name=a/b",
	    "name: expected a name of 1 to 63 letters, digits, '_', '.' or '-', got \"a/b\"\n" },
	{ "reset name=taken", "expected a name of its own\n" },
	{ "reboot duration=5s", "duration: reboot does not take duration: down says it\n" },
	{ "refuse side=both", "side: expected server, got \"both\", which refuse cannot have\n" },
};

START_TEST(bad_fault_texts_are_explained)
{
	struct config *c = one_proxy();
	struct conf_errors e = { 0 };
	char want[2048] = "", got[2048];
	size_t len = 0;

	ck_assert(conf_add_fault_text(c, "taken", "reset", types, &e));
	ck_assert(!conf_add_fault_text(c, "fault2", bad_texts[_i].text, types, &e));
	for (const char *p = bad_texts[_i].errors; *p;) {
		size_t line = strcspn(p, "\n") + 1;

		len += (size_t)snprintf(want + len, sizeof(want) - len, "--fault '%s': %.*s",
		    bad_texts[_i].text, (int)line, p);
		p += line;
	}
	join(&e, got, sizeof(got));
	ck_assert_str_eq(got, want);
	ck_assert_uint_eq(c->n_faults, 1);
	conf_errors_free(&e);
	config_free(c);
}
END_TEST

Suite *conf_suite(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, a_whole_file_is_read);
	tcase_add_test(t, line_ends_and_bom_do_not_matter);
	tcase_add_test(t, a_section_name_may_be_long);
	tcase_add_test(t, a_line_of_199_bytes_is_whole);
	tcase_add_test(t, a_longer_line_is_an_error);
	tcase_add_test(t, a_long_comment_is_a_comment);
	tcase_add_loop_test(t, bad_lines_are_found, 0, sizeof(bad_lines) / sizeof(*bad_lines));
	tcase_add_test(t, a_nul_byte_is_an_error);
	tcase_add_test(t, any_bytes_are_right_or_explained);
	tcase_add_test(t, what_cannot_be_read_says_why);
	tcase_add_loop_test(t, bad_files_are_explained, 0, sizeof(bad_files) / sizeof(*bad_files));
	tcase_add_loop_test(t, good_files_are_taken, 0, sizeof(good_files) / sizeof(*good_files));
	tcase_add_test(t, all_errors_come_in_one_run);
	tcase_add_test(t, configs_without_a_file_are_checked);
	tcase_add_test(t, fault_texts_are_read);
	tcase_add_loop_test(
	    t, bad_fault_texts_are_explained, 0, sizeof(bad_texts) / sizeof(*bad_texts));
	suite_add_tcase(s, t);
	return s;
}
