/*
 * resolve_sockets.h - keeps datagrams from c-ares that it would blame on every open question.
 *
 * The resolver's own.
 */
#ifndef HAULD_RESOLVE_SOCKETS_H
#define HAULD_RESOLVE_SOCKETS_H

#include <ares.h>

/* Before the first question. An ARES_ status; nothing is done, nor needed, before c-ares 1.34. */
int resolve_sockets_guard(ares_channel channel);

#endif
