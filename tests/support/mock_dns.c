/*
 * mock_dns.c - one thread, one UDP socket, one TCP listener, a table of behaviours.
 *
 * Answers are built by hand: header, the question copied back, records that point at the name in
 * the question. A row may add bytes that no sane server sends.
 */
#include "mock_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 65535
#define TYPE_A 1
#define TYPE_CNAME 5
#define TYPE_AAAA 28

enum trick {
    TRICK_NONE,
    TRICK_SILENT,
    TRICK_MUTE_SIX,       /* about AAAA only */
    TRICK_TRUNCATE,       /* over UDP, so that TCP is asked */
    TRICK_TRUNCATE_CLOSE, /* and TCP hangs up */
    TRICK_FORGED_ID,      /* a wrong id first, then the right answer */
    TRICK_GARBAGE,        /* half a header */
    TRICK_POINTER_LOOP,   /* a record whose name points at itself */
    TRICK_CNAME_LOOP,     /* the name is an alias of itself */
    TRICK_EMPTY_DATAGRAM, /* first nothing, then the right answer */
    TRICK_JUNK,           /* first half a header, then the right answer */
    TRICK_FLOOD,          /* the same, but a hundred times */
    TRICK_FORGED_STUMP,   /* first with a wrong id and cut off, then the right answer */
};

struct behaviour {
    const char *label;
    unsigned fours;
    unsigned sixes;
    uint32_t ttl;
    uint8_t rcode;
    enum trick trick;
};

static const struct behaviour behaviours[] = {
    { "ok", .fours = 1, .ttl = 60 },
    { "six", .sixes = 1, .ttl = 60 },
    { "both", .fours = 2, .sixes = 2, .ttl = 60 },
    { "ttl0", .fours = 1, .ttl = 0 },
    { "ttlmax", .fours = 1, .ttl = 0x7fffffff },
    { "many", .fours = 3000, .sixes = 2, .ttl = 60, .trick = TRICK_TRUNCATE },
    { "empty", .rcode = 0 },
    { "nx", .rcode = 3 },
    { "servfail", .rcode = 2 },
    { "refused", .rcode = 5 },
    { "formerr", .rcode = 1 },
    { "notimp", .rcode = 4 },
    { "silent", .trick = TRICK_SILENT },
    { "mute", .fours = 1, .ttl = 60, .trick = TRICK_MUTE_SIX },
    { "mutenone", .trick = TRICK_MUTE_SIX },
    { "tc", .fours = 1, .ttl = 60, .trick = TRICK_TRUNCATE },
    { "tcclose", .fours = 1, .ttl = 60, .trick = TRICK_TRUNCATE_CLOSE },
    { "forged", .fours = 1, .ttl = 60, .trick = TRICK_FORGED_ID },
    { "garbage", .trick = TRICK_GARBAGE },
    { "pointer", .trick = TRICK_POINTER_LOOP },
    { "cname", .trick = TRICK_CNAME_LOOP },
    { "nothing", .fours = 1, .ttl = 60, .trick = TRICK_EMPTY_DATAGRAM },
    { "junk", .fours = 1, .ttl = 60, .trick = TRICK_JUNK },
    { "flood", .fours = 1, .ttl = 60, .trick = TRICK_FLOOD },
    { "stump", .fours = 1, .ttl = 60, .trick = TRICK_FORGED_STUMP },
};

struct mock_dns {
    pthread_t thread;
    int udp_fd;
    int tcp_fd;
    int stop_fd;
    pthread_mutex_t held;
    char address[32];
    atomic_uint questions;
    atomic_uint questions_tcp;
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static const struct behaviour *find_behaviour(const uint8_t *question)
{
    static const struct behaviour unknown = { "", .rcode = 3 };
    const char *label = (const char *)question + 1;
    size_t bytes = question[0];
    const char *dash = memchr(label, '-', bytes);

    if (dash) {
        bytes -= (size_t)(dash + 1 - label);
        label = dash + 1;
    }
    for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
        if (strlen(behaviours[i].label) == bytes &&
            strncasecmp(behaviours[i].label, label, bytes) == 0)
            return &behaviours[i];
    }
    return &unknown;
}

/* One record whose name is the question's; returns the bytes written. */
static size_t put_record(uint8_t *out, uint16_t type, uint32_t ttl, const void *data,
                         uint16_t data_bytes)
{
    const uint8_t head[] = { 0xc0,
                             12,
                             (uint8_t)(type >> 8),
                             (uint8_t)type,
                             0,
                             1,
                             (uint8_t)(ttl >> 24),
                             (uint8_t)(ttl >> 16),
                             (uint8_t)(ttl >> 8),
                             (uint8_t)ttl,
                             (uint8_t)(data_bytes >> 8),
                             (uint8_t)data_bytes };

    memcpy(out, head, sizeof(head));
    memcpy(out + sizeof(head), data, data_bytes);
    return sizeof(head) + data_bytes;
}

