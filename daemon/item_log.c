/*
 * item_log.c - one line for an item that failed, with the journal's fields.
 *
 * At level debug: to its client each failure is a RESULT, and a batch of a million against a dead
 * host is not the administrator's news. Of the URL only the origin is told: a path or a query may
 * be a secret.
 */
#include "item_internal.h"

#include "log.h"
#include "url.h"

#include <stdio.h>

#define ORIGIN_ROOM (URL_HOST_BYTES_MAX + 32)
#define FAULT_ROOM 64

static void format_origin(struct span text, char out[static ORIGIN_ROOM])
{
    struct url_fault fault;
    struct url url;

    out[0] = '\0';
    if (url_parse(text, &url, &fault))
        (void)snprintf(out, ORIGIN_ROOM, "%s://%s%s%s:%u",
                       url.scheme == URL_HTTPS ? "https" : "http", strchr(url.host, ':') ? "[" : "",
                       url.host, strchr(url.host, ':') ? "]" : "", url.port);
}

void item_log_failure(const struct item *item)
{
    const struct fault *fault = &item->result.fault;
    char origin[ORIGIN_ROOM], name[FAULT_ROOM];
    struct log_about about = { .has_item = true,
                               .batch = item->batch->id,
                               .item = item->id,
                               .has_uid = true,
                               .uid = (uint32_t)item->batch->client_key,
                               .fault = name };

    if (!fault_is_set(fault) || !log_is_on(LOG_LEVEL_DEBUG))
        return;
    format_origin(item->url, origin);
    (void)snprintf(name, sizeof(name), "%s/%s", fault_domain(fault->code), fault_name(fault->code));
    about.origin = origin[0] ? origin : NULL;
    log_about(LOG_LEVEL_DEBUG, &about, "item %llu of user %u failed: %s (%s)%s%s%s%s",
              (unsigned long long)item->id, about.uid, name, phase_name(fault->phase),
              origin[0] ? " at " : "", origin, fault->error ? ": " : "",
              fault->error ? strerror(fault->error) : "");
}
