#include "base/sink.h"
#include "scratch.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *sink_suite(void);

static void put(struct sink *s, const char *line)
{
	sink_line(s, line, strlen(line));
}

static struct sink *must_open(const char *path)
{
	const char *err = NULL;
	struct sink *s = sink_open(path, &err);

	ck_assert_msg(s != NULL, "%s: %s", path, err);
	return s;
}

static void assert_file(const char *path, const char *want)
{
	char *text = scratch_read(path, NULL);

	ck_assert_str_eq(text, want);
	free(text);
}

START_TEST(lines_are_appended_to_a_file)
{
	const char *path = scratch_write("log", "before\n", 7);
	struct sink *s = must_open(path);

	put(s, "one");
	put(s, "");
	put(s, "two");
	assert_file(path, "before\none\n\ntwo\n");
	ck_assert(!sink_flush(s));
	ck_assert_uint_eq(sink_lost(s), 0);
	ck_assert_int_eq(sink_error(s), 0);
	sink_close(s);
	sink_close(NULL);
}
END_TEST

START_TEST(what_cannot_be_opened_says_why)
{
	const char *err = NULL;

	ck_assert_ptr_null(sink_open(scratch_path("none/log"), &err));
	ck_assert_str_eq(err, strerror(ENOENT));
	ck_assert_ptr_null(sink_open("/", &err));
	ck_assert_str_eq(err, strerror(EISDIR));
	/* a FIFO without a reader must not block the start */
	ck_assert_int_eq(mkfifo(scratch_path("fifo"), 0600), 0);
	ck_assert_ptr_null(sink_open(scratch_path("fifo"), &err));
	ck_assert_str_eq(err, strerror(ENXIO));
}
END_TEST

/* A FIFO of one page: its reader and the sink on its other end. */
static int fifo_open(struct sink **s)
{
	const char *path = scratch_path("fifo");
	int reader;

	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_ge(reader = open(path, O_RDONLY | O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
	*s = must_open(path);
	return reader;
}

static size_t drain(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, size - len - 1)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return len;
}

START_TEST(a_full_pipe_delays_lines)
{
	static char got[1 << 16];
	struct sink *s;
	int reader = fifo_open(&s);
	char line[100];
	size_t len = 0;

	for (int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "%079d", i);
		put(s, line);
	}
	ck_assert(sink_flush(s));
	ck_assert_uint_eq(sink_lost(s), 0);
	for (int rounds = 0; rounds < 100; rounds++) {
		len += drain(reader, got + len, sizeof(got) - len);
		if (!sink_flush(s) && len == 200 * 80)
			break;
	}
	ck_assert_uint_eq(len, 200 * 80);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(atoi(got + i * 80), i);
	sink_close(s);
	close(reader);
}
END_TEST

START_TEST(the_queue_is_bounded_and_loss_is_counted)
{
	static char line[1024], got[SINK_QUEUE_BYTES + (1 << 16)];
	struct sink *s;
	int reader = fifo_open(&s), sent = 0;
	size_t len = 0, whole = 0;

	memset(line, 'x', sizeof(line));
	for (; sent < 2000; sent++)
		sink_line(s, line, 1000);
	ck_assert_uint_gt(sink_lost(s), 2000 - (SINK_QUEUE_BYTES + 8192) / 1001);
	ck_assert_uint_lt(sink_lost(s), 2000 - SINK_QUEUE_BYTES / 1001 + 1);
	ck_assert_int_eq(sink_error(s), 0);
	while (sink_flush(s) || len < (2000 - sink_lost(s)) * 1001)
		len += drain(reader, got + len, sizeof(got) - len);
	for (size_t i = 0; i < len; i++)
		whole += got[i] == '\n';
	ck_assert_uint_eq(whole + sink_lost(s), 2000);
	ck_assert_uint_eq(len, whole * 1001);
	uint64_t lost = sink_lost(s);
	put(s, "and again");
	drain(reader, got, sizeof(got));
	ck_assert_str_eq(got, "and again\n");
	ck_assert_uint_eq(sink_lost(s), lost);
	sink_close(s);
	close(reader);
}
END_TEST

START_TEST(a_line_larger_than_the_queue_is_lost)
{
	const char *path = scratch_write("log", "", 0);
	struct sink *s = must_open(path);
	char *line = calloc(1, SINK_QUEUE_BYTES + 1);

	memset(line, 'x', SINK_QUEUE_BYTES);
	sink_line(s, line, SINK_QUEUE_BYTES);
	ck_assert_uint_eq(sink_lost(s), 1);
	sink_line(s, line, SINK_QUEUE_BYTES - 1);
	ck_assert_uint_eq(sink_lost(s), 1);
	sink_close(s);
	free(line);
}
END_TEST

