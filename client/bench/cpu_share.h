/*
 * cpu_share.h - how much of a core our own processes use, and wait for.
 */
#ifndef HAUL_CPU_SHARE_H
#define HAUL_CPU_SHARE_H

#include <stdint.h>
#include <sys/types.h>

struct cpu_share {
    uint64_t sampled_ns;
    uint64_t own_ns;
    uint64_t daemon_ns;
    double most;       /* of one core, in any second, of this process or of the private daemon */
    uint64_t first_ns; /* when waiting was looked at first */
    uint64_t first_waited_ns;
    double waited; /* of the time since then: the private daemon could have run, and had no core */
};

/* To be called every turn; looks once a second. daemon is a child, or 0. */
void cpu_share_sample(struct cpu_share *share, pid_t daemon, uint64_t now_ns);

#endif
