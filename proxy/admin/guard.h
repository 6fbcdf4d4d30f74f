/*
 * Who may use the API. A web page can make its reader's browser send requests to the reader's own
 * machine, in two ways: from its own origin, which the browser tells (Origin), or by giving its own
 * name the address 127.0.0.1 (DNS rebinding), which Host tells.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Is the Host header's value (NULL: there was none) a name or an address of this machine alone:
 * localhost, *.localhost, 127.0.0.0/8, [::1]; with any port? */
bool guard_host_is_local(const char *host);

/* Is it localhost, or any address? A browser that sends an address was not led there by a name. */
bool guard_host_is_address(const char *host);

/* Does the Origin header (NULL: there was none) tell the host that the request was sent to? */
bool guard_origin_is_own(const char *origin, const char *host);

/* The Authorization header's value (NULL: there was none) is "Bearer TOKEN". How long it takes does
 * not depend on where they differ. */
bool guard_token_is(const char *authorization, const char *token);

/* The token that settings and environment give: *token is NULL when there is none; free it.
 * *is_public (may be NULL): it is a file's that everybody on this machine may read. False: err says
 * what is wrong with it. file NULL: none. */
bool guard_read_token(const char *file, char **token, bool *is_public, char *err, size_t size);
