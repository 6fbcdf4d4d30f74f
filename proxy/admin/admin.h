/*
 * The HTTP API: Toxiproxy's, so that its clients need no change. In the relay's event base;
 * everything it changes goes through control/edit.h.
 *
 * Who may: on loopback or a Unix socket, everybody; anywhere else who has the token, unless it is
 * open to everybody. A browser's page may not (guard.h).
 */
#pragma once
#include "control/command.h"

struct admin;

/* settings->admin is "off". */
bool admin_is_off(const struct settings *settings);

/*
 * Listens where settings->admin says. The token is that of settings->admin_token_file, or of the
 * environment's DEADPEER_ADMIN_TOKEN. open: without one it may be reached from other machines, too,
 * as Toxiproxy is. NULL: err says why and what to do. control must outlive it.
 */
struct admin *admin_new(
    struct control *control, const struct settings *settings, bool open, char *err, size_t size);
/* It can be reached from other machines, and asks nobody for a token. */
bool admin_is_exposed(const struct admin *a);
/* Its token is in a file that everybody on this machine may read. */
bool admin_token_is_public(const struct admin *a);
void admin_free(struct admin *a); /* NULL is fine */

/* Where it listens, with the real port. Returns buf (ADDR_TEXT_MAX). */
char *admin_address(const struct admin *a, char *buf, size_t size);
