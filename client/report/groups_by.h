/*
 * groups_by.h - what --by tells requests apart by.
 */
#ifndef HAUL_GROUPS_BY_H
#define HAUL_GROUPS_BY_H

enum groups_by {
    GROUPS_BY_NONE,
    GROUPS_BY_URL,
    GROUPS_BY_HOST,
    GROUPS_BY_STATUS, /* or, without one, the error */
};

#endif
