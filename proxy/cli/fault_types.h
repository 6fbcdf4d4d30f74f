/*
 * deadpeer fault types: the catalogue as text. Facts are derived from the rows alone, nothing is
 * tried:
 *
 *     catalogue -> faults/facts.h -> fault_types_text.c, _markdown.c
 */
#pragma once
#include "faults/facts.h"

int fault_types_main(int argc, char **argv);

/* --- the ways to show it; only: one type, or NULL for all. False: no memory. --- */

bool fault_types_text(const struct fault_ops *only);
bool fault_presets_text(const struct fault_ops *only);
void fault_types_markdown(const struct fault_ops *only);
void fault_presets_markdown(const struct fault_ops *only);
