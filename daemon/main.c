/*
 * main.c - argv, configuration files, limits, signals, the listening socket, exit codes.
 *
 * hauld runs in the foreground and logs to stderr or the journal, as service managers want it.
 */
#include "config_accounts.h"
#include "config_files.h"
#include "confine.h"
#include "daemon.h"
#include "listen_socket.h"
#include "log.h"
#include "service.h"

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

#define DESCRIPTORS_RESERVED 64u /* sessions' files, listener, ring, DNS, log */

/* Flags that are also keys of the configuration; argv wins because it is applied last. */
enum override {
    OVERRIDE_WORKERS,
    OVERRIDE_LOG_LEVEL,
    OVERRIDE_QUIET,
    OVERRIDE_IDLE_EXIT,
    OVERRIDE_SOCKET,
    OVERRIDES
};

static const struct {
    const char *key;
    const char *flag;
} overrides[OVERRIDES] = {
    [OVERRIDE_WORKERS] = { "Workers", "--workers" },
    [OVERRIDE_LOG_LEVEL] = { "LogLevel", "--log-level" },
    [OVERRIDE_QUIET] = { "LogLevel", "--quiet" },
    [OVERRIDE_IDLE_EXIT] = { "IdleExit", "--idle-exit" },
    [OVERRIDE_SOCKET] = { "Socket", "--socket" },
};

struct arguments {
    const char *config_path; /* NULL: where config_files.h looks */
    const char *overrides[OVERRIDES];
    int serve_fd;
    bool check_config;
    bool print_config;
};

/* The signal handler's end of the pipe: a handler can reach nothing else. */
static int signal_pipe_fd = -1;

static void on_signal(int signal_number)
{
    int saved = errno;
    const char byte = (char)signal_number;

    if (signal_pipe_fd >= 0 && write(signal_pipe_fd, &byte, 1) < 0) {
        /* Full: enough signals are on their way already. */
    }
    errno = saved;
}

