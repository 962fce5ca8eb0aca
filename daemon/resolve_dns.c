/*
 * resolve_dns.c - c-ares driven by one-shot polls and one timer.
 *
 * c-ares tells us which of its sockets it wants to read or write, and closes a socket right after
 * telling us that it wants nothing any more. So its callback only takes notes, and after every call
 * into c-ares dns_settle compares the notes with the polls in flight: it arms, or cancels what is
 * armed for something else. A poll is memory the kernel still knows: a closed socket's slot lives
 * until its poll has come back, and a new socket under the same number gets a slot of its own.
 *
 * We ask for addresses with ARES_AI_NOSORT, because sorting opens sockets behind the ring's back,
 * and with DNS as the only source: the hosts file is read by resolve_hosts.c. Search domains of
 * resolv.conf apply, as they do for every other program. Of the environment nothing does: whoever
 * starts a daemon must not lead its clients elsewhere by accident.
 *
 * Written for the interface of c-ares 1.18, which later versions keep. Where there is a query cache
 * (1.31), it is switched off: resolve_cache.c is ours. Where one malformed datagram would fail all
 * questions (1.34), c-ares does not see it: resolve_sockets.c.
 */
#include "resolve_dns.h"

#include "resolve_answer.h"
#include "resolve_sockets.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define CHECK_INTERVAL_NS 1000000000ull
#define TIMEOUT_NS_DEFAULT 2000000000ull
#define TRIES_DEFAULT 2
#define SLOW_NS 250000000ull
#define ALONE_TTL_SECONDS_MAX 10u /* of IPv4 addresses alone: soon both are asked for again */

/* A question in c-ares: once, or once more for the IPv4 addresses alone. */
struct dns_search {
    struct list link; /* linked: young */
    struct resolve_dns *dns;
    struct resolve_dns_question *question; /* NULL: it has its answer */
    enum resolve_family family;
    uint64_t asked_ns;
    unsigned calls; /* without an end; > 0 keeps us alive */
    char host[];
};

struct dns_socket {
    struct ring_op op;
    struct list link;
    struct resolve_dns *dns;
    ares_socket_t fd;
    unsigned wanted; /* poll events */
    unsigned armed;  /* valid while op is in flight */
    bool cancelling; /* valid while op is in flight */
    bool closed;     /* by c-ares: fd may be another socket by now */
};

static void dns_process(struct resolve_dns *dns, ares_socket_t read_fd, ares_socket_t write_fd);

/* One poll has ended. */
static void dns_socket_on_poll(struct ring_op *op, const struct ring_event *event)
{
    struct dns_socket *s = container_of(op, struct dns_socket, op);
    struct resolve_dns *dns = s->dns;
    /* An error is for c-ares to find: it reads and writes and sees. */
    unsigned events = event->result >= 0 ? (unsigned)event->result : s->armed;
    unsigned trouble = POLLERR | POLLHUP | POLLNVAL;
    bool readable = (s->wanted & POLLIN) && (events & (POLLIN | trouble));
    bool writable = (s->wanted & POLLOUT) && (events & (POLLOUT | trouble));

    if (s->closed || event->result == -ECANCELED)
        readable = writable = false;
    dns_process(dns, readable ? s->fd : ARES_SOCKET_BAD, writable ? s->fd : ARES_SOCKET_BAD);
}

/* c-ares' own: takes notes only. */
static void dns_on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolve_dns *dns = ctx;
    unsigned wanted = (readable ? POLLIN : 0u) | (writable ? POLLOUT : 0u);
    struct dns_socket *s;

    for (struct list *link = dns->sockets.next; link != &dns->sockets; link = link->next) {
        s = container_of(link, struct dns_socket, link);
        if (s->fd == fd && !s->closed) {
            s->wanted = wanted;
            s->closed = wanted == 0;
            return;
        }
    }
    if (wanted == 0)
        return;
    s = calloc(1, sizeof(*s));
    if (!s)
        return; /* not polled: its question ends by time */
    s->op.done = dns_socket_on_poll;
    s->dns = dns;
    s->fd = fd;
    s->wanted = wanted;
    list_link_back(&dns->sockets, &s->link);
}

