/*
 * A directory for a test's files. Use scratch_make and scratch_remove as an unchecked fixture: they
 * then run in the parent of a forked test and clean up whatever becomes of it.
 */
#pragma once
#include <stddef.h>

void scratch_make(void);
void scratch_remove(void);

/* The path of a file in it; valid until the next call but seven. */
const char *scratch_path(const char *name);

/* Writes (replaces) a file, returns its path. */
const char *scratch_write(const char *name, const void *data, size_t len);

/* A whole file, NUL at its end; free(3) it. len may be NULL. */
char *scratch_read(const char *path, size_t *len);
