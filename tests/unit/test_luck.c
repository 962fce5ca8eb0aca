/*
 * The same work in an orderly world and in many unlucky ones: receives cut anywhere, completions
 * late and out of order, sends short, cancels too late. What each item comes to is the same.
 *
 * A failure prints its seed; TEST_SEED=n runs that one alone, TEST_SEEDS=n that many.
 */
#include "scene.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ITEMS 50
#define SEEDS 40
#define BODY_MAX 200000

/* Item i asks for /i; what its origin does follows from i alone. */
static unsigned asked_for(struct span request)
{
    unsigned i = 0;

    for (const char *at = memchr(request.data, '/', request.bytes) + 1; *at >= '0' && *at <= '9';
         at++)
        i = i * 10 + (unsigned)(*at - '0');
    return i;
}

static size_t body_bytes_of(unsigned i)
{
    return i % 10 == 0 ? BODY_MAX / 2 + i : i * 37 % 5000;
}

static void write_body(char *out, unsigned i, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++)
        out[at] = (char)('A' + (i + at) % 50);
}

static size_t write_chunked(char *out, unsigned i, size_t bytes)
{
    size_t used = 0;

    for (size_t at = 0; at < bytes;) {
        size_t part = bytes - at < 997 ? bytes - at : 997;
        char body[997];

        write_body(body, (unsigned)(i + at), part);
        used += (size_t)sprintf(out + used, "%zx;a=b\r\n", part);
        memcpy(out + used, body, part);
        used += part;
        used += (size_t)sprintf(out + used, "\r\n");
        at += part;
    }
    return used + (size_t)sprintf(out + used, "0\r\nX: y\r\n\r\n");
}

static void answers_by_number(struct scene *t, int fd, struct span request)
{
    static const unsigned statuses[] = { 200, 201, 404, 500, 206 };
    unsigned i = asked_for(request);
    size_t bytes = body_bytes_of(i), used;
    char *out = malloc(2 * BODY_MAX);

    if (i % 7 == 3) { /* speaks something else */
        fake_receive_text(t->ring, fd, "220 smtp ready\r\n");
    } else if (i % 11 == 5) { /* chunked, after an interim response */
        used = (size_t)sprintf(out, "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n");
        used += write_chunked(out + used, i, bytes);
        fake_receive(t->ring, fd, span_of(out, used));
    } else {
        used = (size_t)sprintf(out, "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n%s\r\n",
                               statuses[i % 5], bytes, i % 6 == 1 ? "Connection: close\r\n" : "");
        write_body(out + used, i, bytes);
        if (i % 13 == 6) /* hangs up half-way */
            bytes /= 2;
        fake_receive(t->ring, fd, span_of(out, used + bytes));
        if (i % 13 == 6 || i % 6 == 1)
            fake_receive_eof(t->ring, fd);
    }
    free(out);
}

/* What matters of an item's end. */
struct outcome {
    uint64_t fault; /* all of one size: compared as bytes */
    uint64_t status;
    uint64_t flags;
    uint64_t body_bytes;
    uint64_t data_bytes;
    uint64_t sum; /* of its data */
};

static struct outcome outcome_of(const struct scene_item *item)
{
    struct outcome o = { .fault = item->result.fault,
                         .status = item->result.status,
                         .flags = item->result.flags & WIRE_RESULT_COMPLETE,
                         .body_bytes = item->result.body_bytes,
                         .data_bytes = item->data_bytes };

    for (size_t at = 0; at < item->data_bytes; at++)
        o.sum = o.sum * 31 + (unsigned char)item->data[at];
    return o;
}

static void credits_all(struct scene *t)
{
    for (unsigned i = 0; i < 1000 && t->client->window_used > 0; i++)
        client_credits(t, t->client->window_used);
}

