/*
 * Whose a socket is: /proc/PID/fd/N is a link to "socket:[INODE]" (proc_pid_fd(5)). A socket that
 * several processes hold is told as the first one's that told its options.
 */
#include "kernel/sockdiag.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* since Linux 6.15 */
#endif

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : 0;
}

static void read_options(struct sockdiag_options *o, int fd)
{
	*o = (struct sockdiag_options){
		.keepalive = option(fd, SOL_SOCKET, SO_KEEPALIVE),
		.keep_idle_s = option(fd, IPPROTO_TCP, TCP_KEEPIDLE),
		.keep_interval_s = option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
		.keep_count = option(fd, IPPROTO_TCP, TCP_KEEPCNT),
		.user_timeout_ms = option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
		.syn_count = option(fd, IPPROTO_TCP, TCP_SYNCNT),
		.rto_max_ms = option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS),
	};
}

/* Is it the connection that was meant, not another that got its number meanwhile? */
static bool is_same(int fd, uint32_t inode)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint32_t)st.st_ino == inode;
}

static void ask_owner(struct sockdiag_socket *s, int pidfd)
{
	int fd = -1;

	if (pidfd >= 0)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, s->fd, 0);
	if (fd < 0) {
		s->error = errno;
		return;
	}
	s->error = ESRCH;
	if (is_same(fd, s->inode)) {
		read_options(&s->options, fd);
		s->error = 0;
	}
	close(fd);
}

static void read_name(pid_t pid, char *name, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, (int)size, f))
		*name = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* The inode of a descriptor that is a socket; 0: it is none. */
static uint32_t inode_of(int folder, const char *name)
{
	char link[64];
	ssize_t n = readlinkat(folder, name, link, sizeof(link) - 1);
	unsigned long inode;

	if (n <= 0)
		return 0;
	link[n] = '\0';
	return sscanf(link, "socket:[%lu]", &inode) == 1 ? (uint32_t)inode : 0;
}

static struct sockdiag_socket *find(struct sockdiag_list *list, uint32_t inode)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (list->sockets[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	if (!inode || low == list->count || list->sockets[low].inode != inode)
		return NULL;
	return &list->sockets[low];
}

int sockdiag_claim(struct sockdiag_list *list, pid_t pid)
{
	char path[64], name[sizeof(list->sockets->process)];
	const struct dirent *entry;
	int count = 0, pidfd;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	read_name(pid, name, sizeof(name));
	while ((entry = readdir(folder))) {
		struct sockdiag_socket *s = find(list, inode_of(dirfd(folder), entry->d_name));

		if (!s)
			continue;
		count++;
		if (s->pid && !s->error)
			continue; /* a dup(2), or shared: told already */
		s->pid = pid;
		s->fd = atoi(entry->d_name);
		memcpy(s->process, name, sizeof(name));
		ask_owner(s, pidfd);
	}
	if (pidfd >= 0)
		close(pidfd);
	closedir(folder);
	return count;
}

void sockdiag_claim_all(struct sockdiag_list *list)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (isdigit((unsigned char)*entry->d_name))
			(void)sockdiag_claim(list, atoi(entry->d_name));
	if (folder)
		closedir(folder);
}

static int open_namespace(const char *whose)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/ns/net", whose);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_same_namespace(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

int sockdiag_enter(pid_t pid)
{
	int home = open_namespace("thread-self"), there, error = 0;
	char whose[16];

	snprintf(whose, sizeof(whose), "%d", (int)pid);
	there = home < 0 ? -1 : open_namespace(whose);
	if (there < 0 || (!is_same_namespace(home, there) && setns(there, CLONE_NEWNET) < 0))
		error = errno;
	if (there >= 0)
		close(there);
	if (error && home >= 0)
		close(home);
	errno = error;
	return error ? -1 : home;
}

void sockdiag_leave(int home)
{
	(void)setns(home, CLONE_NEWNET); /* to where we are, for whoever did not go anywhere */
	close(home);
}
