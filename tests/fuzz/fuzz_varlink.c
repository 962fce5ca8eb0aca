/*
 * fuzz_varlink.c - a connection before its upgrade: cut messages, answer calls.
 *
 * The first byte chooses a size of pieces. Messages must be the same whole and in pieces, and every
 * reply must be one JSON object with one NUL, at its end. A fetch that is asked for must be frames
 * that a daemon takes, and whatever comes of it (here: the message itself) must be such a reply.
 */
#include "fetch_call.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void call_echo(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    (void)ctx;
    reply->upgraded = call->upgrade;
    reply->parameters = yyjson_val_mut_copy(reply->doc, call->parameters);
}

static void check_reply(char *text, size_t bytes)
{
    yyjson_doc *doc;

    assert(bytes > 0 && memchr(text, 0, bytes) == text + bytes - 1);
    doc = yyjson_read(text, bytes - 1, YYJSON_READ_NOFLAG);
    assert(yyjson_is_obj(yyjson_obj_get(yyjson_doc_get_root(doc), "parameters")));
    yyjson_doc_free(doc);
    free(text);
}

static void fetch(struct fetch_call *call, struct span message)
{
    char *fields = malloc(sizeof(struct wire_field) + 2 * message.bytes);
    struct message_result result = { .fixed = { .status = 200 } };
    struct message_profile profile;
    struct message_request request;
    size_t bytes = 0;
    char *text;

    assert(message_decode_profile(&call->profile, &profile) == 0);
    assert(message_decode_request(&call->request, &request) == 0);
    fetch_call_take_head(call, span_of(fields, message_append_field(fields, message, message)));
    fetch_call_take_body(call, message);
    /* It is asked only when it has been fetched: by then the URL is one. */
    call->url = SPAN_LITERAL("http://a.b/");
    result.url = SPAN_LITERAL("http://a.b/c");
    text = fetch_call_answer(call, &result, &bytes);
    check_reply(text, bytes);
    result.fixed.fault = FAULT_HTTP_TOO_BIG;
    result.message = message;
    text = fetch_call_answer(call, &result, &bytes);
    check_reply(text, bytes);
    fetch_call_free(call);
    free(fields);
}

static void answer(struct span message)
{
    static const struct varlink_interface interfaces[] = { { "a.b", "interface a.b\n" } };
    static const struct varlink_method methods[] = {
        { "a.b.C", call_echo, NULL },
        { "io.haul.Fetch.Get", fetch_call_on_get, NULL },
    };
    static const struct varlink_service service = {
        .vendor = "v",
        .product = "p",
        .version = "1",
        .url = "u",
        .interfaces = interfaces,
        .interfaces_count = 1,
        .methods = methods,
        .methods_count = 2,
    };
    struct varlink_answer reply = { .text = NULL };

    (void)varlink_dispatch(&service, NULL, message, &reply); /* any outcome will do */
    if (reply.pending)
        fetch(reply.pending, message);
    if (reply.text)
        check_reply(reply.text, reply.bytes);
}

/* Returns FNV-1a over all messages. */
static uint64_t run(struct span input, size_t piece_bytes)
{
    uint64_t digest = 0xcbf29ce484222325;
    struct varlink_reader reader;
    struct span message;

    varlink_reader_init(&reader);
    while (!span_is_empty(input)) {
        struct span in = input;

        if (in.bytes > piece_bytes)
            in.bytes = piece_bytes;
        span_advance(&input, in.bytes);
        while (varlink_next(&reader, &in, &message) == VARLINK_READY) {
            for (size_t i = 0; i < message.bytes; i++)
                digest = (digest ^ (uint8_t)message.data[i]) * 0x100000001b3;
            digest *= 0x100000001b3; /* the NUL */
            answer(message);
        }
    }
    varlink_reader_deinit(&reader);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > WIRE_VARLINK_BYTES_MAX)
        return 0;
    if (run(span_of(data + 1, size - 1), SIZE_MAX) !=
        run(span_of(data + 1, size - 1), (size_t)data[0] % 64 + 1))
        abort();
    return 0;
}
