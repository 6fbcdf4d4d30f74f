/* The table of Toxiproxy's routes. */
#include "admin/toxiproxy.h"

const struct route toxiproxy_routes[] = {
	{ EVHTTP_REQ_GET, "/proxies", proxies_list, "all proxies with their toxics" },
	{ EVHTTP_REQ_POST, "/proxies", proxies_create,
	    "a new proxy, with toxics if they are given" },
	{ EVHTTP_REQ_POST, "/populate", populate, "several proxies at once: all or none" },
	{ EVHTTP_REQ_GET, "/proxies/{proxy}", proxies_show, "one proxy with its toxics" },
	{ EVHTTP_REQ_PATCH, "/proxies/{proxy}", proxies_update,
	    "changes listen, upstream or enabled" },
	{ EVHTTP_REQ_POST, "/proxies/{proxy}", proxies_update,
	    "changes listen, upstream or enabled (deprecated: PATCH)" },
	{ EVHTTP_REQ_DELETE, "/proxies/{proxy}", proxies_delete, "removes a proxy" },
	{ EVHTTP_REQ_GET, "/proxies/{proxy}/toxics", toxics_list, "the toxics of a proxy" },
	{ EVHTTP_REQ_POST, "/proxies/{proxy}/toxics", toxics_create, "a new toxic" },
	{ EVHTTP_REQ_GET, "/proxies/{proxy}/toxics/{toxic}", toxics_show, "one toxic of a proxy" },
	{ EVHTTP_REQ_PATCH, "/proxies/{proxy}/toxics/{toxic}", toxics_update,
	    "changes attributes or toxicity" },
	{ EVHTTP_REQ_POST, "/proxies/{proxy}/toxics/{toxic}", toxics_update,
	    "changes attributes or toxicity (deprecated: PATCH)" },
	{ EVHTTP_REQ_DELETE, "/proxies/{proxy}/toxics/{toxic}", toxics_delete, "removes a toxic" },
	{ EVHTTP_REQ_POST, "/reset", reset, "enables every proxy and removes every toxic" },
	{ EVHTTP_REQ_GET, "/version", version, "the version of Toxiproxy that this behaves as" },
	{ .path = NULL },
};
