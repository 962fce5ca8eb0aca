/*
 * log.c - the journal's view and the terminal's view of one line.
 *
 * When stderr is a stream of the journal, each line begins with its priority in angle brackets
 * (sd-daemon(3)) and the journal adds name and time; everywhere else it begins with "hauld:
 * level:". The journal sets JOURNAL_STREAM to device and inode of the stream it opened, and a shell
 * may have redirected stderr since: so both are compared with what stderr is now.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2048

static struct {
    enum log_level level;
    bool in_journal;
} log_state = { .level = LOG_LEVEL_INFO };

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
    log_state.level = level;
    log_state.in_journal = stderr_is_journal();
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

void log_line(enum log_level level, const char *format, ...)
{
    int saved_errno = errno;
    char line[LINE_BYTES_MAX];
    size_t used, begin;
    va_list arguments;

    if (!log_is_on(level))
        return;
    if (log_state.in_journal)
        used = written(snprintf(line, sizeof(line), "<%d>", (int)level), sizeof(line));
    else
        used =
            written(snprintf(line, sizeof(line), "hauld: %s: ", level_name(level)), sizeof(line));
    begin = used;
    va_start(arguments, format);
    used += written(vsnprintf(line + used, sizeof(line) - used, format, arguments),
                    sizeof(line) - used);
    va_end(arguments);
    for (size_t i = begin; i < used; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    line[used] = '\n'; /* in the place of the NUL */
    /* Nobody is left to be told when stderr is gone. */
    if (write(STDERR_FILENO, line, used + 1) < 0) {
    }
    errno = saved_errno;
}
