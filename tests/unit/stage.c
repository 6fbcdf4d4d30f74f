#include "stage.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ROUNDS 20000

struct stage stage;

static void watch(void *arg, enum event_id id, int64_t mono_ns, const json_t *fields)
{
	(void)arg, (void)mono_ns;
	json_decref(stage.last[id]);
	stage.last[id] = json_deep_copy(fields);
	stage.told[id]++;
}

void stage_open(void)
{
	struct config *plain = config_new();
	const char *err;

	memset(&stage, 0, sizeof(stage));
	stage.timeline = (struct timeline){ .watch = watch };
	stage.relay = relay_new(&stage.timeline, &stage.wire, &plain->settings, &err);
	config_free(plain);
	stage.control = (struct control){ .relay = stage.relay, .timeline = &stage.timeline };
}

void stage_close(void)
{
	relay_free(stage.relay);
	control_free(&stage.control);
	for (int i = 0; i < EVENT_COUNT; i++)
		json_decref(stage.last[i]);
}

struct proxy *stage_find(const char *name)
{
	return relay_find_proxy(stage.relay, name);
}

void stage_turns(int n)
{
	while (n-- > 0)
		event_base_loop(stage.relay->base, EVLOOP_NONBLOCK);
}

int stage_dial(const union sockaddr_any *sa)
{
	bool in_progress;
	int fd;

	if (socket_connect(&sa->sa, sizeof(struct sockaddr_in), &fd, &in_progress))
		return -1;
	return fd;
}

bool stage_echoes(int fd)
{
	char c = 'x';

	if (send(fd, &c, 1, MSG_NOSIGNAL) != 1)
		return false;
	for (int i = 0; recv(fd, &c, 1, MSG_DONTWAIT) != 1; i++) {
		if (errno != EAGAIN || i == ROUNDS)
			return false;
		stage_turns(1);
	}
	return true;
}

int stage_client_of(const char *name)
{
	int fd = stage_dial(proxy_bound(stage_find(name)));

	stage_turns(20);
	ck_assert(stage_echoes(fd));
	return fd;
}
