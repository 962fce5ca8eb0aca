/*
 * resolve.c - who is told what, and when.
 *
 *   resolve_lookup   localhost, hosts file (resolve_hosts.c), cache (resolve_cache.c)
 *   resolve_start    an entry gets a waiter; the first waiter queues the question
 *
 *          start              run               answer             run
 *   (none) -----> QUEUED -------------> ASKED ---------> ANSWERED ------> KNOWN, or removed
 *                    ^                                       |
 *                    +--- somebody asked anew for a failure -+
 *
 * When a connection to a server breaks, c-ares gives up all that is asked of the server: a name
 * whose answer needs TCP, and gets none, would take others with it. So what fails that way is
 * QUEUED once more, for a second channel, which asks one name after the other; one that is slow
 * does not hold up the next.
 *
 * All questions are asked, and all waiters told, in resolve_run, from the ring's deferred list.
 * That one rule keeps three promises: done never runs inside resolve_start, c-ares is never entered
 * from its own callback, and a waiter may start and cancel queries as it likes.
 *
 * localhost comes before the hosts file on purpose: a page must not be able to count on a name that
 * an administrator's file sends elsewhere. Its order is 127.0.0.1, ::1, as most servers on a
 * developer's machine listen on the former. Elsewhere the families take turns, IPv6 first (RFC 8305
 * section 4).
 */
#include "resolve.h"

#include "resolve_cache.h"
#include "resolve_hosts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SECOND_NS 1000000000ull
#define CACHE_ENTRIES_DEFAULT 4096
#define TTL_MIN_NS_DEFAULT SECOND_NS
#define TTL_MAX_NS_DEFAULT (300 * SECOND_NS)
#define NEGATIVE_TTL_NS_DEFAULT (5 * SECOND_NS)

struct resolve {
    struct ring *ring;
    uint64_t ttl_min_ns;
    uint64_t ttl_max_ns;
    uint64_t negative_ttl_ns;
    struct resolve_hosts hosts;
    struct resolve_cache cache;
    struct resolve_dns dns;
    struct resolve_dns single; /* for what failed together: one by one */
    struct list queued;        /* entries to ask for */
    struct list queued_single;
    struct list answered; /* entries whose waiters are to be told */
    struct list stranded; /* queries without an entry: no memory, or shut down */
    struct ring_deferred deferred;
    bool shut_down;
    struct resolve_counters counters;
};

static const struct fault fault_no_memory = { .code = FAULT_LOCAL_NO_MEMORY,
                                              .phase = PHASE_DNS,
                                              .error = ENOMEM };

static const struct fault fault_stopping = { .code = FAULT_CANCELLED_DAEMON, .phase = PHASE_DNS };

static void resolve_schedule(struct resolve *resolve)
{
    ring_defer(resolve->ring, &resolve->deferred);
}

/* Lower case, and whether it fits. */
static bool normalize(const char *host, char ret_name[static RESOLVE_HOST_BYTES_MAX + 1])
{
    size_t bytes = strnlen(host, RESOLVE_HOST_BYTES_MAX + 1);

    if (bytes == 0 || bytes > RESOLVE_HOST_BYTES_MAX)
        return false;
    for (size_t i = 0; i <= bytes; i++)
        ret_name[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] | 0x20 : host[i]);
    return true;
}

static bool is_localhost(const char *name)
{
    static const struct span suffix = SPAN_LITERAL("localhost");
    struct span span = span_of_string(name);

    if (span.data[span.bytes - 1] == '.')
        span.bytes--;
    if (span.bytes < suffix.bytes)
        return false;
    return span_equals(span_of(span.data + span.bytes - suffix.bytes, suffix.bytes), suffix) &&
           (span.bytes == suffix.bytes || span.data[span.bytes - suffix.bytes - 1] == '.');
}

static unsigned loopback(enum resolve_family family, struct resolve_address *ret_addresses)
{
    unsigned count = 0;

    if (family != RESOLVE_IPV6)
        ret_addresses[count++] = (struct resolve_address){ .family = 4, .bytes = { 127, 0, 0, 1 } };
    if (family != RESOLVE_IPV4)
        ret_addresses[count++] = (struct resolve_address){ .family = 6, .bytes = { [15] = 1 } };
    return count;
}

