/*
 * resolve_hosts.c - a sorted array made from a text file.
 *
 * The file is read whole, on the loop: it is small, in the page cache, and read again only when
 * its identity (device, inode, size, time of change) is another. The names stay where they are in
 * the text, made lower case; the array is sorted once, so that a lookup is a binary search that
 * ends on the first line of a name. A name that stands on several lines has all their addresses.
 */
#include "resolve_hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_INTERVAL_NS 1000000000ull
#define NAME_BYTES_MAX 254

int resolve_hosts_init(struct resolve_hosts *hosts, const char *path)
{
    *hosts = (struct resolve_hosts){ .path = strdup(path) };
    return hosts->path ? 0 : -ENOMEM;
}

static void hosts_clear(struct resolve_hosts *hosts)
{
    free(hosts->text);
    free(hosts->entries);
    hosts->text = NULL;
    hosts->entries = NULL;
    hosts->entries_count = 0;
}

void resolve_hosts_deinit(struct resolve_hosts *hosts)
{
    hosts_clear(hosts);
    free(hosts->path);
    hosts->path = NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* Takes the next word of a line; false at its end. */
static bool take_word(struct span *line, struct span *ret_word)
{
    size_t bytes = 0;

    while (line->bytes > 0 && is_blank(line->data[0]))
        span_advance(line, 1);
    while (bytes < line->bytes && !is_blank(line->data[bytes]))
        bytes++;
    *ret_word = span_of(line->data, bytes);
    span_advance(line, bytes);
    return bytes > 0;
}

/* Takes the next line without its comment; false at the end. */
static bool take_line(struct span *text, struct span *ret_line)
{
    const char *end, *comment;

    if (span_is_empty(*text))
        return false;
    end = memchr(text->data, '\n', text->bytes);
    *ret_line = span_of(text->data, end ? (size_t)(end - text->data) : text->bytes);
    span_advance(text, ret_line->bytes + (end ? 1 : 0));
    comment = memchr(ret_line->data, '#', ret_line->bytes);
    if (comment)
        ret_line->bytes = (size_t)(comment - ret_line->data);
    return true;
}

/* An address, for IPv6 perhaps with a numeric scope. */
static bool parse_address(struct span word, struct resolve_address *ret_address)
{
    struct resolve_address address = { 0 };
    char text[64];
    char *scope, *end;

    if (word.bytes >= sizeof(text) || memchr(word.data, '\0', word.bytes))
        return false;
    memcpy(text, word.data, word.bytes);
    text[word.bytes] = '\0';
    scope = strchr(text, '%');
    if (scope) {
        unsigned long number;

        *scope++ = '\0';
        number = strtoul(scope, &end, 10);
        if (!isdigit((unsigned char)*scope) || *end != '\0' || number > UINT32_MAX)
            return false;
        address.scope = (uint32_t)number;
    }
    if (!scope && inet_pton(AF_INET, text, address.bytes) == 1)
        address.family = 4;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.family = 6;
    else
        return false;
    *ret_address = address;
    return true;
}

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int r = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);

    return r != 0 ? r : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static int compare_entries(const void *left, const void *right)
{
    const struct resolve_hosts_entry *a = left, *b = right;
    int r = compare_names(a->name, a->name_bytes, b->name, b->name_bytes);

    return r != 0 ? r : (a->order > b->order) - (a->order < b->order);
}

/* Adds the names of one line; false when there is no memory. */
static bool hosts_add_line(struct resolve_hosts *hosts, struct span line, size_t *room)
{
    struct resolve_address address;
    struct span word;

    if (!take_word(&line, &word) || !parse_address(word, &address))
        return true;
    while (take_word(&line, &word) && hosts->entries_count < RESOLVE_HOSTS_NAMES_MAX) {
        if (word.bytes > 1 && word.data[word.bytes - 1] == '.')
            word.bytes--;
        if (word.bytes > NAME_BYTES_MAX)
            continue;
        if (hosts->entries_count == *room) {
            size_t more = *room ? *room * 2 : 32;
            void *grown = realloc(hosts->entries, more * sizeof(*hosts->entries));

            if (!grown)
                return false;
            hosts->entries = grown;
            *room = more;
        }
        hosts->entries[hosts->entries_count] =
            (struct resolve_hosts_entry){ .name = word.data,
                                          .name_bytes = (uint8_t)word.bytes,
                                          .order = (uint32_t)hosts->entries_count,
                                          .address = address };
        hosts->entries_count++;
    }
    return true;
}

