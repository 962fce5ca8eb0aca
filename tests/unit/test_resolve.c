/*
 * The resolver against a DNS server that answers, lies, fails or stays silent. Real ring, because
 * polls and c-ares' sockets are what is tested; loopback only.
 */
#include "resolve.h"

#include "mock_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX 100000
#define MS 1000000ull

struct scene {
    struct mock_dns *mock;
    struct ring *ring;
    struct timers timers;
    struct resolve *resolve;
    char hosts_path[64];
};

/* One query and what it was told. */
struct asker {
    struct resolve_query query;
    struct scene *scene;
    unsigned done_count;
    struct fault fault;
    unsigned count;
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
    struct asker *cancels;      /* inside done */
    const char *asks_again;     /* inside done, once */
    enum resolve_family family; /* of asks_again */
};

static void asker_on_done(struct resolve_query *query, const struct fault *fault,
                          const struct resolve_address *addresses, unsigned addresses_count)
{
    struct asker *asker = container_of(query, struct asker, query);
    const char *again = asker->asks_again;

    asker->done_count++;
    asker->fault = *fault;
    asker->count = addresses_count;
    assert_true(addresses_count <= RESOLVE_ADDRESSES_MAX);
    assert_true(fault_is_set(fault) == (addresses_count == 0));
    if (addresses_count > 0)
        memcpy(asker->addresses, addresses, addresses_count * sizeof(*addresses));
    asker->asks_again = NULL;
    if (asker->cancels)
        resolve_cancel(asker->scene->resolve, &asker->cancels->query);
    if (again)
        resolve_start(asker->scene->resolve, &asker->query, again, asker->family);
}

static void scene_begin_with(struct scene *scene, const char *hosts, struct resolve_options options)
{
    struct ring_trouble trouble;
    FILE *file;
    int fd;

    (void)snprintf(scene->hosts_path, sizeof(scene->hosts_path), "/tmp/hauld-test-hosts-XXXXXX");
    fd = mkstemp(scene->hosts_path);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fputs(hosts, file) >= 0);
    assert_int_equal(fclose(file), 0);
    scene->mock = mock_dns_start();
    assert_int_equal(ring_new(&scene->ring, NULL, &trouble), 0);
    timers_init(&scene->timers, ring_clock_ns(scene->ring));
    options.servers = options.servers ? options.servers : mock_dns_address(scene->mock);
    options.hosts_path = scene->hosts_path;
    assert_int_equal(resolve_new(&scene->resolve, scene->ring, &scene->timers, &options), 0);
}

static void scene_begin(struct scene *scene)
{
    scene_begin_with(scene, "", (struct resolve_options){ .timeout_ns = 2000 * MS });
}

static void scene_turn(struct scene *scene)
{
    uint64_t next_ns = timers_next_ns(&scene->timers);
    uint64_t limit_ns = ring_clock_ns(scene->ring) + 10000 * MS;

    assert_int_equal(ring_turn(scene->ring, next_ns < limit_ns ? next_ns : limit_ns), 0);
    timers_advance(&scene->timers, ring_now_ns(scene->ring));
    resolve_check(scene->resolve);
}

static void scene_end(struct scene *scene)
{
    resolve_shutdown(scene->resolve);
    for (unsigned i = 0; !resolve_is_idle(scene->resolve); i++) {
        assert_true(i < TURNS_MAX);
        scene_turn(scene);
    }
    resolve_free(scene->resolve);
    ring_free(scene->ring);
    mock_dns_stop(scene->mock);
    assert_int_equal(unlink(scene->hosts_path), 0);
}

static void asker_starts(struct scene *scene, struct asker *asker, const char *host,
                         enum resolve_family family)
{
    *asker = (struct asker){ .scene = scene, .query.done = asker_on_done, .family = family };
    resolve_start(scene->resolve, &asker->query, host, family);
    assert_int_equal(asker->done_count, 0); /* never inside start */
}

