/*
 * Bytes through a real session on loopback, by copy, by splice and as it comes. The loop runs only
 * when told, a bounded number of rounds; nothing sleeps.
 */
#include "base/mono.h"
#include "base/rng.h"
#include "faults/catalogue.h"
#include "faults/stream.h"
#include "kernel/socket.h"
#include "model/conf.h"
#include "relay/proxy.h"
#include "relay/session.h"
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

Suite *flow_suite(void);

#define ROUNDS 20000 /* of the loop, at most, until something that must happen has */
#define CHUNK  (256 << 10)

static struct relay *relay;
static struct timeline timeline;
static struct wire wire; /* no powers: nothing here needs any */
static struct config *config;
static struct proxy *proxy;
static struct session *session;
static int upstream, ends[LEGS]; /* ends[LEG_CLIENT]: the client's socket; the server's */
static char chunk[CHUNK];

static void turn(void)
{
	event_base_loop(relay->base, EVLOOP_NONBLOCK);
}

static void turns(int n)
{
	while (n-- > 0)
		turn();
}

static void make_proxy(void)
{
	struct proxy_spec *spec = config_add_proxy(config, "p");
	union sockaddr_any bound;
	char text[ADDR_TEXT_MAX], err[256];

	addr_parse("127.0.0.1:0", &spec->listen);
	upstream = socket_listen(&spec->listen, 64, &bound);
	ck_assert_int_ge(upstream, 0);
	addr_parse(addr_format_sa(text, sizeof(text), &bound.sa), &spec->upstream);
	proxy = proxy_prepare(relay, spec, err, sizeof(err));
	ck_assert_msg(proxy != NULL, "%s", err);
	proxy_start(proxy);
}

static void connect_client(void)
{
	bool in_progress;

	ck_assert_int_eq(socket_connect(&proxy_bound(proxy)->sa, sizeof(struct sockaddr_in),
			     &ends[LEG_CLIENT], &in_progress),
	    0);
}

static void accept_server(void)
{
	union sockaddr_ip peer;
	int rounds = 0;

	do
		turn();
	while ((ends[LEG_SERVER] = socket_accept(upstream, &peer)) < 0 && ++rounds < ROUNDS);
	ck_assert_int_ge(ends[LEG_SERVER], 0);
	turns(3);
}

static void find_session(void)
{
	struct target *t;

	TAILQ_FOREACH (t, &proxy_door(proxy)->targets, in_door)
		session = (struct session *)t; /* the last one */
}

static void setup(void)
{
	const char *err;

	ends[LEG_CLIENT] = ends[LEG_SERVER] = -1;
	memset(&wire, 0, sizeof(wire));
	config = config_new();
	relay = relay_new(&timeline, &wire, &config->settings, &err);
	ck_assert_ptr_nonnull(relay);
	make_proxy();
	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] = (char)rng_bits(7, "bytes", i);
}

static void setup_open(void)
{
	setup();
	connect_client();
	accept_server();
	find_session();
	ck_assert_int_eq(session->state, SESSION_OPEN);
}

static void hang_up(enum leg leg)
{
	if (ends[leg] >= 0)
		close(ends[leg]);
	ends[leg] = -1;
}

static void teardown(void)
{
	hang_up(LEG_CLIENT);
	hang_up(LEG_SERVER);
	relay_free(relay);
	if (upstream >= 0)
		close(upstream);
	config_free(config);
}

static struct fault *arm(const char *text)
{
	static unsigned n;
	struct conf_errors errors = { 0 };
	struct fault *f;
	char name[16];

	snprintf(name, sizeof(name), "f%u", ++n);
	ck_assert_msg(
	    conf_add_fault_text(config, name, text, catalogue_types, &errors), "%s", text);
	conf_errors_free(&errors);
	f = engine_arm(&relay->engine, config->faults[config->n_faults - 1], mono_now_ns());
	relay_schedule(relay);
	return f;
}

static void lift(struct fault *f)
{
	engine_lift(&relay->engine, f, "test", mono_now_ns());
	relay_schedule(relay);
}

/* --- the ends: a pattern that knows its place --- */

static uint64_t sent[FLOWS], got[FLOWS];

