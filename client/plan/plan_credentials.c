/*
 * plan_credentials.c - who we are to the servers.
 *
 * -u and --bearer are a field of all requests. netrc has a login per host: it is read here and
 * looked up for each item.
 */
#include "plan_credentials.h"

#include "plan_headers.h"
#include "slurp.h"
#include "why.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool add_authorization(struct plan *plan, const struct options *options, char **why)
{
    const char *colon = options->user ? strchr(options->user, ':') : NULL;
    bool is_named = plan_names_field(plan, "Authorization");
    struct text value;

    plan->has_authorization = options->user || options->bearer || is_named;
    if (options->user && options->bearer)
        return why_fail(why, "-u and --bearer exclude each other");
    if (options->user && !colon)
        return why_fail(why, "-u takes USER:PASSWORD (haul does not ask for a password)");
    if (is_named)
        return true;
    text_init(&value);
    if (options->user)
        plan_put_basic(&value, span_of(options->user, (size_t)(colon - options->user)),
                       span_of_string(colon + 1));
    if (options->bearer) {
        text_put_literal(&value, "Bearer ");
        text_put_string(&value, options->bearer);
    }
    if (value.bytes)
        plan_add_field(plan, SPAN_LITERAL("Authorization"), text_span(&value));
    text_deinit(&value);
    return true;
}

/* As curl: $HOME, else what the password database says. NULL when there is neither. */
static char *home_netrc(void)
{
    const char *home = getenv("HOME");
    const struct passwd *user;

    if (!home || !*home) {
        user = getpwuid(geteuid());
        home = user ? user->pw_dir : NULL;
    }
    return home ? why_format("%s/.netrc", home) : NULL;
}

static bool is_open_to_others(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH));
}

static bool parse_netrc(struct plan *plan, const char *path, struct span data, char **why)
{
    struct netrc_fault bad;

    if (!netrc_parse(&plan->netrc, data, &bad))
        return why_fail(why, "%s, line %u: %s", path, bad.line, bad.why);
    if (plan->netrc.count && is_open_to_others(path))
        plan->note =
            why_format("%s: others may read the passwords in it; chmod 600 keeps them out", path);
    return true;
}

/* A file that is not there is what --netrc-optional is for. */
static bool read_netrc(struct plan *plan, const struct options *options, const char *path,
                       char **why)
{
    struct text data;
    bool fits = true;
    int r;

    text_init(&data);
    r = slurp(path, NETRC_BYTES_MAX, &data);
    if (r == 0)
        fits = parse_netrc(plan, path, text_span(&data), why);
    else if (r == -EFBIG)
        fits = why_fail(why, "%s: more than 1 MiB", path);
    else if (r != -ENOENT || (options->netrc_file && !options->netrc_optional))
        fits = why_fail(why, "%s: %s", path, strerror(-r));
    else if (!options->netrc_optional)
        plan->note = why_format("--netrc: %s does not exist; no login is sent", path);
    text_deinit(&data);
    return fits;
}

bool plan_add_credentials(struct plan *plan, const struct options *options, char **ret_why)
{
    bool wants_netrc = options->netrc || options->netrc_optional || options->netrc_file;
    char *home;
    bool fits;

    if (!add_authorization(plan, options, ret_why))
        return false;
    if (!wants_netrc || plan->has_authorization)
        return true;
    if (options->netrc_file)
        return read_netrc(plan, options, options->netrc_file, ret_why);
    home = home_netrc();
    if (!home)
        return why_fail(ret_why, "--netrc: there is no home directory; name the file with "
                                 "--netrc-file");
    fits = read_netrc(plan, options, home, ret_why);
    free(home);
    return fits;
}
