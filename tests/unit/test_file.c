/*
 * test_file.c - a file appears whole or not at all, and its name never leaves its directory.
 */
#include "file.h"
#include "filename.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct place {
    char path[64];
    char name[96];
};

static int in_a_new_directory(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    strcpy(place->path, "/tmp/haul-file-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    *state = place;
    return 0;
}

static const char *at(struct place *place, const char *name)
{
    (void)snprintf(place->name, sizeof(place->name), "%s/%s", place->path, name);
    return place->name;
}

static unsigned entries(const struct place *place, bool remove_them)
{
    DIR *directory = opendir(place->path);
    unsigned count = 0;
    struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove_them)
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
    (void)closedir(directory);
    return count;
}

static int directory_is_left(void **state)
{
    struct place *place = *state;

    (void)entries(place, true);
    (void)rmdir(place->path);
    free(place);
    return 0;
}

static void expect_bytes(const char *path, const char *expected)
{
    char bytes[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    assert_true(fd >= 0);
    got = read(fd, bytes, sizeof(bytes));
    (void)close(fd);
    assert_int_equal(got, strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void writes(const char *path, const char *bytes)
{
    struct file file;

    assert_int_equal(file_open(&file, path), 0);
    assert_int_equal(file_write(&file, span_of_string(bytes)), 0);
    assert_int_equal(file_commit(&file), 0);
}

static void appears_only_when_it_is_whole(void **state)
{
    struct place *place = *state;
    struct file file;

    assert_int_equal(file_open(&file, at(place, "a")), 0);
    assert_true(file_is_temporary(&file));
    assert_int_equal(file_write(&file, SPAN_LITERAL("half")), 0);
    assert_int_equal(access(at(place, "a"), F_OK), -1);
    assert_int_equal(file_restart(&file), 0);
    assert_int_equal(file_write(&file, SPAN_LITERAL("whole")), 0);
    assert_int_equal(file_commit(&file), 0);
    expect_bytes(at(place, "a"), "whole");
    assert_int_equal(entries(place, false), 1);
}

/* A rename would ask the directory only. As root we become somebody for the moment. */
static void does_not_replace_what_may_not_be_written(void **state)
{
    struct place *place = *state;
    bool is_root = geteuid() == 0;
    struct file file;
    int r;

    writes(at(place, "a"), "old");
    assert_int_equal(chmod(at(place, "a"), 0444), 0);
    assert_int_equal(chmod(place->path, 0777), 0);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    r = file_open(&file, at(place, "a"));
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, -EACCES);
    expect_bytes(at(place, "a"), "old");
    assert_int_equal(entries(place, false), 1);
}

static void leaves_the_old_file_when_discarded(void **state)
{
    struct place *place = *state;
    struct file file;

    writes(at(place, "a"), "old");
    assert_int_equal(file_open(&file, at(place, "a")), 0);
    assert_int_equal(file_write(&file, SPAN_LITERAL("new")), 0);
    file_discard(&file);
    file_discard(&file);
    expect_bytes(at(place, "a"), "old");
    assert_int_equal(entries(place, false), 1);
}

static void keeps_the_mode_and_obeys_the_umask(void **state)
{
    struct place *place = *state;
    mode_t before = umask(027);
    struct stat st;

    writes(at(place, "a"), "1");
    (void)umask(before);
    assert_int_equal(stat(place->name, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(chmod(place->name, 0604), 0);
    writes(place->name, "2");
    assert_int_equal(stat(place->name, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
}

static void writes_where_a_symlink_points(void **state)
{
    struct place *place = *state;
    struct stat st;

    assert_int_equal(symlink("two", at(place, "one")), 0);
    assert_int_equal(symlink("target", at(place, "two")), 0);
    writes(at(place, "one"), "x");
    expect_bytes(at(place, "target"), "x");
    assert_int_equal(lstat(at(place, "one"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void writes_devices_in_place(void **state)
{
    struct stat st;
    struct file file;

    (void)state;
    assert_int_equal(file_open(&file, "/dev/null"), 0);
    assert_false(file_is_temporary(&file));
    assert_int_equal(file_write(&file, SPAN_LITERAL("x")), 0);
    assert_int_equal(file_restart(&file), -ESPIPE);
    assert_int_equal(file_commit(&file), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void writes_open_descriptors_in_place(void **state)
{
    struct place *place = *state;
    int fd = open(at(place, "a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char path[32];

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "before ", 7), 7);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    writes(path, "after");
    (void)close(fd);
    expect_bytes(at(place, "a"), "before after");
}

static void refuses_what_cannot_be_a_file(void **state)
{
    struct place *place = *state;
    struct file file;

    assert_int_equal(file_open(&file, place->path), -EISDIR);
    assert_int_equal(file_open(&file, at(place, "no/a")), -ENOENT);
    assert_int_equal(file_open(&file, ""), -ENOENT);
    assert_int_equal(file_open(&file, at(place, "new/")), -EISDIR);
    assert_int_equal(symlink("loop", at(place, "loop")), 0);
    assert_int_equal(file_open(&file, at(place, "loop")), -ELOOP);
    assert_false(file_is_open(&file));
    assert_int_equal(entries(place, false), 1);
}

/* Everything but the mode of opening is that of any file. */
static void below_a_directory_makes_what_is_missing(void **state)
{
    struct place *place = *state;
    struct file file;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_open_below(&file, place->path, "a/b/c"), 0);
        assert_true(file_is_temporary(&file));
        assert_int_equal(file_write(&file, SPAN_LITERAL("x")), 0);
        assert_int_equal(file_commit(&file), 0);
        expect_bytes(at(place, "a/b/c"), "x");
    }
    assert_int_equal(file_open_below(&file, place->path, "a/b/c/d"), -ENOTDIR);
    assert_int_equal(file_open_below(&file, place->path, "a/b"), -EISDIR);
    assert_int_equal(file_open_below(&file, at(place, "no"), "a"), -ENOENT);
    assert_int_equal(unlink(at(place, "a/b/c")), 0);
    assert_int_equal(rmdir(at(place, "a/b")), 0);
    assert_int_equal(rmdir(at(place, "a")), 0);
    assert_int_equal(entries(place, false), 0);
}

/* What was there stays, whatever comes of the rest. */
static void resumes_behind_what_is_there(void **state)
{
    struct place *place = *state;
    struct file file;

    writes(at(place, "a"), "abcd");
    assert_int_equal(file_resume(&file, place->name, 3), -ESTALE);
    assert_int_equal(file_resume(&file, at(place, "no"), 4), -ENOENT);
    assert_int_equal(file_resume(&file, at(place, "a"), 4), 0);
    assert_false(file_is_temporary(&file));
    assert_int_equal(file_write(&file, SPAN_LITERAL("wrong")), 0);
    assert_int_equal(file_restart(&file), 0);
    assert_int_equal(file_write(&file, SPAN_LITERAL("ef")), 0);
    assert_int_equal(file_commit(&file), 0);
    expect_bytes(at(place, "a"), "abcdef");
    assert_int_equal(file_resume_below(&file, place->path, "a", 6), 0);
    assert_int_equal(file_write(&file, SPAN_LITERAL("g")), 0);
    file_discard(&file);
    expect_bytes(at(place, "a"), "abcdefg");
    assert_int_equal(symlink("a", at(place, "l")), 0);
    assert_int_equal(file_resume_below(&file, place->path, "l", 7), -ELOOP);
    assert_int_equal(entries(place, false), 2);
}

static void below_a_directory_no_symlink_is_followed(void **state)
{
    struct place *place = *state;
    struct file file;

    assert_int_equal(symlink("/tmp", at(place, "out")), 0);
    assert_int_equal(symlink(".", at(place, "in")), 0);
    assert_int_equal(symlink("/tmp/haul-not-made", at(place, "last")), 0);
    assert_int_equal(file_open_below(&file, place->path, "out/x"), -ELOOP);
    assert_int_equal(file_open_below(&file, place->path, "in/x"), -ELOOP);
    assert_int_equal(file_open_below(&file, place->path, "last"), -ELOOP);
    assert_false(file_is_open(&file));
    assert_int_equal(access("/tmp/haul-not-made", F_OK), -1);
    /* The directory itself is the user's own word. */
    assert_int_equal(file_open_below(&file, at(place, "in"), "x"), 0);
    file_discard(&file);
    assert_int_equal(entries(place, false), 3);
}

static void below_a_directory_nothing_is_made_for_a_path_too_long(void **state)
{
    struct place *place = *state;
    struct text path = { 0 };
    struct file file;

    for (int i = 0; i < 2100; i++)
        text_put_literal(&path, "a/");
    text_put_literal(&path, "b");
    text_put_char(&path, '\0');
    assert_int_equal(file_open_below(&file, place->path, path.data), -ENAMETOOLONG);
    assert_int_equal(entries(place, false), 0);
    text_deinit(&path);
}

static void names_are_safe(void **state)
{
    static const struct {
        const char *path;
        const char *name;
    } rows[] = {
        { "/a/b.html", "b.html" },
        { "/", "index.html" },
        { "", "index.html" },
        { "/a/", "index.html" },
        { "/..", "_." },
        { "/.", "_" },
        { "/.hidden", "_hidden" },
        { "/%2e%2e", "_." },
        { "/%2e%2e%2fetc%2fpasswd", "_._etc_passwd" },
        { "/a%00b", "a_b" },
        { "/a%0ab", "a_b" },
        { "/a\\b", "a_b" },
        { "/%C3%A4", "\xc3\xa4" },
        { "/a%2", "a%2" },
    };
    struct text name = { 0 };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        text_clear(&name, SIZE_MAX);
        filename_of_path(&name, span_of_string(rows[i].path));
        if (!span_equals(text_span(&name), span_of_string(rows[i].name)))
            fail_msg("%s: got %.*s", rows[i].path, (int)name.bytes, name.data);
    }
    text_clear(&name, 0);
    for (int i = 0; i < 300; i++)
        text_put_char(&name, 'x');
    {
        struct text cut = { 0 };

        filename_of_path(&cut, text_span(&name));
        assert_int_equal(cut.bytes, FILENAME_BYTES_MAX);
        text_deinit(&cut);
    }
    text_deinit(&name);
}

static void claim(struct filename_set *set, const char *wanted, uint64_t number,
                  const char *expected)
{
    struct text name = { 0 };

    text_put_string(&name, wanted);
    assert_int_equal(filename_claim(set, &name, number), 0);
    if (!span_equals(text_span(&name), span_of_string(expected)))
        fail_msg("%s: got %.*s", wanted, (int)name.bytes, name.data);
    text_deinit(&name);
}

static void no_name_is_given_twice(void **state)
{
    struct filename_set set;
    char name[32];

    (void)state;
    filename_set_init(&set);
    claim(&set, "a", 1, "a");
    claim(&set, "a", 2, "a.2");
    claim(&set, "a.3", 4, "a.3");
    claim(&set, "a", 3, "a.3.3");
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        claim(&set, name, i, name);
    }
    claim(&set, "n4999", 7, "n4999.7");
    filename_set_deinit(&set);
}

static void knows_paths_that_leave(void **state)
{
    static const char *const inside[] = { "a", "a/b", "a..b", "..a/b", "a/...", "./a" };
    static const char *const outside[] = { "", "/a", "..", "../a", "a/..", "a/../b", "a//../b" };

    (void)state;
    for (size_t i = 0; i < ROWS(inside); i++)
        if (!filename_stays_inside(span_of_string(inside[i])))
            fail_msg("%s", inside[i]);
    for (size_t i = 0; i < ROWS(outside); i++)
        if (filename_stays_inside(span_of_string(outside[i])))
            fail_msg("%s", outside[i]);
}

#define IN_DIRECTORY(f) cmocka_unit_test_setup_teardown(f, in_a_new_directory, directory_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(appears_only_when_it_is_whole),
        IN_DIRECTORY(does_not_replace_what_may_not_be_written),
        IN_DIRECTORY(leaves_the_old_file_when_discarded),
        IN_DIRECTORY(keeps_the_mode_and_obeys_the_umask),
        IN_DIRECTORY(writes_where_a_symlink_points),
        cmocka_unit_test(writes_devices_in_place),
        IN_DIRECTORY(writes_open_descriptors_in_place),
        IN_DIRECTORY(refuses_what_cannot_be_a_file),
        IN_DIRECTORY(below_a_directory_makes_what_is_missing),
        IN_DIRECTORY(resumes_behind_what_is_there),
        IN_DIRECTORY(below_a_directory_no_symlink_is_followed),
        IN_DIRECTORY(below_a_directory_nothing_is_made_for_a_path_too_long),
        cmocka_unit_test(names_are_safe),
        cmocka_unit_test(no_name_is_given_twice),
        cmocka_unit_test(knows_paths_that_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