/* The families in turn, each in the order it came (RFC 8305 section 4): IPv6 first. */
static void interleave(struct resolve_address *addresses, unsigned count)
{
    struct resolve_address ordered[RESOLVE_ADDRESSES_MAX];
    unsigned four = 0, six = 0, used = 0;

    while (used < count) {
        while (six < count && addresses[six].family != 6)
            six++;
        if (six < count)
            ordered[used++] = addresses[six++];
        while (four < count && addresses[four].family != 4)
            four++;
        if (four < count)
            ordered[used++] = addresses[four++];
    }
    memcpy(addresses, ordered, count * sizeof(ordered[0]));
}

int resolve_lookup(struct resolve *resolve, const char *host, enum resolve_family family,
                   struct resolve_address *ret_addresses, struct fault *ret_fault)
{
    uint64_t now_ns = ring_now_ns(resolve->ring);
    char name[RESOLVE_HOST_BYTES_MAX + 1];
    struct resolve_entry *entry;
    unsigned count;

    resolve->counters.lookups++;
    if (!normalize(host, name)) {
        *ret_fault = (struct fault){ .code = FAULT_DNS_NOT_FOUND,
                                     .phase = PHASE_DNS,
                                     .why = "the name is not valid in DNS" };
        return -1;
    }
    if (is_localhost(name))
        return (int)loopback(family, ret_addresses);
    count =
        resolve_hosts_lookup(&resolve->hosts, span_of_string(name), family, now_ns, ret_addresses);
    if (count > 0) {
        interleave(ret_addresses, count);
        return (int)count;
    }
    entry = resolve_cache_find(&resolve->cache, name, family);
    if (!entry || entry->state != RESOLVE_ENTRY_KNOWN || entry->expires_ns <= now_ns)
        return 0;
    resolve->counters.cache_hits++;
    resolve_cache_touch(&resolve->cache, entry);
    if (fault_is_set(&entry->fault)) {
        *ret_fault = entry->fault;
        return -1;
    }
    memcpy(ret_addresses, entry->addresses, entry->addresses_count * sizeof(*ret_addresses));
    return (int)entry->addresses_count;
}

/* Puts an entry that nobody has asked for yet, or whose answer is too old, on its way. */
static void resolve_queue(struct resolve *resolve, struct resolve_entry *entry)
{
    entry->state = RESOLVE_ENTRY_QUEUED;
    list_link_back(&resolve->queued, &entry->link);
}

void resolve_start(struct resolve *resolve, struct resolve_query *query, const char *host,
                   enum resolve_family family)
{
    struct resolve_entry *entry = NULL;
    char name[RESOLVE_HOST_BYTES_MAX + 1];

    list_init(&query->link);
    query->entry = NULL;
    resolve_schedule(resolve);
    /* A name that does not fit was refused by resolve_lookup. */
    if (!resolve->shut_down && normalize(host, name)) {
        entry = resolve_cache_find(&resolve->cache, name, family);
        if (entry && entry->state == RESOLVE_ENTRY_KNOWN) {
            resolve_cache_recall(&resolve->cache, entry, RESOLVE_ENTRY_ANSWERED);
            if (entry->expires_ns > ring_now_ns(resolve->ring))
                list_link_back(&resolve->answered, &entry->link);
            else
                resolve_queue(resolve, entry);
        } else if (!entry) {
            entry = resolve_cache_add(&resolve->cache, name, family);
            if (entry)
                resolve_queue(resolve, entry);
        }
    }
    if (!entry) {
        list_link_back(&resolve->stranded, &query->link);
        return;
    }
    query->entry = entry;
    list_link_back(&entry->waiters, &query->link);
}

void resolve_cancel(struct resolve *resolve, struct resolve_query *query)
{
    struct resolve_entry *entry = query->entry;

    if (!query->link.next || !list_is_linked(&query->link))
        return;
    list_unlink(&query->link);
    query->entry = NULL;
    if (entry && entry->state == RESOLVE_ENTRY_QUEUED && list_is_empty(&entry->waiters)) {
        list_unlink(&entry->link);
        resolve_cache_remove(&resolve->cache, entry);
    }
}

