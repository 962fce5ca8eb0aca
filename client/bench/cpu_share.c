/*
 * cpu_share.c - the CPU clocks of two processes.
 */
#include "cpu_share.h"

#include "clock.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t read_daemon(pid_t daemon)
{
    clockid_t clock;

    return daemon && clock_getcpuclockid(daemon, &clock) == 0 ? clock_ns(clock) : 0;
}

void cpu_share_sample(struct cpu_share *share, pid_t daemon, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - share->sampled_ns;
    uint64_t own_ns, daemon_ns, most_ns;

    if (passed_ns < NS_PER_SECOND)
        return;
    own_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
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
