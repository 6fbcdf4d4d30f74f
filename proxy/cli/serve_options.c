/*
 * Every key of [deadpeer] is a flag, and so is every key of [proxy] for the one proxy of --listen:
 * both come from the tables, with dashes for underscores. The list is walked twice: first for the
 * file and the proxy, then for what is laid over them.
 */
#include "cli/serve_options.h"
#include "admin/admin.h"
#include "cli/cli.h"
#include "faults/catalogue.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_MAX 64
#define KEY_MAX   48

enum { FLAG_CONFIG = 'c', FLAG_HELP = 'h', FLAG_FAULT = 256, FLAG_NAME, FLAG_FIELD };

struct flags {
	struct option options[FLAGS_MAX];
	const struct field *field[FLAGS_MAX]; /* by val - FLAG_FIELD */
	char key[FLAGS_MAX][KEY_MAX];
	int n_settings; /* fields below this number are of [deadpeer], the others of [proxy] */
	int n_fields, n;
};

static const char example[] =
    "\n"
    "Examples:\n"
    "  deadpeer serve                  empty, for what the HTTP API will bring\n"
    "  deadpeer serve -c config/deadpeer.ini\n"
    "  deadpeer serve --listen 127.0.0.1:6380 --upstream 127.0.0.1:6379 \\\n"
    "      --fault 'power_loss delay=5s duration=30s'\n"
    "  deadpeer serve --listen :0 --upstream builtin:echo --fault 'reset after_bytes=1MiB'\n"
    "\n"
    "SIGTERM drains and ends, SIGHUP reads FILE again, SIGUSR1 logs every session.\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage or configuration.\n";

static void add_fields(struct flags *f, const struct field *table)
{
	for (; table->key; table++) {
		char *key = f->key[f->n_fields];

		snprintf(key, KEY_MAX, "%s", table->key);
		for (char *c = key; *c; c++)
			if (*c == '_')
				*c = '-';
		f->field[f->n_fields] = table;
		f->options[f->n++] =
		    (struct option){ key, required_argument, NULL, FLAG_FIELD + f->n_fields++ };
	}
}

static void make_flags(struct flags *f)
{
	memset(f, 0, sizeof(*f));
	f->options[f->n++] = (struct option){ "config", required_argument, NULL, FLAG_CONFIG };
	f->options[f->n++] = (struct option){ "help", no_argument, NULL, FLAG_HELP };
	f->options[f->n++] = (struct option){ "fault", required_argument, NULL, FLAG_FAULT };
	f->options[f->n++] = (struct option){ "name", required_argument, NULL, FLAG_NAME };
	add_fields(f, settings_fields);
	f->n_settings = f->n_fields;
	add_fields(f, proxy_fields);
}

static void print_rows(const struct flags *f, int from, int to)
{
	for (int i = from; i < to; i++) {
		printf("  --%-18s %s", f->key[i], f->field[i]->help);
		if (f->field[i]->initial)
			printf(" (%s)", f->field[i]->initial);
		putchar('\n');
	}
}

static void print_help(const struct flags *f)
{
	puts("usage: deadpeer serve [-c FILE] [SETTINGS]\n"
	     "       deadpeer serve --listen ADDR --upstream ADDR [--fault 'TYPE key=value "
	     "...']...\n"
	     "\n"
	     "  -c, --config FILE    the configuration, see deadpeer.ini(5); - is standard input\n"
	     "  --fault TEXT         a fault, as 'power_loss delay=5s duration=30s'; may be given "
	     "again\n"
	     "  --name NAME          what the proxy of --listen is called (proxy)\n"
	     "\nThe proxy of --listen:");
	print_rows(f, f->n_settings, f->n_fields);
	puts("\nSettings, which win over the file's:");
	print_rows(f, 0, f->n_settings);
	puts("\nFaults:");
	for (const struct fault_ops *const *ops = catalogue; *ops; ops++)
		printf("  %-20s %s\n", (*ops)->type.name, (*ops)->type.summary);
	fputs(example, stdout);
}

struct first_pass {
	const char *file, *name;
	bool proxy, listen, upstream, help, wrong;
};

