/*
 * pool_route.c - routes in buckets, each with its texts in one piece behind it.
 */
#include "pool_route.h"

#include "table.h"

#include <stdlib.h>

static bool pool_key_equals(const struct pool_key *a, const struct pool_key *b)
{
    return a->port == b->port && a->dial_port == b->dial_port && a->family == b->family &&
           span_equals(a->host, b->host) && span_equals(a->dial_host, b->dial_host) &&
           span_equals(a->interface, b->interface) && span_equals(a->unix_path, b->unix_path);
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
    size_t bytes =
        key->host.bytes + key->dial_host.bytes + key->interface.bytes + key->unix_path.bytes + 4;
    struct pool_route *route = malloc(sizeof(*route) + bytes);
    char *at;

    if (!route)
        return NULL;
    *route = (struct pool_route){ .hash = hash, .key = *key };
    list_init(&route->idle);
    list_init(&route->waiting);
    at = route->text;
    route->key.host = keep_text(&at, key->host);
    route->key.dial_host = keep_text(&at, key->dial_host);
    route->key.interface = keep_text(&at, key->interface);
    route->key.unix_path = keep_text(&at, key->unix_path);
    route->dial_route = (struct dial_route){
        .host = route->key.dial_host.data,
        .port = key->dial_port,
        .family = key->family,
        .interface = key->interface.bytes ? route->key.interface.data : NULL,
        .unix_path = key->unix_path.bytes ? route->key.unix_path.data : NULL,
    };
    return route;
}

struct pool_route *pool_route_get(struct pool *pool, const struct pool_key *key)
{
    uint64_t hash = table_hash_bytes(pool->hash_seed ^ key->port, key->host.data, key->host.bytes);
    struct pool_route **at = &pool->buckets[hash % pool->buckets_count];

    for (; *at; at = &(*at)->next)
        if ((*at)->hash == hash && pool_key_equals(&(*at)->key, key))
            return *at;
    *at = pool_route_new(key, hash);
    if (*at)
        pool->routes_count++;
    return *at;
}

void pool_route_drop_if_unused(struct pool *pool, struct pool_route *route)
{
    struct pool_route **at = &pool->buckets[route->hash % pool->buckets_count];

    if (route->users > 0)
        return;
    while (*at != route)
        at = &(*at)->next;
    *at = route->next;
    free(route);
    pool->routes_count--;
}
