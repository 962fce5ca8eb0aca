/*
 * test_retry.c - who gets another attempt, when, and what is said to those who do not.
 *
 * A row is an attempt of a batch whose user asked for three retries; it began at 100 s and ended at
 * 101 s. The random number is an argument: all ones draws the longest wait, zero the shortest.
 */
#include "retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)
#define LONGEST UINT64_MAX
#define WALL_NS (UINT64_C(784111777) * S) /* Sun, 06 Nov 1994 08:49:37 GMT */

static const char *const verdict_names[] = {
    [RETRY_AGAIN] = "again",       [RETRY_NOT_ASKED] = "not asked", [RETRY_DELIVERED] = "delivered",
    [RETRY_UNSAFE] = "unsafe",     [RETRY_BODY_GONE] = "body gone", [RETRY_USED_UP] = "used up",
    [RETRY_TOO_LATE] = "too late", [RETRY_NO_BUDGET] = "no budget",
};

struct attempt {
    struct retry_policy policy;
    struct retry_progress progress;
    struct retry_outcome outcome;
    struct retry_moment moment;
    struct retry_budget *budget;
    uint64_t at_ns;
};

/* A GET, and the default of --retry. */
static struct attempt plain_attempt(void)
{
    struct attempt a = {
        .policy = { .retries_max = 3 },
        .progress = { .first_started_ns = 100 * S },
        .outcome = { .is_idempotent = true },
        .moment = { .now_ns = 101 * S, .wall_now_ns = WALL_NS, .random = LONGEST },
        .at_ns = 4711,
    };

    retry_on_init_default(&a.policy.on);
    return a;
}

static enum retry_verdict decide(struct attempt *a)
{
    return retry_decide(&a->policy, &a->progress, &a->outcome, &a->moment, a->budget, &a->at_ns);
}

static void expect(struct attempt *a, enum retry_verdict verdict, uint64_t at_ns, const char *name)
{
    enum retry_verdict got = decide(a);

    if (got != verdict)
        fail_msg("%s: %s, expected %s", name, verdict_names[got], verdict_names[verdict]);
    if (a->at_ns != (got == RETRY_AGAIN ? at_ns : 4711))
        fail_msg("%s: at %llu, expected %llu", name, (unsigned long long)a->at_ns,
                 (unsigned long long)at_ns);
}

static void judges_statuses(void **state)
{
    static const struct {
        uint16_t status;
        enum retry_verdict verdict;
    } rows[] = {
        { 408, RETRY_AGAIN },     { 429, RETRY_AGAIN },     { 500, RETRY_AGAIN },
        { 502, RETRY_AGAIN },     { 503, RETRY_AGAIN },     { 504, RETRY_AGAIN },
        { 200, RETRY_NOT_ASKED }, { 204, RETRY_NOT_ASKED }, { 301, RETRY_NOT_ASKED },
        { 304, RETRY_NOT_ASKED }, { 400, RETRY_NOT_ASKED }, { 404, RETRY_NOT_ASKED },
        { 407, RETRY_NOT_ASKED }, { 409, RETRY_NOT_ASKED }, { 425, RETRY_NOT_ASKED },
        { 428, RETRY_NOT_ASKED }, { 430, RETRY_NOT_ASKED }, { 499, RETRY_NOT_ASKED },
        { 501, RETRY_NOT_ASKED }, { 505, RETRY_NOT_ASKED }, { 599, RETRY_NOT_ASKED },
        { 0, RETRY_NOT_ASKED },   { 999, RETRY_NOT_ASKED }, { 65535, RETRY_NOT_ASKED },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct attempt a = plain_attempt();
        char name[16];

        (void)snprintf(name, sizeof(name), "%u", rows[i].status);
        a.outcome.status = rows[i].status;
        expect(&a, rows[i].verdict, 102 * S, name);
        a = plain_attempt(); /* -f says the same in another way */
        a.outcome.status = rows[i].status;
        a.outcome.fault = (struct fault){ .code = FAULT_HTTP_STATUS, .phase = PHASE_RECEIVE };
        expect(&a, rows[i].verdict, 102 * S, name);
    }
}

