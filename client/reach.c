/*
 * reach.c - finding the daemon.
 *
 * A socket that does not exist is the usual case of a machine without the service and not worth a
 * word. One that exists and refuses us is: the user believes the work runs in the shared daemon.
 */
#include "reach.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SYSTEM_SOCKET "/run/hauld/hauld.sock"

struct refusal {
    const char *path;
    int error;
    char why[CLIENT_WHY_BYTES];
};

static void add_candidate(struct reach_candidates *candidates, const char *directory,
                          const char *name)
{
    char *path = candidates->paths[candidates->count];
    int bytes = snprintf(path, REACH_PATH_BYTES, "%s%s", directory, name);

    if (bytes > 0 && (size_t)bytes < REACH_PATH_BYTES)
        candidates->count++;
}

void reach_candidates(const struct options *options, struct reach_candidates *ret_candidates)
{
    const char *named = options->socket ? options->socket : getenv("HAUL_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    *ret_candidates = (struct reach_candidates){ 0 };
    if (named && *named) {
        ret_candidates->is_explicit = true;
        add_candidate(ret_candidates, "", named);
        return;
    }
    if (runtime && *runtime)
        add_candidate(ret_candidates, runtime, "/hauld/hauld.sock");
    add_candidate(ret_candidates, "", SYSTEM_SOCKET);
}

/* Who may: the group of the socket, if it is for one. */
static const char *cure_of_rights(const char *path, char *text, size_t room)
{
    struct group *group;
    struct stat st;

    if (stat(path, &st) < 0)
        return "its folder is closed to this user";
    group = getgrgid(st.st_gid);
    if ((st.st_mode & 0060) != 0060 || st.st_gid == 0 || !group)
        return "only its owner may use it; SocketGroup= of hauld.socket opens it to a group";
    (void)snprintf(text, room, "join its group: usermod -aG %s USER, then log in anew",
                   group->gr_name);
    return text;
}

const char *reach_cure(const char *path, int error, char *text, size_t room)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return cure_of_rights(path, text, room);
    case EDQUOT:
        return "ask who looks after it";
    case ECONNREFUSED:
        return "no daemon listens there: start hauld, or remove the socket";
    case ENOTSOCK:
        return "name the socket of a hauld";
    case ENOENT:
        return "start hauld with this --socket";
    case ETIMEDOUT:
        return "the daemon hangs: restart it";
    default:
        return "see `haul doctor`";
    }
}

/* True when it is open. Otherwise *refusal says why. */
static bool try_socket_once(struct client *client, const char *path,
                            const struct client_handlers *handlers, struct refusal *refusal)
{
    int fd = client_connect(path);
    int r;

    *refusal = (struct refusal){ .path = path };
    if (fd < 0) {
        refusal->error = -fd;
        (void)snprintf(refusal->why, sizeof(refusal->why), "%s", strerror(-fd));
        return false;
    }
    r = client_open(client, fd, REACH_OPEN_TIMEOUT_MS, handlers);
    if (r == 0)
        return true;
    refusal->error = -r;
    (void)snprintf(refusal->why, sizeof(refusal->why), "%s", client->why);
    client_close(client);
    return false;
}

/* A daemon that ends hangs up on those whom it has accepted a moment before. Its manager has the
 * next one take whoever comes now. */
static bool try_socket(struct client *client, const char *path,
                       const struct client_handlers *handlers, struct refusal *refusal)
{
    if (try_socket_once(client, path, handlers, refusal))
        return true;
    return (refusal->error == ECONNRESET || refusal->error == EPIPE) &&
           try_socket_once(client, path, handlers, refusal);
}

static enum exit_code start_private(struct reach *reach, struct client *client,
                                    const struct client_handlers *handlers, struct say *say)
{
    int fd = private_start(&reach->daemon);
    int status;

    if (fd == -ENOENT) {
        say_error(say, "no hauld found: it belongs beside haul or into PATH; install it, or name "
                       "a running daemon's socket with --socket");
        return EXITS_UNREACHABLE;
    }
    if (fd < 0) {
        say_error(say, "a private daemon could not be started: %s", strerror(-fd));
        return EXITS_UNREACHABLE;
    }
    if (client_open(client, fd, REACH_OPEN_TIMEOUT_MS, handlers) == 0)
        return EXITS_OK;
    client_close(client);
    status = private_stop(&reach->daemon);
    if (status == EXITS_NO_IO_URING)
        return EXITS_NO_IO_URING; /* it has said why itself */
    say_error(say,
              "the private daemon did not come up: %s (its exit status: %d); see "
              "`haul doctor`",
              client->why, status);
    return EXITS_UNREACHABLE;
}

/* One line for each socket that exists and refuses us, or that the user named. False: there was
 * none. */
static bool say_refusals(struct say *say, const struct refusal *refusals, unsigned count,
                         bool is_explicit, bool will_start)
{
    bool is_said = false;

    for (unsigned i = 0; i < count; i++) {
        char cure[REACH_CURE_BYTES];
        bool is_absent = refusals[i].error == ENOENT || refusals[i].error == ENOTDIR;

        if (is_absent && !is_explicit)
            continue;
        (will_start ? say_note : say_error)(
            say, "%s: %s; %s%s", refusals[i].path, refusals[i].why,
            reach_cure(refusals[i].path, refusals[i].error, cure, sizeof(cure)),
            will_start ? "; using a private daemon" : "");
        is_said = true;
    }
    return is_said;
}

/* Whether a daemon is there, and does not want us. */
static bool is_refused(const struct refusal *refusals, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (refusals[i].error == EDQUOT)
            return true;
    return false;
}

enum exit_code reach_open(struct reach *reach, struct client *client,
                          const struct client_handlers *handlers, const struct options *options,
                          bool may_start, struct say *say)
{
    struct refusal refusals[REACH_CANDIDATES_MAX];
    struct reach_candidates candidates = { 0 };
    bool will_start = may_start && !options->no_private;
    unsigned tried = 0;
    bool is_said;

    *reach = (struct reach){ .daemon = PRIVATE_DAEMON_NONE };
    if (options->is_private)
        return start_private(reach, client, handlers, say);
    reach_candidates(options, &candidates);
    for (; tried < candidates.count; tried++) {
        if (!try_socket(client, candidates.paths[tried], handlers, &refusals[tried]))
            continue;
        (void)snprintf(reach->path, sizeof(reach->path), "%s", candidates.paths[tried]);
        if (say->is_verbose)
            say_note(say, "using the daemon at %s", reach->path);
        return EXITS_OK;
    }
    is_said = say_refusals(say, refusals, tried, candidates.is_explicit, will_start);
    if (!will_start && is_refused(refusals, tried))
        return EXITS_REFUSED;
    if (!will_start) {
        if (!is_said)
            say_error(say, "no daemon is reachable; start hauld%s",
                      may_start ? ", or leave --no-private out" : ", or add --private");
        return EXITS_UNREACHABLE;
    }
    if (say->is_verbose)
        say_note(say, "starting a private daemon");
    return start_private(reach, client, handlers, say);
}

void reach_close(struct reach *reach, struct client *client)
{
    client_close(client);
    (void)private_stop(&reach->daemon); /* its status tells nothing by now */
}
