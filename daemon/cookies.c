/*
 * cookies.c - what may be set, and for whom.
 *
 * Refused as a whole, as RFC 6265bis section 5.7 wants it: a Domain that the host is not within, or
 * that is a public suffix; Secure without TLS; a name that breaks the promise of its prefix; what
 * would hide a secure cookie from a request without TLS. To find out the last, all cookies are
 * walked, not an index: it takes a jar with a secure cookie and a response without TLS.
 *
 * What a client brings was set before, elsewhere: only the prefix is looked at again.
 */
#include "cookies_internal.h"

#include "cookies_match.h"

/* A name in lower case, with its end. */
struct name {
    char text[WIRE_COOKIE_DOMAIN_BYTES_MAX + 1];
    size_t bytes;
};

static void name_lower(struct name *name, struct span text)
{
    assert(text.bytes < sizeof(name->text));
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        name->text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    name->text[text.bytes] = '\0';
    name->bytes = text.bytes;
}

/* "example.com." is a host of its own to DNS and a way around the list of suffixes: nothing is
 * below it. */
static bool name_is_for_all_below(const struct name *name, const struct public_suffixes *suffixes)
{
    return name->bytes > 0 && name->text[name->bytes - 1] != '.' &&
           !public_suffixes_have(suffixes, name->text);
}

/* A cookie set without TLS must not hide a secure one. */
static bool cookies_hide_a_secure_one(const struct cookies *jar, const struct cookie *cookie)
{
    const struct list *at = jar->all.next;

    if (jar->secure_count == 0)
        return false;
    for (; at != &jar->all; at = at->next) {
        const struct cookie *other = &container_of(at, struct kept, link)->cookie;

        if (other->is_secure && span_equals(other->name, cookie->name) &&
            (cookies_host_is_within(other->domain, cookie->domain) ||
             cookies_host_is_within(cookie->domain, other->domain)) &&
            cookies_path_is_within(cookie->path, other->path))
            return true;
    }
    return false;
}

/* Decides whose it is; *name backs its domain. */
static bool cookie_take_domain(struct cookie *cookie, const struct cookies_url *url,
                               const struct public_suffixes *suffixes, struct name *name)
{
    if (cookie->domain.bytes > WIRE_COOKIE_DOMAIN_BYTES_MAX)
        return false;
    name_lower(name, cookie->domain);
    if (cookie->is_host_only || span_equals(span_of(name->text, name->bytes), url->host)) {
        cookie->is_host_only =
            cookie->is_host_only || url->is_address || !name_is_for_all_below(name, suffixes);
        cookie->domain = url->host;
        return true;
    }
    cookie->domain = span_of(name->text, name->bytes);
    return !url->is_address && cookies_host_is_within(url->host, cookie->domain) &&
           name_is_for_all_below(name, suffixes);
}

enum cookies_verdict cookies_set(struct cookies *jar, const struct cookies_url *url,
                                 struct span field, uint64_t now_s)
{
    struct cookie cookie;
    struct name name;
    bool has_path;

    if (!cookie_parse(field, now_s, &cookie))
        return COOKIES_REFUSED;
    has_path = cookie.path.bytes > 0;
    if (!has_path)
        cookie.path = cookies_default_path(url->path);
    if (!cookie_take_domain(&cookie, url, jar->suffixes, &name) ||
        (cookie.is_secure && !url->is_secure) || !cookies_keep_their_prefix(&cookie, has_path) ||
        (!url->is_secure && cookies_hide_a_secure_one(jar, &cookie)) || !cookie_is_valid(&cookie))
        return COOKIES_REFUSED;
    return cookies_keep(jar, &cookie, now_s);
}

enum cookies_verdict cookies_put(struct cookies *jar, const struct cookie *cookie, uint64_t now_s)
{
    struct cookie copy = *cookie;
    struct name name;

    assert(cookie_is_valid(cookie));
    name_lower(&name, cookie->domain);
    copy.domain = span_of(name.text, name.bytes);
    if (!copy.is_host_only && !name_is_for_all_below(&name, jar->suffixes))
        copy.is_host_only = true;
    if (!cookies_keep_their_prefix(&copy, true))
        return COOKIES_REFUSED;
    return cookies_keep(jar, &copy, now_s);
}
