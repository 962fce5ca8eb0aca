/*
 * plan.c - from flags to a profile.
 *
 * Fields: the user's -H lines first, then what the flags stand for (Content-Type of -d, Referer of
 * -e ...), then the defaults. A name that an -H line has set, emptied or removed is not added
 * again. Host and Content-Length are made by the daemon.
 */
#include "plan.h"

#include "plan_body.h"
#include "plan_conditions.h"
#include "plan_cookies.h"
#include "plan_credentials.h"
#include "plan_follow.h"
#include "plan_headers.h"
#include "plan_pins.h"
#include "plan_proxy.h"
#include "plan_retry.h"
#include "plan_stdin.h"
#include "plan_tls.h"
#include "plan_upload.h"
#include "resume.h"
#include "units.h"
#include "why.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void plan_put_field(struct text *fields, struct span name, struct span value)
{
    char *room = text_reserve(fields, sizeof(struct wire_field) + name.bytes + value.bytes);

    if (room)
        fields->bytes += message_append_field(room, name, value);
}

void plan_put_basic(struct text *value, struct span user, struct span password)
{
    struct text pair;

    text_init(&pair);
    text_put_span(&pair, user);
    text_put_char(&pair, ':');
    text_put_span(&pair, password);
    text_put_literal(value, "Basic ");
    text_put_base64(value, text_span(&pair));
    text_deinit(&pair);
}

void plan_add_field(struct plan *plan, struct span name, struct span value)
{
    plan_put_field(&plan->fields, name, value);
    plan->field_count++;
}

void plan_add_unless_named(struct plan *plan, const char *name, struct span value)
{
    if (!plan_names_field(plan, name))
        plan_add_field(plan, span_of_string(name), value);
}

static void add_unless_named(struct plan *plan, const char *name, const char *value)
{
    plan_add_unless_named(plan, name, span_of_string(value));
}

static void add_defaults(struct plan *plan, const struct options *options)
{
    bool is_json = options->data_count && options->data[0].kind == DATA_JSON;
    const char *agent = options->user_agent ? options->user_agent : "haul/" HAUL_VERSION;

    if (*agent)
        add_unless_named(plan, "User-Agent", agent);
    add_unless_named(plan, "Accept", is_json ? "application/json" : "*/*");
    if (options->compressed)
        add_unless_named(plan, "Accept-Encoding", "gzip, deflate, br, zstd");
    if (options->referer && *options->referer)
        add_unless_named(plan, "Referer", options->referer);
    if (plan->has_body)
        add_unless_named(plan, "Content-Type",
                         is_json ? "application/json" : "application/x-www-form-urlencoded");
}

static bool add_range(struct plan *plan, const struct options *options, char **why)
{
    struct text value;

    if (!options->range)
        return true;
    if (options->range[strspn(options->range, "0123456789-,")] != '\0' ||
        !strchr(options->range, '-'))
        return why_fail(why, "-r takes FROM-TO, as 0-99, 100- or -50, not '%s'", options->range);
    text_init(&value);
    text_put_literal(&value, "bytes=");
    text_put_string(&value, options->range);
    plan_add_unless_named(plan, "Range", text_span(&value));
    text_deinit(&value);
    return true;
}

static bool build_method(struct plan *plan, const struct options *options, char **why)
{
    if (options->data_in_url) {
        struct text empty = plan->query;

        plan->query = plan->body;
        plan->body = empty;
        plan->has_body = false;
    }
    if (options->head && plan->has_body)
        return why_fail(why, "-I and -d exclude each other (-G puts the data into the query)");
    if (plan->has_body)
        plan->method = SPAN_LITERAL("POST");
    if (options->head)
        plan->method = SPAN_LITERAL("HEAD");
    if (options->method)
        plan->method = span_of_string(options->method);
    if (options->method && (plan->method.bytes == 0 || plan->method.bytes > 32))
        return why_fail(why, "-X takes a method of 1 to 32 bytes");
    return true;
}

static bool build_unix_path(struct plan *plan, const struct options *options, char **why)
{
    char *cwd;

    if (!options->unix_socket)
        return true;
    if (options->public_only)
        return why_fail(why, "--public-only and --unix-socket exclude each other");
    if (options->unix_socket[0] != '/') {
        cwd = getcwd(NULL, 0);
        if (!cwd)
            return why_fail(why, "--unix-socket %s: the working directory has no path",
                            options->unix_socket);
        text_put_string(&plan->unix_path, cwd);
        text_put_char(&plan->unix_path, '/');
        free(cwd);
    }
    text_put_string(&plan->unix_path, options->unix_socket);
    if (plan->unix_path.bytes > 107)
        return why_fail(why, "--unix-socket: a socket's path has at most 107 bytes");
    return true;
}

