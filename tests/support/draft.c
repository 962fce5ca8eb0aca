/*
 * draft.c - builds requests field by field, laid out as they come from the wire.
 */
#include "draft.h"

#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

static void add_field(char **list, struct span *span, struct span name, struct span value)
{
    *list = realloc(*list, span->bytes + sizeof(struct wire_field) + name.bytes + value.bytes);
    assert_non_null(*list);
    span->bytes += message_append_field(*list + span->bytes, name, value);
    span->data = *list;
}

void with_field(struct draft *draft, struct span name, struct span value)
{
    add_field(&draft->fields, &draft->request.fields, name, value);
}

void with_header(struct draft *draft, const char *name, const char *value)
{
    with_field(draft, span_of_string(name), span_of_string(value));
}

void with_default(struct draft *draft, const char *name, const char *value)
{
    struct span fields = draft->defaults.fields;

    add_field(&draft->profile_fields, &fields, span_of_string(name), span_of_string(value));
    request_defaults_deinit(&draft->defaults);
    assert_int_equal(request_defaults_init(&draft->defaults, fields), 0);
}

void with_body(struct draft *draft, const char *body)
{
    draft->request.body = span_of_string(body);
    draft->request.body_bytes = draft->request.body.bytes;
    draft->request.has_body = true;
}

struct draft *draft_new(const char *method, const char *url)
{
    struct draft *draft = calloc(1, sizeof(*draft));
    struct url_fault fault;

    assert_non_null(draft);
    draft->request.method = span_of_string(method);
    draft->request.url = &draft->url;
    draft->request.defaults = &draft->defaults;
    assert_int_equal(request_defaults_init(&draft->defaults, span_of("", 0)), 0);
    if (!url_parse(span_of_string(url), &draft->url, &fault))
        fail_msg("%s: %s", url, fault.why);
    return draft;
}

void draft_free(struct draft *draft)
{
    request_defaults_deinit(&draft->defaults);
    free(draft->profile_fields);
    free(draft->fields);
    free(draft);
}
