/* Every fault there is. */
#pragma once
#include "faults/fault.h"

extern const struct fault_ops *const catalogue[];        /* NULL-terminated */
extern const struct fault_type *const catalogue_types[]; /* the same rows' types, for model/ */

const struct fault_ops *catalogue_find(const char *name);
const struct fault_ops *catalogue_ops(const struct fault_type *type);