static void asker_waits(struct asker *asker, unsigned done_count)
{
    for (unsigned i = 0; asker->done_count < done_count; i++) {
        assert_true(i < TURNS_MAX);
        scene_turn(asker->scene);
    }
    assert_int_equal(asker->done_count, done_count);
}

static struct asker asked(struct scene *scene, const char *host, enum resolve_family family)
{
    struct asker asker;

    asker_starts(scene, &asker, host, family);
    asker_waits(&asker, 1);
    list_init(&asker.query.link);
    return asker;
}

static const char *text_of(const struct resolve_address *addresses, unsigned count,
                           char text[static 2048])
{
    char one[INET6_ADDRSTRLEN];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        assert_non_null(inet_ntop(addresses[i].family == 4 ? AF_INET : AF_INET6, addresses[i].bytes,
                                  one, sizeof(one)));
        used += (size_t)snprintf(text + used, 2048 - used, "%s%s", i > 0 ? " " : "", one);
    }
    return text;
}

static void assert_knows(struct scene *scene, const char *host, enum resolve_family family,
                         const char *expected)
{
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
    struct fault fault = { 0 };
    char text[2048];
    int count = resolve_lookup(scene->resolve, host, family, addresses, &fault);

    if (count < 0)
        (void)snprintf(text, sizeof(text), "%s", fault.why);
    else
        text_of(addresses, (unsigned)count, text);
    assert_string_equal(text, expected);
}

