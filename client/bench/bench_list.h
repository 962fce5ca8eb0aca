/*
 * bench_list.h - the requests of a latency run, made once and sent in turn.
 */
#ifndef HAUL_BENCH_LIST_H
#define HAUL_BENCH_LIST_H

#include "message.h"
#include "options.h"
#include "plan.h"

#define BENCH_LIST_BYTES_MAX (256ull << 20)

struct bench_request {
    struct message_request message; /* but for planned_ns; its spans are owned */
    struct span url;                /* as it was written, "http://" added */
};

struct bench_list {
    struct bench_request *requests;
    size_t count;
    size_t capacity;
    struct text store; /* of all texts; the spans point into it once the list is complete */
};

/* The URL of the command line, or the lines of -i. Any line that cannot be sent is refused: false,
 * and *ret_why is one line for the user, malloc'd. */
bool bench_list_read(struct bench_list *list, const struct options *options,
                     const struct plan *plan, char **ret_why);
void bench_list_deinit(struct bench_list *list);

#endif
