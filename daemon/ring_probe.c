/*
 * ring_probe.c - what this kernel can do, found out by doing it.
 *
 * Versions say little: distributions backport and break things, sandboxes forbid calls. So the ring
 * is opened with all flags, then with fewer, until the kernel agrees; waits are tried with a
 * deadline that has passed; and the receive is tried on a loopback connection, through the same
 * code that will run later: pieces that fill a buffer exactly, more pieces than buffers, cancel,
 * arming again, end of file. Bytes and results are compared, and any difference puts us on polled
 * receives. All that takes well under a millisecond.
 *
 * Without io_uring there is no daemon. The explanation names the cause and, where there is one, the
 * setting; it reads /proc only when things have failed.
 */
#include "ring_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CQ_ENTRIES_MIN 1024
#define PROBE_BUFFERS 2
#define PROBE_BUFFER_BYTES 64
#define PROBE_BYTES (8 * PROBE_BUFFER_BYTES)
#define PROBE_WAIT_NS UINT64_C(1000000000) /* a kernel that has not answered by then never will */
#define PROBE_TURNS_MAX 200

#define FEATURES_NEEDED                                                                            \
    (IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL)

/* ---- flags ---- */

/* The best first. Each one is the answer to -EINVAL from the one before. */
static const struct setup {
    unsigned flags;
    bool defer_taskrun;
    const char *name;
} setups[] = {
    { IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
          IORING_SETUP_SUBMIT_ALL,
      true, "DEFER_TASKRUN" },
    { IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL, false,
      "COOP_TASKRUN" },
    { IORING_SETUP_SUBMIT_ALL, false, "plain ring" },
    { 0, false, "plain ring" },
};

static int open_with(struct io_uring *uring, const struct setup *setup,
                     const struct ring_options *options)
{
    unsigned cq_entries = options->cq_entries;
    int r;

    do {
        struct io_uring_params params = {
            .flags =
                setup->flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED,
            .cq_entries = cq_entries,
        };

        r = io_uring_queue_init_params(options->sq_entries, uring, &params);
        cq_entries /= 2;
    } while (r == -ENOMEM && cq_entries >= CQ_ENTRIES_MIN);
    if (r < 0)
        uring->ring_fd = -1; /* nothing to exit */
    return r;
}

/* An enter with nothing to submit and a deadline in the past: -ETIME when the kernel knows the
 * flag, -EINVAL when not. */
static bool knows_absolute_wait(struct ring *ring)
{
    struct __kernel_timespec past = { .tv_sec = 0, .tv_nsec = 1 };
    struct io_uring_getevents_arg wait = { .ts = (uint64_t)(uintptr_t)&past };
    unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_ABS_TIMER;

    return io_uring_enter2((unsigned)ring->uring.enter_ring_fd, 0, 1, flags | ring->enter_flags,
                           (void *)&wait, sizeof(wait)) == -ETIME;
}

int ring_probe_setup(struct ring *ring, const struct ring_options *options,
                     const struct ring_tier *tier_max)
{
    unsigned workers[2] = { 1, 1 };
    const struct setup *setup = setups;
    const struct setup *end = setups + sizeof(setups) / sizeof(setups[0]);
    int r = -EINVAL;

    for (; setup < end; setup++) {
        if (setup->defer_taskrun && !tier_max->defer_taskrun)
            continue;
        r = open_with(&ring->uring, setup, options);
        if (r != -EINVAL)
            break;
    }
    if (r < 0)
        return r;
    if ((ring->uring.features & FEATURES_NEEDED) != FEATURES_NEEDED)
        return -ENOTSUP;

    /* Neither is needed: the first saves a look-up per enter, the second bounds threads that
     * none of our ops should ever start. */
    if (io_uring_register_ring_fd(&ring->uring) == 1)
        ring->enter_flags = IORING_ENTER_REGISTERED_RING;
    (void)io_uring_register_iowq_max_workers(&ring->uring, workers);

    ring->tier = (struct ring_tier){
        .multishot = tier_max->multishot,
        .defer_taskrun = setup->defer_taskrun,
        .min_wait = tier_max->min_wait && (ring->uring.features & IORING_FEAT_MIN_TIMEOUT),
    };
    (void)snprintf(ring->tier_text, sizeof(ring->tier_text), "%s, %s%s", setup->name,
                   ring->tier.multishot ? "multishot" : "polled receive",
                   ring->tier.min_wait ? ", min-wait" : "");
    return 0;
}