/* Inside c-ares, or inside resolve_dns_ask: takes the answer down. */
static void resolve_on_answer(struct resolve_dns_question *question,
                              const struct resolve_dns_answer *answer)
{
    struct resolve_entry *entry = container_of(question, struct resolve_entry, question);
    struct resolve *resolve = question->dns->ctx;
    uint64_t now_ns = ring_now_ns(resolve->ring);
    uint64_t ttl_ns = answer->ttl_seconds * SECOND_NS;

    assert(entry->state == RESOLVE_ENTRY_ASKED);
    resolve_schedule(resolve);
    if (answer->failed_together && question->dns == &resolve->dns) {
        entry->state = RESOLVE_ENTRY_QUEUED;
        list_link_back(&resolve->queued_single, &entry->link);
        return;
    }
    entry->state = RESOLVE_ENTRY_ANSWERED;
    entry->fault = answer->fault;
    entry->expires_ns = 0;
    if (resolve_entry_set(entry, answer->addresses, answer->addresses_count) < 0) {
        (void)resolve_entry_set(entry, NULL, 0); /* nothing to allocate */
        entry->fault = fault_no_memory;
    } else if (!fault_is_set(&answer->fault)) {
        interleave(entry->addresses, entry->addresses_count);
        if (ttl_ns < resolve->ttl_min_ns)
            ttl_ns = resolve->ttl_min_ns;
        entry->expires_ns = now_ns + (ttl_ns < resolve->ttl_max_ns ? ttl_ns : resolve->ttl_max_ns);
    } else if (answer->is_negative) {
        entry->expires_ns = now_ns + resolve->negative_ttl_ns;
    }
    if (entry->expires_ns == 0)
        resolve->counters.failures++;
    list_link_back(&resolve->answered, &entry->link);
}

static void query_finish(struct resolve_query *query, const struct fault *fault,
                         const struct resolve_address *addresses, unsigned addresses_count)
{
    query->entry = NULL;
    query->done(query, fault, addresses, addresses_count);
}

/* Tells who waits. Those who join meanwhile get the same answer in the next turn when it may be
 * kept, or a new question. */
static void resolve_tell(struct resolve *resolve, struct resolve_entry *entry)
{
    struct list waiters, *link;

    assert(entry->state == RESOLVE_ENTRY_ANSWERED);
    list_init(&waiters);
    while ((link = list_pop(&entry->waiters)))
        list_link_back(&waiters, link);
    while ((link = list_pop(&waiters)))
        query_finish(container_of(link, struct resolve_query, link), &entry->fault,
                     entry->addresses, entry->addresses_count);
    if (!list_is_empty(&entry->waiters)) {
        if (entry->expires_ns > 0)
            list_link_back(&resolve->answered, &entry->link);
        else
            resolve_queue(resolve, entry);
        resolve_schedule(resolve);
    } else if (entry->expires_ns > 0) {
        resolve_cache_remember(&resolve->cache, entry);
    } else {
        resolve_cache_remove(&resolve->cache, entry);
    }
}

static void resolve_tell_all(struct resolve *resolve)
{
    struct list answered, stranded, *link;

    /* What is added meanwhile waits for the next run, so that this one ends. */
    list_init(&answered);
    list_init(&stranded);
    while ((link = list_pop(&resolve->answered)))
        list_link_back(&answered, link);
    while ((link = list_pop(&resolve->stranded)))
        list_link_back(&stranded, link);
    while ((link = list_pop(&answered)))
        resolve_tell(resolve, container_of(link, struct resolve_entry, link));
    while ((link = list_pop(&stranded)))
        query_finish(container_of(link, struct resolve_query, link),
                     resolve->shut_down ? &fault_stopping : &fault_no_memory, NULL, 0);
}

static void resolve_ask_next(struct resolve *resolve, struct list *queued, struct resolve_dns *dns)
{
    struct resolve_entry *entry = container_of(list_pop(queued), struct resolve_entry, link);

    entry->state = RESOLVE_ENTRY_ASKED;
    entry->question.answered = resolve_on_answer;
    resolve->counters.questions++;
    resolve_dns_ask(dns, &entry->question, entry->host, entry->family);
}

static void resolve_run(struct ring_deferred *deferred)
{
    struct resolve *resolve = container_of(deferred, struct resolve, deferred);

    resolve_tell_all(resolve);
    while (!list_is_empty(&resolve->queued) && resolve_dns_can_ask(&resolve->dns))
        resolve_ask_next(resolve, &resolve->queued, &resolve->dns);
    while (!list_is_empty(&resolve->queued_single) && resolve->single.young_count == 0 &&
           resolve_dns_can_ask(&resolve->single))
        resolve_ask_next(resolve, &resolve->queued_single, &resolve->single);
}

