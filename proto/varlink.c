/*
 * varlink.c - JSON calls on the connection that can become a stream.
 *
 * A message is a JSON object and a NUL. The reader cuts at the NUL and never past it, because the
 * bytes after an upgrading call are no longer Varlink. Whole messages are handed out in place, like
 * frames (frame.c); an unfinished one is buffered behind the bytes that arrived.
 *
 * Before the JSON is parsed its brackets are counted: WIRE_VARLINK_DEPTH_MAX holds for every byte
 * we look at, whatever the parser's own idea of nesting is.
 *
 * Refused: calls that are not JSON objects with a method name (the peer speaks something else; the
 * connection ends). Everything else is answered, wrong types included. One call has one reply:
 * "more" asks for several and may be given one. A method that cannot answer yet leaves something
 * behind instead; to keep the order of replies is then its caller's business.
 */
#include "varlink.h"

#include <assert.h>
#include <stdlib.h>

#define VARLINK_BUFFER_BYTES_MIN 256u
#define VARLINK_BUFFER_BYTES_KEPT (16u << 10) /* more is given back after its message */

static const char service_interface[] = "org.varlink.service";
static const char service_description[] =
    "# The Varlink Service Interface is provided by every varlink service. It\n"
    "# describes the service and the interfaces it implements.\n"
    "interface org.varlink.service\n"
    "\n"
    "# Get a list of all the interfaces a service provides and information\n"
    "# about the implementation.\n"
    "method GetInfo() -> (\n"
    "  vendor: string,\n"
    "  product: string,\n"
    "  version: string,\n"
    "  url: string,\n"
    "  interfaces: []string\n"
    ")\n"
    "\n"
    "# Get the description of an interface that is implemented by this service.\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n"
    "\n"
    "# The requested interface was not found.\n"
    "error InterfaceNotFound (interface: string)\n"
    "\n"
    "# The requested method was not found\n"
    "error MethodNotFound (method: string)\n"
    "\n"
    "# The interface defines the requested method, but the service does not\n"
    "# implement it.\n"
    "error MethodNotImplemented (method: string)\n"
    "\n"
    "# One of the passed parameters is invalid.\n"
    "error InvalidParameter (parameter: string)\n";

void varlink_reader_init(struct varlink_reader *reader)
{
    *reader = (struct varlink_reader){ 0 };
}

void varlink_reader_deinit(struct varlink_reader *reader)
{
    free(reader->buffer);
    *reader = (struct varlink_reader){ 0 };
}

bool varlink_reader_is_mid_message(const struct varlink_reader *reader)
{
    return reader->buffer_bytes > 0 && !reader->deliver_buffer;
}

/* The message handed out last is the caller's no more. */
static void varlink_reader_reset(struct varlink_reader *reader)
{
    reader->deliver_buffer = false;
    reader->buffer_bytes = 0;
    if (reader->buffer_capacity > VARLINK_BUFFER_BYTES_KEPT) {
        free(reader->buffer);
        reader->buffer = NULL;
        reader->buffer_capacity = 0;
    }
}

static bool varlink_reader_append(struct varlink_reader *reader, struct span bytes)
{
    size_t bytes_wanted = reader->buffer_bytes + bytes.bytes;
    size_t capacity = reader->buffer_capacity;

    if (bytes_wanted > capacity) {
        char *buffer;

        if (capacity < VARLINK_BUFFER_BYTES_MIN)
            capacity = VARLINK_BUFFER_BYTES_MIN;
        while (capacity < bytes_wanted)
            capacity *= 2;
        buffer = realloc(reader->buffer, capacity);
        if (!buffer)
            return false;
        reader->buffer = buffer;
        reader->buffer_capacity = capacity;
    }
    if (bytes.bytes > 0)
        memcpy(reader->buffer + reader->buffer_bytes, bytes.data, bytes.bytes);
    reader->buffer_bytes = bytes_wanted;
    return true;
}

enum varlink_verdict varlink_next(struct varlink_reader *reader, struct span *in,
                                  struct span *ret_message)
{
    const char *nul;
    struct span part;

    if (reader->deliver_buffer)
        varlink_reader_reset(reader);

    nul = in->bytes > 0 ? memchr(in->data, 0, in->bytes) : NULL;
    part = span_of(in->data, nul ? (size_t)(nul - in->data) : in->bytes);
    if (reader->buffer_bytes + part.bytes >= WIRE_VARLINK_BYTES_MAX)
        return VARLINK_TOO_BIG; /* its NUL would be one too many, whether it is here or not */

    if (nul && reader->buffer_bytes == 0) {
        *ret_message = part;
        span_advance(in, part.bytes + 1);
        return VARLINK_READY;
    }
    if (!varlink_reader_append(reader, part))
        return VARLINK_NO_MEMORY;
    span_advance(in, nul ? part.bytes + 1 : part.bytes);
    if (!nul)
        return VARLINK_NEED_MORE;
    reader->deliver_buffer = true;
    *ret_message = span_of(reader->buffer, reader->buffer_bytes);
    return VARLINK_READY;
}

