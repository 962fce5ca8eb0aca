/*
 * Whom the daemon serves, and how much of it one user may have.
 */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ORIGIN "http://origin.test/"
#define GET_INFO "{\"method\":\"org.varlink.service.GetInfo\"}"
#define ANN 40001u
#define BOB 40002u
#define STAFF 50001u

static void connects(struct scene *t, uint32_t uid)
{
    client_connects_as(t, (struct ucred){ .pid = getpid(), .uid = uid, .gid = uid });
}

static void opens_a_batch(struct scene *t, uint32_t uid)
{
    connects(t, uid);
    client_opens_stream(t);
    client_shares(t, 1, NULL);
    client_begins_batch(t, 1, 10, 0);
}

static void setting_is(struct scene *t, const char *key, const char *value)
{
    struct config_trouble trouble;

    assert_int_equal(config_set(&t->config, key, span_of_string(value), "the test", &trouble),
                     CONFIG_OK);
}

static void allows(struct config_accounts *accounts, uint32_t id)
{
    accounts->ids[accounts->count++] = id;
}

/* A RESULT that is admission/quota, and names this setting. */
static void is_over(const struct scene *t, uint64_t id, const char *key)
{
    client_receives_fault((struct scene *)(uintptr_t)t, id, FAULT_ADMISSION_QUOTA, PHASE_QUEUE);
    assert_non_null(strstr(client_item(t, id)->message, key));
}

static void calls(struct scene *t)
{
    client_says(t, span_of(GET_INFO, sizeof(GET_INFO)));
}

static void is_turned_away(struct scene *t, const char *why)
{
    assert_true(client_is_connected(t)); /* nothing was said yet */
    calls(t);
    assert_non_null(strstr(t->client->varlink, "\"error\":\"io.haul.Manager.AccessDenied\""));
    assert_non_null(strstr(t->client->varlink, why));
    assert_false(client_is_connected(t));
}

static void is_welcome(struct scene *t)
{
    calls(t);
    assert_non_null(strstr(t->client->varlink, "\"product\""));
    assert_true(client_is_connected(t));
}

/* ---- who ---- */

static void all_are_welcome_when_no_list_says_otherwise(void **state)
{
    connects(*state, ANN);
    is_welcome(*state);
}

static void who_is_on_no_list_is_told_and_closed(void **state)
{
    struct scene *t = *state;

    setting_is(t, "AllowUsers", "40001");
    allows(&t->config.allowed_users, ANN);
    connects(t, ANN);
    is_welcome(t);
    connects(t, BOB);
    is_turned_away(t, "AllowUsers=");
}

static void members_of_a_group_are_welcome(void **state)
{
    struct scene *t = *state;

    setting_is(t, "AllowGroups", "50001");
    allows(&t->config.allowed_groups, STAFF);
    client_connects_as(t, (struct ucred){ .uid = ANN, .gid = STAFF }); /* it is their first one */
    is_welcome(t);
    client_connects_as(t, (struct ucred){ .uid = BOB, .gid = BOB });
    is_turned_away(t, "AllowGroups=");
}

/* What they are a member of besides is looked at when they connect. */
static void members_of_a_second_group_are_welcome(void **state)
{
    struct scene *t = *state;
    int fd = fake_connected_socket(t->ring);

    setting_is(t, "AllowGroups", "50001");
    allows(&t->config.allowed_groups, STAFF);
    fake_set_peer(t->ring, fd, (struct ucred){ .uid = ANN, .gid = ANN });
    fake_set_group(t->ring, fd, STAFF);
    assert_int_equal(session_open(&t->sessions, fd), 0);
    assert_null(container_of(t->sessions.all.next, struct session, link)->unwelcome);
    fake_receive_eof(t->ring, fd);
    scene_settle(t);
}

static void the_daemons_own_user_is_always_welcome(void **state)
{
    struct scene *t = *state;

    setting_is(t, "AllowUsers", "40001");
    allows(&t->config.allowed_users, ANN);
    client_connects(t);
    is_welcome(t);
}

static void who_is_unwelcome_and_silent_is_closed_after_a_while(void **state)
{
    struct scene *t = *state;

    setting_is(t, "AllowUsers", "40001");
    connects(t, BOB);
    time_passes(t, t->config.frame_timeout_ns - 1);
    assert_true(client_is_connected(t));
    time_passes(t, 2);
    assert_false(client_is_connected(t));
}

