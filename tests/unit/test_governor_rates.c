/*
 * What time decides at an origin: rates, cool-downs, who is woken when, and what is remembered.
 *
 * The clock is the test's. Whoever waits is woken at the nanosecond that governor_next_ns names,
 * and when everyone is to be seen off, time passes until nobody is left.
 */
#include "governor_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)
#define MS UINT64_C(1000000)
#define TICKETS 20000
#define IDLE_MAX 8
#define PER_SECOND UINT64_C(1000000) /* in microhertz */

struct scene {
    struct governor governor;
    struct governor_ticket tickets[TICKETS];
    uint64_t started_ns[TICKETS]; /* 0: not yet */
    unsigned order[TICKETS];      /* who started, one after the other */
    unsigned started_count;
    uint64_t now_ns;
    bool leaves_at_once; /* attempts take no time */
};

struct ask {
    const char *host; /* NULL: origin.test */
    uint64_t client;
    uint64_t batch;
    uint64_t rate_uhz;
    unsigned max; /* 0: a lot */
    uint64_t asked_rate_uhz;
};

static void begin_at_rate(void **state, uint64_t origin_rate_uhz, unsigned burst)
{
    const struct governor_options options = { .origin_rate_uhz = origin_rate_uhz,
                                              .origin_burst = burst,
                                              .idle_origins_max = IDLE_MAX,
                                              .hash_seed = 1 };
    struct scene *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    t->now_ns = 1000 * S;
    assert_int_equal(governor_init(&t->governor, &options), 0);
    *state = t;
}

static int begin(void **state)
{
    begin_at_rate(state, 0, 0);
    return 0;
}

static int begin_with_10_per_second(void **state)
{
    begin_at_rate(state, 10 * PER_SECOND, 0);
    return 0;
}

static int begin_with_1_per_second_and_burst_5(void **state)
{
    begin_at_rate(state, PER_SECOND, 5);
    return 0;
}

static unsigned number_of(const struct scene *t, const struct governor_ticket *ticket)
{
    return (unsigned)(ticket - t->tickets);
}

static void starts(struct scene *t, unsigned i);

static void leaves_with(struct scene *t, unsigned i, enum cooldown_answer kind, uint64_t after_ns)
{
    const struct governor_answer answer = { .kind = kind, .after_ns = after_ns };
    struct governor_ticket *next = governor_leave(&t->governor, &t->tickets[i], &answer, t->now_ns);

    assert_null(t->tickets[i].lane);
    governor_check(&t->governor);
    if (next)
        starts(t, number_of(t, next));
}

static void leaves(struct scene *t, unsigned i)
{
    leaves_with(t, i, COOLDOWN_ANSWER_GOOD, 0);
}

static void starts(struct scene *t, unsigned i)
{
    assert_int_equal(t->started_ns[i], 0);
    assert_non_null(t->tickets[i].lane);
    assert_false(list_is_linked(&t->tickets[i].link));
    t->started_ns[i] = t->now_ns;
    t->order[t->started_count++] = i;
    if (t->leaves_at_once)
        leaves(t, i);
}

static bool asks(struct scene *t, unsigned i, const struct ask *ask)
{
    const struct governor_demand demand = {
        .host = span_of_string(ask->host ? ask->host : "origin.test"),
        .port = 80,
        .client_key = ask->client,
        .batch_key = ask->batch,
        .batch_active_max = ask->max ? ask->max : 1000000,
        .batch_rate_uhz = ask->rate_uhz,
        .batch_rate_cap = WIRE_CAP_RATE_PER_ORIGIN,
        .asked_rate_uhz = ask->asked_rate_uhz,
    };
    enum governor_verdict verdict =
        governor_enter(&t->governor, &t->tickets[i], &demand, t->now_ns);

    assert_int_not_equal(verdict, GOVERNOR_NO_MEMORY);
    if (i % 100 == 0)
        governor_check(&t->governor);
    if (verdict == GOVERNOR_GO)
        starts(t, i);
    return verdict == GOVERNOR_GO;
}

