/*
 * probe.h - static probes (USDT) of provider hauld: where bpftrace and its kin may look in.
 *
 * A probe is one nop and a note in the program; its arguments are values that are there anyway.
 * Where <sys/sdt.h> is missing at build time there are none. hauld(8), "Probes", is the list of
 * them.
 */
#ifndef HAULD_PROBE_H
#define HAULD_PROBE_H

#ifdef HAUL_WITH_USDT
#include <sys/sdt.h>

#define PROBE2(name, a, b) DTRACE_PROBE2(hauld, name, a, b)
#define PROBE3(name, a, b, c) DTRACE_PROBE3(hauld, name, a, b, c)
#define PROBE5(name, a, b, c, d, e) DTRACE_PROBE5(hauld, name, a, b, c, d, e)
#else
#define PROBE2(name, a, b) ((void)(a), (void)(b))
#define PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define PROBE5(name, a, b, c, d, e) ((void)(a), (void)(b), (void)(c), (void)(d), (void)(e))
#endif

#endif