/* Half a word now and then does not make the while longer. */
static void who_is_unwelcome_and_mumbles_is_closed_too(void **state)
{
    struct scene *t = *state;

    setting_is(t, "AllowUsers", "40001");
    connects(t, BOB);
    for (unsigned i = 0; i < 3; i++) {
        time_passes(t, t->config.frame_timeout_ns / 4);
        client_says(t, SPAN_LITERAL("{"));
    }
    time_passes(t, t->config.frame_timeout_ns / 4 + 1);
    assert_false(client_is_connected(t));
}

static void so_many_unwelcome_ones_are_told_and_no_more(void **state)
{
    struct scene *t = *state;
    int fds[17], r = 0;
    unsigned count = 0;

    setting_is(t, "AllowUsers", "40001");
    while (count < 17 && r == 0) {
        fds[count] = fake_connected_socket(t->ring);
        fake_set_peer(t->ring, fds[count], (struct ucred){ .uid = BOB });
        r = session_open(&t->sessions, fds[count++]);
    }
    assert_int_equal(r, -EDQUOT);
    assert_int_equal(count, 17);
    assert_false(fake_is_open(t->ring, fds[16]));
    time_passes(t, t->config.frame_timeout_ns + 1);
    assert_int_equal(t->sessions.count, 0);
    connects(t, BOB); /* as before */
    is_turned_away(t, "AllowUsers=");
}

/* ---- how much ---- */

static void one_session_too_many_is_told_why(void **state)
{
    struct scene *t = *state;

    setting_is(t, "MaxSessionsPerUser", "1");
    connects(t, ANN);
    connects(t, ANN);
    is_turned_away(t, "MaxSessionsPerUser=");
    connects(t, BOB);
    is_welcome(t);
}

static void a_session_that_ends_makes_room_for_another(void **state)
{
    struct scene *t = *state;

    setting_is(t, "MaxSessionsPerUser", "1");
    connects(t, ANN);
    client_hangs_up(t);
    connects(t, ANN);
    is_welcome(t);
}

static void items_over_the_limit_are_refused_and_the_others_go_on(void **state)
{
    struct scene *t = *state;

    setting_is(t, "MaxItemsPerUser", "2");
    opens_a_batch(t, ANN);
    for (uint64_t id = 1; id <= 3; id++)
        client_submits(t, id, ORIGIN);
    is_over(t, 3, "MaxItemsPerUser=");
    client_receives_nothing(t, 1);
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
    client_submits(t, 4, ORIGIN); /* there is room again */
    client_receives_nothing(t, 4);
    client_submits(t, 5, ORIGIN); /* and for one only */
    is_over(t, 5, "MaxItemsPerUser=");
}

static void sessions_of_a_user_share_its_limit_and_others_have_their_own(void **state)
{
    struct scene *t = *state;

    setting_is(t, "MaxItemsPerUser", "1");
    opens_a_batch(t, ANN);
    client_submits(t, 1, ORIGIN);
    opens_a_batch(t, ANN);
    client_submits(t, 1, ORIGIN);
    is_over(t, 1, "MaxItemsPerUser=");
    opens_a_batch(t, BOB);
    client_submits(t, 1, ORIGIN);
    client_receives_nothing(t, 1);
    client_is(t, 1);
    client_hangs_up(t); /* and what it had is its user's again */
    client_is(t, 2);
    client_submits(t, 2, ORIGIN);
    client_receives_nothing(t, 2);
}

static void a_batch_over_the_limit_has_all_its_items_refused(void **state)
{
    struct scene *t = *state;

    setting_is(t, "MaxBatchesPerUser", "1");
    origin_answers(t, HELLO);
    opens_a_batch(t, ANN);
    client_begins_batch(t, 2, 1, 0);
    client_submits_as(t, 1, &(struct scene_request){ .url = ORIGIN, .batch_id = 2 });
    is_over(t, 1, "MaxBatchesPerUser=");
    client_submits(t, 2, ORIGIN);
    client_receives(t, 2, 200, "hello");
    client_ends_batch(t, 2);
    assert_int_equal(client_receives_batch_done(t, 2)->failed, 1);
    client_ends_batch(t, 1);
    (void)client_receives_batch_done(t, 1);
    client_begins_batch(t, 3, 1, 0); /* the first is done */
    client_submits_as(t, 3, &(struct scene_request){ .url = ORIGIN, .batch_id = 3 });
    client_receives(t, 3, 200, "hello");
}

