/*
 * say.c - stderr. Bytes that came from outside are made harmless for a terminal.
 */
#include "say.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2048
#define ERASE_LINE "\r\033[K"

static bool wants_color(const struct options *options)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if (options->color != COLOR_AUTO)
        return options->color == COLOR_ALWAYS;
    return isatty(STDERR_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

/* One whose cursor can be sent back to the start of a line. */
static bool is_moving_terminal(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void say_init(struct say *say, const struct options *options)
{
    *say = (struct say){
        .wants_warnings = !options->quiet,
        .wants_errors = !options->quiet && (!options->silent || options->show_error),
        .wants_notes = !options->quiet && !options->silent,
        .is_verbose = options->verbose && !options->quiet,
        .is_terminal = is_moving_terminal(),
        .is_colored = wants_color(options),
    };
}

/* stderr is the last resort: when it fails there is nobody left to tell. */
static void write_all(struct span text)
{
    while (text.bytes) {
        ssize_t wrote = write(STDERR_FILENO, text.data, text.bytes);

        if (wrote <= 0)
            return;
        span_advance(&text, (size_t)wrote);
    }
}

__attribute__((format(printf, 2, 0))) static void say_line(struct say *say, const char *format,
                                                           va_list args)
{
    char line[LINE_BYTES_MAX] = "haul: ";
    const size_t prefix = 6;
    int bytes = vsnprintf(line + prefix, sizeof(line) - prefix - 1, format, args);
    size_t end;

    if (bytes < 0)
        return;
    end = prefix + (size_t)bytes;
    if (end > sizeof(line) - 2)
        end = sizeof(line) - 2;
    for (size_t i = prefix; i < end; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[end] = '\n';
    say_progress(say, span_of("", 0));
    write_all(span_of(line, end + 1));
}

void say_error(struct say *say, const char *format, ...)
{
    va_list args;

    if (!say->wants_errors)
        return;
    va_start(args, format);
    say_line(say, format, args);
    va_end(args);
}

void say_warning(struct say *say, const char *format, ...)
{
    va_list args;

    if (!say->wants_warnings)
        return;
    va_start(args, format);
    say_line(say, format, args);
    va_end(args);
}

void say_note(struct say *say, const char *format, ...)
{
    va_list args;

    if (!say->wants_notes)
        return;
    va_start(args, format);
    say_line(say, format, args);
    va_end(args);
}

void say_text(struct say *say, struct span text)
{
    say_progress(say, span_of("", 0));
    write_all(text);
}

void say_block(struct say *say, struct span text)
{
    if (!say->wants_notes)
        return;
    say_progress(say, span_of("", 0));
    write_all(text);
}

void say_verbose(struct say *say, struct span text)
{
    if (!say->is_verbose)
        return;
    say_progress(say, span_of("", 0));
    write_all(text);
}

void say_progress(struct say *say, struct span line)
{
    if (!say->has_progress && line.bytes == 0)
        return;
    write_all(SPAN_LITERAL(ERASE_LINE));
    write_all(line);
    say->has_progress = line.bytes > 0;
}
