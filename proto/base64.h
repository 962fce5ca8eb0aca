/*
 * base64.h - RFC 4648, with padding: how JSON carries bytes that are no text.
 */
#ifndef HAUL_BASE64_H
#define HAUL_BASE64_H

#include "span.h"

#define BASE64_BYTES(bytes) (((bytes) + 2) / 3 * 4)

/* out has room for BASE64_BYTES(bytes.bytes); returns that. No NUL. */
size_t base64_encode(struct span bytes, char *out);

/* out has room for three quarters of the text. False when it is no base64; white space is not
 * allowed. */
bool base64_decode(struct span text, char *out, size_t *ret_bytes);

#endif
