/*
 * What a service manager passes: taken when it fits, refused with the cure when it does not. Each
 * case runs in a child, because the inherited descriptor is always number 3.
 */
#include "service.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum passed {
    PASS_NOTHING,
    PASS_PIPE,
    PASS_LISTENER,
    PASS_STREAM, /* does not listen */
    PASS_DATAGRAM,
    PASS_TCP,
};

static int make_socket(enum passed passed)
{
    struct sockaddr_un abstract = { .sun_family = AF_UNIX }; /* autobind: no path is left behind */
    int family = passed == PASS_TCP ? AF_INET : AF_UNIX;
    int type = passed == PASS_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM;
    int fds[2], fd;

    if (passed == PASS_PIPE)
        return pipe(fds) == 0 ? fds[0] : -1;
    fd = socket(family, type | SOCK_NONBLOCK, 0);
    if (fd >= 0 && family == AF_UNIX)
        (void)bind(fd, (struct sockaddr *)&abstract, sizeof(abstract.sun_family));
    if (fd >= 0 && (passed == PASS_LISTENER || passed == PASS_TCP))
        (void)listen(fd, 8);
    return fd;
}

/* Exit code: the verdict, or 100 and more when a promise is broken. */
static int child_takes(enum passed passed, const char *pid, const char *count, const char *text)
{
    struct service_trouble trouble = { "" };
    char own_pid[32];
    int fd = -1, made;
    enum service_listen verdict;

    (void)close(3);
    if (passed != PASS_NOTHING) {
        made = make_socket(passed);
        if (made < 0 || (made != 3 && dup2(made, 3) != 3))
            return 100;
    }
    (void)snprintf(own_pid, sizeof(own_pid), "%ld", (long)getpid());
    if (pid)
        (void)setenv("LISTEN_PID", *pid ? pid : own_pid, 1);
    if (count)
        (void)setenv("LISTEN_FDS", count, 1);
    (void)setenv("LISTEN_FDNAMES", "connection", 1);
    verdict = service_take_listener(&fd, &trouble);
    if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
        return 101;
    if ((verdict == SERVICE_LISTEN_READY) != (fd == 3))
        return 102;
    if (fd == 3 && (!(fcntl(fd, F_GETFD) & FD_CLOEXEC) || (fcntl(fd, F_GETFL) & O_NONBLOCK)))
        return 103;
    if (!strstr(trouble.text, text) || (*text == '\0' && trouble.text[0] != '\0'))
        return 104;
    return (int)verdict;
}

static void takes_one_listening_unix_socket_and_refuses_the_rest(void **state)
{
    static const struct {
        const char *name;
        enum passed passed;
        const char *pid; /* "" = our own */
        const char *count;
        enum service_listen verdict;
        const char *text;
    } rows[] = {
        { "no variables", PASS_NOTHING, NULL, NULL, SERVICE_LISTEN_NONE, "" },
        { "no count", PASS_LISTENER, "", NULL, SERVICE_LISTEN_NONE, "" },
        { "none passed", PASS_NOTHING, "", "0", SERVICE_LISTEN_NONE, "" },
        { "right one", PASS_LISTENER, "", "1", SERVICE_LISTEN_READY, "" },
        { "another process", PASS_LISTENER, "1", "1", SERVICE_LISTEN_FOREIGN, "another process" },
        { "two", PASS_LISTENER, "", "2", SERVICE_LISTEN_REFUSED, "2 sockets were passed" },
        { "closed", PASS_NOTHING, "", "1", SERVICE_LISTEN_REFUSED, "not a socket" },
        { "pipe", PASS_PIPE, "", "1", SERVICE_LISTEN_REFUSED, "not a socket" },
        { "tcp", PASS_TCP, "", "1", SERVICE_LISTEN_REFUSED, "not a Unix socket" },
        { "datagram", PASS_DATAGRAM, "", "1", SERVICE_LISTEN_REFUSED, "not a stream" },
        { "connected kind", PASS_STREAM, "", "1", SERVICE_LISTEN_REFUSED, "does not listen" },
        { "bad pid", PASS_LISTENER, "x", "1", SERVICE_LISTEN_REFUSED, "LISTEN_PID=x" },
        { "bad count", PASS_LISTENER, "", "1x", SERVICE_LISTEN_REFUSED, "LISTEN_FDS=1x" },
        { "negative", PASS_LISTENER, "", "-1", SERVICE_LISTEN_REFUSED, "LISTEN_FDS=-1" },
        { "overflow", PASS_LISTENER, "", "99999999999999999999", SERVICE_LISTEN_REFUSED,
          "LISTEN_FDS=" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            _exit(child_takes(rows[i].passed, rows[i].pid, rows[i].count, rows[i].text));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)rows[i].verdict)
            fail_msg("%s: status %x", rows[i].name, (unsigned)status);
    }
}

/* A manager's socket under an abstract name; returns it and writes "@name". */
static int open_manager(char name[static 64])
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int bytes = snprintf(name, 64, "@hauld-test-service-%ld", (long)getpid());

    assert_true(fd >= 0);
    memcpy(address.sun_path + 1, name + 1, (size_t)bytes - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)bytes)),
                     0);
    return fd;
}

static void tells_the_manager_and_hides_its_address_from_children(void **state)
{
    char name[64], text[128];
    int manager = open_manager(name);
    struct service service;
    ssize_t bytes;

    (void)state;
    (void)setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(service_init(&service), 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_int_equal(service_notify(&service, "READY=1\nSTATUS=%d sessions", 3), 0);
    bytes = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(bytes > 0);
    text[bytes] = '\0';
    assert_string_equal(text, "READY=1\nSTATUS=3 sessions");
    (void)close(manager);
    assert_true(service_notify(&service, "STOPPING=1") < 0);
}

static void silent_without_a_manager_and_with_one_it_cannot_reach(void **state)
{
    static const char *const bad[] = { "", "/", "@", "relative", "vsock:2:1" };
    char long_name[200];
    struct service service;

    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    assert_int_equal(service_init(&service), 0);
    assert_int_equal(service_notify(&service, "READY=1"), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)setenv("NOTIFY_SOCKET", bad[i], 1);
        assert_int_not_equal(service_init(&service), 0);
        assert_null(getenv("NOTIFY_SOCKET"));
        assert_int_equal(service_notify(&service, "READY=1"), 0);
    }
    memset(long_name, 'x', sizeof(long_name));
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    (void)setenv("NOTIFY_SOCKET", long_name, 1);
    assert_int_not_equal(service_init(&service), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_one_listening_unix_socket_and_refuses_the_rest),
        cmocka_unit_test(tells_the_manager_and_hides_its_address_from_children),
        cmocka_unit_test(silent_without_a_manager_and_with_one_it_cannot_reach),
    };

    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