static size_t put_records(uint8_t *out, const struct behaviour *b, uint16_t type,
                          uint16_t *ret_count)
{
    static const uint8_t self[] = { 0xc0, 12 };
    size_t used = 0;
    uint16_t count = 0;

    if (b->trick == TRICK_CNAME_LOOP) {
        used = put_record(out, TYPE_CNAME, 60, self, sizeof(self));
        count = 1;
    }
    for (unsigned i = 0; type == TYPE_A && i < b->fours; i++, count++) {
        const uint8_t address[4] = { 192, 0, (uint8_t)(2 + i / 200), (uint8_t)(1 + i % 200) };

        used += put_record(out + used, TYPE_A, b->ttl, address, sizeof(address));
    }
    for (unsigned i = 0; type == TYPE_AAAA && i < b->sixes; i++, count++) {
        const uint8_t address[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(1 + i) };

        used += put_record(out + used, TYPE_AAAA, b->ttl, address, sizeof(address));
    }
    if (b->trick == TRICK_POINTER_LOOP) {
        used = put_record(out, type, 60, self, sizeof(self));
        out[1] = 255; /* far behind the end */
        count = 1;
    }
    *ret_count = count;
    return used;
}

/* The answer to the message in question; 0 = none. */
static size_t make_answer(const uint8_t *question, size_t question_bytes, bool tcp, uint8_t *out)
{
    const struct behaviour *b = find_behaviour(question + 12);
    size_t name_bytes = 0, used;
    uint16_t type, count = 0;
    bool truncated = !tcp && (b->trick == TRICK_TRUNCATE || b->trick == TRICK_TRUNCATE_CLOSE);

    while (12 + name_bytes < question_bytes && question[12 + name_bytes] != 0)
        name_bytes += question[12 + name_bytes] + 1u;
    name_bytes++;
    if (12 + name_bytes + 4 > question_bytes || b->trick == TRICK_SILENT)
        return 0;
    used = 12 + name_bytes + 4;
    memcpy(out, question, used);
    if (b->trick == TRICK_GARBAGE)
        return 7;
    type = (uint16_t)(question[12 + name_bytes] << 8 | question[13 + name_bytes]);
    if (type == TYPE_AAAA && b->trick == TRICK_MUTE_SIX)
        return 0;
    if (!truncated && b->rcode == 0)
        used += put_records(out + used, b, type, &count);
    out[2] = (uint8_t)(0x85 | (truncated ? 2 : 0)); /* answer, authoritative, recursion desired */
    out[3] = (uint8_t)(0x80 | b->rcode);
    memset(out + 6, 0, 6);
    out[6] = (uint8_t)(count >> 8);
    out[7] = (uint8_t)count;
    return used;
}

/* What comes before the answer. */
static void play_trick(const struct mock_dns *mock, enum trick trick, uint8_t *out,
                       size_t answer_bytes, const struct sockaddr_in *to)
{
    bool forged = trick == TRICK_FORGED_ID || trick == TRICK_FORGED_STUMP;
    unsigned count = trick == TRICK_FLOOD ? 100 : 1;

    if (trick == TRICK_EMPTY_DATAGRAM)
        answer_bytes = 0;
    else if (trick == TRICK_JUNK || trick == TRICK_FLOOD)
        answer_bytes = 7;
    else if (trick == TRICK_FORGED_STUMP)
        answer_bytes--;
    else if (!forged)
        return;
    out[0] ^= forged ? 0xff : 0;
    for (unsigned i = 0; i < count; i++)
        (void)sendto(mock->udp_fd, out, answer_bytes, 0, (const struct sockaddr *)to, sizeof(*to));
    out[0] ^= forged ? 0xff : 0;
}

static void serve_udp(struct mock_dns *mock, uint8_t *out)
{
    uint8_t question[512];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof(from);
    ssize_t bytes = recvfrom(mock->udp_fd, question, sizeof(question), 0, (struct sockaddr *)&from,
                             &from_bytes);
    const struct behaviour *b;
    size_t answer_bytes;

    if (bytes < 17)
        return;
    atomic_fetch_add(&mock->questions, 1);
    b = find_behaviour(question + 12);
    answer_bytes = make_answer(question, (size_t)bytes, false, out);
    if (answer_bytes == 0)
        return;
    play_trick(mock, b->trick, out, answer_bytes, &from);
    (void)sendto(mock->udp_fd, out, answer_bytes, 0, (struct sockaddr *)&from, from_bytes);
}

