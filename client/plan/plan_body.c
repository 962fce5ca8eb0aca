/*
 * plan_body.c - pieces of text and files, joined as curl joins them.
 *
 * -d of a file drops CR, LF and NUL, wherever they stand, as curl's manual has it (7.88 drops the
 * rest of a line behind a lone CR or a NUL as well); all others take files as they are. A file that
 * cannot be read is refused: curl 7.88 sends an empty body then, later ones refuse too.
 */
#include "plan_body.h"

#include "plan_upload.h"
#include "slurp.h"
#include "why.h"

#include <errno.h>

#define EXPECT_BYTES_MIN (1u << 20) /* as curl: below, the wait costs more than it can save */

const char *plan_data_flag(enum data_kind kind)
{
    switch (kind) {
    case DATA_FORM:
        return "-d";
    case DATA_RAW:
        return "--data-raw";
    case DATA_BINARY:
        return "--data-binary";
    case DATA_URLENCODE:
        return "--data-urlencode";
    case DATA_JSON:
        return "--json";
    }
    return "";
}

const char *plan_data_file(const struct data_part *part)
{
    const char *at = part->value;

    if (part->kind == DATA_RAW)
        return NULL;
    if (part->kind == DATA_URLENCODE) /* NAME@FILE; '=' wins over '@' */
        at = strchr(at, '=') ? NULL : strchr(at, '@');
    return at && *at == '@' ? at + 1 : NULL;
}

static void put_encoded(struct text *text, struct span value, const char *space)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (size_t i = 0; i < value.bytes; i++) {
        char c = value.data[i];

        if (c && strchr(unreserved, c))
            text_put_char(text, c);
        else if (c == ' ')
            text_put_string(text, space);
        else
            text_put_format(text, "%%%02X", (unsigned char)c);
    }
}

void plan_put_percent_encoded(struct text *text, struct span value)
{
    put_encoded(text, value, "%20");
}

/* As forms and curl write it. */
static void put_form_encoded(struct text *text, struct span value)
{
    put_encoded(text, value, "+");
}

/* NAME=TEXT keeps the name as it is; =TEXT and TEXT have none. */
static void put_urlencoded(struct text *text, const char *value)
{
    const char *equals = strchr(value, '=');

    if (equals) {
        text_put(text, value, (size_t)(equals - value) + (equals > value));
        value = equals + 1;
    }
    put_form_encoded(text, span_of_string(value));
}

/* As curl: an empty file gives nothing, not even the name. */
static void put_urlencoded_file(struct text *text, const struct data_part *part, struct span data)
{
    size_t name_bytes = strcspn(part->value, "@");

    if (name_bytes && data.bytes) {
        text_put(text, part->value, name_bytes);
        text_put_char(text, '=');
    }
    put_form_encoded(text, data);
}

static void put_without_line_ends(struct text *text, struct span data)
{
    for (size_t i = 0; i < data.bytes; i++)
        if (data.data[i] != '\r' && data.data[i] != '\n' && data.data[i] != '\0')
            text_put_char(text, data.data[i]);
}

static bool put_file(struct text *body, const struct data_part *part, const char *path, char **why)
{
    struct text data;
    int r;

    text_init(&data);
    r = slurp(path, PLAN_BODY_BYTES_MAX, &data);
    if (r == 0 && part->kind == DATA_FORM)
        put_without_line_ends(body, text_span(&data));
    else if (r == 0 && part->kind == DATA_URLENCODE)
        put_urlencoded_file(body, part, text_span(&data));
    else if (r == 0)
        text_put_span(body, text_span(&data));
    text_deinit(&data);
    if (r == -EFBIG)
        return why_fail(why, "%s @%s: " PLAN_BODY_TOO_LARGE, plan_data_flag(part->kind), path);
    return r == 0 || why_fail(why, "%s @%s: %s", plan_data_flag(part->kind), path, strerror(-r));
}

bool plan_build_body(struct plan *plan, const struct options *options, char **ret_why)
{
    for (size_t i = 0; i < options->data_count; i++) {
        const struct data_part *part = &options->data[i];
        const char *path = plan_data_file(part);

        if ((part->kind == DATA_JSON) != (options->data[0].kind == DATA_JSON))
            return why_fail(ret_why, "--json and -d exclude each other");
        if (i > 0 && part->kind != DATA_JSON)
            text_put_char(&plan->body, '&');
        if (path && !put_file(&plan->body, part, path, ret_why))
            return false;
        if (!path && part->kind == DATA_URLENCODE)
            put_urlencoded(&plan->body, part->value);
        else if (!path)
            text_put_string(&plan->body, part->value);
    }
    if (plan->body.failed)
        return why_fail(ret_why, "out of memory");
    plan->has_body = options->data_count > 0;
    return true;
}

static bool place_body(const struct plan *plan, struct text *body, struct large_body *large,
                       char **why)
{
    bool must_wait = plan->expect == PLAN_EXPECT_ALWAYS && body->bytes > 0;
    int r;

    if (large->is_there || (!must_wait && body->bytes <= PLAN_BODY_FRAME_MAX))
        return true;
    r = large_body_take_text(body, large);
    return r == 0 || why_fail(why, "the body: %s", strerror(-r));
}

bool plan_place_bodies(struct plan *plan, char **ret_why)
{
    for (size_t i = 0; i < plan->uploads_count; i++)
        if (!place_body(plan, &plan->uploads[i].body, &plan->uploads[i].large, ret_why))
            return false;
    return place_body(plan, &plan->body, &plan->large_body, ret_why);
}

bool plan_has_large_body(const struct plan *plan)
{
    for (size_t i = 0; i < plan->uploads_count; i++)
        if (plan->uploads[i].large.is_there)
            return true;
    return plan->large_body.is_there;
}

/* Says Expect: 100-continue, and waits. */
static bool plan_expects(const struct plan *plan, const struct large_body *body)
{
    return plan->expect == PLAN_EXPECT_ALWAYS ||
           (plan->expect == PLAN_EXPECT_LARGE && body->bytes > EXPECT_BYTES_MIN);
}

const struct large_body *plan_give_body(const struct plan *plan, const struct plan_upload *upload,
                                        struct message_request *request)
{
    const struct large_body *large = upload ? &upload->large : &plan->large_body;

    if (request->fixed.flags & WIRE_REQUEST_HAS_BODY || (!upload && !plan->has_body))
        return NULL;
    request->fixed.flags |= WIRE_REQUEST_HAS_BODY;
    if (!large->is_there) {
        request->body = text_span(upload ? &upload->body : &plan->body);
        return NULL;
    }
    request->fixed.flags |= WIRE_REQUEST_BODY_FD;
    request->fixed.flags |= plan_expects(plan, large) ? WIRE_REQUEST_EXPECT : 0;
    return large;
}
