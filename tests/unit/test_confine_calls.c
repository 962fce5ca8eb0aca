/*
 * What the filter of system calls refuses, each call by itself, and that what hauld does still
 * works. Every case has a child, as a filter stays.
 *
 * A refused call is made twice with the same useless arguments: without the filter, where its
 * answer has to be another one, and with it. Only so is EPERM the filter's.
 */
#include "confine.h"

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct config defaults;
static const struct confine_options as_released = { .config = &defaults };

/* Without privileges a filter takes this first, which is confine_files' to give up. */
static void give_up_new_privileges(void)
{
    child_expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
}

static void bind_calls(void)
{
    struct confinement confinement = { 0 };
    int r;

    give_up_new_privileges();
    r = confine_calls(&as_released, &confinement);
    child_expect(r == 0 && confinement.has_seccomp && !confinement.lacks[0], "the filter binds");
}

/* ---- refused calls ---- */

#define CALL(call) .name = #call, .number = SYS_##call
#define NUMBER(text, call) .name = (text), .number = (call)

static const struct refused {
    const char *name;
    long number;
    bool is_only_tried_confined; /* it would do something, or never come back */
} calls[] = {
    { CALL(execve) },
    { CALL(execveat) },
    { CALL(unshare) },
    { CALL(setns) },
    { CALL(chroot) },
    { CALL(pivot_root) },
    { CALL(personality) },
    { CALL(ptrace) },
    { CALL(process_vm_readv) },
    { CALL(process_vm_writev) },
    { CALL(process_madvise) },
    { CALL(pidfd_getfd) },
    { CALL(kcmp) },
    { CALL(move_pages) },
    { CALL(migrate_pages) },
    { CALL(shmget) },
    { CALL(shmat) },
    { CALL(msgget), .is_only_tried_confined = true },
    { CALL(semget) },
    { CALL(mq_open) },
    { CALL(io_uring_setup) },
    { CALL(io_uring_register) },
    { CALL(bpf) },
    { CALL(perf_event_open) },
    { CALL(userfaultfd) },
    { CALL(keyctl) },
    { CALL(add_key) },
    { CALL(request_key) },
    { CALL(init_module) },
    { CALL(finit_module) },
    { CALL(delete_module) },
    { CALL(kexec_load) },
    { CALL(reboot) },
    { CALL(syslog) },
    { CALL(acct) },
    { CALL(quotactl) },
    { CALL(quotactl_fd) },
    { CALL(swapon) },
    { CALL(swapoff) },
    { CALL(vhangup), .is_only_tried_confined = true },
    { CALL(fanotify_init) },
    { CALL(settimeofday) },
    { CALL(clock_settime) },
    { CALL(clock_adjtime) },
    { CALL(adjtimex) },
    { CALL(sethostname) },
    { CALL(setdomainname) },
    { CALL(mount) },
    { CALL(umount2) },
    { CALL(move_mount) },
    { CALL(open_tree) },
    { CALL(fsopen) },
    { CALL(fsconfig) },
    { CALL(fsmount) },
    { CALL(fspick) },
    { CALL(mount_setattr) },
    { CALL(name_to_handle_at) },
    { CALL(open_by_handle_at) },
    { CALL(mknodat) },
    { CALL(setuid) },
    { CALL(setgid) },
    { CALL(setreuid) },
    { CALL(setregid) },
    { CALL(setresuid) },
    { CALL(setresgid) },
    { CALL(setgroups) },
    { CALL(setfsuid) },
    { CALL(setfsgid) },
    { CALL(capset) },
    { CALL(fchmod) },
    { CALL(fchmodat) },
    { NUMBER("fchmodat2", 452) },
    { CALL(fchown) },
    { CALL(fchownat) },
    { CALL(utimensat) },
    { CALL(setxattr) },
    { CALL(lsetxattr) },
    { CALL(fsetxattr) },
    { CALL(removexattr) },
    { CALL(lremovexattr) },
    { CALL(fremovexattr) },
    { NUMBER("setxattrat", 463) },
    { NUMBER("removexattrat", 466) },
    { NUMBER("file_setattr", 469) },
#ifdef __x86_64__
    { CALL(kexec_file_load) },
    { CALL(iopl) },
    { CALL(ioperm) },
    { CALL(modify_ldt) },
    { CALL(mknod) },
    { CALL(chmod) },
    { CALL(chown) },
    { CALL(lchown) },
    { CALL(utime) },
    { CALL(utimes) },
    { CALL(futimesat) },
    { NUMBER("a call of x32", 0x40000000 | SYS_getpid) },
#endif
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* -1 is no address, descriptor, process or flag of any of them. */
static int try_call(const struct refused *call)
{
    return syscall(call->number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 ? errno : 0;
}

static void try_freely(void *ctx)
{
    int *seen = ctx;

    for (size_t i = 0; i < CALLS; i++)
        seen[i] = calls[i].is_only_tried_confined ? 0 : try_call(&calls[i]);
}

static void try_confined(void *ctx)
{
    const int *before = ctx;
    unsigned proven = 0;

    bind_calls();
    for (size_t i = 0; i < CALLS; i++) {
        errno = try_call(&calls[i]);
        child_expect_errno(errno ? -1 : 0, EPERM, calls[i].name);
        proven += before[i] != EPERM;
    }
    /* Of users that are not root, and in containers, the kernel and other filters refuse some. */
    child_expect(proven > CALLS / 3, "it is the filter that refuses");
}

static void each_call_of_the_list_is_refused(void **state)
{
    int *seen =
        mmap(NULL, CALLS * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(seen != MAP_FAILED);
    assert_true(child_holds(try_freely, seen));
    assert_true(child_holds(try_confined, seen));
    (void)munmap(seen, CALLS * sizeof(int));
}

/* ---- in their own words ---- */

static void *nothing(void *ctx)
{
    return ctx;
}

static void try_processes(void *ctx)
{
    char name[] = "/bin/true";
    char *argv[] = { name, NULL }, *environment[] = { NULL };
    pthread_t thread;
    pid_t pid;

    (void)ctx;
    bind_calls();
    child_expect(pthread_create(&thread, NULL, nothing, NULL) == 0 &&
                     pthread_join(thread, NULL) == 0,
                 "a thread can be started");
    child_expect_errno(execve(name, argv, environment), EPERM, "running a program");
    child_expect_errno(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM, "being traced");
    pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(1);
    child_expect_errno(pid, EPERM, "a process");
#ifdef SYS_fork
    pid = (pid_t)syscall(SYS_fork);
    if (pid == 0)
        _exit(1);
    child_expect_errno(pid, EPERM, "another");
    pid = (pid_t)syscall(SYS_vfork);
    if (pid == 0)
        _exit(1);
    child_expect_errno(pid, EPERM, "and another");
#endif
    pid = (pid_t)syscall(SYS_clone, 0x10000000 | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, NULL,
                         NULL, NULL, NULL);
    child_expect_errno(pid, EPERM, "a user namespace");
    child_expect_errno(syscall(SYS_clone3, NULL, 0), ENOSYS, "what has its flags in memory");
}

static void threads_are_all_that_can_be_started(void **state)
{
    (void)state;
    assert_true(child_holds(try_processes, NULL));
}

static void try_sockets(void *ctx)
{
    static const int families[] = { AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK };

    (void)ctx;
    bind_calls();
    child_expect(socket(AF_UNIX, SOCK_STREAM, 0) >= 0, "a Unix socket");
    child_expect(socket(AF_INET, SOCK_STREAM, 0) >= 0, "a socket of IPv4");
    child_expect(socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT,
                 "a socket of IPv6, where there is such a thing");
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        child_expect_errno(socket(families[i], SOCK_DGRAM, 0), EAFNOSUPPORT, "any other");
}

static void sockets_are_of_unix_or_the_internet(void **state)
{
    (void)state;
    assert_true(child_holds(try_sockets, NULL));
}

static void try_rings(void *ctx)
{
    struct io_uring ring, second;
    struct io_uring_cqe *cqe;
    int fd = STDIN_FILENO;

    (void)ctx;
    child_expect(io_uring_queue_init(4, &ring, 0) == 0, "the ring that was there before");
    (void)io_uring_register_ring_fd(&ring);
    bind_calls();
    child_expect(io_uring_queue_init(4, &second, 0) == -EPERM, "no second ring");
    child_expect(io_uring_register_files(&ring, &fd, 1) == -EPERM, "nothing is registered");
    io_uring_prep_nop(io_uring_get_sqe(&ring));
    child_expect(io_uring_submit_and_wait(&ring, 1) == 1 && io_uring_peek_cqe(&ring, &cqe) == 0,
                 "the first one still turns");
    child_expect(io_uring_unregister_ring_fd(&ring) == 1, "and can be closed");
    io_uring_queue_exit(&ring);
}

static void there_is_no_second_ring(void **state)
{
    struct io_uring ring;

    (void)state;
    if (io_uring_queue_init(4, &ring, 0) < 0)
        skip(); /* not even a first one */
    io_uring_queue_exit(&ring);
    assert_true(child_holds(try_rings, NULL));
}

static void *try_from_an_older_thread(void *ctx)
{
    int *ends = ctx;
    char byte;

    if (read(ends[0], &byte, 1) != 1)
        return NULL;
    child_expect_errno(syscall(SYS_execve, NULL, NULL, NULL), EPERM, "in an older thread");
    return ctx;
}

static void try_threads(void *ctx)
{
    pthread_t thread;
    void *returned;
    int ends[2];

    (void)ctx;
    child_expect(pipe(ends) == 0, "a pipe");
    child_expect(pthread_create(&thread, NULL, try_from_an_older_thread, ends) == 0, "a thread");
    bind_calls();
    child_expect(write(ends[1], "x", 1) == 1, "a byte");
    child_expect(pthread_join(thread, &returned) == 0 && returned == ends, "it has tried");
}

static void threads_that_were_there_before_are_bound_as_well(void **state)
{
    (void)state;
    assert_true(child_holds(try_threads, NULL));
}

#ifdef __x86_64__
static long getpid_of_32_bits(void)
{
    long result;

    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void try_32_bits(void *ctx)
{
    (void)ctx;
    child_expect(getpid_of_32_bits() == getpid(), "calls of 32 bits");
}

static void try_32_bits_confined(void *ctx)
{
    (void)ctx;
    bind_calls();
    child_expect(getpid_of_32_bits() == -EPERM, "they are no way around");
}

static void calls_of_another_architecture_are_refused(void **state)
{
    (void)state;
    if (!child_holds(try_32_bits, NULL))
        skip(); /* the kernel has none */
    assert_true(child_holds(try_32_bits_confined, NULL));
}
#endif

static int end_at_once(void *ctx)
{
    (void)ctx;
    return 0;
}

/* As LeakSanitizer's at the end of a process: one that shares its memory, and traces it. */
static void try_as_sanitized(void *ctx)
{
    const struct confine_options sanitized = { .config = &defaults, .is_sanitized = true };
    struct confinement confinement = { 0 };
    static char stack[65536] __attribute__((aligned(16)));
    int status;
    pid_t pid;

    (void)ctx;
    give_up_new_privileges();
    child_expect(confine_calls(&sanitized, &confinement) == 0, "the filter binds");
    pid = clone(end_at_once, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
    child_expect(pid > 0 && waitpid(pid, &status, 0) == pid, "a tracer can be made");
    child_expect(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "and can trace");
    child_expect_errno(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL), EPERM, "a process");
    child_expect_errno(syscall(SYS_execve, NULL, NULL, NULL), EPERM, "running a program");
}

static void a_leak_checker_can_do_its_work_and_no_more(void **state)
{
    (void)state;
    assert_true(child_holds(try_as_sanitized, NULL));
}

int main(void)
{
    const struct CMUnitTest unit_tests[] = {
        cmocka_unit_test(each_call_of_the_list_is_refused),
        cmocka_unit_test(threads_are_all_that_can_be_started),
        cmocka_unit_test(sockets_are_of_unix_or_the_internet),
        cmocka_unit_test(there_is_no_second_ring),
        cmocka_unit_test(threads_that_were_there_before_are_bound_as_well),
#ifdef __x86_64__
        cmocka_unit_test(calls_of_another_architecture_are_refused),
#endif
        cmocka_unit_test(a_leak_checker_can_do_its_work_and_no_more),
    };

    /* SECCOMP_GET_ACTION_AVAIL of SECCOMP_RET_ERRNO */
    if (syscall(SYS_seccomp, 2, 0, &(uint32_t){ 0x00050000 }) < 0) {
        print_message("test_confine_calls: skipped: no seccomp here\n");
        return 77;
    }
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}
