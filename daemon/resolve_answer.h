/*
 * resolve_answer.h - what c-ares says, as the resolver keeps it.
 *
 * The resolver's own.
 */
#ifndef HAULD_RESOLVE_ANSWER_H
#define HAULD_RESOLVE_ANSWER_H

#include "resolve_dns.h"

/* What a failed question means to the item that waits for it: sets fault and is_negative. status is
 * one of c-ares', no success. */
void resolve_answer_explain(int status, enum resolve_family family,
                            struct resolve_dns_answer *ret_answer);

/* The addresses and their time to live. Up to half the room for each family, more when the other
 * needs less. */
void resolve_answer_take(const struct ares_addrinfo *info, struct resolve_dns_answer *ret_answer);

#endif
