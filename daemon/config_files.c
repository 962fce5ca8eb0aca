/*
 * config_files.c - folders, fragments, and what masks what.
 *
 * Plain blocking reads of small files: at the start, and when an administrator says reload.
 */
#include "config_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIN_NAME "hauld.conf"
#define FRAGMENTS_MAX 1024u

/* The fragments of all folders, by name. */
struct fragments {
    char *paths[FRAGMENTS_MAX];
    unsigned count;
};

static enum config_verdict complain(struct config_trouble *ret_trouble, const char *path,
                                    const char *what)
{
    (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text), "%.300s: %s", path, what);
    return CONFIG_BAD;
}

static enum config_verdict read_stream(struct config *config, FILE *file, const char *path,
                                       struct config_trouble *ret_trouble)
{
    size_t room = CONFIG_FILE_BYTES_MAX + 1, bytes;
    char *text = malloc(room);
    enum config_verdict verdict;

    if (!text)
        return complain(ret_trouble, path, "out of memory");
    bytes = fread(text, 1, room, file);
    if (ferror(file))
        verdict = complain(ret_trouble, path, strerror(errno));
    else
        verdict = config_parse(config, span_of(text, bytes), path, ret_trouble);
    free(text);
    return verdict;
}

/* Never a pipe: reading would wait for somebody. /dev/null is how one masks a file. */
static bool is_readable(int fd, const char **ret_why)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        *ret_why = strerror(errno);
        return false;
    }
    *ret_why = S_ISDIR(st.st_mode) ? strerror(EISDIR) : "is no regular file";
    return S_ISREG(st.st_mode) || S_ISCHR(st.st_mode);
}

/* *ret_is_there may be NULL: then it must be. */
static enum config_verdict read_file(struct config *config, const char *path, bool *ret_is_there,
                                     struct config_trouble *ret_trouble)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum config_verdict verdict;
    const char *why = "";
    FILE *file;

    if (ret_is_there)
        *ret_is_there = fd >= 0 || errno != ENOENT;
    if (fd < 0 && ret_is_there && !*ret_is_there)
        return CONFIG_OK;
    if (fd < 0)
        return complain(ret_trouble, path, strerror(errno));
    file = is_readable(fd, &why) ? fdopen(fd, "r") : NULL;
    if (!file) {
        (void)close(fd); /* it was only looked at */
        return complain(ret_trouble, path, *why ? why : "out of memory");
    }
    verdict = read_stream(config, file, path, ret_trouble);
    (void)fclose(file); /* it was only read */
    return verdict;
}

/* ---- fragments ---- */

static int is_fragment(const struct dirent *entry)
{
    size_t bytes = strlen(entry->d_name);

    return entry->d_name[0] != '.' && bytes > 5 && !strcmp(entry->d_name + bytes - 5, ".conf");
}

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* False: there is no room for it. */
static bool keep_fragment(struct fragments *fragments, const char *folder, const char *name)
{
    char *path;

    for (unsigned i = 0; i < fragments->count; i++)
        if (strcmp(name_of(fragments->paths[i]), name) == 0)
            return true; /* masked */
    if (fragments->count == FRAGMENTS_MAX || asprintf(&path, "%s/%s", folder, name) < 0)
        return false;
    fragments->paths[fragments->count++] = path;
    return true;
}

/* A folder that is there and cannot be read is no empty one: what it forbids would be allowed. */
static enum config_verdict find_fragments(struct fragments *fragments, const char *folder,
                                          struct config_trouble *ret_trouble)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_fragment, alphasort);
    bool fits = true;

    if (count < 0 && errno != ENOENT && errno != ENOTDIR)
        return complain(ret_trouble, folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        fits &= keep_fragment(fragments, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return fits ? CONFIG_OK : complain(ret_trouble, folder, "there are too many files");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(name_of(*(char *const *)a), name_of(*(char *const *)b));
}

/* verdict is that of finding them. */
static enum config_verdict read_fragments(struct config *config, struct fragments *fragments,
                                          enum config_verdict verdict,
                                          struct config_trouble *ret_trouble)
{
    if (fragments->count)
        qsort(fragments->paths, fragments->count, sizeof(fragments->paths[0]), by_name);
    for (unsigned i = 0; i < fragments->count; i++) {
        if (verdict == CONFIG_OK)
            verdict = read_file(config, fragments->paths[i], NULL, ret_trouble);
        free(fragments->paths[i]);
    }
    return verdict;
}

/* ---- folders ---- */

static void add_folder(struct config_folders *folders, const char *parent)
{
    char path[CONFIG_PATH_ROOM];
    int bytes = snprintf(path, sizeof(path), "%s/hauld", parent);

    if (parent[0] != '/' || bytes >= (int)sizeof(path))
        return; /* a relative one counts as not set (XDG base directories) */
    for (unsigned i = 0; i < folders->count; i++)
        if (strcmp(folders->paths[i], path) == 0)
            return;
    strcpy(folders->paths[folders->count++], path);
}

void config_folders_find(struct config_folders *folders)
{
    const char *own = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[CONFIG_PATH_ROOM];

    folders->count = 0;
    if (geteuid() != 0 && own && *own) {
        add_folder(folders, own);
    } else if (geteuid() != 0 && home && *home) {
        (void)snprintf(path, sizeof(path), "%s/.config", home);
        add_folder(folders, path);
    }
    add_folder(folders, HAUL_SYSCONFDIR);
    add_folder(folders, "/etc");
    add_folder(folders, "/run");
    add_folder(folders, "/usr/local/lib");
    add_folder(folders, "/usr/lib");
}

enum config_verdict config_files_read(struct config *config, const struct config_folders *folders,
                                      struct config_trouble *ret_trouble)
{
    char path[CONFIG_PATH_ROOM + 32];
    struct fragments fragments = { .count = 0 };
    enum config_verdict verdict = CONFIG_OK;
    bool is_there = false;

    for (unsigned i = 0; i < folders->count && !is_there; i++) {
        (void)snprintf(path, sizeof(path), "%s/" MAIN_NAME, folders->paths[i]);
        verdict = read_file(config, path, &is_there, ret_trouble);
    }
    if (verdict != CONFIG_OK)
        return verdict;
    for (unsigned i = 0; i < folders->count && verdict == CONFIG_OK; i++) {
        (void)snprintf(path, sizeof(path), "%s/" MAIN_NAME ".d", folders->paths[i]);
        verdict = find_fragments(&fragments, path, ret_trouble);
    }
    return read_fragments(config, &fragments, verdict, ret_trouble);
}

enum config_verdict config_files_read_named(struct config *config, const char *path,
                                            struct config_trouble *ret_trouble)
{
    struct fragments fragments = { .count = 0 };
    char folder[CONFIG_PATH_ROOM + 32];
    enum config_verdict verdict = read_file(config, path, NULL, ret_trouble);

    if (verdict != CONFIG_OK)
        return verdict;
    (void)snprintf(folder, sizeof(folder), "%s.d", path);
    verdict = find_fragments(&fragments, folder, ret_trouble);
    return read_fragments(config, &fragments, verdict, ret_trouble);
}
