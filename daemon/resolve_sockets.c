/*
 * resolve_sockets.c - what c-ares reads of a UDP socket is well-formed.
 *
 * All questions to a server share a socket. c-ares 1.18 blames a malformed answer on the
 * question that it answers. 1.34 parses before it looks which question that is, takes what
 * it cannot parse for a broken connection, and fails all that are open there: one server with one
 * bad record would do that, or a stranger with one forged datagram. So we look first, where c-ares
 * lets us: between the kernel and its own parser, and with that parser.
 *
 * A malformed datagram with a readable question is cut down to it, as a SERVFAIL: c-ares compares
 * id and question as ever, and if they are right, fails this question alone or asks the next
 * server. The flag of truncation stays: then it asks over TCP, as it would of a good one. Anything
 * else is dropped, and the true answer may still come. A stream is another matter: nobody forges
 * one easily, and when it breaks it has to be closed.
 *
 * c-ares wants all functions of a socket or none. Ours do what its own do, but for its options: we
 * set none, and its TCP Fast Open is declined, so that 1.34 connects as 1.18 does.
 */
#include "resolve_sockets.h"

#if ARES_VERSION >= 0x012200

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_BYTES 12u
#define DROPS_MAX 64u /* in one call: a flood must not hold up the loop */

static bool is_well_formed(const uint8_t *message, size_t bytes)
{
    ares_dns_record_t *record = NULL;
    bool is_good = ares_dns_parse(message, bytes, 0, &record) == ARES_SUCCESS;

    ares_dns_record_destroy(record);
    return is_good;
}

/* The bytes left; 0: there is no question to be read. */
static size_t cut_to_question(uint8_t *message, size_t bytes)
{
    static const uint8_t counts[8] = { 0, 1 }; /* questions, answers, authorities, more */
    size_t end = HEADER_BYTES;

    while (end < bytes && message[end] != 0)
        end += message[end] + 1u; /* a label too long leads behind the end, or does not parse */
    end += 1 + 4;                 /* type and class */
    if (end > bytes)
        return 0;
    message[3] = (uint8_t)((message[3] & 0xf0) | ARES_RCODE_SERVFAIL);
    memcpy(message + 4, counts, sizeof(counts));
    return is_well_formed(message, end) ? end : 0;
}

static bool is_datagram_socket(ares_socket_t fd)
{
    int type = 0;
    socklen_t bytes = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_DGRAM;
}

static ares_ssize_t on_receive(ares_socket_t fd, void *buffer, size_t room, int flags,
                               struct sockaddr *address, ares_socklen_t *address_bytes, void *ctx)
{
    ares_socklen_t address_room = address_bytes ? *address_bytes : 0;

    (void)ctx;
    if (!is_datagram_socket(fd))
        return recvfrom(fd, buffer, room, flags, address, address_bytes);
    for (unsigned i = 0; i < DROPS_MAX; i++) {
        ssize_t bytes;

        if (address_bytes)
            *address_bytes = address_room;
        bytes = recvfrom(fd, buffer, room, flags, address, address_bytes);
        if (bytes < 0 || is_well_formed(buffer, (size_t)bytes))
            return bytes;
        bytes = (ssize_t)cut_to_question(buffer, (size_t)bytes);
        if (bytes > 0)
            return bytes;
    }
    errno = EWOULDBLOCK; /* the poll says so when there is more */
    return -1;
}

static ares_socket_t on_socket(int domain, int type, int protocol, void *ctx)
{
    const int on = 1;
    int fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    (void)ctx;
    if (fd >= 0 && type == SOCK_STREAM)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
    return fd;
}

static int on_close(ares_socket_t fd, void *ctx)
{
    (void)ctx;
    return close(fd);
}

static int on_option(ares_socket_t fd, ares_socket_opt_t option, const void *value,
                     ares_socklen_t value_bytes, void *ctx)
{
    (void)fd, (void)option, (void)value, (void)value_bytes, (void)ctx;
    errno = ENOSYS; /* says that this is meant */
    return -1;
}

static int on_connect(ares_socket_t fd, const struct sockaddr *address,
                      ares_socklen_t address_bytes, unsigned flags, void *ctx)
{
    (void)flags, (void)ctx;
    return connect(fd, address, address_bytes);
}

static ares_ssize_t on_send(ares_socket_t fd, const void *bytes, size_t count, int flags,
                            const struct sockaddr *address, ares_socklen_t address_bytes, void *ctx)
{
    (void)ctx;
    return sendto(fd, bytes, count, flags, address, address_bytes);
}

/* Cookies (RFC 7873) are bound to our address. */
static int on_name(ares_socket_t fd, struct sockaddr *address, ares_socklen_t *address_bytes,
                   void *ctx)
{
    (void)ctx;
    return getsockname(fd, address, address_bytes);
}

/* The next two: servers with a link-local address. */
static unsigned on_interface(const char *name, void *ctx)
{
    (void)ctx;
    return if_nametoindex(name);
}

static const char *on_interface_name(unsigned index, char *buffer, size_t room, void *ctx)
{
    (void)ctx;
    return room < IF_NAMESIZE ? NULL : if_indextoname(index, buffer);
}

int resolve_sockets_guard(ares_channel channel)
{
    static const struct ares_socket_functions_ex functions = {
        .version = 1,
        .flags = ARES_SOCKFUNC_FLAG_NONBLOCKING,
        .asocket = on_socket,
        .aclose = on_close,
        .asetsockopt = on_option,
        .aconnect = on_connect,
        .arecvfrom = on_receive,
        .asendto = on_send,
        .agetsockname = on_name,
        .aif_nametoindex = on_interface,
        .aif_indextoname = on_interface_name,
    };

    return ares_set_socket_functions_ex(channel, &functions, NULL);
}

#else

int resolve_sockets_guard(ares_channel channel)
{
    (void)channel;
    return ARES_SUCCESS;
}

#endif
