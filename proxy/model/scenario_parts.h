/*
 * What the files of scenario share; nobody else includes this.
 *
 *     conf.c -> scenario_sections (a section -> its part) -> scenario_action (an action's value)
 *            -> scenario_check (faults, and what holds between the parts) -> scenario.c
 */
#pragma once
#include "model/conf_parts.h"
#include "model/scenario.h"

/* Reads the action's text, all but the fault of an arm, which may name what stands below. title:
 * its section's. Errors are added. */
void scenario_read_action(struct conf_run *run, const char *title, struct action *a);

/* The event by name; WAIT_KINDS: there is none. */
enum wait_kind scenario_find_wait(const char *name);
/* "expected opened, connected, ... or exited, got ..." under key; NULL: the section's title. */
void scenario_wrong_wait(struct conf_run *run, const struct where *at, const char *title,
    const char *key, const char *got);

/* After the whole file was read: makes the faults, checks the names. Errors are added. */
void scenario_finish(struct conf_run *run);
