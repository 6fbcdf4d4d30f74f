/* TCP_INFO as the kernel knows it: <netinet/tcp.h> has only the first part of struct tcp_info, and
 * cannot stand beside <linux/tcp.h>, so this file is alone with it. What an older kernel does not
 * fill is 0. */
#include "cli/demo.h"
#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>

bool sight_read(int fd, struct sight *s)
{
	struct tcp_info i;
	socklen_t len = sizeof(i);

	memset(&i, 0, sizeof(i));
	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len))
		return false;
	*s = (struct sight){
		.state = i.tcpi_state,
		.unacked = i.tcpi_unacked,
		.unsent = i.tcpi_notsent_bytes,
		.probes = i.tcpi_probes,
		.total_retrans = i.tcpi_total_retrans,
		.segs_in = i.tcpi_segs_in,
		.last_ack_ms = i.tcpi_last_ack_recv,
		.snd_wnd = i.tcpi_snd_wnd,
	};
	return true;
}
