/*
 * idn.h - host names that are not ASCII, as IDNA2008 has them on the wire ("xn--...").
 */
#ifndef HAUL_IDN_H
#define HAUL_IDN_H

#include "text.h"
#include "url.h"

#define IDN_LIBRARY "libidn2.so.0"
#define IDN_NAME_BYTES (URL_HOST_BYTES_MAX + 1)

enum idn_verdict {
    IDN_IS_ASCII, /* nothing to do, and nothing is written */
    IDN_CONVERTED,
    IDN_REFUSED, /* *ret_why says why: static, one clause */
};

/* Writes the ASCII form of a name, with NUL; out has room for IDN_NAME_BYTES. */
enum idn_verdict idn_convert_name(struct span name, char *out, const char **ret_why);

/* Appends a URL with a scheme, its host in ASCII and all else as it is. */
enum idn_verdict idn_convert_url(struct span url, struct text *out, const char **ret_why);

#endif
