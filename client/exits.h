/*
 * exits.h - exit codes of the verbs that do not speak curl's (docs/haul.1, "Exit codes").
 */
#ifndef HAUL_EXITS_H
#define HAUL_EXITS_H

enum exit_code {
    EXITS_OK = 0,
    EXITS_FAILED = 1, /* some items */
    EXITS_USAGE = 2,
    EXITS_INVALID = 3, /* --strict: the figures are not to be believed */
    EXITS_UNREACHABLE = 4,
    EXITS_MISSED = 5,  /* a bound of --slo */
    EXITS_REFUSED = 7, /* by the daemon's policy */
    EXITS_OUTPUT = 23, /* of get: curl's "write error" */
    EXITS_NO_MEMORY = 27,
    EXITS_CANCELLED = 42,
    EXITS_NO_IO_URING = 69,
    EXITS_CONFIG = 78, /* the daemon's is bad */
    EXITS_INTERRUPTED = 130,
};

#endif
