/*
 * dial_address.h - addresses as texts name them, and as the kernel takes them.
 *
 * dial's own.
 */
#ifndef HAULD_DIAL_ADDRESS_H
#define HAULD_DIAL_ADDRESS_H

#include "conn.h"
#include "resolve.h"

/* An IP literal, IPv6 without brackets; false for anything else, *ret_address is then undefined. */
bool dial_address_parse(const char *text, struct resolve_address *ret_address);

/* For connect and bind: the bytes of *ret that count. */
socklen_t dial_address_of(const struct resolve_address *from, uint16_t port,
                          union conn_address *ret);
/* A local address without a port; 0 when the text is no literal. */
socklen_t dial_address_of_text(const char *text, union conn_address *ret);
/* Of a unix socket; the path must fit. */
socklen_t dial_address_of_path(const char *path, union conn_address *ret);

#endif
