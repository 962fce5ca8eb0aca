/*
 * control_call.c - connect, write, read up to the NUL.
 */
#include "control_call.h"

#include "haul_client.h"
#include "reach.h"
#include "varlink.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 5000
#define READ_BYTES 65536u

int control_connect(const struct options *options, struct say *say)
{
    struct reach_candidates candidates;
    char cure[REACH_CURE_BYTES];
    bool is_said = false;

    reach_candidates(options, &candidates);
    for (unsigned i = 0; i < candidates.count; i++) {
        int fd = client_connect(candidates.paths[i]);

        if (fd >= 0)
            return fd;
        if (!candidates.is_explicit && fd == -ENOENT)
            continue;
        say_error(say, "%s: %s; %s", candidates.paths[i], strerror(-fd),
                  reach_cure(candidates.paths[i], -fd, cure, sizeof(cure)));
        is_said = true;
    }
    if (!is_said)
        say_error(say, "no daemon is reachable; start hauld, or name its socket with --socket");
    return -1;
}

/* 0 or -errno. */
static int send_all(int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            return -errno;
        if (sent > 0) {
            text += sent;
            bytes -= (size_t)sent;
        }
    }
    return 0;
}

/* 0 with *ret_doc, or -errno; 0 with NULL: it is no JSON. */
static int receive_answer(int fd, yyjson_doc **ret_doc)
{
    enum varlink_verdict verdict = VARLINK_NEED_MORE;
    static char bytes[READ_BYTES];
    struct varlink_reader reader;
    struct span in, message;
    int r = 0;

    varlink_reader_init(&reader);
    while (r == 0 && verdict == VARLINK_NEED_MORE) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int count = poll(&ready, 1, ANSWER_TIMEOUT_MS);
        ssize_t got = count > 0 ? recv(fd, bytes, sizeof(bytes), 0) : 0;

        if ((count < 0 || got < 0) && errno == EINTR)
            continue;
        if (count <= 0 || got <= 0)
            r = count == 0 ? -ETIMEDOUT : got == 0 && count > 0 ? -ECONNRESET : -errno;
        else
            in = span_of(bytes, (size_t)got);
        if (r == 0)
            verdict = varlink_next(&reader, &in, &message);
    }
    *ret_doc = NULL;
    if (r == 0 && verdict != VARLINK_READY)
        r = verdict == VARLINK_TOO_BIG ? -EMSGSIZE : -ENOMEM;
    if (r == 0 && verdict == VARLINK_READY)
        *ret_doc = yyjson_read(message.data, message.bytes, 0);
    varlink_reader_deinit(&reader);
    return r;
}

static enum exit_code say_refusal(struct say *say, const char *error, yyjson_val *parameters)
{
    const char *reason = yyjson_get_str(yyjson_obj_get(parameters, "reason"));

    if (strcmp(error, "io.haul.Manager.PermissionDenied") == 0) {
        say_error(say, "only root and the user whom the daemon runs as may do that; try sudo");
        return EXITS_REFUSED;
    }
    if (strcmp(error, VARLINK_ACCESS_DENIED) == 0) {
        say_error(say, "%s", reason ? reason : "this user may not use the daemon");
        return EXITS_REFUSED;
    }
    if (strcmp(error, "io.haul.Manager.ConfigInvalid") == 0) {
        say_error(say, "%s", reason ? reason : "the configuration is bad");
        return EXITS_CONFIG;
    }
    if (strcmp(error, VARLINK_METHOD_NOT_FOUND) == 0)
        say_error(say, "the daemon does not know that: it is older than this haul; restart it");
    else
        say_error(say, "the daemon refuses: %s", error);
    return EXITS_FAILED;
}

enum exit_code control_take(struct say *say, yyjson_doc *doc, struct control_answer *ret_answer)
{
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *parameters = yyjson_obj_get(root, "parameters");
    const char *error = yyjson_get_str(yyjson_obj_get(root, "error"));
    enum exit_code exit = EXITS_FAILED;

    if (error)
        exit = say_refusal(say, error, parameters);
    else if (!yyjson_is_obj(parameters))
        say_error(say, "the daemon's answer is none");
    else
        exit = EXITS_OK;
    if (exit == EXITS_OK)
        *ret_answer = (struct control_answer){ .doc = doc, .parameters = parameters };
    else
        yyjson_doc_free(doc);
    return exit;
}

enum exit_code control_check(const struct options *options, struct say *say)
{
    if (options->words.count)
        say_error(say, "%s takes no argument '%s'", verb_name(options->verb),
                  options->words.values[0]);
    else if (options->is_private)
        say_error(say, "--private: this is about a daemon that runs already");
    else
        return EXITS_OK;
    return EXITS_USAGE;
}

enum exit_code control_ask(int fd, struct say *say, const char *method, yyjson_mut_doc *doc,
                           yyjson_mut_val *parameters, struct control_answer *ret_answer)
{
    yyjson_doc *answer = NULL;
    size_t bytes = 0;
    char *call = varlink_format_call(method, doc, parameters, false, &bytes);
    int r = call ? send_all(fd, call, bytes) : -ENOMEM;

    *ret_answer = (struct control_answer){ 0 };
    if (r == 0)
        r = receive_answer(fd, &answer);
    free(call);
    if (r < 0) {
        say_error(say, "the daemon does not answer: %s%s", strerror(-r),
                  r == -ETIMEDOUT ? "; it may still do what it was told" : "");
        return EXITS_UNREACHABLE;
    }
    return control_take(say, answer, ret_answer);
}

enum exit_code control_call(const struct options *options, struct say *say, const char *method,
                            yyjson_mut_doc *doc, yyjson_mut_val *parameters,
                            struct control_answer *ret_answer)
{
    enum exit_code exit;
    int fd;

    *ret_answer = (struct control_answer){ 0 };
    if (control_check(options, say) != EXITS_OK)
        return EXITS_USAGE;
    fd = control_connect(options, say);
    if (fd < 0)
        return EXITS_UNREACHABLE;
    exit = control_ask(fd, say, method, doc, parameters, ret_answer);
    (void)close(fd); /* answered, or given up */
    return exit;
}

void control_answer_deinit(struct control_answer *answer)
{
    yyjson_doc_free(answer->doc);
    *answer = (struct control_answer){ 0 };
}
