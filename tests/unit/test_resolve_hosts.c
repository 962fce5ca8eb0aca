/*
 * The hosts file: what is in it is found, what makes no sense is passed over, and a changed file is
 * read again, but not looked at for every name.
 */
#include "resolve_hosts.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND_NS 1000000000ull

/* A table made from text; nothing is at its path. */
static struct resolve_hosts parsed(const char *text)
{
    struct resolve_hosts hosts;

    assert_int_equal(resolve_hosts_init(&hosts, "/nonexistent/hosts"), 0);
    assert_int_equal(resolve_hosts_parse(&hosts, span_of_string(text)), 0);
    hosts.checked_ns = 1; /* not to be looked for at time 1 */
    return hosts;
}

/* "10.0.0.1 ::1%3", or "" */
static const char *found(struct resolve_hosts *hosts, const char *name, enum resolve_family family,
                         uint64_t now_ns)
{
    static char text[RESOLVE_ADDRESSES_MAX * 64];
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
    unsigned count = resolve_hosts_lookup(hosts, span_of_string(name), family, now_ns, addresses);
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        char one[INET6_ADDRSTRLEN], scope[16] = "";

        assert_non_null(inet_ntop(addresses[i].family == 4 ? AF_INET : AF_INET6, addresses[i].bytes,
                                  one, sizeof(one)));
        if (addresses[i].scope)
            (void)snprintf(scope, sizeof(scope), "%%%u", addresses[i].scope);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s", i > 0 ? " " : "", one,
                                 scope);
    }
    return text;
}

static void finds_names_as_the_file_has_them(void **state)
{
    static const struct {
        const char *text;
        const char *name;
        enum resolve_family family;
        const char *expected;
    } rows[] = {
        { "10.0.0.1 a", "a", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0.1 a\n", "A", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0.1 A.Example\n", "a.example", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0.1 a.\n", "a", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0.1 a\n", "a.", RESOLVE_ANY, "10.0.0.1" },
        { "  \t10.0.0.1\ta   b\tc  # comment d\r\n", "c", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0.1 a b c # comment d\n", "d", RESOLVE_ANY, "" },
        { "#10.0.0.1 a\n", "a", RESOLVE_ANY, "" },
        { "10.0.0.1 a#b\n", "a", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0.2 a\n::1 a\n10.0.0.1 a\n", "a", RESOLVE_ANY, "10.0.0.2 ::1 10.0.0.1" },
        { "10.0.0.2 a\n::1 a\n10.0.0.1 a\n", "a", RESOLVE_IPV4, "10.0.0.2 10.0.0.1" },
        { "10.0.0.2 a\n::1 a\n10.0.0.1 a\n", "a", RESOLVE_IPV6, "::1" },
        { "10.0.0.2 a\n", "a", RESOLVE_IPV6, "" },
        { "fe80::1%3 a\n", "a", RESOLVE_ANY, "fe80::1%3" },
        { "10.0.0.1 ab\n10.0.0.2 a\n10.0.0.3 abc\n", "a", RESOLVE_ANY, "10.0.0.2" },
        { "10.0.0.1 ab\n10.0.0.2 a\n10.0.0.3 abc\n", "abc", RESOLVE_ANY, "10.0.0.3" },
        { "10.0.0.1 ab\n10.0.0.2 a\n10.0.0.3 abc\n", "abcd", RESOLVE_ANY, "" },
        /* what makes no sense */
        { "", "a", RESOLVE_ANY, "" },
        { "\n\n  \n", "", RESOLVE_ANY, "" },
        { "10.0.0.1\n10.0.0.2 a\n", "a", RESOLVE_ANY, "10.0.0.2" },
        { "10.0.0.1 .\n", ".", RESOLVE_ANY, "10.0.0.1" },
        { "10.0.0 a\n", "a", RESOLVE_ANY, "" },
        { "10.0.0.256 a\n", "a", RESOLVE_ANY, "" },
        { "0x7f.1 a\n", "a", RESOLVE_ANY, "" },
        { "10.0.0.1%1 a\n", "a", RESOLVE_ANY, "" },
        { "fe80::1%eth0 a\n", "a", RESOLVE_ANY, "" },
        { "fe80::1% a\n", "a", RESOLVE_ANY, "" },
        { "fe80::1%-1 a\n", "a", RESOLVE_ANY, "" },
        { "fe80::1%4294967296 a\n", "a", RESOLVE_ANY, "" },
        { "a 10.0.0.1\n", "a", RESOLVE_ANY, "" },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff a\n", "a",
          RESOLVE_ANY, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct resolve_hosts hosts = parsed(rows[i].text);
        const char *seen = found(&hosts, rows[i].name, rows[i].family, 1);

        if (strcmp(seen, rows[i].expected) != 0)
            fail_msg("\"%s\": %s is \"%s\", expected \"%s\"", rows[i].text, rows[i].name, seen,
                     rows[i].expected);
        resolve_hosts_deinit(&hosts);
    }
}

static void every_cut_of_a_file_is_taken(void **state)
{
    static const char text[] = "10.0.0.1 a b # c\n::1%1\td.\n\n fe80::2%";

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
        char *copy = malloc(bytes + 1); /* a sanitizer sees one byte too many */
        struct resolve_hosts hosts = parsed("");

        assert_non_null(copy);
        memcpy(copy, text, bytes);
        assert_int_equal(resolve_hosts_parse(&hosts, span_of(copy, bytes)), 0);
        (void)found(&hosts, "a", RESOLVE_ANY, 1);
        free(copy);
        resolve_hosts_deinit(&hosts);
    }
}

static void name_with_too_many_addresses_has_the_first_ones(void **state)
{
    char text[4096];
    size_t used = 0;
    struct resolve_hosts hosts;
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];

    (void)state;
    for (unsigned i = 1; i <= 40; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "10.0.0.%u a\n", i);
    hosts = parsed(text);
    assert_int_equal(resolve_hosts_lookup(&hosts, SPAN_LITERAL("a"), RESOLVE_ANY, 1, addresses),
                     RESOLVE_ADDRESSES_MAX);
    assert_int_equal(addresses[0].bytes[3], 1);
    assert_int_equal(addresses[RESOLVE_ADDRESSES_MAX - 1].bytes[3], RESOLVE_ADDRESSES_MAX);
    resolve_hosts_deinit(&hosts);
}

