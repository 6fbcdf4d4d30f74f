/* The ports file: a line for each proxy, whole or not at all. */
#include "cli/ports_file.h"
#include "model/spec.h"
#include "relay/proxy.h"
#include "scratch.h"
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *ports_file_suite(void);

static struct timeline timeline;
static struct wire wire;
static struct relay *relay;
static struct config *config;

static void setup(void)
{
	const char *err;

	config = config_new();
	relay = relay_new(&timeline, &wire, &config->settings, &err);
}

static void teardown(void)
{
	relay_free(relay);
	config_free(config);
}

static const struct proxy *add(const char *name, const char *listen)
{
	struct proxy_spec *spec = config_add_proxy(config, name);
	struct proxy *p;
	char err[256];

	ck_assert_ptr_null(addr_parse(listen, &spec->listen));
	ck_assert_ptr_null(addr_parse("builtin:echo", &spec->upstream));
	p = proxy_prepare(relay, spec, err, sizeof(err));
	ck_assert_msg(p != NULL, "%s", err);
	proxy_start(p);
	return p;
}

START_TEST(a_line_for_each_proxy)
{
	const struct proxy *a = add("a", "127.0.0.1:0"), *b = add("b.c", "127.0.0.1:0");
	char expected[512], listen[256], *text;

	snprintf(listen, sizeof(listen), "unix:%s", scratch_path("s"));
	add("u", listen);
	snprintf(expected, sizeof(expected), "a=127.0.0.1:%u\nb.c=127.0.0.1:%u\nu=%s\n",
	    ntohs(a->bound.in.sin_port), ntohs(b->bound.in.sin_port), listen);
	ck_assert_int_eq(ports_file_write(scratch_path("ports"), relay, NULL), 0);
	text = scratch_read(scratch_path("ports"), NULL);
	ck_assert_str_eq(text, expected);
	free(text);
}
END_TEST

static unsigned files_in(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += *e->d_name != '.';
	closedir(d);
	return n;
}

/* A reader that has the old one open goes on reading the old one: it was replaced, not written
 * over. */
START_TEST(it_is_replaced_at_once)
{
	char old[] = "old\n", text[8] = "", dir[256];
	FILE *reader;

	add("a", "127.0.0.1:0");
	scratch_write("ports", old, 4);
	reader = fopen(scratch_path("ports"), "r");
	ck_assert_int_eq(ports_file_write(scratch_path("ports"), relay, NULL), 0);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), reader));
	ck_assert_str_eq(text, old);
	fclose(reader);
	snprintf(dir, sizeof(dir), "%s", scratch_path("ports"));
	*strrchr(dir, '/') = '\0';
	ck_assert_uint_eq(files_in(dir), 1); /* nothing is left beside it */
}
END_TEST

START_TEST(failures_leave_nothing)
{
	char dir[256];

	add("a", "127.0.0.1:0");
	ck_assert_int_eq(ports_file_write(scratch_path("no/such/dir"), relay, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	snprintf(dir, sizeof(dir), "%s", scratch_path("taken"));
	mkdir(dir, 0700);
	ck_assert_int_eq(ports_file_write(dir, relay, NULL), -1); /* a directory has the name */
	*strrchr(dir, '/') = '\0';
	ck_assert_uint_eq(files_in(dir), 1);
	rmdir(scratch_path("taken"));
}
END_TEST

START_TEST(a_path_too_long)
{
	char path[5000];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(ports_file_write(path, relay, NULL), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

Suite *ports_file_suite(void)
{
	Suite *s = suite_create("ports_file");
	TCase *c = tcase_create("file");

	tcase_add_checked_fixture(c, scratch_make, scratch_remove);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_line_for_each_proxy);
	tcase_add_test(c, it_is_replaced_at_once);
	tcase_add_test(c, failures_leave_nothing);
	tcase_add_test(c, a_path_too_long);
	suite_add_tcase(s, c);
	return s;
}
