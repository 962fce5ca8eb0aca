/*
 * main.c - argv, configuration files, limits, signals, the listening socket, exit codes.
 *
 * hauld runs in the foreground and logs to stderr or the journal, as service managers want it.
 */
#include "daemon.h"
#include "listen_socket.h"
#include "log.h"
#include "service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define EXIT_UNAVAILABLE 69 /* sysexits.h EX_UNAVAILABLE: no io_uring */
#define EXIT_CONFIG 78      /* EX_CONFIG */

#define CONFIG_DEFAULT_PATH "/etc/hauld/hauld.conf"
#define DESCRIPTORS_RESERVED 64u /* sessions' files, listener, ring, DNS, log */

struct arguments {
    const char *config_path; /* NULL: the default, which may be absent */
    const char *socket_path;
    int serve_fd;
    bool quiet;
    bool check_config;
    bool print_config;
};

/* The signal handler's end of the stop pipe: a handler can reach nothing else. */
static int stop_pipe_fd = -1;

static void on_stop_signal(int signal_number)
{
    int saved = errno;
    const char byte = (char)signal_number;

    if (stop_pipe_fd >= 0 && write(stop_pipe_fd, &byte, 1) < 0) {
        /* Full: a stop is on its way already. */
    }
    errno = saved;
}

static void print_help(void)
{
    fputs("usage: hauld [--config FILE] [--socket PATH | --serve-fd N] [--state-dir DIR]\n"
          "             [--workers N] [--log-level LEVEL] [--quiet]\n"
          "             [--check-config] [--print-config] [--version]\n"
          "\n"
          "The fetch daemon behind haul: runs in the foreground, logs to stderr.\n"
          "\n"
          "  --config FILE      read this instead of " CONFIG_DEFAULT_PATH "\n"
          "  --socket PATH      listen here (root: /run/hauld/hauld.sock, others:\n"
          "                     $XDG_RUNTIME_DIR/hauld/hauld.sock)\n"
          "  --serve-fd N       serve one session on this descriptor, then exit\n"
          "  --workers N        event loops (this build has one)\n"
          "  --log-level LEVEL  err, warning, notice, info, debug\n"
          "  --quiet            only errors\n"
          "  --check-config     read the configuration, say what is wrong, exit\n"
          "  --print-config     print all settings in effect, exit\n"
          "  --version          print the version, exit\n",
          stdout);
}

