/*
 * public_suffix.c - libpsl, loaded late: a daemon without cookies needs no list.
 */
#include "public_suffix.h"

#include <libpsl.h>

void public_suffixes_deinit(struct public_suffixes *suffixes)
{
    psl_free(suffixes->list);
    *suffixes = (struct public_suffixes){ 0 };
}

bool public_suffixes_have(struct public_suffixes *suffixes, const char *name)
{
    if (!suffixes->is_loaded)
        suffixes->list = psl_latest(NULL);
    suffixes->is_loaded = true;
    return !suffixes->list || psl_is_public_suffix2(suffixes->list, name, PSL_TYPE_ANY);
}
