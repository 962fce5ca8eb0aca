/*
 * plan_follow.c - how far redirects are followed.
 */
#include "plan_follow.h"

#include "units.h"
#include "why.h"

#include <string.h>

#define REDIRECTS_MAX_GET 50u /* as curl */
#define REDIRECTS_MAX_BATCH 10u

static bool parse_max(struct plan *plan, const struct options *options, char **why)
{
    struct span text = span_of_string(options->max_redirs);
    uint64_t count;

    if (span_equals(text, SPAN_LITERAL("-1"))) { /* curl's word for no limit */
        plan->profile.redirects_max = UINT16_MAX;
        return true;
    }
    if (span_equals(text, SPAN_LITERAL("0"))) {
        plan->profile.redirects_max = 0;
        return true;
    }
    if (!units_parse_count(text, &count) || count > UINT16_MAX)
        return why_fail(why, "--max-redirs %s: not a number from -1 to 65535", options->max_redirs);
    plan->profile.redirects_max = (uint16_t)count;
    return true;
}

static uint8_t scheme_of_word(struct span word)
{
    if (span_equals_nocase(word, SPAN_LITERAL("http")))
        return WIRE_SCHEME_HTTP;
    if (span_equals_nocase(word, SPAN_LITERAL("https")))
        return WIRE_SCHEME_HTTPS;
    return span_equals_nocase(word, SPAN_LITERAL("all")) ? WIRE_SCHEME_HTTP | WIRE_SCHEME_HTTPS : 0;
}

/* curl(1), --proto: a list of changes to the default, each '+' (may be left out), '-' or '='. */
static bool parse_schemes(struct plan *plan, const struct options *options, char **why)
{
    struct span rest = span_of_string(options->proto_redir);
    uint8_t schemes = WIRE_SCHEME_HTTP | WIRE_SCHEME_HTTPS;

    while (rest.bytes > 0) {
        const char *comma = memchr(rest.data, ',', rest.bytes);
        struct span word = span_of(rest.data, comma ? (size_t)(comma - rest.data) : rest.bytes);
        char sign = word.bytes > 0 ? word.data[0] : '\0';
        uint8_t scheme;

        span_advance(&rest, word.bytes + (comma ? 1 : 0));
        if (sign == '+' || sign == '-' || sign == '=')
            span_advance(&word, 1);
        scheme = scheme_of_word(word);
        if (!scheme)
            return why_fail(why, "--proto-redir %s: '%.*s' is neither http, https nor all",
                            options->proto_redir, (int)word.bytes, word.data);
        schemes = (uint8_t)(sign == '='   ? scheme
                            : sign == '-' ? schemes & ~scheme
                                          : schemes | scheme);
    }
    if (!schemes)
        return why_fail(why, "--proto-redir %s: leaves no scheme; --no-location says that better",
                        options->proto_redir);
    plan->profile.redirect_schemes =
        schemes == (WIRE_SCHEME_HTTP | WIRE_SCHEME_HTTPS) ? 0 : schemes;
    return true;
}

bool plan_add_following(struct plan *plan, const struct options *options, char **why)
{
    bool is_get = options->verb == VERB_GET;

    if (options->follow && options->no_follow)
        return why_fail(why, "--location and --no-location exclude each other");
    plan->profile.redirects_max = is_get ? REDIRECTS_MAX_GET : REDIRECTS_MAX_BATCH;
    if (options->follow || (!is_get && !options->no_follow))
        plan->profile.flags |= WIRE_PROFILE_FOLLOW;
    return (!options->max_redirs || parse_max(plan, options, why)) &&
           (!options->proto_redir || parse_schemes(plan, options, why));
}