/* CASES E01 and E02: what a server says, and what the item is told. */
static void answers_become_addresses_or_a_fault_with_its_reason(void **state)
{
    static const struct {
        const char *host;
        enum resolve_family family;
        enum fault_code code;
        const char *expected; /* addresses, or why */
    } rows[] = {
        { "ok.test", RESOLVE_ANY, FAULT_NONE, "192.0.2.1" },
        { "OK.Test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "six.test", RESOLVE_ANY, FAULT_NONE, "2001:db8::1" },
        { "both.test", RESOLVE_ANY, FAULT_NONE, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2" },
        { "both.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1 192.0.2.2" },
        { "both.test", RESOLVE_IPV6, FAULT_NONE, "2001:db8::1 2001:db8::2" },
        { "tc.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "forged.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "nothing.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "junk.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "flood.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "stump.test", RESOLVE_IPV4, FAULT_NONE, "192.0.2.1" },
        { "_under.ok.test", RESOLVE_IPV4, FAULT_DNS_NOT_FOUND, "no such host" },
        { "ok.test", RESOLVE_IPV6, FAULT_DNS_NOT_FOUND, "the name has no IPv6 address" },
        { "six.test", RESOLVE_IPV4, FAULT_DNS_NOT_FOUND, "the name has no IPv4 address" },
        { "nx.test", RESOLVE_ANY, FAULT_DNS_NOT_FOUND, "no such host" },
        { "empty.test", RESOLVE_ANY, FAULT_DNS_NOT_FOUND, "the name has no address" },
        { "cname.test", RESOLVE_IPV4, FAULT_DNS_NOT_FOUND, "the name has no IPv4 address" },
        { "servfail.test", RESOLVE_IPV4, FAULT_DNS_FAILED, "SERVFAIL" },
        { "refused.test", RESOLVE_IPV4, FAULT_DNS_FAILED, "REFUSED" },
        { "a..b.test", RESOLVE_ANY, FAULT_DNS_NOT_FOUND, "the name is not valid in DNS" },
        { "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.test", RESOLVE_ANY,
          FAULT_DNS_NOT_FOUND, "the name is not valid in DNS" },
    };
    struct scene scene;
    char text[2048];

    (void)state;
    scene_begin(&scene);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asker asker = asked(&scene, rows[i].host, rows[i].family);
        const char *seen = fault_is_set(&asker.fault) ? asker.fault.why
                                                      : text_of(asker.addresses, asker.count, text);

        if (asker.fault.code != rows[i].code || !seen || !strstr(seen, rows[i].expected))
            fail_msg("%s: code %u, %s", rows[i].host, asker.fault.code, seen);
        if (fault_is_set(&asker.fault))
            assert_int_equal(asker.fault.phase, PHASE_DNS);
    }
    scene_end(&scene);
}

/* Forged or broken packets end in a fault by time or at once, never in an address. */
static void broken_answers_end_in_a_fault(void **state)
{
    static const char *const hosts[] = { "garbage.test", "pointer.test", "tcclose.test",
                                         "formerr.test", "notimp.test" };
    struct scene scene;

    (void)state;
    scene_begin_with(&scene, "", (struct resolve_options){ .timeout_ns = 50 * MS, .tries = 1 });
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct asker asker = asked(&scene, hosts[i], RESOLVE_IPV4);

        if (asker.fault.code != FAULT_DNS_FAILED && asker.fault.code != FAULT_TIMEOUT_DNS)
            fail_msg("%s: code %u", hosts[i], asker.fault.code);
    }
    scene_end(&scene);
}

/* c-ares 1.34 by itself would fail all that are open on the socket. */
static void broken_answer_fails_its_own_question_alone(void **state)
{
    struct scene scene;
    struct asker silent, garbage;

    (void)state;
    scene_begin_with(&scene, "", (struct resolve_options){ .timeout_ns = 1000 * MS, .tries = 1 });
    asker_starts(&scene, &silent, "silent.test", RESOLVE_IPV4);
    asker_starts(&scene, &garbage, "garbage.test", RESOLVE_IPV4);
    assert_int_equal(asked(&scene, "pointer.test", RESOLVE_IPV4).fault.code, FAULT_DNS_FAILED);
    assert_int_equal(silent.done_count + garbage.done_count, 0);
    asker_waits(&silent, 1);
    asker_waits(&garbage, 1);
    assert_int_equal(silent.fault.code, FAULT_TIMEOUT_DNS);
    assert_int_equal(garbage.fault.code, FAULT_TIMEOUT_DNS);
    scene_end(&scene);
}

static void silent_server_is_a_timeout(void **state)
{
    struct scene scene;
    struct asker asker;
    uint64_t begin_ns, taken_ns;

    (void)state;
    scene_begin_with(&scene, "", (struct resolve_options){ .timeout_ns = 100 * MS, .tries = 1 });
    begin_ns = ring_clock_ns(scene.ring);
    asker = asked(&scene, "silent.test", RESOLVE_ANY);
    taken_ns = ring_clock_ns(scene.ring) - begin_ns;
    assert_int_equal(asker.fault.code, FAULT_TIMEOUT_DNS);
    assert_int_equal(asker.fault.error, ETIMEDOUT);
    assert_true(taken_ns >= 90 * MS && taken_ns < 5000 * MS);
    assert_knows(&scene, "silent.test", RESOLVE_ANY, ""); /* not remembered */
    scene_end(&scene);
}

static void a_server_that_is_silent_about_aaaa_costs_a_quarter_of_a_second(void **state)
{
    struct scene scene;
    struct asker asker;
    uint64_t begin_ns, taken_ns;
    char text[2048];

    (void)state;
    scene_begin(&scene);
    begin_ns = ring_clock_ns(scene.ring);
    asker = asked(&scene, "mute.test", RESOLVE_ANY);
    taken_ns = ring_clock_ns(scene.ring) - begin_ns;
    assert_int_equal(asker.fault.code, FAULT_NONE);
    assert_string_equal(text_of(asker.addresses, asker.count, text), "192.0.2.1");
    assert_true(taken_ns >= 245 * MS && taken_ns < 1900 * MS);
    assert_knows(&scene, "mute.test", RESOLVE_ANY, "192.0.2.1");
    asker = asked(&scene, "ok.test", RESOLVE_ANY); /* while the other question is still open */
    assert_int_equal(asker.count, 1);
    scene_end(&scene);
}

static void of_ipv4_addresses_alone_only_the_addresses_count(void **state)
{
    struct scene scene;
    struct asker asker;

    (void)state;
    scene_begin_with(&scene, "", (struct resolve_options){ .timeout_ns = 400 * MS, .tries = 1 });
    asker = asked(&scene, "mutenone.test", RESOLVE_ANY);
    assert_int_equal(asker.fault.code, FAULT_TIMEOUT_DNS); /* there may be IPv6 ones */
    scene_end(&scene);
}

static void names_without_an_answer_do_not_hold_up_the_others(void **state)
{
    enum {
        SILENT = 300
    };
    static struct asker askers[SILENT];
    struct asker last;
    struct scene scene;
    uint64_t begin_ns;
    char host[32];

    (void)state;
    scene_begin(&scene); /* a silent name takes 6 s */
    begin_ns = ring_clock_ns(scene.ring);
    for (unsigned i = 0; i < SILENT; i++) {
        (void)snprintf(host, sizeof(host), "%u-silent.test", i);
        asker_starts(&scene, &askers[i], host, RESOLVE_IPV4);
    }
    asker_starts(&scene, &last, "ok.test", RESOLVE_IPV4);
    asker_waits(&last, 1);
    assert_int_equal(last.fault.code, FAULT_NONE);
    assert_true(ring_clock_ns(scene.ring) - begin_ns >= 490 * MS); /* in bursts all the same */
    assert_true(ring_clock_ns(scene.ring) - begin_ns < 1900 * MS);
    assert_int_equal(askers[0].done_count, 0);
    scene_end(&scene);
}

static void unreachable_server_fails_at_once(void **state)
{
    struct scene scene;
    struct asker asker;

    (void)state;
    /* Nobody listens on the discard port of this address. */
    scene_begin_with(&scene, "",
                     (struct resolve_options){ .servers = "127.0.0.1:9", .timeout_ns = 1000 * MS });
    asker = asked(&scene, "ok.test", RESOLVE_IPV4);
    assert_int_equal(asker.fault.code, FAULT_DNS_FAILED);
    assert_string_equal(asker.fault.why, "no DNS server could be reached, or each of them failed");
    scene_end(&scene);
}

static void second_server_answers_when_the_first_does_not(void **state)
{
    struct mock_dns *other = mock_dns_start();
    char servers[80], text[2048];
    struct scene scene;
    struct asker asker;

    (void)state;
    (void)snprintf(servers, sizeof(servers), "127.0.0.1:9,%s", mock_dns_address(other));
    scene_begin_with(&scene, "",
                     (struct resolve_options){ .servers = servers, .timeout_ns = 300 * MS });
    asker = asked(&scene, "ok.test", RESOLVE_IPV4);
    assert_string_equal(text_of(asker.addresses, asker.count, text), "192.0.2.1");
    asker = asked(&scene, "servfail.test", RESOLVE_IPV4);
    assert_int_equal(asker.fault.code, FAULT_DNS_FAILED);
    scene_end(&scene);
    mock_dns_stop(other);
}

static void bad_list_of_servers_is_a_fault_not_a_crash(void **state)
{
    struct scene scene;
    struct asker asker;

    (void)state;
    scene_begin_with(&scene, "", (struct resolve_options){ .servers = "nonsense:x" });
    asker = asked(&scene, "ok.test", RESOLVE_IPV4);
    assert_int_equal(asker.fault.code, FAULT_DNS_FAILED);
    assert_string_equal(asker.fault.why, "the resolver could not be set up");
    scene_end(&scene);
}

/* CASES E04. */
static void thousands_of_addresses_become_the_first_few_of_each_family(void **state)
{
    struct scene scene;
    struct asker asker;

    (void)state;
    scene_begin(&scene);
    asker = asked(&scene, "many.test", RESOLVE_ANY);
    assert_int_equal(asker.count, RESOLVE_ADDRESSES_MAX);
    assert_int_equal(asker.addresses[0].family, 6);
    assert_int_equal(asker.addresses[1].family, 4);
    assert_int_equal(asker.addresses[3].family, 4);
    assert_int_equal(asker.addresses[4].family, 4); /* there are only two of the other */
    assert_true(mock_dns_questions_tcp(scene.mock) > 0);
    scene_end(&scene);
}

static void answer_is_kept_and_asked_for_once(void **state)
{
    struct scene scene;
    unsigned questions;

    (void)state;
    scene_begin(&scene);
    assert_knows(&scene, "ok.test", RESOLVE_IPV4, "");
    (void)asked(&scene, "ok.test", RESOLVE_IPV4);
    questions = mock_dns_questions(scene.mock);
    assert_knows(&scene, "ok.test", RESOLVE_IPV4, "192.0.2.1");
    assert_knows(&scene, "OK.TEST", RESOLVE_IPV4, "192.0.2.1");
    assert_knows(&scene, "ok.test", RESOLVE_ANY, ""); /* another question */
    (void)asked(&scene, "ok.test", RESOLVE_IPV4);     /* a start without a lookup is fine */
    assert_int_equal(mock_dns_questions(scene.mock), questions);
    assert_int_equal(resolve_counters(scene.resolve)->questions, 1);
    assert_int_equal(resolve_counters(scene.resolve)->cache_hits, 2);
    scene_end(&scene);
}

static void only_knowledge_is_kept_of_failures(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    (void)asked(&scene, "nx.test", RESOLVE_IPV4);
    (void)asked(&scene, "empty.test", RESOLVE_IPV4);
    (void)asked(&scene, "servfail.test", RESOLVE_IPV4);
    assert_knows(&scene, "nx.test", RESOLVE_IPV4, "no such host");
    assert_knows(&scene, "empty.test", RESOLVE_IPV4, "the name has no IPv4 address");
    assert_knows(&scene, "servfail.test", RESOLVE_IPV4, "");
    assert_int_equal(resolve_counters(scene.resolve)->failures, 1);
    scene_end(&scene);
}

static void wait_ms(struct scene *scene, uint64_t ms)
{
    uint64_t end_ns = ring_clock_ns(scene->ring) + ms * MS;

    while (ring_clock_ns(scene->ring) < end_ns) {
        assert_int_equal(ring_turn(scene->ring, end_ns), 0);
        timers_advance(&scene->timers, ring_now_ns(scene->ring));
    }
}

static void answers_age_by_their_ttl_within_the_bounds(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin_with(&scene, "",
                     (struct resolve_options){ .ttl_min_ns = 50 * MS,
                                               .ttl_max_ns = 100 * MS,
                                               .negative_ttl_ns = 50 * MS });
    (void)asked(&scene, "ttl0.test", RESOLVE_IPV4);
    (void)asked(&scene, "ttlmax.test", RESOLVE_IPV4);
    (void)asked(&scene, "nx.test", RESOLVE_IPV4);
    assert_knows(&scene, "ttl0.test", RESOLVE_IPV4, "192.0.2.1");
    assert_knows(&scene, "nx.test", RESOLVE_IPV4, "no such host");
    wait_ms(&scene, 150);
    assert_knows(&scene, "ttl0.test", RESOLVE_IPV4, "");
    assert_knows(&scene, "ttlmax.test", RESOLVE_IPV4, "");
    assert_knows(&scene, "nx.test", RESOLVE_IPV4, "");
    (void)asked(&scene, "ttl0.test", RESOLVE_IPV4); /* an old entry is asked for again */
    assert_knows(&scene, "ttl0.test", RESOLVE_IPV4, "192.0.2.1");
    scene_end(&scene);
}

static void cache_forgets_the_least_recently_used(void **state)
{
    struct scene scene;
    char host[32];

    (void)state;
    scene_begin_with(&scene, "", (struct resolve_options){ .cache_entries_max = 4 });
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(host, sizeof(host), "%u-ok.test", i);
        (void)asked(&scene, host, RESOLVE_IPV4);
    }
    assert_knows(&scene, "0-ok.test", RESOLVE_IPV4, "192.0.2.1"); /* used again */
    (void)asked(&scene, "4-ok.test", RESOLVE_IPV4);
    assert_knows(&scene, "0-ok.test", RESOLVE_IPV4, "192.0.2.1");
    assert_knows(&scene, "1-ok.test", RESOLVE_IPV4, "");
    assert_knows(&scene, "4-ok.test", RESOLVE_IPV4, "192.0.2.1");
    scene_end(&scene);
}

