/*
 * fetch_call_answer.c - the answer to io.haul.Fetch.Get.
 *
 * JSON is UTF-8, what an origin sends is bytes. A header's bytes that are no UTF-8 become U+FFFD,
 * as in the records of the client; a body is never altered: what is not plain text goes out as
 * base64. Control characters count against text because JSON spells each in six bytes.
 *
 * Texts are made on a sheet whose size is known before: the document only points there.
 */
#include "fetch_call.h"

#include "base64.h"
#include "url.h"
#include "utf8.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLACEMENT SPAN_LITERAL("\xef\xbf\xbd")
#define LARGER_ONES "; haul get takes larger ones"

/* Each byte may be replaced by three. */
static size_t sheet_bytes_of(size_t text_bytes)
{
    return REPLACEMENT.bytes * text_bytes;
}

static void sheet_put_text(struct block *sheet, struct span text)
{
    while (text.bytes > 0) {
        size_t bytes = utf8_sequence(text);

        block_append(sheet, bytes ? span_of(text.data, bytes) : REPLACEMENT);
        span_advance(&text, bytes ? bytes : 1);
    }
}

static struct span sheet_since(const struct block *sheet, size_t start)
{
    assert(sheet->bytes <= sheet->capacity);
    return span_of(sheet->data + start, sheet->bytes - start);
}

static yyjson_mut_val *json_of(yyjson_mut_doc *doc, struct span text)
{
    return yyjson_mut_strn(doc, text.data, text.bytes);
}

static bool put_string(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
                       struct span text)
{
    return yyjson_mut_obj_add_val(doc, object, key, json_of(doc, text));
}

/* ---- headers ---- */

static bool is_first_of_name(struct span fields, struct span name)
{
    struct message_field field;

    while (message_next_field(&fields, &field) && field.name.data != name.data)
        if (span_equals_nocase(field.name, name))
            return false;
    return true;
}

static yyjson_mut_val *write_name(yyjson_mut_doc *doc, struct block *sheet, struct span name)
{
    size_t start = sheet->bytes;

    sheet_put_text(sheet, name);
    for (size_t i = start; i < sheet->bytes; i++)
        if (sheet->data[i] >= 'A' && sheet->data[i] <= 'Z')
            sheet->data[i] += 'a' - 'A';
    return json_of(doc, sheet_since(sheet, start));
}

/* All values of one name; the fields begin with its first. */
static yyjson_mut_val *write_values(yyjson_mut_doc *doc, struct block *sheet, struct span fields,
                                    struct span name)
{
    bool is_list = span_equals_nocase(name, SPAN_LITERAL("set-cookie"));
    yyjson_mut_val *list = is_list ? yyjson_mut_arr(doc) : NULL;
    size_t start = sheet->bytes;
    struct message_field field;

    while (message_next_field(&fields, &field)) {
        if (!span_equals_nocase(field.name, name))
            continue;
        if (is_list)
            start = sheet->bytes;
        else if (field.name.data != name.data)
            block_append(sheet, SPAN_LITERAL(", "));
        sheet_put_text(sheet, field.value);
        if (is_list)
            (void)yyjson_mut_arr_append(list, json_of(doc, sheet_since(sheet, start)));
    }
    return is_list ? list : json_of(doc, sheet_since(sheet, start));
}

/* Of a name, whatever its case; names of one hash need not be the same. */
static uint32_t hash_name(struct span name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < name.bytes; i++) {
        unsigned char c = (unsigned char)name.data[i];

        hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c)) * 16777619u;
    }
    return hash;
}

/* Of the fields, uint32_t each; NULL: out of memory. An origin may send a thousand long names that
 * differ at their ends: comparing each with each would hold up the loop. */
static struct block *hash_names(struct span fields)
{
    struct block *hashes = block_new(fields.bytes / sizeof(struct wire_field) * sizeof(uint32_t));
    struct message_field field;

    while (hashes && message_next_field(&fields, &field)) {
        uint32_t hash = hash_name(field.name);

        block_append(hashes, span_of((const char *)&hash, sizeof(hash)));
    }
    return hashes;
}

/* Whether one of the fields first to end may have the name of that at i. */
static bool any_is_like(const struct block *hashes, size_t first, size_t end, size_t i)
{
    for (size_t at = first; at < end; at++)
        if (memcmp(hashes->data + at * sizeof(uint32_t), hashes->data + i * sizeof(uint32_t),
                   sizeof(uint32_t)) == 0)
            return true;
    return false;
}

static bool put_headers(yyjson_mut_doc *doc, yyjson_mut_val *object, struct block *sheet,
                        struct span fields)
{
    yyjson_mut_val *headers = yyjson_mut_obj_add_obj(doc, object, "headers");
    struct block *hashes = hash_names(fields);
    size_t count = hashes ? hashes->bytes / sizeof(uint32_t) : 0;
    struct span rest = fields, here = fields;
    bool is_put = headers && hashes;
    struct message_field field;