static bool choose_body_mode(struct plan *plan, const struct options *options, char **why)
{
    bool to_files = options->output.count || options->remote_name || options->output_dir ||
                    options->output_template;

    if (options->discard + options->body_inline + to_files > 1)
        return why_fail(why, "--discard, --inline and files exclude each other");
    plan->body_mode = options->verb == VERB_GET ? WIRE_BODY_DATA : WIRE_BODY_DISCARD;
    if (options->discard)
        plan->body_mode = WIRE_BODY_DISCARD;
    if (to_files || options->body_inline)
        plan->body_mode = WIRE_BODY_DATA;
    plan->wants_head = options->headers_in_record || options->include_head ||
                       (options->verb == VERB_GET && (options->head || options->verbose)) ||
                       (options->fail_status && plan->body_mode == WIRE_BODY_DATA);
    return true;
}

/* Whatever would make the file something else than the body, or the body something else than a part
 * of it, does not go together with -C. */
static bool check_continue(struct plan *plan, const struct options *options, char **why)
{
    const char *at = options->continue_at;
    bool to_files = options->output.count || options->remote_name || options->output_dir ||
                    options->output_template;
    uint64_t offset;

    if (!at)
        return true;
    plan->wants_head = true;
    if (strcmp(at, "-") != 0 && !resume_parse_offset(span_of_string(at), &offset))
        return why_fail(why, "-C takes - or a number of bytes, not '%s'", at);
    if (options->verb == VERB_GET && !to_files)
        return why_fail(why, "-C needs a file: add -o FILE, -O or --output-dir DIR");
    if (options->range || plan_names_field(plan, "Range"))
        return why_fail(why, "-C and a range exclude each other");
    if (plan->method.bytes || plan->has_body)
        return why_fail(why, "-C is for GET without a body");
    if (options->include_head || options->skip_existing || options->hash || options->expect_hash ||
        options->compressed)
        return why_fail(
            why, "-C does not go together with -i, --compressed, --skip-existing and hashes");
    return true;
}

static bool choose_hash(struct plan *plan, const struct options *options, char **why)
{
    plan->hash = options->hash;
    if (!options->expect_hash)
        return true;
    plan->hash = hash_parse(span_of_string(options->expect_hash), plan->expect_hash);
    if (plan->hash == HASH_NONE)
        return why_fail(why, "--expect-hash takes sha256: and 64 hex digits, or xxh3: and 16");
    if (options->hash != HASH_NONE && options->hash != plan->hash)
        return why_fail(why, "--hash and --expect-hash name different kinds");
    if (options->words.count != 1 || options->input.count)
        return why_fail(why, "--expect-hash is for one URL; a line says \"expect_hash\"");
    return true;
}

static bool plan_has_rate(const struct plan *plan)
{
    return plan->rate_uhz || plan->rate_per_origin_uhz;
}

static bool parse_rate(const char *flag, const char *text, uint64_t *ret_uhz, char **why)
{
    if (!text)
        return true;
    if (!units_parse_rate_uhz(span_of_string(text), ret_uhz) || *ret_uhz == 0)
        return why_fail(why,
                        "--%s takes a rate, as 100, 100/s, 6/m or 20/h, more than zero, not "
                        "'%s'",
                        flag, text);
    return true;
}

static bool read_rates(struct plan *plan, const struct options *options, char **why)
{
    return parse_rate("rate", options->rate, &plan->rate_uhz, why) &&
           parse_rate("rate-per-origin", options->rate_per_origin, &plan->rate_per_origin_uhz, why);
}

