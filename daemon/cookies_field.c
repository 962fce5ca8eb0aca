/*
 * cookies_field.c - what a request takes along, and what is left at the end.
 */
#include "cookies_internal.h"

#include "cookies_match.h"

/* The best so far, in order. */
struct choice {
    struct kept *cookies[COOKIES_FIELD_COUNT_MAX];
    unsigned count;
};

static bool comes_before(const struct kept *a, const struct kept *b)
{
    if (a->cookie.path.bytes != b->cookie.path.bytes)
        return a->cookie.path.bytes > b->cookie.path.bytes;
    return a->created < b->created;
}

static void choice_add(struct choice *choice, struct kept *kept)
{
    unsigned at = choice->count;

    if (at == COOKIES_FIELD_COUNT_MAX) {
        if (!comes_before(kept, choice->cookies[at - 1]))
            return;
        at--;
    } else {
        choice->count++;
    }
    for (; at > 0 && comes_before(kept, choice->cookies[at - 1]); at--)
        choice->cookies[at] = choice->cookies[at - 1];
    choice->cookies[at] = kept;
}

static void domain_choose(const struct domain *domain, const struct cookies_url *url,
                          uint64_t now_s, struct choice *choice)
{
    bool is_host = domain->name_bytes == url->host.bytes;

    for (struct list *at = domain->cookies.next; at != &domain->cookies; at = at->next) {
        struct kept *kept = container_of(at, struct kept, domain_link);

        if ((is_host || !kept->cookie.is_host_only) &&
            (url->is_secure || !kept->cookie.is_secure) &&
            cookies_path_is_within(url->path, kept->cookie.path) &&
            !cookie_has_expired(&kept->cookie, now_s))
            choice_add(choice, kept);
    }
}

static size_t put_pair(char *out, const struct cookie *cookie, bool is_first)
{
    char *at = out;

    if (!is_first)
        (void)cookies_put_span(&at, SPAN_LITERAL("; "));
    (void)cookies_put_span(&at, cookie->name);
    *at++ = '=';
    (void)cookies_put_span(&at, cookie->value);
    return (size_t)(at - out);
}

struct span cookies_field(struct cookies *jar, const struct cookies_url *url, uint64_t now_s)
{
    struct span name = url->host;
    struct choice choice;
    size_t bytes = 0;

    if (jar->count == 0)
        return span_of("", 0);
    choice.count = 0;
    while (name.bytes > 0) {
        const struct domain *domain = cookies_find_domain(jar, name);
        const char *dot = url->is_address ? NULL : memchr(name.data, '.', name.bytes);

        if (domain)
            domain_choose(domain, url, now_s, &choice);
        span_advance(&name, dot ? (size_t)(dot + 1 - name.data) : name.bytes);
    }
    for (unsigned i = 0; i < choice.count; i++) {
        struct kept *kept = choice.cookies[i];

        if (kept->cookie.name.bytes + kept->cookie.value.bytes + 3 > sizeof(jar->field) - bytes)
            continue;
        bytes += put_pair(jar->field + bytes, &kept->cookie, bytes == 0);
        kept->used = ++jar->clock;
    }
    return span_of(jar->field, bytes);
}

bool cookies_first(struct cookies *jar, uint64_t now_s, struct cookie *ret_cookie)
{
    struct list *first;

    while ((first = list_first(&jar->all))) {
        struct kept *kept = container_of(first, struct kept, link);

        if (!cookie_has_expired(&kept->cookie, now_s)) {
            *ret_cookie = kept->cookie;
            return true;
        }
        cookies_remove(jar, kept);
    }
    return false;
}

void cookies_drop_first(struct cookies *jar)
{
    cookies_remove(jar, container_of(list_first(&jar->all), struct kept, link));
}
