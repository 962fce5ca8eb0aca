/*
 * fetch_call_read.c - the parameters of io.haul.Fetch.Get, as frames.
 *
 * Parameters are a table; one we do not know is refused by name, because a misspelt "heders" that
 * is silently ignored costs more than an error. Only types and ranges are judged here. Whether a
 * URL, a method or a header can be sent is the item's to say (request_check), with a reason.
 *
 * Adding a parameter: (1) the interface below, (2) a reader and its row, (3) PROTOCOL.md.
 */
#include "fetch_call.h"

#include "base64.h"

#include <stdlib.h>

const char fetch_call_description[] =
    "# Fetches a URL: one call, one answer, for scripts.\n"
    "interface io.haul.Fetch\n"
    "\n"
    "# Nanoseconds since the call was taken. A step that there was not is left out: no lookup and\n"
    "# no connecting on a connection that was kept.\n"
    "type Times (queued_ns: ?int, dns_ns: ?int, connected_ns: ?int, tls_ns: ?int, sent_ns: ?int,\n"
    "  first_byte_ns: ?int, last_byte_ns: ?int, total_ns: int)\n"
    "\n"
    "# Answers when the response is whole, whatever its status. Calls of one connection are made\n"
    "# one after the other; closing it cancels.\n"
    "#\n"
    "# method: GET, or POST with a body. headers: {\"Name\": \"value\"}, or a list of values.\n"
    "# body: text, or body_base64. timeout_ns: of everything, 5 minutes unless it is given.\n"
    "# body_bytes_max: at most 737280, and so much unless it is given; a longer body is\n"
    "# http/too_big. redirects_max: 10 unless it is given; with 0 the redirect itself is the "
    "answer.\n"
    "# retries_max: 0 to 1000, 0 unless it is given. decode: asks for compression and undoes it.\n"
    "# public_only: addresses of the public internet only. insecure: takes any certificate.\n"
    "#\n"
    "# headers, of the answer: names in lower case; of a name that came again the values with ', "
    "'\n"
    "# between, but set-cookie is always a list. What is not UTF-8 there becomes U+FFFD. body: "
    "what\n"
    "# came, if it is UTF-8 without control characters but tab and line ends; else body_base64.\n"
    "method Get(url: string, method: ?string, headers: ?object, body: ?string,\n"
    "  body_base64: ?string, timeout_ns: ?int, body_bytes_max: ?int, redirects_max: ?int,\n"
    "  retries_max: ?int, decode: ?bool, public_only: ?bool, insecure: ?bool,\n"
    "  unix_socket: ?string) -> (status: int, http_version: string, headers: object,\n"
    "  body: ?string, body_base64: ?string, effective_url: string, remote_ip: ?string,\n"
    "  remote_port: ?int, tls_version: ?string, attempts: int, redirects: int, reused: bool,\n"
    "  decoded: bool, times: Times)\n"
    "\n"
    "# No response, or not a whole one. domain and code as in the records of haul, such as "
    "connect\n"
    "# and refused, or input and url; status: of the response, as far as there was one.\n"
    "error Failed (domain: string, code: string, phase: string, message: string, errno: ?int,\n"
    "  status: ?int, attempts: int, redirects: int)\n";

struct reading {
    struct message_profile profile;
    struct message_request request;
    struct block *fields; /* of the request, in wire form */
    struct block *body;   /* decoded */
    bool has_no_memory;
};

static struct span span_of_json(yyjson_val *value)
{
    return span_of(yyjson_get_str(value), yyjson_get_len(value));
}

/* ---- readers: false when the value is none, or when there is no memory ---- */

static bool read_url(struct reading *reading, yyjson_val *value)
{
    reading->request.url = span_of_json(value);
    return yyjson_is_str(value);
}

static bool read_method(struct reading *reading, yyjson_val *value)
{
    reading->request.method = span_of_json(value);
    return yyjson_is_str(value) && yyjson_get_len(value) > 0 && yyjson_get_len(value) <= UINT8_MAX;
}

/* Counts fields, or writes them. */
struct field_list {
    char *out; /* NULL: only counts */
    size_t bytes;
    size_t count;
};

static bool put_field(struct field_list *list, struct span name, yyjson_val *value)
{
    if (!yyjson_is_str(value) || ++list->count > WIRE_HEADERS_MAX)
        return false;
    if (list->out)
        (void)message_append_field(list->out + list->bytes, name, span_of_json(value));
    list->bytes += sizeof(struct wire_field) + name.bytes + yyjson_get_len(value);
    return true;
}

static bool put_fields(struct field_list *list, yyjson_val *headers)
{
    yyjson_obj_iter iter;
    yyjson_val *key, *one;

    yyjson_obj_iter_init(headers, &iter);
    while ((key = yyjson_obj_iter_next(&iter))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        size_t index, count;

        if (!yyjson_is_arr(value)) {
            if (!put_field(list, span_of_json(key), value))
                return false;
            continue;
        }
        yyjson_arr_foreach(value, index, count, one)
        {
            if (!put_field(list, span_of_json(key), one))
                return false;
        }
    }
    return true;
}

