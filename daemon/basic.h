/*
 * basic.h - user and password of a URL as credentials of the Basic scheme (RFC 7617).
 *
 * Pure. What is percent-encoded in the URL is decoded one byte at a time: it may be long, and no
 * copy of a password is made.
 */
#ifndef HAULD_BASIC_H
#define HAULD_BASIC_H

#include "url.h"

/* The URL names a user or a password. */
bool basic_is_given(const struct url *url);

/* NULL, or why they cannot be sent (RFC 7617 section 2: the first colon ends the user, and there is
 * no control character); static, one clause about "the URL". */
const char *basic_check(const struct url *url);

/* "Basic " with the base64 of user:password, of a URL that passed the check. Returns the bytes
 * needed; writes them if room is enough, and nothing if it is not. No NUL. */
size_t basic_write(const struct url *url, char *out, size_t room);

#endif
