/*
 * Times are seconds after the death. A peer with keepalive asks after 1 s and then each second; one
 * that sends gives up by TCP_USER_TIMEOUT, one that connects by TCP_SYNCNT. `down` and the outage
 * last 2.8 s, so that the SYNs of a kernel without tcp_syn_linear_timeouts (0, 1, 3 s) hit them in
 * the same places.
 */
#include "cli/demo_cells.h"
#include <errno.h>
#include <netinet/tcp.h>

const char *const demo_columns[DEMO_COLUMNS] = { "idle", "idle, keepalive", "sending",
	"connecting" };

const struct row demo_rows[DEMO_ROWS] = {
	{ "process crash", "process crash", "kill -9", "process_crash restart_after=3s", .cells = {
		[COLUMN_IDLE] = {
			.should = { { SAW_EOF, .from = 0, .to = 0.5 } }, .state = TCP_CLOSE_WAIT,
			.text = "EOF at once", .usual = USUAL_AT_ONCE },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 2,
			.should = { { SAW_EOF, .from = 0, .to = 0.5 } }, .state = TCP_CLOSE_WAIT,
			.text = "EOF at once", .usual = USUAL_AT_ONCE },
		/* RST without FIN where the dead process had not read everything. */
		[COLUMN_SENDING] = {
			.should = { { SAW_EOF, .perhaps = true, .from = 0, .to = 0.5 },
				{ EPIPE, ECONNRESET, .from = 0, .to = 0.6 } }, .state = TCP_CLOSE,
			.text = "EOF, then RST", .usual = USUAL_AT_ONCE },
		[COLUMN_CONNECTING] = { .again = true,
			.should = { { ECONNREFUSED, .from = 0, .to = 0.5 },
				{ SAW_CONNECTED, .from = 3.0, .to = 4.0 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "refused for 3 s", .usual = USUAL_RESTART },
	} },
	{ "power loss", "power loss", "", "power_loss", .cells = {
		[COLUMN_IDLE] = { .poke = true,
			.should = { { SAW_SILENCE, .from = 9, .to = 12.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_UNANSWERED, .text = "nothing, for good", .usual = USUAL_NEVER },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 2,
			.should = { { ETIMEDOUT, .from = 2.0, .to = 4.0 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 3 s", .usual = USUAL_KEEPALIVE },
		[COLUMN_SENDING] = { .user_timeout_ms = 3000,
			.should = { { ETIMEDOUT, .from = 2.5, .to = 4.5 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 3 s", .usual = USUAL_RETRIES },
		[COLUMN_CONNECTING] = { .syn_count = 1,
			.should = { { ETIMEDOUT, .from = 2.9, .to = 4.5 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 3 s", .usual = USUAL_SYN },
	} },
	{ "reboot", "reboot", "down 2.8 s", "reboot down=2800ms service_delay=2s", .cells = {
		[COLUMN_IDLE] = { .poke = true,
			.should = { { ECONNRESET, .from = 9, .to = 9.5 } }, .state = TCP_CLOSE,
			.text = "RST once it speaks", .usual = USUAL_NEVER },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 6,
			.should = { { ECONNRESET, .from = 2.8, .to = 4.2 } }, .state = TCP_CLOSE,
			.text = "RST to a probe", .usual = USUAL_PROBE },
		[COLUMN_SENDING] = {
			.should = { { ECONNRESET, .from = 2.8, .to = 7.2 } }, .state = TCP_CLOSE,
			.text = "RST to retransmit", .usual = USUAL_RETRANSMISSION },
		[COLUMN_CONNECTING] = { .again = true,
			.should = { { ECONNREFUSED, .from = 2.8, .to = 4.6 },
				{ SAW_CONNECTED, .from = 4.8, .to = 5.6 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "RST; up at 4.8 s", .usual = USUAL_BOOT },
	} },
	{ "hang", "hang", "SIGSTOP", "hang", .backlog = DEMO_CALLERS - 1, .cells = { /* a queue of n holds n + 1 */
		[COLUMN_IDLE] = { .poke = true,
			.should = { { SAW_ACK, .from = 9, .to = 9.5 } }, .state = TCP_ESTABLISHED,
			.text = "nothing but ACKs", .usual = USUAL_ALIVE },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 2, .state = TCP_ESTABLISHED,
			.proof = PROOF_ANSWERED, .text = "probes answered", .usual = USUAL_ALIVE },
		[COLUMN_SENDING] = { .flood = true,
			.should = { { SAW_BLOCKED, .from = 0, .to = 3 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_ANSWERED, .text = "zero window", .usual = USUAL_ALIVE },
		[COLUMN_CONNECTING] = { .callers = true, .syn_count = 1,
			.should = { { ETIMEDOUT, .from = 2.9, .to = 4.5 } }, .state = TCP_CLOSE,
			.proof = PROOF_FULL, .text = "till queue is full", .usual = USUAL_SYN },
	} },
	{ "partition, healed", "partition", "of 2.8 s", "partition duration=2800ms", .cells = {
		[COLUMN_IDLE] = { .poke = true,
			.should = { { SAW_ECHO, .from = 9, .to = 9.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "nothing; lives on", .usual = USUAL_HEALS_ALWAYS },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 6, .poke = true,
			.should = { { SAW_ECHO, .from = 9, .to = 9.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "nothing; lives on",
			.usual = USUAL_HEALS_KEEPALIVE },
		[COLUMN_SENDING] = {
			.should = { { SAW_CARRIED_ON, .from = 2.8, .to = 7.2 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "no byte lost", .usual = USUAL_HEALS_RETRIES },
		[COLUMN_CONNECTING] = { .again = true,
			.should = { { SAW_CONNECTED, .from = 2.8, .to = 4.6 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "once it heals", .usual = USUAL_HEALS_SYN },
	} },
	{ "partition, long", "partition", "of 8 s", "partition duration=8s", .cells = {
		[COLUMN_IDLE] = { .poke = true,
			.should = { { SAW_ECHO, .from = 9, .to = 9.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "nothing; lives on", .usual = USUAL_HEALS_ALWAYS },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 2,
			.should = { { ETIMEDOUT, .from = 2.0, .to = 4.0 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 3 s", .usual = USUAL_KEEPALIVE },
		[COLUMN_SENDING] = { .user_timeout_ms = 3000,
			.should = { { ETIMEDOUT, .from = 2.5, .to = 4.5 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 3 s", .usual = USUAL_RETRIES },
		[COLUMN_CONNECTING] = { .syn_count = 1,
			.should = { { ETIMEDOUT, .from = 2.9, .to = 4.5 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 3 s", .usual = USUAL_SYN },
	} },
	{ "reset", "reset", "", "reset", .cells = {
		[COLUMN_IDLE] = {
			.should = { { ECONNRESET, .from = 0, .to = 0.5 } }, .state = TCP_CLOSE,
			.text = "ECONNRESET at once", .usual = USUAL_AT_ONCE },
		[COLUMN_KEEPALIVE] = { .keepalive_count = 2,
			.should = { { ECONNRESET, .from = 0, .to = 0.5 } }, .state = TCP_CLOSE,
			.text = "ECONNRESET at once", .usual = USUAL_AT_ONCE },
		[COLUMN_SENDING] = {
			.should = { { ECONNRESET, .from = 0, .to = 0.5 } }, .state = TCP_CLOSE,
			.text = "ECONNRESET at once", .usual = USUAL_AT_ONCE },
		[COLUMN_CONNECTING] = { .again = true,
			.should = { { SAW_CONNECTED, .from = 0, .to = 0.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "accepted", .usual = USUAL_AT_ONCE },
	} },
	{ "idle timeout", "idle timeout", "NAT of 2 s", "idle_timeout after=2s mode=drop", .cells = {
		[COLUMN_IDLE] = { .poke = true,
			.should = { { SAW_SILENCE, .from = 9, .to = 12.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_UNANSWERED, .text = "nothing, for good", .usual = USUAL_NEVER },
		/* Its probes come sooner than the timer. */
		[COLUMN_KEEPALIVE] = { .keepalive_count = 2, .poke = true,
			.should = { { SAW_ECHO, .from = 9, .to = 9.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "never happens", .usual = USUAL_PROBE },
		[COLUMN_SENDING] = { .user_timeout_ms = 3000, .pause_s = 5,
			.should = { { ETIMEDOUT, .from = 7.5, .to = 9.5 } }, .state = TCP_CLOSE,
			.text = "ETIMEDOUT at 5+3 s", .usual = USUAL_RETRIES },
		[COLUMN_CONNECTING] = { .again = true,
			.should = { { SAW_CONNECTED, .from = 0, .to = 0.5 } }, .state = TCP_ESTABLISHED,
			.proof = PROOF_INTACT, .text = "accepted", .usual = USUAL_AT_ONCE },
	} },
};
