/*
 * dial.c - look up, then one address after another until one answers.
 *
 *   start -> resolving (DNS timeout) -> connecting (one timeout over all addresses)
 *         -> securing (TLS only, its own timeout) -> open | failed
 *
 * A handshake that fails is the server's answer, not the address's: no other address is tried.
 *
 * An address that the route's policy denies is passed over as if it had not been among them: no
 * socket is made for it, and it is told only if no other was there to try.
 *
 * A shortage of our own machine (descriptors, ports, memory) is not the address's fault: the dial
 * tries again every DIAL_SHORTAGE_RETRY_NS until its connect timeout, and then says local/..., so
 * that nobody blames the origin.
 */
#include "dial.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>

#define DIAL_SHORTAGE_RETRY_NS 20000000ull

static void dial_on_conn_closed(void *ctx, struct conn *conn, int error, bool while_sending);

static bool fault_is_shortage(enum fault_code code)
{
    return code == FAULT_LOCAL_NO_DESCRIPTORS || code == FAULT_LOCAL_NO_PORTS ||
           code == FAULT_LOCAL_NO_MEMORY;
}

static void dial_end(struct dial *dial)
{
    dial->active = false;
    dial->resolving = false;
    tls_session_free(dial->resume);
    dial->resume = NULL;
    timers_disarm(dial->dialer->timers, &dial->timer);
    ring_undefer(&dial->later);
}

static void dial_fail(struct dial *dial)
{
    dial_end(dial);
    dial->events->failed(dial, &dial->fault);
}

/* The last failure is the one that is told: the address that was most worth trying came first, but
 * what the user can act on is why the final try failed. */
static void dial_note(struct dial *dial, enum fault_code code, int error, const char *why)
{
    dial->fault =
        (struct fault){ .code = code, .phase = dial_phase(dial), .error = error, .why = why };
}

static void dial_on_conn_connected(void *ctx, struct conn *conn, uint64_t connected_ns)
{
    struct dial *dial = ctx;

    (void)conn; /* dial->conn, or about to be */
    dial->connected_ns = connected_ns;
    dial->deadline_ns = connected_ns + dial->options.tls_timeout_ns;
    timers_arm(dial->dialer->timers, &dial->timer, dial->deadline_ns);
}

static void dial_on_conn_ready(void *ctx, struct conn *conn, uint64_t ready_ns)
{
    struct dial *dial = ctx;

    if (dial->route.tls)
        dial->tls_ns = ready_ns;
    else
        dial->connected_ns = ready_ns;
    dial->conn = NULL;
    dial_end(dial);
    dial->events->open(dial, conn);
}

static const struct conn_events dial_conn_events = {
    .connected = dial_on_conn_connected,
    .ready = dial_on_conn_ready,
    .closed = dial_on_conn_closed,
};

static bool parse_local_address(const char *text, union conn_address *ret, socklen_t *ret_bytes)
{
    *ret = (union conn_address){ 0 };
    if (inet_pton(AF_INET, text, &ret->ipv4.sin_addr) == 1) {
        ret->ipv4.sin_family = AF_INET;
        *ret_bytes = sizeof(ret->ipv4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &ret->ipv6.sin6_addr) == 1) {
        ret->ipv6.sin6_family = AF_INET6;
        *ret_bytes = sizeof(ret->ipv6);
        return true;
    }
    return false;
}

static socklen_t dial_target_address(const struct dial *dial, union conn_address *ret)
{
    const struct resolve_address *from = &dial->addresses[dial->address_index];

    *ret = (union conn_address){ 0 };
    if (dial->route.unix_path) {
        ret->local.sun_family = AF_UNIX;
        strncpy(ret->local.sun_path, dial->route.unix_path, sizeof(ret->local.sun_path) - 1);
        return sizeof(ret->local);
    }
    if (from->family == 4) {
        ret->ipv4.sin_family = AF_INET;
        ret->ipv4.sin_port = htons(dial->route.port);
        memcpy(&ret->ipv4.sin_addr, from->bytes, 4);
        return sizeof(ret->ipv4);
    }
    ret->ipv6.sin6_family = AF_INET6;
    ret->ipv6.sin6_port = htons(dial->route.port);
    ret->ipv6.sin6_scope_id = from->scope;
    memcpy(&ret->ipv6.sin6_addr, from->bytes, 16);
    return sizeof(ret->ipv6);
}

