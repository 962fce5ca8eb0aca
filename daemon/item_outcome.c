/*
 * item_outcome.c - what comes of an attempt: another one, or the result.
 *
 * A kept connection that the server had closed before it said a byte is not an answer: a request
 * that may be sent twice is sent again, once, on a new connection (RFC 9112 section 9.3.1).
 *
 * A body that was read from a pipe is gone: no attempt that would need it again is made.
 *
 * A redirect is followed from the URL that answered (RFC 9110 section 15.4). What it leads to is
 * judged like any URL of a user. Whatever goes wrong with it, the result carries the answer that
 * sent us there.
 */
#include "item_internal.h"

#include "redirect.h"
#include "request.h"
#include "url.h"

#include <stdlib.h>

static void item_keep_result(struct item *item, const struct attempt_result *result)
{
    size_t bytes = result->content_type.bytes;

    item->result = *result;
    item->result.location = (struct span){ 0 };
    item->result.content_type = (struct span){ 0 };
    item->result.retry_after = (struct span){ 0 };
    item->result.set_cookies = (struct span){ 0 };
    if (bytes > sizeof(item->content_type))
        bytes = sizeof(item->content_type);
    if (bytes)
        memcpy(item->content_type, result->content_type.data, bytes);
    item->content_type_bytes = (uint8_t)bytes;
    free(item->words);
    item->words = NULL;
    if (result->fault.why && fault_has_own_words(result->fault.code)) {
        item->words = strdup(result->fault.why);
        item->result.fault.why = item->words;
    }
    item->head_bytes += result->head_bytes;
    item->retransmits += result->retransmits;
    if (result->held_by)
        item->held_by = result->held_by;
}

static void item_fail(struct item *item, enum fault_code code, enum phase phase, const char *why)
{
    item->result.fault = (struct fault){
        .code = code, .phase = phase, .error = item->result.fault.error, .why = why
    };
    item_conclude(item);
}

/* ---- a connection that had gone stale ---- */

bool item_can_send_again(const struct item *item)
{
    return !item->upload || item->has_lost_body || !item->upload->is_spent;
}

static bool item_may_replay(const struct item *item)
{
    return !item->fresh_conn && item_can_send_again(item) &&
           (request_is_idempotent(item->method) || item->fixed.flags & WIRE_REQUEST_REPLAYABLE);
}

static void item_replay(struct item *item)
{
    if (item->cancelled) { /* when the attempt had ended, but not yet the item */
        item->result.fault.error = 0;
        item_fail(item, item->cancelled, item->result.fault.phase, NULL);
    } else if (item_may_replay(item)) {
        item->fresh_conn = true;
        item_begin_again(item);
    } else if (!request_is_idempotent(item->method) && !item->fresh_conn) {
        item_fail(item, FAULT_IO_RECV, item->result.fault.phase,
                  "the server had closed the kept connection; such a request is not sent twice");
    } else {
        item_conclude(item);
    }
}

/* ---- a server that does not know Expect (RFC 9110 section 15.5.18) ---- */

static void item_ask_without_expect(struct item *item)
{
    if (item->cancelled) {
        item_fail(item, item->cancelled, item->result.fault.phase, NULL);
        return;
    }
    item->upload->expects = false;
    item_begin_again(item);
}

/* ---- redirects ---- */

static bool item_is_led_on(const struct item *item, const struct attempt_result *result)
{
    return item->profile->message.fixed.flags & WIRE_PROFILE_FOLLOW && result->complete &&
           !fault_is_set(&result->fault) && result->location.data &&
           redirect_is_followed(result->status);
}

static bool profile_leads_to(const struct profile *profile, const struct url *url)
{
    uint8_t schemes = profile->message.fixed.redirect_schemes;

    return !schemes || schemes & (url->scheme == URL_HTTPS ? WIRE_SCHEME_HTTPS : WIRE_SCHEME_HTTP);
}

static enum fault_code item_check_hop(const struct item *item, const char **ret_why)
{
    if (item->hops >= item->profile->message.fixed.redirects_max) {
        *ret_why = NULL;
        return FAULT_HTTP_REDIRECTS;
    }
    if (item->head_bytes > WIRE_HEADS_BYTES_MAX) {
        *ret_why = "the headers of all hops together are over 1 MiB";
        return FAULT_HTTP_TOO_BIG;
    }
    return FAULT_NONE;
}

/* Moves the item to where location leads; what it asks there is changed as the status says. */
static enum fault_code item_take_hop(struct item *item, struct span location, const char **ret_why)
{
    struct url_fault fault = { 0 };
    struct block *text, *spelled;
    struct url from, to;

    (void)url_parse(item->url, &from, &fault); /* it was asked for: it is good */
    text = block_new(URL_RESOLVED_BYTES_MAX(&from, location));
    if (!text)
        return FAULT_LOCAL_NO_MEMORY;
    if (!url_resolve(&from, location, text->data, &text->bytes, &fault) ||
        !url_parse(block_span(text), &to, &fault)) {
        block_free(text);
        *ret_why = fault.code == FAULT_INPUT_SCHEME ? "the redirect leads to another scheme than "
                                                      "http and https"
                                                    : "the redirect's Location is no URL";
        return fault.code == FAULT_INPUT_SCHEME ? FAULT_INPUT_SCHEME : FAULT_HTTP_MALFORMED;
    }
    if (!profile_leads_to(item->profile, &to)) {
        block_free(text);
        *ret_why = "the redirect leads to a scheme that --proto-redir does not name";
        return FAULT_INPUT_SCHEME;
    }
    spelled = block_new(URL_BYTES_MAX(&to));
    if (!spelled) {
        block_free(text);
        return FAULT_LOCAL_NO_MEMORY;
    }
    spelled->bytes = url_write(&to, spelled->data);
    item->is_led_away |= !redirect_keeps_origin(&from, &to);
    block_free(text);
    block_free(item->hop_url);
    item->hop_url = spelled;
    item->url = block_span(spelled);
    return FAULT_NONE;
}