static void runs(uint64_t seed, struct outcome outcomes[ITEMS])
{
    struct scene t;

    scene_begin(&t, &(struct scene_options){ .seed = seed, .conns_max = 12 });
    origin_answers_by(&t, answers_by_number);
    client_begins(&t, 7);
    for (unsigned i = 0; i < ITEMS; i++) {
        char url[64];

        (void)snprintf(url, sizeof(url), "http://%s.test/%u", i % 3 ? "origin" : "two", i);
        client_submits(&t, i, url);
        credits_all(&t);
    }
    client_ends_batch(&t, 1);
    for (unsigned i = 0; i < 100 && t.client->results_count < ITEMS; i++) {
        credits_all(&t);
        time_passes(&t, 10 * SCENE_MS);
    }
    assert_int_equal(client_receives_batch_done(&t, 1)->items, ITEMS);
    for (unsigned i = 0; i < ITEMS; i++)
        outcomes[i] = outcome_of(client_item(&t, i));
    scene_end(&t);
}

static void bad_luck_changes_no_result(void **state)
{
    struct outcome orderly[ITEMS], unlucky[ITEMS];
    const char *one = getenv("TEST_SEED"), *many = getenv("TEST_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1;
    uint64_t last = one ? first : many ? strtoull(many, NULL, 10) : SEEDS;

    (void)state;
    runs(0, orderly);
    for (unsigned i = 0; i < ITEMS; i++)
        assert_true(orderly[i].fault || orderly[i].data_bytes == body_bytes_of(i));
    for (uint64_t seed = first; seed <= last; seed++) {
        (void)fprintf(stderr, "\rTEST_SEED=%llu ", (unsigned long long)seed);
        runs(seed, unlucky);
        for (unsigned i = 0; i < ITEMS; i++)
            if (memcmp(&orderly[i], &unlucky[i], sizeof(orderly[i])) != 0)
                fail_msg("seed %" PRIu64 ", item %u: fault %" PRIu64 " status %" PRIu64
                         " bytes %" PRIu64 ", not %" PRIu64 " %" PRIu64 " %" PRIu64,
                         seed, i, unlucky[i].fault, unlucky[i].status, unlucky[i].data_bytes,
                         orderly[i].fault, orderly[i].status, orderly[i].data_bytes);
    }
    (void)fprintf(stderr, "\n");
}

/* Whenever the client leaves, or the daemon stops, nothing stays behind. */
static void an_early_end_leaves_nothing_in_any_world(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct scene t;

        (void)fprintf(stderr, "\rTEST_SEED=%llu ", (unsigned long long)seed);
        scene_begin(&t, &(struct scene_options){ .seed = seed, .conns_max = 5 });
        origin_answers_by(&t, answers_by_number);
        client_begins(&t, 6);
        for (unsigned i = 0; i < 20; i++) {
            struct message_request message = {
                .fixed = { .batch_id = 1, .profile_id = 1, .body_mode = WIRE_BODY_OF_PROFILE }
            };
            char url[64], out[512];

            (void)snprintf(url, sizeof(url), "http://origin.test/%u", i);
            message.url = span_of_string(url);
            t.client->items[i].is_open = true;
            fake_receive(t.ring, t.client->fd,
                         span_of(out, message_encode_request(out, i, &message, 0)));
        }
        for (unsigned turns = 0; turns < seed * 7 % 200; turns++) {
            (void)ring_turn(t.ring, 0);
            timers_advance(&t.timers, ring_now_ns(t.ring));
            engine_check(&t.engine);
        }
        switch (seed % 3) {
        case 0:
            client_hangs_up(&t);
            break;
        case 1:
            daemon_stops(&t);
            break;
        case 2:
            client_cancels_batch(&t, 1);
            for (unsigned i = 0; i < 20; i++)
                if (client_item(&t, i)->results_count != 1)
                    fail_msg("seed %llu: item %u has no RESULT", (unsigned long long)seed, i);
            break;
        }
        scene_end(&t);
    }
    (void)fprintf(stderr, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_luck_changes_no_result),
        cmocka_unit_test(an_early_end_leaves_nothing_in_any_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
