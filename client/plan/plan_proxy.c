/*
 * plan_proxy.c - -x, -U, --noproxy, and what the environment says, as curl reads it.
 *
 *   http:   -x, else http_proxy, else all_proxy, else ALL_PROXY
 *   https:  -x, else https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY
 *
 * An empty -x is no proxy; an empty variable is none. HTTP_PROXY is not read: a CGI program's
 * environment has under that name what a client sent as its field "Proxy".
 *
 * A flag that names no usable proxy is refused at once. What the environment says is the daemon's
 * to refuse, and only for the items that need it: nobody wrote it for this command.
 */
#include "plan_proxy.h"

#include "proxy_url.h"
#include "why.h"

#include <stdlib.h>

static const char *get_variable(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && *value)
            return value;
    }
    return NULL;
}

static void put_encoded(struct text *text, struct span value)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (size_t i = 0; i < value.bytes; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (memchr(unreserved, c, sizeof(unreserved) - 1))
            text_put_char(text, (char)c);
        else
            text_put_format(text, "%%%02X", c);
    }
}

/* The proxy as a URL: with a scheme, and with the login of -U unless it has one of its own. */
static bool put_proxy(struct text *out, const char *value, const char *login, char **why)
{
    struct span rest = span_of_string(value);
    struct span scheme = proxy_url_scheme(rest);
    const char *colon = login ? strchr(login, ':') : NULL;

    if (scheme.data) {
        text_put_span(out, scheme);
        span_advance(&rest, scheme.bytes + 3);
    } else {
        text_put_literal(out, "http");
    }
    text_put_literal(out, "://");
    if (colon && !memchr(rest.data, '@', strcspn(rest.data, "/?#"))) {
        put_encoded(out, span_of(login, (size_t)(colon - login)));
        text_put_char(out, ':');
        put_encoded(out, span_of_string(colon + 1));
        text_put_char(out, '@');
    }
    text_put_span(out, rest);
    return out->bytes <= WIRE_PROXY_BYTES_MAX ||
           why_fail(why, "the name of a proxy has more than %u bytes", WIRE_PROXY_BYTES_MAX);
}

static bool put_from_environment(struct plan *plan, const char *login, char **why)
{
    static const char *const of_http[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
    static const char *const of_https[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                            NULL };
    const char *http = get_variable(of_http), *https = get_variable(of_https);

    return (!http || put_proxy(&plan->proxy_http, http, login, why)) &&
           (!https || put_proxy(&plan->proxy_https, https, login, why));
}

static bool put_from_flag(struct plan *plan, const struct options *options, char **why)
{
    struct url_fault fault;
    struct url url;

    if (!*options->proxy)
        return true;
    if (options->unix_socket)
        return why_fail(why, "-x and --unix-socket exclude each other");
    if (!put_proxy(&plan->proxy_http, options->proxy, options->proxy_user, why))
        return false;
    text_put_span(&plan->proxy_https, text_span(&plan->proxy_http));
    /* The value is not shown: it may hold a password. */
    return proxy_url_parse(text_span(&plan->proxy_http), &url, &fault) ||
           why_fail(why, "-x: %s", fault.why);
}

static bool add_no_proxy(struct plan *plan, const struct options *options, char **why)
{
    static const char *const variables[] = { "no_proxy", "NO_PROXY", NULL };
    const char *value = options->noproxy ? options->noproxy : get_variable(variables);

    plan->no_proxy = span_of_string(value ? value : "");
    return plan->no_proxy.bytes <= WIRE_NO_PROXY_BYTES_MAX ||
           why_fail(why, "--noproxy (or no_proxy) has more than %u bytes", WIRE_NO_PROXY_BYTES_MAX);
}

bool plan_add_proxies(struct plan *plan, const struct options *options, char **why)
{
    if (options->proxy_user && !strchr(options->proxy_user, ':'))
        return why_fail(why, "-U takes USER:PASSWORD (haul does not ask for a password)");
    if (options->proxy
            ? !put_from_flag(plan, options, why)
            : !options->unix_socket && !put_from_environment(plan, options->proxy_user, why))
        return false;
    if (!plan->proxy_http.bytes && !plan->proxy_https.bytes)
        return true;
    return add_no_proxy(plan, options, why);
}

static void wipe(struct text *text)
{
    if (text->data)
        explicit_bzero(text->data, text->bytes);
    text_deinit(text);
}

void plan_forget_proxies(struct plan *plan)
{
    wipe(&plan->proxy_http);
    wipe(&plan->proxy_https);
}