static void item_follow(struct item *item, struct span location)
{
    const char *why = NULL;
    enum fault_code code = item_check_hop(item, &why);

    if (code == FAULT_NONE)
        code = item_take_hop(item, location, &why);
    if (code != FAULT_NONE) {
        item_fail(item, code, PHASE_RECEIVE, why);
        return;
    }
    if (redirect_makes_get(item->result.status, item->method)) {
        item->method = SPAN_LITERAL("GET");
        item->has_lost_body = true;
    }
    if (!item_can_send_again(item)) {
        item_fail(item, FAULT_IO_SEND, PHASE_SEND,
                  "the redirect asks for the body again, and a pipe can be read only once");
        return;
    }
    item->hops++;
    item->fresh_conn = false;
    item_begin_again(item);
}

void item_on_done(void *ctx, uint64_t id, const struct attempt_result *result)
{
    struct item *item = item_of_attempt(id);

    (void)ctx; /* the front; the item knows it */
    item_keep_result(item, result);
    if (item->upload && item->upload->is_stream)
        item->upload->is_spent |= result->upload_read;
    item_take_cookies(item, result->set_cookies);
    if (result->began_pause)
        item_log_pause(item, result->cools_until_ns);
    if (result->replayable)
        item_replay(item);
    else if (result->was_not_to_expect)
        item_ask_without_expect(item);
    else if (item_is_led_on(item, result) && item->cancelled)
        item_fail(item, item->cancelled, PHASE_RECEIVE, NULL);
    else if (item_is_led_on(item, result))
        item_follow(item, result->location);
    else if (item->cancelled || !item_retry(item, result))
        item_conclude(item);
}

/* ---- the result ---- */

static uint64_t offset_ns(uint64_t stamp_ns, uint64_t t0_ns)
{
    if (!stamp_ns)
        return WIRE_NOT_REACHED;
    return stamp_ns > t0_ns ? stamp_ns - t0_ns : 0;
}

static uint8_t result_flags(const struct item *item)
{
    const struct attempt_result *r = &item->result;
    uint8_t flags = 0;

    if (r->reused)
        flags |= WIRE_RESULT_REUSED;
    if (r->resumed)
        flags |= WIRE_RESULT_RESUMED;
    if (r->complete && !fault_is_set(&r->fault))
        flags |= WIRE_RESULT_COMPLETE;
    if (item->is_proxied)
        flags |= WIRE_RESULT_PROXIED;
    if (fault_is_set(&r->fault) && r->body_bytes > 0)
        flags |= WIRE_RESULT_TRUNCATED;
    if (r->decoded)
        flags |= WIRE_RESULT_DECODED;
    return flags;
}

/* A body in the frame leaves in one piece with its head. */
static uint64_t item_upload_bytes(const struct item *item)
{
    if (item->fixed.flags & WIRE_REQUEST_BODY_FD)
        return item->result.upload_bytes;
    return item->result.sent_ns && !item->has_lost_body ? item->body.bytes : 0;
}

struct message_result item_result(const struct item *item, uint64_t delivered_ns)
{
    const struct attempt_result *r = &item->result;
    uint64_t t0_ns = item->t0_ns;
    bool planned = item->fixed.planned_ns && r->sent_ns > t0_ns;
    struct message_result out = {
        .fixed = {
            .fault = r->fault.code,
            .fault_phase = r->fault.phase,
            .flags = result_flags(item),
            .fault_errno = r->fault.error,
            .status = r->status,
            .version_major = r->version_major,
            .version_minor = r->version_minor,
            .attempts = item->attempts,
            .hops = item->hops,
            .remote_port = r->remote_port,
            .remote_family = r->remote_family,
            .wire_bytes = r->wire_bytes,
            .body_bytes = r->body_bytes,
            .batch_id = item->batch->id,
            .t0_ns = t0_ns,
            .queued_ns = offset_ns(r->started_ns, t0_ns),
            .dns_ns = offset_ns(r->resolved_ns, t0_ns),
            .connected_ns = offset_ns(r->connected_ns, t0_ns),
            .tls_ns = offset_ns(r->tls_ns, t0_ns),
            .sent_ns = offset_ns(r->sent_ns, t0_ns),
            .first_byte_ns = offset_ns(r->first_byte_ns, t0_ns),
            .last_byte_ns = offset_ns(r->last_byte_ns, t0_ns),
            .delivered_ns = offset_ns(delivered_ns, t0_ns),
            .late_ns = planned ? r->sent_ns - t0_ns : 0,
            .request_bytes = r->request_bytes,
            .held_by = item->held_by,
            .attempt_ns = item->attempt_ns ? offset_ns(item->attempt_ns, t0_ns) : 0,
            .head_bytes = item->head_bytes,
            .connect_status = r->connect_status,
            .upload_bytes = item_upload_bytes(item),
            .rtt_us = r->rtt_us,
            .retransmits = item->retransmits,
        },
        .content_type = span_of(item->content_type, item->content_type_bytes),
    };

    if (item->hop_url)
        out.url = block_span(item->hop_url);
    if (r->tls.version) {
        out.tls_version = span_of_string(r->tls.version);
        out.tls_cipher = span_of_string(r->tls.cipher);
    }
    memcpy(out.fixed.remote_address, r->remote_address, sizeof(r->remote_address));
    if (fault_is_set(&r->fault))
        out.message = span_of_string(r->fault.why ? r->fault.why : fault_message(r->fault.code));
    return out;
}