static void many_ask(struct scene *t, unsigned first, unsigned count, const struct ask *ask)
{
    for (unsigned i = first; i < first + count; i++)
        (void)asks(t, i, ask);
}

static void time_comes(struct scene *t)
{
    struct governor_ticket *ticket;

    while ((ticket = governor_wake(&t->governor, t->now_ns)))
        starts(t, number_of(t, ticket));
    governor_check(&t->governor);
    assert_true(governor_next_ns(&t->governor) > t->now_ns);
}

static void time_passes_until(struct scene *t, uint64_t end_ns)
{
    uint64_t next_ns;

    while ((next_ns = governor_next_ns(&t->governor)) <= end_ns) {
        if (next_ns > t->now_ns)
            t->now_ns = next_ns;
        time_comes(t);
    }
    if (end_ns > t->now_ns)
        t->now_ns = end_ns;
}

static void time_passes(struct scene *t, uint64_t ns)
{
    time_passes_until(t, t->now_ns + ns);
}

static int end(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = false;
    for (unsigned i = 0; i < TICKETS; i++)
        if (t->tickets[i].lane && list_is_linked(&t->tickets[i].link))
            (void)governor_leave(&t->governor, &t->tickets[i], NULL, t->now_ns);
    for (unsigned i = 0; i < TICKETS; i++)
        if (t->tickets[i].lane)
            assert_null(governor_leave(&t->governor, &t->tickets[i], NULL, t->now_ns));
    governor_check(&t->governor);
    governor_deinit(&t->governor); /* what it remembers goes too */
    free(t);
    return 0;
}

/* ---- rates ---- */

static void starts_a_batch_at_its_rate_to_the_nanosecond(void **state)
{
    struct scene *t = *state;
    uint64_t start_ns = t->now_ns;

    t->leaves_at_once = true;
    many_ask(t, 0, 100, &(struct ask){ .batch = 1, .rate_uhz = 4 * PER_SECOND });
    assert_int_equal(t->started_count, 1);
    assert_int_equal(governor_next_ns(&t->governor), start_ns + S / 4);
    time_passes(t, 60 * S);
    assert_int_equal(t->started_count, 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(t->started_ns[i], start_ns + i * S / 4);
        assert_int_equal(t->order[i], i);
        assert_int_equal(t->tickets[i].held_by, i ? WIRE_CAP_RATE_PER_ORIGIN : WIRE_CAP_NONE);
    }
}

static void starts_up_to_the_burst_at_once(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    many_ask(t, 0, 2000, &(struct ask){ .batch = 1, .rate_uhz = 1000 * PER_SECOND });
    assert_int_equal(t->started_count, 100);
    time_passes(t, S);
    assert_int_equal(t->started_count, 1100);
}

static void all_batches_together_keep_to_the_origins_rate(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    for (unsigned i = 0; i < 10; i++)
        many_ask(t, i * 100, 100, &(struct ask){ .client = i % 3, .batch = i });
    assert_int_equal(t->started_count, 1);
    assert_int_equal(t->tickets[999].held_by, WIRE_CAP_RATE_PER_ORIGIN_TOTAL);
    time_passes(t, 50 * S);
    assert_int_equal(t->started_count, 501);
    for (unsigned i = 1; i < t->started_count; i++)
        assert_int_equal(t->started_ns[t->order[i]] - t->started_ns[t->order[i - 1]], S / 10);
}

static void the_lower_rate_wins(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    many_ask(t, 0, 100, &(struct ask){ .batch = 1, .rate_uhz = 2 * PER_SECOND });
    many_ask(t, 1000, 100, &(struct ask){ .batch = 2, .rate_uhz = 1000 * PER_SECOND });
    time_passes(t, 5 * S);
    assert_int_equal(t->started_count, 51); /* the origin's 10/s */
    assert_true(t->started_ns[9]);
    assert_int_equal(t->started_ns[12], 0); /* of which one batch takes two, the other the rest */
}

