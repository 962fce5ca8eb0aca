/*
 * item_attempt.c - one attempt of an item, as the engine gets it.
 *
 * The URL is parsed here, when an attempt begins, not when the item is accepted: a million waiting
 * items then hold their bytes and nothing else. After a redirect it is the URL that the redirect
 * led to; user and password of the first one still count as long as no other origin was asked.
 *
 * So is the way to the origin, which another scheme or host may change: straight, or by a proxy.
 * With a unix socket there is none: the socket is where the user wants to go.
 */
#include "item_internal.h"

#include "request.h"
#include "url.h"

#include <assert.h>
#include <stdio.h>

#define ITEM_WINDOW_BYTES_MIN (16u << 10)
#define ITEM_WINDOW_BYTES_MAX (256u << 10)
#define ITEM_HEAD_BYTES 256u /* of a head, beside its URL and fields */

static enum fault_code item_parse(const struct item *item, struct url *ret_url,
                                  const char **ret_why)
{
    struct url_fault fault;

    if (item->fixed.header_count > WIRE_HEADERS_MAX ||
        item->headers.bytes > WIRE_HEADER_BYTES_MAX + 8u * WIRE_HEADERS_MAX) {
        *ret_why = "over 256 header fields or 128 KiB of them";
        return FAULT_INPUT_TOO_BIG;
    }
    if (!url_parse(item->url, ret_url, &fault)) {
        *ret_why = fault.why;
        return fault.code;
    }
    return FAULT_NONE;
}

/* Who asks is said in the first URL only, and only to its origin. */
static void item_take_userinfo(const struct item *item, struct url *url)
{
    struct url_fault fault;
    struct url first;

    url->user = url->password = (struct span){ 0 };
    if (item->is_led_away || !url_parse(item_first_url(item), &first, &fault))
        return;
    url->user = first.user;
    url->password = first.password;
}

enum attempt_sink item_sink(const struct item *item)
{
    uint8_t mode = item->fixed.body_mode == WIRE_BODY_OF_PROFILE
                       ? item->profile->message.fixed.body_mode
                       : item->fixed.body_mode;

    if (mode == WIRE_BODY_DATA)
        return ATTEMPT_SINK_DATA;
    return mode == WIRE_BODY_FD ? ATTEMPT_SINK_FILE : ATTEMPT_SINK_DISCARD;
}

static size_t item_window_bytes(const struct item *item)
{
    size_t share = WIRE_BODY_WINDOW_BYTES / item->batch->concurrency;

    if (share < ITEM_WINDOW_BYTES_MIN)
        return ITEM_WINDOW_BYTES_MIN;
    return share < ITEM_WINDOW_BYTES_MAX ? share : ITEM_WINDOW_BYTES_MAX;
}

/* How the next attempt gets to its origin. */
struct item_route {
    struct message_pin pin; /* to_host and to_port: where to connect */
    enum proxy_way way;
    struct span to_proxy; /* see pool_key */
    char connect_head[PROXY_CONNECT_BYTES_MAX];
};

/* What the tunnel leads to: where --connect-to moves the origin, or itself. */
static bool item_tunnel_end(const struct message_pin *moved, const struct url *origin,
                            struct url *ret_end)
{
    char text[sizeof("http://[]:65535") + URL_HOST_BYTES_MAX];
    bool is_ipv6 = memchr(moved->to_host.data, ':', moved->to_host.bytes);
    struct url_fault fault;
    int bytes;

    *ret_end = *origin;
    if (moved->to_port == origin->port &&
        span_equals(moved->to_host, span_of(origin->host, origin->host_bytes)))
        return true;
    if (moved->to_host.bytes > URL_HOST_BYTES_MAX)
        return false;
    bytes = snprintf(text, sizeof(text), is_ipv6 ? "http://[%.*s]:%u" : "http://%.*s:%u",
                     (int)moved->to_host.bytes, moved->to_host.data, moved->to_port);
    /* It goes into a head: nothing but a host may stand there. */
    return url_parse(span_of(text, (size_t)bytes), ret_end, &fault) && !ret_end->user.data &&
           !ret_end->target.bytes && !ret_end->fragment.data;
}

