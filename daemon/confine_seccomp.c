/*
 * confine_seccomp.c - a filter of system calls, made from one table.
 *
 * It is a list of what is refused and not of what is allowed: the calls of libc, OpenSSL and c-ares
 * differ from version to version, and a fetch must not fail because of a library's update. (The
 * unit of the system service has a list of what is allowed, which systemd keeps up to date.)
 *
 * Refused is what hauld never does and whoever has taken it over would like to: programs,
 * processes and namespaces; another ring, which would not be restricted; other processes' memory;
 * the parts of the kernel with the worst history; and what Landlock does not see, the modes and
 * owners of files. As sockets are made by plain calls only, their families can be judged here.
 *
 * The verdict depends on the number alone for all calls but three, and those verdicts the kernel
 * remembers in a bitmap (5.11): io_uring_enter costs no run of the filter. To fill the bitmap it
 * tries the filter for every call there is, in each start of a private daemon: so the list is
 * compared as a tree. As a chain of comparisons it took 230 us, of a start of 6 ms.
 *
 * By hand and not by libseccomp: one table is all we would give it, and every start of a private
 * daemon would load and run a library for it.
 */
#include "confine_internal.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef OWN_ARCH

#define X32_BIT 0x40000000u            /* of numbers, on x86-64: the same calls once more */
#define UNREGISTER_RING_FDS 21u        /* IORING_UNREGISTER_RING_FDS; ring has the header */
#define USE_REGISTERED_RING (1u << 31) /* a flag of its operations */
#define NEW_NAMESPACES 0x7e020000u     /* of clone(2): all CLONE_NEW flags it knows */
#define INSTRUCTIONS_MAX 256u
#define LEAF_MAX 4u /* numbers of the tree that are compared one by one */

static const unsigned refused[] = {
    /* programs, processes, namespaces */
    SYS_execve, SYS_execveat, SYS_unshare, SYS_setns, SYS_personality, SYS_chroot, SYS_pivot_root,
#ifdef SYS_fork
    SYS_fork, SYS_vfork,
#endif
    /* other processes */
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_kcmp, SYS_pidfd_getfd,
    SYS_move_pages, SYS_migrate_pages, SYS_shmget, SYS_shmat, SYS_msgget, SYS_semget, SYS_mq_open,
    /* the kernel */
    SYS_io_uring_setup, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key,
    SYS_request_key, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
    SYS_reboot, SYS_syslog, SYS_acct, SYS_quotactl, SYS_quotactl_fd, SYS_swapon, SYS_swapoff,
    SYS_vhangup, SYS_fanotify_init, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime,
    SYS_adjtimex, SYS_sethostname, SYS_setdomainname,
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
    /* mounts */
    SYS_mount, SYS_umount2, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_mount_setattr, SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_mknodat,
#ifdef SYS_mknod
    SYS_mknod,
#endif
    /* identities */
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
    SYS_setfsuid, SYS_setfsgid, SYS_capset,
    /* what files are marked with */
    SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr,
    SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
#ifdef SYS_chmod
    SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
    452, /* fchmodat2, which newer headers have; as all later numbers the same everywhere */
    463, 466, 469, /* setxattrat, removexattrat, file_setattr */
};

#define REFUSED_COUNT (sizeof(refused) / sizeof(refused[0]))

struct program {
    struct sock_filter code[INSTRUCTIONS_MAX];
    unsigned short count;
};

static void put(struct program *program, struct sock_filter instruction)
{
    assert(program->count < INSTRUCTIONS_MAX);
    program->code[program->count++] = instruction;
}

