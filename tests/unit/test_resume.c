/*
 * test_resume.c - only the part that was asked for is ever appended.
 */
#include "resume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void judges_a_response_by_status_and_part(void **state)
{
    static const struct {
        unsigned status;
        const char *content_range;
        enum resume_verdict verdict;
    } rows[] = {
        { 206, "bytes 4-6/7", RESUME_APPEND },
        { 206, "bytes 4-4/*", RESUME_APPEND },
        { 206, "Bytes 4-6/7", RESUME_APPEND },
        { 206, "", RESUME_OTHER_PART },
        { 206, "bytes 3-6/7", RESUME_OTHER_PART },
        { 206, "bytes 0-6/7", RESUME_OTHER_PART },
        { 206, "bytes 40-60/70", RESUME_OTHER_PART },
        { 206, "bytes 4-3/7", RESUME_OTHER_PART },
        { 206, "bytes 4", RESUME_OTHER_PART },
        { 206, "bytes 4-", RESUME_OTHER_PART },
        { 206, "bytes 4-6", RESUME_OTHER_PART },
        { 206, "bytes */7", RESUME_OTHER_PART },
        { 206, "lines 4-6/7", RESUME_OTHER_PART },
        { 206, "bytes 18446744073709551620-18446744073709551621/9", RESUME_OTHER_PART },
        { 200, "", RESUME_REPLACE },
        { 200, "bytes 4-6/7", RESUME_REPLACE },
        { 203, "", RESUME_REPLACE },
        { 304, "", RESUME_COMPLETE },
        { 416, "bytes */4", RESUME_COMPLETE },
        { 416, "", RESUME_COMPLETE },
        { 416, "bytes */*", RESUME_COMPLETE },
        { 416, "bytes */3", RESUME_OTHER_SIZE },
        { 416, "bytes */40", RESUME_OTHER_SIZE },
        { 204, "", RESUME_REFUSED },
        { 301, "", RESUME_REFUSED },
        { 404, "bytes 4-6/7", RESUME_REFUSED },
        { 503, "", RESUME_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (resume_judge(rows[i].status, span_of_string(rows[i].content_range), 4) !=
            rows[i].verdict)
            fail_msg("%u '%s'", rows[i].status, rows[i].content_range);
}

static void reads_plain_numbers_only(void **state)
{
    static const char *const bad[] = { "",   "-",  "-1",
                                       "+1", "1k", "0x1",
                                       " 1", "1 ", "99999999999999999999" };
    uint64_t offset;

    (void)state;
    assert_true(resume_parse_offset(SPAN_LITERAL("0"), &offset));
    assert_int_equal(offset, 0);
    assert_true(resume_parse_offset(SPAN_LITERAL("5000000000"), &offset));
    assert_int_equal(offset, 5000000000);
    for (size_t i = 0; i < ROWS(bad); i++)
        if (resume_parse_offset(span_of_string(bad[i]), &offset))
            fail_msg("'%s'", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_a_response_by_status_and_part),
        cmocka_unit_test(reads_plain_numbers_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
