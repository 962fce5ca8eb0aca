/*
 * A PROFILE frame becomes defaults, limits and pins.
 */
#include "profile.h"

#include "good_frames.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

#define UID 1000u

static struct profile *profile_of(const struct message_profile *message,
                                  const struct config *config)
{
    char bytes[1024];
    size_t count = message_encode_profile(bytes, 7, message);
    struct frame frame = frame_of_bytes(bytes, count - sizeof(struct wire_header));
    message_error error;
    struct profile *profile = profile_new(&frame, UID, config, &error);

    memset(bytes, 0xee, sizeof(bytes)); /* it has a copy */
    assert_int_equal(error, 0);
    assert_non_null(profile);
    assert_int_equal(profile->id, 7);
    return profile;
}

static void what_is_not_said_is_the_daemons_default(void **state)
{
    const struct message_profile message = { .fixed = { .connect_timeout_ns = 3 * S } };
    struct config config;
    struct profile *profile;

    (void)state;
    config_init_defaults(&config);
    profile = profile_of(&message, &config);
    assert_int_equal(profile->dns_timeout_ns, config.dns_timeout_ns);
    assert_int_equal(profile->connect_timeout_ns, 3 * S);
    assert_int_equal(profile->first_byte_timeout_ns, config.first_byte_timeout_ns);
    assert_int_equal(profile->idle_timeout_ns, config.idle_timeout_ns);
    assert_int_equal(profile->total_timeout_ns, config.item_time_max_ns);
    profile_free(profile);
    profile_free(NULL);
}

static void nothing_lasts_longer_than_the_daemons_ceiling(void **state)
{
    const struct message_profile message = { .fixed = { .dns_timeout_ns = UINT64_MAX,
                                                        .connect_timeout_ns = UINT64_MAX,
                                                        .first_byte_timeout_ns = UINT64_MAX,
                                                        .idle_timeout_ns = UINT64_MAX,
                                                        .total_timeout_ns = UINT64_MAX } };
    struct config config;
    struct profile *profile;

    (void)state;
    config_init_defaults(&config);
    config.item_time_max_ns = 4 * S;
    profile = profile_of(&message, &config);
    assert_int_equal(profile->dns_timeout_ns, 4 * S);
    assert_int_equal(profile->connect_timeout_ns, 4 * S);
    assert_int_equal(profile->first_byte_timeout_ns, 4 * S);
    assert_int_equal(profile->idle_timeout_ns, 4 * S);
    assert_int_equal(profile->total_timeout_ns, 4 * S);
    profile_free(profile);
}

static void its_policy_is_the_clients_else_the_daemons(void **state)
{
    const struct message_profile plain = { 0 };
    const struct message_profile guarded = { .fixed = { .flags = WIRE_PROFILE_PUBLIC_ONLY } };
    struct config config;
    struct profile *profile;

    (void)state;
    config_init_defaults(&config);
    profile = profile_of(&plain, &config);
    assert_int_equal(profile->policy, POLICY_ANY);
    profile_free(profile);
    profile = profile_of(&guarded, &config);
    assert_int_equal(profile->policy, POLICY_PUBLIC_ONLY);
    profile_free(profile);

    strcpy(config.denials, "private:1-999 private:1001");
    profile = profile_of(&plain, &config);
    assert_int_equal(profile->policy, POLICY_ANY); /* it is about others */
    profile_free(profile);
    strcpy(config.denials, "private:1-999 private:1000");
    profile = profile_of(&plain, &config);
    assert_int_equal(profile->policy, POLICY_DENY_PRIVATE);
    profile_free(profile);
    profile = profile_of(&guarded, &config); /* denies unix sockets besides */
    assert_int_equal(profile->policy, POLICY_PUBLIC_ONLY);
    profile_free(profile);
}

