/*
 * request_defaults.c - the fields of a profile, as verdict and as text.
 *
 * Most requests of a batch have no fields of their own: what their profile says is then looked at
 * once for a million of them, and copied.
 */
#include "request_defaults.h"

#include "fields.h"
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static_assert(FIELDS_FRAMING_BYTES <= sizeof(struct wire_field), "text is shorter than wire form");

static enum fault_code defaults_check(struct span fields, const char **ret_why)
{
    *ret_why = fields_check_sizes(fields);
    if (*ret_why)
        return FAULT_INPUT_TOO_BIG;
    *ret_why = fields_check(fields);
    return *ret_why ? FAULT_INPUT_ARGUMENT : FAULT_NONE;
}

static char *put(char *at, struct span text)
{
    if (text.bytes > 0)
        memcpy(at, text.data, text.bytes);
    return at + text.bytes;
}

static char *put_field(char *at, const struct message_field *field)
{
    at = put(at, field->name);
    at = put(at, SPAN_LITERAL(": "));
    at = put(at, field->value);
    return put(at, SPAN_LITERAL("\r\n"));
}

static void request_defaults_write(struct request_defaults *defaults)
{
    struct span fields = defaults->fields;
    struct message_field field;
    char *at = defaults->text;

    while (message_next_field(&fields, &field)) {
        if (span_equals_nocase(field.name, FIELDS_HOST)) {
            defaults->host = field.value;
            continue;
        }
        defaults->has_authorization |= span_equals_nocase(field.name, FIELDS_AUTHORIZATION);
        at = put_field(at, &field);
    }
    defaults->text_bytes = (size_t)(at - defaults->text);
}

int request_defaults_init(struct request_defaults *defaults, struct span fields)
{
    *defaults = (struct request_defaults){ .fields = fields };
    defaults->code = defaults_check(fields, &defaults->why);
    if (defaults->code != FAULT_NONE)
        return 0;
    defaults->text = malloc(fields.bytes + 1); /* never 0 */
    if (!defaults->text)
        return -ENOMEM;
    request_defaults_write(defaults);
    return 0;
}

void request_defaults_deinit(struct request_defaults *defaults)
{
    free(defaults->text);
    *defaults = (struct request_defaults){ 0 };
}
