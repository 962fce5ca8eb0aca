/*
 * ring_script.h - one script of ops, to be run on the kernel's ring and on the fake.
 *
 * What the two rings tell about it must be the same text. That is what makes the fake worth
 * believing.
 */
#ifndef HAUL_RING_SCRIPT_H
#define HAUL_RING_SCRIPT_H

#include "ring.h"

#define RING_SCRIPT_BYTES 4096

/* Makes two connected stream sockets. */
typedef void (*ring_script_pair)(struct ring *ring, int ret_fds[2]);

/* Writes what happened. Receives of a stream may be cut anywhere, so they are added up. */
void ring_script_run(struct ring *ring, ring_script_pair pair, char out[RING_SCRIPT_BYTES]);

/* What it must be. */
extern const char ring_script_expected[];

#endif
