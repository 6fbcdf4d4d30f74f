#include "kernel/pipe.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

Suite *pipe_suite(void);

START_TEST(taken_pipe_carries_bytes_without_blocking)
{
	struct pipe_pool pool = { 0 };
	struct pipe *p = pipe_take(&pool);
	char c;

	ck_assert_ptr_nonnull(p);
	ck_assert_int_gt(p->capacity, 0);
	ck_assert_int_eq(p->capacity, fcntl(p->wr, F_GETPIPE_SZ));
	ck_assert_int_eq(fcntl(p->rd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(read(p->rd, &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(write(p->wr, "x", 1), 1);
	ck_assert_int_eq(read(p->rd, &c, 1), 1);
	ck_assert_int_eq(c, 'x');
	pipe_give(&pool, p);
	pipe_pool_free(&pool);
}
END_TEST

START_TEST(given_pipe_is_taken_again)
{
	struct pipe_pool pool = { 0 };
	struct pipe *a = pipe_take(&pool), *b = pipe_take(&pool);

	ck_assert_ptr_ne(a, b);
	ck_assert_uint_eq(pool.n_out, 2);
	pipe_give(&pool, a);
	ck_assert_uint_eq(pool.n_out, 1);
	ck_assert_uint_eq(pool.n_idle, 1);
	ck_assert_ptr_eq(pipe_take(&pool), a);
	ck_assert_uint_eq(pool.n_idle, 0);
	pipe_give(&pool, a);
	pipe_give(&pool, b);
	pipe_pool_free(&pool);
	ck_assert_uint_eq(pool.n_idle, 0);
	ck_assert_ptr_null(pool.idle);
}
END_TEST

START_TEST(dropped_pipe_is_closed)
{
	struct pipe_pool pool = { 0 };
	struct pipe *p = pipe_take(&pool);
	const int rd = p->rd, wr = p->wr;

	pipe_drop(&pool, p);
	ck_assert_uint_eq(pool.n_out, 0);
	ck_assert_uint_eq(pool.n_idle, 0);
	ck_assert_int_eq(fcntl(rd, F_GETFD), -1);
	ck_assert_int_eq(fcntl(wr, F_GETFD), -1);
}
END_TEST

START_TEST(pool_keeps_so_many_and_no_more)
{
	struct pipe_pool pool = { 0 };
	struct pipe *p[PIPE_POOL_MAX + 3];
	const unsigned n = sizeof(p) / sizeof(p[0]);

	for (unsigned i = 0; i < n; i++) {
		p[i] = pipe_take(&pool);
		ck_assert_ptr_nonnull(p[i]);
	}
	for (unsigned i = 0; i < n; i++)
		pipe_give(&pool, p[i]);
	ck_assert_uint_eq(pool.n_idle, PIPE_POOL_MAX);
	ck_assert_uint_eq(pool.n_out, 0);
	pipe_pool_free(&pool);
}
END_TEST

START_TEST(no_descriptors_is_an_error_not_a_pipe)
{
	struct rlimit limit, none;
	struct pipe_pool pool = { 0 };
	struct pipe *p;
	int error;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	p = pipe_take(&pool);
	error = errno;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(error, EMFILE);
	ck_assert_uint_eq(pool.n_out, 0);
}
END_TEST

/* Past fs.pipe-user-pages-soft a user without privilege gets small pipes, and they say so. Root is
 * never refused; then all are large. */
START_TEST(capacity_is_what_the_kernel_gave)
{
	struct pipe_pool pool = { 0 };
	struct pipe *p[80];

	for (unsigned i = 0; i < 80; i++) {
		p[i] = pipe_take(&pool);
		ck_assert_ptr_nonnull(p[i]);
		ck_assert_int_eq(p[i]->capacity, fcntl(p[i]->wr, F_GETPIPE_SZ));
	}
	if (geteuid() == 0)
		ck_assert_int_eq(p[79]->capacity, PIPE_WANTED);
	for (unsigned i = 0; i < 80; i++)
		pipe_drop(&pool, p[i]);
}
END_TEST

Suite *pipe_suite(void)
{
	Suite *s = suite_create("pipe");
	TCase *tc = tcase_create("pipe");

	tcase_add_test(tc, taken_pipe_carries_bytes_without_blocking);
	tcase_add_test(tc, given_pipe_is_taken_again);
	tcase_add_test(tc, dropped_pipe_is_closed);
	tcase_add_test(tc, pool_keeps_so_many_and_no_more);
	tcase_add_test(tc, no_descriptors_is_an_error_not_a_pipe);
	tcase_add_test(tc, capacity_is_what_the_kernel_gave);
	suite_add_tcase(s, tc);
	return s;
}
