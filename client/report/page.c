/*
 * page.c - the template with two holes, and the data that is drawn.
 *
 * What a user or a server has chosen (URLs, names, messages) is in the page as JSON strings without
 * '<', which no parser of HTML looks into, or as text with its three characters escaped. The script
 * puts strings into text nodes only.
 */
#include "page.h"

#include "hdr_code.h"
#include "page_html.h"
#include "report_argv.h"
#include "report_text.h"
#include "report_write.h"

#include <math.h>

#define CURVE_STEPS 40u /* to a decade */
#define CURVE_POINTS_MAX 200u
#define BARS 60u
#define SLOTS_MAX 240u
#define GROUP_ROWS_MAX 40u

static void put_key(struct text *out, const char *key)
{
    text_put_format(out, ",\"%s\":", key);
}

static void put_number(struct text *out, const char *key, uint64_t value)
{
    put_key(out, key);
    text_put_u64(out, value);
}

static void put_string(struct text *out, const char *key, struct span value)
{
    put_key(out, key);
    text_put_json(out, value);
}

static void put_quantiles(struct text *out, const struct histogram *h)
{
    put_number(out, "p50_ns", histogram_quantile(h, 0.5));
    put_number(out, "p90_ns", histogram_quantile(h, 0.9));
    put_number(out, "p99_ns", histogram_quantile(h, 0.99));
    put_number(out, "p99_9_ns", histogram_quantile(h, 0.999));
    put_number(out, "max_ns", histogram_quantile(h, 1));
}

/* [decades of rarity, ns]: until no request is rarer. */
static void put_curve(struct text *out, const struct histogram *h)
{
    double decades = h->count ? log10((double)h->count) : 0;

    put_key(out, "curve");
    text_put_char(out, '[');
    for (unsigned i = 0; h->count && i < CURVE_POINTS_MAX - 1; i++) {
        double at = (double)i / CURVE_STEPS;

        if (at >= decades)
            break;
        text_put_format(out, "[%.3f,%llu],", at,
                        (unsigned long long)histogram_quantile(h, 1 - pow(10, -at)));
    }
    if (h->count)
        text_put_format(out, "[%.3f,%llu]", decades, (unsigned long long)h->max_ns);
    text_put_char(out, ']');
}

/* [from ns, to ns, count], of equal width by powers; empty ones are left out. */
static void put_bars(struct text *out, const struct histogram *h)
{
    uint64_t counts[BARS] = { 0 };
    double low = log((double)(h->count && h->min_ns ? h->min_ns : 1));
    double step = (log((double)h->max_ns + 2) - low) / BARS;
    struct histogram_bucket bucket;
    const char *comma = "";

    for (size_t at = 0; histogram_next(h, &at, &bucket);) {
        double middle = ((double)bucket.ge_ns + (double)bucket.lt_ns) / 2;
        double index = (log(middle) - low) / step;

        counts[index < 0 ? 0 : index >= BARS ? BARS - 1 : (unsigned)index] += bucket.count;
    }
    put_key(out, "bars");
    text_put_char(out, '[');
    for (unsigned i = 0; i < BARS; i++) {
        if (!counts[i])
            continue;
        text_put_format(out, "%s[%.0f,%.0f,%llu]", comma, exp(low + step * i),
                        exp(low + step * (i + 1)), (unsigned long long)counts[i]);
        comma = ",";
    }
    text_put_char(out, ']');
}

static void put_clock(struct text *out, const char *name, const struct histogram *h)
{
    text_put_format(out, "{\"name\":\"%s\"", name);
    put_number(out, "count", h->count);
    put_quantiles(out, h);
    put_curve(out, h);
    put_bars(out, h);
    text_put_char(out, '}');
}

static void put_clocks(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;

    put_key(out, "clocks");
    text_put_char(out, '[');
    if (report_has_response_clock(report)) {
        put_clock(out, "response", &tally->response);
        text_put_char(out, ',');
    }
    put_clock(out, "service", &tally->service);
    text_put_char(out, ']');
}

/* Some seconds as one. False: their histograms cannot be read, or there is no memory. */
static bool put_slot(struct text *out, const struct tally *tally, size_t from, size_t count)
{
    struct histogram h;
    uint64_t requests = 0, failed = 0;
    bool fits = true;

    histogram_init(&h);
    for (size_t i = from; i < from + count && i < tally->seconds_count; i++) {
        const struct tally_second *second = &tally->seconds[i];

        requests += second->requests;
        failed += second->failed;
        if (second->response_hdr)
            fits &= hdr_decode(span_of_string(second->response_hdr), &h) == 0;
    }
    text_put_format(out, "%s{\"at_s\":%zu", from ? "," : "", from);
    put_number(out, "seconds", count);
    put_number(out, "requests", requests);
    put_number(out, "failed", failed);
    put_quantiles(out, &h);
    text_put_char(out, '}');
    histogram_deinit(&h);
    return fits;
}

static void put_series(struct text *out, const struct tally *tally)
{
    size_t size = (tally->seconds_count + SLOTS_MAX - 1) / SLOTS_MAX;

    put_key(out, "series");
    text_put_char(out, '[');
    for (size_t from = 0; from < tally->seconds_count; from += size)
        if (!put_slot(out, tally, from, size))
            out->failed = true;
    text_put_char(out, ']');
}

