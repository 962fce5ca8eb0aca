/*
 * ring_script.c - the life of two sockets, told op by op.
 */
#include "ring_script.h"

#include <assert.h>
#include <stdio.h>
#include <sys/uio.h>

#define BIG_BYTES 40000 /* several buffers */
#define TURNS_MAX 10000
#define PATIENCE_NS UINT64_C(5000000000)

const char ring_script_expected[] = "send: 5 end\n"
                                    "many: 5 bytes 'hello'\n"
                                    "send: 40000 end\n"
                                    "many: 40000 bytes\n"
                                    "cancel idle send: nothing\n"
                                    "many: -125 end\n"
                                    "send: 6 end\n"
                                    "many again: 6 bytes 'abcdef'\n"
                                    "many again: -125 end\n"
                                    "send: 6 end\n"
                                    "once: 3 bytes 'ghi' end\n"
                                    "once: 3 bytes 'jkl' end\n"
                                    "cancelled once: -125 end\n"
                                    "sendmsg: 7 end\n"
                                    "recvmsg: 7 bytes 'one two' end\n"
                                    "both at once: 2 end, 2 bytes 'ab'\n"
                                    "deferred: 1 2 3\n"
                                    "closed: 0 end\n"
                                    "closed, again: 0 end\n"
                                    "aborted: -104 end\n";

struct script {
    struct ring *ring;
    char *out;
    size_t length;
    int fds[2];
};

/* What an op has told since it was armed, or asked. */
struct teller {
    struct ring_op op;
    int64_t result; /* the last one <= 0, or the sum of the others */
    char text[64];
    size_t bytes;
    bool has_ended;
};

#define TELL(script, ...)                                                                          \
    ((script)->length += (size_t)snprintf((script)->out + (script)->length,                        \
                                          RING_SCRIPT_BYTES - (script)->length, __VA_ARGS__))

static void on_event(struct ring_op *op, const struct ring_event *event)
{
    struct teller *teller = container_of(op, struct teller, op);
    struct span bytes = event->bytes;

    assert(bytes.bytes == 0 || bytes.bytes == (size_t)event->result);
    assert(event->more == op->in_flight);
    for (size_t i = 0; i < bytes.bytes; i++) {
        if (teller->bytes + i < sizeof(teller->text) - 1)
            teller->text[teller->bytes + i] = bytes.data[i];
    }
    teller->bytes += bytes.bytes;
    teller->result = event->result > 0 ? teller->result + event->result : event->result;
    teller->has_ended = !event->more;
}

static struct teller teller(void)
{
    return (struct teller){ .op.done = on_event };
}

/* Forgets what was told; the op may be in flight. */
static void listen_anew(struct teller *teller)
{
    teller->result = 0;
    teller->bytes = 0;
    teller->has_ended = false;
    memset(teller->text, 0, sizeof(teller->text));
}

static void turn_until_ended(struct script *s, const struct teller *teller)
{
    uint64_t deadline_ns = ring_clock_ns(s->ring) + PATIENCE_NS;

    for (unsigned turns = 0; !teller->has_ended; turns++) {
        assert(turns < TURNS_MAX);
        assert(ring_clock_ns(s->ring) < deadline_ns);
        (void)ring_turn(s->ring, deadline_ns);
        ring_check(s->ring);
    }
}

static void start_many(struct script *s, struct teller *many)
{
    listen_anew(many);
    ring_recv_start(s->ring, &many->op, s->fds[1]);
}

/* A multishot may end with bytes; who wants more arms it again. */
static void receive_many(struct script *s, struct teller *many, size_t bytes)
{
    uint64_t deadline_ns = ring_clock_ns(s->ring) + PATIENCE_NS;

    for (unsigned turns = 0;; turns++) {
        if (!many->op.in_flight) {
            assert(many->result >= 0);
            many->has_ended = false;
            ring_recv_start(s->ring, &many->op, s->fds[1]);
        }
        if (many->bytes >= bytes)
            return;
        assert(turns < TURNS_MAX);
        assert(ring_clock_ns(s->ring) < deadline_ns);
        (void)ring_turn(s->ring, deadline_ns);
        ring_check(s->ring);
    }
}

static void send_text(struct script *s, const char *text, size_t bytes)
{
    struct teller send = teller();

    ring_send(s->ring, &send.op, s->fds[0], span_of(text, bytes));
    turn_until_ended(s, &send);
    TELL(s, "send: %lld end\n", (long long)send.result);
}

static void cancel_many(struct script *s, struct teller *many, const char *name)
{
    ring_cancel(s->ring, &many->op);
    ring_cancel(s->ring, &many->op);
    turn_until_ended(s, many);
    TELL(s, "%s: %lld end\n", name, (long long)many->result);
}

static void script_multishot(struct script *s)
{
    static char big[BIG_BYTES];
    struct teller many = teller();
    struct teller idle = teller();

    start_many(s, &many);
    send_text(s, "hello", 5);
    receive_many(s, &many, 5);
    TELL(s, "many: %zu bytes '%s'\n", many.bytes, many.text);

    listen_anew(&many);
    send_text(s, big, sizeof(big));
    receive_many(s, &many, sizeof(big));
    TELL(s, "many: %zu bytes\n", many.bytes);

    ring_cancel(s->ring, &idle.op);
    (void)ring_turn(s->ring, 0);
    TELL(s, "cancel idle send: %s\n", idle.has_ended ? "something" : "nothing");

    cancel_many(s, &many, "many");
    send_text(s, "abcdef", 6); /* before anyone receives */
    start_many(s, &many);
    receive_many(s, &many, 6);
    TELL(s, "many again: %zu bytes '%s'\n", many.bytes, many.text);
    cancel_many(s, &many, "many again");
}

