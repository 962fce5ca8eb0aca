/*
 * log_journal.h - the journal's native protocol: a line with fields that can be searched.
 *
 * One datagram per line, to a path that is a parameter: LOG_JOURNAL_SOCKET, or a test's own.
 */
#ifndef HAULD_LOG_JOURNAL_H
#define HAULD_LOG_JOURNAL_H

#include "log.h"
#include "span.h"

#include <sys/un.h>

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

struct log_journal {
    int fd; /* -1: closed */
    struct sockaddr_un address;
    uint64_t lost; /* lines that it had no room for, not yet told */
};

/* 0 or -errno; the journal need not be there yet. */
int log_journal_open(struct log_journal *journal, const char *path);
void log_journal_close(struct log_journal *journal);

/* Never waits. False: the journal is not there, and the line is to go elsewhere. A line that it has
 * no room for is lost; how many were is a line of its own before the next that gets through. */
bool log_journal_send(struct log_journal *journal, enum log_level level, struct span message,
                      const struct log_about *about);

/* One field at out, which has room for name, value and LOG_JOURNAL_FIELD_BYTES: NAME=VALUE and LF,
 * or, for a value with a LF in it, NAME, LF, its length in 64 bits, VALUE and LF. Returns the
 * bytes. */
#define LOG_JOURNAL_FIELD_BYTES 10u
size_t log_journal_field(char *out, const char *name, struct span value);

#endif