static bool read_headers(struct reading *reading, yyjson_val *value)
{
    struct field_list counted = { 0 }, written = { 0 };

    if (!yyjson_is_obj(value) || reading->fields || !put_fields(&counted, value))
        return false;
    reading->fields = block_new(counted.bytes);
    if (!reading->fields) {
        reading->has_no_memory = true;
        return false;
    }
    written.out = reading->fields->data;
    (void)put_fields(&written, value); /* the same again */
    reading->request.headers = span_of(written.out, written.bytes);
    reading->request.fixed.header_count = (uint16_t)written.count;
    return true;
}

static bool set_body(struct reading *reading, struct span body)
{
    reading->request.fixed.flags |= WIRE_REQUEST_HAS_BODY;
    reading->request.body = body;
    return true;
}

static bool has_body(const struct reading *reading)
{
    return reading->request.fixed.flags & WIRE_REQUEST_HAS_BODY;
}

static bool read_body(struct reading *reading, yyjson_val *value)
{
    return yyjson_is_str(value) && !has_body(reading) && set_body(reading, span_of_json(value));
}

static bool read_body_base64(struct reading *reading, yyjson_val *value)
{
    if (!yyjson_is_str(value) || has_body(reading))
        return false;
    reading->body = block_new(yyjson_get_len(value));
    if (!reading->body) {
        reading->has_no_memory = true;
        return false;
    }
    return base64_decode(span_of_json(value), reading->body->data, &reading->body->bytes) &&
           set_body(reading, block_span(reading->body));
}

/* From min to max. */
static bool read_uint(yyjson_val *value, uint64_t min, uint64_t max, uint64_t *ret_number)
{
    *ret_number = yyjson_get_uint(value);
    return yyjson_is_uint(value) && *ret_number >= min && *ret_number <= max;
}

static bool read_timeout(struct reading *reading, yyjson_val *value)
{
    return read_uint(value, 1, UINT64_MAX, &reading->profile.fixed.total_timeout_ns);
}

static bool read_body_bytes_max(struct reading *reading, yyjson_val *value)
{
    return read_uint(value, 1, FETCH_CALL_BODY_BYTES_MAX, &reading->profile.fixed.body_bytes_max);
}

static bool read_redirects_max(struct reading *reading, yyjson_val *value)
{
    uint64_t number;
    bool good = read_uint(value, 0, UINT16_MAX, &number);

    reading->profile.fixed.redirects_max = (uint16_t)number;
    return good;
}

static bool read_retries_max(struct reading *reading, yyjson_val *value)
{
    uint64_t number;
    bool good = read_uint(value, 0, WIRE_RETRIES_MAX, &number);

    reading->profile.fixed.retries_max = (uint16_t)number;
    return good;
}

static bool read_flag(struct reading *reading, yyjson_val *value, uint32_t flag)
{
    if (yyjson_is_true(value))
        reading->profile.fixed.flags |= flag;
    return yyjson_is_bool(value);
}

static bool read_decode(struct reading *reading, yyjson_val *value)
{
    return read_flag(reading, value, WIRE_PROFILE_DECODE);
}

static bool read_public_only(struct reading *reading, yyjson_val *value)
{
    return read_flag(reading, value, WIRE_PROFILE_PUBLIC_ONLY);
}

static bool read_insecure(struct reading *reading, yyjson_val *value)
{
    return read_flag(reading, value, WIRE_PROFILE_INSECURE);
}

static bool read_unix_socket(struct reading *reading, yyjson_val *value)
{
    reading->profile.unix_path = span_of_json(value);
    return yyjson_is_str(value) && yyjson_get_len(value) > 0 &&
           yyjson_get_len(value) <= UINT16_MAX &&
           !memchr(yyjson_get_str(value), '\0', yyjson_get_len(value));
}

static const struct {
    const char *name;
    bool (*read)(struct reading *reading, yyjson_val *value);
} parameters[] = {
    { "url", read_url },
    { "method", read_method },
    { "headers", read_headers },
    { "body", read_body },
    { "body_base64", read_body_base64 },
    { "timeout_ns", read_timeout },
    { "body_bytes_max", read_body_bytes_max },
    { "redirects_max", read_redirects_max },
    { "retries_max", read_retries_max },
    { "decode", read_decode },
    { "public_only", read_public_only },
    { "insecure", read_insecure },
    { "unix_socket", read_unix_socket },
};

static bool read_parameter(struct reading *reading, yyjson_val *key)
{
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    struct span name = span_of_json(key);

    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
        if (span_equals(name, span_of_string(parameters[i].name)))
            return yyjson_is_null(value) || parameters[i].read(reading, value);
    return false;
}

