/* The flags of deadpeer demo. */
#pragma once
#include "kernel/wire.h"

enum demo_parsed { DEMO_RUN, DEMO_HELP, DEMO_WRONG };

struct demo_options {
	bool ipv6, json;
	bool exact;      /* nothing less will do */
	enum grade best; /* what is left of the wire */
};

/* DEMO_WRONG: what is wrong has been said on stderr. */
enum demo_parsed demo_parse(int argc, char **argv, struct demo_options *o);