/* Each fault of a request that may not be sent twice and of one that may. */
static void judges_faults_by_what_was_sent(void **state)
{
    static const struct {
        enum fault_code code;
        enum phase phase;
        enum retry_verdict post;
        enum retry_verdict get;
    } rows[] = {
        { FAULT_DNS_FAILED, PHASE_DNS, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_TIMEOUT_DNS, PHASE_DNS, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_CONNECT_REFUSED, PHASE_CONNECT, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_CONNECT_UNREACHABLE, PHASE_CONNECT, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_CONNECT_RESET, PHASE_CONNECT, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_TIMEOUT_CONNECT, PHASE_CONNECT, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_TIMEOUT_TLS, PHASE_TLS, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_IO_RECV, PHASE_TLS, RETRY_AGAIN, RETRY_AGAIN },
        { FAULT_IO_SEND, PHASE_SEND, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_TIMEOUT_SEND, PHASE_SEND, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_IO_RECV, PHASE_WAIT, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_HTTP_EMPTY, PHASE_WAIT, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_TIMEOUT_FIRST_BYTE, PHASE_WAIT, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_TIMEOUT_IDLE, PHASE_RECEIVE, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_HTTP_PARTIAL, PHASE_RECEIVE, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_IO_RECV, PHASE_RECEIVE, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_IO_RECV, PHASE_NONE, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_CONNECT_RESET, PHASE_NONE, RETRY_UNSAFE, RETRY_AGAIN },
        { FAULT_INPUT_URL, PHASE_INPUT, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_POLICY_DENIED, PHASE_CONNECT, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_ADMISSION_BUSY, PHASE_INPUT, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_DNS_NOT_FOUND, PHASE_DNS, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_TLS_HANDSHAKE, PHASE_TLS, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_TLS_VERIFY, PHASE_TLS, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_TIMEOUT_QUEUE, PHASE_QUEUE, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_TIMEOUT_TOTAL, PHASE_RECEIVE, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_HTTP_MALFORMED, PHASE_RECEIVE, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_HTTP_TOO_BIG, PHASE_RECEIVE, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_HTTP_REDIRECTS, PHASE_RECEIVE, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_SINK_WRITE, PHASE_DELIVER, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_CANCELLED_CLIENT, PHASE_WAIT, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
        { FAULT_LOCAL_NO_PORTS, PHASE_CONNECT, RETRY_NOT_ASKED, RETRY_NOT_ASKED },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (unsigned is_get = 0; is_get < 2; is_get++) {
            struct attempt a = plain_attempt();

            a.outcome.fault = (struct fault){ .code = rows[i].code, .phase = rows[i].phase };
            a.outcome.status = 503; /* of no interest beside a fault */
            a.outcome.is_idempotent = is_get;
            expect(&a, is_get ? rows[i].get : rows[i].post, 102 * S, fault_name(rows[i].code));
        }
    }
}

static void says_the_first_reason_that_holds(void **state)
{
    static const struct {
        const char *name;
        uint16_t status;
        bool is_delivered, is_post, all_methods, is_body_gone, is_used_up, is_late;
        enum retry_verdict verdict;
    } rows[] = {
        { "nothing is in the way", 503, 0, 0, 0, 0, 0, 0, RETRY_AGAIN },
        { "all methods", 503, 0, 1, 1, 0, 0, 0, RETRY_AGAIN },
        { "a success first of all", 200, 1, 1, 0, 1, 1, 1, RETRY_NOT_ASKED },
        { "then what is delivered", 503, 1, 1, 0, 1, 1, 1, RETRY_DELIVERED },
        { "delivered, whatever the method", 503, 1, 0, 1, 0, 0, 0, RETRY_DELIVERED },
        { "then the method", 503, 0, 1, 0, 1, 1, 1, RETRY_UNSAFE },
        { "then the body", 503, 0, 1, 1, 1, 1, 1, RETRY_BODY_GONE },
        { "a PUT's body", 503, 0, 0, 0, 1, 0, 0, RETRY_BODY_GONE },
        { "then the count", 503, 0, 0, 0, 0, 1, 1, RETRY_USED_UP },
        { "then the time", 503, 0, 0, 0, 0, 0, 1, RETRY_TOO_LATE },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct attempt a = plain_attempt();

        a.outcome.status = rows[i].status;
        a.outcome.is_delivered = rows[i].is_delivered;
        a.outcome.is_idempotent = !rows[i].is_post;
        a.policy.all_methods = rows[i].all_methods;
        a.outcome.is_body_gone = rows[i].is_body_gone;
        a.progress.retries_count = rows[i].is_used_up ? 3 : 0;
        a.progress.deadline_ns = rows[i].is_late ? 101 * S : 0;
        expect(&a, rows[i].verdict, 102 * S, rows[i].name);
    }
}

static void sends_an_unsent_body_though_it_cannot_be_sent_twice(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.outcome.fault = (struct fault){ .code = FAULT_CONNECT_REFUSED, .phase = PHASE_CONNECT };
    a.outcome.is_body_gone = true;
    a.outcome.is_idempotent = false;
    expect(&a, RETRY_AGAIN, 102 * S, "refused");
}

static void retries_as_often_as_asked(void **state)
{
    static const struct {
        unsigned retries_max, retries_count;
        enum retry_verdict verdict;
    } rows[] = {
        { 0, 0, RETRY_NOT_ASKED },        { 1, 0, RETRY_AGAIN },
        { 1, 1, RETRY_USED_UP },          { 3, 2, RETRY_AGAIN },
        { 3, 3, RETRY_USED_UP },          { 3, UINT32_MAX, RETRY_USED_UP },
        { UINT32_MAX, 999, RETRY_AGAIN }, { UINT32_MAX, RETRY_RETRIES_MAX, RETRY_USED_UP },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct attempt a = plain_attempt();

        a.outcome.status = 503;
        a.policy.retries_max = rows[i].retries_max;
        a.policy.delay_ns = S;
        a.progress.retries_count = rows[i].retries_count;
        expect(&a, rows[i].verdict, 102 * S, "the count");
    }
}

static void waits_longer_each_time_and_draws_from_zero(void **state)
{
    static const uint64_t longest_s[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };

    (void)state;
    for (unsigned n = 0; n < ROWS(longest_s); n++) {
        struct attempt a = plain_attempt();

        a.outcome.status = 503;
        a.policy.retries_max = 100;
        a.progress.retries_count = n;
        expect(&a, RETRY_AGAIN, 101 * S + longest_s[n] * S, "the longest");
        a.moment.random = 0;
        a.at_ns = 4711;
        expect(&a, RETRY_AGAIN, 101 * S, "the shortest");
        a.moment.random = UINT64_C(1) << 63;
        a.at_ns = 4711;
        expect(&a, RETRY_AGAIN, 101 * S + longest_s[n] * S / 2, "the middle");
    }
}

/* A thousand items that failed in one moment: a tenth of them comes back in each tenth of it. */
static void spreads_those_who_failed_together(void **state)
{
    unsigned tenths[10] = { 0 };
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct attempt a = plain_attempt();

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        a.outcome.status = 503;
        a.moment.random = random;
        assert_int_equal(decide(&a), RETRY_AGAIN);
        assert_in_range(a.at_ns, 101 * S, 102 * S);
        tenths[(a.at_ns - 101 * S) * 10 / (S + 1)]++;
    }
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(tenths[i], 60, 140);
}

