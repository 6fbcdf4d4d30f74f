/*
 * The bytes of one flow on their way through the faults that shape them:
 *
 *     source --> [ stage ] --> [ stage ] --> out --> sink
 *
 * A stage is one run's place in the chain, in the order in which the faults were armed. What waits
 * for a stage waits in its queue as chunks, each with the time at which it came there; the end of
 * the bytes (FIN) is a chunk, too, and keeps its place. A stage is called (fault_ops.pump) when
 * something waits for it or its deadline has come. It hands chunks on, whole or in part, as of the
 * instant at which they were due: lateness of one stage is not added to the next.
 *
 * A flow without shaping faults has no stream. When its last stage goes, what waits goes on at
 * once, in order; the owner of the target frees the stream when all has left it.
 *
 * What a chunk holds is in memory, or still in the kernel, in a pipe that parts of one read share
 * and leave in order: most faults need not see the bytes. chunk_bytes() fetches them.
 *
 * Memory: `waiting` counts the bytes and what it costs to keep them; the source is read only while
 * stream_room() says so. That is the back-pressure, and it bounds the throughput of a delay: no
 * more than engine.buffer_bytes can be under way in one direction (bandwidth x delay). Pieces that
 * a stage cut may cost as much again (stage_is_blocked()).
 */
#pragma once
#include "faults/engine.h"

struct block; /* the bytes of one read, shared by the chunks that were cut from it */
struct pipe;
struct pipe_pool;

enum chunk_kind { CHUNK_DATA, CHUNK_END, CHUNK_STRIKE };

struct chunk {
	STAILQ_ENTRY(chunk) next;
	int64_t at_ns;     /* when it came to where it waits */
	int64_t since_ns;  /* no later than that: the source had it by then, but was not read */
	uint32_t off, len; /* in block; 0 for those that are not data */
	uint8_t kind;      /* enum chunk_kind */
	union {
		struct block *block;
		struct run *run; /* CHUNK_STRIKE: whose */
		bool reset;      /* CHUNK_END: the source was reset */
	};
};
STAILQ_HEAD(chunks, chunk);

struct stage {
	struct run *run;
	struct stream *stream;
	struct chunks in;
	uint64_t in_bytes; /* data that waits in `in` */
	uint32_t in_chunks;
	int64_t
	    due_ns;    /* pump sets it: call again then; it finds INT64_MAX: when something comes */
	uint64_t seed; /* of its own draws: rng_unit(st->seed, "", n) */
	bool strike, blocked;
	TAILQ_ENTRY(stage) in_stream;
	max_align_t state[]; /* fault_ops.stage_bytes, zeroed */
};

struct stream {
	struct target *target;
	enum flow flow;
	TAILQ_HEAD(stages, stage) stages;
	struct chunks out;
	uint64_t waiting; /* bytes, and the keeping of them */
	bool ended;       /* the end was pushed: nothing more may come */
	bool more;        /* the owner's: the source has more than was read */
	int64_t read_ns;  /* the last push */
	bool looked_at;   /* a stage wants to see the bytes: no pipes, please */
	bool failed;      /* no memory: bytes have been lost */
	bool blocked;     /* a stage is */
	struct timer timer;
};

/* What types that end nothing do not take: their `direction` says all. */
extern const struct refusal stream_refusals[];

/* The rows that types which shape the bytes of their `direction` have in common. */
#define STREAM_DIRECTION(whose_)                                                                   \
	FAULT_DIRECTION("downstream",                                                              \
	    "whose " whose_ ": both, upstream (the client's) or downstream (the server's)")
#define STREAM_OPS(pump_)                                                                          \
	.other = OTHER_HOLD, .lasts = FAULT_NO_PARAM, .tail = FAULT_NO_PARAM,                      \
	.flows = fault_direction_flows, .pump = (pump_)

/* --- for fault_ops.pump --- */

struct chunk *stage_first(const struct stage *st); /* NULL: nothing waits */
/* The bytes, which may be changed in place; NULL: no memory to fetch them, they stay as they are.
 */
unsigned char *chunk_bytes(const struct chunk *c);

/* The first chunk, or its first n bytes, goes on, as of at_ns. */
void stage_pass(struct stage *st, int64_t at_ns);
void stage_pass_part(struct stage *st, uint32_t n, int64_t at_ns);
void stage_drop(struct stage *st); /* the first chunk is lost */
/* So much waits behind it that it shall cut no more: pieces cost more to keep than their bytes. It
 * is called again when what came out has left. */
bool stage_is_blocked(struct stage *st);

/* Calls fault_ops.strike once this round is over, */
void stage_strike(struct stage *st);
/* or once all that was passed before has been taken by the sink. */
void stage_strike_behind(struct stage *st, int64_t at_ns);
/* The same at the end of a flow's bytes, which ends here. False: nothing is on its way there. */
bool stream_strike_behind(struct stream *s, struct run *r, int64_t now_ns);

/* --- for the engine --- */

/* A stage for each flow of fault_ops.flows. False: no memory, and no stage. */
bool stream_attach(struct run *r);
/* Its stages go; what waited for them goes on at once. */
void stream_detach(struct run *r);
/* The run's parameters have changed: stages as its flows are now; all are called. */
void stream_retune(struct run *r);

/* --- for the owner of the target --- */

/* How many bytes may be read from the source now; 0: none. */
size_t stream_room(const struct stream *s);

/* Bytes came from the source (copied), or its end did. False: no memory. */
bool stream_push(struct stream *s, const void *data, size_t len, int64_t now_ns);
/* As stream_push() for len bytes that are in a pipe, which the stream takes over; it goes back to
 * the pool once it is empty. On failure it stays the caller's. */
bool stream_push_pipe(
    struct stream *s, struct pipe *pipe, struct pipe_pool *pool, size_t len, int64_t now_ns);
bool stream_end(struct stream *s, int64_t now_ns); /* once; more is ignored */
/* The source was reset: an end, perhaps behind the other one, that says so. */
bool stream_reset(struct stream *s, int64_t now_ns);

/* Lets everything go on that is due. May end the target (a strike). */
void stream_run(struct stream *s, int64_t now_ns);

/* What the sink may take now: data or the end; NULL: nothing. May end the target (a strike). */
struct chunk *stream_first(struct stream *s);
struct pipe *chunk_pipe(const struct chunk *c); /* at its head are the bytes; NULL: in memory */
void stream_taken(struct stream *s, size_t n);  /* n bytes of the first one, or the end (n 0) */

/* No stages, nothing waits: it may be freed, and the flow goes its own way again. */
bool stream_is_done(const struct stream *s);

void stream_clear(struct stream *s); /* drops what waits */
void stream_free(struct stream *s); /* of the target, which forgets it; its stages must have gone */