    for (size_t i = 0; is_put && message_next_field(&rest, &field); i++, here = rest) {
        struct span same = here; /* those that may have its name */

        if (any_is_like(hashes, 0, i, i) && !is_first_of_name(fields, field.name))
            continue;
        if (!any_is_like(hashes, i + 1, count, i))
            same.bytes = (size_t)(rest.data - here.data);
        is_put = yyjson_mut_obj_add(headers, write_name(doc, sheet, field.name),
                                    write_values(doc, sheet, same, field.name));
    }
    block_free(hashes);
    return is_put;
}

/* ---- the body ---- */

static bool is_plain_text(struct span body)
{
    for (size_t i = 0; i < body.bytes; i++) {
        unsigned char c = (unsigned char)body.data[i];

        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return false;
    }
    return utf8_is_valid(body);
}

static bool put_body(yyjson_mut_doc *doc, yyjson_mut_val *object, struct block *sheet,
                     struct span body)
{
    size_t start = sheet->bytes;

    if (is_plain_text(body))
        return put_string(doc, object, "body", span_of(body.bytes ? body.data : "", body.bytes));
    sheet->bytes += base64_encode(body, sheet->data + start);
    return put_string(doc, object, "body_base64", sheet_since(sheet, start));
}

/* ---- what RESULT says ---- */

/* Without a login that it may have had. */
static bool put_effective_url(yyjson_mut_doc *doc, yyjson_mut_val *object, struct block *sheet,
                              struct span text)
{
    size_t start = sheet->bytes;
    struct url_fault fault;
    struct url url;
    struct block *spelled;

    if (!url_parse(text, &url, &fault))
        return false; /* it has been fetched */
    spelled = block_new(URL_BYTES_MAX(&url));
    if (!spelled)
        return false;
    spelled->bytes = url_write(&url, spelled->data);
    sheet_put_text(sheet, block_span(spelled));
    block_free(spelled);
    return put_string(doc, object, "effective_url", sheet_since(sheet, start));
}

static void put_peer(yyjson_mut_doc *doc, yyjson_mut_val *object, const struct wire_result *fixed)
{
    char text[INET6_ADDRSTRLEN];
    int family = fixed->remote_family == 4 ? AF_INET : AF_INET6;

    if (fixed->remote_family != 4 && fixed->remote_family != 6)
        return;
    if (!inet_ntop(family, fixed->remote_address, text, sizeof(text)))
        return;
    yyjson_mut_obj_add_strcpy(doc, object, "remote_ip", text);
    yyjson_mut_obj_add_uint(doc, object, "remote_port", fixed->remote_port);
}

static void put_times(yyjson_mut_doc *doc, yyjson_mut_val *object, const struct wire_result *fixed)
{
    const struct {
        const char *key;
        uint64_t ns;
    } steps[] = {
        { "queued_ns", fixed->queued_ns },       { "dns_ns", fixed->dns_ns },
        { "connected_ns", fixed->connected_ns }, { "tls_ns", fixed->tls_ns },
        { "sent_ns", fixed->sent_ns },           { "first_byte_ns", fixed->first_byte_ns },
        { "last_byte_ns", fixed->last_byte_ns }, { "total_ns", fixed->delivered_ns },
    };
    yyjson_mut_val *times = yyjson_mut_obj_add_obj(doc, object, "times");

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (steps[i].ns != WIRE_NOT_REACHED)
            yyjson_mut_obj_add_uint(doc, times, steps[i].key, steps[i].ns);
}

static void put_result(yyjson_mut_doc *doc, yyjson_mut_val *object,
                       const struct message_result *result)
{
    const struct wire_result *fixed = &result->fixed;

    put_peer(doc, object, fixed);
    if (result->tls_version.bytes > 0)
        put_string(doc, object, "tls_version", result->tls_version);
    yyjson_mut_obj_add_uint(doc, object, "attempts", fixed->attempts);
    yyjson_mut_obj_add_uint(doc, object, "redirects", fixed->hops);
    yyjson_mut_obj_add_bool(doc, object, "reused", fixed->flags & WIRE_RESULT_REUSED);
    yyjson_mut_obj_add_bool(doc, object, "decoded", fixed->flags & WIRE_RESULT_DECODED);
    put_times(doc, object, fixed);
}