static void print_help(void)
{
    fputs("usage: hauld [--config FILE] [--socket PATH | --serve-fd N] [--workers N]\n"
          "             [--log-level LEVEL] [--quiet] [--idle-exit TIME]\n"
          "             [--check-config] [--print-config] [--version] [--help]\n"
          "\n"
          "The fetch daemon behind haul: runs in the foreground, logs to stderr.\n"
          "\n"
          "  --config FILE      read this (and FILE.d/*.conf) in the place of hauld/hauld.conf\n"
          "                     in /etc and its kin, see hauld.conf(5)\n"
          "  --socket PATH      listen here (root: /run/hauld/hauld.sock, others:\n"
          "                     $XDG_RUNTIME_DIR/hauld/hauld.sock)\n"
          "  --serve-fd N       serve one session on this descriptor, then exit\n"
          "  --workers N        event loops (this build has one)\n"
          "  --log-level LEVEL  err, warning, notice, info, debug\n"
          "  --quiet            only errors\n"
          "  --idle-exit TIME   exit after so long without a client (socket activation)\n"
          "  --check-config     read the configuration, say what is wrong, exit\n"
          "  --print-config     print all settings in effect and where they are from, exit\n"
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
    OPTION_IDLE_EXIT,
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
    { "idle-exit", required_argument, NULL, OPTION_IDLE_EXIT },
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

/* One flag. Returns -1 to go on, else the exit code. */
static int take_option(int code, struct arguments *args)
{
    switch (code) {
    case OPTION_CONFIG:
        args->config_path = optarg;
        return -1;
    case OPTION_SOCKET:
        args->overrides[OVERRIDE_SOCKET] = optarg;
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
        args->overrides[OVERRIDE_WORKERS] = optarg;
        return -1;
    case OPTION_LOG_LEVEL:
        args->overrides[OVERRIDE_LOG_LEVEL] = optarg;
        return -1;
    case OPTION_QUIET:
        args->overrides[OVERRIDE_QUIET] = "err";
        return -1;
    case OPTION_IDLE_EXIT:
        args->overrides[OVERRIDE_IDLE_EXIT] = optarg;
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

static enum config_verdict apply_overrides(const struct arguments *args, struct config *config,
                                           struct config_trouble *ret_trouble)
{
    enum config_verdict verdict = CONFIG_OK;

    for (unsigned i = 0; i < OVERRIDES; i++)
        if (verdict == CONFIG_OK && args->overrides[i])
            verdict = config_set(config, overrides[i].key, span_of_string(args->overrides[i]),
                                 overrides[i].flag, ret_trouble);
    return verdict;
}

/* All of it: the files, and argv over them. As struct daemon_source wants it. */
static enum config_verdict read_settings(void *ctx, struct config *ret_config,
                                         struct config_trouble *ret_trouble)
{
    static struct config_folders folders; /* too large for a stack; settings are read one by one */
    const struct arguments *args = ctx;
    enum config_verdict verdict;

    config_init_defaults(ret_config);
    if (args->config_path) {
        verdict = config_files_read_named(ret_config, args->config_path, ret_trouble);
    } else {
        config_folders_find(&folders);
        verdict = config_files_read(ret_config, &folders, ret_trouble);
    }
    if (verdict == CONFIG_OK)
        verdict = apply_overrides(args, ret_config, ret_trouble);
    return verdict == CONFIG_OK ? config_accounts_find(ret_config, ret_trouble) : verdict;
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

/* Where to listen: 0, or an exit code. */
static int choose_socket_path(const struct config *config, char path[static CONFIG_PATH_ROOM])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (config->socket_path[0]) {
        strcpy(path, config->socket_path);
    } else if (geteuid() == 0) {
        strcpy(path, "/run/hauld/hauld.sock");
    } else if (runtime && *runtime) {
        (void)snprintf(path, CONFIG_PATH_ROOM, "%s/hauld/hauld.sock", runtime);
    } else {
        fputs("hauld: XDG_RUNTIME_DIR is not set, so there is no place for a socket; "
              "name one with --socket PATH\n",
              stderr);
        return EXIT_USAGE;
    }
    return 0;
}

/* The inherited socket, or one of our own, with its path: *ret_fd, or an exit code. */
static int open_listener(const struct config *config, char path[static CONFIG_PATH_ROOM],
                         int *ret_fd)
{
    struct service_trouble trouble;
    int r;

    path[0] = '\0';
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
    r = choose_socket_path(config, path);
    if (r)
        return r;
    *ret_fd = listen_socket_open(path);
    if (*ret_fd >= 0)
        return 0;
    log_line(LOG_LEVEL_ERR, "cannot listen on %s: %s%s", path, strerror(-*ret_fd),
             *ret_fd == -EADDRINUSE ? " (another hauld answers there)" : "");
    return EXIT_FAILURE;
}

static int prepare_signals(bool private_daemon, int *ret_signal_fd)
{
    struct sigaction tell = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_signal_fd = ends[0];
    signal_pipe_fd = ends[1];
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    (void)sigaction(SIGTERM, &tell, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
    (void)sigaction(SIGHUP, private_daemon ? &ignore : &tell, NULL);
    if (private_daemon) {
        (void)sigaction(SIGINT, &ignore, NULL);
        (void)sigaction(SIGQUIT, &ignore, NULL);
        (void)sigaction(SIGTSTP, &ignore, NULL);
    } else {
        (void)sigaction(SIGINT, &tell, NULL);
    }
    return 0;
}

/* What a step of confine.h could not do, by what the settings say of it: 0, or an exit code. */
static int judge_isolation(const struct config *config, int r, const char *lacks)
{
    if (r == 0)
        return 0;
    if (config->isolation != CONFIG_ISOLATION_REQUIRED) {
        log_line(LOG_LEVEL_NOTICE, "%s", lacks);
        return 0;
    }
    log_line(LOG_LEVEL_ERR, "%s, and Isolation= requires it", lacks);
    return EXIT_UNAVAILABLE;
}

static struct confine_options choose_confinement(const struct config *config,
                                                 const struct daemon_options *options,
                                                 const struct arguments *args)
{
    const struct service *service = options->service;

    return (struct confine_options){
        .config = config,
        .config_path = args->config_path,
        .listen_path = options->listen_path,
        .write_path = CONFINE_WRITE_PATH,
        .is_private = options->serve_fd >= 0,
        .is_notifying = service && service->notify_bytes && !service->notify_address.sun_path[0],
        .is_sanitized = CONFINE_SANITIZED,
    };
}

/* Between what must be open before and what strangers send after. 0, or an exit code. */
static int start(struct daemon *d, const struct config *config, struct daemon_options *options,
                 const struct arguments *args)
{
    static struct confinement confinement; /* as long as the daemon */
    const struct confine_options confine = choose_confinement(config, options, args);
    bool is_confined = config->isolation != CONFIG_ISOLATION_OFF;
    struct ring_trouble trouble = { 0 };
    int code = 0, r;

    if (is_confined)
        code = judge_isolation(config, confine_files(&confine, &confinement), confinement.lacks);
    if (code)
        return code;
    options->confinement = &confinement;
    r = daemon_init(d, config, options, &trouble);
    if (r < 0) {
        log_line(LOG_LEVEL_ERR, "%s", trouble.text[0] ? trouble.text : strerror(-r));
        return trouble.text[0] ? EXIT_UNAVAILABLE : EXIT_FAILURE;
    }
    if (is_confined)
        code = judge_isolation(config, ring_is_restricted(d->ring) ? 0 : -ENOTSUP,
                               "the ring is not confined, as this kernel cannot restrict one");
    if (is_confined && code == 0)
        code = judge_isolation(config, confine_calls(&confine, &confinement), confinement.lacks);
    if (code)
        daemon_deinit(d);
    return code;
}

static int run(const struct config *config, struct arguments *args)
{
    static struct daemon daemon_object; /* too large for a stack; reached from here only */
    struct daemon_options options = { .listen_fd = -1, .serve_fd = args->serve_fd };
    static struct service service;    /* as long as the daemon */
    char path[CONFIG_PATH_ROOM] = ""; /* of a socket of our own */
    int r;

    options.conns_max = raise_descriptor_limit(config);
    options.ports = read_local_ports();
    if (config->workers > 1)
        log_line(LOG_LEVEL_WARNING, "Workers=%u: this build has one event loop; using 1",
                 config->workers);
    if (args->serve_fd < 0) {
        (void)service_init(&service); /* an address we cannot speak to: nobody is told */
        r = open_listener(config, path, &options.listen_fd);
        if (r)
            return r;
        options.is_activated = !path[0];
        options.listen_path = path[0] ? path : NULL;
        options.service = &service;
        options.source = (struct daemon_source){ .read = read_settings, .ctx = args };
    } else {
        /* The ring waits for a socket by itself; with O_NONBLOCK it would say EAGAIN. */
        (void)fcntl(args->serve_fd, F_SETFL, 0);
    }
    r = prepare_signals(args->serve_fd >= 0, &options.signal_fd);
    if (r < 0) {
        log_line(LOG_LEVEL_ERR, "%s", strerror(-r));
        r = EXIT_FAILURE;
    } else {
        r = start(&daemon_object, config, &options, args);
    }
    if (r) {
        if (path[0])
            (void)unlink(path);
        return r;
    }
    log_line(LOG_LEVEL_INFO, "hauld %s: %s; up to %u connections", HAUL_VERSION,
             ring_tier(daemon_object.ring), options.conns_max);
    if (args->serve_fd < 0)
        log_line(LOG_LEVEL_NOTICE, "ready%s%s", path[0] ? " on " : "", path);
    r = daemon_run(&daemon_object);
    if (r < 0)
        log_line(LOG_LEVEL_ERR, "the ring failed: %s", strerror(-r));
    daemon_deinit(&daemon_object);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
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
    struct config_trouble trouble;
    static struct config config; /* too large for a stack */
    int code, r;

    while ((code = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        r = take_option(code == 'h' ? OPTION_HELP : code, &args);
        if (r >= 0)
            return r;
    }
    if (optind < argc) {
        fprintf(stderr, "hauld: takes no argument '%s'; see 'hauld --help'\n", argv[optind]);
        return EXIT_USAGE;
    }
    config_init_defaults(&config); /* a bad flag is wrong usage, whatever the files say */
    if (apply_overrides(&args, &config, &trouble) != CONFIG_OK) {
        fprintf(stderr, "hauld: %s\n", trouble.text);
        return EXIT_USAGE;
    }
    if (read_settings(&args, &config, &trouble) != CONFIG_OK) {
        fprintf(stderr, "hauld: %s\n", trouble.text);
        return EXIT_CONFIG;
    }
    if (args.check_config)
        return EXIT_SUCCESS;
    if (args.print_config)
        return print_config(&config);
    log_init((enum log_level)config.log_level);
    return run(&config, &args);
}
