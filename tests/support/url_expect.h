/*
 * url_expect.h - the domain verbs of the URL tests. Each fails the running cmocka test.
 */
#ifndef HAUL_URL_EXPECT_H
#define HAUL_URL_EXPECT_H

#include "url.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* The longest label, and the longest name, that DNS has. */
#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_253                                                                                   \
    LABEL_63 "." LABEL_63 "." LABEL_63                                                             \
             ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Parses a copy in an allocation of its own size, so that a sanitizer sees a read beyond it. The
 * spans of *url are good until the next call. */
bool parse(struct span text, struct url *url, struct url_fault *fault);
struct url parse_good(const char *text);

/* Refused with this code and a reason, and nothing written. */
void expect_refused(struct span text, enum fault_code code);

/* expected NULL stands for a span without data. */
void expect_span(const char *name, struct span span, const char *expected);

/* What url_write_target and url_write_authority give, and that they write nothing into too little
 * room. */
void expect_target(const char *text, const char *expected);
void expect_authority(const char *text, const char *expected);

#endif
