/*
 * fetch_call.c - what is gathered for one answer.
 *
 * The body lies in one piece that grows as it arrives: an origin that sends byte by byte would make
 * a list of blocks many times as large as what is in them. Its bound is that of the item
 * (body_bytes_max in the PROFILE), which the engine keeps for bytes received and decoded.
 */
#include "fetch_call.h"

#include <stdlib.h>

#define BODY_CAPACITY_MIN 4096u

void fetch_call_free(struct fetch_call *call)
{
    if (!call)
        return;
    block_free(call->profile_bytes);
    block_free(call->request_bytes);
    block_free(call->fields);
    free(call->body);
    free(call);
}

void fetch_call_take_head(struct fetch_call *call, struct span fields)
{
    block_free(call->fields);
    call->fields = block_copy(fields, 0);
    call->has_no_memory |= !call->fields;
}

static bool fetch_call_has_room(struct fetch_call *call, size_t bytes)
{
    size_t capacity = call->body_capacity ? call->body_capacity : BODY_CAPACITY_MIN;
    char *body;

    if (call->body_capacity - call->body_bytes >= bytes)
        return true;
    while (capacity - call->body_bytes < bytes)
        capacity *= 2;
    body = realloc(call->body, capacity);
    if (!body)
        return false;
    call->body = body;
    call->body_capacity = capacity;
    return true;
}

void fetch_call_take_body(struct fetch_call *call, struct span body)
{
    if (call->has_no_memory || span_is_empty(body))
        return;
    if (!fetch_call_has_room(call, body.bytes)) {
        call->has_no_memory = true;
        return;
    }
    memcpy(call->body + call->body_bytes, body.data, body.bytes);
    call->body_bytes += body.bytes;
}

void fetch_call_forget_body(struct fetch_call *call)
{
    call->body_bytes = 0;
}

struct message_result fetch_call_failure(enum fault_code code)
{
    return (struct message_result){
        .fixed = { .fault = (uint16_t)code, .fault_phase = PHASE_INPUT },
        .message = span_of_string(fault_message(code)),
    };
}
