/*
 * A connection over TLS and OpenSSL's server, with ring_fake between them: what leaves in which
 * send, what is told of the end, how many handshakes a turn bears. What the engine itself can do:
 * test_tls.c and its kin.
 */
#include "conn.h"
#include "ring_fake.h"
#include "tls_meeting.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONNS 100u
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct guest {
    struct scene *scene;
    struct conn *conn;
    SSL *server;
    unsigned sends, ready_count, closed_count, sent_count;
    uint64_t ready_turn;
    int closed_error;
    enum fault_code fault;
    bool cut_short;
    char text[1u << 17];
    size_t text_bytes;
    char asked[100]; /* the server was */
    size_t asked_bytes;
};

struct scene {
    struct meeting meeting;
    struct ring *ring;
    struct conns conns;
    struct guest guests[CONNS];
    unsigned guests_count, ready_count;
    bool asks_when_ready;
    bool pauses; /* after every piece */
};

static struct scene scene;

static void on_ready(void *ctx, struct conn *conn, uint64_t ready_ns)
{
    struct guest *g = ctx;

    (void)ready_ns;
    g->ready_count++;
    g->ready_turn = ring_counters(g->scene->ring)->turns;
    g->scene->ready_count++;
    if (g->scene->asks_when_ready)
        conn_send(conn, block_copy(SPAN_LITERAL("question"), 0));
}

static void on_sent(void *ctx, struct conn *conn, uint64_t sent_ns)
{
    (void)conn;
    (void)sent_ns;
    ((struct guest *)ctx)->sent_count++;
}

static void on_bytes(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns)
{
    struct guest *g = ctx;
    size_t take = g->scene->pauses && bytes.bytes > 1000 ? 1000 : bytes.bytes;

    (void)now_ns;
    assert_int_equal(g->closed_count, 0); /* no bytes behind the end */
    assert_true(g->text_bytes + take <= sizeof(g->text));
    memcpy(g->text + g->text_bytes, bytes.data, take);
    g->text_bytes += take;
    span_advance(&bytes, take);
    if (g->scene->pauses)
        conn_pause(conn, bytes);
}

static void on_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    struct guest *g = ctx;

    (void)while_sending;
    g->closed_count++;
    g->closed_error = error;
    g->fault = conn->fault.code;
    g->cut_short = conn->cut_short;
}

static const struct conn_events events = {
    .ready = on_ready, .sent = on_sent, .bytes = on_bytes, .closed = on_closed
};

static void on_gone(void *ctx)
{
    (void)ctx;
}

/* What the server has to say goes into the guest's socket. */
static void server_speaks(struct guest *g)
{
    char room[20000];
    int r;

    while ((r = BIO_read(SSL_get_wbio(g->server), room, sizeof(room))) > 0)
        fake_receive(g->scene->ring, g->conn->fd, span_of(room, (size_t)r));
}

static void server_hears(void *ctx, struct ring *ring, int fd, struct span bytes)
{
    struct scene *t = ctx;
    struct guest *g = NULL;
    int r;

    (void)ring;
    for (unsigned i = 0; i < t->guests_count; i++)
        if (t->guests[i].conn && t->guests[i].conn->fd == fd)
            g = &t->guests[i];
    assert_non_null(g);
    g->sends++;
    BIO_write(SSL_get_rbio(g->server), bytes.data, (int)bytes.bytes);
    (void)SSL_do_handshake(g->server);
    while ((r = SSL_read(g->server, g->asked + g->asked_bytes,
                         (int)(sizeof(g->asked) - g->asked_bytes))) > 0)
        g->asked_bytes += (size_t)r;
    server_speaks(g);
}

static void server_says(struct guest *g, struct span plaintext)
{
    size_t written;

    assert_int_equal(SSL_write_ex(g->server, plaintext.data, plaintext.bytes, &written), 1);
    server_speaks(g);
}

static struct scene *begin(int version)
{
    const struct meeting_plan plan = { .server_min = version, .server_max = version };

    scene = (struct scene){ .ring = fake_new() };
    meeting_init(&scene.meeting, &plan);
    assert_int_equal(conns_init(&scene.conns, scene.ring, CONNS, on_gone, NULL), 0);
    fake_origin(scene.ring, server_hears, &scene);
    return &scene;
}

