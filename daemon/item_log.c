/*
 * item_log.c - what an administrator is told of items.
 *
 * That one has failed is its client's business, and told at debug only. That an origin asks for a
 * pause is everyone's. URLs are never logged, as paths and queries may be secrets: the origin is.
 */
#include "item_internal.h"

#include "log.h"
#include "units.h"
#include "url.h"

#include <inttypes.h>
#include <stdio.h>

#define FAULT_BYTES 64u

struct item_about {
    struct log_about about;
    char origin[sizeof("https://") + URL_AUTHORITY_BYTES_MAX];
    char fault[FAULT_BYTES];
};

static void item_about_init(struct item_about *about, const struct item *item)
{
    char authority[URL_AUTHORITY_BYTES_MAX];
    struct url_fault fault;
    struct url url;

    *about = (struct item_about){
        .about = { .has_item = true,
                   .batch = item->batch->id,
                   .item = item->id,
                   .has_uid = true,
                   .uid = (uint32_t)item->batch->client_key },
    };
    if (!url_parse(item->url, &url, &fault))
        return; /* what is no URL has no origin */
    (void)snprintf(about->origin, sizeof(about->origin), "%s://%.*s",
                   url.scheme == URL_HTTPS ? "https" : "http",
                   (int)url_write_authority(&url, authority, sizeof(authority)), authority);
    about->about.origin = about->origin;
}

void item_log_pause(const struct item *item, uint64_t until_ns)
{
    uint64_t now_ns = ring_now_ns(item->front->ring);
    struct item_about about;
    char pause[UNITS_TEXT_BYTES];

    if (!log_is_on(LOG_LEVEL_NOTICE) || until_ns <= now_ns)
        return;
    item_about_init(&about, item);
    log_about(LOG_LEVEL_NOTICE, &about.about, "%s asks for a pause (%u): left alone for %s",
              about.origin, item->result.status,
              units_format_duration(until_ns - now_ns, pause, sizeof(pause)));
}

void item_log_failure(const struct item *item)
{
    const struct fault *fault = &item->result.fault;
    struct item_about about;

    if (!log_is_on(LOG_LEVEL_DEBUG))
        return;
    item_about_init(&about, item);
    (void)snprintf(about.fault, sizeof(about.fault), "%s/%s", fault_domain(fault->code),
                   fault_name(fault->code));
    about.about.fault = about.fault;
    log_about(LOG_LEVEL_DEBUG, &about.about,
              "item %" PRIu64 " of batch %" PRIu64 " failed: %s in phase %s, %u attempt%s%s%s",
              item->id, item->batch->id, about.fault, phase_name(fault->phase), item->attempts,
              item->attempts == 1 ? "" : "s", about.origin[0] ? ", " : "", about.origin);
}
