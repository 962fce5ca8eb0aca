/*
 * dial_address.h - addresses as texts name them, and as the kernel takes them.
 *
 * dial's own.
 */
#ifndef HAULD_DIAL_ADDRESS_H
#define HAULD_DIAL_ADDRESS_H

#include "conn.h"
#include "resolve.h"

/* One or more literals with a comma between, in their order, as far as they are of the family.
 * False: text is something else. *ret_count is at most RESOLVE_ADDRESSES_MAX. */
bool dial_address_parse_list(const char *text, enum resolve_family family,
                             struct resolve_address *ret_addresses, unsigned *ret_count);

/* For connect and bind: the bytes of *ret that count. */
socklen_t dial_address_of(const struct resolve_address *from, uint16_t port,
                          union conn_address *ret);
/* A local address without a port; 0 when the text is no literal. */
socklen_t dial_address_of_text(const char *text, union conn_address *ret);
/* Of a unix socket; the path must fit. */
socklen_t dial_address_of_path(const char *path, union conn_address *ret);

#endif