/* Opens a socket to the address at address_index: 0 or -errno. */
static int dial_connect(struct dial *dial)
{
    union conn_address address, local;
    struct conn_target target = { .address = &address };
    int r;

    if (dial->route.unix_path && strlen(dial->route.unix_path) >= sizeof(address.local.sun_path))
        return -ENAMETOOLONG;
    target.address_bytes = dial_target_address(dial, &address);
    if (dial->route.interface) {
        if (!parse_local_address(dial->route.interface, &local, &target.local_bytes))
            return -EINVAL;
        target.local = &local;
    }
    if (dial->route.tls) {
        r = tls_new(dial->route.tls, span_of_string(dial->route.server_name), dial->resume,
                    &target.tls);
        dial->resume = NULL;
        if (r < 0)
            return r == -EINVAL ? -EDESTADDRREQ : r;
    }
    r = conn_open(dial->dialer->conns, &target, &dial_conn_events, dial, &dial->conn);
    if (r < 0)
        tls_free(target.tls);
    return r;
}

/* After the failure noted in fault: what comes next. True: address_index names an address to try
 * now. False: the dial has failed, or waits for a shortage to pass. */
static bool dial_goes_on(struct dial *dial)
{
    uint64_t retry_ns = ring_now_ns(dial->dialer->ring) + DIAL_SHORTAGE_RETRY_NS;

    if (fault_is_shortage(dial->fault.code) && retry_ns < dial->deadline_ns) {
        timers_arm(dial->dialer->timers, &dial->timer, retry_ns);
        return false;
    }
    dial->address_index++;
    if (dial->address_index < dial->addresses_count)
        return true;
    dial_fail(dial);
    return false;
}

/* No socket could be had, or not as the route wants it. */
static void dial_note_refused(struct dial *dial, int error)
{
    if (error == EDESTADDRREQ)
        dial_note(dial, FAULT_INPUT_URL, 0, "no certificate can be for this host");
    else if (error == ENAMETOOLONG)
        dial_note(dial, FAULT_INPUT_ARGUMENT, error, "a unix socket's path has at most 107 bytes");
    else if (error == EINVAL && dial->route.interface)
        dial_note(dial, FAULT_INPUT_ARGUMENT, error, "--interface takes a local IP address");
    else if (error == EADDRNOTAVAIL && dial->route.interface)
        dial_note(dial, FAULT_INPUT_ARGUMENT, error, "--interface is no address of this machine");
    else
        dial_note(dial, fault_of_connect_errno(error), error, NULL);
}

/* Each address is asked about here, on its way to a socket, wherever it came from. */
static bool dial_is_denied(struct dial *dial)
{
    const struct resolve_address *address = &dial->addresses[dial->address_index];

    if (!policy_denies(dial->route.policy, address->family, address->bytes, dial->words))
        return false;
    if (!fault_is_set(&dial->fault))
        dial_note(dial, FAULT_POLICY_DENIED, 0, dial->words);
    return true;
}

static void dial_try(struct dial *dial)
{
    int r;

    if (!dial->addresses_count) {
        dial_fail(dial);
        return;
    }
    do {
        if (!dial_is_denied(dial)) {
            r = dial_connect(dial);
            if (r == 0)
                return;
            dial_note_refused(dial, -r);
        }
    } while (dial_goes_on(dial));
}

/* The handshake did not come to its end. The words are the conn's. */
static void dial_end_unsecured(struct dial *dial, struct conn *conn, int error)
{
    if (fault_is_set(&conn->fault))
        dial->fault = conn->fault;
    else
        dial_note(dial, FAULT_TLS_HANDSHAKE, error, "the server hung up during the handshake");
    dial_fail(dial);
    conn_close(conn);
}

static void dial_on_conn_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    struct dial *dial = ctx;

    (void)while_sending; /* nothing is sent while dialing */
    if (dial->connected_ns) {
        dial->conn = NULL;
        dial_end_unsecured(dial, conn, error);
        return;
    }
    conn_close(conn);
    dial->conn = NULL;
    dial_note(dial, fault_of_connect_errno(error), error, NULL);
    if (dial_goes_on(dial))
        dial_try(dial);
}

