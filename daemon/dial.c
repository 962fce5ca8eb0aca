/*
 * dial.c - look up, then race the addresses until one answers.
 *
 *   start -> resolving (DNS timeout) -> connecting (one timeout over all addresses)
 *         -> tunnelling (proxies only, the same timeout)
 *         -> securing (TLS only, its own timeout) -> open | failed
 *
 * Addresses race (Happy Eyeballs, RFC 8305 section 5): the next one begins when the one before has
 * failed, or has not connected within DIAL_ATTEMPT_DELAY_NS. Who connects first wins, and the
 * others are closed.
 *
 * A handshake that fails is the server's answer, not the address's: no other address is tried. So
 * is a tunnel that a proxy does not open.
 *
 * An address that the route's policy denies is passed over as if it had not been among them: no
 * socket is made for it, and it is told only if no other was there to try.
 *
 * A shortage of our own machine (descriptors, ports, memory) is not the address's fault: the dial
 * tries again every DIAL_SHORTAGE_RETRY_NS until its connect timeout, and then says local/..., so
 * that nobody blames the origin.
 */
#include "dial.h"

#include "dial_address.h"
#include "proxy.h"

#include <assert.h>
#include <errno.h>

#define DIAL_SHORTAGE_RETRY_NS 20000000ull
#define DIAL_ATTEMPT_DELAY_NS 250000000ull /* RFC 8305 section 8: the recommended one */

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
    dial->tunnelling = false;
    tls_session_free(dial->resume);
    dial->resume = NULL;
    timers_disarm(dial->dialer->timers, &dial->timer);
    ring_undefer(&dial->later);
}

static void dial_close_racers(struct dial *dial)
{
    for (unsigned i = 0; i < dial->addresses_count; i++) {
        if (dial->racers[i])
            conn_close(dial->racers[i]);
        dial->racers[i] = NULL;
    }
    dial->racers_count = 0;
}

static unsigned dial_racer_index(const struct dial *dial, const struct conn *conn)
{
    unsigned i = 0;

    while (dial->racers[i] != conn)
        i++;
    return i;
}

static void dial_drop_racer(struct dial *dial, unsigned index)
{
    dial->racers[index] = NULL;
    dial->racers_count--;
}

static void dial_arm(struct dial *dial)
{
    timers_arm(dial->dialer->timers, &dial->timer,
               dial->next_ns < dial->deadline_ns ? dial->next_ns : dial->deadline_ns);
}

/* The first to connect. */
static void dial_win(struct dial *dial, struct conn *conn)
{
    dial_drop_racer(dial, dial_racer_index(dial, conn));
    dial_close_racers(dial);
    dial->conn = conn;
    dial->next_ns = UINT64_MAX;
    dial_arm(dial);
}

