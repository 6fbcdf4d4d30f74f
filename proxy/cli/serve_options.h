/* The flags of deadpeer serve. */
#pragma once
#include "model/conf.h"

enum serve_parsed { SERVE_RUN, SERVE_HELP, SERVE_WRONG };

/*
 * Turns flags into a configuration: a file's (-c), or one proxy of flags; settings given as flags
 * win over the file's. SERVE_RUN: *out is the caller's and *file is the -c argument (NULL: none),
 * so that it can be read again with serve_reload(). SERVE_WRONG: everything that is wrong has been
 * said on stderr.
 */
enum serve_parsed serve_parse(int argc, char **argv, struct config **out, const char **file);

/* Reads the file again and lays the flags over it. NULL: errors says why. */
struct config *serve_reload(int argc, char **argv, struct conf_errors *errors);