static void end(struct scene *t)
{
    for (unsigned i = 0; i < t->guests_count; i++)
        if (t->guests[i].conn)
            conn_close(t->guests[i].conn);
    fake_origin(t->ring, NULL, NULL);
    fake_run(t->ring);
    fake_check_quiet(t->ring);
    assert_int_equal(t->conns.open_count, 0);
    assert_int_equal(t->conns.handshakes_waiting, 0);
    conns_deinit(&t->conns);
    ring_free(t->ring);
    for (unsigned i = 0; i < t->guests_count; i++)
        SSL_free(t->guests[i].server);
    meeting_deinit(&t->meeting);
}

static struct guest *calls(struct scene *t, const char *host)
{
    union conn_address address = { .ipv4 = { .sin_family = AF_INET, .sin_port = htons(443) } };
    struct conn_target target = { .address = &address, .address_bytes = sizeof(address.ipv4) };
    struct guest *g = &t->guests[t->guests_count++];

    *g = (struct guest){ .scene = t, .server = SSL_new(t->meeting.server_context) };
    SSL_set_bio(g->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(g->server);
    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(tls_new(t->meeting.context, span_of_string(host), &target.tls), 0);
    assert_int_equal(conn_open(&t->conns, &target, &events, g, &g->conn), 0);
    return g;
}

static struct guest *connects(struct scene *t)
{
    struct guest *g = calls(t, "a.test");

    fake_run(t->ring);
    assert_int_equal(g->ready_count, 1);
    conn_check(g->conn);
    return g;
}

static void closes(struct guest *g)
{
    fake_origin(g->scene->ring, NULL, NULL);
    conn_close(g->conn);
    g->conn = NULL;
    fake_run(g->scene->ring);
    fake_origin(g->scene->ring, server_hears, g->scene);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void the_request_leaves_with_the_end_of_the_handshake(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        struct scene *t = begin(versions[i]);
        struct guest *g;

        t->asks_when_ready = true;
        g = connects(t);
        /* Hello, then (1.2: key exchange, then) the rest: in 1.3 Finished and request are one. */
        assert_int_equal(g->sends, versions[i] == TLS1_3_VERSION ? 2 : 3);
        assert_int_equal(g->sent_count, 1);
        assert_true(span_equals(span_of(g->asked, g->asked_bytes), SPAN_LITERAL("question")));
        server_says(g, SPAN_LITERAL("answer"));
        fake_run(t->ring);
        assert_true(span_equals(span_of(g->text, g->text_bytes), SPAN_LITERAL("answer")));
        assert_true(conn_is_reusable(g->conn));
        end(t);
    }
}

static void tickets_leave_it_reusable_and_are_for_the_next(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    struct guest *g = connects(t);
    struct tls_session *session = conn_take_session(g->conn);

    (void)state;
    assert_non_null(session);
    assert_null(conn_take_session(g->conn));
    assert_true(conn_is_reusable(g->conn));
    tls_session_free(session);
    end(t);
}

static void nothing_is_lost_by_pauses(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    struct guest *g = connects(t);
    static char body[60000];

    (void)state;
    for (unsigned i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * 31 + i / 256);
    t->pauses = true;
    server_says(g, span_of(body, sizeof(body)));
    assert_true(SSL_shutdown(g->server) >= 0);
    server_speaks(g);
    fake_receive_eof(t->ring, g->conn->fd);
    for (unsigned i = 0; i < 1000 && !g->closed_count; i++) {
        fake_run(t->ring);
        conn_check(g->conn);
        assert_false(conn_is_reusable(g->conn));
        conn_resume(g->conn);
    }
    assert_true(span_equals(span_of(g->text, g->text_bytes), span_of(body, sizeof(body))));
    assert_int_equal(g->closed_count, 1);
    assert_int_equal(g->closed_error, 0);
    assert_false(g->cut_short);
    end(t);
}

static void an_end_without_goodbye_is_a_cut(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        struct scene *t = begin(versions[i]);
        struct guest *g = connects(t);

        server_says(g, SPAN_LITERAL("half an ans"));
        fake_receive_eof(t->ring, g->conn->fd);
        fake_run(t->ring);
        assert_int_equal(g->text_bytes, 11);
        assert_int_equal(g->closed_count, 1);
        assert_true(g->cut_short);
        end(t);
    }
}