static void a_burst_of_the_origin_may_be_given(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    many_ask(t, 0, 20, &(struct ask){ .batch = 1 });
    assert_int_equal(t->started_count, 5);
    time_passes(t, 3 * S);
    assert_int_equal(t->started_count, 8);
}

static void one_origins_rate_is_not_anothers(void **state)
{
    struct scene *t = *state;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    assert_false(asks(t, 1, &(struct ask){ .batch = 1 }));
    assert_true(asks(t, 2, &(struct ask){ .batch = 1, .host = "other.test" }));
}

static void a_leave_brings_no_start_before_its_time(void **state)
{
    struct scene *t = *state;
    uint64_t start_ns = t->now_ns;

    many_ask(t, 0, 3, &(struct ask){ .batch = 1 });
    t->now_ns += 30 * MS;
    leaves(t, 0);
    assert_int_equal(t->started_count, 1);
    time_passes(t, S);
    assert_int_equal(t->started_ns[1], start_ns + 100 * MS);
    assert_int_equal(t->started_ns[2], start_ns + 200 * MS);
}

static void connections_and_rate_hold_together(void **state)
{
    struct scene *t = *state;

    many_ask(t, 0, 4, &(struct ask){ .batch = 1, .max = 2 });
    time_passes(t, S);
    assert_int_equal(t->started_count, 2); /* the rate would allow more */
    assert_true(governor_next_ns(&t->governor) == UINT64_MAX);
    leaves(t, 0);
    assert_int_equal(t->started_count, 3);
    assert_int_equal(t->tickets[2].held_by, WIRE_CAP_PER_ORIGIN); /* what held it last */
    leaves(t, 1);
    assert_int_equal(t->started_count, 3); /* there is a place, but no time yet */
    time_passes(t, 100 * MS);
    assert_int_equal(t->started_count, 4);
    assert_int_equal(t->tickets[3].held_by, WIRE_CAP_RATE_PER_ORIGIN_TOTAL);
}

static void one_that_gives_up_waiting_takes_no_turn(void **state)
{
    struct scene *t = *state;
    uint64_t start_ns = t->now_ns;

    many_ask(t, 0, 4, &(struct ask){ .batch = 1 });
    assert_null(governor_leave(&t->governor, &t->tickets[1], NULL, t->now_ns));
    time_passes(t, S);
    assert_int_equal(t->started_ns[1], 0);
    assert_int_equal(t->started_ns[2], start_ns + 100 * MS);
    assert_int_equal(t->started_ns[3], start_ns + 200 * MS);
}

static void when_all_have_given_up_nobody_is_woken(void **state)
{
    struct scene *t = *state;

    many_ask(t, 0, 4, &(struct ask){ .batch = 1 });
    for (unsigned i = 1; i < 4; i++)
        assert_null(governor_leave(&t->governor, &t->tickets[i], NULL, t->now_ns));
    assert_true(governor_next_ns(&t->governor) == UINT64_MAX);
}

/* The place that time has freed is of those who wait, even if the loop has not come to wake them.
 */
static void a_newcomer_does_not_take_the_turn_of_those_who_wait(void **state)
{
    struct scene *t = *state;

    many_ask(t, 0, 3, &(struct ask){ .batch = 1 });
    t->now_ns += 100 * MS;
    assert_false(asks(t, 9, &(struct ask){ .batch = 2 }));
    time_comes(t);
    assert_int_equal(t->started_count, 2);
    assert_int_equal(t->order[1], 1);
    time_passes(t, 100 * MS);
    assert_int_equal(t->order[2], 9);
}

static void keeps_up_after_a_stall_with_no_more_than_the_burst(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    many_ask(t, 0, 100, &(struct ask){ .batch = 1 });
    t->now_ns += 10 * S;
    time_comes(t);
    assert_int_equal(t->started_count, 2);
}

/* ---- fairness ---- */

