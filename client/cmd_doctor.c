/*
 * cmd_doctor.c - haul doctor: a line for each thing haul needs, and what to do where it is missing.
 *
 * Each check stands alone and prints its own line. "fail" means that haul cannot work here.
 */
#include "verbs.h"

#include "control_call.h"
#include "exits.h"
#include "private.h"
#include "reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/io_uring.h>

enum health {
    HEALTH_OK,
    HEALTH_WARN,
    HEALTH_FAIL,
};

__attribute__((format(printf, 3, 4))) static enum health tell(enum health health, const char *what,
                                                              const char *format, ...)
{
    static const char *const marks[] = { "ok  ", "warn", "fail" };
    va_list args;

    printf("%s  %-12s ", marks[health], what);
    va_start(args, format);
    (void)vprintf(format, args); /* main checks stdout at the end */
    va_end(args);
    putchar('\n');
    return health;
}

static enum health check_kernel(void)
{
    struct utsname name;
    unsigned major = 0, minor = 0;

    if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        return tell(HEALTH_WARN, "kernel", "cannot be asked for its version");
    if (major < 6 || (major == 6 && minor < 1))
        return tell(HEALTH_WARN, "kernel", "%s; haul is made for 6.1 or newer", name.release);
    return tell(HEALTH_OK, "kernel", "%s", name.release);
}

/* The first line of a small file; false when it cannot be read. */
static bool read_line(const char *path, char *line, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, line, room - 1);

    if (fd >= 0)
        (void)close(fd); /* only read from */
    if (bytes < 0)
        return false;
    line[bytes] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static const char *container_hint(void)
{
    const char *container = getenv("container");

    if (access("/.dockerenv", F_OK) == 0)
        return "Docker";
    if (access("/run/.containerenv", F_OK) == 0)
        return "Podman";
    if (access("/run/systemd/container", F_OK) == 0)
        return "a container";
    return container && *container ? container : NULL;
}

static enum health explain_io_uring(int error)
{
    const char *container = container_hint();
    char value[16] = "";

    if (error == ENOSYS)
        return tell(HEALTH_FAIL, "io_uring",
                    "this kernel has none (ENOSYS): use one with "
                    "CONFIG_IO_URING=y");
    if (error == ENOMEM)
        return tell(HEALTH_FAIL, "io_uring", "no memory for a ring: raise `ulimit -l`");
    if (error != EPERM && error != EACCES)
        return tell(HEALTH_FAIL, "io_uring", "%s", strerror(error));
    if (read_line("/proc/sys/kernel/io_uring_disabled", value, sizeof(value)) && value[0] != '0')
        return tell(HEALTH_FAIL, "io_uring",
                    "kernel.io_uring_disabled is %s: sysctl kernel.io_uring_disabled=0%s", value,
                    value[0] == '1' ? ", or join the group of kernel.io_uring_group" : "");
    if (container)
        return tell(HEALTH_FAIL, "io_uring",
                    "forbidden, in %s mostly by its seccomp profile: allow io_uring_setup, "
                    "io_uring_enter and io_uring_register (or --security-opt seccomp=PROFILE)",
                    container);
    return tell(HEALTH_FAIL, "io_uring",
                "forbidden (%s): a seccomp filter or security module "
                "forbids it to this process",
                strerror(error));
}

static enum health check_io_uring(void)
{
    struct io_uring_params params = { .flags =
                                          IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };
    int fd = (int)syscall(SYS_io_uring_setup, 8, &params);

    if (fd < 0)
        return explain_io_uring(errno);
    (void)close(fd); /* it was never used */
    return tell(HEALTH_OK, "io_uring", "works, with DEFER_TASKRUN");
}

static enum health check_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return tell(HEALTH_WARN, "descriptors", "the limit cannot be read");
    if (limit.rlim_max < 4096)
        return tell(HEALTH_WARN, "descriptors",
                    "at most %llu: that bounds the connections; raise the hard limit "
                    "(ulimit -Hn, or LimitNOFILE= of the service)",
                    (unsigned long long)limit.rlim_max);
    return tell(HEALTH_OK, "descriptors", "up to %llu", (unsigned long long)limit.rlim_max);
}

/* It listens; whether it answers us is another matter. */
static enum health check_answer(const struct command *command, const char *path, int fd)
{
    struct control_answer answer = { 0 };
    enum exit_code exit =
        control_ask(fd, command->say, "io.haul.Manager.Describe", NULL, NULL, &answer);

    control_answer_deinit(&answer);
    (void)close(fd); /* answered, or given up */
    return exit == EXITS_OK ? tell(HEALTH_OK, "socket", "%s: a daemon answers", path)
                            : tell(HEALTH_WARN, "socket", "%s: see above", path);
}

static enum health check_socket(const struct command *command, const char *path, bool is_explicit)
{
    char cure[REACH_CURE_BYTES];
    struct stat st;
    int fd = client_connect(path);