static void keeps_a_fixed_delay_to_the_letter(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.outcome.status = 503;
    a.policy.delay_ns = 250 * MS;
    a.progress.retries_count = 2;
    expect(&a, RETRY_AGAIN, 101 * S + 250 * MS, "250 ms");
    a.policy.delay_ns = UINT64_MAX; /* for ever: the sum does not wrap round */
    a.at_ns = 4711;
    expect(&a, RETRY_AGAIN, UINT64_MAX, "for ever");
    a.policy.max_time_ns = UINT64_MAX / 2;
    a.at_ns = 4711;
    expect(&a, RETRY_TOO_LATE, 0, "for ever, within a limit");
}

static void gives_up_rather_than_waiting_past_a_limit(void **state)
{
    static const struct {
        const char *name;
        uint64_t deadline_ns, max_time_ns;
        enum retry_verdict verdict;
    } rows[] = {
        { "no limits", 0, 0, RETRY_AGAIN },
        { "a deadline just after", 104 * S + 1, 0, RETRY_AGAIN },
        { "a deadline just then", 104 * S, 0, RETRY_TOO_LATE },
        { "a deadline before", 103 * S, 0, RETRY_TOO_LATE },
        { "a deadline that has passed", 1, 0, RETRY_TOO_LATE },
        { "the very end of max_time", 0, 4 * S, RETRY_AGAIN },
        { "just past max_time", 0, 4 * S - 1, RETRY_TOO_LATE },
        { "max_time used up before the wait", 0, 1, RETRY_TOO_LATE },
        { "within both", 105 * S, 5 * S, RETRY_AGAIN },
        { "beyond one", 105 * S, 3 * S, RETRY_TOO_LATE },
        { "beyond the other", 103 * S, 5 * S, RETRY_TOO_LATE },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct attempt a = plain_attempt();

        a.outcome.status = 503;
        a.policy.delay_ns = 3 * S;
        a.policy.max_time_ns = rows[i].max_time_ns;
        a.progress.deadline_ns = rows[i].deadline_ns;
        expect(&a, rows[i].verdict, 104 * S, rows[i].name);
    }
}