static void put_phases(struct text *out, const struct tally *tally)
{
    put_key(out, "phases");
    for (unsigned i = 0; i < TIMING_PHASES; i++) {
        text_put_format(out, "%s{\"name\":\"%s\"", i ? "," : "[", phase_name(PHASE_QUEUE + i));
        put_quantiles(out, &tally->phases[i]);
        text_put_char(out, '}');
    }
    text_put_char(out, ']');
}

static void put_groups(struct text *out, const struct groups *groups)
{
    const struct group *rows[GROUPS_MAX + 1];

    if (groups->by == GROUPS_BY_NONE)
        return;
    (void)groups_sort(groups, rows);
    put_key(out, "groups");
    text_put_format(out, "{\"by\":\"%s\",\"rows\":[", groups_by_name(groups->by));
    for (size_t i = 0; i < groups->count && i < GROUP_ROWS_MAX; i++) {
        text_put_string(out, i ? ",{\"name\":" : "{\"name\":");
        text_put_json(out, span_of_string(rows[i]->name));
        put_number(out, "requests", rows[i]->requests);
        put_number(out, "failed", rows[i]->failed);
        put_quantiles(out, &rows[i]->response);
        text_put_char(out, '}');
    }
    text_put_literal(out, "]}");
}

static void put_asked(struct text *out, const struct report *report)
{
    text_put_literal(out, "\"verb\":");
    text_put_json(out, span_of_string(report->verb));
    if (report->name)
        put_string(out, "name", span_of_string(report->name));
    put_string(out, "target", report->target);
    put_number(out, "targets", report->targets_count);
    put_string(out, "load", span_of_string(report_load_name(report->load)));
    put_string(out, "arrival", span_of_string(report->is_poisson ? "poisson" : "fixed"));
    put_key(out, "planned_rate_per_s");
    text_put_double(out, report->planned_rate_per_s);
    put_number(out, "concurrency", report->concurrency);
    put_string(out, "started_at", span_of_string(report->started_at));
    put_string(out, "host", span_of_string(report->host));
    put_string(out, "kernel", span_of_string(report->kernel));
    put_string(out, "machine", span_of_string(report->machine));
    put_string(out, "version", span_of_string(report->version));
    put_key(out, "argv");
    report_put_argv(out, report);
}

static void put_run(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;

    put_asked(out, report);
    put_number(out, "requests", tally->requests);
    put_number(out, "good", tally->good);
    put_number(out, "duration_ns", tally->end_ns - tally->start_ns);
    put_number(out, "bytes", tally->bytes);
    put_number(out, "new_conns", tally->new_conns);
    put_number(out, "reused_conns", tally->reused_conns);
    report_put_verdict(out, &report->verdict);
    put_clocks(out, report);
}

static void put_data(struct text *out, const struct report *report, const struct report *before)
{
    text_put_char(out, '{');
    put_run(out, report);
    put_series(out, report->tally);
    report_put_waterfall(out, report->tally);
    put_phases(out, report->tally);
    report_put_statuses(out, report->tally);
    report_put_errors(out, report->tally);
    put_groups(out, &report->tally->groups);
    if (before) {
        text_put_literal(out, ",\"before\":{");
        put_run(out, before);
        text_put_char(out, '}');
    }
    text_put_char(out, '}');
}

/* '<' is in strings only, and JSON has another spelling for it there. */
static void put_json_safe(struct text *out, struct span json)
{
    for (size_t i = 0; i < json.bytes; i++) {
        if (json.data[i] == '<')
            text_put_literal(out, "\\u003c");
        else
            text_put_char(out, json.data[i]);
    }
}

static void put_text_safe(struct text *out, struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '<')
            text_put_literal(out, "&lt;");
        else if (c == '>')
            text_put_literal(out, "&gt;");
        else if (c == '&')
            text_put_literal(out, "&amp;");
        else
            text_put_char(out, c < 0x20 && c != '\n' ? '?' : (char)c);
    }
}

/* The template up to mark, which is skipped; all that is left when there is no mark. */
static void put_until(struct text *out, struct span *html, const char *mark)
{
    size_t bytes = strlen(mark);
    const char *at = bytes ? memmem(html->data, html->bytes, mark, bytes) : NULL;
    size_t until = at ? (size_t)(at - html->data) : html->bytes;

    text_put(out, html->data, until);
    span_advance(html, at ? until + bytes : until);
}

void page_write(struct text *out, const struct report *report, const struct report *before)
{
    struct span html = span_of((const char *)page_html, sizeof(page_html));
    struct text part;

    text_init(&part);
    put_until(out, &html, "<!--TEXT-->");
    report_write_text(&part, report);
    put_text_safe(out, text_span(&part));
    put_until(out, &html, "<!--DATA-->");
    text_clear(&part, SIZE_MAX);
    put_data(&part, report, before);
    put_json_safe(out, text_span(&part));
    put_until(out, &html, "");
    out->failed |= part.failed;
    text_deinit(&part);
}