static void lookups_of_one_name_share_one_question(void **state)
{
    enum {
        ASKERS = 50
    };
    static struct asker askers[ASKERS];
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    for (unsigned i = 0; i < ASKERS; i++)
        asker_starts(&scene, &askers[i], "ok.test", RESOLVE_IPV4);
    for (unsigned i = 0; i < ASKERS; i++) {
        asker_waits(&askers[i], 1);
        assert_int_equal(askers[i].count, 1);
    }
    assert_int_equal(mock_dns_questions(scene.mock), 1);
    scene_end(&scene);
}

/* Far more names than questions may be open at once. */
static void thousand_names_at_once_are_all_answered(void **state)
{
    enum {
        ASKERS = 1000
    };
    static struct asker askers[ASKERS];
    struct scene scene;
    char host[32];

    (void)state;
    scene_begin(&scene);
    for (unsigned i = 0; i < ASKERS; i++) {
        (void)snprintf(host, sizeof(host), "%u-ok.test", i);
        asker_starts(&scene, &askers[i], host, RESOLVE_IPV4);
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        asker_waits(&askers[i], 1);
        assert_int_equal(askers[i].fault.code, FAULT_NONE);
    }
    assert_int_equal(resolve_counters(scene.resolve)->questions, ASKERS);
    scene_end(&scene);
}

