/*
 * log_journal.c - fields to a datagram.
 *
 * A message is at most 2 KiB (log.c cuts it, with a mark) and all else is bounded, so that a
 * datagram never outgrows what a socket takes: no memfd is needed. A value that would not fit is
 * left out.
 */
#include "log_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_BYTES 8192u
#define NUMBER_BYTES 24u

struct datagram {
    char bytes[DATAGRAM_BYTES];
    size_t used;
};

size_t log_journal_field(char *out, const char *name, struct span value)
{
    size_t used = strlen(name);
    bool has_lf = memchr(value.data, '\n', value.bytes) != NULL;

    memcpy(out, name, used);
    out[used++] = has_lf ? '\n' : '=';
    for (unsigned i = 0; has_lf && i < 8; i++)
        out[used++] = (char)((uint64_t)value.bytes >> (8 * i));
    memcpy(out + used, value.data, value.bytes);
    used += value.bytes;
    out[used++] = '\n';
    return used;
}

static void add(struct datagram *datagram, const char *name, struct span value)
{
    size_t most = strlen(name) + value.bytes + LOG_JOURNAL_FIELD_BYTES;

    if (most <= sizeof(datagram->bytes) - datagram->used)
        datagram->used += log_journal_field(datagram->bytes + datagram->used, name, value);
}

static void add_number(struct datagram *datagram, const char *name, uint64_t number)
{
    char text[NUMBER_BYTES];

    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    add(datagram, name, span_of_string(text));
}

int log_journal_open(struct log_journal *journal, const char *path)
{
    *journal = (struct log_journal){ .fd = -1, .address.sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(journal->address.sun_path))
        return -ENAMETOOLONG;
    strcpy(journal->address.sun_path, path);
    journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return journal->fd < 0 ? -errno : 0;
}

void log_journal_close(struct log_journal *journal)
{
    if (journal->fd >= 0)
        (void)close(journal->fd); /* of datagrams nothing is left in it */
    journal->fd = -1;
}

static int send_line(const struct log_journal *journal, enum log_level level, struct span message,
                     const struct log_about *about)
{
    struct datagram datagram = { .used = 0 };

    add_number(&datagram, "PRIORITY", level);
    add(&datagram, "SYSLOG_IDENTIFIER", SPAN_LITERAL("hauld"));
    add(&datagram, "MESSAGE", message);
    if (about && about->has_uid)
        add_number(&datagram, "HAUL_UID", about->uid);
    if (about && about->has_item) {
        add_number(&datagram, "HAUL_BATCH", about->batch);
        add_number(&datagram, "HAUL_ITEM", about->item);
    }
    if (about && about->origin)
        add(&datagram, "HAUL_ORIGIN", span_of_string(about->origin));
    if (about && about->fault)
        add(&datagram, "HAUL_FAULT", span_of_string(about->fault));
    if (sendto(journal->fd, datagram.bytes, datagram.used, MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&journal->address, sizeof(journal->address)) < 0)
        return -errno;
    return 0;
}

static int send_lost(struct log_journal *journal)
{
    char text[96];
    int bytes, r;

    if (journal->lost == 0)
        return 0;
    bytes = snprintf(text, sizeof(text), "%" PRIu64 " lines were lost: the journal had no room",
                     journal->lost);
    r = send_line(journal, LOG_LEVEL_WARNING, span_of(text, (size_t)bytes), NULL);
    if (r == 0)
        journal->lost = 0;
    return r;
}

bool log_journal_send(struct log_journal *journal, enum log_level level, struct span message,
                      const struct log_about *about)
{
    int r;

    if (journal->fd < 0)
        return false;
    r = send_lost(journal);
    if (r == 0)
        r = send_line(journal, level, message, about);
    if (r == -EAGAIN || r == -ENOBUFS) {
        journal->lost++;
        return true;
    }
    return r == 0;
}