/* Counts brackets outside strings. On what is no JSON the count means nothing, and the parser
 * refuses it next. */
static bool depth_is_bounded(struct span json)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < json.bytes; i++) {
        char c = json.data[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > WIRE_VARLINK_DEPTH_MAX)
                return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

static void refuse(struct varlink_reply *reply, const char *error_name, const char *key,
                   struct span value)
{
    reply->parameters = NULL;
    reply->error_name = error_name;
    reply->error_parameters = yyjson_mut_obj(reply->doc);
    (void)yyjson_mut_obj_add_strncpy(reply->doc, reply->error_parameters, key, value.data,
                                     value.bytes); /* out of memory: the name alone must do */
}

void varlink_refuse_parameter(struct varlink_reply *reply, const char *parameter)
{
    varlink_refuse_parameter_span(reply, span_of_string(parameter));
}

void varlink_refuse_parameter_span(struct varlink_reply *reply, struct span parameter)
{
    refuse(reply, VARLINK_INVALID_PARAMETER, "parameter", parameter);
}

static const char *service_find_description(const struct varlink_service *service,
                                            struct span interface)
{
    if (span_equals(interface, span_of_string(service_interface)))
        return service_description;
    for (size_t i = 0; i < service->interfaces_count; i++) {
        if (span_equals(interface, span_of_string(service->interfaces[i].name)))
            return service->interfaces[i].description;
    }
    return NULL;
}

static void service_get_info(const struct varlink_service *service, struct varlink_reply *reply)
{
    yyjson_mut_doc *doc = reply->doc;
    yyjson_mut_val *interfaces = yyjson_mut_arr(doc);

    reply->parameters = yyjson_mut_obj(doc);
    (void)yyjson_mut_arr_add_str(doc, interfaces, service_interface);
    for (size_t i = 0; i < service->interfaces_count; i++)
        (void)yyjson_mut_arr_add_str(doc, interfaces, service->interfaces[i].name);
    (void)yyjson_mut_obj_add_str(doc, reply->parameters, "vendor", service->vendor);
    (void)yyjson_mut_obj_add_str(doc, reply->parameters, "product", service->product);
    (void)yyjson_mut_obj_add_str(doc, reply->parameters, "version", service->version);
    (void)yyjson_mut_obj_add_str(doc, reply->parameters, "url", service->url);
    (void)yyjson_mut_obj_add_val(doc, reply->parameters, "interfaces", interfaces);
}

static void service_get_description(const struct varlink_service *service,
                                    const struct varlink_call *call, struct varlink_reply *reply)
{
    yyjson_val *value = yyjson_obj_get(call->parameters, "interface");
    const char *description;
    struct span interface;

    if (!yyjson_is_str(value)) {
        varlink_refuse_parameter(reply, "interface");
        return;
    }
    interface = span_of(yyjson_get_str(value), yyjson_get_len(value));
    description = service_find_description(service, interface);
    if (!description) {
        refuse(reply, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
        return;
    }
    reply->parameters = yyjson_mut_obj(reply->doc);
    (void)yyjson_mut_obj_add_str(reply->doc, reply->parameters, "description", description);
}

/* The part of "io.haul.Manager.Describe" before its last dot; empty without one. */
static struct span interface_of_method(struct span method)
{
    size_t bytes = method.bytes;

    while (bytes > 0 && method.data[bytes - 1] != '.')
        bytes--;
    return span_of(method.data, bytes > 0 ? bytes - 1 : 0);
}

static void service_call(const struct varlink_service *service, const struct varlink_call *call,
                         struct varlink_reply *reply)
{
    struct span interface = interface_of_method(call->method);

    for (size_t i = 0; i < service->methods_count; i++) {
        const struct varlink_method *method = &service->methods[i];

        if (span_equals(call->method, span_of_string(method->name))) {
            method->handler(method->ctx, call, reply);
            return;
        }
    }
    if (span_equals(call->method, SPAN_LITERAL("org.varlink.service.GetInfo")))
        service_get_info(service, reply);
    else if (span_equals(call->method, SPAN_LITERAL("org.varlink.service.GetInterfaceDescription")))
        service_get_description(service, call, reply);
    else if (span_is_empty(interface))
        varlink_refuse_parameter(reply, "method");
    else if (service_find_description(service, interface))
        refuse(reply, VARLINK_METHOD_NOT_FOUND, "method", call->method);
    else
        refuse(reply, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
}

/* An absent or null flag is false. */
static bool take_flag(yyjson_val *root, const char *key, bool *ret_flag)
{
    yyjson_val *value = yyjson_obj_get(root, key);

    *ret_flag = yyjson_get_bool(value);
    return !value || yyjson_is_null(value) || yyjson_is_bool(value);
}

/* Reads the call; returns the name of the part that has the wrong type, or NULL. */
static const char *take_call(yyjson_val *root, struct varlink_call *ret_call)
{
    yyjson_val *method = yyjson_obj_get(root, "method");
    yyjson_val *parameters = yyjson_obj_get(root, "parameters");

    ret_call->method = span_of(yyjson_get_str(method), yyjson_get_len(method));
    if (!take_flag(root, "oneway", &ret_call->oneway))
        return "oneway";
    if (!take_flag(root, "more", &ret_call->more))
        return "more";
    if (!take_flag(root, "upgrade", &ret_call->upgrade))
        return "upgrade";
    if (ret_call->oneway)
        ret_call->upgrade = false; /* without a reply nobody could know where the stream begins */
    if (parameters && !yyjson_is_null(parameters)) {
        if (!yyjson_is_obj(parameters))
            return "parameters";
        ret_call->parameters = parameters;
    }
    return NULL;
}

char *varlink_write_reply(const struct varlink_reply *reply, size_t *ret_bytes)
{
    yyjson_mut_doc *doc = reply->doc;
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_val *parameters = reply->error_name ? reply->error_parameters : reply->parameters;
    size_t text_bytes;
    char *text;

    if (!parameters)
        parameters = yyjson_mut_obj(doc);
    if (reply->error_name && !yyjson_mut_obj_add_str(doc, root, "error", reply->error_name))
        return NULL;
    if (!yyjson_mut_obj_add_val(doc, root, "parameters", parameters))
        return NULL;
    yyjson_mut_doc_set_root(doc, root);
    text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &text_bytes);
    if (text)
        *ret_bytes = text_bytes + 1;
    return text;
}

static enum varlink_outcome dispatch_root(const struct varlink_service *service, const void *caller,
                                          yyjson_val *root, struct varlink_reply *reply,
                                          struct varlink_answer *ret_answer)
{
    struct varlink_call call = { .caller = caller };
    const char *wrong = take_call(root, &call);

    if (wrong)
        varlink_refuse_parameter(reply, wrong);
    else
        service_call(service, &call, reply);
    assert(!reply->error_name || !reply->upgraded);
    assert(!reply->upgraded || call.upgrade);

    if (reply->pending) {
        assert(!reply->error_name && !reply->upgraded);
        *ret_answer = (struct varlink_answer){ .pending = reply->pending };
        return VARLINK_PENDING;
    }
    *ret_answer = (struct varlink_answer){ .text = NULL };
    if (!call.oneway) {
        ret_answer->text = varlink_write_reply(reply, &ret_answer->bytes);
        if (!ret_answer->text)
            return VARLINK_FAILED;
    }
    return reply->upgraded ? VARLINK_UPGRADED : VARLINK_REPLIED;
}

enum varlink_outcome varlink_dispatch(const struct varlink_service *service, const void *caller,
                                      struct span message, struct varlink_answer *ret_answer)
{
    struct varlink_reply reply = { 0 };
    enum varlink_outcome outcome = VARLINK_INVALID;
    yyjson_read_err error;
    yyjson_doc *doc;

    if (span_is_empty(message) || !depth_is_bounded(message))
        return VARLINK_INVALID;
    /* Without the in-situ flag the parser only reads; its interface takes char *. */
    doc = yyjson_read_opts((char *)(uintptr_t)message.data, message.bytes, YYJSON_READ_NOFLAG, NULL,
                           &error);
    if (!doc)
        return error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? VARLINK_FAILED : VARLINK_INVALID;

    if (yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "method"))) {
        reply.doc = yyjson_mut_doc_new(NULL);
        outcome = reply.doc
                      ? dispatch_root(service, caller, yyjson_doc_get_root(doc), &reply, ret_answer)
                      : VARLINK_FAILED;
    }
    yyjson_mut_doc_free(reply.doc);
    yyjson_doc_free(doc);
    return outcome;
}

