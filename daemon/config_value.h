/*
 * config_value.h - how one setting is written, checked and kept.
 *
 * config's own; nobody else includes it.
 */
#ifndef HAULD_CONFIG_VALUE_H
#define HAULD_CONFIG_VALUE_H

#include "span.h"

enum config_kind {
    CONFIG_COUNT, /* unsigned or uint64_t, by the room of the field; as the next two */
    CONFIG_BYTES,
    CONFIG_DURATION,  /* in nanoseconds */
    CONFIG_RATE,      /* in microhertz; 0 is "no limit" */
    CONFIG_LEVEL,     /* unsigned: a syslog level */
    CONFIG_ISOLATION, /* unsigned: enum config_isolation */
    CONFIG_PATH,      /* char[]: an absolute path, or empty */
    CONFIG_SERVERS,   /* char[]: DNS servers with a comma between */
    CONFIG_PATHS,     /* char[]: absolute paths with a space between */
    CONFIG_DENIALS,   /* char[]: "private", "private:UID", "private:UID-UID", likewise */
    CONFIG_ACCOUNTS,  /* char[]: names or numbers of users or of groups, likewise */
};

struct config_type {
    enum config_kind kind;
    size_t room; /* bytes of the field */
    uint64_t min, max;
    bool zero_is_auto; /* 0 stands for "derive it", below min */
};

struct config_refusal {
    struct span wrong; /* the part of the text that is */
    char why[160];
};

/* Writes text into *field; lists grow. False: nothing was written that counts, *ret_refusal says
 * why. */
bool config_value_read(const struct config_type *type, struct span text, void *field,
                       struct config_refusal *ret_refusal);

/* As config_value_read reads it back exactly; cut to room. */
void config_value_format(const struct config_type *type, const void *field, char *out, size_t room);

/* "private" and the users it is for: without a number all. False: text is no such thing. */
bool config_parse_denial(struct span text, uint32_t *ret_uid_min, uint32_t *ret_uid_max);

/* The number of a user or a group. */
bool config_parse_id(struct span text, uint32_t *ret_id);

/* Takes up to the next of any separator off the front; false at the end. */
bool config_take_until(struct span *rest, const char *separators, struct span *ret_part);

#endif