enum option_code {
    OPTION_CONFIG = 256,
    OPTION_SOCKET,
    OPTION_SERVE_FD,
    OPTION_STATE_DIR,
    OPTION_WORKERS,
    OPTION_LOG_LEVEL,
    OPTION_QUIET,
    OPTION_CHECK_CONFIG,
    OPTION_PRINT_CONFIG,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option long_options[] = {
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "socket", required_argument, NULL, OPTION_SOCKET },
    { "serve-fd", required_argument, NULL, OPTION_SERVE_FD },
    { "state-dir", required_argument, NULL, OPTION_STATE_DIR },
    { "workers", required_argument, NULL, OPTION_WORKERS },
    { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
    { "quiet", no_argument, NULL, OPTION_QUIET },
    { "check-config", no_argument, NULL, OPTION_CHECK_CONFIG },
    { "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static bool parse_descriptor(const char *text, int *ret_fd)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < 0 || value > 1 << 20)
        return false;
    *ret_fd = (int)value;
    return true;
}

/* A flag that is also a key of the configuration; argv wins because it is applied last. */
static int set_from_argv(struct config *config, const char *key, const char *value,
                         const char *where)
{
    struct config_trouble trouble;

    if (config_set(config, key, span_of_string(value), where, &trouble) == CONFIG_OK)
        return 0;
    fprintf(stderr, "hauld: %s\n", trouble.text);
    return EXIT_USAGE;
}

/* One flag. Returns -1 to go on, else the exit code. overrides keeps the flags that are keys, for
 * after the files. */
static int take_option(int code, struct arguments *args, const char *overrides[2])
{
    switch (code) {
    case OPTION_CONFIG:
        args->config_path = optarg;
        return -1;
    case OPTION_SOCKET:
        args->socket_path = optarg;
        return -1;
    case OPTION_SERVE_FD:
        if (parse_descriptor(optarg, &args->serve_fd))
            return -1;
        fprintf(stderr, "hauld: --serve-fd wants the number of a descriptor, not '%s'\n", optarg);
        return EXIT_USAGE;
    case OPTION_STATE_DIR:
        fputs("hauld: --state-dir: not in this build (durable jobs come later)\n", stderr);
        return EXIT_USAGE;
    case OPTION_WORKERS:
        overrides[0] = optarg;
        return -1;
    case OPTION_LOG_LEVEL:
        overrides[1] = optarg;
        return -1;
    case OPTION_QUIET:
        args->quiet = true;
        return -1;
    case OPTION_CHECK_CONFIG:
        args->check_config = true;
        return -1;
    case OPTION_PRINT_CONFIG:
        args->print_config = true;
        return -1;
    case OPTION_VERSION:
        puts("hauld " HAUL_VERSION);
        return EXIT_SUCCESS;
    case OPTION_HELP:
        print_help();
        return EXIT_SUCCESS;
    }
    fputs("hauld: see 'hauld --help'\n", stderr);
    return EXIT_USAGE;
}

/* Reads one file over *config: 0, -ENOENT, or an exit code. */
static int read_config_file(struct config *config, const char *path)
{
    struct config_trouble trouble;
    static char text[CONFIG_FILE_BYTES_MAX + 1];
    FILE *file = fopen(path, "re");
    size_t bytes;
    int r = 0;

    if (!file && errno == ENOENT)
        return -ENOENT;
    if (!file) {
        fprintf(stderr, "hauld: %s: %s\n", path, strerror(errno));
        return EXIT_CONFIG;
    }
    bytes = fread(text, 1, sizeof(text), file);
    if (ferror(file) || bytes == sizeof(text)) {
        fprintf(stderr, "hauld: %s: cannot be read, or is larger than 1 MiB\n", path);
        r = EXIT_CONFIG;
    } else if (config_parse(config, span_of(text, bytes), path, &trouble) != CONFIG_OK) {
        fprintf(stderr, "hauld: %s\n", trouble.text);
        r = EXIT_CONFIG;
    }
    (void)fclose(file);
    return r;
}

static int is_config_fragment(const struct dirent *entry)
{
    size_t bytes = strlen(entry->d_name);

    return entry->d_name[0] != '.' && bytes > 5 && !strcmp(entry->d_name + bytes - 5, ".conf");
}

/* FILE and then FILE.d/<name>.conf in order of their names. */
static int read_config(struct config *config, const struct arguments *args)
{
    const char *path = args->config_path ? args->config_path : CONFIG_DEFAULT_PATH;
    char folder[CONFIG_PATH_ROOM], fragment[CONFIG_PATH_ROOM * 2];
    struct dirent **names = NULL;
    int r = read_config_file(config, path);
    int count;

    if (r == -ENOENT && args->config_path) {
        fprintf(stderr, "hauld: %s: no such file\n", path);
        return EXIT_CONFIG;
    }
    if (r > 0)
        return r;
    r = 0;
    (void)snprintf(folder, sizeof(folder), "%s.d", path);
    count = scandir(folder, &names, is_config_fragment, alphasort);
    for (int i = 0; i < count; i++) {
        (void)snprintf(fragment, sizeof(fragment), "%s/%s", folder, names[i]->d_name);
        if (r == 0)
            r = read_config_file(config, fragment);
        free(names[i]);
    }
    free(names);
    return r > 0 ? r : 0;
}

/* The soft limit goes up to the hard one; what the connections may have follows from it. */
static unsigned raise_descriptor_limit(const struct config *config)
{
    struct rlimit limit;
    unsigned conns_max, wanted = config->connections_max;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = limit.rlim_max = 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur > 1u << 20)
        limit.rlim_cur = 1u << 20;
    conns_max = limit.rlim_cur > 2 * DESCRIPTORS_RESERVED
                    ? (unsigned)limit.rlim_cur - DESCRIPTORS_RESERVED
                    : (unsigned)limit.rlim_cur / 2;
    if (conns_max == 0)
        conns_max = 1;
    if (wanted > conns_max)
        log_line(LOG_LEVEL_WARNING,
                 "MaxConnections=%u is more than %lu descriptors allow; using %u "
                 "(raise LimitNOFILE= or ulimit -Hn)",
                 wanted, (unsigned long)limit.rlim_cur, conns_max);
    return wanted && wanted < conns_max ? wanted : conns_max;
}

/* The ports the system gives out, or zeros when it does not say. */
static struct conn_ports read_local_ports(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    struct conn_ports ports = { 0 };
    unsigned low = 0, high = 0;

    if (!file)
        return ports;
    if (fscanf(file, "%u %u", &low, &high) == 2 && low <= high && high <= UINT16_MAX)
        ports = (struct conn_ports){ .low = (uint16_t)low, .high = (uint16_t)high };
    (void)fclose(file);
    return ports;
}

/* Where to listen when nobody says: 0, or an exit code. */
static int choose_socket_path(struct config *config)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[CONFIG_PATH_ROOM];

    if (config->socket_path[0])
        return 0;
    if (geteuid() == 0) {
        (void)snprintf(path, sizeof(path), "/run/hauld/hauld.sock");
    } else if (runtime && *runtime) {
        (void)snprintf(path, sizeof(path), "%s/hauld/hauld.sock", runtime);
    } else {
        fputs("hauld: XDG_RUNTIME_DIR is not set, so there is no place for a socket; "
              "name one with --socket PATH\n",
              stderr);
        return EXIT_USAGE;
    }
    return set_from_argv(config, "Socket", path, "socket");
}