static void waits_as_long_as_the_server_says(void **state)
{
    static const struct {
        const char *text; /* NULL: no such field */
        uint64_t delay_ns;
        uint64_t random;
        uint64_t wait_ns;
    } rows[] = {
        { NULL, 0, 0, 0 },
        { "2", 0, 0, 2 * S },
        { "2", 0, LONGEST, 3 * S }, /* and the jitter */
        { "0", 0, LONGEST, S },
        { "2", 500 * MS, 0, 2 * S },
        { "2", 5 * S, 0, 5 * S },
        { "Sun, 06 Nov 1994 08:49:40 GMT", 0, 0, 3 * S },
        { "Sunday, 06-Nov-94 08:49:40 GMT", 0, LONGEST, 4 * S },
        { "Sun Nov  6 08:49:40 1994", 10 * MS, 0, 3 * S },
        { "Sun, 06 Nov 1994 08:49:00 GMT", 0, LONGEST, S }, /* past: as if at once */
        { "1000000000000000000", 0, 0, RETRY_AFTER_MAX_NS },
        { "1000000000000000000", 0, LONGEST, RETRY_AFTER_MAX_NS + S },
        { "-5", 0, LONGEST, S }, /* rubbish from here on: as if it were not there */
        { "soon", 0, LONGEST, S },
        { "5 s", 0, LONGEST, S },
        { "", 0, LONGEST, S },
        { "soon", 7 * S, 0, 7 * S },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct attempt a = plain_attempt();

        a.outcome.status = 429;
        if (rows[i].text)
            a.outcome.retry_after = span_of_string(rows[i].text);
        a.policy.delay_ns = rows[i].delay_ns;
        a.moment.random = rows[i].random;
        expect(&a, RETRY_AGAIN, 101 * S + rows[i].wait_ns, rows[i].text ? rows[i].text : "none");
    }
}

static void gives_up_at_once_when_the_server_asks_for_too_much(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.outcome.status = 503;
    a.outcome.retry_after = SPAN_LITERAL("3600");
    a.progress.deadline_ns = 400 * S;
    expect(&a, RETRY_TOO_LATE, 0, "the deadline");
    a.progress.deadline_ns = 0;
    a.policy.max_time_ns = 60 * S;
    expect(&a, RETRY_TOO_LATE, 0, "max_time");
}

/* A head may have come before the fault; what it said belongs to another answer. */
/* Whatever it is that the origin is waited for, the two waits run at the same time. */
static void does_not_come_back_before_the_origin_takes_anything(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.outcome.status = 429;
    a.outcome.retry_after = SPAN_LITERAL("5");
    a.moment.random = 0;
    a.outcome.origin_ready_ns = 106 * S;
    expect(&a, RETRY_AGAIN, 106 * S, "as long as Retry-After");
    a.outcome.origin_ready_ns = 104 * S;
    expect(&a, RETRY_AGAIN, 106 * S, "shorter");
    a.outcome.origin_ready_ns = 110 * S;
    expect(&a, RETRY_AGAIN, 110 * S, "longer");
    a.policy.delay_ns = 2 * S;
    expect(&a, RETRY_AGAIN, 110 * S, "longer than a fixed delay");
    a.at_ns = 4711;
    a.progress.deadline_ns = 110 * S;
    expect(&a, RETRY_TOO_LATE, 0, "beyond the deadline");
    a.progress.deadline_ns = 0;
    a.policy.max_time_ns = 9 * S;
    expect(&a, RETRY_TOO_LATE, 0, "beyond the time for retries");
}

static void ignores_retry_after_beside_a_fault(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.outcome.fault = (struct fault){ .code = FAULT_HTTP_PARTIAL, .phase = PHASE_RECEIVE };
    a.outcome.retry_after = SPAN_LITERAL("3600");
    expect(&a, RETRY_AGAIN, 102 * S, "partial");
}

