/*
 * pool_route.c - routes in buckets, each with its texts in one piece behind it.
 */
#include "pool_route.h"

#include "table.h"

#include <errno.h>
#include <stdlib.h>

static bool tls_options_equal(const struct tls_options *a, const struct tls_options *b)
{
    return a == b || (a && b && memcmp(a->id, b->id, sizeof(a->id)) == 0);
}

static bool pool_key_equals(const struct pool_key *a, const struct pool_key *b)
{
    return a->port == b->port && a->dial_port == b->dial_port && a->family == b->family &&
           span_equals(a->host, b->host) && span_equals(a->dial_host, b->dial_host) &&
           span_equals(a->interface, b->interface) && span_equals(a->unix_path, b->unix_path) &&
           tls_options_equal(a->tls, b->tls) && a->way == b->way &&
           span_equals(a->to_proxy, b->to_proxy);
}

/* Copies text with a NUL behind it, so that it serves as a span and as a string. */
static struct span keep_text(char **at, struct span text)
{
    struct span kept = span_of(*at, text.bytes);

    if (text.bytes)
        memcpy(*at, text.data, text.bytes);
    (*at)[text.bytes] = '\0';
    *at += text.bytes + 1;
    return kept;
}

static struct pool_route *pool_route_new(const struct pool_key *key, uint64_t hash)
{
    size_t bytes = key->host.bytes + key->dial_host.bytes + key->interface.bytes +
                   key->unix_path.bytes + key->to_proxy.bytes + 5;
    struct pool_route *route = malloc(sizeof(*route) + bytes);
    char *at;

    if (!route)
        return NULL;
    *route = (struct pool_route){ .hash = hash, .key = *key };
    list_init(&route->idle);
    list_init(&route->waiting);
    list_init(&route->asleep_link);
    if (key->tls) {
        memcpy(route->tls.id, key->tls->id, sizeof(route->tls.id));
        route->key.tls = &route->tls;
    }
    at = route->text;
    route->key.host = keep_text(&at, key->host);
    route->key.dial_host = keep_text(&at, key->dial_host);
    route->key.interface = keep_text(&at, key->interface);
    route->key.unix_path = keep_text(&at, key->unix_path);
    route->key.to_proxy = keep_text(&at, key->to_proxy);
    route->dial_route = (struct dial_route){
        .host = route->key.dial_host.data,
        .port = key->dial_port,
        .family = key->family,
        .interface = key->interface.bytes ? route->key.interface.data : NULL,
        .unix_path = key->unix_path.bytes ? route->key.unix_path.data : NULL,
        .server_name = route->key.host.data,
        .is_proxy = key->way != PROXY_NONE,
    };
    if (key->way == PROXY_TUNNEL)
        route->dial_route.connect_head = route->key.to_proxy;
    return route;
}

static void pool_route_free(struct pool_route *route)
{
    explicit_bzero((char *)(uintptr_t)route->key.to_proxy.data, route->key.to_proxy.bytes);
    while (route->sessions_count > 0)
        tls_session_free(route->sessions[--route->sessions_count]);
    tls_context_release(route->dial_route.tls);
    free(route);
}

static struct pool_route *pool_route_make(struct pool *pool, const struct pool_key *key,
                                          uint64_t hash, struct fault *ret_fault)
{
    struct tls_context *context = NULL;
    struct pool_route *route;

    if (key->tls) {
        context = tls_contexts_get(&pool->contexts, key->tls, ret_fault);
        if (!context)
            return NULL;
    }
    route = pool_route_new(key, hash);
    if (!route) {
        tls_context_release(context);
        fault_set(ret_fault, FAULT_LOCAL_NO_MEMORY, PHASE_QUEUE, ENOMEM, NULL);
        return NULL;
    }
    route->dial_route.tls = context;
    return route;
}

struct pool_route *pool_route_get(struct pool *pool, const struct pool_key *key,
                                  struct fault *ret_fault)
{
    uint64_t hash = table_hash_bytes(pool->hash_seed ^ key->port, key->host.data, key->host.bytes);
    struct pool_route **at = &pool->buckets[hash % pool->buckets_count];
    struct pool_route *route;

    for (; (route = *at); at = &route->next) {
        if (route->hash != hash || !pool_key_equals(&route->key, key))
            continue;
        if (list_is_linked(&route->asleep_link)) {
            list_unlink(&route->asleep_link);
            pool->asleep_count--;
        }
        return route;
    }
    *at = pool_route_make(pool, key, hash, ret_fault);
    if (*at)
        pool->routes_count++;
    return *at;
}

void pool_route_keep_session(struct pool_route *route, struct conn *conn)
{
    struct tls_session *session = conn_take_session(conn);

    if (!session)
        return;
    if (route->sessions_count == POOL_SESSIONS_MAX) {
        tls_session_free(route->sessions[0]);
        route->sessions_count--;
        memmove(route->sessions, route->sessions + 1,
                route->sessions_count * sizeof(route->sessions[0]));
    }
    route->sessions[route->sessions_count++] = session;
}

struct tls_session *pool_route_take_session(struct pool_route *route)
{
    return route->sessions_count > 0 ? route->sessions[--route->sessions_count] : NULL;
}

static void pool_route_drop(struct pool *pool, struct pool_route *route)
{
    struct pool_route **at = &pool->buckets[route->hash % pool->buckets_count];

    while (*at != route)
        at = &(*at)->next;
    *at = route->next;
    pool_route_free(route);
    pool->routes_count--;
}

void pool_route_drop_asleep(struct pool *pool, unsigned count)
{
    while (pool->asleep_count > count) {
        struct list *oldest = list_pop(&pool->asleep);

        pool->asleep_count--;
        pool_route_drop(pool, container_of(oldest, struct pool_route, asleep_link));
    }
}

void pool_route_drop_if_unused(struct pool *pool, struct pool_route *route)
{
    if (route->users > 0)
        return;
    if (route->sessions_count == 0 || pool->closing) {
        pool_route_drop(pool, route);
        return;
    }
    list_link_back(&pool->asleep, &route->asleep_link);
    pool->asleep_count++;
    pool_route_drop_asleep(pool, POOL_ASLEEP_MAX);
}