static bool receive_all(int fd, uint8_t *bytes, size_t count)
{
    return recv(fd, bytes, count, MSG_WAITALL) == (ssize_t)count;
}

/* One connection, answered until the client hangs up or the row says so. */
static void serve_tcp(struct mock_dns *mock, uint8_t *out)
{
    const struct timeval patience = { .tv_sec = 1 };
    uint8_t question[2 + 512];
    int fd = accept(mock->tcp_fd, NULL, NULL);

    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (receive_all(fd, question, 2)) {
        size_t bytes = (size_t)question[0] << 8 | question[1], answer_bytes;

        if (bytes < 17 || bytes > sizeof(question) - 2 || !receive_all(fd, question + 2, bytes))
            break;
        atomic_fetch_add(&mock->questions, 1);
        atomic_fetch_add(&mock->questions_tcp, 1);
        if (find_behaviour(question + 2 + 12)->trick == TRICK_TRUNCATE_CLOSE)
            break;
        answer_bytes = make_answer(question + 2, bytes, true, out + 2);
        out[0] = (uint8_t)(answer_bytes >> 8);
        out[1] = (uint8_t)answer_bytes;
        if (send(fd, out, answer_bytes + 2, MSG_NOSIGNAL) < 0)
            break;
    }
    (void)close(fd);
}

static void *mock_main(void *ctx)
{
    struct mock_dns *mock = ctx;
    uint8_t *out = malloc(MESSAGE_BYTES_MAX + 2);
    struct pollfd fds[] = { { .fd = mock->udp_fd, .events = POLLIN },
                            { .fd = mock->tcp_fd, .events = POLLIN },
                            { .fd = mock->stop_fd, .events = POLLIN } };

    must(out, "malloc");
    while (poll(fds, 3, -1) >= 0 && !fds[2].revents) {
        pthread_mutex_lock(&mock->held);
        if (fds[0].revents)
            serve_udp(mock, out);
        if (fds[1].revents)
            serve_tcp(mock, out);
        pthread_mutex_unlock(&mock->held);
    }
    free(out);
    return NULL;
}

/* Both sockets on one port; another try when TCP's is taken. */
static bool bind_both(struct mock_dns *mock)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    mock->udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    mock->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(mock->udp_fd >= 0 && mock->tcp_fd >= 0, "socket");
    must(bind(mock->udp_fd, (struct sockaddr *)&address, bytes) == 0, "bind");
    must(getsockname(mock->udp_fd, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    if (bind(mock->tcp_fd, (struct sockaddr *)&address, bytes) == 0) {
        must(listen(mock->tcp_fd, 16) == 0, "listen");
        (void)snprintf(mock->address, sizeof(mock->address), "127.0.0.1:%u",
                       ntohs(address.sin_port));
        return true;
    }
    (void)close(mock->udp_fd);
    (void)close(mock->tcp_fd);
    return false;
}

struct mock_dns *mock_dns_start(void)
{
    struct mock_dns *mock = calloc(1, sizeof(*mock));
    bool bound = false;

    must(mock, "calloc");
    for (unsigned i = 0; i < 20 && !bound; i++)
        bound = bind_both(mock);
    must(bound, "no port");
    mock->stop_fd = eventfd(0, EFD_CLOEXEC);
    must(mock->stop_fd >= 0, "eventfd");
    (void)pthread_mutex_init(&mock->held, NULL);
    must(pthread_create(&mock->thread, NULL, mock_main, mock) == 0, "pthread_create");
    return mock;
}

void mock_dns_stop(struct mock_dns *mock)
{
    const uint64_t one = 1;

    must(write(mock->stop_fd, &one, sizeof(one)) == sizeof(one), "write");
    (void)pthread_join(mock->thread, NULL);
    pthread_mutex_destroy(&mock->held);
    (void)close(mock->udp_fd);
    (void)close(mock->tcp_fd);
    (void)close(mock->stop_fd);
    free(mock);
}

void mock_dns_hold(struct mock_dns *mock)
{
    pthread_mutex_lock(&mock->held);
}

void mock_dns_resume(struct mock_dns *mock)
{
    pthread_mutex_unlock(&mock->held);
}

const char *mock_dns_address(const struct mock_dns *mock)
{
    return mock->address;
}

unsigned mock_dns_questions(const struct mock_dns *mock)
{
    return atomic_load(&mock->questions);
}

unsigned mock_dns_questions_tcp(const struct mock_dns *mock)
{
    return atomic_load(&mock->questions_tcp);
}
