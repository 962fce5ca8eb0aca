/*
 * mock_dns.h - a DNS server on a loopback port, on a thread of its own, that answers by the name.
 *
 * The first label of the question says what happens; see mock_dns.c. Whatever stands before a dash
 * is only there to make names differ: "17-ok.test" is answered like "ok.test".
 */
#ifndef TEST_MOCK_DNS_H
#define TEST_MOCK_DNS_H

struct mock_dns;

/* Aborts when it cannot start. */
struct mock_dns *mock_dns_start(void);
void mock_dns_stop(struct mock_dns *mock);

/* "127.0.0.1:PORT" */
const char *mock_dns_address(const struct mock_dns *mock);

/* Between these it takes questions in but does not look at them. */
void mock_dns_hold(struct mock_dns *mock);
void mock_dns_resume(struct mock_dns *mock);

/* Questions seen so far, over UDP and TCP; each type of record is a question. */
unsigned mock_dns_questions(const struct mock_dns *mock);
unsigned mock_dns_questions_tcp(const struct mock_dns *mock);

#endif
