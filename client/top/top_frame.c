/*
 * top_frame.c - which figures go where.
 *
 *   hauld 0.1.0   pid 4711   up 2h46m   3 clients
 *   requests    7634/s   bodies 2.3 MB/s   redirects 0/s   retries 0/s
 *   items       7600/s ok   12/s failed   100 in flight
 *   latency     p50 1.20 ms   p99 5.00 ms   (7612 items)
 *   answers     2xx 7500/s   4xx 100/s
 *   connections 100 busy   3 idle   0 dialing   (at most 1024)
 *
 *       PER S      TOTAL  ERROR
 *          12       1203  connect/refused
 *
 *     ACTIVE  WAITING      MAX       RATE     PAUSED  ORIGIN
 *         16      234       16          -          -  http://127.0.0.1:8080
 *
 * A figure between two samples is "-" while there is only one.
 */
#include "top_frame.h"

#include "units.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES_MAX 1024u
#define ERRORS_SHARE 3u /* of the lines that are left, errors may take one in so many */

enum style {
    STYLE_PLAIN,
    STYLE_TITLE,
    STYLE_HEADER,
    STYLE_NOTICE,
    STYLE_TROUBLE,
};

static const char *const style_begin[] = {
    [STYLE_PLAIN] = "",           [STYLE_TITLE] = "\033[1m",
    [STYLE_HEADER] = "\033[7m",   [STYLE_NOTICE] = "\033[1;33m",
    [STYLE_TROUBLE] = "\033[31m",
};

struct page {
    struct text *out;
    const struct top_frame *frame;
    unsigned lines;
};

static unsigned lines_left(const struct page *page)
{
    return page->frame->height ? page->frame->height - page->lines : UINT_MAX;
}

__attribute__((format(printf, 3, 4))) static void put(struct page *page, enum style style,
                                                      const char *format, ...)
{
    bool is_styled = page->frame->is_colored && style != STYLE_PLAIN;
    unsigned width = page->frame->width;
    char line[LINE_BYTES_MAX];
    va_list args;
    size_t bytes;

    if (lines_left(page) == 0)
        return;
    va_start(args, format);
    if (vsnprintf(line, sizeof(line), format, args) < 0)
        line[0] = '\0';
    va_end(args);
    bytes = strlen(line);
    if (width && bytes > width)
        bytes = width;
    for (size_t i = 0; i < bytes; i++)
        if (line[i] < 0x20 || line[i] > 0x7e)
            line[i] = '?';
    if (is_styled)
        text_put_string(page->out, style_begin[style]);
    text_put(page->out, line, bytes);
    if (is_styled)
        text_put_literal(page->out, "\033[0m");
    text_put_char(page->out, '\n');
    page->lines++;
}

/* "7634/s", or "-". */
static const char *per_s(const struct page *page, double rate, char text[static UNITS_TEXT_BYTES])
{
    size_t end;

    if (!page->frame->rates->is_known)
        return "-";
    (void)units_format_count(rate, text, UNITS_TEXT_BYTES - 2);
    end = strlen(text);
    memcpy(text + end, "/s", 3);
    return text;
}

static void put_title(struct page *page)
{
    const struct top_sample *s = page->frame->sample;
    char up[UNITS_TEXT_BYTES];

    put(page, STYLE_TITLE, "hauld %s   pid %" PRIu64 "   up %s   %" PRIu64 " client%s%s",
        s->version, s->pid, units_format_duration(s->uptime_ns, up, sizeof(up)), s->clients,
        s->clients == 1 ? "" : "s", s->draining ? "   draining" : "");
    if (page->frame->notice)
        put(page, STYLE_NOTICE, "%s", page->frame->notice);
}

static void put_work(struct page *page)
{
    const struct top_rates *r = page->frame->rates;
    const struct top_sample *s = page->frame->sample;
    char a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES], c[UNITS_TEXT_BYTES], bytes[UNITS_TEXT_BYTES];

    put(page, STYLE_PLAIN, "requests    %s   bodies %s%s   redirects %s   retries %s",
        per_s(page, r->requests_per_s, a),
        r->is_known ? units_format_bytes((uint64_t)r->bytes_per_s, bytes, sizeof(bytes)) : "-",
        r->is_known ? "/s" : "", per_s(page, r->redirects_per_s, b),
        per_s(page, r->retries_per_s, c));
    put(page, STYLE_PLAIN, "items       %s ok   %s failed   %" PRIu64 " in flight",
        per_s(page, r->ok_per_s, a), per_s(page, r->failed_per_s, b), s->items_in_flight);
}

static const char *latency(double seconds, const struct top_sample *s, char *text, size_t room)
{
    char last[UNITS_TEXT_BYTES];
    double le_s = s->buckets_count > 1 ? s->buckets[s->buckets_count - 2].le_s : 0;

    if (!isinf(seconds))
        return units_format_duration((uint64_t)(seconds * 1e9), text, room);
    (void)snprintf(text, room, "over %s",
                   units_format_duration((uint64_t)(le_s * 1e9), last, sizeof(last)));
    return text;
}

static void put_latency(struct page *page)
{
    const struct top_rates *r = page->frame->rates;
    const struct top_sample *s = page->frame->sample;
    char p50[2 * UNITS_TEXT_BYTES], p99[2 * UNITS_TEXT_BYTES];

    if (r->timed)
        put(page, STYLE_PLAIN, "latency     p50 %s   p99 %s   (%" PRIu64 " item%s)",
            latency(r->p50_s, s, p50, sizeof(p50)), latency(r->p99_s, s, p99, sizeof(p99)),
            r->timed, r->timed == 1 ? "" : "s");
    else
        put(page, STYLE_PLAIN, "latency     p50 -   p99 -   (0 items)");
}