static void resolve_on_room(struct resolve_dns *dns)
{
    resolve_schedule(dns->ctx);
}

int resolve_new(struct resolve **ret_resolve, struct ring *ring, struct timers *timers,
                const struct resolve_options *options)
{
    static const struct resolve_options none = { 0 };
    struct resolve *resolve = calloc(1, sizeof(*resolve));
    int r;

    if (!resolve)
        return -ENOMEM;
    if (!options)
        options = &none;
    resolve->ring = ring;
    resolve->ttl_min_ns = options->ttl_min_ns ? options->ttl_min_ns : TTL_MIN_NS_DEFAULT;
    resolve->ttl_max_ns = options->ttl_max_ns ? options->ttl_max_ns : TTL_MAX_NS_DEFAULT;
    resolve->negative_ttl_ns =
        options->negative_ttl_ns ? options->negative_ttl_ns : NEGATIVE_TTL_NS_DEFAULT;
    list_init(&resolve->queued);
    list_init(&resolve->queued_single);
    list_init(&resolve->answered);
    list_init(&resolve->stranded);
    resolve->deferred.run = resolve_run;
    resolve_cache_init(&resolve->cache,
                       options->cache_entries_max ? options->cache_entries_max
                                                  : CACHE_ENTRIES_DEFAULT,
                       ring_random(ring));
    r = resolve_dns_init(&resolve->dns, ring, timers, options);
    if (resolve_dns_init(&resolve->single, ring, timers, options) < 0)
        r = -ENOMEM;
    resolve->dns.ctx = resolve->single.ctx = resolve;
    resolve->dns.on_room = resolve->single.on_room = resolve_on_room;
    if (r == 0)
        r = resolve_hosts_init(&resolve->hosts, options->hosts_path && *options->hosts_path
                                                    ? options->hosts_path
                                                    : "/etc/hosts");
    if (r < 0) {
        resolve_free(resolve);
        return r;
    }
    *ret_resolve = resolve;
    return 0;
}

static void resolve_drop_waiters(struct resolve *resolve)
{
    struct resolve_entry *entry = NULL;

    while (list_pop(&resolve->stranded))
        continue;
    while ((entry = resolve_cache_next(&resolve->cache, entry))) {
        while (list_pop(&entry->waiters))
            continue;
    }
}

static void resolve_drop_queued(struct resolve *resolve, struct list *queued)
{
    struct list *link;

    while ((link = list_pop(queued)))
        resolve_cache_remove(&resolve->cache, container_of(link, struct resolve_entry, link));
}

void resolve_shutdown(struct resolve *resolve)
{
    resolve->shut_down = true;
    resolve_drop_waiters(resolve);
    resolve_drop_queued(resolve, &resolve->queued);
    resolve_drop_queued(resolve, &resolve->queued_single);
    resolve_dns_shutdown(&resolve->dns);
    resolve_dns_shutdown(&resolve->single);
}

bool resolve_is_idle(const struct resolve *resolve)
{
    return resolve_dns_is_idle(&resolve->dns) && resolve_dns_is_idle(&resolve->single) &&
           !resolve->deferred.pending;
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    resolve_drop_waiters(resolve);
    resolve_dns_shutdown(&resolve->dns);
    resolve_dns_shutdown(&resolve->single);
    ring_undefer(&resolve->deferred);
    resolve_dns_deinit(&resolve->dns);
    resolve_dns_deinit(&resolve->single);
    resolve_hosts_deinit(&resolve->hosts);
    resolve_cache_deinit(&resolve->cache);
    free(resolve);
}

const struct resolve_counters *resolve_counters(const struct resolve *resolve)
{
    return &resolve->counters;
}

void resolve_check(const struct resolve *resolve)
{
    const struct resolve_entry *entry = NULL;
    unsigned asked = 0;

    resolve_cache_check(&resolve->cache);
    while ((entry = resolve_cache_next(&resolve->cache, entry))) {
        asked += entry->state == RESOLVE_ENTRY_ASKED;
        for (struct list *link = entry->waiters.next; link != &entry->waiters; link = link->next)
            assert(container_of(link, struct resolve_query, link)->entry == entry);
    }
    assert(asked == resolve->dns.questions_open + resolve->single.questions_open);
    resolve_dns_check(&resolve->dns);
    resolve_dns_check(&resolve->single);
    assert(resolve->single.young_count <= 1);
}
