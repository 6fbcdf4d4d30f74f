/* The presets of idle_timeout. */
#pragma once
#include "model/fault_type.h"

extern const struct preset idle_presets[];
extern const char *const idle_preset_names[]; /* "none", theirs in the same order, NULL */