static void see_proxy_flag(struct first_pass *p, const char *key)
{
	p->proxy = true;
	p->listen |= !strcmp(key, "listen");
	p->upstream |= !strcmp(key, "upstream");
}

static struct first_pass look(int argc, char **argv, const struct flags *f)
{
	struct first_pass p = { .name = "proxy" };
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:h", f->options, NULL)) != -1) {
		if (c == '?')
			p.wrong = true;
		else if (c == FLAG_CONFIG)
			p.file = optarg;
		else if (c == FLAG_HELP)
			p.help = true;
		else if (c == FLAG_NAME)
			p.name = optarg;
		else if (c >= FLAG_FIELD && c - FLAG_FIELD >= f->n_settings)
			see_proxy_flag(&p, f->key[c - FLAG_FIELD]);
	}
	if (optind < argc) {
		fprintf(stderr, "deadpeer serve: unexpected '%s'\n", argv[optind]);
		p.wrong = true;
	}
	return p;
}

static void lay_over(int argc, char **argv, const struct flags *f, struct config *c,
    struct proxy_spec *proxy, struct conf_errors *errors)
{
	unsigned n_faults = 0;
	char buf[256], name[32];
	int val;

	optind = 1;
	while ((val = getopt_long(argc, argv, "c:h", f->options, NULL)) != -1) {
		int i = val - FLAG_FIELD;
		const char *expected;

		if (val == FLAG_FAULT) {
			do
				snprintf(name, sizeof(name), "fault%u", ++n_faults);
			while (config_find_fault(c, name));
			conf_add_fault_text(c, name, optarg, catalogue_types, errors);
			continue;
		}
		if (i < 0)
			continue;
		expected = field_parse(f->field[i],
		    i < f->n_settings ? (void *)&c->settings : proxy, optarg, buf, sizeof(buf));
		if (expected)
			conf_errors_add(
			    errors, "--%s: expected %s, got \"%s\"", f->key[i], expected, optarg);
	}
}

static struct config *build(int argc, char **argv, const struct flags *f,
    const struct first_pass *p, struct conf_errors *errors)
{
	struct config *c = p->file ? conf_load(p->file, catalogue_types, errors) : config_new();
	struct proxy_spec *proxy = NULL;

	if (!c)
		return NULL;
	if (spec_check_name(p->name))
		conf_errors_add(
		    errors, "--name: expected %s, got \"%s\"", spec_check_name(p->name), p->name);
	if (p->proxy)
		proxy = config_add_proxy(c, p->name);
	lay_over(argc, argv, f, c, proxy, errors);
	if (!c->n_proxies && admin_is_off(&c->settings))
		conf_errors_add(errors,
		    "nothing to relay: give -c FILE, or --listen and --upstream, or --admin");
	if (proxy && !p->listen)
		conf_errors_add(errors, "--listen ADDR is missing");
	if (proxy && !p->upstream)
		conf_errors_add(errors, "--upstream ADDR is missing");
	if (!errors->count)
		conf_check(c, errors);
	if (!errors->count)
		return c;
	config_free(c);
	return NULL;
}

enum serve_parsed serve_parse(int argc, char **argv, struct config **out, const char **file)
{
	struct conf_errors errors = { 0 };
	struct first_pass p;
	struct flags f;

	make_flags(&f);
	p = look(argc, argv, &f);
	*file = p.file;
	if (p.help) {
		print_help(&f);
		return SERVE_HELP;
	}
	if (!p.wrong)
		*out = build(argc, argv, &f, &p, &errors);
	cli_print_errors(&errors);
	if (p.wrong || errors.count)
		fputs("Try 'deadpeer serve --help'.\n", stderr);
	conf_errors_free(&errors);
	return p.wrong || !*out ? SERVE_WRONG : SERVE_RUN;
}

struct config *serve_reload(int argc, char **argv, struct conf_errors *errors)
{
	struct first_pass p;
	struct flags f;

	make_flags(&f);
	p = look(argc, argv, &f);
	return build(argc, argv, &f, &p, errors);
}
