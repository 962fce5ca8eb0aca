/*
 * item_cookies.c - between an item and its batch's jar.
 *
 * Every hop and every attempt asks the jar anew, with the URL it goes to, and what any answer sets
 * is kept, be it followed, tried again or refused later. Items of a batch run side by side: what
 * one has been given another may or may not have yet.
 *
 * It is the URL that counts, also where a pin leads elsewhere or the client wrote a Host of its
 * own. An address with a zone means another host on each interface: it has no cookies.
 */
#include "item_internal.h"

#include "url.h"

#include <errno.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t item_wall_s(const struct item *item)
{
    return ring_wall_ns(item->front->ring) / NS_PER_SECOND;
}

static struct span path_of_target(struct span target)
{
    const char *query = target.bytes > 0 ? memchr(target.data, '?', target.bytes) : NULL;

    if (query)
        target.bytes = (size_t)(query - target.data);
    return target.bytes > 0 ? target : SPAN_LITERAL("/");
}

/* The path is the one that is sent. Where that is spelled otherwise than the URL, *ret_text holds
 * it and is the caller's to free. */
static int cookies_url_of(const struct url *url, struct cookies_url *ret_url,
                          struct block **ret_text)
{
    struct span target = url->target;
    struct block *text = NULL;

    if (!url->target_is_plain) {
        text = block_new(URL_TARGET_BYTES_MAX(url));
        if (!text)
            return -ENOMEM;
        text->bytes = url_write_target(url, text->data, URL_TARGET_BYTES_MAX(url));
        target = block_span(text);
    }
    *ret_url = (struct cookies_url){
        .host = span_of(url->host, url->host_bytes),
        .path = path_of_target(target),
        .is_address = url->host_kind != URL_HOST_NAME,
        .is_secure = url->scheme == URL_HTTPS,
    };
    *ret_text = text;
    return 0;
}

int item_find_cookie(const struct item *item, const struct url *url, struct span *ret_value)
{
    struct cookies_url at;
    struct block *text;
    int r;

    if (url->zone.bytes > 0 || cookies_count(item->batch->cookies) == 0)
        return 0;
    r = cookies_url_of(url, &at, &text);
    if (r < 0)
        return r;
    *ret_value = cookies_field(item->batch->cookies, &at, item_wall_s(item));
    block_free(text);
    return 0;
}

void item_take_cookies(struct item *item, struct span set_cookies)
{
    struct url_fault fault = { 0 };
    struct message_field field;
    struct cookies_url from;
    struct block *text;
    uint64_t now_s;
    struct url url;

    if (!item->batch->cookies || set_cookies.bytes == 0)
        return;
    (void)url_parse(item->url, &url, &fault); /* it was asked for: it is good */
    if (url.zone.bytes > 0 || cookies_url_of(&url, &from, &text) < 0)
        return; /* without memory for a path there is none for a cookie */
    now_s = item_wall_s(item);
    while (message_next_field(&set_cookies, &field))
        (void)cookies_set(item->batch->cookies, &from, field.value,
                          now_s); /* the rules' business */
    block_free(text);
}
