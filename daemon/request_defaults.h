/*
 * request_defaults.h - the fields of a profile, checked once and written once for all its requests.
 *
 * Pure. A request without fields of its own takes verdict and text as they are here (request.h).
 */
#ifndef HAULD_REQUEST_DEFAULTS_H
#define HAULD_REQUEST_DEFAULTS_H

#include "fault.h"
#include "span.h"

struct request_defaults {
    struct span fields;   /* wire form; not owned */
    enum fault_code code; /* FAULT_NONE, or why no request can be sent with them: */
    const char *why;      /* as of request_check */
    struct span host;     /* the value of their Host; data NULL = none */
    bool has_authorization;
    char *text; /* owned: all but Host, "Name: value\r\n" each; NULL unless FAULT_NONE */
    size_t text_bytes;
};

/* fields (a wire_field list, already bounds-checked) must outlive the defaults. Fields that cannot
 * be sent are no error here. 0 or -ENOMEM. */
int request_defaults_init(struct request_defaults *defaults, struct span fields);
void request_defaults_deinit(struct request_defaults *defaults);

#endif
