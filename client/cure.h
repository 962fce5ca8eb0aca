/*
 * cure.h - what a user can do about a fault.
 */
#ifndef HAUL_CURE_H
#define HAUL_CURE_H

#include "fault.h"

/* One clause, static; empty when there is nothing useful to say. */
const char *cure_of_fault(enum fault_code code);

#endif