static enum fault_code item_choose_tunnel(const struct item *item, const struct url *url,
                                          const struct proxy *proxy, struct item_route *route,
                                          const char **ret_why)
{
    struct message_pin moved = profile_pin(item->profile, PROFILE_PINS_MOVES,
                                           span_of(url->host, url->host_bytes), url->port);
    struct url end;
    size_t bytes;

    if (!item_tunnel_end(&moved, url, &end)) {
        *ret_why = "--connect-to leads to what is no host";
        return FAULT_INPUT_ARGUMENT;
    }
    if (url->scheme == URL_HTTP && end.port == url->port && strcmp(end.host, url->host) == 0) {
        route->way = PROXY_FORWARD;
        route->to_proxy = proxy->fields;
        return FAULT_NONE;
    }
    bytes =
        proxy_write_connect(&end, proxy->fields, route->connect_head, sizeof(route->connect_head));
    assert(bytes <= sizeof(route->connect_head));
    route->way = PROXY_TUNNEL;
    route->to_proxy = span_of(route->connect_head, bytes);
    return FAULT_NONE;
}

static enum fault_code item_choose_route(const struct item *item, const struct url *url,
                                         struct item_route *route, const char **ret_why)
{
    const struct profile *profile = item->profile;
    const struct proxy *proxy = NULL;

    route->way = PROXY_NONE;
    route->to_proxy = (struct span){ 0 };
    if (!profile->message.unix_path.bytes)
        proxy = proxies_choose(&profile->proxies, url);
    if (!proxy) {
        route->pin =
            profile_pin(profile, PROFILE_PINS_ALL, span_of(url->host, url->host_bytes), url->port);
        return FAULT_NONE;
    }
    if (proxy->why) {
        *ret_why = proxy->why;
        return FAULT_INPUT_ARGUMENT;
    }
    route->pin = profile_pin(profile, PROFILE_PINS_LOOKUPS,
                             span_of(proxy->url.host, proxy->url.host_bytes), proxy->url.port);
    return item_choose_tunnel(item, url, proxy, route, ret_why);
}

/* What follows the head. */
static const struct upload *item_upload(const struct item *item)
{
    return item->upload && item->upload->bytes > 0 && !item->has_lost_body ? item->upload : NULL;
}

static void item_describe_body(const struct item *item, struct request *request)
{
    if (!(item->fixed.flags & WIRE_REQUEST_HAS_BODY) || item->has_lost_body)
        return;
    request->has_body = true;
    request->body = item->body;
    request->body_bytes = item->body.bytes;
    if (!item->upload)
        return;
    request->body_bytes = item->upload->is_stream ? REQUEST_BYTES_UNKNOWN : item->upload->bytes;
    request->expects = item->upload->expects && item->upload->bytes > 0;
}

/* Hands the attempt to the engine. The spans of url and route are read during the call. */
static void item_post(struct item *item, const struct url *url, const struct item_route *route,
                      struct block *request)
{
    const struct profile *profile = item->profile;
    const struct wire_profile *fixed = &profile->message.fixed;
    struct span host = span_of(url->host, url->host_bytes);
    struct attempt attempt = {
        .id = item_attempt_id(item),
        .client_key = item->batch->client_key,
        .batch_key = item->batch->key,
        .per_origin_max = item->batch->per_origin_max,
        .rate_uhz = item->batch->origin_rate_uhz,
        .rate_cap = item->batch->origin_rate_cap,
        .asked_rate_uhz = item->batch->asked_rate_uhz,
        .host = host,
        .port = url->port,
        .dial_host = route->pin.to_host,
        .dial_port = route->pin.to_port,
        .way = route->way,
        .to_proxy = route->to_proxy,
        .address_family = fixed->address_family,
        .policy = profile->policy,
        .interface = profile->message.interface,
        .unix_path = profile->message.unix_path,
        .tls = url->scheme == URL_HTTPS ? &profile->tls : NULL,
        .request = request,
        .upload = item_upload(item),
        .is_head_request = span_equals(item->method, SPAN_LITERAL("HEAD")),
        .wants_head = fixed->flags & WIRE_PROFILE_HEAD,
        .wants_cookies = item->batch->cookies != NULL,
        .fresh_conn = item->fresh_conn || fixed->flags & WIRE_PROFILE_FRESH_CONN,
        .close_after = fixed->flags & WIRE_PROFILE_NO_REUSE,
        .decodes = fixed->flags & WIRE_PROFILE_DECODE,
        .follows = fixed->flags & WIRE_PROFILE_FOLLOW,
        .dns_timeout_ns = profile->dns_timeout_ns,
        .connect_timeout_ns = profile->connect_timeout_ns,
        .tls_timeout_ns = profile->tls_timeout_ns,
        .first_byte_timeout_ns = profile->first_byte_timeout_ns,
        .idle_timeout_ns = profile->idle_timeout_ns,
        .body_bytes_max = fixed->body_bytes_max,
        .sink = item_sink(item),
        .file = item->file,
        .window_bytes = item_window_bytes(item),
    };