/* Both bounds; and the line that the bound cuts does not become another name. */
static void bounds_cut_the_file_between_lines(void **state)
{
    struct resolve_hosts hosts = parsed("");
    size_t bytes = RESOLVE_HOSTS_BYTES_MAX + 100;
    char *text = malloc(bytes);

    (void)state;
    assert_non_null(text);
    memset(text, '#', bytes);
    memcpy(text, "10.0.0.1 first\n", 15);
    memcpy(text + RESOLVE_HOSTS_BYTES_MAX - 16, "\n10.0.0.2 cutname\n", 18);
    assert_int_equal(resolve_hosts_parse(&hosts, span_of(text, bytes)), 0);
    assert_string_equal(found(&hosts, "first", RESOLVE_ANY, 1), "10.0.0.1");
    assert_string_equal(found(&hosts, "cutname", RESOLVE_ANY, 1), "");
    assert_string_equal(found(&hosts, "cutnam", RESOLVE_ANY, 1), "");

    memset(text, ' ', bytes);
    memcpy(text, "10.0.0.1 ", 9);
    for (size_t i = 9; i + 1 < RESOLVE_HOSTS_BYTES_MAX; i += 2)
        text[i] = (char)('a' + i % 26);
    assert_int_equal(resolve_hosts_parse(&hosts, span_of(text, RESOLVE_HOSTS_BYTES_MAX)), 0);
    assert_int_equal(hosts.entries_count, RESOLVE_HOSTS_NAMES_MAX);
    free(text);
    resolve_hosts_deinit(&hosts);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void changed_file_is_read_again_after_a_second(void **state)
{
    char path[] = "/tmp/hauld-test-hosts-XXXXXX";
    int fd = mkstemp(path);
    struct resolve_hosts hosts;
    uint64_t now_ns = 5 * SECOND_NS;

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(resolve_hosts_init(&hosts, path), 0);
    write_file(path, "10.0.0.1 a\n");
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns), "10.0.0.1");
    write_file(path, "10.0.0.22 a\n"); /* of another size: the clock of files is coarse */
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns + SECOND_NS / 2), "10.0.0.1");
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns + SECOND_NS), "10.0.0.22");

    assert_int_equal(unlink(path), 0);
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns + 2 * SECOND_NS), "");
    write_file(path, "10.0.0.3 a\n");
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns + 3 * SECOND_NS), "10.0.0.3");

    /* A directory or a FIFO in its place is no file, and does not block. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns + 4 * SECOND_NS), "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_string_equal(found(&hosts, "a", RESOLVE_ANY, now_ns + 5 * SECOND_NS), "");
    assert_int_equal(rmdir(path), 0);
    resolve_hosts_deinit(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names_as_the_file_has_them),
        cmocka_unit_test(every_cut_of_a_file_is_taken),
        cmocka_unit_test(name_with_too_many_addresses_has_the_first_ones),
        cmocka_unit_test(bounds_cut_the_file_between_lines),
        cmocka_unit_test(changed_file_is_read_again_after_a_second),
    };

    return cmocka_run_group_tests_name("resolve_hosts", tests, NULL, NULL);
}
