/*
 * cookies_store.c - what is in a jar.
 *
 *   jar --> buckets --> domain (its name) --> its cookies
 *     +--> all cookies, oldest first
 *
 * A request asks for its host and for each name above it, so looking up costs the labels of the
 * host and not the cookies of the jar. Cookies are evicted by when they were last of use, which is
 * counted and not timed. Expired ones are left where they are until room is needed.
 */
#include "cookies_internal.h"

#include <stdlib.h>

struct cookies *cookies_new(const struct public_suffixes *suffixes)
{
    struct cookies *jar = malloc(sizeof(*jar));

    if (!jar)
        return NULL;
    jar->suffixes = suffixes;
    jar->count = jar->secure_count = jar->bytes = 0;
    jar->clock = 0;
    list_init(&jar->all);
    for (unsigned i = 0; i < COOKIES_BUCKETS; i++)
        list_init(&jar->buckets[i]);
    return jar;
}

/* ---- domains ---- */

static struct list *bucket_of(struct cookies *jar, struct span name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < name.bytes; i++)
        hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
    return &jar->buckets[hash % COOKIES_BUCKETS];
}

struct domain *cookies_find_domain(struct cookies *jar, struct span name)
{
    struct list *bucket = bucket_of(jar, name);

    for (struct list *at = bucket->next; at != bucket; at = at->next) {
        struct domain *domain = container_of(at, struct domain, link);

        if (span_equals(span_of(domain->name, domain->name_bytes), name))
            return domain;
    }
    return NULL;
}

static struct domain *cookies_add_domain(struct cookies *jar, struct span name)
{
    struct domain *domain = malloc(sizeof(*domain));

    if (!domain)
        return NULL;
    domain->count = 0;
    domain->name_bytes = (uint8_t)name.bytes;
    memcpy(domain->name, name.data, name.bytes);
    list_init(&domain->cookies);
    list_link_back(bucket_of(jar, name), &domain->link);
    jar->bytes += sizeof(*domain);
    return domain;
}

static void cookies_free_domain_if_empty(struct cookies *jar, struct domain *domain)
{
    if (domain->count > 0)
        return;
    list_unlink(&domain->link);
    jar->bytes -= sizeof(*domain);
    free(domain);
}

/* ---- cookies ---- */

static size_t kept_bytes(const struct cookie *cookie)
{
    return sizeof(struct kept) + cookie->path.bytes + cookie->name.bytes + cookie->value.bytes;
}

static struct kept *kept_new(const struct cookie *cookie, struct domain *domain)
{
    struct kept *kept = malloc(kept_bytes(cookie));
    char *at;

    if (!kept)
        return NULL;
    at = kept->text;
    kept->domain = domain;
    kept->cookie = *cookie;
    kept->cookie.domain = span_of(domain->name, domain->name_bytes);
    kept->cookie.path = cookies_put_span(&at, cookie->path);
    kept->cookie.name = cookies_put_span(&at, cookie->name);
    kept->cookie.value = cookies_put_span(&at, cookie->value);
    list_init(&kept->link);
    list_init(&kept->domain_link);
    return kept;
}

void cookies_remove(struct cookies *jar, struct kept *kept)
{
    struct domain *domain = kept->domain;

    list_unlink(&kept->link);
    list_unlink(&kept->domain_link);
    domain->count--;
    jar->count--;
    jar->secure_count -= kept->cookie.is_secure;
    jar->bytes -= kept_bytes(&kept->cookie);
    free(kept);
    cookies_free_domain_if_empty(jar, domain);
}

void cookies_free(struct cookies *jar)
{
    struct list *first;

    if (!jar)
        return;
    while ((first = list_first(&jar->all)))
        cookies_remove(jar, container_of(first, struct kept, link));
    free(jar);
}

/* The one that another of the same name takes the place of. */
static struct kept *domain_find(const struct domain *domain, const struct cookie *cookie)
{
    for (struct list *at = domain->cookies.next; at != &domain->cookies; at = at->next) {
        struct kept *kept = container_of(at, struct kept, domain_link);

        if (span_equals(kept->cookie.name, cookie->name) &&
            span_equals(kept->cookie.path, cookie->path) &&
            kept->cookie.is_host_only == cookie->is_host_only)
            return kept;
    }
    return NULL;
}

/* ---- room (RFC 6265bis section 5.7) ---- */

