/* One line for each fault. */
#include "faults/catalogue.h"
#include <string.h>

/* clang-format off */
#define FAULTS(X) \
	X(power_loss) \
	X(reboot) \
	X(process_crash) \
	X(hang) \
	X(partition) \
	X(reset) \
	X(idle_timeout) \
	X(refuse) \
	X(syn_drop) \
	X(half_close) \
	X(flap) \
	X(max_connections) \
	X(accept_queue_full) \
	X(connect_delay) \
	X(unreachable) \
	X(packet_loss) \
	X(mtu_blackhole) \
	X(ack_loss) \
	X(keepalive_blackhole) \
	X(latency) \
	X(bandwidth) \
	X(slow_close) \
	X(slicer) \
	X(limit_data) \
	X(timeout) \
	X(reset_peer) \
	X(slow_drip) \
	X(stall) \
	X(corrupt) \
	X(fin_race) \
	X(noop)
/* clang-format on */

#define DECLARE(name) extern const struct fault_ops fault_##name;
#define OPS(name)     &fault_##name,
#define TYPE(name)    &fault_##name.type,

FAULTS(DECLARE)

const struct fault_ops *const catalogue[] = { FAULTS(OPS) NULL };
const struct fault_type *const catalogue_types[] = { FAULTS(TYPE) NULL };

const struct fault_ops *catalogue_find(const char *name)
{
	for (const struct fault_ops *const *ops = catalogue; *ops; ops++)
		if (!strcmp((*ops)->type.name, name))
			return *ops;
	return NULL;
}

const struct fault_ops *catalogue_ops(const struct fault_type *type)
{
	return catalogue_find(type->name);
}
