/*
 * Accepting clients: up to a bound, through shortages, and not any more when it closes.
 */
#include "scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SESSIONS_MAX 3

struct stage {
    struct scene scene;
    struct listener listener;
    int fd;
};

static int begin(void **state)
{
    static struct stage stage;
    struct stage *s = &stage;

    scene_begin(&s->scene, &(struct scene_options){ 0 });
    s->fd = fake_connected_socket(s->scene.ring);
    listener_open(&s->listener, &s->scene.sessions, &s->scene.timers, s->fd, SESSIONS_MAX);
    s->scene.listener = &s->listener;
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;
    struct list *first;

    if (!s->listener.closing)
        listener_close(&s->listener);
    scene_settle(&s->scene);
    while ((first = list_first(&s->scene.sessions.all))) {
        session_close(container_of(first, struct session, link));
        scene_settle(&s->scene);
    }
    assert_true(listener_is_closed(&s->listener));
    assert_false(fake_is_open(s->scene.ring, s->fd));
    scene_end(&s->scene);
    return 0;
}

static int connects(struct stage *s)
{
    int fd = fake_accept(s->scene.ring, s->fd);

    scene_settle(&s->scene);
    return fd;
}

static void hangs_up(struct stage *s, int fd)
{
    fake_receive_eof(s->scene.ring, fd);
    scene_settle(&s->scene);
}

static void accepts_one_after_the_other_up_to_its_bound(void **state)
{
    struct stage *s = *state;
    int first = connects(s);

    for (unsigned i = 1; i < SESSIONS_MAX; i++)
        (void)connects(s);
    assert_int_equal(s->scene.sessions.count, SESSIONS_MAX);
    (void)connects(s);
    assert_int_equal(s->scene.sessions.count, SESSIONS_MAX); /* it waits in the backlog */
    hangs_up(s, first);
    assert_int_equal(s->scene.sessions.count, SESSIONS_MAX); /* and has its turn now */
    assert_int_equal(s->scene.sessions_gone, 1);
}

static void pauses_without_descriptors_and_goes_on_a_moment_later(void **state)
{
    static const int shortages[] = { -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM };
    struct stage *s = *state;

    for (unsigned i = 0; i < 4; i++) {
        fake_accept_error(s->scene.ring, s->fd, shortages[i]);
        scene_settle(&s->scene);
        assert_int_equal(s->listener.refusals, i + 1);
        assert_int_equal(fake_ops_in_flight(s->scene.ring), 0); /* it does not spin */
        time_passes(&s->scene, 200 * SCENE_MS);
        assert_int_equal(fake_ops_in_flight(s->scene.ring), 1);
    }
    (void)connects(s);
    assert_int_equal(s->scene.sessions.count, 1);
}

static void an_error_that_stays_does_not_keep_the_loop_busy(void **state)
{
    struct stage *s = *state;

    fake_accept_error(s->scene.ring, s->fd, -EINVAL);
    scene_settle(&s->scene);
    assert_false(s->listener.accept_op.in_flight);
    assert_int_equal(s->listener.refusals, 0); /* no lack of descriptors */
    time_passes(&s->scene, 200 * SCENE_MS);
    assert_true(s->listener.accept_op.in_flight);
}

static void goes_on_at_once_when_a_session_ends(void **state)
{
    struct stage *s = *state;
    int fd = connects(s);

    fake_accept_error(s->scene.ring, s->fd, -EMFILE);
    scene_settle(&s->scene);
    assert_false(s->listener.accept_op.in_flight);
    hangs_up(s, fd);
    assert_true(s->listener.accept_op.in_flight);
    assert_false(timer_is_armed(&s->listener.retry_timer));
}

static void a_client_that_gave_up_while_waiting_is_no_trouble(void **state)
{
    struct stage *s = *state;

    fake_accept_error(s->scene.ring, s->fd, -ECONNABORTED);
    (void)connects(s);
    assert_int_equal(s->scene.sessions.count, 1);
    assert_int_equal(s->listener.refusals, 0);
}

static void closed_it_accepts_nobody_and_leaves_no_timer(void **state)
{
    struct stage *s = *state;
    unsigned timers = s->scene.timers.count;

    fake_accept_error(s->scene.ring, s->fd, -EMFILE);
    scene_settle(&s->scene);
    assert_int_equal(s->scene.timers.count, timers + 1);
    listener_close(&s->listener);
    assert_int_equal(s->scene.timers.count, timers);
    scene_settle(&s->scene);
    assert_true(listener_is_closed(&s->listener));
    listener_on_room(&s->listener);
    assert_false(s->listener.accept_op.in_flight);
}

/* The accept may be over when it is cancelled: the descriptor it brings must not leak. */
static void one_that_comes_too_late_is_closed(void **state)
{
    struct stage *s = *state;
    int fd = fake_accept(s->scene.ring, s->fd);

    s->listener.closing = true; /* as if the cancel came too late to do anything */
    scene_settle(&s->scene);
    assert_false(fake_is_open(s->scene.ring, fd));
    assert_int_equal(s->scene.sessions.count, 0);
}

int main(void)
{
#define LISTENER(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        LISTENER(accepts_one_after_the_other_up_to_its_bound),
        LISTENER(pauses_without_descriptors_and_goes_on_a_moment_later),
        LISTENER(an_error_that_stays_does_not_keep_the_loop_busy),
        LISTENER(goes_on_at_once_when_a_session_ends),
        LISTENER(a_client_that_gave_up_while_waiting_is_no_trouble),
        LISTENER(closed_it_accepts_nobody_and_leaves_no_timer),
        LISTENER(one_that_comes_too_late_is_closed),
    };
#undef LISTENER

    return cmocka_run_group_tests(tests, NULL, NULL);
}
