/* Paths, and who may use them: text in, verdict out. */
#include "admin/guard.h"
#include "admin/toxiproxy.h"
#include "scratch.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *route_suite(void);

static const struct route *const tables[] = { toxiproxy_routes, NULL };

static const struct {
	enum evhttp_cmd_type method;
	const char *path;
	enum route_found found;
	const char *pattern, *first, *second;
} paths[] = {
	{ EVHTTP_REQ_GET, "/proxies", ROUTE_FOUND, "/proxies" },
	{ EVHTTP_REQ_GET, "/proxies/p", ROUTE_FOUND, "/proxies/{proxy}", "p" },
	{ EVHTTP_REQ_PATCH, "/proxies/a%20b", ROUTE_FOUND, "/proxies/{proxy}", "a b" },
	{ EVHTTP_REQ_GET, "/proxies/a%2Fb/toxics/c+d", ROUTE_FOUND,
	    "/proxies/{proxy}/toxics/{toxic}", "a/b", "c+d" },
	{ EVHTTP_REQ_DELETE, "/proxies/p/toxics/%C3%A4", ROUTE_FOUND,
	    "/proxies/{proxy}/toxics/{toxic}", "p", "\xc3\xa4" },
	{ EVHTTP_REQ_POST, "/proxies/p/toxics", ROUTE_FOUND, "/proxies/{proxy}/toxics", "p" },
	{ EVHTTP_REQ_GET, "/populate", ROUTE_NO_METHOD },
	{ EVHTTP_REQ_HEAD, "/proxies", ROUTE_NO_METHOD },
	{ EVHTTP_REQ_OPTIONS, "/version", ROUTE_NO_METHOD },
	{ EVHTTP_REQ_GET, "/", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/proxies/", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/proxies/p/", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/proxies/p/toxics/", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/proxies/p/toxics/t/x", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/proxiess", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/Proxies", ROUTE_NO_PATH },
	{ EVHTTP_REQ_GET, "/proxies/a%00b", ROUTE_NO_PATH },
};

START_TEST(paths_lead_to_routes)
{
	struct route_params params = { { NULL } };
	const struct route *route = NULL;

	ck_assert_msg(route_find(tables, paths[_i].method, paths[_i].path, &route, &params) ==
			  paths[_i].found,
	    "%s", paths[_i].path);
	if (paths[_i].found == ROUTE_FOUND) {
		ck_assert_str_eq(route->path, paths[_i].pattern);
		ck_assert_int_eq(route->method, paths[_i].method);
		ck_assert_pstr_eq(params.value[0], paths[_i].first);
		ck_assert_pstr_eq(params.value[1], paths[_i].second);
	}
	route_params_free(&params);
}
END_TEST

START_TEST(every_route_is_there_once_and_explained)
{
	for (const struct route *r = toxiproxy_routes; r->path; r++) {
		ck_assert_ptr_nonnull(r->handle);
		ck_assert_uint_gt(strlen(r->summary), 10);
		for (const struct route *q = r + 1; q->path; q++)
			ck_assert(q->method != r->method || strcmp(q->path, r->path) != 0);
	}
}
END_TEST

static const struct {
	const char *sent, *clean; /* NULL: it is */
} cleans[] = {
	{ "/", NULL },
	{ "/proxies", NULL },
	{ "/proxies/", NULL },
	{ "/a.b/..c/d..", NULL },
	{ "//proxies", "/proxies" },
	{ "/proxies//p", "/proxies/p" },
	{ "//", "/" },
	{ "/./proxies", "/proxies" },
	{ "/proxies/.", "/proxies/" },
	{ "/x/../proxies", "/proxies" },
	{ "/proxies/..", "/" },
	{ "/../../proxies", "/proxies" },
	{ "/a/b/../../c/", "/c/" },
};

START_TEST(paths_are_cleaned)
{
	char *clean = route_clean(cleans[_i].sent);

	ck_assert_pstr_eq(clean, cleans[_i].clean);
	free(clean);
}
END_TEST