    if (item->retries < profile->retry.retries_max)
        attempt.drops = profile->retry.on;
    if (item->attempts > 0)
        item->attempt_ns = ring_now_ns(item->front->ring);
    item->attempts++;
    item->is_proxied = route->way != PROXY_NONE;
    item->front->engine.start(item->front->engine.ctx, &attempt);
}

/* Head and body, as they go out. The frame they come from is a good guess at their size; a URL
 * that is mostly escapes needs more. */
static struct block *item_write(const struct item *item, const struct request *request)
{
    size_t room = item->request->bytes + request->defaults->text_bytes + request->cookie.bytes +
                  request->proxy_fields.bytes + ITEM_HEAD_BYTES;
    struct block *block = block_new(room);

    if (!block)
        return NULL;
    block->bytes = request_write(request, block->data, room);
    if (block->bytes <= room)
        return block;

    room = block->bytes;
    block_free(block);
    block = block_new(room);
    if (block)
        block->bytes = request_write(request, block->data, room);
    return block;
}

/* One conclusion for all refusals before the first byte. */
static void item_refuse(struct item *item, enum fault_code code, const char *why)
{
    fault_set(&item->result.fault, code, item->hops ? PHASE_RECEIVE : PHASE_INPUT, 0, why);
    item_conclude(item);
}

void item_begin_attempt(struct item *item)
{
    struct request request = {
        .method = item->method,
        .defaults = &item->profile->defaults,
        .fields = item->headers,
        .close = item->profile->message.fixed.flags & WIRE_PROFILE_NO_REUSE,
        .is_led_away = item->is_led_away,
        .has_lost_body = item->has_lost_body,
    };
    const char *why = NULL;
    enum fault_code code;
    struct item_route route;
    struct block *block;
    struct url url;

    request.url = &url;
    item_describe_body(item, &request);
    code = item_parse(item, &url, &why);
    if (code == FAULT_NONE && item->hops)
        item_take_userinfo(item, &url);
    if (code == FAULT_NONE)
        code = request_check(&request, &why);
    if (code == FAULT_NONE && item->profile->unix_denied) {
        code = FAULT_POLICY_DENIED;
        why = "this daemon does not connect to unix sockets for other users (UnixUpstreams=)";
    }
    if (code == FAULT_NONE)
        code = item_choose_route(item, &url, &route, &why);
    if (code == FAULT_NONE && item->batch->cookies &&
        item_find_cookie(item, &url, &request.cookie) < 0)
        code = FAULT_LOCAL_NO_MEMORY;
    if (code != FAULT_NONE) {
        item_refuse(item, code, why);
        return;
    }
    request.to_proxy = route.way == PROXY_FORWARD;
    if (request.to_proxy)
        request.proxy_fields = route.to_proxy;
    block = item_write(item, &request);
    if (!block) {
        item_refuse(item, FAULT_LOCAL_NO_MEMORY, NULL);
        return;
    }
    item_post(item, &url, &route, block);
}

void item_begin_again(struct item *item)
{
    if (!batch_may_ask(item->batch)) {
        item_enter(item, ITEM_HELD);
        batch_hold(item->batch, item);
        return;
    }
    if (item->state != ITEM_ACTIVE)
        item_enter(item, ITEM_ACTIVE);
    item_begin_attempt(item);
}
