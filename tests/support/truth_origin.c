/*
 * truth_origin.c - a server that knows how long each of its answers really took.
 *
 *     truth_origin [--delay 1ms] [--tail 100:20ms] [--freeze 500ms:5s]
 *
 * It prints its port on loopback and answers every GET after the delay; of so many requests the
 * first one after that of the tail. A freeze is of the whole server: for so long, every so often
 * from its first request on, it neither reads nor answers.
 *
 * What it tells at GET /truth is what it did by the clock, not what it was asked to do: on a busy
 * machine the two differ, and that is no fault of who measures it. A request begins when the kernel
 * has received it, not when we get to read it, and ends just before the answer is sent: after that
 * the peer may have taken both the answer and our core. So whoever measures less is wrong.
 *
 * It refuses to be a server: no bodies, no pipelining, CONNS_MAX connections; trouble ends it.
 */
#include "histogram.h"
#include "units.h"

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define CONNS_MAX 64
#define FREEZES_MAX 16
#define TEXT_BYTES_MAX 4096

struct conn {
    int fd;          /* its place among the conns, too */
    bool is_waiting; /* a request has arrived, to be answered at due_ns */
    uint64_t arrived_ns, due_ns;
    size_t bytes; /* of the head, so far */
    char head[TEXT_BYTES_MAX + 1];
};

struct freeze {
    uint64_t start_ns, length_ns; /* since the first request */
};

struct origin {
    uint64_t delay_ns;
    uint64_t tail_every, tail_ns;        /* 0: no tail */
    uint64_t freeze_every_ns, freeze_ns; /* 0: no freezes */
    int listener_fd, epoll_fd;
    struct conn conns[CONNS_MAX];
    uint64_t requests_count;
    uint64_t first_ns;       /* the first request */
    uint64_t next_freeze_ns; /* UINT64_MAX: none */
    struct histogram delays;
    struct freeze freezes[FREEZES_MAX];
    unsigned freezes_count;
};

/* ---- clocks ---- */

static uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * NS_PER_SECOND + (uint64_t)t->tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SECOND),
                              .tv_nsec = (long)(ns % NS_PER_SECOND) };
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now); /* cannot fail for the two clocks we ask */
    return ns_of(&now);
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* The kernel says by the wall clock when the bytes of a message came. That clock is read first:
 * what may come between the two makes the request younger, never older. */
static uint64_t arrival_ns(struct msghdr *message)
{
    uint64_t wall_ns = clock_ns(CLOCK_REALTIME), at_ns = now_ns();
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    struct timespec stamp;

    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
        return at_ns; /* the first ones: stamps begin a little after they were asked for */
    memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
    return ns_of(&stamp) < wall_ns ? at_ns - (wall_ns - ns_of(&stamp)) : at_ns;
}

/* ---- connections ---- */

static void conn_send(struct conn *c, const char *body)
{
    char text[TEXT_BYTES_MAX + 64];
    int bytes = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(body), body);

    (void)send(c->fd, text, (size_t)bytes, MSG_NOSIGNAL); /* if it has gone, we shall read so */
}

static void origin_watch(struct origin *origin, int fd, struct conn *c)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

    if (epoll_ctl(origin->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        err(1, "epoll_ctl");
}

static void origin_accept(struct origin *origin)
{
    int fd = accept4(origin->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 || fd >= CONNS_MAX ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){ 1 }, sizeof(int)) < 0)
        err(1, "accept4, as descriptor %d", fd);
    origin->conns[fd] = (struct conn){ .fd = fd };
    origin_watch(origin, fd, &origin->conns[fd]);
}

/* ---- requests ---- */

static void origin_tell(const struct origin *origin, struct conn *c)
{
    static const unsigned percents[] = { 50, 75, 90, 95, 99 };
    const struct histogram *delays = &origin->delays;
    char text[TEXT_BYTES_MAX];
    FILE *out = fmemopen(text, sizeof(text), "w");

    if (!out)
        err(1, "fmemopen");
    fprintf(out, "{\"count\":%" PRIu64 ",\"max_ns\":%" PRIu64, delays->count, delays->max_ns);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(out, ",\"p%u_ns\":%" PRIu64, percents[i],
                histogram_quantile(delays, percents[i] / 100.0));
    fprintf(out, ",\"freezes\":[");
    for (unsigned i = 0; i < origin->freezes_count; i++)
        fprintf(out, "%s{\"start_ns\":%" PRIu64 ",\"length_ns\":%" PRIu64 "}", i ? "," : "",
                origin->freezes[i].start_ns, origin->freezes[i].length_ns);
    fprintf(out, "]}\n");
    (void)fclose(out); /* it takes half of the room, at most */
    conn_send(c, text);
}

static void origin_answer(struct origin *origin, struct conn *c)
{
    if (histogram_record(&origin->delays, now_ns() - c->arrived_ns) < 0)
        errx(1, "no memory");
    c->is_waiting = false;
    conn_send(c, "ok");
}

