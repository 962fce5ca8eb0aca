/*
 * fetch_tell.c - what is said about a run when it is over, and -v of get while it goes on.
 */
#include "fetch.h"

#include "report_files.h"
#include "summary.h"
#include "timeline.h"
#include "url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

static void make_report(const struct fetch *fetch, int argc, char **argv, struct report *ret_report)
{
    const struct options *options = fetch->options;

    *ret_report = (struct report){
        .verb = verb_name(options->verb),
        .argc = (size_t)argc,
        .argv = (const char *const *)argv,
        .concurrency = fetch->plan.concurrency,
        .max_per_origin = fetch->plan.max_per_origin,
        .rate = options->rate,
        .rate_per_origin = options->rate_per_origin,
        .has_private_daemon = reach_is_private(&fetch->reach),
        .is_interrupted = fetch->is_interrupted,
        .tally = &fetch->tally,
    };
    if (!ret_report->max_per_origin && ret_report->has_private_daemon)
        ret_report->max_per_origin = ret_report->concurrency;
    verdict_judge(&fetch->tally, &ret_report->verdict);
}

enum exit_code fetch_tell(struct fetch *fetch, int argc, char **argv)
{
    struct report_here here;
    struct report report;

    make_report(fetch, argc, argv, &report);
    report_set_here(&report, &here);
    text_clear(&fetch->line, SIZE_MAX);
    /* A list that could not be opened has been named; a row of zeros says nothing more. */
    if (fetch->options->verb == VERB_BATCH && (fetch->tally.requests || !fetch->has_input_error))
        summary_write(&fetch->line, &report);
    if (fetch->options->timeline && fetch->tally.waterfall)
        timeline_write(&fetch->line, fetch->tally.waterfall);
    say_block(fetch->say, text_span(&fetch->line));
    if (report_files_write(&fetch->options->report, &report, fetch->say))
        return EXITS_OK;
    return fetch->options->verb == VERB_GET ? EXITS_OUTPUT : EXITS_FAILED;
}

static void put_fields(struct text *text, const char *mark, struct span fields)
{
    struct message_field field;

    while (message_next_field(&fields, &field)) {
        text_put_string(text, mark);
        text_put_span(text, field.name);
        text_put_literal(text, ": ");
        text_put_span(text, field.value);
        text_put_char(text, '\n');
    }
}

static bool has_field(struct span fields, struct span name)
{
    struct message_field field;

    while (message_next_field(&fields, &field))
        if (span_equals_nocase(field.name, name))
            return true;
    return false;
}

/* The daemon writes the request; this is what it makes of ours. */
void fetch_show_request(struct fetch *fetch, const struct url *url,
                        const struct message_request *request, uint64_t body_bytes)
{
    struct span profile = text_span(&fetch->plan.fields);
    struct span method = request->method.bytes ? request->method : SPAN_LITERAL("GET");
    struct text *text = &fetch->line;
    char authority[URL_AUTHORITY_BYTES_MAX + 1];
    size_t bytes = url_write_target(url, NULL, 0);
    char *room;

    text_clear(text, SIZE_MAX);
    text_put_format(text, "> %.*s ", (int)method.bytes, method.data);
    room = text_reserve(text, bytes);
    if (room)
        text->bytes += url_write_target(url, room, bytes);
    text_put_literal(text, " HTTP/1.1\n");
    if (!has_field(profile, SPAN_LITERAL("Host"))) {
        bytes = url_write_authority(url, authority, sizeof(authority));
        text_put_format(text, "> Host: %.*s\n", (int)bytes, authority);
    }
    put_fields(text, "> ", profile);
    put_fields(text, "> ", request->headers);
    if (body_bytes == LARGE_BODY_UNKNOWN)
        text_put_literal(text, "> Transfer-Encoding: chunked\n");
    else if (request->fixed.flags & WIRE_REQUEST_HAS_BODY)
        text_put_format(text, "> Content-Length: %" PRIu64 "\n", body_bytes);
    if (request->fixed.flags & WIRE_REQUEST_EXPECT)
        text_put_literal(text, "> Expect: 100-continue\n");
    text_put_literal(text, ">\n");
    say_verbose(fetch->say, text_span(text));
}

void fetch_show_head(struct fetch *fetch, const struct message_head *head)
{
    struct text *text = &fetch->line;

    text_clear(text, SIZE_MAX);
    text_put_format(text, "< HTTP/%u.%u %u %.*s\n", head->fixed.version_major,
                    head->fixed.version_minor, head->fixed.status, (int)head->reason.bytes,
                    head->reason.data);
    put_fields(text, "< ", head->headers);
    text_put_literal(text, "<\n");
    say_verbose(fetch->say, text_span(text));
}

static void put_remote(struct text *text, const struct wire_result *result)
{
    char address[INET6_ADDRSTRLEN];

    if (result->remote_family == 1) {
        text_put_literal(text, "a unix socket");
        return;
    }
    (void)inet_ntop(result->remote_family == 4 ? AF_INET : AF_INET6, result->remote_address,
                    address, sizeof(address)); /* has room */
    text_put_format(text, result->remote_family == 4 ? "%s:%u" : "[%s]:%u", address,
                    result->remote_port);
}

/* Known with the result: of a request that was led on or tried again, the last connection. */
void fetch_show_connection(struct fetch *fetch, const struct message_result *result)
{
    unsigned flags = result->fixed.flags;
    struct text *text = &fetch->line;

    if (result->fixed.remote_family == 0)
        return;
    text_clear(text, SIZE_MAX);
    text_put_format(text, "* %s connection to %s", flags & WIRE_RESULT_REUSED ? "kept" : "new",
                    flags & WIRE_RESULT_PROXIED ? "the proxy " : "");
    put_remote(text, &result->fixed);
    if (result->tls_version.bytes)
        text_put_format(text, ", %.*s / %.*s%s", (int)result->tls_version.bytes,
                        result->tls_version.data, (int)result->tls_cipher.bytes,
                        result->tls_cipher.data,
                        flags & WIRE_RESULT_RESUMED ? ", session resumed" : "");
    text_put_char(text, '\n');
    say_verbose(fetch->say, text_span(text));
}
