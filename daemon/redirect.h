/*
 * redirect.h - which answers lead elsewhere, and what is asked there (RFC 9110 section 15.4).
 *
 * Pure.
 */
#ifndef HAULD_REDIRECT_H
#define HAULD_REDIRECT_H

#include "span.h"
#include "url.h"

/* 301, 302, 303, 307, 308. 300 offers a choice, 304 has no target, 305 and 306 are history. */
bool redirect_is_followed(uint16_t status);

/* Whether the next request is a GET without a body instead of method (empty = GET): POST on 301 and
 * 302, which history allows, and everything but HEAD on 303, which means it. */
bool redirect_makes_get(uint16_t status, struct span method);

/* Scheme, host and port are the same (RFC 9110 section 4.3.1): secrets may go along. */
bool redirect_keeps_origin(const struct url *from, const struct url *to);

#endif
