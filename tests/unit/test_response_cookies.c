/*
 * The Set-Cookie fields of an answer, kept whole and in order at every cut of its bytes, and within
 * their bound.
 */
#include "message.h"
#include "response.h"

#include "feed.h"
#include "reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"

struct row {
    const char *name;
    struct span input;
    const char *expected; /* the values, with '|' behind each */
    bool does_not_ask;
};

static void run(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct row *row = ctx;
    struct response response;
    struct message_field field;
    char got[1024] = "";
    size_t at = 0;
    struct span cookies;

    response_init(&response, &reading_limits, false, false);
    response.wants_cookies = !row->does_not_ask;
    for (size_t i = 0; i < pieces_count; i++) {
        struct span in = pieces[i];
        struct span body;
        enum response_verdict verdict;

        do {
            verdict = response_feed(&response, &in, &body);
            response_check(&response);
            assert_int_not_equal(verdict, RESPONSE_BAD);
        } while (verdict == RESPONSE_HEAD || verdict == RESPONSE_BODY);
        if (verdict == RESPONSE_NEED_MORE && response.status == 0)
            assert_int_equal(response_cookies(&response).bytes, 0); /* not fit to be seen yet */
    }
    cookies = response_cookies(&response);
    while (message_next_field(&cookies, &field)) {
        assert_int_equal(field.name.bytes, 0);
        at += (size_t)snprintf(got + at, sizeof(got) - at, "%.*s|", (int)field.value.bytes,
                               field.value.data);
    }
    assert_int_equal(cookies.bytes, 0);
    if (strcmp(got, row->expected) != 0)
        fail_msg("%s: got '%s'", row->name, got);
    response_deinit(&response);
}

static void keeps_every_set_cookie_as_it_was_sent(void **state)
{
    static const struct row rows[] = {
        { "none", TEXT(OK_HEAD EMPTY), "", false },
        { "one", TEXT(OK_HEAD "Set-Cookie: a=1\r\n" EMPTY), "a=1|", false },
        { "any case", TEXT(OK_HEAD "sET-cOOKIE: a=1\r\n" EMPTY), "a=1|", false },
        { "three, in order",
          TEXT(OK_HEAD "Set-Cookie: a=1; Path=/\r\nX: y\r\nSet-Cookie: b=2\r\n"
                       "Set-Cookie: a=3\r\n" EMPTY),
          "a=1; Path=/|b=2|a=3|", false },
        { "white space around it", TEXT(OK_HEAD "Set-Cookie: \t a=1; b \t \r\n" EMPTY), "a=1; b|",
          false },
        { "an empty one", TEXT(OK_HEAD "Set-Cookie:\r\nSet-Cookie: a=1\r\n" EMPTY), "|a=1|",
          false },
        { "one of white space", TEXT(OK_HEAD "Set-Cookie: \t\r\nSet-Cookie: a=1\r\n" EMPTY),
          "|a=1|", false },
        { "names that look like it",
          TEXT(OK_HEAD "Set-Cookie2: a=1\r\nSet-Cooki: b=2\r\nX-Set-Cookie: c=3\r\n"
                       "Set_Cookie: d=4\r\nConnection: close\r\n" EMPTY),
          "", false },
        { "with a redirect", TEXT("HTTP/1.1 302 F\r\nLocation: /a\r\nSet-Cookie: a=1\r\n" EMPTY),
          "a=1|", false },
        { "not of an interim response",
          TEXT("HTTP/1.1 103 E\r\nSet-Cookie: early=1\r\n\r\n" OK_HEAD "Set-Cookie: a=1\r\n" EMPTY),
          "a=1|", false },
        { "not of trailers",
          TEXT(OK_HEAD "Transfer-Encoding: chunked\r\nSet-Cookie: a=1\r\n\r\n"
                       "0\r\nSet-Cookie: late=1\r\n\r\n"),
          "a=1|", false },
        { "bytes of any kind", TEXT(OK_HEAD "Set-Cookie: a=\xc3\xa9\xff;\r\n" EMPTY),
          "a=\xc3\xa9\xff;|", false },
        { "nobody wants them", TEXT(OK_HEAD "Set-Cookie: a=1\r\n" EMPTY), "", true },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct row row = rows[i];

        feed_every_split(row.input, run, &row);
    }
}

static size_t kept_of(const char *const *values, size_t count, struct response *response)
{
    struct message_field field;
    struct span cookies, body;
    size_t kept = 0;

    response_init(response, &reading_limits, false, false);
    response->wants_cookies = true;
    for (size_t i = 0; i < count + 2; i++) {
        struct span in = i == 0           ? SPAN_LITERAL(OK_HEAD)
                         : i == count + 1 ? SPAN_LITERAL(EMPTY)
                                          : span_of_string(values[i - 1]);

        (void)response_feed(response, &in, &body);
    }
    assert_int_equal(response->status, 200);
    cookies = response_cookies(response);
    assert_true(cookies.bytes <= RESPONSE_COOKIES_BYTES_MAX);
    while (message_next_field(&cookies, &field))
        kept++;
    return kept;
}

/* "Set-Cookie: xxx" with a value of so many bytes. */
static char *line_of(size_t bytes)
{
    char *line = malloc(bytes + 20);
    size_t head = strlen("Set-Cookie: ");

    assert_non_null(line);
    memcpy(line, "Set-Cookie: ", head);
    memset(line + head, 'x', bytes);
    strcpy(line + head + bytes, "\r\n");
    return line;
}

static void keeps_64_kib_and_no_more(void **state)
{
    const size_t each = sizeof(struct wire_field);
    struct response response;
    char *all = line_of(RESPONSE_COOKIES_BYTES_MAX - each);
    char *over = line_of(RESPONSE_COOKIES_BYTES_MAX - each + 1);
    char *small = line_of(10);
    char *half = line_of(40000);

    (void)state;
    assert_int_equal(kept_of((const char *[]){ all }, 1, &response), 1);
    response_deinit(&response);
    assert_int_equal(kept_of((const char *[]){ over }, 1, &response), 0);
    response_deinit(&response);
    assert_int_equal(kept_of((const char *[]){ all, small }, 2, &response), 1);
    response_deinit(&response);
    /* what is too long does not take the others with it */
    assert_int_equal(kept_of((const char *[]){ small, over, small }, 3, &response), 2);
    response_deinit(&response);
    assert_int_equal(kept_of((const char *[]){ half, half, small }, 3, &response), 2);
    response_deinit(&response);
    free(all);
    free(over);
    free(small);
    free(half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_set_cookie_as_it_was_sent),
        cmocka_unit_test(keeps_64_kib_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
