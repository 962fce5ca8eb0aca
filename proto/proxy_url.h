/*
 * proxy_url.h - the text that names a proxy, as curl's -x takes it.
 */
#ifndef HAUL_PROXY_URL_H
#define HAUL_PROXY_URL_H

#include "url.h"

#define PROXY_URL_PORT 1080 /* when none is written; curl's */

/* Parses http://[user[:password]@]host[:port]; what follows is ignored, as curl does. The spans of
 * *ret_url point into text, its port is never the scheme's default by itself. Returns false and
 * says why, with FAULT_INPUT_ARGUMENT and one clause about "the proxy" (of a URL's own fault: about
 * the URL): also for the kinds of proxies that are not spoken to here (https, socks4, socks4a,
 * socks5, socks5h). */
bool proxy_url_parse(struct span text, struct url *ret_url, struct url_fault *ret_fault);

/* "http" of "http://x"; data NULL when text has no scheme of its own. */
struct span proxy_url_scheme(struct span text);

#endif
