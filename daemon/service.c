/*
 * service.c - a few dozen lines in the place of libsystemd.
 *
 * Both protocols are environment variables that would confuse a child, so they are unset when read,
 * whatever they say. LISTEN_PID of another process means that someone between the manager and us
 * did not exec: the descriptors are not ours to touch.
 *
 * These are plain socket calls outside the ring on purpose: they happen a handful of times in a
 * process's life, before the first turn and at state changes, and never wait for a peer (a datagram
 * to the manager's socket).
 */
#include "service.h"

#include "span.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTEN_FD_FIRST 3              /* SD_LISTEN_FDS_START */
#define INTERVAL_US_MAX 1000000000000l /* eleven days: never */

/* A decimal number and nothing else. */
static bool parse_number(const char *text, long *ret_number)
{
    char *end;
    long number;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *ret_number = number;
    return true;
}

/* 0: no watchdog, or another process's. */
static uint64_t take_watchdog(void)
{
    const char *interval_text = getenv("WATCHDOG_USEC"), *pid_text = getenv("WATCHDOG_PID");
    long interval_us = 0, pid = 0;

    if (!interval_text || !parse_number(interval_text, &interval_us) ||
        (pid_text && (!parse_number(pid_text, &pid) || pid != getpid())))
        interval_us = 0;
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return interval_us < INTERVAL_US_MAX ? (uint64_t)interval_us * 1000 : 0;
}

int service_init(struct service *service)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t bytes;
    int r = 0;

    *service =
        (struct service){ .notify_address.sun_family = AF_UNIX, .watchdog_ns = take_watchdog() };
    if (!path)
        return 0;
    bytes = strlen(path);
    if ((path[0] == '/' || path[0] == '@') && bytes > 1 &&
        bytes < sizeof(service->notify_address.sun_path)) {
        memcpy(service->notify_address.sun_path, path, bytes);
        /* An abstract name is not ended by a NUL: its length counts. */
        if (path[0] == '@')
            service->notify_address.sun_path[0] = '\0';
        service->notify_bytes =
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes + (path[0] == '/' ? 1 : 0));
    } else {
        r = -EINVAL;
    }
    (void)unsetenv("NOTIFY_SOCKET"); /* fails only for malformed names */
    return r;
}

__attribute__((format(printf, 2, 3))) static enum service_listen
refuse(struct service_trouble *ret_trouble, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(ret_trouble->text, sizeof(ret_trouble->text), format, arguments);
    va_end(arguments);
    return SERVICE_LISTEN_REFUSED;
}

static enum service_listen check_listener(int fd, struct service_trouble *ret_trouble)
{
    int domain, type, listens, flags;
    socklen_t bytes = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) < 0)
        return refuse(ret_trouble, "the inherited descriptor %d is not a socket: %s", fd,
                      strerror(errno));
    if (domain != AF_UNIX)
        return refuse(ret_trouble, "the inherited socket is not a Unix socket: hauld listens on no "
                                   "network; use ListenStream= with a path");
    if (type != SOCK_STREAM)
        return refuse(ret_trouble, "the inherited socket is not a stream socket: use "
                                   "ListenStream=, not ListenDatagram=");
    if (!listens)
        return refuse(ret_trouble, "the inherited socket does not listen: use Accept=no");
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return refuse(ret_trouble, "cannot set flags of the inherited socket: %s", strerror(errno));
    return SERVICE_LISTEN_READY;
}

static enum service_listen read_listener(const char *pid_text, const char *count_text, int *ret_fd,
                                         struct service_trouble *ret_trouble)
{
    enum service_listen verdict;
    long pid, count;

    if (!parse_number(pid_text, &pid))
        return refuse(ret_trouble, "LISTEN_PID=%.32s is not a process id", pid_text);
    if (pid != getpid()) {
        (void)refuse(ret_trouble,
                     "LISTEN_PID=%ld is another process than this one (%ld): start hauld by exec",
                     pid, (long)getpid());
        return SERVICE_LISTEN_FOREIGN;
    }
    if (!parse_number(count_text, &count))
        return refuse(ret_trouble, "LISTEN_FDS=%.32s is not a count", count_text);
    if (count == 0)
        return SERVICE_LISTEN_NONE;
    if (count > 1)
        return refuse(ret_trouble,
                      "%ld sockets were passed and hauld takes one: keep one Listen "
                      "line in the socket unit",
                      count);
    verdict = check_listener(LISTEN_FD_FIRST, ret_trouble);
    if (verdict == SERVICE_LISTEN_READY)
        *ret_fd = LISTEN_FD_FIRST;
    return verdict;
}

enum service_listen service_take_listener(int *ret_fd, struct service_trouble *ret_trouble)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    enum service_listen verdict = SERVICE_LISTEN_NONE;

    if (pid_text && count_text)
        verdict = read_listener(pid_text, count_text, ret_fd, ret_trouble);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return verdict;
}

int service_notify(const struct service *service, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    int fd, bytes, r = 0;

    if (service->notify_bytes == 0)
        return 0;
    va_start(arguments, format);
    bytes = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (bytes < 0 || (size_t)bytes >= sizeof(text))
        return -EMSGSIZE;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (sendto(fd, text, (size_t)bytes, MSG_NOSIGNAL,
               (const struct sockaddr *)&service->notify_address, service->notify_bytes) < 0)
        r = -errno;
    (void)close(fd); /* nothing was buffered that could be lost */
    return r;
}
