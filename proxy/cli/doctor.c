/*
 * deadpeer doctor: what works here, found out by trying it on loopback, and what that means for
 * each fault.
 *
 *     wire_probe -> examination (plain data: powers, a grade for each fault and family) -> people
 * or JSON
 *
 * Facts beside the experiments (uid, capabilities) are shown because people ask for them; nothing
 * is concluded from them.
 */
#include "base/mono.h"
#include "cli/cli.h"
#include "faults/catalogue.h"
#include "faults/flap.h"
#include "kernel/wire.h"
#include "model/spec.h"
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FAULTS_MAX 32
#define N_POWERS   6

static const char help[] =
    "usage: deadpeer doctor [--json]\n"
    "\n"
    "Tries on loopback, for IPv4 and IPv6, each way to silence a socket, and says which of them "
    "work\n"
    "here, which grade each fault has with them, and what to grant for more.\n"
    "\n"
    "  --json   the same as a JSON object\n"
    "\n"
    "Example:  deadpeer doctor\n"
    "Exit status: 0 every fault is possible at grade equivalent or better, 1 not so, 2 wrong "
    "usage.\n";

/* By bit number of enum wire_power. */
static const struct {
	const char *name, *gives;
} powers[N_POWERS] = {
	{ "filter", "not one packet is answered, or some are lost (SO_ATTACH_FILTER)" },
	{ "repair", "connections vanish and are buried without a packet (TCP_REPAIR)" },
	{ "signature", "silent both ways to the peer's kernel (TCP_MD5SIG)" },
	{ "minttl", "deaf: what was in flight still leaves (IP_MINTTL)" },
	{ "mute", "one-way cuts outwards (source route)" },
	{ "icmp", "hosts that are unreachable (ICMP errors)" },
};

static const struct {
	const char *name, *key;
	sa_family_t family;
} families[WIRE_FAMILIES] = {
	[WIRE_V4] = { "IPv4", "ipv4", AF_INET },
	[WIRE_V6] = { "IPv6", "ipv6", AF_INET6 },
};

struct diagnosis {
	const char *fault;
	const char *variant; /* NULL: as it is without further keys */
	enum grade grade[WIRE_FAMILIES];
};

struct examination {
	struct wire wire;
	int64_t probe_ns;
	struct diagnosis faults[FAULTS_MAX];
	size_t n_faults;
	bool good;           /* every fault, without further keys, at equivalent or better */
	bool sieves;         /* those that drop some packets are possible, too */
	bool rejects;        /* and those that send ICMP */
	const char *missing; /* wire_advice() */
	uint32_t capabilities;
	char
	    grant[PATH_MAX + 64]; /* the command line that grants it; "" where nothing is missing */
};

static const struct {
	const char *name;
	unsigned bit;
} capabilities[] = {
	{ "cap_net_admin", CAP_NET_ADMIN },
	{ "cap_net_raw", CAP_NET_RAW },
};

#define N_CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

/* The effective ones, capabilities(7); all that we ask for are below 32. */
static uint32_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 ? data[0].effective : 0;
}

static bool has_capability(const struct examination *x, unsigned bit)
{
	return x->capabilities & (UINT32_C(1) << bit);
}

/* A fault that cuts nothing needs nothing of the wire. */
static enum grade fault_grade(const struct wire *w, sa_family_t family, unsigned dirs)
{
	return dirs ? wire_grade(w, family, dirs) : GRADE_EXACT;
}

/* NULL: the table is full. */
static struct diagnosis *next_diagnosis(struct examination *x, const char *fault)
{
	struct diagnosis *d = &x->faults[x->n_faults];

	if (x->n_faults == FAULTS_MAX)
		return NULL;
	x->n_faults++;
	d->fault = fault;
	return d;
}

static void add_diagnosis(
    struct examination *x, const char *fault, const char *variant, const unsigned dirs[2])
{
	struct diagnosis *d = next_diagnosis(x, fault);

	if (!d)
		return;
	d->variant = variant;
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		enum grade a = fault_grade(&x->wire, families[f].family, dirs[0]);
		enum grade b = fault_grade(&x->wire, families[f].family, dirs[1]);

		d->grade[f] = a < b ? a : b;
		if (!variant && x->wire.has[f] && d->grade[f] < GRADE_EQUIVALENT)
			x->good = false;
	}
}

/* Packets are dropped exactly as asked, or not at all. It is no part of the verdict: what a machine
 * lacks for it says nothing about deaths. */
static void add_sieve(struct examination *x, const struct fault_ops *ops)
{
	struct diagnosis *d = next_diagnosis(x, ops->type.name);

	if (!d)
		return;
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		bool can = fault_can_sieve(ops, &x->wire, families[f].family);

		d->grade[f] = can ? GRADE_EXACT : GRADE_REFUSED;
		x->sieves &= can || !x->wire.has[f];
	}
}