static int source_fd(enum flow f)
{
	return ends[flow_source(f)];
}

static int sink_fd(enum flow f)
{
	return ends[flow_sink(f)];
}

/* As much of n as the socket takes. */
static size_t give(enum flow f, size_t n)
{
	size_t at = sent[f] % CHUNK;
	ssize_t done;

	if (n > CHUNK - at)
		n = CHUNK - at;
	done = send(source_fd(f), chunk + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done < 0)
		ck_assert_int_eq(errno, EAGAIN);
	else
		sent[f] += (uint64_t)done;
	return done < 0 ? 0 : (size_t)done;
}

/* At most n, checked. -1: the end. */
static ssize_t take(enum flow f, size_t n)
{
	static char buf[CHUNK];
	size_t at = got[f] % CHUNK;
	ssize_t done;

	if (n > CHUNK - at)
		n = CHUNK - at;
	done = recv(sink_fd(f), buf, n, MSG_DONTWAIT);
	if (done == 0)
		return -1;
	if (done < 0) {
		ck_assert_int_eq(errno, EAGAIN);
		return 0;
	}
	ck_assert_mem_eq(buf, chunk + at, (size_t)done);
	got[f] += (uint64_t)done;
	return done;
}

/* Until n bytes in all have arrived. */
static void take_until(enum flow f, uint64_t n)
{
	for (int i = 0; got[f] < n; i++) {
		ck_assert_msg(i < ROUNDS, "%llu of %llu bytes", (unsigned long long)got[f],
		    (unsigned long long)n);
		turn();
		ck_assert_int_ge(take(f, n - got[f] < CHUNK ? (size_t)(n - got[f]) : CHUNK), 0);
	}
}

static void take_end(enum flow f)
{
	ssize_t n;

	for (int i = 0; (n = take(f, CHUNK)) >= 0; i++) {
		ck_assert_int_lt(i, ROUNDS);
		turn();
	}
}

static void take_nothing(enum flow f)
{
	turns(50);
	ck_assert_int_eq(take(f, CHUNK), 0);
}

/* Until nothing more fits anywhere. */
static void fill(enum flow f)
{
	for (int idle = 0; idle < 20;) {
		idle = give(f, CHUNK) ? 0 : idle + 1;
		turn();
	}
}

static const enum splice_mode modes[] = { SPLICE_OFF, SPLICE_ON, SPLICE_AUTO };

#define N_MODES 3

/* The session stays until its last bytes and FINs are acknowledged, which may be delayed. */
static void await_gone(void)
{
	for (int i = 0; i < 200 && relay->sessions; i++)
		event_base_loop(relay->base, EVLOOP_ONCE);
	ck_assert_uint_eq(relay->sessions, 0);
}

static void begin(int mode)
{
	relay->splice = modes[mode];
	memset(sent, 0, sizeof(sent));
	memset(got, 0, sizeof(got));
}

static uint64_t waiting(enum flow f)
{
	return session->flows[f].len;
}

static void check_nothing_waits(void)
{
	for (enum flow f = 0; f < FLOWS; f++) {
		ck_assert_uint_eq(waiting(f), 0);
		ck_assert_ptr_null(session->flows[f].buf);
		ck_assert_ptr_null(session->flows[f].pipe);
	}
	ck_assert_uint_eq(relay->pipes.n_out, 0);
}

/* --- bytes --- */

/* Until total bytes have arrived each way, in sizes and turns of all kinds. */
static void carry(uint64_t total)
{
	uint64_t n = 0;

	while (got[FLOW_UPSTREAM] < total || got[FLOW_DOWNSTREAM] < total) {
		enum flow f = (enum flow)(rng_bits(3, "flow", n) % FLOWS);
		size_t size = 1 + rng_bits(3, "size", n) % (n % 50 == 0 ? CHUNK : 20000);

		ck_assert_uint_lt(n++, 1000000);
		if (rng_bits(3, "give", n) % 2 && sent[f] < total)
			give(f, size < total - sent[f] ? size : (size_t)(total - sent[f]));
		else
			take(f, size);
		if (n % 3 == 0)
			turn();
	}
}