static void a_batch_of_ten_thousand_does_not_starve_one_of_ten(void **state)
{
    struct scene *t = *state;
    uint64_t start_ns = t->now_ns;

    t->leaves_at_once = true;
    many_ask(t, 0, 10000, &(struct ask){ .batch = 1 });
    time_passes(t, 10 * S);
    many_ask(t, 15000, 10, &(struct ask){ .batch = 2 });
    time_passes(t, 2 * S);
    for (unsigned i = 15000; i < 15010; i++)
        assert_in_range(t->started_ns[i], start_ns + 10 * S, start_ns + 12 * S);
}

/* Client 1 has 50 batches, client 2 one. */
static void clients_get_equal_shares_of_a_rate(void **state)
{
    struct scene *t = *state;
    unsigned of_2 = 0;

    t->leaves_at_once = true;
    for (unsigned batch = 0; batch < 50; batch++)
        many_ask(t, batch * 100, 100, &(struct ask){ .client = 1, .batch = batch });
    many_ask(t, 10000, 1000, &(struct ask){ .client = 2, .batch = 100 });
    time_passes(t, 100 * S);
    assert_int_equal(t->started_count, 1001);
    for (unsigned i = 10000; i < 11000; i++)
        of_2 += t->started_ns[i] > 0;
    assert_in_range(of_2, 499, 501);
}

/* ---- rates that clients name for an origin ---- */

static struct ask names(uint64_t client, uint64_t per_second)
{
    return (struct ask){ .client = client,
                         .batch = client,
                         .rate_uhz = per_second * PER_SECOND,
                         .asked_rate_uhz = per_second * PER_SECOND };
}

static unsigned started_of(const struct scene *t, unsigned first, unsigned count)
{
    unsigned started = 0;

    for (unsigned i = first; i < first + count; i++)
        started += t->started_ns[i] > 0;
    return started;
}

static void who_names_the_same_rate_shares_it(void **state)
{
    struct scene *t = *state;
    const struct ask one = names(1, 10), two = names(2, 10);

    t->leaves_at_once = true;
    many_ask(t, 0, 1000, &one);
    many_ask(t, 1000, 1000, &two);
    time_passes(t, 10 * S);
    assert_int_equal(t->started_count, 101);
    assert_in_range(started_of(t, 0, 1000), 50, 51);
    assert_int_equal(t->tickets[1000].held_by, WIRE_CAP_RATE_PER_ORIGIN);
}

static void the_highest_named_rate_counts_and_each_keeps_its_own(void **state)
{
    struct scene *t = *state;
    const struct ask slow = names(1, 2), fast = names(2, 10);

    t->leaves_at_once = true;
    many_ask(t, 0, 1000, &slow);
    many_ask(t, 1000, 1000, &fast);
    time_passes(t, 10 * S);
    assert_in_range(t->started_count, 101, 102); /* slow's first was of its own rate alone */
    assert_in_range(started_of(t, 0, 1000), 20, 21);
}

static void when_the_highest_has_left_the_next_one_counts(void **state)
{
    struct scene *t = *state;
    const struct ask fast = names(1, 10), two = names(2, 1), three = names(3, 1);

    t->leaves_at_once = true;
    many_ask(t, 0, 10, &fast);
    many_ask(t, 1000, 100, &two);
    many_ask(t, 2000, 100, &three);
    time_passes(t, 5 * S);
    assert_int_equal(started_of(t, 0, 10), 10);
    t->started_count = 0;
    time_passes(t, 20 * S);
    assert_in_range(t->started_count, 20, 21);
    assert_in_range(started_of(t, 1000, 100), 10, 16);
}

/* A command in a loop has the rate that it names, as one batch would. */
static void who_comes_later_does_not_begin_anew(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    for (unsigned i = 0; i < 10; i++) {
        const struct ask ask = names(100 + i, 2);

        assert_int_equal(asks(t, i, &ask), i == 0);
        assert_int_equal(t->started_count, i ? i : 1);
        time_passes(t, i ? S / 2 : 0);
        assert_int_equal(t->started_count, i + 1);
    }
    time_passes(t, S);
    assert_int_equal(t->governor.origins_count, 0);
}