    if (fd >= 0)
        return check_answer(command, path, fd);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return tell(is_explicit ? HEALTH_WARN : HEALTH_OK, "socket",
                    "%s: not there; haul starts a private daemon per command", path);
    if (stat(path, &st) == 0)
        return tell(HEALTH_WARN, "socket", "%s: %s (mode %04o, group %u): %s", path, strerror(-fd),
                    st.st_mode & 07777, st.st_gid, reach_cure(path, -fd, cure, sizeof(cure)));
    return tell(HEALTH_WARN, "socket", "%s: %s: %s", path, strerror(-fd),
                reach_cure(path, -fd, cure, sizeof(cure)));
}

static enum health check_daemon(const struct command *command)
{
    const struct client_handlers handlers = { 0 };
    struct options options = *command->options;
    struct client client = { .fd = -1 };
    struct reach reach;
    enum exit_code exit;

    options.is_private = true;
    exit = reach_open(&reach, &client, &handlers, &options, true, command->say);
    reach_close(&reach, &client);
    if (exit != EXITS_OK)
        return tell(HEALTH_FAIL, "daemon", "a private hauld does not come up (see above)");
    return tell(HEALTH_OK, "daemon", "a private hauld comes up");
}

static void tell_what_binds(yyjson_val *isolation)
{
    unsigned abi = (unsigned)yyjson_get_uint(yyjson_obj_get(isolation, "landlock_abi"));
    bool has_seccomp = yyjson_is_true(yyjson_obj_get(isolation, "seccomp"));
    bool is_ring_bound = yyjson_is_true(yyjson_obj_get(isolation, "ring_restricted"));

    if (abi && has_seccomp && is_ring_bound)
        tell(HEALTH_OK, "isolation", "Landlock (ABI %u), seccomp, a restricted ring", abi);
    else
        tell(HEALTH_WARN, "isolation",
             "hauld is not confined by%s%s%s: this kernel or sandbox has no such thing; see "
             "ISOLATION in hauld(8)",
             abi ? "" : " Landlock", has_seccomp ? "" : " seccomp",
             is_ring_bound ? "" : " restrictions of its ring");
}

/* Asks a hauld that is started here: a sandbox can forbid it to confine itself, too. */
static void tell_isolation(const struct command *command)
{
    struct private_daemon daemon;
    struct control_answer answer = { 0 };
    int fd = private_start(&daemon);

    if (fd >= 0 &&
        control_ask(fd, command->say, "io.haul.Manager.Describe", NULL, NULL, &answer) == EXITS_OK)
        tell_what_binds(yyjson_obj_get(answer.parameters, "isolation"));
    else
        tell(HEALTH_WARN, "isolation", "a private hauld cannot be asked");
    control_answer_deinit(&answer);
    if (fd >= 0)
        (void)close(fd);         /* it ends by that */
    (void)private_stop(&daemon); /* its status tells nothing by now */
}

static enum health check_dns(void)
{
    char line[256];
    FILE *file = fopen("/etc/resolv.conf", "re");
    bool has_server = false;

    while (file && !has_server && fgets(line, sizeof(line), file))
        has_server = strncmp(line, "nameserver", 10) == 0;
    if (file)
        (void)fclose(file); /* only read from */
    if (!file)
        return tell(HEALTH_WARN, "dns", "/etc/resolv.conf: %s; names are looked up at 127.0.0.1",
                    strerror(errno));
    if (!has_server)
        return tell(HEALTH_WARN, "dns", "/etc/resolv.conf names no nameserver");
    return tell(HEALTH_OK, "dns", "/etc/resolv.conf names a nameserver");
}

static enum health check_hosts(void)
{
    if (access("/etc/hosts", R_OK) < 0)
        return tell(HEALTH_WARN, "hosts", "/etc/hosts: %s", strerror(errno));
    return tell(HEALTH_OK, "hosts", "/etc/hosts can be read");
}

static enum health check_ca(void)
{
    static const char *const stores[] = { "/etc/ssl/certs/ca-certificates.crt",
                                          "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };

    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
        if (access(stores[i], R_OK) == 0)
            return tell(HEALTH_OK, "ca store", "%s", stores[i]);
    return tell(HEALTH_WARN, "ca store",
                "none found, so no https server is trusted: install ca-certificates, or give "
                "--cacert");
}

int cmd_doctor(const struct command *command)
{
    struct reach_candidates candidates;
    bool is_able = true;

    is_able &= check_kernel() != HEALTH_FAIL;
    is_able &= check_io_uring() != HEALTH_FAIL;
    is_able &= check_descriptors() != HEALTH_FAIL;
    is_able &= check_dns() != HEALTH_FAIL;
    is_able &= check_hosts() != HEALTH_FAIL;
    is_able &= check_ca() != HEALTH_FAIL;
    is_able &= check_daemon(command) != HEALTH_FAIL;
    if (is_able)
        tell_isolation(command);
    reach_candidates(command->options, &candidates);
    for (unsigned i = 0; i < candidates.count; i++)
        is_able &=
            check_socket(command, candidates.paths[i], candidates.is_explicit) != HEALTH_FAIL;
    return !is_able ? EXITS_FAILED : EXITS_OK;
}