static bool fill_profile(struct plan *plan, const struct options *options, char **why)
{
    uint64_t body_bytes_max = options->body_bytes_max;

    if (options->ipv4 && options->ipv6)
        return why_fail(why, "-4 and -6 exclude each other");
    if (options->body_inline && (!body_bytes_max || body_bytes_max > PLAN_INLINE_BYTES_MAX))
        body_bytes_max = PLAN_INLINE_BYTES_MAX;
    plan->profile = (struct wire_profile){
        .flags = (plan->wants_head ? WIRE_PROFILE_HEAD : 0) |
                 (options->compressed ? WIRE_PROFILE_DECODE : 0) |
                 (options->public_only ? WIRE_PROFILE_PUBLIC_ONLY : 0) |
                 (options->fresh_conn ? WIRE_PROFILE_FRESH_CONN | WIRE_PROFILE_NO_REUSE : 0),
        .dns_timeout_ns = options->dns_timeout_ns,
        .connect_timeout_ns = options->connect_timeout_ns,
        .tls_timeout_ns = options->tls_timeout_ns,
        .first_byte_timeout_ns = options->first_byte_timeout_ns,
        .idle_timeout_ns = options->idle_timeout_ns,
        .total_timeout_ns = options->max_time_ns,
        .body_bytes_max = body_bytes_max,
        .body_mode = (uint8_t)plan->body_mode,
        .address_family = options->ipv4   ? 4
                          : options->ipv6 ? 6
                                          : 0,
        .header_count = plan->field_count,
        .pin_count = plan->pin_count,
    };
    /* Whoever asks for a rate means to wait for it, however long. */
    if (!options->max_time_ns && options->verb == VERB_BATCH && !plan_has_rate(plan))
        plan->profile.total_timeout_ns = PLAN_BATCH_TIMEOUT_NS;
    plan->concurrency = options->concurrency ? (uint32_t)options->concurrency : PLAN_CONCURRENCY;
    if (options->serial || options->verb == VERB_GET)
        plan->concurrency = 1;
    plan->max_per_origin = (uint32_t)options->max_per_origin;
    return true;
}

bool plan_init(struct plan *plan, const struct options *options, char **ret_why)
{
    bool fits;

    *plan = (struct plan){ 0 };
    fits = plan_check_stdin(options, ret_why) && plan_build_body(plan, options, ret_why) &&
           build_method(plan, options, ret_why) && plan_read_uploads(plan, options, ret_why) &&
           plan_add_headers(plan, options, ret_why) && plan_place_bodies(plan, ret_why) &&
           plan_add_credentials(plan, options, ret_why) && add_range(plan, options, ret_why) &&
           build_unix_path(plan, options, ret_why) && plan_add_pins(plan, options, ret_why) &&
           choose_body_mode(plan, options, ret_why) && choose_hash(plan, options, ret_why) &&
           plan_add_conditions(plan, options, ret_why) &&
           plan_add_cookies(plan, options, ret_why) && check_continue(plan, options, ret_why);
    if (fits)
        add_defaults(plan, options);
    if (fits && plan->fields.bytes > WIRE_HEADER_BYTES_MAX)
        fits = why_fail(ret_why, "the fields have more than %u bytes", WIRE_HEADER_BYTES_MAX);
    return fits && read_rates(plan, options, ret_why) && fill_profile(plan, options, ret_why) &&
           plan_add_following(plan, options, ret_why) && plan_add_retries(plan, options, ret_why) &&
           plan_add_tls(plan, options, ret_why) && plan_add_proxies(plan, options, ret_why);
}

void plan_want_heads(struct plan *plan)
{
    plan->wants_head = true;
    plan->profile.flags |= WIRE_PROFILE_HEAD;
}

void plan_deinit(struct plan *plan)
{
    text_deinit(&plan->fields);
    text_deinit(&plan->header_lines);
    text_deinit(&plan->pins);
    netrc_deinit(&plan->netrc);
    free(plan->note);
    text_deinit(&plan->body);
    large_body_close(&plan->large_body);
    text_deinit(&plan->query);
    text_deinit(&plan->part_etag);
    plan_free_uploads(plan);
    text_deinit(&plan->unix_path);
    text_deinit(&plan->cookies);
    plan_forget_tls(plan);
    plan_forget_proxies(plan);
}

int plan_write_profile(const struct plan *plan, struct text *frame)
{
    struct message_profile message = {
        .fixed = plan->profile,
        .headers = text_span(&plan->fields),
        .pins = text_span(&plan->pins),
        .unix_path = text_span(&plan->unix_path),
        .interface = plan->interface,
        .ca_pem = text_span(&plan->ca_pem),
        .cert_pem = text_span(&plan->cert_pem),
        .key_pem = text_span(&plan->key_pem),
        .proxy_http = text_span(&plan->proxy_http),
        .proxy_https = text_span(&plan->proxy_https),
        .no_proxy = plan->no_proxy,
    };
    char *room = text_reserve(frame, message_profile_bytes(&message));

    if (!room || plan->fields.failed || plan->pins.failed || plan->body.failed ||
        plan->header_lines.failed || plan->cookies.failed)
        return -ENOMEM;
    frame->bytes += message_encode_profile(room, PLAN_PROFILE_ID, &message);
    return 0;
}