static void the_end_of_a_handshake_that_did_not_end_is_a_failure(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    struct guest *g = calls(t, "a.test");

    (void)state;
    fake_receive_eof(t->ring, g->conn->fd); /* before the server's first word */
    fake_run(t->ring);
    assert_int_equal(g->ready_count, 0);
    assert_int_equal(g->closed_count, 1);
    assert_int_equal(g->closed_error, EPROTO);
    assert_int_equal(g->fault, FAULT_TLS_HANDSHAKE);
    end(t);
}

static void a_server_that_is_another_hears_no_request(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        struct scene *t = begin(versions[i]);
        struct guest *g;

        t->asks_when_ready = true;
        g = calls(t, "b.test");
        fake_run(t->ring);
        assert_int_equal(g->ready_count, 0);
        assert_int_equal(g->asked_bytes, 0);
        assert_int_equal(g->closed_count, 1);
        assert_int_equal(g->closed_error, EPROTO);
        assert_int_equal(g->fault, FAULT_TLS_VERIFY);
        end(t);
    }
}

static void bytes_that_are_no_tls_are_a_failure(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    struct guest *g = calls(t, "a.test");

    (void)state;
    fake_receive_text(t->ring, g->conn->fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    fake_run(t->ring);
    assert_int_equal(g->closed_count, 1);
    assert_int_equal(g->fault, FAULT_TLS_HANDSHAKE);
    end(t);
}

/* Of a crowd whose handshakes could all end in one turn, no turn bears more than its share, nobody
 * is forgotten, and nobody who comes later goes first. */
static void a_turn_bears_its_share_of_handshakes(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    unsigned in_turn = 0;

    (void)state;
    for (unsigned i = 0; i < CONNS; i++)
        calls(t, "a.test");
    fake_run(t->ring);
    assert_int_equal(t->ready_count, CONNS);
    for (unsigned i = 0; i < CONNS; i++) {
        bool is_same = i && t->guests[i].ready_turn == t->guests[i - 1].ready_turn;

        in_turn = is_same ? in_turn + 1 : 1;
        assert_true(in_turn <= CONN_HANDSHAKES_PER_TURN);
        assert_true(!i || t->guests[i].ready_turn >= t->guests[i - 1].ready_turn);
    }
    end(t);
}

static void closed_while_its_handshake_waits_it_leaves_nothing(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    unsigned waiting = 0;

    (void)state;
    for (unsigned i = 0; i < CONNS; i++)
        calls(t, "a.test");
    for (unsigned i = 0; i < 100 && !t->conns.handshakes_waiting; i++)
        assert_int_equal(ring_turn(t->ring, 0), 0);
    for (unsigned i = 0; i < CONNS; i++) {
        if (!t->guests[i].conn->step_waits)
            continue;
        waiting++;
        conn_check(t->guests[i].conn);
        fake_origin(t->ring, NULL, NULL);
        conn_close(t->guests[i].conn);
        t->guests[i].conn = NULL;
    }
    assert_true(waiting > 0);
    assert_int_equal(t->conns.handshakes_waiting, 0);
    fake_origin(t->ring, server_hears, t);
    end(t);
}

static void says_goodbye_when_it_is_closed(void **state)
{
    struct scene *t = begin(TLS1_3_VERSION);
    struct guest *g = connects(t);
    int fd = g->conn->fd;
    struct span sent;

    (void)state;
    fake_sent_clear(t->ring, fd);
    closes(g);
    sent = fake_sent(t->ring, fd);
    assert_true(sent.bytes > 0);
    BIO_write(SSL_get_rbio(g->server), sent.data, (int)sent.bytes);
    assert_int_equal(SSL_read(g->server, g->asked, 1), 0);
    assert_int_equal(SSL_get_shutdown(g->server) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_leaves_with_the_end_of_the_handshake),
        cmocka_unit_test(tickets_leave_it_reusable_and_are_for_the_next),
        cmocka_unit_test(nothing_is_lost_by_pauses),
        cmocka_unit_test(an_end_without_goodbye_is_a_cut),
        cmocka_unit_test(the_end_of_a_handshake_that_did_not_end_is_a_failure),
        cmocka_unit_test(a_server_that_is_another_hears_no_request),
        cmocka_unit_test(bytes_that_are_no_tls_are_a_failure),
        cmocka_unit_test(a_turn_bears_its_share_of_handshakes),
        cmocka_unit_test(closed_while_its_handshake_waits_it_leaves_nothing),
        cmocka_unit_test(says_goodbye_when_it_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
