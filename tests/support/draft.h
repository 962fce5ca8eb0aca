/*
 * draft.h - a request in the making, for tests.
 */
#ifndef HAUL_DRAFT_H
#define HAUL_DRAFT_H

#include "request.h"

struct draft {
    struct request request;
    struct url url;
    struct request_defaults defaults;
    char *profile_fields; /* what the spans of defaults and request point into */
    char *fields;
};

/* method and url live as long as the draft; an empty method is GET. A url that does not parse fails
 * the test. */
struct draft *draft_new(const char *method, const char *url);
void draft_free(struct draft *draft);

void with_field(struct draft *draft, struct span name, struct span value);
void with_header(struct draft *draft, const char *name, const char *value);
void with_default(struct draft *draft, const char *name, const char *value); /* of the profile */
void with_body(struct draft *draft, const char *body);

#endif