static void dial_on_timer(struct timer *timer, uint64_t now_ns)
{
    struct dial *dial = container_of(timer, struct dial, timer);

    if (dial->resolving) {
        resolve_cancel(dial->dialer->resolve, &dial->query);
        dial_note(dial, FAULT_TIMEOUT_DNS, ETIMEDOUT, NULL);
        dial_fail(dial);
    } else if (!dial->conn && now_ns >= dial->deadline_ns) {
        dial_fail(dial); /* the shortage has not passed: that is the fault, not the time */
    } else if (dial->conn) {
        dial_note(dial, dial->connected_ns ? FAULT_TIMEOUT_TLS : FAULT_TIMEOUT_CONNECT, ETIMEDOUT,
                  NULL);
        conn_close(dial->conn);
        dial->conn = NULL;
        dial_fail(dial);
    } else {
        timers_arm(dial->dialer->timers, &dial->timer, dial->deadline_ns);
        dial_try(dial);
    }
}

static void dial_connect_all(struct dial *dial)
{
    uint64_t now_ns = ring_now_ns(dial->dialer->ring);

    dial->resolving = false;
    dial->resolved_ns = now_ns;
    dial->deadline_ns = now_ns + dial->options.connect_timeout_ns;
    timers_arm(dial->dialer->timers, &dial->timer, dial->deadline_ns);
    dial_try(dial);
}

static void dial_on_resolved(struct resolve_query *query, const struct fault *fault,
                             const struct resolve_address *addresses, unsigned addresses_count)
{
    struct dial *dial = container_of(query, struct dial, query);

    if (fault_is_set(fault)) {
        dial->fault = *fault;
        dial_fail(dial);
        return;
    }
    if (addresses_count > RESOLVE_ADDRESSES_MAX)
        addresses_count = RESOLVE_ADDRESSES_MAX;
    memcpy(dial->addresses, addresses, addresses_count * sizeof(*addresses));
    dial->addresses_count = addresses_count;
    dial_connect_all(dial);
}

static bool dial_take_literal(struct dial *dial)
{
    struct resolve_address *address = &dial->addresses[0];
    const char *host = dial->route.host;
    enum resolve_family family = dial->route.family;

    *address = (struct resolve_address){ 0 };
    if (dial->route.unix_path)
        address->family = 1;
    else if (inet_pton(AF_INET, host, address->bytes) == 1)
        address->family = 4;
    else if (inet_pton(AF_INET6, host, address->bytes) == 1)
        address->family = 6;
    else
        return false;
    dial->addresses_count = 1;
    if ((family == RESOLVE_IPV4 && address->family == 6) ||
        (family == RESOLVE_IPV6 && address->family == 4)) {
        dial_note(dial, FAULT_DNS_NOT_FOUND, 0, "the address is not of the wanted IP version");
        dial->addresses_count = 0;
    }
    return true;
}

/* The first step runs from the deferred list, so that no event comes inside dial_start. */
static void dial_begin(struct ring_deferred *deferred)
{
    struct dial *dial = container_of(deferred, struct dial, later);
    struct resolve *resolve = dial->dialer->resolve;
    int count;

    dial->resolving = true;
    if (dial_take_literal(dial)) {
        dial_connect_all(dial);
        return;
    }
    count = resolve_lookup(resolve, dial->route.host, dial->route.family, dial->addresses,
                           &dial->fault);
    if (count > 0) {
        dial->addresses_count = (unsigned)count;
        dial_connect_all(dial);
    } else if (count < 0) {
        dial_fail(dial);
    } else {
        timers_arm(dial->dialer->timers, &dial->timer,
                   ring_now_ns(dial->dialer->ring) + dial->options.dns_timeout_ns);
        dial->query.done = dial_on_resolved;
        resolve_start(resolve, &dial->query, dial->route.host, dial->route.family);
    }
}

void dial_start(struct dial *dial, struct dialer *dialer, const struct dial_route *route,
                const struct dial_options *options, struct tls_session *resume,
                const struct dial_events *events)
{
    assert(!dial->active);
    *dial = (struct dial){ .dialer = dialer,
                           .events = events,
                           .route = *route,
                           .options = *options,
                           .resume = resume,
                           .active = true,
                           .later.run = dial_begin };
    list_init(&dial->query.link);
    timer_init(&dial->timer, dial_on_timer);
    ring_defer(dialer->ring, &dial->later);
}

void dial_cancel(struct dial *dial)
{
    if (!dial->active)
        return;
    if (dial->resolving)
        resolve_cancel(dial->dialer->resolve, &dial->query);
    if (dial->conn)
        conn_close(dial->conn);
    dial->conn = NULL;
    dial_end(dial);
}

enum phase dial_phase(const struct dial *dial)
{
    if (dial->connected_ns)
        return PHASE_TLS;
    return dial->resolved_ns ? PHASE_CONNECT : PHASE_DNS;
}
