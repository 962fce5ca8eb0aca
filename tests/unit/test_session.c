/*
 * A client's conversation with the daemon, as PROTOCOL.md tells it. The scene holds every test to
 * the rules of order: one RESULT, nothing of an item behind it, no byte beyond the window, nothing
 * left when all have gone.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int begin(void **state)
{
    static struct scene scene;

    scene_begin(&scene, &(struct scene_options){ 0 });
    *state = &scene;
    return 0;
}

static int end(void **state)
{
    scene_end(*state);
    return 0;
}

static void fetches_and_tells_the_batch_is_done(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins(t, 2);
    client_submits(t, 7, "http://origin.test/a");
    client_receives(t, 7, 200, "hello");
    client_ends_batch(t, 1);
    assert_int_equal(client_receives_batch_done(t, 1)->ok, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fetches_and_tells_the_batch_is_done, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