static void origin_take(struct origin *origin, struct conn *c, uint64_t arrived_ns)
{
    bool is_tail = origin->tail_every && origin->requests_count % origin->tail_every == 0;

    if (origin->requests_count++ == 0) {
        origin->first_ns = arrived_ns;
        if (origin->freeze_every_ns)
            origin->next_freeze_ns = arrived_ns + origin->freeze_every_ns;
    }
    c->arrived_ns = arrived_ns;
    c->due_ns = arrived_ns + (is_tail ? origin->tail_ns : origin->delay_ns);
    c->is_waiting = true;
}

static void origin_read(struct origin *origin, struct conn *c)
{
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec room = { c->head + c->bytes, TEXT_BYTES_MAX - c->bytes };
    struct msghdr message = {
        .msg_iov = &room, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    ssize_t bytes = recvmsg(c->fd, &message, 0);

    if (bytes <= 0 || c->is_waiting) { /* it left; or asks before it was answered */
        (void)close(c->fd);
        c->is_waiting = false;
        return;
    }
    c->bytes += (size_t)bytes;
    c->head[c->bytes] = '\0';
    if (!strstr(c->head, "\r\n\r\n"))
        return;
    c->bytes = 0;
    if (strncmp(c->head, "GET /truth ", 11) == 0)
        origin_tell(origin, c);
    else
        origin_take(origin, c, arrival_ns(&message));
}

/* ---- the loop ---- */

static void origin_freeze(struct origin *origin)
{
    struct timespec length = timespec_of(origin->freeze_ns);
    uint64_t start_ns = now_ns();

    (void)nanosleep(&length, NULL); /* how long it was is told by the clock */
    origin->freezes[origin->freezes_count].start_ns = start_ns - origin->first_ns;
    origin->freezes[origin->freezes_count].length_ns = now_ns() - start_ns;
    origin->next_freeze_ns =
        ++origin->freezes_count == FREEZES_MAX ? UINT64_MAX : start_ns + origin->freeze_every_ns;
}

/* Answers what is due; returns when there will be more to do. */
static uint64_t origin_answer_due(struct origin *origin)
{
    uint64_t next_ns = origin->next_freeze_ns;

    for (struct conn *c = origin->conns; c < origin->conns + CONNS_MAX; c++) {
        if (c->is_waiting && c->due_ns <= now_ns())
            origin_answer(origin, c);
        if (c->is_waiting && c->due_ns < next_ns)
            next_ns = c->due_ns;
    }
    return next_ns;
}

static void origin_turn(struct origin *origin)
{
    uint64_t next_ns = origin_answer_due(origin), at_ns = now_ns();
    struct timespec timeout = timespec_of(next_ns > at_ns ? next_ns - at_ns : 0);
    struct epoll_event events[CONNS_MAX];
    int count = epoll_pwait2(origin->epoll_fd, events, CONNS_MAX,
                             next_ns == UINT64_MAX ? NULL : &timeout, NULL);

    if (count < 0)
        err(1, "epoll_pwait2");
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr)
            origin_read(origin, events[i].data.ptr);
        else
            origin_accept(origin);
    }
}

/* ---- the start ---- */

static bool read_flag(struct origin *origin, const char *flag, char *value)
{
    char *colon = strchr(value, ':');
    struct span first = span_of(value, colon ? (size_t)(colon - value) : strlen(value));
    struct span second = span_of_string(colon ? colon + 1 : "");

    if (strcmp(flag, "--delay") == 0)
        return !colon && units_parse_duration(first, &origin->delay_ns);
    if (strcmp(flag, "--tail") == 0)
        return units_parse_count(first, &origin->tail_every) &&
               units_parse_duration(second, &origin->tail_ns);
    return strcmp(flag, "--freeze") == 0 && units_parse_duration(first, &origin->freeze_ns) &&
           units_parse_duration(second, &origin->freeze_every_ns);
}

static void origin_listen(struct origin *origin)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    origin->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    origin->listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (origin->epoll_fd < 0 || origin->listener_fd < 0 ||
        bind(origin->listener_fd, (struct sockaddr *)&address, bytes) < 0 ||
        listen(origin->listener_fd, CONNS_MAX) < 0 ||
        getsockname(origin->listener_fd, (struct sockaddr *)&address, &bytes) < 0)
        err(1, "listen");
    origin_watch(origin, origin->listener_fd, NULL);
    printf("%u\n", ntohs(address.sin_port));
    (void)fflush(stdout); /* who waits for it will notice */
}

int main(int argc, char **argv)
{
    static struct origin origin = { .next_freeze_ns = UINT64_MAX };

    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !read_flag(&origin, argv[i], argv[i + 1]))
            errx(2, "usage: [--delay TIME] [--tail COUNT:TIME] [--freeze TIME:TIME]");
    histogram_init(&origin.delays);
    (void)prctl(PR_SET_TIMERSLACK, 1ul); /* a delay is what was asked for, not 50 us more */
    origin_listen(&origin);
    for (;;) {
        if (now_ns() >= origin.next_freeze_ns)
            origin_freeze(&origin);
        origin_turn(&origin);
    }
}