static void cancelled_query_is_not_told(void **state)
{
    struct scene scene;
    struct asker first, second, third, never = { .done_count = 0 };

    (void)state;
    scene_begin(&scene);
    asker_starts(&scene, &first, "ok.test", RESOLVE_IPV4);
    asker_starts(&scene, &second, "ok.test", RESOLVE_IPV4);
    asker_starts(&scene, &third, "both.test", RESOLVE_IPV4); /* before it was asked */
    resolve_cancel(scene.resolve, &first.query);
    resolve_cancel(scene.resolve, &first.query);
    resolve_cancel(scene.resolve, &third.query);
    resolve_cancel(scene.resolve, &never.query);
    resolve_check(scene.resolve);
    asker_waits(&second, 1);
    assert_int_equal(first.done_count + third.done_count, 0);
    assert_int_equal(resolve_counters(scene.resolve)->questions, 1);
    scene_end(&scene);
}

static void answer_of_a_cancelled_query_is_kept(void **state)
{
    struct scene scene;
    struct asker asker;

    (void)state;
    scene_begin(&scene);
    mock_dns_hold(scene.mock);
    asker_starts(&scene, &asker, "ok.test", RESOLVE_IPV4);
    assert_int_equal(ring_turn(scene.ring, 0), 0);
    assert_int_equal(resolve_counters(scene.resolve)->questions, 1);
    resolve_cancel(scene.resolve, &asker.query);
    mock_dns_resume(scene.mock);
    (void)asked(&scene, "both.test", RESOLVE_IPV4);
    assert_knows(&scene, "ok.test", RESOLVE_IPV4, "192.0.2.1");
    assert_int_equal(asker.done_count, 0);
    scene_end(&scene);
}

