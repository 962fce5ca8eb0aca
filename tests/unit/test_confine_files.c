/*
 * Which files a confined process opens, and which it does not; what it may signal, reach and bind;
 * what is left of root. Every case has a child, as none of it can be taken back.
 *
 * The scene is a folder with what a hauld has: its hosts file, its settings, the folder of its
 * socket, its state; and a file that is none of its business.
 */
#include "confine.h"

#include "child.h"
#include "tls_context.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    char folder[32];
    struct config config;
    struct confine_options options;
    char config_path[64];
    char listen_path[64];
};

static struct scene scene;

/* A path in the scene; four at a time. */
static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", scene.folder, name);
    return path;
}

static bool write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_written = fd >= 0 && write(fd, "x", 1) == 1;

    if (fd >= 0)
        (void)close(fd);
    return is_written;
}

static int open_to_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    (void)close(fd);
    return 0;
}

static int set_up(void **state)
{
    static const char *const folders[] = { "names", "settings", "settings/c.d", "run",
                                           "state", "home",     "trust" };
    static const char *const files[] = { "names/hosts", "settings/c",  "settings/c.d/1.conf",
                                         "run/other",   "home/secret", "trust/ca.pem" };

    (void)state;
    scene = (struct scene){ .folder = "/tmp/haul-test-XXXXXX" };
    assert_non_null(mkdtemp(scene.folder));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        assert_int_equal(mkdir(at(folders[i]), 0755), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        assert_true(write_file(at(files[i])));
    strcpy(scene.config_path, at("settings/c"));
    strcpy(scene.listen_path, at("run/s"));
    strcpy(scene.config.hosts_path, at("names/hosts"));
    scene.options = (struct confine_options){ .config = &scene.config,
                                              .config_path = scene.config_path,
                                              .listen_path = scene.listen_path };
    assert_int_equal(setenv("STATE_DIRECTORY", at("state"), 1), 0);
    assert_int_equal(setenv("SSL_CERT_FILE", at("trust/ca.pem"), 1), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", scene.folder);
    return system(command);
}

static unsigned bind_files(void)
{
    struct confinement confinement;

    child_expect(confine_files(&scene.options, &confinement) == 0, "files are confined");
    child_expect(confinement.landlock_abi > 0 && !confinement.lacks[0], "and it says so");
    return confinement.landlock_abi;
}

/* ---- reading ---- */

static void try_reading(void *ctx)
{
    (void)ctx;
    child_expect(open_to_read(at("home/secret")) == 0, "open before");
    bind_files();
    child_expect_errno(open_to_read(at("home/secret")), EACCES, "a user's file");
    child_expect_errno(open_to_read(at("home")), EACCES, "a user's folder");
    child_expect_errno(open_to_read("/proc/self/environ"), EACCES, "a secret of its own");
    child_expect_errno(open_to_read("/proc/1/status"), EACCES, "another process");
    child_expect_errno(open_to_read("/"), EACCES, "the root");
    child_expect_errno(open_to_read("/dev/zero"), EACCES, "a device");
    child_expect_errno(open_to_read(at("run/other")), EACCES, "what lies beside its socket");
}

static void no_file_of_a_user_is_read(void **state)
{
    (void)state;
    assert_true(child_holds(try_reading, NULL));
}

static void try_own_files(void *ctx)
{
    const char *store = tls_store_file();

    (void)ctx;
    bind_files();
    child_expect(open_to_read("/etc/passwd") == 0 || errno == ENOENT, "the system's own");
    child_expect(open_to_read(store) == 0 || errno == ENOENT, "the system's trust");
    child_expect(open_to_read(tls_store_folder()) == 0 || errno == ENOENT, "and its folder");
    child_expect(open_to_read("/etc/resolv.conf") == 0 || errno == ENOENT, "its name servers");
    child_expect(open_to_read("/dev/null") == 0, "nothing");
    child_expect(open_to_read(at("trust/ca.pem")) == 0, "SSL_CERT_FILE");
    child_expect(open_to_read(at("names/hosts")) == 0, "HostsFile=");
    child_expect(open_to_read(at("settings/c")) == 0, "--config");
    child_expect(open_to_read(at("settings/c.d")) == 0, "its fragments");
    child_expect(open_to_read(at("settings/c.d/1.conf")) == 0, "each of them");
}

static void what_it_reads_again_is_read(void **state)
{
    (void)state;
    assert_true(child_holds(try_own_files, NULL));
}

static void try_replaced(void *ctx)
{
    const int *ends = ctx;
    char byte;

    bind_files();
    child_expect(write(ends[1], "x", 1) == 1 && read(ends[2], &byte, 1) == 1, "it is replaced");
    child_expect(open_to_read(at("names/hosts")) == 0, "another file under the same name");
}

/* Editors and resolvers write a new file and rename it. */
static void a_file_that_was_replaced_is_read(void **state)
{
    int there[2], back[2], ends[3];
    pid_t replacer;
    char byte;

    (void)state;
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    replacer = fork();
    if (replacer == 0) {
        (void)close(there[1]);
        if (read(there[0], &byte, 1) == 1 && write_file(at("names/new")) &&
            rename(at("names/new"), at("names/hosts")) == 0 && write(back[1], "x", 1) == 1)
            _exit(0);
        _exit(1);
    }
    ends[1] = there[1];
    ends[2] = back[0];
    (void)close(back[1]);
    assert_true(child_holds(try_replaced, ends));
    for (int i = 0; i < 2; i++)
        (void)close(there[i]);
    (void)close(back[0]);
}

static void try_as_private(void *ctx)
{
    (void)ctx;
    scene.options.is_private = true;
    scene.options.listen_path = NULL;
    bind_files();
    child_expect_errno(open_to_read(at("settings/c")), EACCES, "settings are read once");
    child_expect_errno(unlink(at("run/other")), EACCES, "there is no socket to remove");
    child_expect(open_to_read(at("names/hosts")) == 0, "HostsFile=");
}

static void a_private_daemon_needs_less(void **state)
{
    (void)state;
    assert_true(child_holds(try_as_private, NULL));
}

/* ---- writing ---- */

static void try_writing(void *ctx)
{
    char *argv[] = { NULL }, *environment[] = { NULL };
    unsigned abi;

    (void)ctx;
    abi = bind_files();
    child_expect_errno(write_file(at("home/new")) ? 0 : -1, EACCES, "a new file");
    child_expect_errno(open(at("home/secret"), O_WRONLY), EACCES, "an old one");
    child_expect_errno(open(at("home"), O_TMPFILE | O_RDWR, 0600), EACCES, "one without a name");
    child_expect_errno(open(at("names/hosts"), O_WRONLY), EACCES, "one that is read");
    child_expect_errno(unlink(at("home/secret")), EACCES, "removing");
    child_expect_errno(mkdir(at("home/folder"), 0755), EACCES, "a folder");
    child_expect_errno(rmdir(at("home")), EACCES, "removing one");
    child_expect_errno(symlink("secret", at("home/link")), EACCES, "a link");
    child_expect_errno(link(at("home/secret"), at("home/twin")), EACCES, "a second name");
    child_expect_errno(rename(at("home/secret"), at("home/moved")), EACCES, "another name");
    child_expect_errno(mkfifo(at("home/pipe"), 0600), EACCES, "a pipe");
    if (abi >= 3)
        child_expect_errno(truncate(at("home/secret"), 0), EACCES, "cutting");
    child_expect_errno(execve("/bin/true", argv, environment), EACCES, "running a program");
}

static void nothing_is_written(void **state)
{
    (void)state;
    assert_true(child_holds(try_writing, NULL));
}

static void try_its_folders(void *ctx)
{
    (void)ctx;
    bind_files();
    child_expect(write_file(at("state/new")), "a file of its state");
    child_expect(rename(at("state/new"), at("state/old")) == 0, "under another name");
    child_expect(truncate(at("state/old"), 0) == 0, "cut");
    child_expect(unlink(at("state/old")) == 0, "and removed");
    child_expect(mkdir(at("state/folder"), 0700) == 0, "a folder there");
    child_expect(unlink(at("run/other")) == 0, "its socket's path can be removed");
    child_expect_errno(write_file(at("run/new")) ? 0 : -1, EACCES, "and nothing be put there");
}

static void but_its_state_and_its_socket_removed(void **state)
{
    (void)state;
    assert_true(child_holds(try_its_folders, NULL));
}

static void try_passed(void *ctx)
{
    int fd = *(int *)ctx;
    struct stat status;

    bind_files();
    child_expect(pwrite(fd, "hello", 5, 0) == 5, "writing");
    child_expect(ftruncate(fd, 2) == 0, "cutting");
    child_expect(fstat(fd, &status) == 0 && status.st_size == 2, "it is cut");
    child_expect(fsync(fd) == 0, "and on the disk");
}

static void a_descriptor_that_was_passed_keeps_its_rights(void **state)
{
    int fd = open(at("home/secret"), O_RDWR | O_CLOEXEC); /* as the client did */

    (void)state;
    assert_true(fd >= 0);
    assert_true(child_holds(try_passed, &fd));
    (void)close(fd);
}

/* ---- sockets and signals ---- */

static int bind_port(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static int connect_to(const char *name, bool is_abstract)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path + is_abstract, sizeof(address.sun_path) - 1, "%s", name);
    return connect(fd, (struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name) +
                               !is_abstract));
}

