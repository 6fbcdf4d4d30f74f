/*
 * A place for lines (log, timeline) that never blocks the loop and never grows without bound.
 * What cannot be written at once waits in a queue of at most SINK_QUEUE_BYTES; what does not fit
 * there is lost and counted. A write error (EPIPE, ENOSPC) loses lines and is counted, too; the
 * sink goes on trying, so a disk that has room again gets lines again.
 *
 * The descriptor may be shared with other processes (stderr), so O_NONBLOCK is not set on it:
 * poll(2) first, then at most PIPE_BUF bytes a write(2), which a writable pipe takes without
 * blocking.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_QUEUE_BYTES ((size_t)1 << 20)

struct sink;

/* path "-": stdout; "stderr": stderr; else a file, appended to, created 0644. NULL with *err
 * (static or strerror text) on failure. */
struct sink *sink_open(const char *path, const char **err);
void sink_close(struct sink *s); /* flushes what it can without blocking; NULL is fine */

/* From now on lines are gathered, and later(arg) is called when the first of them waits: it has to
 * see to it that sink_flush() is called before the loop sleeps. PIPE_BUF bytes are written at once
 * all the same. */
void sink_gather(struct sink *s, void (*later)(void *arg), void *arg);

/* Queues one line (no newline at its end: the sink adds it); it is written at once as far as the
 * descriptor takes it, unless lines are gathered. */
void sink_line(struct sink *s, const char *line, size_t len);

/* Tries again; true while something waits. The loop calls it from a timer while it is true. */
bool sink_flush(struct sink *s);

uint64_t sink_lost(const struct sink *s); /* lines lost since it was opened */
int sink_error(const struct sink *s);     /* errno of the last failed write, 0 if none */