/* The inherited socket, or one of our own: *ret_fd, or an exit code. */
static int open_listener(struct config *config, bool *ret_ours, int *ret_fd)
{
    struct service_trouble trouble;
    int r;

    *ret_ours = false;
    switch (service_take_listener(ret_fd, &trouble)) {
    case SERVICE_LISTEN_READY:
        return 0;
    case SERVICE_LISTEN_REFUSED:
        log_line(LOG_LEVEL_ERR, "%s", trouble.text);
        return EXIT_FAILURE;
    case SERVICE_LISTEN_FOREIGN:
        log_line(LOG_LEVEL_WARNING, "%s", trouble.text);
        break;
    case SERVICE_LISTEN_NONE:
        break;
    }
    r = choose_socket_path(config);
    if (r)
        return r;
    *ret_fd = listen_socket_open(config->socket_path);
    if (*ret_fd >= 0) {
        *ret_ours = true;
        return 0;
    }
    log_line(LOG_LEVEL_ERR, "cannot listen on %s: %s%s", config->socket_path, strerror(-*ret_fd),
             *ret_fd == -EADDRINUSE ? " (another hauld answers there)" : "");
    return EXIT_FAILURE;
}

static int prepare_signals(bool private_daemon, int *ret_stop_fd)
{
    struct sigaction stop = { .sa_handler = on_stop_signal, .sa_flags = SA_RESTART };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_stop_fd = ends[0];
    stop_pipe_fd = ends[1];
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
    (void)sigaction(SIGHUP, &ignore, NULL);
    if (private_daemon) {
        (void)sigaction(SIGINT, &ignore, NULL);
        (void)sigaction(SIGQUIT, &ignore, NULL);
        (void)sigaction(SIGTSTP, &ignore, NULL);
    } else {
        (void)sigaction(SIGINT, &stop, NULL);
    }
    return 0;
}

static int run(struct config *config, const struct arguments *args)
{
    static struct daemon daemon_object; /* too large for a stack; reached from here only */
    struct daemon_options options = { .listen_fd = -1, .serve_fd = args->serve_fd };
    struct ring_trouble trouble = { 0 };
    struct service service = { 0 };
    bool ours = false;
    int r;

    options.conns_max = raise_descriptor_limit(config);
    options.ports = read_local_ports();
    if (config->workers > 1)
        log_line(LOG_LEVEL_WARNING, "Workers=%u: this build has one event loop; using 1",
                 config->workers);
    if (args->serve_fd < 0) {
        (void)service_init(&service); /* an address we cannot speak to: nobody is told */
        r = open_listener(config, &ours, &options.listen_fd);
        if (r)
            return r;
    } else {
        /* The ring waits for a socket by itself; with O_NONBLOCK it would say EAGAIN. */
        (void)fcntl(args->serve_fd, F_SETFL, 0);
    }
    r = prepare_signals(args->serve_fd >= 0, &options.stop_fd);
    if (r == 0)
        r = daemon_init(&daemon_object, config, &options, &trouble);
    if (r < 0) {
        log_line(LOG_LEVEL_ERR, "%s", trouble.text[0] ? trouble.text : strerror(-r));
        r = trouble.text[0] ? EXIT_UNAVAILABLE : EXIT_FAILURE;
        goto out;
    }
    log_line(LOG_LEVEL_INFO, "hauld %s: %s; up to %u connections", HAUL_VERSION,
             ring_tier(daemon_object.ring), options.conns_max);
    if (args->serve_fd < 0)
        log_line(LOG_LEVEL_NOTICE, "ready%s%s", ours ? " on " : "",
                 ours ? config->socket_path : "");
    (void)service_notify(&service, "READY=1\nSTATUS=ready, up to %u connections",
                         options.conns_max);
    r = daemon_run(&daemon_object);
    if (r < 0)
        log_line(LOG_LEVEL_ERR, "the ring failed: %s", strerror(-r));
    (void)service_notify(&service, "STOPPING=1");
    daemon_deinit(&daemon_object);
    r = r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
out:
    if (ours)
        (void)unlink(config->socket_path);
    return r;
}

static int print_config(const struct config *config)
{
    size_t bytes = config_print(config, NULL, 0);
    char *text = malloc(bytes + 1);

    if (!text)
        return EXIT_FAILURE;
    (void)config_print(config, text, bytes + 1);
    fputs(text, stdout);
    free(text);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct arguments args = { .serve_fd = -1 };
    const char *overrides[2] = { NULL, NULL };
    struct config config;
    int code, r;

    while ((code = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        r = take_option(code == 'h' ? OPTION_HELP : code, &args, overrides);
        if (r >= 0)
            return r;
    }
    if (optind < argc) {
        fprintf(stderr, "hauld: takes no argument '%s'; see 'hauld --help'\n", argv[optind]);
        return EXIT_USAGE;
    }
    config_init_defaults(&config);
    r = read_config(&config, &args);
    if (r == 0 && overrides[0])
        r = set_from_argv(&config, "Workers", overrides[0], "--workers");
    if (r == 0 && overrides[1])
        r = set_from_argv(&config, "LogLevel", overrides[1], "--log-level");
    if (r == 0 && args.socket_path)
        r = set_from_argv(&config, "Socket", args.socket_path, "--socket");
    if (r)
        return r;
    if (args.check_config)
        return EXIT_SUCCESS;
    if (args.print_config)
        return print_config(&config);
    log_init(args.quiet ? LOG_LEVEL_ERR : (enum log_level)config.log_level);
    return run(&config, &args);
}