static void dns_settle_socket(struct resolve_dns *dns, struct dns_socket *s)
{
    if (s->op.in_flight) {
        if (!s->cancelling && (s->closed || s->armed != s->wanted)) {
            s->cancelling = true;
            ring_cancel(dns->ring, &s->op);
        }
    } else if (s->closed) {
        list_unlink(&s->link);
        free(s);
    } else {
        s->armed = s->wanted;
        s->cancelling = false;
        ring_poll(dns->ring, &s->op, s->fd, s->wanted);
    }
}

static void dns_arm_slow_timer(struct resolve_dns *dns)
{
    struct list *oldest = list_first(&dns->young);

    if (oldest)
        timers_arm(dns->timers, &dns->slow_timer,
                   container_of(oldest, struct dns_search, link)->asked_ns + SLOW_NS);
    else
        timers_disarm(dns->timers, &dns->slow_timer);
}

/* Brings polls and timers in line with what c-ares wants now, and with who is young. */
static void dns_settle(struct resolve_dns *dns)
{
    struct timeval left;
    struct list *link, *next;

    for (link = dns->sockets.next; link != &dns->sockets; link = next) {
        next = link->next;
        dns_settle_socket(dns, container_of(link, struct dns_socket, link));
    }
    if (dns->has_channel && ares_timeout(dns->channel, NULL, &left))
        timers_arm(dns->timers, &dns->timer,
                   ring_now_ns(dns->ring) + (uint64_t)left.tv_sec * 1000000000 +
                       (uint64_t)left.tv_usec * 1000);
    else
        timers_disarm(dns->timers, &dns->timer);
    dns_arm_slow_timer(dns);
}

static void dns_process(struct resolve_dns *dns, ares_socket_t read_fd, ares_socket_t write_fd)
{
    if (dns->has_channel)
        ares_process_fd(dns->channel, read_fd, write_fd);
    dns_settle(dns);
}

