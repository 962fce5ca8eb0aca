/*
 * log.c - the journal's view and the terminal's view of one line.
 *
 * When stderr is a stream of the journal, lines go to the journal's socket with their fields
 * (log_journal.h); when that does not take them, to the stream, their priority in angle brackets
 * (sd-daemon(3)). Everywhere else a line begins with "hauld: level:". The journal sets
 * JOURNAL_STREAM to device and inode of the stream it opened, and a shell may have redirected
 * stderr since: so both are compared with what stderr is now.
 */
#include "log.h"

#include "log_journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2048
#define CUT_MARK "..."

static struct {
    enum log_level level;
    bool in_journal;
    struct log_journal journal; /* open iff in_journal */
} log_state = { .level = LOG_LEVEL_INFO, .journal.fd = -1 };

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_init(enum log_level level)
{
    log_init_at(level, LOG_JOURNAL_SOCKET);
}

void log_init_at(enum log_level level, const char *journal_path)
{
    log_state.level = level;
    log_state.in_journal = stderr_is_journal();
    log_journal_close(&log_state.journal);
    if (log_state.in_journal)
        (void)log_journal_open(&log_state.journal, journal_path); /* else to the stream */
}

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

bool log_is_on(enum log_level level)
{
    return level <= log_state.level;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_NOTICE:
        return "notice";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "unknown";
}

/* What snprintf wrote of what it wanted to write. */
static size_t written(int wanted, size_t room)
{
    if (wanted < 0)
        return 0;
    return (size_t)wanted < room ? (size_t)wanted : room - 1;
}

__attribute__((format(printf, 3, 0))) static void write_line(enum log_level level,
                                                             const struct log_about *about,
                                                             const char *format, va_list arguments)
{
    char line[LINE_BYTES_MAX];
    size_t used, begin;
    int wanted;

    if (log_state.in_journal)
        used = written(snprintf(line, sizeof(line), "<%d>", (int)level), sizeof(line));
    else
        used =
            written(snprintf(line, sizeof(line), "hauld: %s: ", level_name(level)), sizeof(line));
    begin = used;
    wanted = vsnprintf(line + used, sizeof(line) - used, format, arguments);
    used += written(wanted, sizeof(line) - used);
    if (wanted > 0 && (size_t)wanted > used - begin)
        memcpy(line + used - strlen(CUT_MARK), CUT_MARK, strlen(CUT_MARK));
    for (size_t i = begin; i < used; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    if (log_state.in_journal &&
        log_journal_send(&log_state.journal, level, span_of(line + begin, used - begin), about))
        return;
    line[used] = '\n'; /* in the place of the NUL */
    /* Nobody is left to be told when stderr is gone. */
    if (write(STDERR_FILENO, line, used + 1) < 0) {
    }
}

void log_about(enum log_level level, const struct log_about *about, const char *format, ...)
{
    int saved_errno = errno;
    va_list arguments;

    if (!log_is_on(level))
        return;
    va_start(arguments, format);
    write_line(level, about, format, arguments);
    va_end(arguments);
    errno = saved_errno;
}
