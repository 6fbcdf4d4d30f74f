/* Reads a run's records back from where journal_write() put them: to judge it again. */
#pragma once
#include "control/journal.h"

/*
 * Adds a file's records to the journal. False: *why says what is wrong, "FILE:LINE: expected ..."
 * or the system's reason; free(3) it (NULL: no memory). What was read until then is in the journal.
 */
bool journal_read(struct journal *j, const char *path, char **why);