static void callback_may_cancel_the_next_one(void **state)
{
    struct scene scene;
    struct asker first, second, other;

    (void)state;
    scene_begin(&scene);
    asker_starts(&scene, &first, "ok.test", RESOLVE_IPV4);
    asker_starts(&scene, &second, "ok.test", RESOLVE_IPV4);
    asker_starts(&scene, &other, "ok.test", RESOLVE_IPV4);
    first.cancels = &second;
    asker_waits(&other, 1);
    assert_int_equal(first.done_count, 1);
    assert_int_equal(second.done_count, 0);
    scene_end(&scene);
}

static void callback_may_ask_again_for_the_same_name(void **state)
{
    static const char *const hosts[] = { "ok.test", "nx.test", "servfail.test" };
    struct scene scene;
    struct asker asker;

    (void)state;
    scene_begin(&scene);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        asker_starts(&scene, &asker, hosts[i], RESOLVE_IPV4);
        asker.asks_again = hosts[i];
        asker_waits(&asker, 2);
    }
    assert_int_equal(resolve_counters(scene.resolve)->questions, 4); /* only SERVFAIL twice */
    scene_end(&scene);
}

/* CASES E06; the server would say NXDOMAIN, and the hosts file lies. */
static void localhost_is_the_loopback_and_nobody_is_asked(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin_with(&scene, "192.0.2.9 localhost\n192.0.2.8 x.localhost\n",
                     (struct resolve_options){ 0 });
    assert_knows(&scene, "localhost", RESOLVE_ANY, "127.0.0.1 ::1");
    assert_knows(&scene, "LocalHost.", RESOLVE_ANY, "127.0.0.1 ::1");
    assert_knows(&scene, "x.localhost", RESOLVE_IPV4, "127.0.0.1");
    assert_knows(&scene, "a.b.localhost.", RESOLVE_IPV6, "::1");
    assert_knows(&scene, "notlocalhost", RESOLVE_ANY, "");
    assert_knows(&scene, "localhost.test", RESOLVE_ANY, "");
    assert_int_equal(mock_dns_questions(scene.mock), 0);
    scene_end(&scene);
}