/* True, or the name of the first parameter that will not do. */
static bool read_parameters(struct reading *reading, yyjson_val *values, struct span *ret_wrong)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    yyjson_obj_iter_init(values, &iter);
    while ((key = yyjson_obj_iter_next(&iter))) {
        if (!read_parameter(reading, key)) {
            *ret_wrong = span_of_json(key);
            return false;
        }
    }
    *ret_wrong = SPAN_LITERAL("url");
    if (!reading->request.url.data)
        return false;
    if (has_body(reading) && span_is_empty(reading->request.method))
        reading->request.method = SPAN_LITERAL("POST");
    if (reading->request.body.bytes)
        *ret_wrong = SPAN_LITERAL("body");
    return message_request_bytes(&reading->request) <= WIRE_FRAME_BYTES_MAX;
}

static void reading_init(struct reading *reading)
{
    struct retry_on on;

    retry_on_init_default(&on);
    *reading = (struct reading){
        .profile.fixed = { .flags = WIRE_PROFILE_HEAD,
                           .total_timeout_ns = FETCH_CALL_TIMEOUT_NS,
                           .body_bytes_max = FETCH_CALL_BODY_BYTES_MAX,
                           .body_mode = WIRE_BODY_DATA,
                           .redirects_max = FETCH_CALL_REDIRECTS_MAX,
                           .retry_faults = on.faults },
        .request.fixed = { .batch_id = 1, .profile_id = 1, .body_mode = WIRE_BODY_OF_PROFILE },
    };
    memcpy(reading->profile.fixed.retry_statuses, on.statuses, sizeof(on.statuses));
}

/* ---- frames ---- */

static struct frame frame_of_block(const struct block *block)
{
    struct frame frame;

    memcpy(&frame.header, block->data, sizeof(frame.header));
    frame.payload = block_span(block);
    span_advance(&frame.payload, sizeof(frame.header));
    return frame;
}

/* What the client's own programs send by themselves; headers of the call replace these. */
static void write_defaults(struct reading *reading, char out[static 256])
{
    size_t bytes =
        message_append_field(out, SPAN_LITERAL("User-Agent"), SPAN_LITERAL("haul/" HAUL_VERSION));

    bytes += message_append_field(out + bytes, SPAN_LITERAL("Accept"), SPAN_LITERAL("*/*"));
    reading->profile.fixed.header_count = 2;
    if (reading->profile.fixed.flags & WIRE_PROFILE_DECODE) {
        bytes += message_append_field(out + bytes, SPAN_LITERAL("Accept-Encoding"),
                                      SPAN_LITERAL("gzip, deflate, br, zstd"));
        reading->profile.fixed.header_count++;
    }
    reading->profile.headers = span_of(out, bytes);
}

static bool fetch_call_write_frames(struct fetch_call *fetch, struct reading *reading)
{
    struct message_request request;
    char defaults[256];

    if (reading->profile.fixed.redirects_max > 0)
        reading->profile.fixed.flags |= WIRE_PROFILE_FOLLOW;
    write_defaults(reading, defaults);
    fetch->profile_bytes = block_new(message_profile_bytes(&reading->profile));
    fetch->request_bytes = block_new(message_request_bytes(&reading->request));
    if (!fetch->profile_bytes || !fetch->request_bytes)
        return false;
    fetch->profile_bytes->bytes =
        message_encode_profile(fetch->profile_bytes->data, 1, &reading->profile);
    fetch->request_bytes->bytes =
        message_encode_request(fetch->request_bytes->data, 1, &reading->request, 0);
    fetch->profile = frame_of_block(fetch->profile_bytes);
    fetch->request = frame_of_block(fetch->request_bytes);
    (void)message_decode_request(&fetch->request, &request); /* it is our own */
    fetch->url = request.url;
    return true;
}

static void refuse_for_memory(struct varlink_reply *reply)
{
    struct message_result result = fetch_call_failure(FAULT_LOCAL_NO_MEMORY);

    reply->error_name = FETCH_CALL_FAILED;
    reply->error_parameters = fetch_call_write_failure(reply->doc, &result);
}

void fetch_call_on_get(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    struct fetch_call *fetch = calloc(1, sizeof(*fetch));
    struct reading reading;
    struct span wrong;

    (void)ctx; /* it needs nothing of the daemon until it is an item */
    reading_init(&reading);
    if (fetch && !read_parameters(&reading, call->parameters, &wrong) && !reading.has_no_memory)
        varlink_refuse_parameter_span(reply, wrong);
    else if (fetch && !reading.has_no_memory && fetch_call_write_frames(fetch, &reading))
        reply->pending = fetch;
    else
        refuse_for_memory(reply);
    block_free(reading.fields);
    block_free(reading.body);
    if (!reply->pending)
        fetch_call_free(fetch);
    else
        fetch->is_oneway = call->oneway;
}
