/* Alone in its file: glibc's tcp_info ends before tcpi_segs_in, and the kernel's header cannot be
 * included beside glibc's. */
#include "kernel/wire.h"
#include <linux/tcp.h>

uint32_t wire_segments_in(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_segs_in : 0;
}