void ring_probe_enabled(struct ring *ring, const struct ring_tier *tier_max)
{
    ring->tier.absolute_wait = tier_max->absolute_wait && knows_absolute_wait(ring);
    if (ring->tier.absolute_wait)
        strcat(ring->tier_text, ", absolute wait");
}

/* ---- behaviour ---- */

struct probe {
    struct ring *ring;
    struct ring_op op;
    int fds[2];
    unsigned char next; /* byte expected */
    size_t bytes;
    bool is_wrong;
    bool has_ended;
    int32_t result; /* of the last event */
};

static void probe_on_event(struct ring_op *op, const struct ring_event *event)
{
    struct probe *probe = container_of(op, struct probe, op);

    for (size_t i = 0; i < event->bytes.bytes; i++)
        probe->is_wrong |= (unsigned char)event->bytes.data[i] != probe->next++;
    probe->is_wrong |= event->result > 0 && event->bytes.bytes != (size_t)event->result;
    probe->bytes += event->bytes.bytes;
    probe->has_ended = !event->more;
    probe->result = event->result;
}

/* Two ends of a TCP connection over loopback: the kernel treats other families differently. */
static int probe_connect(struct probe *probe)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct sockaddr *name = (struct sockaddr *)&address;
    socklen_t bytes = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = -1;

    if (listener < 0)
        return -errno;
    probe->fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe->fds[0] >= 0 && bind(listener, name, bytes) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, name, &bytes) == 0 && connect(probe->fds[0], name, bytes) == 0) {
        probe->fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        r = probe->fds[1];
    }
    r = r < 0 ? -errno : 0;
    (void)close(listener);
    return r;
}

static bool probe_turn_until(struct probe *probe, size_t bytes, bool ended)
{
    uint64_t deadline_ns = ring_clock_ns(probe->ring) + PROBE_WAIT_NS;

    for (unsigned turns = 0; turns < PROBE_TURNS_MAX; turns++) {
        if (probe->is_wrong || (probe->has_ended && !ended))
            return false;
        if (probe->bytes >= bytes && probe->has_ended == ended)
            return probe->bytes == bytes;
        if (ring_turn(probe->ring, deadline_ns) < 0 || ring_now_ns(probe->ring) >= deadline_ns)
            return false;
    }
    return false;
}

static bool probe_send(struct probe *probe, size_t bytes)
{
    unsigned char data[PROBE_BYTES];
    unsigned char first = probe->next;

    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)(first + i);
    return send(probe->fds[1], data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
}

/* The life of a receive, with every turn it can take. */
static bool probe_receive(struct probe *probe)
{
    const size_t one = PROBE_BUFFER_BYTES;

    ring_recv_start(probe->ring, &probe->op, probe->fds[0]);
    if (!probe_send(probe, one) || !probe_turn_until(probe, one, false))
        return false;
    if (!probe_send(probe, 1) || !probe_turn_until(probe, one + 1, false))
        return false;
    if (!probe_send(probe, PROBE_BYTES) || !probe_turn_until(probe, one + 1 + PROBE_BYTES, false))
        return false;

    ring_cancel(probe->ring, &probe->op);
    if (!probe_turn_until(probe, probe->bytes, true) || probe->result != -ECANCELED)
        return false;
    /* What came in between waits in the socket, and the end of file behind it. */
    if (!probe_send(probe, 3) || shutdown(probe->fds[1], SHUT_WR) < 0)
        return false;
    probe->has_ended = false;
    ring_recv_start(probe->ring, &probe->op, probe->fds[0]);
    return probe_turn_until(probe, probe->bytes + 3, true) && probe->result == 0;
}