static void put_load(struct program *program, unsigned offset)
{
    put(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void put_verdict(struct program *program, unsigned verdict)
{
    put(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/* Skips so many instructions when the comparison holds, else as many as else_skips. */
static void put_jump(struct program *program, unsigned comparison, unsigned value, unsigned skips,
                     unsigned else_skips)
{
    assert(skips <= UINT8_MAX);
    assert(else_skips <= UINT8_MAX);
    put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, value, (uint8_t)skips,
                                              (uint8_t)else_skips));
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an argument's low half comes first");

static void put_load_argument(struct program *program, unsigned index)
{
    put_load(program, (unsigned)(offsetof(struct seccomp_data, args) + 8 * index));
}

/* A ring may be closed, by its descriptor or as a registered one; nothing is made of it. */
static void put_register(struct program *program)
{
    put_jump(program, BPF_JEQ, SYS_io_uring_register, 0, 5);
    put_load_argument(program, 1);
    put(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~USE_REGISTERED_RING));
    put_jump(program, BPF_JEQ, UNREGISTER_RING_FDS, 0, 1);
    put_verdict(program, SECCOMP_RET_ALLOW);
    put_verdict(program, SECCOMP_RET_ERRNO | EPERM);
}

static void put_socket(struct program *program)
{
    put_jump(program, BPF_JEQ, SYS_socket, 0, 6);
    put_load_argument(program, 0);
    put_jump(program, BPF_JEQ, AF_UNIX, 3, 0);
    put_jump(program, BPF_JEQ, AF_INET, 2, 0);
    put_jump(program, BPF_JEQ, AF_INET6, 1, 0);
    put_verdict(program, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    put_verdict(program, SECCOMP_RET_ALLOW);
}

/* Threads, yes. clone3's flags are in memory, where no filter sees them; libc takes clone where
 * there is no clone3. */
static void put_clone(struct program *program, bool is_sanitized)
{
    put_jump(program, BPF_JEQ, SYS_clone3, 0, 1);
    put_verdict(program, SECCOMP_RET_ERRNO | ENOSYS);
    put_jump(program, BPF_JEQ, SYS_clone, 0, 5);
    put_load_argument(program, 0);
    put_jump(program, BPF_JSET, NEW_NAMESPACES, 2, 0);
    put_jump(program, BPF_JSET, is_sanitized ? CLONE_VM : CLONE_THREAD, 0, 1);
    put_verdict(program, SECCOMP_RET_ALLOW);
    put_verdict(program, SECCOMP_RET_ERRNO | EPERM);
}

/* ---- the list, as a tree ---- */

static unsigned tree_size(unsigned count)
{
    return count <= LEAF_MAX ? count + 1 : 1 + tree_size(count / 2) + tree_size(count - count / 2);
}

/* Of sorted numbers; refusal is where the verdict on them will stand. */
static void put_tree(struct program *program, const unsigned *numbers, unsigned count,
                     unsigned refusal)
{
    unsigned half = count / 2;

    if (count > LEAF_MAX) {
        put_jump(program, BPF_JGE, numbers[half], tree_size(half), 0);
        put_tree(program, numbers, half, refusal);
        put_tree(program, numbers + half, count - half, refusal);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        put_jump(program, BPF_JEQ, numbers[i], refusal - program->count - 1, 0);
    put_verdict(program, SECCOMP_RET_ALLOW);
}

static int by_number(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;

    return (left > right) - (left < right);
}

static void put_refused(struct program *program, bool is_sanitized)
{
    unsigned numbers[REFUSED_COUNT + 1], count = REFUSED_COUNT;

    memcpy(numbers, refused, sizeof(refused));
    if (!is_sanitized)
        numbers[count++] = SYS_ptrace;
    qsort(numbers, count, sizeof(numbers[0]), by_number);
    put_tree(program, numbers, count, program->count + tree_size(count));
    put_verdict(program, SECCOMP_RET_ERRNO | EPERM);
}

static void write_program(struct program *program, bool is_sanitized)
{
    program->count = 0;
    put_load(program, offsetof(struct seccomp_data, arch));
    put_jump(program, BPF_JEQ, OWN_ARCH, 1, 0);
    put_verdict(program, SECCOMP_RET_ERRNO | EPERM);
    put_load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    put_jump(program, BPF_JGE, X32_BIT, 0, 1);
    put_verdict(program, SECCOMP_RET_ERRNO | EPERM);
#endif
    put_jump(program, BPF_JEQ, SYS_io_uring_enter, 0, 1);
    put_verdict(program, SECCOMP_RET_ALLOW);
    put_socket(program);
    put_register(program);
    put_clone(program, is_sanitized);
    put_refused(program, is_sanitized);
}

int confine_seccomp_apply(bool is_sanitized)
{
    struct program program;
    struct sock_fprog filter = { .filter = program.code };
    long r;

    write_program(&program, is_sanitized);
    filter.len = program.count;
    r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    if (r > 0)
        return -EBUSY; /* a thread that has a filter of its own */
    return r < 0 ? -errno : 0;
}

#else

int confine_seccomp_apply(bool is_sanitized)
{
    (void)is_sanitized;
    return -ENOTSUP; /* nobody has looked at this architecture's calls */
}

#endif