START_TEST(local_hosts)
{
	static const char *const local[] = { NULL, "", "localhost", "LocalHost:8474",
		"x.localhost:1", "127.0.0.1", "127.1.2.3:8474", "[::1]", "[::1]:8474" };
	static const char *const foreign[] = { "evil.com", "localhost.evil.com",
		"127.0.0.1.evil.com", "10.0.0.1:8474", "[::2]:1", "[::1", "0.0.0.0",
		"evillocalhost", ".localhostx", "::1", "[fe80::1]:80" };
	char longest[400];

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		ck_assert_msg(guard_host_is_local(local[i]), "%s", local[i]);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		ck_assert_msg(!guard_host_is_local(foreign[i]), "%s", foreign[i]);
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + 300, ".localhost");
	ck_assert(!guard_host_is_local(longest));
}
END_TEST

START_TEST(own_origins)
{
	ck_assert(guard_origin_is_own(NULL, "localhost:8474"));
	ck_assert(guard_origin_is_own("http://localhost:8474", "localhost:8474"));
	ck_assert(guard_origin_is_own("http://LOCALHOST:8474", "localhost:8474"));
	ck_assert(!guard_origin_is_own("http://localhost:3000", "localhost:8474"));
	ck_assert(!guard_origin_is_own("https://evil.com", "localhost:8474"));
	ck_assert(!guard_origin_is_own("null", "localhost:8474"));
	ck_assert(!guard_origin_is_own("http://localhost:8474", NULL));
	ck_assert(!guard_origin_is_own("", "localhost:8474"));
}
END_TEST

START_TEST(tokens)
{
	ck_assert(guard_token_is("Bearer secret", "secret"));
	ck_assert(guard_token_is("bearer secret", "secret"));
	ck_assert(!guard_token_is(NULL, "secret"));
	ck_assert(!guard_token_is("", "secret"));
	ck_assert(!guard_token_is("Bearer", "secret"));
	ck_assert(!guard_token_is("Bearer ", "secret"));
	ck_assert(!guard_token_is("Bearer secre", "secret"));
	ck_assert(!guard_token_is("Bearer secrets", "secret"));
	ck_assert(!guard_token_is("Bearer Secret", "secret"));
	ck_assert(!guard_token_is("Basic secret", "secret"));
	ck_assert(!guard_token_is("secret", "secret"));
}
END_TEST

static bool reads(const char *content, char **token)
{
	char err[256];

	return guard_read_token(
	    scratch_write("token", content, strlen(content)), token, NULL, err, sizeof(err));
}

START_TEST(token_files)
{
	char *token, err[256];

	unsetenv("DEADPEER_ADMIN_TOKEN");
	ck_assert(guard_read_token(NULL, &token, NULL, err, sizeof(err)));
	ck_assert_ptr_null(token);
	ck_assert(reads("secret\n", &token));
	ck_assert_str_eq(token, "secret");
	free(token);
	ck_assert(!reads("", &token));
	ck_assert(!reads("\n", &token));
	ck_assert(!reads("two words\n", &token));
	ck_assert(!reads("two\nlines\n", &token));
	ck_assert(!guard_read_token(scratch_path("nothing"), &token, NULL, err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "No such file"));
	setenv("DEADPEER_ADMIN_TOKEN", "of the environment", 1);
	ck_assert(!guard_read_token(NULL, &token, NULL, err, sizeof(err)));
	setenv("DEADPEER_ADMIN_TOKEN", "environment", 1);
	ck_assert(guard_read_token(NULL, &token, NULL, err, sizeof(err)));
	ck_assert_str_eq(token, "environment");
	free(token);
	ck_assert(reads("file", &token));
	ck_assert_str_eq(token, "file");
	free(token);
	unsetenv("DEADPEER_ADMIN_TOKEN");
}
END_TEST

Suite *route_suite(void)
{
	Suite *s = suite_create("route");
	TCase *t = tcase_create("paths");

	tcase_add_loop_test(t, paths_lead_to_routes, 0, sizeof(paths) / sizeof(*paths));
	tcase_add_test(t, every_route_is_there_once_and_explained);
	tcase_add_loop_test(t, paths_are_cleaned, 0, sizeof(cleans) / sizeof(*cleans));
	suite_add_tcase(s, t);
	t = tcase_create("guard");
	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, local_hosts);
	tcase_add_test(t, own_origins);
	tcase_add_test(t, tokens);
	tcase_add_test(t, token_files);
	suite_add_tcase(s, t);
	return s;
}
