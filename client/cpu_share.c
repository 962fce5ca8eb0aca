/*
 * cpu_share.c - the CPU clocks of two processes.
 */
#include "cpu_share.h"

#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t read_clock(clockid_t clock)
{
    struct timespec used;

    if (clock_gettime(clock, &used) < 0)
        return 0;
    return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

static uint64_t read_daemon(pid_t daemon)
{
    clockid_t clock;

    return daemon && clock_getcpuclockid(daemon, &clock) == 0 ? read_clock(clock) : 0;
}

void cpu_share_sample(struct cpu_share *share, pid_t daemon, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - share->sampled_ns;
    uint64_t own_ns, daemon_ns, most_ns;

    if (passed_ns < NS_PER_SECOND)
        return;
    own_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    daemon_ns = read_daemon(daemon);
    most_ns = own_ns - share->own_ns;
    if (daemon_ns > share->daemon_ns && daemon_ns - share->daemon_ns > most_ns)
        most_ns = daemon_ns - share->daemon_ns;
    if (share->sampled_ns && (double)most_ns / (double)passed_ns > share->most)
        share->most = (double)most_ns / (double)passed_ns;
    share->sampled_ns = now_ns;
    share->own_ns = own_ns;
    share->daemon_ns = daemon_ns;
}