static void who_names_none_does_not_share(void **state)
{
    struct scene *t = *state;
    const struct ask named = names(1, 1);

    t->leaves_at_once = true;
    many_ask(t, 0, 10, &named);
    many_ask(t, 1000, 100, &(struct ask){ .client = 2, .batch = 2 });
    time_comes(t);
    assert_int_equal(started_of(t, 1000, 100), 100);
    time_passes(t, 5 * S);
    assert_int_equal(started_of(t, 0, 10), 6);
}

static void what_one_does_not_use_the_other_may(void **state)
{
    struct scene *t = *state;

    t->leaves_at_once = true;
    many_ask(t, 0, 100, &(struct ask){ .client = 1, .batch = 1, .rate_uhz = PER_SECOND });
    many_ask(t, 1000, 500, &(struct ask){ .client = 2, .batch = 2 });
    time_passes(t, 10 * S);
    assert_int_equal(t->started_count, 101);
    assert_true(t->started_ns[9]);
    assert_int_equal(t->started_ns[12], 0);
}

/* ---- cool-downs ---- */

static void a_pause_holds_every_batch_and_client(void **state)
{
    struct scene *t = *state;
    uint64_t start_ns = t->now_ns;

    assert_true(asks(t, 0, &(struct ask){ .client = 1, .batch = 1 }));
    leaves_with(t, 0, COOLDOWN_ANSWER_PAUSE, 5 * S);
    assert_int_equal(t->tickets[0].cools_until_ns, start_ns + 5 * S);
    assert_false(asks(t, 1, &(struct ask){ .client = 1, .batch = 1 }));
    assert_false(asks(t, 2, &(struct ask){ .client = 2, .batch = 2 }));
    assert_true(asks(t, 3, &(struct ask){ .client = 2, .batch = 2, .host = "other.test" }));
    assert_int_equal(t->tickets[2].held_by, WIRE_CAP_COOLING);
    assert_int_equal(governor_next_ns(&t->governor), start_ns + 5 * S);
    time_passes(t, 5 * S - 1);
    assert_int_equal(t->started_count, 2);
    time_passes(t, 1);
    assert_int_equal(t->started_ns[1], start_ns + 5 * S);
    assert_int_equal(t->started_count, 3); /* one is waited for */
}

static void comes_back_in_order_one_two_four(void **state)
{
    struct scene *t = *state;
    unsigned started = 1;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    leaves_with(t, 0, COOLDOWN_ANSWER_PAUSE, S);
    many_ask(t, 1, 500, &(struct ask){ .batch = 1 });
    time_passes(t, 10 * S);
    for (unsigned round = 1; round < COOLDOWN_RAMP_MAX; round *= 2) {
        unsigned first = started;

        assert_int_equal(t->started_count, started + round);
        started = t->started_count;
        for (unsigned i = first; i < first + round; i++)
            leaves(t, t->order[i]);
        time_comes(t);
    }
    assert_int_equal(t->started_count, 501); /* and then all */
    for (unsigned i = 0; i < 501; i++)
        assert_int_equal(t->order[i], i);
}

static void a_storm_gets_one_request_per_pause(void **state)
{
    struct scene *t = *state;

    many_ask(t, 0, 100, &(struct ask){ .batch = 1 });
    for (unsigned i = 0; i < 100; i++)
        leaves_with(t, i, COOLDOWN_ANSWER_PAUSE, 0);
    many_ask(t, 100, 100, &(struct ask){ .batch = 1 });
    for (unsigned pauses = 1; pauses <= 10; pauses++) {
        time_passes_until(t, governor_next_ns(&t->governor));
        assert_int_equal(t->started_count, 100 + pauses);
        leaves_with(t, 99 + pauses, COOLDOWN_ANSWER_PAUSE, 0);
    }
    assert_int_equal(t->now_ns, 1000 * S + (1 + 2 + 4 + 8 + 16 + 32 + 4 * 60) * S);
}