static void dial_fail(struct dial *dial)
{
    if (dial->route.is_proxy)
        proxy_blame(&dial->fault, dial->resolving);
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

static void dial_await_handshake(struct dial *dial, uint64_t now_ns)
{
    dial->deadline_ns = now_ns + dial->options.tls_timeout_ns;
    timers_arm(dial->dialer->timers, &dial->timer, dial->deadline_ns);
}

static void dial_on_conn_connected(void *ctx, struct conn *conn, uint64_t connected_ns)
{
    struct dial *dial = ctx;

    dial_win(dial, conn);
    dial->connected_ns = connected_ns;
    if (conn->tls) {
        tls_resume(conn->tls, dial->resume);
        dial->resume = NULL;
    }
    dial->tunnelling = dial->route.connect_head.bytes > 0;
    if (!dial->tunnelling)
        dial_await_handshake(dial, connected_ns);
}

static void dial_on_conn_tunnelled(void *ctx, struct conn *conn, uint64_t tunnelled_ns)
{
    struct dial *dial = ctx;

    (void)conn;
    dial->tunnelling = false;
    if (dial->route.tls)
        dial_await_handshake(dial, tunnelled_ns);
}

static void dial_on_conn_ready(void *ctx, struct conn *conn, uint64_t ready_ns)
{
    struct dial *dial = ctx;

    if (!dial->connected_ns)
        dial_win(dial, conn);
    if (dial->route.tls)
        dial->tls_ns = ready_ns;
    else if (!dial->connected_ns)
        dial->connected_ns = ready_ns;
    dial->connect_status = conn->connect_status;
    dial->conn = NULL;
    dial_end(dial);
    dial->events->open(dial, conn);
}

static const struct conn_events dial_conn_events = {
    .connected = dial_on_conn_connected,
    .tunnelled = dial_on_conn_tunnelled,
    .ready = dial_on_conn_ready,
    .closed = dial_on_conn_closed,
};

/* Opens a socket to the address at address_index: 0 or -errno. */
static int dial_connect(struct dial *dial)
{
    union conn_address address, local;
    struct conn *conn;
    struct conn_target target = { .address = &address, .connect_head = dial->route.connect_head };
    int r;

    if (dial->route.unix_path && strlen(dial->route.unix_path) >= sizeof(address.local.sun_path))
        return -ENAMETOOLONG;
    target.address_bytes =
        dial->route.unix_path
            ? dial_address_of_path(dial->route.unix_path, &address)
            : dial_address_of(&dial->addresses[dial->address_index], dial->route.port, &address);
    if (dial->route.interface) {
        target.local_bytes = dial_address_of_text(dial->route.interface, &local);
        if (!target.local_bytes)
            return -EINVAL;
        target.local = &local;
    }
    if (dial->route.tls) {
        r = tls_new(dial->route.tls, span_of_string(dial->route.server_name), &target.tls);
        if (r < 0)
            return r == -EINVAL ? -EDESTADDRREQ : r;
    }
    r = conn_open(dial->dialer->conns, &target, &dial_conn_events, dial, &conn);
    if (r < 0) {
        tls_free(target.tls);
        return r;
    }
    dial->racers[dial->address_index] = conn;
    dial->racers_count++;
    return 0;
}

/* The fault noted last is a shortage, and there is time to let it pass. */
static bool dial_waits_for_shortage(struct dial *dial)
{
    uint64_t retry_ns = ring_now_ns(dial->dialer->ring) + DIAL_SHORTAGE_RETRY_NS;

    if (!fault_is_shortage(dial->fault.code) || retry_ns >= dial->deadline_ns)
        return false;
    dial->next_ns = retry_ns;
    dial_arm(dial);
    return true;
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

/* No socket is left for the next address: the oldest attempt gives its own away, once for each
 * address. At the cap of sockets all dials to an address that swallows everything would otherwise
 * wait for each other's. */
static void dial_make_room(struct dial *dial)
{
    unsigned oldest = 0;

    if (!dial->racers_count || dial->yielded_for == dial->address_index)
        return;
    dial->yielded_for = dial->address_index;
    while (!dial->racers[oldest])
        oldest++;
    conn_close(dial->racers[oldest]);
    dial_drop_racer(dial, oldest);
}

/* Begins with the next address, passing over those that fail at once. */
static void dial_try(struct dial *dial)
{
    int r;

    for (; dial->address_index < dial->addresses_count; dial->address_index++) {
        if (dial_is_denied(dial))
            continue;
        r = dial_connect(dial);
        if (r == 0)
            break;
        dial_note_refused(dial, -r);
        if (dial_waits_for_shortage(dial)) {
            dial_make_room(dial);
            return;
        }
    }
    if (!dial->racers_count) {
        dial_fail(dial);
        return;
    }
    dial->address_index += dial->address_index < dial->addresses_count;
    dial->next_ns = dial->address_index < dial->addresses_count
                        ? ring_now_ns(dial->dialer->ring) + DIAL_ATTEMPT_DELAY_NS
                        : UINT64_MAX;
    dial_arm(dial);
}

/* It was not this address's fault: it is the next again. */
static void dial_give_back(struct dial *dial, unsigned index)
{
    struct resolve_address address = dial->addresses[index];
    unsigned last = --dial->address_index;

    dial->addresses[index] = dial->addresses[last];
    dial->racers[index] = dial->racers[last];
    dial->addresses[last] = address;
    dial->racers[last] = NULL;
}

/* The tunnel or the handshake did not come to its end. The words are the conn's. */
static void dial_end_unsecured(struct dial *dial, struct conn *conn, int error)
{
    dial->connect_status = conn->connect_status;
    if (fault_is_set(&conn->fault))
        dial->fault = conn->fault;
    else if (error == ENOMEM)
        dial_note(dial, FAULT_LOCAL_NO_MEMORY, error, NULL);
    else
        dial_note(dial, FAULT_TLS_HANDSHAKE, error, "the server hung up during the handshake");
    dial_fail(dial);
    conn_close(conn);
}

static void dial_on_conn_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    struct dial *dial = ctx;
    unsigned index;

    (void)while_sending; /* nothing is sent while dialing */
    if (dial->connected_ns) {
        dial->conn = NULL;
        dial_end_unsecured(dial, conn, error);
        return;
    }
    conn_close(conn);
    index = dial_racer_index(dial, conn);
    dial_drop_racer(dial, index);
    dial_note(dial, fault_of_connect_errno(error), error, NULL);
    if (dial_waits_for_shortage(dial))
        dial_give_back(dial, index);
    else
        dial_try(dial);
}

static void dial_note_timeout(struct dial *dial)
{
    if (dial_phase(dial) == PHASE_TLS)
        dial_note(dial, FAULT_TIMEOUT_TLS, ETIMEDOUT, NULL);
    else
        dial_note(dial, FAULT_TIMEOUT_CONNECT, ETIMEDOUT,
                  dial->tunnelling ? "the proxy did not answer CONNECT in time" : NULL);
}

static void dial_on_timer(struct timer *timer, uint64_t now_ns)
{
    struct dial *dial = container_of(timer, struct dial, timer);

    if (dial->resolving) {
        resolve_cancel(dial->dialer->resolve, &dial->query);
        dial_note(dial, FAULT_TIMEOUT_DNS, ETIMEDOUT, NULL);
        dial_fail(dial);
    } else if (now_ns < dial->deadline_ns) {
        dial_try(dial);
    } else {
        if (dial->conn ||
            dial->racers_count) /* else a shortage has not passed: that is the fault */
            dial_note_timeout(dial);
        if (dial->conn)
            conn_close(dial->conn);
        dial->conn = NULL;
        dial_close_racers(dial);
        dial_fail(dial);
    }
}

static void dial_connect_all(struct dial *dial)
{
    uint64_t now_ns = ring_now_ns(dial->dialer->ring);

    dial->resolving = false;
    dial->resolved_ns = now_ns;
    dial->deadline_ns = now_ns + dial->options.connect_timeout_ns;
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

static bool dial_take_literals(struct dial *dial)
{
    if (dial->route.unix_path) {
        dial->addresses[0] = (struct resolve_address){ .family = 1 };
        dial->addresses_count = 1;
        return true;
    }
    if (!dial_address_parse_list(dial->route.host, dial->route.family, dial->addresses,
                                 &dial->addresses_count))
        return false;
    if (!dial->addresses_count)
        dial_note(dial, FAULT_DNS_NOT_FOUND, 0, "the address is not of the wanted IP version");
    return true;
}

/* The first step runs from the deferred list, so that no event comes inside dial_start. */
static void dial_begin(struct ring_deferred *deferred)
{
    struct dial *dial = container_of(deferred, struct dial, later);
    struct resolve *resolve = dial->dialer->resolve;
    int count;

    dial->resolving = true;
    if (dial_take_literals(dial)) {
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
    dial_close_racers(dial);
    dial_end(dial);
}

enum phase dial_phase(const struct dial *dial)
{
    if (dial->connected_ns && !dial->tunnelling)
        return PHASE_TLS;
    return dial->resolved_ns ? PHASE_CONNECT : PHASE_DNS;
}