static void requests_count_by_their_bytes(void **state)
{
    static char body[(1u << 20) - 4096];
    struct scene_request request = { .method = "POST", .url = ORIGIN, .body = body };
    struct scene *t = *state;

    memset(body, 'b', sizeof(body) - 1);
    body[150u << 10] = '\0'; /* a frame of the scene's holds no more */
    setting_is(t, "MaxBytesPerUser", "1M");
    opens_a_batch(t, ANN);
    for (uint64_t id = 1; id <= 7; id++)
        client_submits_as(t, id, &request);
    client_receives_nothing(t, 6);
    is_over(t, 7, "MaxBytesPerUser=");
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
    client_submits_as(t, 8, &request);
    client_receives_nothing(t, 8);
}

/* What a profile says is kept as long as its session. */
static void profiles_count_too(void **state)
{
    static char pem[150u << 10];
    struct message_profile profile = { .fixed = { .body_mode = WIRE_BODY_DATA },
                                       .ca_pem =
                                           span_of(memset(pem, 'x', sizeof(pem)), sizeof(pem)) };
    struct scene *t = *state;

    setting_is(t, "MaxBytesPerUser", "1M");
    connects(t, ANN);
    client_opens_stream(t);
    for (uint64_t id = 1; id <= 6; id++)
        client_shares(t, id, &profile);
    assert_int_equal(t->client->error_code, 0);
    client_shares(t, 7, &profile);
    client_is_refused(t, WIRE_ERROR_LIMIT);
    opens_a_batch(t, ANN); /* what was kept is gone */
    client_submits(t, 1, ORIGIN);
    client_receives_nothing(t, 1);
}

/* Answers that its user does not read are bytes of its too. */
static void answers_that_are_not_read_count_too(void **state)
{
    static char answer[(600u << 10) + 128];
    struct scene *t = *state;
    int head = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n",
                        600u << 10);

    memset(answer + head, 'x', 600u << 10);
    setting_is(t, "MaxBytesPerUser", "1M");
    opens_a_batch(t, ANN);
    client_stops_reading(t);
    client_submits(t, 1, ORIGIN);
    client_submits(t, 2, ORIGIN);
    for (unsigned i = 1; i <= 2; i++)
        origin_replies_bytes(t, i, span_of(answer, (size_t)head + (600u << 10)));
    opens_a_batch(t, ANN);
    client_submits(t, 3, ORIGIN);
    is_over(t, 3, "MaxBytesPerUser=");
    client_is(t, 1);
    client_reads_again(t);
    client_is(t, 2);
    client_submits(t, 4, ORIGIN);
    client_receives_nothing(t, 4);
}

static void descriptors_count_until_their_items_end(void **state)
{
    struct scene *t = *state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const struct scene_request request = { .url = ORIGIN, .body_mode = WIRE_BODY_FD, .fd = &fd };

    assert_true(fd >= 0);
    setting_is(t, "MaxDescriptorsPerUser", "1");
    opens_a_batch(t, ANN);
    client_submits_as(t, 1, &request);
    client_submits_as(t, 2, &request);
    is_over(t, 2, "MaxDescriptorsPerUser=");
    client_submits(t, 3, ORIGIN); /* none comes with it */
    client_receives_nothing(t, 3);
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, NULL);
    client_submits_as(t, 4, &request);
    client_receives_nothing(t, 4);
    (void)close(fd);
}

/* With pieces of one frame, which is far from whole. */
static void brings_descriptors(struct scene *t, int fd, unsigned messages)
{
    const char header[8] = { 0, 0x10 }; /* a frame of 4096 bytes */
    int fds[10];

    for (unsigned i = 0; i < 10; i++)
        fds[i] = fd;
    for (unsigned i = 0; i < messages; i++) {
        fake_receive_fds(t->ring, t->client->fd, span_of(header, sizeof(header)), fds, 10);
        scene_settle(t);
    }
}