static void the_first_pin_that_matches_wins(void **state)
{
    static const struct message_pin pins[] = {
        { .host = SPAN_LITERAL("a.test"), .port = 81, .to_host = SPAN_LITERAL("x"), .to_port = 1 },
        { .host = SPAN_LITERAL("A.test"), .to_host = SPAN_LITERAL("y") },
        { .port = 99, .to_port = 100 },
        { .host = SPAN_LITERAL("c.test"), .to_host = SPAN_LITERAL("z") },
    };
    static const struct {
        const char *host;
        uint16_t port;
        const char *to_host;
        uint16_t to_port;
    } rows[] = {
        { "a.test", 81, "x", 1 },           { "a.test", 80, "y", 80 },
        { "b.test", 80, "b.test", 80 },     { "b.test", 99, "b.test", 100 },
        { "c.test", 99, "c.test", 100 },    { "c.test", 1, "z", 1 },
        { "a.test.x", 81, "a.test.x", 81 },
    };
    char text[256];
    struct message_profile message = { .fixed = { .pin_count = 4 } };
    struct config config;
    struct profile *profile;

    (void)state;
    message.pins.data = text;
    for (unsigned i = 0; i < 4; i++)
        message.pins.bytes += message_append_pin(text + message.pins.bytes, &pins[i]);
    config_init_defaults(&config);
    profile = profile_of(&message, &config);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct message_pin pin =
            profile_pin(profile, PROFILE_PINS_ALL, span_of_string(rows[i].host), rows[i].port);

        assert_true(span_equals(pin.to_host, span_of_string(rows[i].to_host)));
        assert_int_equal(pin.to_port, rows[i].to_port);
    }
    profile_free(profile);
}

/* --resolve and --connect-to, as a proxy tells them apart. */
static void pins_of_one_kind_can_be_asked_for(void **state)
{
    static const struct message_pin pins[] = {
        { .to_host = SPAN_LITERAL("10.0.0.1"), .to_is_address = true },
        { .to_host = SPAN_LITERAL("moved"), .to_port = 81 },
    };
    char text[256];
    struct message_profile message = { .fixed = { .pin_count = 2 } };
    struct config config;
    struct profile *profile;
    struct message_pin pin;

    (void)state;
    message.pins.data = text;
    for (unsigned i = 0; i < 2; i++)
        message.pins.bytes += message_append_pin(text + message.pins.bytes, &pins[i]);
    config_init_defaults(&config);
    profile = profile_of(&message, &config);
    pin = profile_pin(profile, PROFILE_PINS_LOOKUPS, SPAN_LITERAL("a"), 80);
    assert_true(span_equals(pin.to_host, SPAN_LITERAL("10.0.0.1")));
    assert_int_equal(pin.to_port, 80);
    pin = profile_pin(profile, PROFILE_PINS_MOVES, SPAN_LITERAL("a"), 80);
    assert_true(span_equals(pin.to_host, SPAN_LITERAL("moved")));
    assert_int_equal(pin.to_port, 81);
    profile_free(profile);
}

static void proxies_are_parsed_once(void **state)
{
    struct message_profile message = { .proxy_http = SPAN_LITERAL("http://u:p@p:1"),
                                       .proxy_https = SPAN_LITERAL("socks5://p"),
                                       .no_proxy = SPAN_LITERAL("*") };
    struct config config;
    struct profile *profile;

    (void)state;
    config_init_defaults(&config);
    profile = profile_of(&message, &config);
    assert_string_equal(profile->proxies.http.url.host, "p");
    assert_non_null(profile->proxies.https.why);
    assert_true(span_equals(profile->proxies.no_proxy, SPAN_LITERAL("*")));
    profile_free(profile);
}

static void a_frame_that_is_wrong_makes_no_profile(void **state)
{
    char bytes[GOOD_FRAME_BYTES_MAX];
    size_t count = good_frame_put(GOOD_PROFILE, bytes);
    struct frame frame = frame_of_bytes(bytes, count - sizeof(struct wire_header));
    struct config config;
    message_error error = 0;

    (void)state;
    config_init_defaults(&config);
    frame.payload.bytes = 40;
    assert_null(profile_new(&frame, UID, &config, &error));
    assert_int_equal(error, WIRE_ERROR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_is_the_daemons_default),
        cmocka_unit_test(nothing_lasts_longer_than_the_daemons_ceiling),
        cmocka_unit_test(its_policy_is_the_clients_else_the_daemons),
        cmocka_unit_test(the_first_pin_that_matches_wins),
        cmocka_unit_test(pins_of_one_kind_can_be_asked_for),
        cmocka_unit_test(proxies_are_parsed_once),
        cmocka_unit_test(a_frame_that_is_wrong_makes_no_profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