int ring_probe_behaviour(struct ring_tier *ret_tier)
{
    const struct ring_options options = {
        .sq_entries = 8,
        .cq_entries = 64,
        .buffers_published = PROBE_BUFFERS,
        .buffers_max = PROBE_BUFFERS,
        .buffer_bytes = PROBE_BUFFER_BYTES,
    };
    struct ring_tier tier = { true, true, true, true };
    struct probe probe = { .op.done = probe_on_event, .fds = { -1, -1 } };
    int r;

    r = ring_open(&probe.ring, &options, &tier);
    if (r == -EINVAL || r == -EOPNOTSUPP) { /* no buffer rings; or no ring at all? */
        tier.multishot = false;
        r = ring_open(&probe.ring, &options, &tier);
    }
    if (r < 0)
        return r;

    /* A network namespace may have no loopback: then there is nothing to learn. */
    if (tier.multishot && probe_connect(&probe) == 0)
        tier.multishot = probe_receive(&probe);
    *ret_tier = tier;

    for (int i = 0; i < 2; i++) {
        if (probe.fds[i] >= 0)
            (void)close(probe.fds[i]);
    }
    ring_free(probe.ring);
    return 0;
}

/* ---- explanations ---- */

/* The number in a file of /proc, or -1. */
static long read_setting(const char *path)
{
    char text[32];
    long value;
    ssize_t bytes;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    bytes = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (bytes <= 0)
        return -1;
    text[bytes] = '\0';
    return sscanf(text, "%ld", &value) == 1 ? value : -1;
}

static void explain_denied(struct ring_trouble *trouble)
{
    long disabled = read_setting("/proc/sys/kernel/io_uring_disabled");
    long group = read_setting("/proc/sys/kernel/io_uring_group");

    if (disabled == 2)
        (void)snprintf(trouble->text, sizeof(trouble->text),
                       "io_uring is switched off on this machine: kernel.io_uring_disabled is 2; "
                       "the administrator can set it to 0");
    else if (disabled == 1)
        (void)snprintf(trouble->text, sizeof(trouble->text),
                       "io_uring is for privileged users on this machine: "
                       "kernel.io_uring_disabled is 1 and kernel.io_uring_group is %ld; the "
                       "administrator can add this user to the group, or set the first to 0",
                       group);
    else if (disabled == 0)
        (void)snprintf(trouble->text, sizeof(trouble->text),
                       "the sandbox refuses io_uring (EPERM, while kernel.io_uring_disabled is "
                       "0): allow io_uring_setup, io_uring_enter and io_uring_register in the "
                       "seccomp profile of the container or service");
    else
        (void)snprintf(trouble->text, sizeof(trouble->text),
                       "io_uring is not permitted here (EPERM), and this kernel has no setting "
                       "that tells why; a seccomp profile or a security module may forbid it");
}

static void explain_limit(struct ring_trouble *trouble, const char *what, int resource,
                          const char *name)
{
    struct rlimit limit = { 0 };

    (void)getrlimit(resource, &limit); /* 0 is shown if even that fails */
    (void)snprintf(trouble->text, sizeof(trouble->text), "no %s for io_uring (%s): %s is %llu",
                   what, strerror(trouble->error), name, (unsigned long long)limit.rlim_cur);
}

void ring_probe_explain(int error, struct ring_trouble *ret_trouble)
{
    struct utsname kernel = { 0 };

    (void)uname(&kernel); /* an empty release is shown if even that fails */
    ret_trouble->error = -error;
    switch (-error) {
    case EPERM:
    case EACCES:
        explain_denied(ret_trouble);
        break;
    case ENOSYS:
        (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text),
                       "this system has no io_uring (ENOSYS): the kernel (%s) was built without "
                       "it, or a seccomp profile hides it; haul needs Linux 6.1 or newer",
                       kernel.release);
        break;
    case EINVAL:
    case ENOTSUP:
        (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text),
                       "the io_uring of this kernel (%s) lacks what haul needs; haul needs Linux "
                       "6.1 or newer",
                       kernel.release);
        break;
    case ENOMEM:
        explain_limit(ret_trouble, "memory", RLIMIT_MEMLOCK, "the limit of locked memory");
        break;
    case EMFILE:
        explain_limit(ret_trouble, "descriptor", RLIMIT_NOFILE, "the limit of open files");
        break;
    default:
        (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text), "io_uring failed to start: %s",
                       strerror(-error));
    }
}
