/*
 * silent_dns.c - a bound UDP socket that nobody reads. What its buffer cannot hold is lost, which
 * looks the same from outside.
 */
#include "silent_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

void silent_dns_open(struct silent_dns *dns)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    dns->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(dns->fd >= 0, "socket");
    must(bind(dns->fd, (struct sockaddr *)&address, bytes) == 0, "bind");
    must(getsockname(dns->fd, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    (void)snprintf(dns->address, sizeof(dns->address), "127.0.0.1:%u", ntohs(address.sin_port));
}

void silent_dns_close(struct silent_dns *dns)
{
    (void)close(dns->fd);
}