START_TEST(bytes_arrive_whole_both_ways)
{
	const uint64_t total = 6 << 20;

	begin(_i);
	carry(total);
	ck_assert_uint_eq(session->flows[FLOW_UPSTREAM].bytes, total);
	ck_assert_uint_eq(session->flows[FLOW_DOWNSTREAM].bytes, total);
	check_nothing_waits();
}
END_TEST

START_TEST(bytes_arrive_whole_through_faults)
{
	struct fault *late, *narrow;

	begin(_i);
	carry(1 << 20);
	late = arm("latency latency=1ms jitter=1ms direction=both");
	carry(4 << 20);
	narrow = arm("bandwidth rate=300MB/s direction=both");
	carry(8 << 20);
	if (modes[_i] == SPLICE_OFF)
		ck_assert_ptr_null(relay->pipes.idle);
	lift(late);
	carry(10 << 20);
	lift(narrow);
	carry(12 << 20);
	ck_assert_uint_eq(relay->engine.buffered, 0);
	check_nothing_waits();
}
END_TEST

/* It is read as long as there is room; then nothing is left to be called for but the sink. */
START_TEST(a_slow_reader_of_a_shaped_flow_leaves_the_loop_at_rest)
{
	begin(_i);
	arm("latency latency=1ms");
	fill(FLOW_DOWNSTREAM);
	for (int i = 0; i < ROUNDS && flow_wants_read(session, FLOW_DOWNSTREAM); i++)
		turn();
	ck_assert(!flow_wants_read(session, FLOW_DOWNSTREAM));
	ck_assert_uint_ge(relay->engine.buffered, relay->engine.buffer_bytes);
	take_until(FLOW_DOWNSTREAM, sent[FLOW_DOWNSTREAM]);
	ck_assert_uint_eq(relay->engine.buffered, 0);
}
END_TEST

START_TEST(many_pieces_take_turns)
{
	struct fault *f;

	begin(_i);
	f = arm("latency latency=1h");
	for (int i = 0; i < 1000; i++) {
		ck_assert(stream_push(
		    session->target.streams[FLOW_DOWNSTREAM], chunk + i, 1, mono_now_ns()));
		sent[FLOW_DOWNSTREAM]++;
	}
	lift(f);
	ck_assert_uint_eq(session->flows[FLOW_DOWNSTREAM].bytes, 256);
	take_until(FLOW_DOWNSTREAM, 1000);
}
END_TEST

/* What waits is in pipes if splice is on, and they go back. */
START_TEST(what_is_late_goes_with_the_session)
{
	begin(_i);
	arm("latency latency=1h direction=both");
	fill(FLOW_UPSTREAM);
	fill(FLOW_DOWNSTREAM);
	ck_assert_uint_ge(relay->engine.buffered, relay->engine.buffer_bytes);
	ck_assert_uint_le(relay->pipes.n_out, relay->pipes_max);
	ck_assert_int_eq(relay->pipes.n_out != 0, modes[_i] != SPLICE_OFF);
	relay_abort_sessions(relay, "test");
	await_gone();
	ck_assert_uint_eq(relay->engine.buffered, 0);
	ck_assert_uint_eq(relay->pipes.n_out, 0);
}
END_TEST

START_TEST(single_bytes_arrive_at_once)
{
	begin(_i);
	for (int i = 0; i < 100; i++)
		for (enum flow f = 0; f < FLOWS; f++) {
			ck_assert_uint_eq(give(f, 1), 1);
			take_until(f, (uint64_t)i + 1);
		}
	check_nothing_waits();
}
END_TEST

/* While bytes wait the source is not read: memory is bounded, and given back. */
START_TEST(a_slow_reader_costs_no_memory)
{
	begin(_i);
	for (enum flow f = 0; f < FLOWS; f++) {
		struct flow_state *s = &session->flows[f];

		fill(f);
		ck_assert_uint_gt(s->len, 0);
		ck_assert_uint_eq(s->pipe != NULL, s->buf == NULL);
		if (s->pipe)
			ck_assert_uint_le(s->len, (unsigned)s->pipe->capacity);
		else
			ck_assert_uint_le(s->len, RELAY_SCRATCH);
		if (modes[_i] == SPLICE_OFF)
			ck_assert_ptr_null(s->pipe);
		if (modes[_i] == SPLICE_ON)
			ck_assert_ptr_nonnull(s->pipe);
		ck_assert(!flow_wants_read(session, f));
		ck_assert(flow_wants_write(session, f));
	}
	for (enum flow f = 0; f < FLOWS; f++)
		take_until(f, sent[f]);
	check_nothing_waits();
}
END_TEST