/* As good as its silence, where there is ICMP at all; and no part of the verdict either. */
static void add_reject(struct examination *x, const struct fault_ops *ops, const unsigned dirs[2])
{
	struct diagnosis *d = next_diagnosis(x, ops->type.name);

	if (!d)
		return;
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		bool can = x->wire.powers[f] & WIRE_ICMP;

		d->grade[f] = can ? fault_grade(&x->wire, families[f].family, dirs[LEG_CLIENT])
				  : GRADE_REFUSED;
		x->rejects &= can || !x->wire.has[f];
	}
}

/* Each fault of the catalogue with its defaults, then the one-way cut, which needs another power on
 * each leg. False: no memory. */
static bool diagnose_faults(struct examination *x)
{
	static const unsigned one_way[2] = { WIRE_IN, WIRE_OUT };
	struct config *c = config_new();

	x->good = x->wire.has[WIRE_V4] || x->wire.has[WIRE_V6];
	x->sieves = x->rejects = x->good;
	for (size_t i = 0; c && catalogue[i]; i++) {
		struct fault_spec *s =
		    config_add_fault(c, catalogue[i]->type.name, catalogue_types[i]);
		unsigned dirs[2] = { 0 };

		if (!s) {
			config_free(c);
			return false;
		}
		const struct fault_spec act = flap_act(s);
		const struct fault_ops *ops = catalogue_ops(act.type);

		for (enum leg leg = 0; ops->dirs && leg < LEGS; leg++)
			dirs[leg] = ops->dirs(&act, leg);
		if (catalogue_types[i]->needs_filter)
			add_sieve(x, catalogue[i]);
		else if (catalogue_types[i]->needs_raw)
			add_reject(x, catalogue[i], dirs);
		else
			add_diagnosis(x, catalogue[i]->type.name, NULL, dirs);
	}
	config_free(c);
	add_diagnosis(x, "partition", "direction=upstream or downstream", one_way);
	return c;
}

/* "CAP_NET_ADMIN,CAP_NET_RAW" as setcap(8) wants it. */
static void write_grant(struct examination *x)
{
	char exe[PATH_MAX], caps[64] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (!x->missing)
		return;
	exe[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; x->missing[i] && i < sizeof(caps) - 1; i++)
		caps[i] = (char)tolower((unsigned char)x->missing[i]);
	(void)snprintf(
	    x->grant, sizeof(x->grant), "sudo setcap %s+ep %s", caps, n > 0 ? exe : "deadpeer");
}

static bool examine(struct examination *x)
{
	const int64_t began = mono_now_ns();

	memset(x, 0, sizeof(*x));
	wire_probe(&x->wire);
	x->probe_ns = mono_now_ns() - began;
	x->missing = wire_advice(&x->wire);
	x->capabilities = effective_capabilities();
	write_grant(x);
	return diagnose_faults(x);
}

static const char *user_name(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw ? pw->pw_name : "-";
}

/* ---- for people --------------------------------------------------------------------------- */

static void print_whom(const struct examination *x)
{
	const char *between = "";
	struct utsname u;

	if (uname(&u) == 0)
		printf("kernel        %s %s %s\n", u.sysname, u.release, u.machine);
	printf("user          %s (uid %u)\ncapabilities  ", user_name(), (unsigned)geteuid());
	for (size_t i = 0; i < N_CAPABILITIES; i++) {
		if (!has_capability(x, capabilities[i].bit))
			continue;
		printf("%s%s", between, capabilities[i].name);
		between = ", ";
	}
	printf("%s\n", *between ? "" : "neither cap_net_admin nor cap_net_raw");
}

static const char *power_word(const struct wire *w, enum wire_family f, unsigned bit)
{
	if (!w->has[f])
		return "-";
	return w->powers[f] & (1u << bit) ? "works" : "no";
}

static void print_powers(const struct examination *x)
{
	const struct wire *w = &x->wire;

	printf("\nTried on loopback (%.0f ms):\n\n  %-10s  %-6s  %-6s  %s\n",
	    (double)x->probe_ns / NS_PER_MS, "power", families[WIRE_V4].name,
	    families[WIRE_V6].name, "what it gives");
	for (unsigned bit = 0; bit < N_POWERS; bit++)
		printf("  %-10s  %-6s  %-6s  %s\n", powers[bit].name, power_word(w, WIRE_V4, bit),
		    power_word(w, WIRE_V6, bit), powers[bit].gives);
}

static void print_why_not(const struct wire *w)
{
	const char *title = "\nWhy not:\n\n";

	for (int f = 0; f < WIRE_FAMILIES; f++) {
		if (!w->has[f])
			printf("%s  %s         there is no connection over loopback: %s%s\n", title,
			    families[f].name, w->result[f][0].why,
			    f == WIRE_V4 ? " (ip link set lo up)" : "");
		for (unsigned bit = 0; w->has[f] && bit < N_POWERS; bit++) {
			if (!w->result[f][bit].error)
				continue;
			printf("%s  %s %-9s  %s\n", title, families[f].name, powers[bit].name,
			    w->result[f][bit].why);
			title = "";
		}
		if (!w->has[f])
			title = "";
	}
}

