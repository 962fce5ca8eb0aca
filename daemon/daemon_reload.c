/*
 * daemon_reload.c - other settings while it runs.
 *
 * Most settings are read where they are used, from d->config; what others have copied they are told
 * again. Items that were admitted keep the times they were admitted with.
 */
#include "daemon_internal.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void daemon_apply(struct daemon *d, const struct config *next)
{
    struct engine_options options;

    d->config = *next;
    options = daemon_engine_options(d);
    engine_change(&d->engine, &options);
    if (d->listener.ring)
        listener_change_max(&d->listener, next->sessions_max);
    log_set_level((enum log_level)next->log_level);
    daemon_watch_idle(d);
}

/* What cannot change is as it was; it is said, as somebody expects otherwise. */
static void keep_fixed(const struct config *now, struct config *next)
{
    const char *key;

    while ((key = config_find_fixed(now, next))) {
        log_line(LOG_LEVEL_WARNING, "%s= changes with the next start of hauld", key);
        config_keep(next, now, key);
    }
}

/* Landlock's rules are those of the start: a folder of settings that has come since is none of
 * them. */
static void explain_confinement(const struct daemon *d, struct config_trouble *trouble)
{
    size_t used = strlen(trouble->text);

    if (d->confinement && d->confinement->landlock_abi > 0 &&
        strstr(trouble->text, strerror(EACCES)))
        (void)snprintf(trouble->text + used, sizeof(trouble->text) - used,
                       " (hauld has confined itself to the folders that were there when it began: "
                       "restart it)");
}

bool daemon_reload(struct daemon *d, struct config_trouble *ret_trouble)
{
    static struct config next; /* too large for a stack */
    enum config_verdict verdict;

    *ret_trouble = (struct config_trouble){ "" };
    if (!d->source.read) {
        strcpy(ret_trouble->text, "a private hauld reads its settings once");
        return false;
    }
    if (d->draining) {
        strcpy(ret_trouble->text, "hauld is about to end");
        return false;
    }
    daemon_tell_reloading(d);
    verdict = d->source.read(d->source.ctx, &next, ret_trouble);
    if (verdict == CONFIG_OK) {
        keep_fixed(&d->config, &next);
        daemon_apply(d, &next);
        log_line(LOG_LEVEL_NOTICE, "reloaded");
    } else {
        explain_confinement(d, ret_trouble);
        log_line(LOG_LEVEL_ERR, "not reloaded, all is as it was: %s", ret_trouble->text);
    }
    daemon_tell_ready(d);
    return verdict == CONFIG_OK;
}
