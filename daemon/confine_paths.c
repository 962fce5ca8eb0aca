/*
 * confine_paths.c - which files hauld needs once it runs.
 *
 * Clients' files come as open descriptors, so no path of theirs is ever needed. What is left are
 * the system's own trees, which hold no user's data: /etc for the hosts file, resolv.conf, trust
 * and settings; /usr and its like for libraries that are loaded late, and for certificates that
 * /etc links to.
 *
 * Rejected: rules for the single files of /etc. A resolv.conf that was replaced would be lost to
 * us, and with it the network a machine has moved to.
 */
#include "confine_internal.h"

#include "config_files.h"
#include "tls_context.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const readable[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/var/lib/ca-certificates", /* openSUSE: what /etc/ssl/certs links to */
    "/run/systemd/resolve",     /* may appear later than the link to it */
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/systemd/userdb",                /* names of AllowUsers=, looked up again by a reload */
    "/dev/null",                          /* a fragment of the settings may link to it */
    "/proc/sys/kernel/io_uring_disabled", /* to explain why there is no ring */
    "/proc/sys/kernel/io_uring_group",
};

/* Lists of paths with a colon between; whoever starts hauld says so. */
static const char *const readable_lists[] = {
    "CREDENTIALS_DIRECTORY", "SSL_CERT_FILE",   "SSL_CERT_DIR",    "OPENSSL_CONF",
    "OPENSSL_MODULES",       "OPENSSL_ENGINES", "LD_LIBRARY_PATH",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void add_list(struct confine_rules *rules, const char *variable, enum confine_use use)
{
    const char *at = getenv(variable);

    while (at && *at) {
        size_t bytes = strcspn(at, ":");
        char path[CONFIG_PATH_ROOM];

        if (bytes > 0 && bytes < sizeof(path)) {
            memcpy(path, at, bytes);
            path[bytes] = '\0';
            confine_rules_add(rules, path, use);
        }
        at += bytes + (at[bytes] == ':');
    }
}

/* The folder of path; of "/x" path itself, as its folder is everything. */
static void add_folder(struct confine_rules *rules, const char *path, enum confine_use use)
{
    const char *slash = strrchr(path, '/');
    char folder[CONFIG_PATH_ROOM];

    if (!slash)
        path = ".";
    else if (slash > path && slash < path + sizeof(folder)) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        path = folder;
    }
    confine_rules_add(rules, path, use);
}

static void add_target_folder(struct confine_rules *rules, const char *path)
{
    char *target = realpath(path, NULL);

    if (target)
        add_folder(rules, target, CONFINE_READ);
    free(target);
}

static void add_settings(struct confine_rules *rules, const char *named)
{
    static struct config_folders folders; /* too large for a stack */

    if (named) {
        add_folder(rules, named, CONFINE_READ); /* its fragments are there as well */
        add_target_folder(rules, named);
        return;
    }
    config_folders_find(&folders);
    for (unsigned i = 0; i < folders.count; i++)
        confine_rules_add(rules, folders.paths[i], CONFINE_READ);
}

void confine_paths_add(struct confine_rules *rules, const struct confine_options *options)
{
    for (size_t i = 0; i < COUNT(readable); i++)
        confine_rules_add(rules, readable[i], CONFINE_READ);
    for (size_t i = 0; i < COUNT(readable_lists); i++)
        add_list(rules, readable_lists[i], CONFINE_READ);
    confine_rules_add(rules, tls_store_file(), CONFINE_READ);
    confine_rules_add(rules, tls_store_folder(), CONFINE_READ);
    add_target_folder(rules, "/etc/resolv.conf");
    if (options->config->hosts_path[0])
        add_folder(rules, options->config->hosts_path, CONFINE_READ);
    if (!options->is_private)
        add_settings(rules, options->config_path);
    if (options->listen_path)
        add_folder(rules, options->listen_path, CONFINE_REMOVE);
    add_list(rules, "STATE_DIRECTORY", CONFINE_WRITE);
    if (options->write_path)
        confine_rules_add(rules, options->write_path, CONFINE_WRITE);
    if (options->is_sanitized) {
        confine_rules_add(rules, "/proc", CONFINE_READ);
        confine_rules_add(rules, "/proc/self/exe", CONFINE_READ);
    }
}
