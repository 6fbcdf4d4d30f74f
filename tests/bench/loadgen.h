/*
 * The load generator: a server (one process) and a client (another) with the relay to be measured
 * between them. Each connection begins with a hello that says what it is about to carry; then
 *
 *   sink   client -> server: the pattern; the server checks it and after the client's FIN
 *          answers with a verdict, then closes
 *   echo   the server returns what it gets; the client checks it
 *
 * so that every byte is checked where it ends up, and that nothing follows the last one. Two more
 * measure time, one way, by CLOCK_MONOTONIC, which both ends share (timer connects to nobody: it
 * tells how late this machine wakes a process that asks for nothing else):
 *
 *   stamps client -> server: the times at which they were sent; the server greets with a stamp of
 *          its own, and after the client's FIN tells how late each one was
 *   drain  the server throws away what comes, as cheaply as can be, and now and then reports how
 *          much that was
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

enum stream_kind { STREAM_SINK = 1, STREAM_ECHO, STREAM_STAMPS, STREAM_DRAIN, STREAM_KINDS };

#define HELLO_MAGIC   UINT64_C(0x6f6c6c6568706864)
#define VERDICT_MAGIC UINT64_C(0x7463696472657664)
#define NONE_WRONG    UINT64_MAX

struct hello {
	uint64_t magic;
	uint64_t kind;
	uint64_t seed;  /* of the pattern */
	uint64_t bytes; /* sink: how many will come */
};

struct verdict {
	uint64_t magic;
	uint64_t bytes;
	uint64_t first_wrong; /* offset, or NONE_WRONG */
};

typedef uint64_t stamp; /* CLOCK_MONOTONIC ns */

struct report {
	stamp at;
	uint64_t bytes; /* that had come by then */
};

#define REPORT_INTERVAL_NS UINT64_C(10000000)

enum work { WORK_BULK, WORK_EXCHANGE, WORK_CONNECT, WORK_IDLE, WORK_DELAY, WORK_RATE, WORK_TIMER };

struct load {
	enum work work;
	uint16_t port;        /* on 127.0.0.1 */
	uint64_t connections; /* open at a time */
	uint64_t count;       /* bulk: bytes; exchange: exchanges; connect: connections; delay,
				 timer: stamps; rate: milliseconds; in all */
	uint64_t size_bytes;  /* of a request and its response; bulk: of a write */
	uint64_t warm_count;  /* of count, before the measuring begins */
	uint64_t rate;        /* delay, timer: stamps a second, over all connections */
	unsigned seconds;     /* then the run has failed */
	pid_t pid;            /* the process to measure; 0: none */
};

enum { EXIT_OK = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

/* Runs the load and prints one JSON line of what it cost, or on stderr what went wrong. */
int client_run(const struct load *load);
int delay_run(const struct load *load);
int rate_run(const struct load *load);
int timer_run(const struct load *load);

/* Listens on a port of the kernel's choice, prints it and serves until stdin ends. */
int server_run(void);
