/*
 * cpu_share.c - the CPU clocks of two processes, and what the scheduler says of one.
 */
#include "cpu_share.h"

#include "clock.h"

#include <stdio.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t read_daemon(pid_t daemon)
{
    clockid_t clock;

    return daemon && clock_getcpuclockid(daemon, &clock) == 0 ? clock_ns(clock) : 0;
}

/* proc(5): the second figure of schedstat is the time on the run queue; that of the first thread,
 * which is the event loop of a private daemon. 0 when it cannot be read. */
static uint64_t read_waited(pid_t daemon)
{
    unsigned long long ran_ns, waited_ns = 0;
    char path[40];
    FILE *file;

    if (!daemon)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/schedstat", (long)daemon);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &ran_ns, &waited_ns) != 2)
        waited_ns = 0;
    (void)fclose(file);
    return waited_ns;
}

static void sample_waiting(struct cpu_share *share, pid_t daemon, uint64_t now_ns)
{
    uint64_t waited_ns = read_waited(daemon);

    if (!share->first_ns) {
        share->first_ns = now_ns;
        share->first_waited_ns = waited_ns;
    } else if (waited_ns >= share->first_waited_ns && now_ns > share->first_ns) {
        share->waited =
            (double)(waited_ns - share->first_waited_ns) / (double)(now_ns - share->first_ns);
    }
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
    sample_waiting(share, daemon, now_ns);
    share->sampled_ns = now_ns;
    share->own_ns = own_ns;
    share->daemon_ns = daemon_ns;
}