char *varlink_format_error(const char *error_name, const char *reason, size_t *ret_bytes)
{
    struct varlink_reply reply = { .doc = yyjson_mut_doc_new(NULL) };
    char *text = NULL;

    if (reply.doc) {
        refuse(&reply, error_name, "reason", span_of_string(reason));
        text = varlink_write_reply(&reply, ret_bytes);
    }
    yyjson_mut_doc_free(reply.doc);
    return text;
}

char *varlink_format_call(const char *method, yyjson_mut_doc *doc, yyjson_mut_val *parameters,
                          bool upgrade, size_t *ret_bytes)
{
    yyjson_mut_doc *own = doc ? NULL : yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root;
    size_t text_bytes;
    char *text = NULL;

    assert(doc || !parameters);
    if (own)
        doc = own;
    root = yyjson_mut_obj(doc);
    if (yyjson_mut_obj_add_str(doc, root, "method", method) &&
        (!parameters || yyjson_mut_obj_add_val(doc, root, "parameters", parameters)) &&
        (!upgrade || yyjson_mut_obj_add_bool(doc, root, "upgrade", true))) {
        yyjson_mut_doc_set_root(doc, root);
        text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &text_bytes);
        if (text)
            *ret_bytes = text_bytes + 1;
    }
    yyjson_mut_doc_free(own);
    return text;
}
