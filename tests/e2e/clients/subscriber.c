/*
 * A subscriber with hiredis: waits for messages for ever, and comes back when its connection fails.
 *
 *     subscriber HOST:PORT KEEPALIVE [once]
 *
 * KEEPALIVE: seconds until the first probe and between three, 0: none. once: only on the first
 * connection, as redis/hiredis#593 tells of clients that forget it when they come back.
 */
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PAUSE_US 200000

/* As redisEnableKeepAliveWithInterval() does, which older versions lack. */
static void set_keepalive(redisContext *c, int seconds)
{
	const int probes = 3;

	redisEnableKeepAlive(c);
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
	setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static redisContext *come(const char *host, int port, int keepalive)
{
	redisContext *c = redisConnectWithTimeout(host, port, (struct timeval){ .tv_sec = 2 });
	redisReply *reply;

	if (!c || c->err) {
		if (c)
			redisFree(c);
		return NULL;
	}
	if (keepalive)
		set_keepalive(c, keepalive);
	reply = redisCommand(c, "SUBSCRIBE news");
	if (reply) {
		freeReplyObject(reply);
		return c;
	}
	redisFree(c);
	return NULL;
}

static void listen_to(redisContext *c)
{
	redisReply *reply;

	while (redisGetReply(c, (void **)&reply) == REDIS_OK)
		freeReplyObject(reply);
	fprintf(stderr, "subscriber: %s\n", c->errstr);
	redisFree(c);
}

int main(int argc, char **argv)
{
	char host[64];
	int port, keepalive = argc > 2 ? atoi(argv[2]) : 0;

	if (argc < 3 || sscanf(argv[1], "%63[^:]:%d", host, &port) != 2) {
		fprintf(stderr, "usage: subscriber HOST:PORT KEEPALIVE [once]\n");
		return 2;
	}
	for (;;) {
		redisContext *c = come(host, port, keepalive);

		if (c) {
			listen_to(c);
			if (argc > 3)
				keepalive = 0;
		}
		usleep(PAUSE_US);
	}
}
