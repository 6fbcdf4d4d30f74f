/*
 * Where the proxies listen, for scripts: a line NAME=ADDRESS each, and before them one for the HTTP
 * API (admin NULL: there is none). Written to a temporary file beside it and renamed, so a reader
 * sees all or nothing.
 */
#pragma once

struct relay;

/* 0, or -1 with errno. */
int ports_file_write(const char *path, struct relay *relay, const char *admin);
