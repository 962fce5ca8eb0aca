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
 * resolv.conf apply, as they do for every other program; the HOSTALIASES variable does not.
 *
 * Written for the interface of c-ares 1.18, which later versions keep. Where there is a query cache
 * (1.31), it is switched off: resolve_cache.c is ours.
 */
#include "resolve_dns.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define CHECK_INTERVAL_NS 1000000000ull
#define TIMEOUT_NS_DEFAULT 2000000000ull
#define TRIES_DEFAULT 2

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

/* Brings polls and timer in line with what c-ares wants now. */
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
    dns->has_channel = false;
    dns_settle(dns);
}

static bool dns_has_one_server(const struct resolve_dns *dns)
{
    struct ares_addr_port_node *servers = NULL;
    bool one;

    if (ares_get_servers_ports(dns->channel, &servers) != ARES_SUCCESS)
        return false;
    one = servers && !servers->next;
    ares_free_data(servers);
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
    if (dns->servers)
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
    status = dns_init_channel(dns, ARES_FLAG_NOALIASES);
    if (status != ARES_SUCCESS || !dns_has_one_server(dns))
        return status;
    dns_close_channel(dns);
    return dns_init_channel(dns, ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP);
}

/* What a failed question means to the item that waits for it. */
static void explain(int status, enum resolve_family family, struct resolve_dns_answer *ret_answer)
{
    static const struct {
        int status;
        enum fault_code code;
        bool is_negative;
        int error;
        const char *why;
    } rows[] = {
        { ARES_ENOTFOUND, FAULT_DNS_NOT_FOUND, true, 0, "no such host" },
        { ARES_ENODATA, FAULT_DNS_NOT_FOUND, true, 0, "the name has no address" },
        { ARES_EBADNAME, FAULT_DNS_NOT_FOUND, true, 0, "the name is not valid in DNS" },
        { ARES_EFORMERR, FAULT_DNS_FAILED, false, 0, "the DNS server did not take the question" },
        { ARES_ESERVFAIL, FAULT_DNS_FAILED, false, 0, "the DNS server failed (SERVFAIL)" },
        { ARES_ENOTIMP, FAULT_DNS_FAILED, false, 0, "the DNS server cannot answer (NOTIMP)" },
        { ARES_EREFUSED, FAULT_DNS_FAILED, false, 0, "the DNS server refused to answer (REFUSED)" },
        { ARES_EBADRESP, FAULT_DNS_FAILED, false, 0, "the DNS answer is malformed" },
        { ARES_ETIMEOUT, FAULT_TIMEOUT_DNS, false, ETIMEDOUT, "no DNS server answered in time" },
        { ARES_ECONNREFUSED, FAULT_DNS_FAILED, false, 0,
          "no DNS server could be reached, or each of them failed" },
        { ARES_ENOMEM, FAULT_LOCAL_NO_MEMORY, false, ENOMEM, NULL },
        { ARES_ECANCELLED, FAULT_DNS_FAILED, false, 0, "the question was dropped" },
        { ARES_EDESTRUCTION, FAULT_DNS_FAILED, false, 0, "the question was dropped" },
    };
    static const char *const no_address[] = { [RESOLVE_ANY] = "the name has no address",
                                              [RESOLVE_IPV4] = "the name has no IPv4 address",
                                              [RESOLVE_IPV6] = "the name has no IPv6 address" };

    ret_answer->fault = (struct fault){ .code = FAULT_DNS_FAILED, .phase = PHASE_DNS };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status != status)
            continue;
        ret_answer->fault.code = (uint16_t)rows[i].code;
        ret_answer->fault.error = rows[i].error;
        ret_answer->fault.why = status == ARES_ENODATA ? no_address[family] : rows[i].why;
        ret_answer->is_negative = rows[i].is_negative;
    }
}