/* A shared descriptor stays blocking, and still nobody waits for it. */
START_TEST(stdout_never_blocks)
{
	int saved = dup(STDOUT_FILENO), ends[2];
	struct sink *s = must_open("-");
	char line[500];

	memset(line, 'x', sizeof(line));
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	for (int i = 0; i < 1000; i++)
		sink_line(s, line, sizeof(line));
	bool waits = sink_flush(s);
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	sink_close(s);
	bool open_still = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	ck_assert(waits);
	ck_assert(!(flags & O_NONBLOCK));
	ck_assert(open_still);
}
END_TEST

START_TEST(a_closed_pipe_loses_lines_until_it_has_a_reader)
{
	struct sink *s;
	int reader = fifo_open(&s);
	char got[64];

	close(reader);
	put(s, "lost");
	put(s, "lost, too");
	ck_assert_uint_eq(sink_lost(s), 2);
	ck_assert_int_eq(sink_error(s), EPIPE);
	ck_assert(!sink_flush(s));
	ck_assert_int_ge(reader = open(scratch_path("fifo"), O_RDONLY | O_NONBLOCK), 0);
	put(s, "back");
	drain(reader, got, sizeof(got));
	ck_assert_str_eq(got, "back\n");
	ck_assert_uint_eq(sink_lost(s), 2);
	sink_close(s);
	close(reader);
}
END_TEST

START_TEST(a_full_disk_loses_lines)
{
	struct sink *s = must_open("/dev/full");

	put(s, "one");
	put(s, "two");
	put(s, "three");
	ck_assert_uint_eq(sink_lost(s), 3);
	ck_assert_int_eq(sink_error(s), ENOSPC);
	ck_assert(!sink_flush(s));
	sink_close(s);
}
END_TEST

/* A line cut in the middle spoils no other: RLIMIT_FSIZE stands in for a disk that fills up. */
START_TEST(a_torn_line_is_ended_before_the_next)
{
	const char *path = scratch_write("log", "", 0);
	struct sink *s = must_open(path);
	struct rlimit old, small;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ .rlim_cur = 10, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	put(s, "whole");
	put(s, "torn apart");
	put(s, "lost");
	put(s, "lost, too");
	setrlimit(RLIMIT_FSIZE, &old);
	ck_assert_uint_eq(sink_lost(s), 3);
	ck_assert_int_eq(sink_error(s), EFBIG);
	put(s, "after");
	put(s, "more");
	assert_file(path, "whole\ntorn\nafter\nmore\n");
	ck_assert_uint_eq(sink_lost(s), 3);
	sink_close(s);
}
END_TEST

static void count_call(void *arg)
{
	++*(int *)arg;
}

START_TEST(gathered_lines_are_written_together)
{
	const char *path = scratch_write("log", "", 0);
	struct sink *s = must_open(path);
	char *text, line[100];
	int calls = 0;

	sink_gather(s, count_call, &calls);
	put(s, "one");
	put(s, "two");
	ck_assert_int_eq(calls, 1);
	assert_file(path, "");
	ck_assert(!sink_flush(s));
	assert_file(path, "one\ntwo\n");
	put(s, "three");
	ck_assert_int_eq(calls, 2);
	sink_gather(s, NULL, NULL);
	put(s, "four");
	assert_file(path, "one\ntwo\nthree\nfour\n");
	ck_assert_int_eq(calls, 2);
	/* a page of them does not wait */
	sink_gather(s, count_call, &calls);
	memset(line, 'x', sizeof(line));
	for (int i = 0; i <= PIPE_BUF / 100; i++)
		sink_line(s, line, sizeof(line));
	text = scratch_read(path, NULL);
	ck_assert_uint_ge(strlen(text), PIPE_BUF);
	free(text);
	sink_close(s);
}
END_TEST

Suite *sink_suite(void)
{
	Suite *s = suite_create("sink");
	TCase *t = tcase_create("sink");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, lines_are_appended_to_a_file);
	tcase_add_test(t, what_cannot_be_opened_says_why);
	tcase_add_test(t, a_full_pipe_delays_lines);
	tcase_add_test(t, the_queue_is_bounded_and_loss_is_counted);
	tcase_add_test(t, a_line_larger_than_the_queue_is_lost);
	tcase_add_test(t, stdout_never_blocks);
	tcase_add_test(t, a_closed_pipe_loses_lines_until_it_has_a_reader);
	tcase_add_test(t, a_full_disk_loses_lines);
	tcase_add_test(t, a_torn_line_is_ended_before_the_next);
	tcase_add_test(t, gathered_lines_are_written_together);
	suite_add_tcase(s, t);
	return s;
}
