/*
 * ring_faults.c - completions that never happened, by plan. In test builds only.
 *
 * The environment variable HAULD_FAULTS holds rules, separated by commas:
 *
 *      KIND:N:RESULT       the Nth of that kind completes with RESULT, -errno or a number
 *      KIND:N+:RESULT      the Nth and all after it
 *      KIND:N:short=K      the Nth takes or brings K bytes first (send, sendmsg, recv)
 *
 * KIND is connect, send, sendmsg, recvmsg, accept, poll or read, counted as they are armed: the op
 * is replaced by one that does nothing, so the peer sees nothing of it. Or recv, counted by
 * receives that brought bytes, which are then lost (a RESULT of 0 is an end of file); but -105, no
 * buffer, is the ring's own business: it is counted, and the bytes come. Or socket, option, bind:
 * calls, counted as they are made. Each ring counts for itself.
 */
#include "ring_internal.h"

#ifdef HAUL_WITH_FAULTS

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RULES_MAX 16

enum fault_site {
    SITE_CONNECT,
    SITE_SEND,
    SITE_SENDMSG,
    SITE_RECVMSG,
    SITE_RECV,
    SITE_ACCEPT,
    SITE_POLL,
    SITE_READ,
    SITE_SOCKET,
    SITE_OPTION,
    SITE_BIND,
    SITE_COUNT,
};

static const char *const site_names[SITE_COUNT] = {
    [SITE_CONNECT] = "connect", [SITE_SEND] = "send", [SITE_SENDMSG] = "sendmsg",
    [SITE_RECVMSG] = "recvmsg", [SITE_RECV] = "recv", [SITE_ACCEPT] = "accept",
    [SITE_POLL] = "poll",       [SITE_READ] = "read", [SITE_SOCKET] = "socket",
    [SITE_OPTION] = "option",   [SITE_BIND] = "bind",
};

struct rule {
    enum fault_site site;
    unsigned nth;
    bool repeats;
    bool is_short;
    int32_t value; /* the result, or the bytes of a short one */
};

struct ring_faults {
    struct rule rules[RULES_MAX];
    unsigned rules_count;
    unsigned seen[SITE_COUNT];
    struct msghdr message; /* a shortened one; the kernel has read it when the enter returns */
    struct iovec part;
};

static bool parse_site(const char *name, size_t bytes, enum fault_site *ret_site)
{
    for (unsigned site = 0; site < SITE_COUNT; site++) {
        if (span_equals(span_of(name, bytes), span_of_string(site_names[site]))) {
            *ret_site = (enum fault_site)site;
            return true;
        }
    }
    return false;
}

/* One rule from the front of *text. */
static bool parse_rule(const char **text, struct rule *ret_rule)
{
    const char *colon = strchr(*text, ':');
    struct rule rule = { 0 };
    char *end;

    if (!colon || !parse_site(*text, (size_t)(colon - *text), &rule.site))
        return false;
    rule.nth = (unsigned)strtoul(colon + 1, &end, 10);
    if (rule.nth == 0)
        return false;
    rule.repeats = *end == '+';
    end += rule.repeats;
    if (*end++ != ':')
        return false;
    rule.is_short = strncmp(end, "short=", 6) == 0;
    *text = end + (rule.is_short ? 6 : 0);
    rule.value = (int32_t)strtol(*text, &end, 10);
    if (end == *text || (*end != ',' && *end != '\0') || (rule.is_short && rule.value < 1))
        return false;
    *text = *end == ',' ? end + 1 : end;
    *ret_rule = rule;
    return true;
}

int ring_faults_init(struct ring *ring, struct ring_trouble *ret_trouble)
{
    const char *plan = getenv("HAULD_FAULTS");
    struct ring_faults *faults;

    if (!plan || !*plan)
        return 0;
    faults = calloc(1, sizeof(*faults));
    if (!faults) {
        ring_probe_explain(-ENOMEM, ret_trouble);
        return -ENOMEM;
    }
    ring->faults = faults;
    while (*plan) {
        if (faults->rules_count == RULES_MAX ||
            !parse_rule(&plan, &faults->rules[faults->rules_count])) {
            ret_trouble->error = EINVAL;
            (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text),
                           "HAULD_FAULTS makes no sense from here: %.100s", plan);
            return -EINVAL;
        }
        faults->rules_count++;
    }
    return 0;
}

void ring_faults_deinit(struct ring *ring)
{
    free(ring->faults);
    ring->faults = NULL;
}

/* Counts one more at this site; the rule that hits it, or NULL. */
static const struct rule *next_rule(struct ring_faults *faults, enum fault_site site)
{
    unsigned number;

    if (!faults)
        return NULL;
    number = ++faults->seen[site];
    for (unsigned i = 0; i < faults->rules_count; i++) {
        const struct rule *rule = &faults->rules[i];

        if (rule->site == site && (rule->nth == number || (rule->repeats && rule->nth < number)))
            return rule;
    }
    return NULL;
}