/* Copies up to max addresses of one family, and lowers *ttl to theirs. */
static unsigned take_family(const struct ares_addrinfo *info, int family,
                            struct resolve_address *ret_addresses, unsigned max, int *ttl)
{
    unsigned count = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node && count < max;
         node = node->ai_next) {
        struct resolve_address *address = &ret_addresses[count];

        if (node->ai_family != family)
            continue;
        *address = (struct resolve_address){ .family = family == AF_INET ? 4 : 6 };
        if (family == AF_INET) {
            memcpy(address->bytes,
                   &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
        } else {
            const struct sockaddr_in6 *six = (const void *)node->ai_addr;

            memcpy(address->bytes, &six->sin6_addr, 16);
            address->scope = six->sin6_scope_id;
        }
        if (node->ai_ttl < *ttl)
            *ttl = node->ai_ttl;
        count++;
    }
    return count;
}

/* Up to half the room for each family, more when the other needs less. */
static void take_addresses(const struct ares_addrinfo *info, struct resolve_dns_answer *ret_answer)
{
    struct resolve_address six[RESOLVE_ADDRESSES_MAX];
    int ttl = INT32_MAX;
    unsigned fours = take_family(info, AF_INET, ret_answer->addresses, RESOLVE_ADDRESSES_MAX, &ttl);
    unsigned sixes = take_family(info, AF_INET6, six, RESOLVE_ADDRESSES_MAX, &ttl);
    unsigned half = RESOLVE_ADDRESSES_MAX / 2;

    if (fours + sixes > RESOLVE_ADDRESSES_MAX) {
        if (sixes < half)
            fours = RESOLVE_ADDRESSES_MAX - sixes;
        else if (fours > half)
            fours = half;
        sixes = RESOLVE_ADDRESSES_MAX - fours;
    }
    memcpy(ret_answer->addresses + fours, six, sixes * sizeof(six[0]));
    ret_answer->addresses_count = fours + sixes;
    for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next) {
        if (cname->ttl < ttl)
            ttl = cname->ttl;
    }
    ret_answer->ttl_seconds = ttl > 0 ? (uint32_t)ttl : 0;
}

/* c-ares' own. */
static void dns_on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolve_dns_question *question = ctx;
    struct resolve_dns_answer answer = { .addresses_count = 0 };

    (void)timeouts; /* of servers that were given up on the way */
    if (status == ARES_SUCCESS) {
        take_addresses(info, &answer);
        if (answer.addresses_count == 0)
            status = ARES_ENODATA;
    }
    ares_freeaddrinfo(info);
    if (status != ARES_SUCCESS)
        explain(status, question->family, &answer);
    question->dns->questions_open--;
    question->answered(question, &answer);
}

bool resolve_dns_can_ask(struct resolve_dns *dns)
{
    dns_check_config(dns);
    if (dns->config_changed && dns->questions_open == 0) {
        dns_close_channel(dns);
        dns->config_changed = false;
    }
    return !dns->config_changed && dns->questions_open < RESOLVE_DNS_QUESTIONS_MAX;
}

void resolve_dns_ask(struct resolve_dns *dns, struct resolve_dns_question *question,
                     const char *host, enum resolve_family family)
{
    static const int families[] = {
        [RESOLVE_ANY] = AF_UNSPEC, [RESOLVE_IPV4] = AF_INET, [RESOLVE_IPV6] = AF_INET6
    };
    const struct ares_addrinfo_hints hints = { .ai_family = families[family],
                                               .ai_socktype = SOCK_STREAM,
                                               .ai_flags = ARES_AI_NOSORT };
    struct resolve_dns_answer answer = { .addresses_count = 0 };
    int status;

    question->dns = dns;
    question->family = family;
    status = dns->has_channel ? ARES_SUCCESS : dns_open_channel(dns);
    if (status != ARES_SUCCESS) {
        explain(status, family, &answer);
        if (status != ARES_ENOMEM)
            answer.fault.why = "the resolver could not be set up";
        question->answered(question, &answer);
        return;
    }
    dns->questions_open++;
    ares_getaddrinfo(dns->channel, host, NULL, &hints, dns_on_answer, question);
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
    timer_init(&dns->timer, dns_on_timer);
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