static const char *grade_word(const struct examination *x, const struct diagnosis *d, int f)
{
	return x->wire.has[f] ? grade_names[d->grade[f]] : "-";
}

static void print_faults(const struct examination *x)
{
	printf("\n  %-19s  %-10s  %s\n", "fault", families[WIRE_V4].name, families[WIRE_V6].name);
	for (size_t i = 0; i < x->n_faults; i++) {
		const struct diagnosis *d = &x->faults[i];

		printf("  %-19s  %-10s  ", d->fault, grade_word(x, d, WIRE_V4));
		if (d->variant)
			printf("%-10s  %s\n", grade_word(x, d, WIRE_V6), d->variant);
		else
			printf("%s\n", grade_word(x, d, WIRE_V6));
	}
	fputs("\n  exact       not one packet leaves or is answered\n"
	      "  equivalent  silent to the peer's kernel; a capture can tell\n"
	      "  partial     silent one way only: what is in flight, or ACKs, still leave\n",
	    stdout);
}

static void print_verdict(const struct examination *x)
{
	printf("\n%s\n",
	    x->good ? "Every fault, as it is by default, is possible at grade equivalent or better."
		    : "Not every fault is possible at grade equivalent or better.");
	if (!x->sieves)
		puts("This leaves out those that drop some packets and need the power filter.");
	if (!x->rejects)
		puts("This leaves out unreachable, which needs the power icmp.");
	if (x->missing)
		printf("For more, grant %s:  %s\n", x->missing, x->grant);
}

static void print_examination(const struct examination *x)
{
	print_whom(x);
	print_powers(x);
	print_why_not(&x->wire);
	print_faults(x);
	print_verdict(x);
}

/* ---- for programs ------------------------------------------------------------------------- */

static json_t *json_family(const struct wire *w, int f)
{
	json_t *all = json_object();

	for (unsigned bit = 0; bit < N_POWERS; bit++) {
		const int error = w->result[f][bit].error;
		json_t *power = json_pack("{s:b}", "works", error == 0);

		if (error)
			json_object_update_new(
			    power, json_pack("{s:s?, s:s}", "error", strerrorname_np(error), "why",
				       w->result[f][bit].why));
		json_object_set_new(all, powers[bit].name, power);
	}
	return json_pack("{s:b, s:o}", "available", w->has[f], "powers", all);
}

static json_t *json_fault(const struct examination *x, const struct diagnosis *d)
{
	json_t *o = json_pack("{s:s, s:s?}", "fault", d->fault, "variant", d->variant);

	for (int f = 0; f < WIRE_FAMILIES; f++)
		json_object_set_new(o, families[f].key,
		    x->wire.has[f] ? json_string(grade_names[d->grade[f]]) : json_null());
	return o;
}

static json_t *json_examination(const struct examination *x)
{
	json_t *caps = json_array(), *wires = json_object(), *faults = json_array();
	struct utsname u = { 0 };

	(void)uname(&u);
	for (size_t i = 0; i < N_CAPABILITIES; i++) {
		if (has_capability(x, capabilities[i].bit))
			json_array_append_new(caps, json_string(capabilities[i].name));
	}
	for (int f = 0; f < WIRE_FAMILIES; f++)
		json_object_set_new(wires, families[f].key, json_family(&x->wire, f));
	for (size_t i = 0; i < x->n_faults; i++)
		json_array_append_new(faults, json_fault(x, &x->faults[i]));
	return json_pack("{s:s, s:s, s:i, s:s, s:o, s:I, s:o, s:o, s:b, s:s?, s:s?}", "version",
	    DEADPEER_VERSION, "kernel", u.release, "uid", (int)geteuid(), "user", user_name(),
	    "capabilities", caps, "probe_ns", (json_int_t)x->probe_ns, "wire", wires, "faults",
	    faults, "good", x->good, "missing", x->missing, "grant", x->grant[0] ? x->grant : NULL);
}

static bool print_json(const struct examination *x)
{
	json_t *o = json_examination(x);
	const bool printed =
	    o && json_dumpf(o, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;

	json_decref(o);
	return printed;
}

int doctor_main(int argc, char **argv)
{
	const bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct examination x;
	bool printed = true;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (argc > 1 && !json)
		return cli_usage_error("doctor", "unexpected '%s'", argv[argc - 1]);
	if (!examine(&x)) {
		fprintf(stderr, "deadpeer doctor: %s\n", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	if (json)
		printed = print_json(&x);
	else
		print_examination(&x);
	return cli_finish("doctor", printed) == EXIT_DONE && x.good ? EXIT_DONE : EXIT_FAILED;
}
