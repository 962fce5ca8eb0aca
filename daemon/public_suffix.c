/*
 * public_suffix.c - libpsl by dlopen.
 *
 * Rejected: linking it. It brings libidn2 and libunistring, and every start of a daemon, also of a
 * private one for a single request, would pay for jars that few requests have.
 */
#include "public_suffix.h"

#include <dlfcn.h>
#include <libpsl.h>
#include <string.h>

bool public_suffixes_load(struct public_suffixes *suffixes)
{
    void *library = dlopen(PUBLIC_SUFFIX_LIBRARY, RTLD_NOW | RTLD_NODELETE);
    void *latest = library ? dlsym(library, "psl_latest") : NULL;
    void *release = library ? dlsym(library, "psl_free") : NULL;
    void *is_suffix = library ? dlsym(library, "psl_is_public_suffix2") : NULL;
    psl_ctx_t *(*load)(const char *path);

    if (library)
        (void)dlclose(library); /* RTLD_NODELETE: what we found stays */
    if (!latest || !release || !is_suffix)
        return false;
    memcpy(&load, &latest, sizeof(latest));
    memcpy(&suffixes->release, &release, sizeof(release));
    memcpy(&suffixes->is_suffix, &is_suffix, sizeof(is_suffix));
    suffixes->list = load(NULL);
    return suffixes->list != NULL;
}

void public_suffixes_deinit(struct public_suffixes *suffixes)
{
    if (suffixes->list)
        suffixes->release(suffixes->list);
    *suffixes = (struct public_suffixes){ 0 };
}

bool public_suffixes_have(const struct public_suffixes *suffixes, const char *name)
{
    return !suffixes->list || suffixes->is_suffix(suffixes->list, name, PSL_TYPE_ANY);
}
