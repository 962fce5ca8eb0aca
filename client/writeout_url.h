/*
 * writeout_url.h - URLs as curl writes them.
 */
#ifndef HAUL_WRITEOUT_URL_H
#define HAUL_WRITEOUT_URL_H

#include "text.h"
#include "url.h"

/* Scheme in lower case, addresses canonical, dot segments resolved, the path never empty; user,
 * password, a written port and the fragment stay. What is no URL stays as it is. */
void writeout_put_url(struct text *out, struct span text);

/* What a Location means, seen from the URL in base_text. */
void writeout_put_redirect(struct text *out, struct span base_text, struct span location);

/* "name", "192.0.2.1" or "[2001:db8::1]", without a zone. */
void writeout_put_host(struct text *out, const struct url *url);

/* Without the query. */
void writeout_put_path(struct text *out, const struct url *url);

#endif