static int listen_at(const char *name, bool is_abstract)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path + is_abstract, sizeof(address.sun_path) - 1, "%s", name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + is_abstract +
                                      strlen(name) + !is_abstract)),
                     0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void try_reaching(void *ctx)
{
    unsigned abi;

    (void)ctx;
    abi = bind_files();
    child_expect(connect_to(at("home/upstream"), false) == 0, "a Unix upstream");
    child_expect(bind_port(0) == 0, "a source address");
    if (abi >= 4)
        child_expect_errno(bind_port(48613), EACCES, "a port of its choice");
    if (abi >= 6) {
        child_expect_errno(connect_to(scene.folder, true), EPERM, "an abstract socket");
        child_expect_errno(kill(getppid(), 0), EPERM, "a signal to another");
    }
    child_expect(raise(SIGURG) == 0, "a signal to itself");
}

static void try_notifying(void *ctx)
{
    (void)ctx;
    scene.options.is_notifying = true;
    bind_files();
    child_expect(connect_to(scene.folder, true) == 0, "the manager's abstract socket");
}

static void it_listens_to_nobody_and_signals_nobody(void **state)
{
    int path_fd = listen_at(at("home/upstream"), false);
    int abstract_fd = listen_at(scene.folder, true);

    (void)state;
    assert_true(child_holds(try_reaching, NULL));
    assert_true(child_holds(try_notifying, NULL));
    (void)close(path_fd);
    (void)close(abstract_fd);
}