/* As many as one message may bring wait for their requests, over all sessions of the user. */
static void descriptors_that_no_request_claims_are_bounded_too(void **state)
{
    struct scene *t = *state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    setting_is(t, "MaxDescriptorsPerUser", "1");
    opens_a_batch(t, ANN);
    brings_descriptors(t, fd, 15);
    opens_a_batch(t, ANN);
    brings_descriptors(t, fd, 10);
    assert_int_equal(t->client->error_code, 0);
    brings_descriptors(t, fd, 1);
    client_is_refused(t, WIRE_ERROR_FDS);
    (void)close(fd);
}

static void who_is_turned_away_takes_nobodys_place(void **state)
{
    struct scene *t = *state;

    setting_is(t, "MaxSessionsPerUser", "1");
    connects(t, ANN);
    connects(t, ANN); /* one too many, and silent */
    client_is(t, 1);
    client_hangs_up(t);
    connects(t, ANN);
    is_welcome(t);
}

/* Scripts are users too. */
static void calls_that_fetch_are_held_to_the_same_limits(void **state)
{
    static const char call[] = "{\"method\":\"io.haul.Fetch.Get\",\"parameters\":{\"url\":"
                               "\"" ORIGIN "\"}}";
    struct scene *t = *state;

    setting_is(t, "MaxItemsPerUser", "1");
    opens_a_batch(t, ANN);
    client_submits(t, 1, ORIGIN);
    connects(t, ANN);
    client_says(t, span_of(call, sizeof(call)));
    assert_non_null(strstr(t->client->varlink, "io.haul.Fetch.Failed"));
    assert_non_null(strstr(t->client->varlink, "MaxItemsPerUser="));
    connects(t, BOB);
    client_says(t, span_of(call, sizeof(call)));
    assert_string_equal(t->client->varlink, "");
    origin_answers(t, HELLO);
    origin_replies(t, 2, HELLO);
    assert_non_null(strstr(t->client->varlink, "\"status\":200"));
}

/* Ann has two sessions and is first; one place comes free at a time. */
static void users_take_turns_at_an_origin_however_many_sessions_they_have(void **state)
{
    struct scene *t = *state;

    opens_a_batch(t, ANN);
    client_submits(t, 1, ORIGIN);
    client_submits(t, 2, ORIGIN);
    opens_a_batch(t, ANN);
    client_submits(t, 1, ORIGIN);
    opens_a_batch(t, BOB);
    client_submits(t, 1, ORIGIN);
    origin_replies(t, 1, HELLO); /* to Ann, whose next had the first turn */
    origin_replies(t, 1, HELLO);
    client_is(t, 1);
    client_receives(t, 2, 200, "hello");
    origin_replies(t, 1, HELLO); /* to Bob now: Ann's other session is still Ann */
    client_is(t, 3);
    client_receives(t, 1, 200, "hello");
    client_is(t, 2);
    client_receives_nothing(t, 1);
}

static int begin_with_one_place(void **state)
{
    static struct scene scene;

    scene_begin(&scene, &(struct scene_options){ .per_origin_total_max = 1 });
    *state = &scene;
    return 0;
}

#define USERS(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        USERS(all_are_welcome_when_no_list_says_otherwise),
        USERS(who_is_on_no_list_is_told_and_closed),
        USERS(members_of_a_group_are_welcome),
        USERS(members_of_a_second_group_are_welcome),
        USERS(the_daemons_own_user_is_always_welcome),
        USERS(who_is_unwelcome_and_silent_is_closed_after_a_while),
        USERS(who_is_unwelcome_and_mumbles_is_closed_too),
        USERS(so_many_unwelcome_ones_are_told_and_no_more),
        USERS(one_session_too_many_is_told_why),
        USERS(a_session_that_ends_makes_room_for_another),
        USERS(items_over_the_limit_are_refused_and_the_others_go_on),
        USERS(sessions_of_a_user_share_its_limit_and_others_have_their_own),
        USERS(a_batch_over_the_limit_has_all_its_items_refused),
        USERS(requests_count_by_their_bytes),
        USERS(profiles_count_too),
        USERS(answers_that_are_not_read_count_too),
        USERS(descriptors_that_no_request_claims_are_bounded_too),
        USERS(who_is_turned_away_takes_nobodys_place),
        USERS(descriptors_count_until_their_items_end),
        USERS(calls_that_fetch_are_held_to_the_same_limits),
        cmocka_unit_test_setup_teardown(
            users_take_turns_at_an_origin_however_many_sessions_they_have, begin_with_one_place,
            scene_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
