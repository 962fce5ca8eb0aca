/*
 * reach.h - a daemon to talk to: a reachable one, else a private one for this command.
 */
#ifndef HAUL_REACH_H
#define HAUL_REACH_H

#include "exits.h"
#include "haul_client.h"
#include "options.h"
#include "private.h"
#include "say.h"

#define REACH_PATH_BYTES 256u
#define REACH_CURE_BYTES 160u
#define REACH_CANDIDATES_MAX 2u
#define REACH_OPEN_TIMEOUT_MS 5000

/* The sockets to try, best first: --socket, else $HAUL_SOCKET, else the user's and the system's. */
struct reach_candidates {
    char paths[REACH_CANDIDATES_MAX][REACH_PATH_BYTES];
    unsigned count;
    bool is_explicit; /* the user named it: one that does not exist is worth a line */
};

void reach_candidates(const struct options *options, struct reach_candidates *ret_candidates);

/* What to do about a socket that refuses us with this errno, written to text: returns text. */
const char *reach_cure(const char *path, int error, char *text, size_t room);

struct reach {
    struct private_daemon daemon;
    char path[REACH_PATH_BYTES]; /* of the daemon reached; empty = private */
};

/* Opens client on a daemon. may_start: a private one is allowed at all (ping: no). Says what the
 * user must know; the result is EXITS_OK or how to exit. */
enum exit_code reach_open(struct reach *reach, struct client *client,
                          const struct client_handlers *handlers, const struct options *options,
                          bool may_start, struct say *say);

static inline bool reach_is_private(const struct reach *reach)
{
    return reach->daemon.pid != 0;
}

/* Closes the client and waits for a private daemon. */
void reach_close(struct reach *reach, struct client *client);

#endif