static yyjson_mut_val *write_success(yyjson_mut_doc *doc, struct block *sheet,
                                     const struct fetch_call *call,
                                     const struct message_result *result)
{
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    struct span fields = call->fields ? block_span(call->fields) : span_of("", 0);
    char version[16];

    (void)snprintf(version, sizeof(version), "%u.%u", result->fixed.version_major,
                   result->fixed.version_minor);
    if (!yyjson_mut_obj_add_uint(doc, out, "status", result->fixed.status) ||
        !yyjson_mut_obj_add_strcpy(doc, out, "http_version", version) ||
        !put_headers(doc, out, sheet, fields) ||
        !put_body(doc, out, sheet, span_of(call->body, call->body_bytes)) ||
        !put_effective_url(doc, out, sheet, result->url.bytes ? result->url : call->url))
        return NULL;
    put_result(doc, out, result);
    return out;
}

yyjson_mut_val *fetch_call_write_failure(yyjson_mut_doc *doc, const struct message_result *result)
{
    const struct wire_result *fixed = &result->fixed;
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    struct block *sheet = block_new(sheet_bytes_of(result->message.bytes) + sizeof(LARGER_ONES));

    yyjson_mut_obj_add_str(doc, out, "domain", fault_domain(fixed->fault));
    yyjson_mut_obj_add_str(doc, out, "code", fault_name(fixed->fault));
    yyjson_mut_obj_add_str(doc, out, "phase", phase_name(fixed->fault_phase));
    if (sheet) {
        sheet_put_text(sheet, result->message);
        if (fixed->fault == FAULT_HTTP_TOO_BIG)
            block_append(sheet, SPAN_LITERAL(LARGER_ONES));
        yyjson_mut_obj_add_strncpy(doc, out, "message", sheet->data, sheet->bytes);
        block_free(sheet);
    } else {
        yyjson_mut_obj_add_str(doc, out, "message", fault_message(fixed->fault));
    }
    if (fixed->fault_errno)
        yyjson_mut_obj_add_int(doc, out, "errno", fixed->fault_errno);
    if (fixed->status)
        yyjson_mut_obj_add_uint(doc, out, "status", fixed->status);
    yyjson_mut_obj_add_uint(doc, out, "attempts", fixed->attempts);
    yyjson_mut_obj_add_uint(doc, out, "redirects", fixed->hops);
    return out;
}

/* ---- the message ---- */

static char *answer_failure(const struct message_result *result, size_t *ret_bytes)
{
    struct varlink_reply reply = { .doc = yyjson_mut_doc_new(NULL) };
    char *text = NULL;

    if (reply.doc) {
        reply.error_name = FETCH_CALL_FAILED;
        reply.error_parameters = fetch_call_write_failure(reply.doc, result);
        text = varlink_write_reply(&reply, ret_bytes);
    }
    yyjson_mut_doc_free(reply.doc);
    return text;
}

static struct block *sheet_new(const struct fetch_call *call, const struct message_result *result)
{
    size_t url_bytes = result->url.bytes + call->url.bytes;

    /* Of a URL a byte may be escaped, which makes it ASCII, or replaced, but not both; besides, its
     * authority is spelled anew. ", " is shorter than the wire_field that it stands for. */
    return block_new(sheet_bytes_of((call->fields ? call->fields->bytes : 0) + url_bytes) +
                     URL_AUTHORITY_BYTES_MAX + URL_ZONE_BYTES_MAX + sizeof("https://[%25]/#") +
                     BASE64_BYTES(call->body_bytes));
}

static char *answer_success(const struct fetch_call *call, const struct message_result *result,
                            size_t *ret_bytes)
{
    struct varlink_reply reply = { .doc = yyjson_mut_doc_new(NULL) };
    struct block *sheet = sheet_new(call, result);
    char *text = NULL;

    if (reply.doc && sheet)
        reply.parameters = write_success(reply.doc, sheet, call, result);
    if (reply.parameters)
        text = varlink_write_reply(&reply, ret_bytes);
    yyjson_mut_doc_free(reply.doc);
    block_free(sheet);
    return text;
}

char *fetch_call_answer(const struct fetch_call *call, const struct message_result *result,
                        size_t *ret_bytes)
{
    struct message_result failed = *result;
    char *text;

    if (result->fixed.fault != FAULT_NONE)
        return answer_failure(result, ret_bytes);
    failed.fixed.fault_phase = PHASE_DELIVER;
    if (call->has_no_memory) {
        failed.fixed.fault = FAULT_LOCAL_NO_MEMORY;
        failed.message = span_of_string(fault_message(FAULT_LOCAL_NO_MEMORY));
        return answer_failure(&failed, ret_bytes);
    }
    text = answer_success(call, result, ret_bytes);
    if (!text || *ret_bytes <= WIRE_VARLINK_BYTES_MAX)
        return text;
    free(text);
    failed.fixed.fault = FAULT_HTTP_TOO_BIG;
    failed.message = SPAN_LITERAL("the answer is over the 1 MiB of a Varlink message");
    return answer_failure(&failed, ret_bytes);
}