static void hosts_file_comes_before_dns_and_the_other_family_is_asked_for(void **state)
{
    struct scene scene;
    struct asker asker;
    char text[2048];

    (void)state;
    scene_begin_with(&scene,
                     "2001:db8::7 both.test\n10.0.0.7 both.test ok.test\n10.0.0.8 six.test\n",
                     (struct resolve_options){ 0 });
    assert_knows(&scene, "both.test", RESOLVE_ANY, "2001:db8::7 10.0.0.7");
    assert_knows(&scene, "Both.Test.", RESOLVE_IPV6, "2001:db8::7");
    assert_knows(&scene, "six.test", RESOLVE_IPV6, "");
    asker = asked(&scene, "six.test", RESOLVE_IPV6);
    assert_string_equal(text_of(asker.addresses, asker.count, text), "2001:db8::1");
    scene_end(&scene);
}

static void name_that_is_too_long_is_refused_before_any_question(void **state)
{
    struct scene scene;
    char host[400];

    (void)state;
    scene_begin(&scene);
    memset(host, 'a', sizeof(host));
    for (size_t i = 50; i < sizeof(host); i += 50)
        host[i] = '.';
    host[255] = '\0';
    assert_knows(&scene, host, RESOLVE_ANY, "the name is not valid in DNS");
    assert_knows(&scene, "", RESOLVE_ANY, "the name is not valid in DNS");
    host[254] = '\0';
    assert_knows(&scene, host, RESOLVE_ANY, "");
    assert_int_equal(asked(&scene, host, RESOLVE_ANY).fault.code, FAULT_DNS_NOT_FOUND);
    scene_end(&scene);
}

static void shutdown_drops_open_questions_without_a_call(void **state)
{
    struct scene scene;
    struct asker asked_one, queued;

    (void)state;
    scene_begin(&scene);
    asker_starts(&scene, &asked_one, "silent.test", RESOLVE_ANY);
    scene_turn(&scene);
    asker_starts(&scene, &queued, "ok.test", RESOLVE_ANY);
    scene_end(&scene);
    assert_int_equal(asked_one.done_count + queued.done_count, 0);
}