static void a_rate_holds_on_the_way_back_too(void **state)
{
    struct scene *t = *state;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    leaves_with(t, 0, COOLDOWN_ANSWER_PAUSE, S);
    t->leaves_at_once = true;
    many_ask(t, 1, 100, &(struct ask){ .batch = 1 });
    time_passes(t, 3 * S);
    assert_int_equal(t->started_count, 1 + 21);
    for (unsigned i = 2; i < t->started_count; i++)
        assert_true(t->started_ns[i] - t->started_ns[i - 1] >= S / 10);
}

static void one_that_gives_up_in_a_pause_leaves_the_others_in_order(void **state)
{
    struct scene *t = *state;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    leaves_with(t, 0, COOLDOWN_ANSWER_PAUSE, S);
    many_ask(t, 1, 3, &(struct ask){ .batch = 1 });
    assert_null(governor_leave(&t->governor, &t->tickets[1], NULL, t->now_ns));
    time_passes(t, S);
    assert_int_equal(t->order[1], 2);
}

/* ---- what is remembered of an origin that nobody uses ---- */

static void does_not_forget_a_pause_when_nobody_waits(void **state)
{
    struct scene *t = *state;
    uint64_t start_ns = t->now_ns;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    leaves_with(t, 0, COOLDOWN_ANSWER_PAUSE, 5 * S);
    assert_int_equal(t->governor.origins_count, 1);
    time_passes(t, 4 * S);
    assert_false(asks(t, 1, &(struct ask){ .batch = 2 }));
    assert_null(governor_leave(&t->governor, &t->tickets[1], NULL, t->now_ns));
    time_passes_until(t, start_ns + 65 * S - 1);
    assert_int_equal(t->governor.origins_count, 1);
    time_passes(t, 1);
    assert_int_equal(t->governor.origins_count, 0);
    assert_true(governor_next_ns(&t->governor) == UINT64_MAX);
}

static void the_next_pause_is_longer_even_if_nobody_came_in_between(void **state)
{
    struct scene *t = *state;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    leaves_with(t, 0, COOLDOWN_ANSWER_PAUSE, 0);
    time_passes(t, 30 * S);
    assert_true(asks(t, 1, &(struct ask){ .batch = 2 }));
    leaves_with(t, 1, COOLDOWN_ANSWER_PAUSE, 0);
    assert_int_equal(t->tickets[1].cools_until_ns, t->now_ns + 2 * S);
    time_passes(t, 100 * S);
    assert_true(asks(t, 2, &(struct ask){ .batch = 3 }));
    leaves_with(t, 2, COOLDOWN_ANSWER_PAUSE, 0);
    assert_int_equal(t->tickets[2].cools_until_ns, t->now_ns + S);
}

static void does_not_forget_a_rate_before_it_is_as_good_as_new(void **state)
{
    struct scene *t = *state;
    const struct ask slow = { .batch = 1, .rate_uhz = 100000 }; /* 6/m */

    assert_true(asks(t, 0, &slow));
    leaves(t, 0);
    assert_int_equal(t->governor.origins_count, 1);
    time_passes(t, 5 * S);
    assert_false(asks(t, 1, &slow)); /* one after the other does not get round it */
    time_passes(t, 5 * S);
    assert_int_equal(t->started_count, 2);
    leaves(t, 1);
    time_passes(t, 10 * S);
    assert_int_equal(t->governor.origins_count, 0);
}

static void another_batch_does_not_inherit_a_rate(void **state)
{
    struct scene *t = *state;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1, .rate_uhz = 100000 }));
    leaves(t, 0);
    assert_true(asks(t, 1, &(struct ask){ .batch = 2, .rate_uhz = 100000 }));
    assert_true(asks(t, 2, &(struct ask){ .batch = 3 }));
}