static void put_answers(struct page *page)
{
    char line[LINE_BYTES_MAX] = "answers    ", rate[UNITS_TEXT_BYTES];
    size_t used = strlen(line), none = used;

    for (unsigned i = 0; i < TOP_CLASSES; i++)
        if (page->frame->sample->statuses[i])
            used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%uxx %s",
                                     used == none ? " " : "   ", i + 1,
                                     per_s(page, page->frame->rates->statuses_per_s[i], rate));
    put(page, STYLE_PLAIN, "%s%s", line, used == none ? " none" : "");
}

static void put_connections(struct page *page)
{
    const struct top_sample *s = page->frame->sample;

    put(page, STYLE_PLAIN,
        "connections %" PRIu64 " busy   %" PRIu64 " idle   %" PRIu64 " dialing   (at most %" PRIu64
        ")",
        s->conns_busy, s->conns_idle, s->conns_dialing, s->conns_max);
}

/* ---- tables ---- */

/* The next row of the order that errors are shown in: most often now, then most often at all. */
static unsigned next_error(const struct page *page, const bool *is_shown)
{
    const struct top_sample *s = page->frame->sample;
    const double *rates = page->frame->rates->errors_per_s;
    unsigned best = TOP_ERRORS_MAX;

    for (unsigned i = 0; i < s->errors_count; i++)
        if (!is_shown[i] &&
            (best == TOP_ERRORS_MAX || rates[i] > rates[best] ||
             (!(rates[i] < rates[best]) && s->errors[i].count > s->errors[best].count)))
            best = i;
    return best;
}

static void put_errors(struct page *page)
{
    const struct top_sample *s = page->frame->sample;
    bool is_shown[TOP_ERRORS_MAX] = { 0 };
    unsigned rows = s->errors_count, room = lines_left(page) / ERRORS_SHARE;
    char rate[UNITS_TEXT_BYTES];

    if (rows == 0)
        return;
    put(page, STYLE_PLAIN, "%s", "");
    put(page, STYLE_HEADER, "%10s %10s  %s", "NOW", "TOTAL", "ERROR");
    if (rows > room)
        rows = room > 1 ? room - 1 : 1;
    for (unsigned n = 0; n < rows; n++) {
        unsigned i = next_error(page, is_shown);

        is_shown[i] = true;
        put(page, page->frame->rates->errors_per_s[i] > 0 ? STYLE_TROUBLE : STYLE_PLAIN,
            "%10s %10" PRIu64 "  %s", per_s(page, page->frame->rates->errors_per_s[i], rate),
            s->errors[i].count, s->errors[i].name);
    }
    if (rows < s->errors_count)
        put(page, STYLE_PLAIN, "%21s  ... and %u more", "", s->errors_count - rows);
}

static void put_origin(struct page *page, const struct top_origin *origin)
{
    char limit[UNITS_TEXT_BYTES] = "-", rate[UNITS_TEXT_BYTES] = "-",
         paused[UNITS_TEXT_BYTES] = "-";

    if (origin->active_max)
        (void)snprintf(limit, sizeof(limit), "%" PRIu64, origin->active_max);
    if (origin->rate_per_s > 0)
        (void)snprintf(rate, sizeof(rate), "%.6g/s", origin->rate_per_s);
    if (origin->cooling_ns)
        (void)units_format_duration(origin->cooling_ns, paused, sizeof(paused));
    put(page, origin->cooling_ns ? STYLE_TROUBLE : STYLE_PLAIN,
        "%8" PRIu64 " %8" PRIu64 " %8s %10s %10s  %s", origin->active, origin->waiting, limit, rate,
        paused, origin->name);
}

static void put_origins(struct page *page)
{
    const struct top_sample *s = page->frame->sample;
    size_t rows = s->origins_count, all = rows;

    if (s->origins_cut && s->origins_known > all)
        all = s->origins_known;
    put(page, STYLE_PLAIN, "%s", "");
    switch (s->origins_are) {
    case TOP_ORIGINS_SHOWN:
        break;
    case TOP_ORIGINS_DENIED:
        put(page, STYLE_PLAIN,
            "%" PRIu64 " origins: shown to root and the user whom the daemon runs as (try sudo)",
            s->origins_known);
        return;
    case TOP_ORIGINS_UNKNOWN:
        put(page, STYLE_PLAIN, "origins: the daemon does not tell");
        return;
    }
    put(page, STYLE_HEADER, "%8s %8s %8s %10s %10s  %s", "ACTIVE", "WAITING", "MAX", "RATE",
        "PAUSED", "ORIGIN");
    if (rows > lines_left(page))
        rows = lines_left(page) ? lines_left(page) - 1 : 0;
    for (size_t i = 0; i < rows; i++)
        put_origin(page, &s->origins[i]);
    if (rows < all)
        put(page, STYLE_PLAIN, "%48s  ... and %zu more", "", all - rows);
}

void top_frame_write(struct text *out, const struct top_frame *frame)
{
    struct page page = { .out = out, .frame = frame };

    put_title(&page);
    put_work(&page);
    put_latency(&page);
    put_answers(&page);
    put_connections(&page);
    put_errors(&page);
    put_origins(&page);
}