static void started_after_shutdown_is_cancelled(void **state)
{
    struct scene scene;
    struct asker asker;

    (void)state;
    scene_begin(&scene);
    resolve_shutdown(scene.resolve);
    asker_starts(&scene, &asker, "ok.test", RESOLVE_ANY);
    asker_waits(&asker, 1);
    assert_int_equal(asker.fault.code, FAULT_CANCELLED_DAEMON);
    assert_int_equal(mock_dns_questions(scene.mock), 0);
    scene_end(&scene);
}

static void never_asked_never_opened(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene);
    assert_true(resolve_is_idle(scene.resolve));
    assert_true(timers_next_ns(&scene.timers) == UINT64_MAX);
    scene_end(&scene);
}

/* Between questions there is no op and no timer: an idle daemon does not wake. */
static void nothing_is_armed_between_questions(void **state)
{
    struct scene scene;
    uint64_t sqes;

    (void)state;
    scene_begin(&scene);
    for (unsigned i = 0; i < 3; i++) {
        (void)asked(&scene, i % 2 ? "both.test" : "ok.test", RESOLVE_ANY);
        wait_ms(&scene, 20);
        assert_true(timers_next_ns(&scene.timers) == UINT64_MAX);
    }
    sqes = ring_counters(scene.ring)->sqes;
    wait_ms(&scene, 20);
    assert_int_equal(ring_counters(scene.ring)->sqes, sqes);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_become_addresses_or_a_fault_with_its_reason),
        cmocka_unit_test(broken_answers_end_in_a_fault),
        cmocka_unit_test(broken_answer_fails_its_own_question_alone),
        cmocka_unit_test(silent_server_is_a_timeout),
        cmocka_unit_test(a_server_that_is_silent_about_aaaa_costs_a_quarter_of_a_second),
        cmocka_unit_test(of_ipv4_addresses_alone_only_the_addresses_count),
        cmocka_unit_test(names_without_an_answer_do_not_hold_up_the_others),
        cmocka_unit_test(unreachable_server_fails_at_once),
        cmocka_unit_test(second_server_answers_when_the_first_does_not),
        cmocka_unit_test(bad_list_of_servers_is_a_fault_not_a_crash),
        cmocka_unit_test(thousands_of_addresses_become_the_first_few_of_each_family),
        cmocka_unit_test(answer_is_kept_and_asked_for_once),
        cmocka_unit_test(only_knowledge_is_kept_of_failures),
        cmocka_unit_test(answers_age_by_their_ttl_within_the_bounds),
        cmocka_unit_test(cache_forgets_the_least_recently_used),
        cmocka_unit_test(lookups_of_one_name_share_one_question),
        cmocka_unit_test(thousand_names_at_once_are_all_answered),
        cmocka_unit_test(cancelled_query_is_not_told),
        cmocka_unit_test(answer_of_a_cancelled_query_is_kept),
        cmocka_unit_test(callback_may_cancel_the_next_one),
        cmocka_unit_test(callback_may_ask_again_for_the_same_name),
        cmocka_unit_test(localhost_is_the_loopback_and_nobody_is_asked),
        cmocka_unit_test(hosts_file_comes_before_dns_and_the_other_family_is_asked_for),
        cmocka_unit_test(name_that_is_too_long_is_refused_before_any_question),
        cmocka_unit_test(shutdown_drops_open_questions_without_a_call),
        cmocka_unit_test(started_after_shutdown_is_cancelled),
        cmocka_unit_test(never_asked_never_opened),
        cmocka_unit_test(nothing_is_armed_between_questions),
    };
    struct ring_trouble trouble;
    struct ring *ring;

    if (ring_new(&ring, NULL, &trouble) < 0) {
        (void)fprintf(stderr, "skipped: %s\n", trouble.text);
        return 77;
    }
    ring_free(ring);
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
