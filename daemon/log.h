/*
 * log.h - one line per event, to stderr or the journal.
 *
 * The level is the one mutable global of the daemon. Modules below level 10 do not log: they
 * return, and the level with the context writes the line.
 */
#ifndef HAULD_LOG_H
#define HAULD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* syslog's numbers, as config's LogLevel= has them. */
enum log_level {
    LOG_LEVEL_ERR = 3,     /* hauld cannot do what it is there for */
    LOG_LEVEL_WARNING = 4, /* something is clamped, refused or lost */
    LOG_LEVEL_NOTICE = 5,  /* started, stopping, reloaded */
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

/* What a line is about, for whoever searches the journal: its fields HAUL_... No URL: a path or a
 * query may be a secret. */
struct log_about {
    bool has_item;
    uint64_t batch, item; /* the client's ids */
    bool has_uid;
    uint32_t uid;       /* of the client */
    const char *origin; /* NULL: none */
    const char *fault;  /* "connect/refused"; likewise */
};

/* Finds out whether stderr is the journal (JOURNAL_STREAM); call once, before threads. If it is,
 * lines go to the journal's own socket, or, while that is not there, to stderr with their priority.
 * Without it they go to stderr in their plain form, at level info. */
void log_init(enum log_level level);

/* The same with another path of the socket. */
void log_init_at(enum log_level level, const char *journal_path);
void log_set_level(enum log_level level);

/* Whether a line of this level is written: to spare the work of making it. */
bool log_is_on(enum log_level level);

/* Writes one line in one write, cut at 2 KiB with a mark; control characters become '?', so that no
 * text from outside can forge a line. Keeps errno. */
__attribute__((format(printf, 3, 4))) void
log_about(enum log_level level, const struct log_about *about, const char *format, ...);

/* The same of a line that is about nobody. */
#define log_line(level, ...) log_about((level), NULL, __VA_ARGS__)

#endif