/* SITE_COUNT for what is not counted when armed. */
static enum fault_site site_of(enum ring_kind kind)
{
    switch (kind) {
    case RING_CONNECT:
        return SITE_CONNECT;
    case RING_SEND:
        return SITE_SEND;
    case RING_SENDMSG:
        return SITE_SENDMSG;
    case RING_RECVMSG:
        return SITE_RECVMSG;
    case RING_ACCEPT:
        return SITE_ACCEPT;
    case RING_POLL:
        return SITE_POLL;
    case RING_READ:
        return SITE_READ;
    case RING_RECV_MANY:
    case RING_RECV_POLL:
    case RING_RECV:
    case RING_FAULTY:
        break;
    }
    return SITE_COUNT;
}

static void shorten(struct ring_faults *faults, struct ring_op *op, struct io_uring_sqe *sqe,
                    size_t bytes)
{
    if (op->kind == RING_SEND && bytes < sqe->len)
        sqe->len = (uint32_t)bytes;
    if (op->kind == RING_SENDMSG) {
        faults->message = *(const struct msghdr *)(uintptr_t)sqe->addr;
        faults->part = faults->message.msg_iov[0];
        if (bytes < faults->part.iov_len)
            faults->part.iov_len = bytes;
        faults->message.msg_iov = &faults->part;
        faults->message.msg_iovlen = 1;
        sqe->addr = (uint64_t)(uintptr_t)&faults->message;
    }
}

void ring_fault_arm(struct ring *ring, struct ring_op *op, struct io_uring_sqe *sqe)
{
    enum fault_site site = site_of((enum ring_kind)op->kind);
    const struct rule *rule;

    assert(site != SITE_COUNT);
    rule = next_rule(ring->faults, site);
    if (!rule)
        return;
    if (rule->is_short) {
        shorten(ring->faults, op, sqe, (size_t)rule->value);
        return;
    }
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, op);
    op->kind = RING_FAULTY;
    op->bytes = rule->value;
}

/* Delivers a receive as two, the first of head_bytes. */
static void ring_split_receive(struct ring *ring, struct ring_op *op, int32_t result,
                               uint32_t flags, size_t head_bytes)
{
    const char *data = ring_buffer_data(&ring->buffers, flags >> IORING_CQE_BUFFER_SHIFT);
    struct ring_event event = {
        .result = (int32_t)head_bytes,
        .more = true,
        .bytes = span_of(data, head_bytes),
        .completed_ns = ring->now_ns,
    };

    op->done(op, &event);
    event.bytes = span_of(data + head_bytes, (size_t)result - head_bytes);
    event.result = (int32_t)event.bytes.bytes;
    event.more = flags & IORING_CQE_F_MORE;
    ring->counters.receives++;
    op->in_flight = event.more;
    op->done(op, &event);
    ring_buffer_return(ring, flags >> IORING_CQE_BUFFER_SHIFT);
}

bool ring_fault_reap(struct ring *ring, struct ring_op *op, int32_t *result, uint32_t flags)
{
    bool is_many = op->kind == RING_RECV_MANY;
    const struct rule *rule;

    if (*result <= 0 || (!is_many && op->kind != RING_RECV))
        return false;
    rule = next_rule(ring->faults, SITE_RECV);
    if (!rule)
        return false;
    if (rule->is_short) {
        if (!is_many || *result <= rule->value)
            return false;
        ring_split_receive(ring, op, *result, flags, (size_t)rule->value);
        return true;
    }
    if (rule->value == -ENOBUFS) {
        ring->counters.starved++;
        return false;
    }
    if (!is_many) {
        *result = rule->value;
        return false;
    }

    /* Ends when the kernel has ended it. */
    if (flags & IORING_CQE_F_MORE)
        ring_cancel(ring, op);
    op->kind = RING_FAULTY;
    op->bytes = rule->value;
    ring_fault_end(ring, op, flags);
    return true;
}

void ring_fault_end(struct ring *ring, struct ring_op *op, uint32_t flags)
{
    if (flags & IORING_CQE_F_BUFFER)
        ring_buffer_return(ring, flags >> IORING_CQE_BUFFER_SHIFT);
    if (!(flags & IORING_CQE_F_MORE))
        ring_end_op(ring, op, op->bytes);
}

int ring_fault_call(struct ring *ring, enum ring_call call)
{
    static const enum fault_site sites[] = {
        [RING_CALL_SOCKET] = SITE_SOCKET,
        [RING_CALL_OPTION] = SITE_OPTION,
        [RING_CALL_BIND] = SITE_BIND,
    };
    const struct rule *rule = next_rule(ring->faults, sites[call]);

    return rule && !rule->is_short ? rule->value : 0;
}

#endif