static void dns_on_timer(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns; /* c-ares reads a clock of its own */
    dns_process(container_of(timer, struct resolve_dns, timer), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* Notes whether resolv.conf is another file than at the last channel; at most once a second. */
static void dns_check_config(struct resolve_dns *dns)
{
    uint64_t now_ns = ring_now_ns(dns->ring);
    struct stat status = { 0 };

    if (dns->servers || (dns->checked_ns != 0 && now_ns - dns->checked_ns < CHECK_INTERVAL_NS))
        return;
    dns->checked_ns = now_ns;
    if (stat(RESOLV_CONF, &status) < 0)
        status = (struct stat){ 0 }; /* none is a state like another */
    if (status.st_ino == dns->config_inode &&
        status.st_mtim.tv_sec == dns->config_modified.tv_sec &&
        status.st_mtim.tv_nsec == dns->config_modified.tv_nsec)
        return;
    dns->config_inode = status.st_ino;
    dns->config_modified = status.st_mtim;
    dns->config_changed = true;
}

static void dns_close_channel(struct resolve_dns *dns)
{
    if (!dns->has_channel)
        return;
    /* Ends open questions with ARES_EDESTRUCTION and reports its sockets as closed. */
    ares_destroy(dns->channel);
    assert(dns->calls_open == 0 && dns->young_count == 0);
    dns->has_channel = false;
    dns_settle(dns);
}

static bool dns_has_one_server(const struct resolve_dns *dns)
{
    bool one;

#if ARES_VERSION >= 0x011800 /* 1.24; deprecates the other */
    char *servers = ares_get_servers_csv(dns->channel);

    one = servers && *servers && !strchr(servers, ',');
    ares_free_string(servers);
#else
    struct ares_addr_port_node *servers = NULL;

    if (ares_get_servers_ports(dns->channel, &servers) != ARES_SUCCESS)
        return false;
    one = servers && !servers->next;
    ares_free_data(servers);
#endif
    return one;
}

/* An ARES_ status. */
static int dns_init_channel(struct resolve_dns *dns, int flags)
{
    char lookups[] = "b"; /* DNS only */
    struct ares_options options = { .flags = flags,
                                    .timeout = dns->timeout_ms,
                                    .tries = dns->tries,
                                    .lookups = lookups,
                                    .sock_state_cb = dns_on_socket_state,
                                    .sock_state_cb_data = dns };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
               ARES_OPT_SOCK_STATE_CB;
    int status;

#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE; /* options.qcache_max_ttl is 0: off */
#endif
    status = ares_init_options(&dns->channel, &options, mask);
    if (status != ARES_SUCCESS)
        return status;
    dns->has_channel = true;
    status = resolve_sockets_guard(dns->channel);
    if (status == ARES_SUCCESS && dns->servers)
        status = ares_set_servers_ports_csv(dns->channel, dns->servers);
    if (status != ARES_SUCCESS)
        dns_close_channel(dns);
    return status;
}

/* An ARES_ status. SERVFAIL, NOTIMP and REFUSED send c-ares to the next server, which is what we
 * want of several; but 1.18 then forgets the reason. With a single server there is nobody else to
 * ask, and NOCHECKRESP brings the reason. */
static int dns_open_channel(struct resolve_dns *dns)
{
    int status = ARES_SUCCESS;

    if (!dns->has_library)
        status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        return status;
    dns->has_library = true;
    /* c-ares has a flag against HOSTALIASES only. */
    (void)unsetenv("LOCALDOMAIN");
    (void)unsetenv("RES_OPTIONS"); /* both fail only for malformed names */
    status = dns_init_channel(dns, ARES_FLAG_NOALIASES);
    if (status != ARES_SUCCESS || !dns_has_one_server(dns))
        return status;
    dns_close_channel(dns);
    return dns_init_channel(dns, ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP);
}

static void dns_search_leave_young(struct dns_search *search)
{
    if (!list_is_linked(&search->link))
        return;
    list_unlink(&search->link);
    search->dns->young_count--;
}

static void dns_search_answer(struct dns_search *search, const struct resolve_dns_answer *answer)
{
    struct resolve_dns_question *question = search->question;

    dns_search_leave_young(search);
    search->question = NULL;
    search->dns->questions_open--;
    question->answered(question, answer);
}

static void dns_search_end_call(struct dns_search *search)
{
    search->dns->calls_open--;
    if (--search->calls == 0)
        free(search);
}

/* c-ares' own. */
static void dns_on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_search *search = ctx;
    struct resolve_dns_answer answer = { .addresses_count = 0 };

    (void)timeouts; /* of servers that were given up on the way */
    if (status == ARES_SUCCESS) {
        resolve_answer_take(info, &answer);
        if (answer.addresses_count == 0)
            status = ARES_ENODATA;
    }
    ares_freeaddrinfo(info);
    if (status != ARES_SUCCESS)
        resolve_answer_explain(status, search->family, &answer);
    answer.failed_together = status == ARES_ECONNREFUSED;
    if (search->question)
        dns_search_answer(search, &answer);
    dns_search_end_call(search);
}

/* The same for the IPv4 addresses alone: only they count, why there are none is for the other call
 * to say. */
static void dns_on_answer_alone(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct dns_search *search = ctx;
    struct resolve_dns_answer answer = { .addresses_count = 0 };

    (void)timeouts;
    if (status == ARES_SUCCESS)
        resolve_answer_take(info, &answer);
    ares_freeaddrinfo(info);
    if (answer.ttl_seconds > ALONE_TTL_SECONDS_MAX)
        answer.ttl_seconds = ALONE_TTL_SECONDS_MAX;
    if (search->question && answer.addresses_count > 0)
        dns_search_answer(search, &answer);
    dns_search_end_call(search);
}

static void dns_call(struct dns_search *search, int family, ares_addrinfo_callback done)
{
    const struct ares_addrinfo_hints hints = { .ai_family = family,
                                               .ai_socktype = SOCK_STREAM,
                                               .ai_flags = ARES_AI_NOSORT };

    search->calls++;
    search->dns->calls_open++;
    ares_getaddrinfo(search->dns->channel, search->host, NULL, &hints, done, search);
}

static void dns_on_slow(struct timer *timer, uint64_t now_ns)
{
    struct resolve_dns *dns = container_of(timer, struct resolve_dns, slow_timer);
    struct list *oldest;

    while ((oldest = list_first(&dns->young))) {
        struct dns_search *search = container_of(oldest, struct dns_search, link);

        if (search->asked_ns + SLOW_NS > now_ns)
            break;
        dns_search_leave_young(search);
        if (search->family == RESOLVE_ANY && dns->calls_open < RESOLVE_DNS_CALLS_MAX)
            dns_call(search, AF_INET, dns_on_answer_alone);
    }
    dns_settle(dns);
    dns->on_room(dns);
}

bool resolve_dns_can_ask(struct resolve_dns *dns)
{
    dns_check_config(dns);
    if (dns->config_changed && dns->questions_open == 0) {
        dns_close_channel(dns);
        dns->config_changed = false;
    }
    return !dns->config_changed && dns->young_count < RESOLVE_DNS_BURST_MAX &&
           dns->calls_open < RESOLVE_DNS_CALLS_MAX;
}

static void dns_refuse(struct resolve_dns_question *question, int status, const char *why)
{
    struct resolve_dns_answer answer = { .addresses_count = 0 };

    resolve_answer_explain(status, RESOLVE_ANY, &answer);
    if (status != ARES_ENOMEM)
        answer.fault.why = why;
    question->answered(question, &answer);
}

void resolve_dns_ask(struct resolve_dns *dns, struct resolve_dns_question *question,
                     const char *host, enum resolve_family family)
{
    static const int families[] = {
        [RESOLVE_ANY] = AF_UNSPEC, [RESOLVE_IPV4] = AF_INET, [RESOLVE_IPV6] = AF_INET6
    };
    int status = dns->has_channel ? ARES_SUCCESS : dns_open_channel(dns);
    size_t host_bytes = strlen(host) + 1;
    struct dns_search *search = NULL;

    question->dns = dns;
    if (status == ARES_SUCCESS) {
        search = malloc(sizeof(*search) + host_bytes);
        if (!search)
            status = ARES_ENOMEM;
    }
    if (status != ARES_SUCCESS) {
        dns_refuse(question, status, "the resolver could not be set up");
        return;
    }
    *search = (struct dns_search){
        .dns = dns, .question = question, .family = family, .asked_ns = ring_now_ns(dns->ring)
    };
    memcpy(search->host, host, host_bytes);
    list_link_back(&dns->young, &search->link);
    dns->young_count++;
    dns->questions_open++;
    dns_call(search, families[family], dns_on_answer);
    dns_settle(dns);
}

int resolve_dns_init(struct resolve_dns *dns, struct ring *ring, struct timers *timers,
                     const struct resolve_options *options)
{
    uint64_t timeout_ns = options->timeout_ns ? options->timeout_ns : TIMEOUT_NS_DEFAULT;

    *dns = (struct resolve_dns){ .ring = ring, .timers = timers };
    dns->timeout_ms = timeout_ns > 3600000000000 ? 3600000 : (int)((timeout_ns + 999999) / 1000000);
    dns->tries = options->tries > 0 && options->tries < 100 ? (int)options->tries : TRIES_DEFAULT;
    list_init(&dns->sockets);
    list_init(&dns->young);
    timer_init(&dns->timer, dns_on_timer);
    timer_init(&dns->slow_timer, dns_on_slow);
    if (options->servers && *options->servers) {
        dns->servers = strdup(options->servers);
        if (!dns->servers)
            return -ENOMEM;
    }
    return 0;
}

void resolve_dns_shutdown(struct resolve_dns *dns)
{
    dns_close_channel(dns);
}

bool resolve_dns_is_idle(const struct resolve_dns *dns)
{
    return !dns->has_channel && list_is_empty(&dns->sockets);
}

void resolve_dns_deinit(struct resolve_dns *dns)
{
    assert(resolve_dns_is_idle(dns));
    if (dns->has_library)
        ares_library_cleanup();
    dns->has_library = false;
    free(dns->servers);
    dns->servers = NULL;
}

void resolve_dns_check(const struct resolve_dns *dns)
{
    assert(dns->questions_open <= dns->calls_open);
    assert(dns->young_count <= RESOLVE_DNS_BURST_MAX);
    assert(dns->calls_open <= RESOLVE_DNS_CALLS_MAX);
}