static void reads_retry_after(void **state)
{
    static const struct {
        const char *text;
        uint64_t wall_now_ns;
        uint64_t wait_ns;
    } rows[] = {
        { "0", WALL_NS, 0 },
        { "1", WALL_NS, S },
        { "120", WALL_NS, 120 * S },
        { "007", WALL_NS, 7 * S },
        { " 5", WALL_NS, 5 * S },
        { "5\t ", WALL_NS, 5 * S },
        { "21599", WALL_NS, RETRY_AFTER_MAX_NS - S },
        { "21600", WALL_NS, RETRY_AFTER_MAX_NS },
        { "21601", WALL_NS, RETRY_AFTER_MAX_NS },
        { "18446744073709551616", WALL_NS, RETRY_AFTER_MAX_NS },
        { "99999999999999999999999999999999999999999999", WALL_NS, RETRY_AFTER_MAX_NS },
        { "Sun, 06 Nov 1994 08:49:37 GMT", WALL_NS, 0 },
        { "Sun, 06 Nov 1994 08:49:38 GMT", WALL_NS, S },
        { "Sun, 06 Nov 1994 08:49:38 GMT", WALL_NS + 1, S - 1 },
        { "Sun, 06 Nov 1994 08:49:38 GMT", WALL_NS + S - 1, 1 },
        { "Sun, 06 Nov 1994 08:49:38 GMT", WALL_NS + S, 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", WALL_NS + 1, 0 },
        { " Sun, 06 Nov 1994 08:50:37 GMT ", WALL_NS, 60 * S },
        { "Sunday, 06-Nov-94 09:49:37 GMT", WALL_NS, 3600 * S },
        { "Sun Nov  6 14:49:37 1994", WALL_NS, RETRY_AFTER_MAX_NS },
        { "Sun Nov  6 14:49:37 1994", WALL_NS + 1, RETRY_AFTER_MAX_NS - 1 },
        { "Sun Nov  6 14:49:38 1994", WALL_NS, RETRY_AFTER_MAX_NS },
        { "Fri, 31 Dec 9999 23:59:59 GMT", WALL_NS, RETRY_AFTER_MAX_NS },
        { "Fri, 31 Dec 9999 23:59:59 GMT", 0, RETRY_AFTER_MAX_NS },
        { "Fri, 31 Dec 9999 23:59:59 GMT", UINT64_MAX, RETRY_AFTER_MAX_NS },
        { "Thu, 01 Jan 1970 00:00:00 GMT", WALL_NS, 0 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", UINT64_MAX, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wait_ns = 4711;

        if (!retry_parse_after(span_of_string(rows[i].text), rows[i].wall_now_ns, &wait_ns))
            fail_msg("'%s': refused", rows[i].text);
        if (wait_ns != rows[i].wait_ns)
            fail_msg("'%s': got %llu", rows[i].text, (unsigned long long)wait_ns);
    }
}

static void refuses_what_is_no_retry_after(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "\t",
        "-1",
        "+1",
        "-0",
        "1.5",
        "1,5",
        "1.",
        ".5",
        "1e3",
        "0x10",
        "1 0",
        "1, 2",
        "5, 5",
        "5;",
        "5s",
        "5 s",
        "five",
        "soon",
        "never",
        "inf",
        "nan",
        "null",
        "\"5\"",
        "5\n",
        "5\r",
        "\v5",
        "5\xa0",
        "\xd9\xa5",
        "1_0",
        "1'0",
        "PT5S",
        "now",
        "99999999999999999999x",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "1994-11-06T08:49:37Z",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, 5",
        "Wed, 31 Dec 1969 23:59:59 GMT",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        uint64_t wait_ns = 4711;

        if (retry_parse_after(span_of_string(texts[i]), WALL_NS, &wait_ns))
            fail_msg("'%s': taken as %llu", texts[i], (unsigned long long)wait_ns);
        assert_int_equal(wait_ns, 4711);
    }
    assert_false(retry_parse_after(span_of("5\0", 2), WALL_NS, &(uint64_t){ 0 }));
    assert_false(retry_parse_after(span_of(NULL, 0), WALL_NS, &(uint64_t){ 0 }));
}

/* How many retries in a row the budget grants. */
static unsigned granted(struct retry_budget *budget)
{
    struct attempt a = plain_attempt();
    unsigned count = 0;

    a.outcome.status = 503;
    a.budget = budget;
    while (decide(&a) == RETRY_AGAIN)
        count++;
    a.at_ns = 4711;
    expect(&a, RETRY_NO_BUDGET, 0, "an empty budget");
    return count;
}

static void grants_a_fifth_of_the_items_and_a_thousand(void **state)
{
    static const unsigned rows[][2] = {
        { 0, 1000 },   { 1, 1000 },     { 4, 1000 },      { 5, 1001 },        { 9, 1001 },
        { 100, 1020 }, { 10000, 3000 }, { 45000, 10000 }, { 1000000, 10000 }, /* what is saved up
                                                                                 ends */
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct retry_budget budget;

        retry_budget_init(&budget);
        for (unsigned item = 0; item < rows[i][0]; item++)
            retry_budget_add_item(&budget);
        assert_int_equal(granted(&budget), rows[i][1]);
    }
}

static void earns_again_after_the_budget_was_empty(void **state)
{
    struct retry_budget budget;

    (void)state;
    retry_budget_init(&budget);
    assert_int_equal(granted(&budget), 1000);
    for (unsigned item = 0; item < 4; item++)
        retry_budget_add_item(&budget);
    assert_int_equal(granted(&budget), 0);
    retry_budget_add_item(&budget);
    assert_int_equal(granted(&budget), 1);
}

static void takes_no_token_for_a_retry_that_is_not_granted(void **state)
{
    struct retry_budget budget;
    struct attempt a = plain_attempt();

    (void)state;
    retry_budget_init(&budget);
    a.budget = &budget;
    a.outcome.status = 200;
    expect(&a, RETRY_NOT_ASKED, 0, "a success");
    a.outcome.status = 503;
    a.progress.deadline_ns = 101 * S;
    expect(&a, RETRY_TOO_LATE, 0, "too late");
    a.progress.retries_count = 3;
    expect(&a, RETRY_USED_UP, 0, "used up");
    a.outcome.is_idempotent = false;
    expect(&a, RETRY_UNSAFE, 0, "unsafe");
    assert_int_equal(granted(&budget), 1000);
}

static void has_no_bound_without_a_budget(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.outcome.status = 503;
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(decide(&a), RETRY_AGAIN);
}

static void says_why_not(void **state)
{
    (void)state;
    for (unsigned verdict = 0; verdict < ROWS(verdict_names); verdict++) {
        const char *why = retry_why(verdict);

        if (verdict == RETRY_AGAIN || verdict == RETRY_NOT_ASKED) {
            assert_null(why);
            continue;
        }
        assert_non_null(why);
        assert_int_not_equal(why[strlen(why) - 1], '.');
        for (unsigned other = 0; other < verdict; other++)
            assert_true(!retry_why(other) || strcmp(why, retry_why(other)) != 0);
    }
}

static void does_nothing_when_nobody_asked(void **state)
{
    struct attempt a = plain_attempt();

    (void)state;
    a.policy = (struct retry_policy){ 0 };
    a.outcome.status = 503;
    expect(&a, RETRY_NOT_ASKED, 0, "all zero");
    a.policy.retries_max = 5;
    expect(&a, RETRY_NOT_ASKED, 0, "retries, but on nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_statuses),
        cmocka_unit_test(judges_faults_by_what_was_sent),
        cmocka_unit_test(says_the_first_reason_that_holds),
        cmocka_unit_test(sends_an_unsent_body_though_it_cannot_be_sent_twice),
        cmocka_unit_test(retries_as_often_as_asked),
        cmocka_unit_test(waits_longer_each_time_and_draws_from_zero),
        cmocka_unit_test(spreads_those_who_failed_together),
        cmocka_unit_test(keeps_a_fixed_delay_to_the_letter),
        cmocka_unit_test(gives_up_rather_than_waiting_past_a_limit),
        cmocka_unit_test(waits_as_long_as_the_server_says),
        cmocka_unit_test(gives_up_at_once_when_the_server_asks_for_too_much),
        cmocka_unit_test(does_not_come_back_before_the_origin_takes_anything),
        cmocka_unit_test(ignores_retry_after_beside_a_fault),
        cmocka_unit_test(reads_retry_after),
        cmocka_unit_test(refuses_what_is_no_retry_after),
        cmocka_unit_test(grants_a_fifth_of_the_items_and_a_thousand),
        cmocka_unit_test(earns_again_after_the_budget_was_empty),
        cmocka_unit_test(takes_no_token_for_a_retry_that_is_not_granted),
        cmocka_unit_test(has_no_bound_without_a_budget),
        cmocka_unit_test(says_why_not),
        cmocka_unit_test(does_nothing_when_nobody_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