/* ---- privileges ---- */

static uint64_t capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    child_expect(syscall(SYS_capget, &header, data) == 0, "capabilities can be asked for");
    return data[0].permitted | data[0].effective | (uint64_t)data[1].permitted << 32;
}

static void bind_calls(void)
{
    struct confinement confinement;

    child_expect(confine_calls(&scene.options, &confinement) == 0, "calls are confined");
}

static void try_privileges(void *ctx)
{
    uint64_t before = capabilities();

    (void)ctx;
    bind_files();
    child_expect(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no new privileges");
    child_expect(capabilities() == before, "a ring may take one");
    bind_calls();
    child_expect(capabilities() == 0, "no capability");
}

static void try_private_privileges(void *ctx)
{
    uint64_t before = capabilities();

    (void)ctx;
    scene.options.is_private = true;
    bind_files();
    bind_calls();
    child_expect(capabilities() == (before & (1u << CAP_DAC_OVERRIDE)), "files as before, if any");
}

static void no_privilege_is_left(void **state)
{
    (void)state;
    assert_true(child_holds(try_privileges, NULL));
    assert_true(child_holds(try_private_privileges, NULL));
}

/* ---- lesser kernels ---- */

static bool take_away(unsigned call)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

static void try_without(void *ctx)
{
    struct confinement confinement;

    (void)ctx;
    child_expect(take_away(SYS_landlock_create_ruleset), "no Landlock");
    child_expect(confine_files(&scene.options, &confinement) == -ENOSYS, "it is missed");
    child_expect(strstr(confinement.lacks, "Landlock") && confinement.landlock_abi == 0,
                 "by its name");
    child_expect(open_to_read(at("home/secret")) == 0, "files are as they were");
    child_expect(confine_calls(&scene.options, &confinement) == 0, "calls are confined");
    child_expect_errno(syscall(SYS_io_uring_setup, 1, NULL), EPERM, "all the same");
    child_expect(!confinement.lacks[0], "nothing is said of what was said before");
}

static void try_without_all(void *ctx)
{
    bool has_capabilities = capabilities() != 0;
    struct confinement confinement;

    (void)ctx;
    child_expect(take_away(SYS_capset) && take_away(SYS_landlock_create_ruleset) &&
                     take_away(SYS_seccomp),
                 "nothing of it");
    child_expect(confine_files(&scene.options, &confinement) < 0, "it is missed");
    child_expect(strstr(confinement.lacks, "Landlock"), "by its name");
    child_expect(confine_calls(&scene.options, &confinement) == -ENOSYS, "seccomp as well");
    child_expect(strstr(confinement.lacks, "seccomp") && !confinement.has_seccomp, "by its name");
    child_expect(!has_capabilities || strstr(confinement.lacks, "capabilities"), "all of it");
}

static void what_the_kernel_has_not_is_named_and_the_rest_holds(void **state)
{
    (void)state;
    assert_true(child_holds(try_without, NULL));
    assert_true(child_holds(try_without_all, NULL));
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest unit_tests[] = {
        IN_SCENE(no_file_of_a_user_is_read),
        IN_SCENE(what_it_reads_again_is_read),
        IN_SCENE(a_file_that_was_replaced_is_read),
        IN_SCENE(a_private_daemon_needs_less),
        IN_SCENE(nothing_is_written),
        IN_SCENE(but_its_state_and_its_socket_removed),
        IN_SCENE(a_descriptor_that_was_passed_keeps_its_rights),
        IN_SCENE(it_listens_to_nobody_and_signals_nobody),
        IN_SCENE(no_privilege_is_left),
        IN_SCENE(what_the_kernel_has_not_is_named_and_the_rest_holds),
    };

    if (!has_landlock()) {
        print_message("test_confine_files: skipped: no Landlock here\n");
        return 77;
    }
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}