/* The one to go first: expired, then, if it matters, not secure, then unused for longer. */
static struct kept *worse_of(struct kept *a, struct kept *b, bool spares_secure, uint64_t now_s)
{
    bool a_has_expired, b_has_expired;

    if (!a)
        return b;
    a_has_expired = cookie_has_expired(&a->cookie, now_s);
    b_has_expired = cookie_has_expired(&b->cookie, now_s);
    if (a_has_expired != b_has_expired)
        return a_has_expired ? a : b;
    if (spares_secure && a->cookie.is_secure != b->cookie.is_secure)
        return a->cookie.is_secure ? b : a;
    return a->used < b->used ? a : b;
}

static struct kept *domain_worst(const struct domain *domain, uint64_t now_s)
{
    struct kept *worst = NULL;

    for (struct list *at = domain->cookies.next; at != &domain->cookies; at = at->next)
        worst = worse_of(worst, container_of(at, struct kept, domain_link), true, now_s);
    return worst;
}

static struct kept *cookies_worst(const struct cookies *jar, uint64_t now_s)
{
    struct kept *worst = NULL;

    for (struct list *at = jar->all.next; at != &jar->all; at = at->next)
        worst = worse_of(worst, container_of(at, struct kept, link), false, now_s);
    return worst;
}

/* False when newest itself had to go: all others of its domain are secure. */
static bool cookies_make_room(struct cookies *jar, const struct kept *newest, uint64_t now_s)
{
    if (newest->domain->count > WIRE_COOKIES_PER_DOMAIN) {
        struct kept *worst = domain_worst(newest->domain, now_s);
        bool is_newest = worst == newest;

        cookies_remove(jar, worst);
        if (is_newest)
            return false;
    }
    while (jar->count > WIRE_COOKIES_PER_JAR || jar->bytes > WIRE_JAR_BYTES_MAX)
        cookies_remove(jar, cookies_worst(jar, now_s));
    return true;
}

/* ---- keeping ---- */

enum cookies_verdict cookies_keep(struct cookies *jar, const struct cookie *cookie, uint64_t now_s)
{
    struct domain *domain = cookies_find_domain(jar, cookie->domain);
    struct kept *old = domain ? domain_find(domain, cookie) : NULL;
    struct kept *kept;

    if (cookie_has_expired(cookie, now_s)) {
        if (old)
            cookies_remove(jar, old);
        return COOKIES_REMOVED;
    }
    if (!domain)
        domain = cookies_add_domain(jar, cookie->domain);
    if (!domain)
        return COOKIES_REFUSED;
    kept = kept_new(cookie, domain);
    if (!kept) {
        cookies_free_domain_if_empty(jar, domain);
        return COOKIES_REFUSED;
    }
    kept->used = ++jar->clock;
    kept->created = old ? old->created : kept->used;
    list_link_back(old ? &old->link : &jar->all, &kept->link); /* its place, or the end */
    list_link_back(&domain->cookies, &kept->domain_link);
    domain->count++;
    jar->count++;
    jar->secure_count += cookie->is_secure;
    jar->bytes += kept_bytes(cookie);
    if (old)
        cookies_remove(jar, old);
    return cookies_make_room(jar, kept, now_s) ? COOKIES_KEPT : COOKIES_REFUSED;
}

size_t cookies_count(const struct cookies *jar)
{
    return jar->count;
}

void cookies_check(const struct cookies *jar)
{
    size_t count = 0, secure = 0, in_domains = 0;
    uint64_t created = 0;

    for (const struct list *at = jar->all.next; at != &jar->all; at = at->next) {
        const struct kept *kept = container_of(at, struct kept, link);

        assert(kept->created > created && kept->used >= kept->created);
        assert(cookie_is_valid(&kept->cookie));
        created = kept->created;
        secure += kept->cookie.is_secure;
        count++;
    }
    for (unsigned i = 0; i < COOKIES_BUCKETS; i++) {
        const struct list *bucket = &jar->buckets[i];

        for (const struct list *at = bucket->next; at != bucket; at = at->next) {
            const struct domain *domain = container_of(at, struct domain, link);

            assert(domain->count > 0 && domain->count <= WIRE_COOKIES_PER_DOMAIN);
            in_domains += domain->count;
        }
    }
    assert(count == jar->count && in_domains == count && secure == jar->secure_count);
    assert(count <= WIRE_COOKIES_PER_JAR && jar->bytes <= WIRE_JAR_BYTES_MAX);
}