/* Lanes of batches that are over are swept at an origin that is never idle. */
static void short_batches_do_not_pile_up_at_a_busy_origin(void **state)
{
    struct scene *t = *state;

    assert_true(asks(t, 0, &(struct ask){ .batch = 1 }));
    for (unsigned i = 1; i < 10000; i++) {
        assert_true(asks(t, i, &(struct ask){ .client = i, .batch = i, .rate_uhz = PER_SECOND }));
        leaves(t, i);
        t->now_ns += 100 * MS;
    }
    /* The one that is there all the time, and a second's worth of others. */
    assert_in_range(t->tickets[0].lane->share->origin->rated_lanes, 9, 11);
}

/* Over its bound it forgets the one that would be forgotten first anyway. */
static void remembers_no_more_origins_than_its_bound(void **state)
{
    struct scene *t = *state;
    char host[] = "a.test";

    for (unsigned i = 0; i < 2 * IDLE_MAX; i++) {
        host[0] = (char)('a' + i);
        assert_true(asks(t, i, &(struct ask){ .batch = 1, .host = host }));
        leaves_with(t, i, COOLDOWN_ANSWER_PAUSE, (i + 1) * S);
    }
    assert_int_equal(t->governor.origins_count, IDLE_MAX);
    assert_true(asks(t, 100, &(struct ask){ .batch = 1, .host = "a.test" }));
    assert_false(asks(t, 101, &(struct ask){ .batch = 1, .host = host }));
}

int main(void)
{
#define RATES(test, begin) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        RATES(starts_a_batch_at_its_rate_to_the_nanosecond, begin),
        RATES(starts_up_to_the_burst_at_once, begin),
        RATES(all_batches_together_keep_to_the_origins_rate, begin_with_10_per_second),
        RATES(the_lower_rate_wins, begin_with_10_per_second),
        RATES(a_burst_of_the_origin_may_be_given, begin_with_1_per_second_and_burst_5),
        RATES(one_origins_rate_is_not_anothers, begin_with_10_per_second),
        RATES(a_leave_brings_no_start_before_its_time, begin_with_10_per_second),
        RATES(connections_and_rate_hold_together, begin_with_10_per_second),
        RATES(one_that_gives_up_waiting_takes_no_turn, begin_with_10_per_second),
        RATES(when_all_have_given_up_nobody_is_woken, begin_with_10_per_second),
        RATES(a_newcomer_does_not_take_the_turn_of_those_who_wait, begin_with_10_per_second),
        RATES(keeps_up_after_a_stall_with_no_more_than_the_burst, begin_with_10_per_second),
        RATES(a_batch_of_ten_thousand_does_not_starve_one_of_ten, begin_with_10_per_second),
        RATES(clients_get_equal_shares_of_a_rate, begin_with_10_per_second),
        RATES(what_one_does_not_use_the_other_may, begin_with_10_per_second),
        RATES(a_pause_holds_every_batch_and_client, begin),
        RATES(comes_back_in_order_one_two_four, begin),
        RATES(a_storm_gets_one_request_per_pause, begin),
        RATES(a_rate_holds_on_the_way_back_too, begin_with_10_per_second),
        RATES(one_that_gives_up_in_a_pause_leaves_the_others_in_order, begin),
        RATES(does_not_forget_a_pause_when_nobody_waits, begin),
        RATES(the_next_pause_is_longer_even_if_nobody_came_in_between, begin),
        RATES(does_not_forget_a_rate_before_it_is_as_good_as_new, begin),
        RATES(another_batch_does_not_inherit_a_rate, begin),
        RATES(short_batches_do_not_pile_up_at_a_busy_origin, begin),
        RATES(who_names_the_same_rate_shares_it, begin),
        RATES(the_highest_named_rate_counts_and_each_keeps_its_own, begin),
        RATES(when_the_highest_has_left_the_next_one_counts, begin),
        RATES(who_comes_later_does_not_begin_anew, begin),
        RATES(who_names_none_does_not_share, begin),
        RATES(remembers_no_more_origins_than_its_bound, begin),
    };
#undef RATES

    return cmocka_run_group_tests(tests, NULL, NULL);
}