/* A bulk goes by splice, small messages by copy again. */
START_TEST(auto_follows_the_size)
{
	begin(2);
	give(FLOW_UPSTREAM, 10);
	take_until(FLOW_UPSTREAM, 10);
	ck_assert_uint_eq(relay->pipes.n_idle, 0);
	fill(FLOW_UPSTREAM);
	ck_assert(session->flows[FLOW_UPSTREAM].splice);
	ck_assert_ptr_nonnull(session->flows[FLOW_UPSTREAM].pipe);
	take_until(FLOW_UPSTREAM, sent[FLOW_UPSTREAM]);
	give(FLOW_UPSTREAM, 10);
	take_until(FLOW_UPSTREAM, sent[FLOW_UPSTREAM]);
	ck_assert(!session->flows[FLOW_UPSTREAM].splice);
	ck_assert_uint_gt(relay->pipes.n_idle, 0);
}
END_TEST

START_TEST(without_pipes_it_copies)
{
	struct rlimit old, low;

	begin(1);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = 0; /* no new descriptor */
	setrlimit(RLIMIT_NOFILE, &low);
	give(FLOW_UPSTREAM, 100);
	take_until(FLOW_UPSTREAM, 100);
	setrlimit(RLIMIT_NOFILE, &old);
	ck_assert_uint_eq(relay->pipes.n_idle, 0);
}
END_TEST

/* --- ends --- */

START_TEST(half_close_is_kept_each_way)
{
	for (enum flow f = 0; f < FLOWS; f++) {
		begin(_i);
		if (f == FLOW_DOWNSTREAM) {
			connect_client();
			accept_server();
			find_session();
		}
		give(f, 1000);
		shutdown(source_fd(f), SHUT_WR);
		take_until(f, 1000);
		take_end(f);
		give(!f, 70000); /* the other direction lives */
		take_until(!f, sent[!f]);
		ck_assert_int_eq(session->state, SESSION_OPEN);
		shutdown(source_fd(!f), SHUT_WR);
		take_end(!f);
		turns(2);
		ck_assert_uint_eq(relay->sessions, 0);
		ck_assert_uint_eq(relay->pipes.n_out, 0);
		hang_up(LEG_CLIENT);
		hang_up(LEG_SERVER);
	}
}
END_TEST

START_TEST(the_end_comes_after_what_waits)
{
	begin(_i);
	fill(FLOW_UPSTREAM);
	ck_assert_uint_gt(waiting(FLOW_UPSTREAM), 0);
	shutdown(source_fd(FLOW_UPSTREAM), SHUT_WR);
	turns(10);
	take_end(FLOW_UPSTREAM);
	ck_assert_uint_eq(got[FLOW_UPSTREAM], sent[FLOW_UPSTREAM]);
	give(FLOW_DOWNSTREAM, 10);
	take_until(FLOW_DOWNSTREAM, 10);
}
END_TEST

