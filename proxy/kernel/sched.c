/* glibc has no wrapper for sched_setattr(2) before 2.41. */
#include "kernel/sched.h"
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000

bool sched_ask_short_slices(void)
{
	struct sched_attr attr = { 0 };

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0 ||
	    attr.sched_policy != SCHED_NORMAL)
		return false;
	attr.sched_runtime = SLICE_NS; /* the rest, such as its niceness, stays */
	return syscall(SYS_sched_setattr, 0, &attr, 0) == 0;
}
