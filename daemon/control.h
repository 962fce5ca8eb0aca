/*
 * control.h - the Varlink methods of hauld (PROTOCOL.md, "Varlink").
 */
#ifndef HAULD_CONTROL_H
#define HAULD_CONTROL_H

#include "varlink.h"

#define CONTROL_REASON_BYTES 512

/* Whose items, and which of them. */
struct control_inflight {
    uint64_t slower_ns;
    bool all_users;
    uint32_t uid;
};

/* What the methods need of whoever builds the daemon. parameters is the reply's, to be filled. */
struct control_ops {
    void (*describe)(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *parameters);
    void (*origins)(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *parameters);
    void (*inflight)(void *ctx, const struct control_inflight *wanted, yyjson_mut_doc *doc,
                     yyjson_mut_val *parameters);
    /* malloc'd, as OpenMetrics or as Prometheus has it; NULL: out of memory. */
    char *(*metrics)(void *ctx, bool is_open, size_t *ret_bytes);
    /* False: all is as it was, and why. */
    bool (*reload)(void *ctx, char ret_reason[static CONTROL_REASON_BYTES]);
    void (*drain)(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *parameters);
    void *ctx;
    uint32_t uid; /* whom the daemon runs as: who may operate it, besides root */
};

#define CONTROL_METHODS 8

struct control {
    struct control_ops ops;
    struct varlink_method methods[CONTROL_METHODS];
    struct varlink_service service;
};

/* control must not move afterwards; sessions are given &control->service. */
void control_init(struct control *control, const struct control_ops *ops);

#endif
