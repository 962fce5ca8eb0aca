/*
 * config_internal.h - what the files of config share.
 *
 * config.c keeps the tables of keys and prints them, config_parse.c reads text by them. Nobody else
 * includes this.
 */
#ifndef HAULD_CONFIG_INTERNAL_H
#define HAULD_CONFIG_INTERNAL_H

#include "config.h"

#include "config_value.h"

struct config_key {
    const char *name;
    size_t offset; /* of the field, in what the section is kept in */
    struct config_type type;
    const char *fallback;
    bool is_fixed; /* takes effect when hauld starts, not with a reload */
};

/* What a section may hold. */
struct config_keys {
    const struct config_key *rows;
    size_t count;
};

extern const struct config_keys config_hauld_keys;
extern const struct config_keys config_origin_keys;

/* A section of a config, while it is read or printed. */
struct config_section {
    const struct config_keys *keys;
    char *base;                  /* of its fields */
    struct config_place *places; /* of its keys, in their order */
};

struct config_section config_hauld_section(struct config *config);
struct config_section config_origin_section(struct config_origin *origin);

#endif
