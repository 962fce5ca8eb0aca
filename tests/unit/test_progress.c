/*
 * The progress line says of a body how much there is of it and when the rest will be there, and of
 * a list how many items are done.
 */
#include "progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START_NS UINT64_C(1000)
#define S_NS UINT64_C(1000000000)
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
    struct progress_state state;
    uint64_t spent_ns;
    const char *line;
} rows[] = {
    { { .total = 1, .shows_body = true, .bytes = 450, .body_bytes = 450, .body_size = 1000 },
      9 * S_NS,
      "45%   450 B of 1.0 kB   50 B/s   ETA 11.0 s" },
    { { .total = 1, .shows_body = true, .body_size = 1000 }, S_NS, "0%   0 B of 1.0 kB   0 B/s" },
    { { .total = 1, .shows_body = true, .bytes = 999, .body_bytes = 999, .body_size = 1000 },
      S_NS,
      "99%   999 B of 1.0 kB   999 B/s   ETA 1.00 ms" },
    { { .total = 1, .shows_body = true, .bytes = 1000, .body_bytes = 1000, .body_size = 1000 },
      2 * S_NS,
      "100%   1.0 kB of 1.0 kB   500 B/s" },
    { { .total = 1, .shows_body = true, .bytes = 300, .body_bytes = 300 },
      3 * S_NS,
      "300 B in 3.00 s   100 B/s" },
    { { .total = 1, .shows_body = true, .bytes = 300, .body_bytes = 300, .body_size = 200 },
      3 * S_NS,
      "300 B in 3.00 s   100 B/s" },
    { { .done = 2,
        .total = 5,
        .failed = 1,
        .shows_body = true,
        .bytes = 2000,
        .body_bytes = 500,
        .body_size = 1000 },
      2 * S_NS,
      "2/5   50%   500 B of 1.0 kB   1.0 kB/s   ETA 500 ms   1 failed" },
    { { .done = 2, .shows_body = true, .bytes = 2000, .body_bytes = 500 },
      2 * S_NS,
      "2   2.0 kB in 2.00 s   1.0 kB/s   0 failed" },
    { { .total = 1,
        .shows_body = true,
        .bytes = UINT64_MAX,
        .body_bytes = UINT64_MAX,
        .body_size = UINT64_MAX },
      0,
      "100%   18 EB of 18 EB   0 B/s" },
    { { .done = 120, .total = 480, .failed = 3 },
      60 * S_NS,
      "120/480   2/s   3 failed   ETA 3m00s" },
    { { .done = 120 }, 60 * S_NS, "120   2/s   0 failed" },
    { { .total = 1, .shows_body = true, .bytes = 1, .body_bytes = 1, .body_size = UINT64_MAX },
      S_NS,
      "0%   1 B of 18 EB   1 B/s" },
    { { .total = 10 }, S_NS, "0/10   0/s   0 failed" },
};

static void says_how_far_it_is(void **state)
{
    struct progress progress;
    struct text line;

    (void)state;
    text_init(&line);
    for (size_t i = 0; i < ROWS(rows); i++) {
        progress_init(&progress, START_NS, true);
        text_clear(&line, SIZE_MAX);
        progress_write(&progress, &line, &rows[i].state, START_NS + rows[i].spent_ns);
        text_put_char(&line, '\0');
        assert_false(line.failed);
        assert_string_equal(line.data, rows[i].line);
    }
    text_deinit(&line);
}

static void begins_after_a_second_and_goes_on(void **state)
{
    struct progress_state nothing = { 0 };
    struct progress progress;
    struct text line;

    (void)state;
    text_init(&line);
    progress_init(&progress, START_NS, true);
    assert_true(progress_is_wanted(&progress));
    assert_false(progress_is_due(&progress, START_NS + PROGRESS_AFTER_NS - 1));
    assert_true(progress_is_due(&progress, START_NS + PROGRESS_AFTER_NS));
    progress_write(&progress, &line, &nothing, START_NS + 2 * S_NS);
    assert_false(progress_is_due(&progress, START_NS + 2 * S_NS));
    assert_true(progress_is_due(&progress, START_NS + 2 * S_NS + PROGRESS_EVERY_NS));
    text_deinit(&line);
}

static void stays_away_when_it_is_not_wanted(void **state)
{
    struct progress progress;

    (void)state;
    progress_init(&progress, START_NS, false);
    assert_false(progress_is_wanted(&progress));
    assert_false(progress_is_due(&progress, START_NS + 1000 * S_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_far_it_is),
        cmocka_unit_test(begins_after_a_second_and_goes_on),
        cmocka_unit_test(stays_away_when_it_is_not_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
