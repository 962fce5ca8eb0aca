/*
 * Every allocation of the daemon fails once: it may cost an item, a batch or a session, and then it
 * is told or hung up on. Nothing crashes, nothing leaks, and the next client is served.
 *
 * Method: the same short story again and again; the first allocation of ours fails, then the
 * second, until the story has fewer. The linker hands us malloc and its kin; those of libraries are
 * their own, and the tests' machinery has memory by another way (sure.h).
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ORIGIN "http://origin.test/"

static unsigned long count, fails_at; /* of allocations since the story began; 0 = none fails */

static bool must_fail(void)
{
    return fails_at > 0 && ++count == fails_at;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t number, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t number, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t bytes)
{
    return must_fail() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t number, size_t bytes)
{
    return must_fail() ? NULL : __real_calloc(number, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return must_fail() ? NULL : __real_realloc(memory, bytes);
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}

/* ---- what a client does, as long as it is served ---- */

static bool is_served(struct scene *t)
{
    return client_is_connected(t) && t->client->is_stream && t->client->error_code == 0;
}

static void opens(struct scene *t)
{
    static const char call[] = "{\"method\":\"io.haul.Stream.Open\",\"parameters\":"
                               "{\"version\":1},\"upgrade\":true}";

    client_says(t, span_of(call, sizeof(call)));
}

static void submits(struct scene *t, uint64_t id, const struct scene_request *request)
{
    if (is_served(t))
        client_submits_as(t, id, request);
}

static void shares(struct scene *t, const struct message_profile *profile)
{
    if (is_served(t))
        client_shares(t, 1, profile);
}

static void begins_batch(struct scene *t, uint32_t flags)
{
    if (is_served(t))
        client_begins_batch_with(t, 1, flags);
}

static void ends_batch(struct scene *t)
{
    if (is_served(t))
        client_ends_batch(t, 1);
}

/* ---- stories ---- */

static void fetches_one(struct scene *t)
{
    origin_answers(t, HELLO);
    opens(t);
    shares(t, NULL);
    begins_batch(t, 0);
    submits(t, 1, &(struct scene_request){ .url = ORIGIN });
    ends_batch(t);
}

static void fetches_many_with_heads_and_cookies(struct scene *t)
{
    const struct message_profile profile = {
        .fixed = { .flags = WIRE_PROFILE_HEAD | WIRE_PROFILE_FOLLOW,
                   .redirects_max = 5,
                   .body_mode = WIRE_BODY_DATA },
    };

    origin_answers(t, "HTTP/1.1 302 Found\r\nLocation: http://other.test/there\r\n"
                      "Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n");
    opens(t);
    shares(t, &profile);
    begins_batch(t, WIRE_BATCH_COOKIES);
    submits(t, 1, &(struct scene_request){ .url = ORIGIN });
    submits(t, 2, &(struct scene_request){ .url = "http://two.test/x" });
    submits(t, 3, &(struct scene_request){ .url = "http://unknown.test/" });
    ends_batch(t);
}

static void posts_and_reads_chunks(struct scene *t)
{
    origin_answers(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
                      "5\r\nhello\r\n6\r\n world\r\n0\r\nT: u\r\n\r\n");
    opens(t);
    shares(t, NULL);
    begins_batch(t, 0);
    submits(t, 1, &(struct scene_request){ .method = "POST", .url = ORIGIN, .body = "a=b" });
    ends_batch(t);
}

static void is_kept_waiting_and_cancels(struct scene *t)
{
    opens(t);
    shares(t, NULL);
    begins_batch(t, 0);
    submits(t, 1, &(struct scene_request){ .url = ORIGIN });
    if (is_served(t) && origin_conns_seen(t) > 0)
        origin_replies(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nhello");
    if (is_served(t))
        client_cancels(t, 1);
}

static void calls_for_a_fetch(struct scene *t)
{
    static const char call[] = "{\"method\":\"io.haul.Fetch.Get\",\"parameters\":{\"url\":"
                               "\"" ORIGIN "\",\"headers\":{\"A\":\"b\"}}}";

    origin_answers(t, HELLO);
    client_says(t, span_of(call, sizeof(call)));
}

static void is_turned_away(struct scene *t)
{
    struct config_trouble trouble;

    assert_int_equal(config_set(&t->config, "MaxSessionsPerUser", SPAN_LITERAL("1"), "", &trouble),
                     CONFIG_OK);
    opens(t);
}

/* ---- and again ---- */

static void next_client_is_served(struct scene *t)
{
    t->config.user_limits = (struct user_limits){ 0 };
    origin_answers(t, HELLO);
    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    client_receives(t, 1, 200, "hello");
}

/* Who is still served has a RESULT for each of its items, or the answer to its call. */
static void is_told(struct scene *t)
{
    for (uint64_t id = 1; is_served(t) && id < 10; id++)
        assert_false(client_item(t, id)->is_open);
    if (client_is_connected(t))
        assert_non_null(strchr(t->client->varlink, '}'));
}

static bool tells(struct scene *t, void (*story)(struct scene *t), unsigned long nth)
{
    bool was_reached;

    scene_begin(t, &(struct scene_options){ 0 });
    client_connects(t);
    count = 0;
    fails_at = nth;
    story(t);
    time_passes(t, 20 * SCENE_S); /* what lost its answer is over some time */
    was_reached = count >= nth;
    fails_at = 0;
    is_told(t);
    next_client_is_served(t);
    scene_end(t);
    return was_reached;
}

static void tortures(void (*story)(struct scene *t), unsigned long at_least)
{
    static struct scene scene;
    unsigned long nth = 1;

    while (tells(&scene, story, nth))
        nth++;
    if (nth <= at_least)
        fail_msg("only %lu allocations: the story went wrong early", nth - 1);
    print_message("%lu allocations\n", nth - 1);
}

static void an_item_survives_or_is_told(void **state)
{
    (void)state;
    tortures(fetches_one, 10);
}

static void redirects_heads_and_cookies_do(void **state)
{
    (void)state;
    tortures(fetches_many_with_heads_and_cookies, 20);
}

static void uploads_and_chunks_do(void **state)
{
    (void)state;
    tortures(posts_and_reads_chunks, 10);
}

static void a_cancelled_item_does(void **state)
{
    (void)state;
    tortures(is_kept_waiting_and_cancels, 10);
}

static void a_call_that_fetches_is_answered(void **state)
{
    (void)state;
    tortures(calls_for_a_fetch, 10);
}

static void one_who_is_turned_away_does(void **state)
{
    (void)state;
    tortures(is_turned_away, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_survives_or_is_told),
        cmocka_unit_test(redirects_heads_and_cookies_do),
        cmocka_unit_test(uploads_and_chunks_do),
        cmocka_unit_test(a_cancelled_item_does),
        cmocka_unit_test(a_call_that_fetches_is_answered),
        cmocka_unit_test(one_who_is_turned_away_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