static void script_once(struct script *s)
{
    struct teller once = teller();
    char buffer[4] = "";

    send_text(s, "ghijkl", 6);
    for (size_t got = 0; got < 6; got += 3) {
        for (size_t part = 0; part < 3; part += (size_t)once.result) {
            listen_anew(&once);
            ring_recv(s->ring, &once.op, s->fds[1], buffer + part, 3 - part);
            turn_until_ended(s, &once);
        }
        TELL(s, "once: 3 bytes '%s' end\n", buffer);
    }
    listen_anew(&once);
    ring_recv(s->ring, &once.op, s->fds[1], buffer, 3);
    (void)ring_turn(s->ring, 0);
    ring_cancel(s->ring, &once.op);
    turn_until_ended(s, &once);
    TELL(s, "cancelled once: %lld end\n", (long long)once.result);
}

static void script_messages(struct script *s)
{
    struct teller out = teller(), in = teller();
    char text[16] = "";
    struct iovec sent[] = { { (void *)"one ", 4 }, { (void *)"two", 3 } };
    struct iovec got = { text, sizeof(text) - 1 };
    struct msghdr message = { .msg_iov = sent, .msg_iovlen = 2 };
    struct msghdr answer = { .msg_iov = &got, .msg_iovlen = 1 };
    size_t total = 0;

    while (total < 7) {
        listen_anew(&out);
        ring_sendmsg(s->ring, &out.op, s->fds[0], &message);
        turn_until_ended(s, &out);
        assert(out.result > 0);
        for (size_t left = (size_t)out.result; left > 0;) {
            size_t part = left < message.msg_iov->iov_len ? left : message.msg_iov->iov_len;

            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + part;
            message.msg_iov->iov_len -= part;
            left -= part;
            if (message.msg_iov->iov_len == 0) {
                message.msg_iov++;
                message.msg_iovlen--;
            }
        }
        total += (size_t)out.result;
    }
    TELL(s, "sendmsg: %zu end\n", total);

    for (total = 0; total < 7; total += (size_t)in.result) {
        listen_anew(&in);
        got = (struct iovec){ text + total, sizeof(text) - 1 - total };
        ring_recvmsg(s->ring, &in.op, s->fds[1], &answer);
        turn_until_ended(s, &in);
        assert(in.result > 0);
    }
    TELL(s, "recvmsg: %zu bytes '%s' end\n", total, text);
}

/* Both directions of both sockets in one turn. */
static void script_both_at_once(struct script *s)
{
    struct teller many = teller(), out = teller();

    ring_send(s->ring, &out.op, s->fds[0], SPAN_LITERAL("ab"));
    start_many(s, &many);
    turn_until_ended(s, &out);
    receive_many(s, &many, 2);
    TELL(s, "both at once: %lld end, %zu bytes '%s'\n", (long long)out.result, many.bytes,
         many.text);
    ring_cancel(s->ring, &many.op);
    turn_until_ended(s, &many);
}

struct later {
    struct ring_deferred deferred;
    struct script *script;
    struct later *next;
    unsigned number;
};

static void run_later(struct ring_deferred *deferred)
{
    struct later *later = container_of(deferred, struct later, deferred);

    TELL(later->script, " %u", later->number);
    if (later->next)
        ring_defer(later->script->ring, &later->next->deferred);
}

static void script_deferred(struct script *s)
{
    struct later three = { { .run = run_later }, s, NULL, 3 };
    struct later two = { { .run = run_later }, s, NULL, 2 };
    struct later one = { { .run = run_later }, s, &three, 1 };

    TELL(s, "deferred:");
    ring_defer(s->ring, &one.deferred);
    ring_defer(s->ring, &two.deferred);
    ring_defer(s->ring, &one.deferred); /* is pending already */
    (void)ring_turn(s->ring, 0);
    assert(!three.deferred.pending);
    ring_defer(s->ring, &one.deferred);
    ring_undefer(&one.deferred);
    ring_undefer(&one.deferred);
    (void)ring_turn(s->ring, 0);
    TELL(s, "\n");
}

static void script_ends(struct script *s, ring_script_pair pair)
{
    struct teller many = teller();

    ring_close(s->ring, s->fds[0]);
    for (unsigned i = 0; i < 2; i++) { /* the end stays */
        start_many(s, &many);
        turn_until_ended(s, &many);
        TELL(s, "closed%s: %lld end\n", i ? ", again" : "", (long long)many.result);
    }
    ring_close(s->ring, s->fds[1]);

    pair(s->ring, s->fds);
    start_many(s, &many);
    (void)ring_turn(s->ring, 0);
    ring_abort(s->ring, s->fds[0]);
    turn_until_ended(s, &many);
    TELL(s, "aborted: %lld end\n", (long long)many.result);
    ring_close(s->ring, s->fds[1]);
}

void ring_script_run(struct ring *ring, ring_script_pair pair, char out[RING_SCRIPT_BYTES])
{
    struct script script = { .ring = ring, .out = out };

    out[0] = '\0';
    pair(ring, script.fds);
    script_multishot(&script);
    script_once(&script);
    script_messages(&script);
    script_both_at_once(&script);
    script_deferred(&script);
    script_ends(&script, pair);
}
