/*
 * silent_dns.h - a DNS server on a loopback port that takes questions in and never answers.
 *
 * A port where nobody listens is not the same: it refuses, which c-ares sees since 1.34.
 */
#ifndef HAUL_SILENT_DNS_H
#define HAUL_SILENT_DNS_H

struct silent_dns {
    int fd;
    char address[32]; /* "127.0.0.1:PORT" */
};

/* Aborts when it cannot. */
void silent_dns_open(struct silent_dns *dns);
void silent_dns_close(struct silent_dns *dns);

#endif