/* The end at this leg's other side gets an RST. */
static void await_reset(enum leg leg)
{
	char c;

	for (int i = 0; recv(ends[leg], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN; i++) {
		ck_assert_int_lt(i, ROUNDS);
		turn();
	}
	ck_assert_int_eq(errno, ECONNRESET);
	turns(2);
}

START_TEST(a_reset_is_passed_on)
{
	for (enum leg leg = 0; leg < LEGS; leg++) {
		begin(_i);
		if (leg == LEG_SERVER) {
			connect_client();
			accept_server();
		}
		socket_abort(ends[leg]);
		ends[leg] = -1;
		await_reset(!leg);
		ck_assert_uint_eq(relay->sessions, 0);
		hang_up(!leg);
	}
}
END_TEST

/* The reader goes while bytes wait for it: the writer learns of it, nothing is left over. */
START_TEST(a_reset_while_bytes_wait)
{
	begin(_i);
	fill(FLOW_UPSTREAM);
	socket_abort(ends[LEG_SERVER]);
	ends[LEG_SERVER] = -1;
	await_reset(LEG_CLIENT);
	ck_assert_uint_eq(relay->sessions, 0);
	ck_assert_uint_eq(relay->pipes.n_out, 0);
}
END_TEST

START_TEST(a_refused_upstream_is_a_reset)
{
	close(upstream);
	upstream = -1;
	connect_client();
	await_reset(LEG_CLIENT);
	ck_assert_uint_eq(relay->sessions, 0);
}
END_TEST

/* --- marks and holds --- */

static const uint64_t marks[] = { 1, 2, 4095, 16383, 16384, 16385, 65536, 100000, 1 << 20,
	3000001 };

#define N_MARKS ((int)(sizeof(marks) / sizeof(*marks)))

START_TEST(a_mark_is_hit_to_the_byte)
{
	uint64_t mark = marks[_i / N_MODES];
	char text[64];
	struct fault *f;

	begin(_i % N_MODES);
	snprintf(text, sizeof(text), "hang after_bytes=%llu", (unsigned long long)mark);
	f = arm(text);
	for (int i = 0; sent[FLOW_DOWNSTREAM] < mark + 100000 && i < ROUNDS; i++) {
		give(FLOW_DOWNSTREAM, CHUNK);
		turn();
		take(FLOW_DOWNSTREAM, CHUNK);
	}
	take_until(FLOW_DOWNSTREAM, mark);
	take_nothing(FLOW_DOWNSTREAM);
	ck_assert_uint_eq(session->flows[FLOW_DOWNSTREAM].bytes, mark);
	ck_assert_uint_eq(f->sessions, 1);
	lift(f);
	take_until(FLOW_DOWNSTREAM, sent[FLOW_DOWNSTREAM]);
	check_nothing_waits();
}
END_TEST

static struct fault *hang_at(uint64_t bytes)
{
	char text[64];

	snprintf(text, sizeof(text), "hang after_bytes=%llu", (unsigned long long)bytes);
	return arm(text);
}

/* What waited when the mark was set may not overshoot it either; a little at a time. */
START_TEST(a_mark_among_what_waits)
{
	struct fault *last = NULL;
	uint64_t mark;

	begin(_i);
	fill(FLOW_DOWNSTREAM);
	mark = session->flows[FLOW_DOWNSTREAM].bytes;
	ck_assert_uint_gt(waiting(FLOW_DOWNSTREAM), 1000);
	for (int i = 0; i < 5; i++) {
		struct fault *next = hang_at(mark += 200);

		if (last)
			lift(last); /* the next one stands ready */
		last = next;
		take_until(FLOW_DOWNSTREAM, mark);
		take_nothing(FLOW_DOWNSTREAM);
		ck_assert_uint_eq(next->sessions, 1);
	}
	lift(last);
	take_until(FLOW_DOWNSTREAM, sent[FLOW_DOWNSTREAM]);
	check_nothing_waits();
}
END_TEST

/* What comes and goes beside a hold makes nothing leave, not even what the flow had read before. */
START_TEST(a_hold_is_no_matter_of_what_shapes)
{
	struct fault *hang, *late;

	begin(_i);
	fill(FLOW_DOWNSTREAM);
	ck_assert_uint_gt(waiting(FLOW_DOWNSTREAM), 0);
	hang = arm("hang");
	take_until(FLOW_DOWNSTREAM, session->flows[FLOW_DOWNSTREAM].bytes);
	late = arm("latency latency=1ms");
	take_nothing(FLOW_DOWNSTREAM);
	lift(late);
	take_nothing(FLOW_DOWNSTREAM);
	lift(hang);
	take_until(FLOW_DOWNSTREAM, sent[FLOW_DOWNSTREAM]);
	check_nothing_waits();
}
END_TEST

START_TEST(a_hold_stops_and_resumes)
{
	begin(_i);
	for (enum flow f = 0; f < FLOWS; f++) {
		uint64_t delivered;
		struct fault *hang;

		fill(f);
		hang = arm("hang");
		delivered = session->flows[f].bytes;
		take_until(f, delivered);
		take_nothing(f);
		ck_assert_uint_eq(session->flows[f].bytes, delivered);
		ck_assert_uint_gt(waiting(f), 0);
		lift(hang);
		take_until(f, sent[f]);
		check_nothing_waits();
	}
}
END_TEST

START_TEST(the_end_waits_for_the_hold)
{
	struct fault *hang;

	begin(_i);
	fill(FLOW_UPSTREAM);
	shutdown(source_fd(FLOW_UPSTREAM), SHUT_WR);
	hang = arm("hang");
	take_until(FLOW_UPSTREAM, session->flows[FLOW_UPSTREAM].bytes);
	take_nothing(FLOW_UPSTREAM);
	lift(hang);
	take_end(FLOW_UPSTREAM);
	ck_assert_uint_eq(got[FLOW_UPSTREAM], sent[FLOW_UPSTREAM]);
}
END_TEST

/* An idle flow, held: what comes then waits in the kernel, and the loop has nothing to do. */
START_TEST(a_held_flow_is_not_read)
{
	struct fault *hang;

	begin(_i);
	hang = arm("hang");
	give(FLOW_UPSTREAM, 100);
	take_nothing(FLOW_UPSTREAM);
	ck_assert_uint_eq(session->legs[LEG_CLIENT].watched, 0);
	ck_assert_uint_eq(session->legs[LEG_SERVER].watched, 0);
	lift(hang);
	take_until(FLOW_UPSTREAM, 100);
}
END_TEST

/* --- half_close, the fault --- */

START_TEST(half_close_fault_ends_one_direction)
{
	begin(_i);
	give(FLOW_DOWNSTREAM, 500);
	take_until(FLOW_DOWNSTREAM, 500);
	arm("half_close");
	take_end(FLOW_DOWNSTREAM);
	give(FLOW_UPSTREAM, 70000);
	take_until(FLOW_UPSTREAM, sent[FLOW_UPSTREAM]);
	for (int i = 0; i < 100; i++) { /* what the server goes on sending is thrown away */
		give(FLOW_DOWNSTREAM, CHUNK);
		turn();
	}
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert_uint_eq(waiting(FLOW_DOWNSTREAM), 0);
	give(FLOW_UPSTREAM, 1000);
	take_until(FLOW_UPSTREAM, sent[FLOW_UPSTREAM]);
	shutdown(source_fd(FLOW_UPSTREAM), SHUT_WR);
	take_end(FLOW_UPSTREAM);
	await_gone();
}
END_TEST

START_TEST(half_close_fault_after_what_waits)
{
	begin(_i);
	fill(FLOW_DOWNSTREAM);
	uint64_t taken_in = session->flows[FLOW_DOWNSTREAM].bytes + waiting(FLOW_DOWNSTREAM);

	arm("half_close");
	take_end(FLOW_DOWNSTREAM);
	ck_assert_uint_eq(got[FLOW_DOWNSTREAM], taken_in);
}
END_TEST

/* The mark is met amid the writing, and what the fault asks for comes back to the same flow. */
START_TEST(half_close_fault_amid_what_was_late)
{
	struct fault *late;

	begin(_i);
	late = arm("latency latency=1h");
	give(FLOW_DOWNSTREAM, 60000);
	turns(20);
	arm("half_close after_bytes=10");
	lift(late);
	take_until(FLOW_DOWNSTREAM, 60000);
	take_end(FLOW_DOWNSTREAM);
	ck_assert_ptr_null(session->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

/* Struck when accepted, while it still dials: the end comes once there is a connection. */
START_TEST(half_close_fault_of_a_new_session)
{
	begin(_i);
	hang_up(LEG_CLIENT);
	arm("half_close nth=1");
	connect_client();
	accept_server();
	find_session();
	take_end(FLOW_DOWNSTREAM);
	give(FLOW_UPSTREAM, 1000);
	take_until(FLOW_UPSTREAM, 1000);
}
END_TEST

START_TEST(half_close_fault_of_a_new_client)
{
	begin(_i);
	arm("half_close side=client nth=1");
	connect_client();
	accept_server();
	find_session();
	take_end(FLOW_UPSTREAM);
	give(FLOW_DOWNSTREAM, 1000);
	take_until(FLOW_DOWNSTREAM, 1000);
}
END_TEST

START_TEST(half_close_fault_waits_for_a_hang)
{
	struct fault *hang;

	begin(_i);
	hang = arm("hang");
	arm("half_close");
	take_nothing(FLOW_DOWNSTREAM);
	lift(hang);
	take_end(FLOW_DOWNSTREAM);
}
END_TEST

/* --- the living leg of a hang --- */

START_TEST(a_hang_that_aborts_the_other_ends_the_session)
{
	struct fault *hang;

	begin(_i);
	hang = arm("hang other=abort");
	await_reset(LEG_SERVER);
	take_nothing(FLOW_DOWNSTREAM);
	lift(hang);
	await_reset(LEG_CLIENT);
	ck_assert_uint_eq(relay->sessions, 0);
}
END_TEST

Suite *flow_suite(void)
{
	Suite *s = suite_create("flow");
	TCase *c = tcase_create("flow"), *d = tcase_create("dialing");

	tcase_add_checked_fixture(c, setup_open, teardown);
	tcase_set_timeout(c, 20);
	tcase_add_loop_test(c, bytes_arrive_whole_both_ways, 0, N_MODES);
	tcase_add_loop_test(c, bytes_arrive_whole_through_faults, 0, N_MODES);
	tcase_add_loop_test(c, a_slow_reader_of_a_shaped_flow_leaves_the_loop_at_rest, 0, N_MODES);
	tcase_add_loop_test(c, many_pieces_take_turns, 0, N_MODES);
	tcase_add_loop_test(c, what_is_late_goes_with_the_session, 0, N_MODES);
	tcase_add_loop_test(c, single_bytes_arrive_at_once, 0, N_MODES);
	tcase_add_loop_test(c, a_slow_reader_costs_no_memory, 0, N_MODES);
	tcase_add_test(c, auto_follows_the_size);
	tcase_add_test(c, without_pipes_it_copies);
	tcase_add_loop_test(c, half_close_is_kept_each_way, 0, N_MODES);
	tcase_add_loop_test(c, the_end_comes_after_what_waits, 0, N_MODES);
	tcase_add_loop_test(c, a_reset_is_passed_on, 0, N_MODES);
	tcase_add_loop_test(c, a_reset_while_bytes_wait, 0, N_MODES);
	tcase_add_loop_test(c, a_mark_is_hit_to_the_byte, 0, N_MARKS * N_MODES);
	tcase_add_loop_test(c, a_mark_among_what_waits, 0, N_MODES);
	tcase_add_loop_test(c, a_hold_is_no_matter_of_what_shapes, 0, N_MODES);
	tcase_add_loop_test(c, a_hold_stops_and_resumes, 0, N_MODES);
	tcase_add_loop_test(c, the_end_waits_for_the_hold, 0, N_MODES);
	tcase_add_loop_test(c, a_held_flow_is_not_read, 0, N_MODES);
	tcase_add_loop_test(c, half_close_fault_ends_one_direction, 0, N_MODES);
	tcase_add_loop_test(c, half_close_fault_after_what_waits, 0, N_MODES);
	tcase_add_loop_test(c, half_close_fault_amid_what_was_late, 0, N_MODES);
	tcase_add_loop_test(c, half_close_fault_waits_for_a_hang, 0, N_MODES);
	tcase_add_loop_test(c, a_hang_that_aborts_the_other_ends_the_session, 0, N_MODES);
	suite_add_tcase(s, c);
	tcase_add_checked_fixture(d, setup, teardown);
	tcase_add_test(d, a_refused_upstream_is_a_reset);
	tcase_add_loop_test(d, half_close_fault_of_a_new_session, 0, N_MODES);
	tcase_add_loop_test(d, half_close_fault_of_a_new_client, 0, N_MODES);
	suite_add_tcase(s, d);
	return s;
}