int resolve_hosts_parse(struct resolve_hosts *hosts, struct span text)
{
    size_t room = 0;
    struct span line;

    hosts_clear(hosts);
    if (text.bytes > RESOLVE_HOSTS_BYTES_MAX) {
        /* The last line may be cut: half a name is another name. */
        text.bytes = RESOLVE_HOSTS_BYTES_MAX;
        while (text.bytes > 0 && text.data[text.bytes - 1] != '\n')
            text.bytes--;
    }
    if (span_is_empty(text))
        return 0;
    hosts->text = malloc(text.bytes);
    if (!hosts->text)
        return -ENOMEM;
    for (size_t i = 0; i < text.bytes; i++)
        hosts->text[i] =
            (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20 : text.data[i]);
    text.data = hosts->text;
    while (take_line(&text, &line)) {
        if (!hosts_add_line(hosts, line, &room)) {
            hosts_clear(hosts);
            return -ENOMEM;
        }
    }
    if (hosts->entries_count > 0)
        qsort(hosts->entries, hosts->entries_count, sizeof(*hosts->entries), compare_entries);
    return 0;
}

/* Reads the beginning of fd, one byte more than the bound so that parse sees the cut. */
static int hosts_read(struct resolve_hosts *hosts, int fd, off_t file_bytes)
{
    size_t room =
        file_bytes > RESOLVE_HOSTS_BYTES_MAX ? RESOLVE_HOSTS_BYTES_MAX + 1 : (size_t)file_bytes + 1;
    size_t used = 0;
    char *text = malloc(room);
    int r;

    if (!text)
        return -ENOMEM;
    while (used < room) {
        ssize_t n = read(fd, text + used, room - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* what could be read is what there is */
        used += (size_t)n;
    }
    r = resolve_hosts_parse(hosts, span_of(text, used));
    free(text);
    return r;
}

/* Reads the file again when it is another than last time. */
static void hosts_refresh(struct resolve_hosts *hosts)
{
    struct stat status = { 0 };
    int fd = open(hosts->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        (void)close(fd); /* only read from */
        fd = -1;
    }
    if (fd < 0) {
        hosts_clear(hosts);
        hosts->inode = 0;
        return;
    }
    if (status.st_dev != hosts->device || status.st_ino != hosts->inode ||
        status.st_size != hosts->bytes || status.st_mtim.tv_sec != hosts->modified.tv_sec ||
        status.st_mtim.tv_nsec != hosts->modified.tv_nsec) {
        int r = hosts_read(hosts, fd, status.st_size);

        hosts->device = status.st_dev;
        hosts->inode = r < 0 ? 0 : status.st_ino; /* out of memory: once more in a second */
        hosts->bytes = status.st_size;
        hosts->modified = status.st_mtim;
    }
    (void)close(fd); /* only read from */
}

/* The first entry of name, or entries_count. */
static size_t hosts_find(const struct resolve_hosts *hosts, const char *name, size_t bytes)
{
    size_t low = 0, high = hosts->entries_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct resolve_hosts_entry *entry = &hosts->entries[middle];

        if (compare_names(entry->name, entry->name_bytes, name, bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

unsigned resolve_hosts_lookup(struct resolve_hosts *hosts, struct span name,
                              enum resolve_family family, uint64_t now_ns,
                              struct resolve_address *ret_addresses)
{
    char lower[NAME_BYTES_MAX];
    unsigned count = 0;

    if (hosts->checked_ns == 0 || now_ns - hosts->checked_ns >= CHECK_INTERVAL_NS) {
        hosts_refresh(hosts);
        hosts->checked_ns = now_ns;
    }
    if (name.bytes > 1 && name.data[name.bytes - 1] == '.')
        name.bytes--;
    if (name.bytes > sizeof(lower))
        return 0;
    for (size_t i = 0; i < name.bytes; i++)
        lower[i] =
            (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    for (size_t i = hosts_find(hosts, lower, name.bytes);
         i < hosts->entries_count && count < RESOLVE_ADDRESSES_MAX; i++) {
        const struct resolve_hosts_entry *entry = &hosts->entries[i];

        if (compare_names(entry->name, entry->name_bytes, lower, name.bytes) != 0)
            break;
        if (family == RESOLVE_ANY || (family == RESOLVE_IPV4) == (entry->address.family == 4))
            ret_addresses[count++] = entry->address;
    }
    return count;
}
