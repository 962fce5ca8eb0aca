/*
 * control.h - the Varlink methods of hauld (PROTOCOL.md, "Varlink").
 */
#ifndef HAULD_CONTROL_H
#define HAULD_CONTROL_H

#include "varlink.h"

/* What the methods need of whoever builds the daemon. */
struct control_ops {
    /* Fills parameters with what io.haul.Manager.Describe returns. */
    void (*describe)(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *parameters);
    void *ctx;
};

#define CONTROL_METHODS 2

struct control {
    struct control_ops ops;
    struct varlink_method methods[CONTROL_METHODS];
    struct varlink_service service;
};

/* control must not move afterwards; sessions are given &control->service. */
void control_init(struct control *control, const struct control_ops *ops);

#endif
