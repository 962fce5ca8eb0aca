/*
 * varlink.h - Varlink messages: JSON ended by NUL (varlink.org, "Protocol").
 *
 * Requests are cut from a byte stream, checked against limits (bytes, depth), and dispatched to a
 * table of methods. org.varlink.service is answered here from the same table.
 */
#ifndef HAUL_VARLINK_H
#define HAUL_VARLINK_H

#include "span.h"
#include "wire.h"

#include <yyjson.h>

#define VARLINK_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND "org.varlink.service.MethodNotFound"
#define VARLINK_INVALID_PARAMETER "org.varlink.service.InvalidParameter"
#define VARLINK_ACCESS_DENIED "io.haul.Manager.AccessDenied" /* hauld's own, with a reason */

/* Filled by a method. At most one of the two is set: parameters (an object of doc, may stay NULL
 * for {}) or error_name (static, "interface.Error") with error_parameters, may stay NULL too.
 * Strings that doc does not copy live until varlink_dispatch returns: those of the call do. */
struct varlink_reply {
    yyjson_mut_doc *doc; /* varlink_dispatch makes and frees it */
    yyjson_mut_val *parameters;
    const char *error_name;
    yyjson_mut_val *error_parameters;
    bool upgraded; /* set by a method that takes the connection over; only if call->upgrade */
    void *pending; /* set by a method that answers later, alone: see VARLINK_PENDING */
};

struct varlink_call {
    struct span method;
    yyjson_val *parameters; /* an object, or NULL */
    bool oneway;            /* the method runs, its reply is dropped */
    bool more;              /* would take several replies; here every method gives one */
    bool upgrade;           /* never together with oneway */
    const void *caller;     /* who calls, as varlink_dispatch was told */
};

struct varlink_method {
    const char *name; /* "io.haul.Manager.Describe" */
    void (*handler)(void *ctx, const struct varlink_call *call, struct varlink_reply *reply);
    void *ctx;
};

/* What GetInfo and GetInterfaceDescription answer from. */
struct varlink_interface {
    const char *name;        /* "io.haul.Manager" */
    const char *description; /* the interface definition, as the varlink language has it */
};

struct varlink_service {
    const char *vendor;
    const char *product;
    const char *version;
    const char *url;
    const struct varlink_interface *interfaces; /* org.varlink.service is added by itself */
    size_t interfaces_count;
    const struct varlink_method *methods;
    size_t methods_count;
};

/* Holds at most one unfinished message, at most WIRE_VARLINK_BYTES_MAX bytes. */
struct varlink_reader {
    char *buffer;
    size_t buffer_bytes;
    size_t buffer_capacity;
    bool deliver_buffer; /* the message last returned lies in buffer */
};

enum varlink_verdict {
    VARLINK_READY,     /* *ret_message is valid until the next call or until *in's bytes are gone;
                          its NUL is not part of it */
    VARLINK_NEED_MORE, /* all of *in was consumed; call again with more */
    VARLINK_TOO_BIG,   /* close the connection */
    VARLINK_NO_MEMORY,
};

void varlink_reader_init(struct varlink_reader *reader);
void varlink_reader_deinit(struct varlink_reader *reader);

/* True while the reader holds the beginning of a message. */
bool varlink_reader_is_mid_message(const struct varlink_reader *reader);

/* Takes bytes from the front of *in up to and including the next NUL. What stays in *in belongs to
 * the next message, or to the stream after an upgrade. */
enum varlink_verdict varlink_next(struct varlink_reader *reader, struct span *in,
                                  struct span *ret_message);

enum varlink_outcome {
    VARLINK_REPLIED, /* text holds a malloc'd message with its NUL, ours to free; NULL for oneway */
    VARLINK_UPGRADED, /* likewise, and the bytes after this message are a stream */
    VARLINK_PENDING,  /* pending is what the method left, ours from here on; the reply to this call
                         is to be sent before that to any later one, unless it was oneway */
    VARLINK_INVALID,  /* not JSON, too deep, or no method: close the connection */
    VARLINK_FAILED,   /* out of memory */
};

struct varlink_answer {
    char *text;
    size_t bytes;
    void *pending;
};

/* Handles one message: parses, checks, calls the method or answers the standard errors
 * (org.varlink.service.MethodNotFound, InterfaceNotFound, InvalidParameter). caller is handed on to
 * the method. */
enum varlink_outcome varlink_dispatch(const struct varlink_service *service, const void *caller,
                                      struct span message, struct varlink_answer *ret_answer);

/* For methods: refuses the call by the name of the parameter that is missing, wrong or unknown. */
void varlink_refuse_parameter(struct varlink_reply *reply, const char *parameter);
void varlink_refuse_parameter_span(struct varlink_reply *reply, struct span parameter);

/* The reply of a method that answers later, with a doc of its own: malloc'd text with its NUL, or
 * NULL when out of memory. */
char *varlink_write_reply(const struct varlink_reply *reply, size_t *ret_bytes);

/* An error that no method gives, as bytes with their NUL, malloc'd: {"reason": reason}. NULL when
 * out of memory. */
char *varlink_format_error(const char *error_name, const char *reason, size_t *ret_bytes);

/* Client side: a call as bytes with its NUL, malloc'd. parameters is an object of doc; both may be
 * NULL. The call becomes doc's root. NULL when out of memory. */
char *varlink_format_call(const char *method, yyjson_mut_doc *doc, yyjson_mut_val *parameters,
                          bool upgrade, size_t *ret_bytes);

#endif
