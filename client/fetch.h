/*
 * fetch.h - one command's work: items in, requests out, results to wherever they are wanted.
 *
 * get and batch are the same run with other settings: get has one item outstanding and bodies on
 * standard output, batch has many and records there.
 */
#ifndef HAUL_FETCH_H
#define HAUL_FETCH_H

#include "cpu_share.h"
#include "filename.h"
#include "input.h"
#include "items.h"
#include "output.h"
#include "plan.h"
#include "progress.h"
#include "reach.h"
#include "record.h"
#include "say.h"
#include "tally.h"
#include "writeout.h"

#define FETCH_WINDOW_MIN 256u         /* items outstanding, whatever -c */
#define FETCH_LINES_SAID_MAX 20u      /* bad input lines with a message each */
#define FETCH_UPLOADS_MAX 1000u       /* descriptors of bodies that the daemon holds for us */
#define FETCH_LINES_PER_TURN 4096u    /* skipped and refused items take no room in the window */
#define FETCH_HUMAN_LINES_MAX 1000u   /* items with a line each on a terminal; then failures only */
#define FETCH_CANCEL_NS 2000000000ull /* for the results of a cancelled batch to come */

struct fetch {
    const struct options *options;
    struct say *say;
    struct plan plan;
    struct client client;
    struct reach reach;
    struct client_handlers handlers;
    enum records_mode records;
    struct writeout writeout; /* of -w */
    bool is_human;            /* lines for people in place of JSON records */
    uint32_t window;

    /* input */
    size_t words_at; /* next word that is a URL */
    size_t files_at; /* next -i */
    struct input input;
    uint64_t input_file_bytes; /* size of a regular file, 0 = unknown */
    bool input_is_file;
    bool wants_input;     /* nothing complete in the buffer */
    bool input_ended;     /* no item follows */
    bool has_more_lines;  /* the turn had its share: nothing is waited for */
    bool has_full_output; /* there was no room: once all of it has left, lines can be taken */
    struct input_parser parser;
    struct text fields;          /* of the item being built */
    struct text name;            /* likewise, of its file */
    size_t name_directory_bytes; /* of name: --output-dir and a slash */
    struct filename_set names;

    /* run */
    struct items items;
    uint64_t number;         /* of the item last taken from the input */
    uint64_t withheld_bytes; /* window bytes whose body still waits in output */
    uint32_t results_count;  /* in this turn of the loop */
    bool is_begun;           /* BATCH_BEGIN was sent */
    bool is_ended;           /* BATCH_END was sent */
    bool is_cancelled;
    bool is_interrupted;
    bool is_lost;     /* the daemon went away */
    bool awaits_done; /* the end of the batch is to come, behind its cookies */
    bool has_done;    /* it has */
    struct text jar;  /* as lines of a file */
    bool has_input_error;
    uint64_t cancel_deadline_ns;
    enum exit_code exit; /* of what went wrong outside of items */
    int first_curl_code; /* of the first item that failed, in order; 0 = none */
    uint64_t first_failed_number;

    /* output */
    struct text etag; /* of the response that --etag-save is about */
    struct output output;
    struct record_clock clock;
    struct tally tally;
    struct progress progress;
    struct text line;
    uint64_t lines_said;
    uint64_t start_ns;
    struct cpu_share cpu;
};

/* False: *ret_why is one line for the user, malloc'd. options and say must outlive the fetch. */
bool fetch_init(struct fetch *fetch, const struct options *options, struct say *say,
                char **ret_why);
void fetch_deinit(struct fetch *fetch);

/* Runs to the end. Not EXITS_OK: something outside of the items went wrong, and has been said. */
enum exit_code fetch_run(struct fetch *fetch);

/* Summary, timeline and reports, as far as asked for. */
enum exit_code fetch_tell(struct fetch *fetch, int argc, char **argv);

/* ---- for fetch_*.c only ---- */

struct url;

enum fetch_login {
    FETCH_LOGIN_NONE,
    FETCH_LOGIN_ADDED,
    FETCH_LOGIN_BAD, /* netrc has one that no request can carry */
};

/* Adds the Authorization of the URL's user or of netrc to fetch->fields, unless the item or the
 * command has one. url is NULL when it was not parsed: it has no user then, and there is no netrc.
 */
enum fetch_login fetch_add_login(struct fetch *fetch, const struct input_item *in,
                                 const struct url *url);

/* Takes items from the input while there is room for them. */
void fetch_submit(struct fetch *fetch);

/* Stops taking items and asks the daemon to end the ones it has. */
void fetch_cancel(struct fetch *fetch);

/* Ends an item here, without the daemon. why is copied nowhere: it must live through the call. */
void fetch_fail_item(struct fetch *fetch, struct item *item, const struct fault *fault,
                     struct span why);

/* Ends all items the daemon had, after it went away. */
void fetch_fail_all(struct fetch *fetch, enum fault_code code, const char *why);

/* Ends an item whose file is there already; nothing was asked of the daemon. */
void fetch_skip_item(struct fetch *fetch, struct item *item);

void fetch_set_handlers(struct fetch *fetch);

/* Chooses where the item's body goes and opens the file if the daemon is to write it, or finds that
 * the item is to be skipped. url is NULL when it was not parsed. False: *ret_fault and *ret_why say
 * why not. */
bool fetch_choose_body(struct fetch *fetch, struct item *item, const struct input_item *in,
                       const struct url *url, struct fault *ret_fault, const char **ret_why);

/* "path: what errno means", in fetch->line. path may be NULL. */
const char *fetch_name_error(struct fetch *fetch, const char *path, int error);

/* True when the name of a body's file is made from the URL. */
bool fetch_names_files(const struct fetch *fetch);

/* Reads and parses the template of -w, if there is one. False: *ret_why is one line for the user.
 */
bool fetch_open_writeout(struct fetch *fetch, char **ret_why);

/* A cookie of the jar has come; -c writes them when all have. */
void fetch_on_cookie(struct fetch *fetch, const struct cookie *cookie);
void fetch_write_cookies(struct fetch *fetch);

/* What the template makes of an item, to where it says. */
void fetch_write_out(struct fetch *fetch, const struct outcome *item);

/* -v of get. */
void fetch_show_request(struct fetch *fetch, const struct url *url,
                        const struct message_request *request, uint64_t body_bytes);
void fetch_show_head(struct fetch *fetch, const struct message_head *head);
void fetch_show_connection(struct fetch *fetch, const struct message_result *result);

#endif
