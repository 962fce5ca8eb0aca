/*
 * screen.c - a few sequences that every terminal of the last decades knows, in the place of a
 * library: another screen, no cursor, no wrapping; home, erase to the end of the line, erase below.
 *
 * A frame is one write, or a few, so that it does not flicker. Signals are let in while it waits: a
 * reader that takes nothing, or a hung connection, must not make us immortal.
 */
#include "screen.h"

#include "interrupt.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BEGIN "\033[?1049h\033[?25l\033[?7l\033[2J"
#define END "\033[0m\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"
#define WIDTH_DEFAULT 80u
#define HEIGHT_DEFAULT 24u

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP };
static const int terminal_signals[] = { SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH };

/* A blocked signal is kept even when it is to be ignored. */
static void add_signals(sigset_t *set, const int *signals, size_t count)
{
    struct sigaction action;

    for (size_t i = 0; i < count; i++)
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(set, signals[i]);
}

int screen_init(struct screen *screen, bool wants_all)
{
    sigset_t set;

    *screen = (struct screen){ .signal_fd = -1 };
    (void)sigemptyset(&set); /* these cannot fail with valid signals */
    add_signals(&set, ending_signals, sizeof(ending_signals) / sizeof(ending_signals[0]));
    if (wants_all)
        add_signals(&set, terminal_signals, sizeof(terminal_signals) / sizeof(terminal_signals[0]));
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    screen->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return screen->signal_fd < 0 ? -errno : 0;
}

void screen_deinit(struct screen *screen)
{
    screen_close(screen);
    if (screen->signal_fd >= 0)
        (void)close(screen->signal_fd); /* nothing can be lost in it */
    screen->signal_fd = -1;
}

int screen_take_signal(struct screen *screen)
{
    struct signalfd_siginfo info;

    if (read(screen->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        return (int)info.ssi_signo;
    return 0;
}

bool screen_is_possible(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

/* Whether there is room, as opposed to a signal while there was none. */
static bool wait_for_room(void)
{
    struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };

    while (!interrupt_is_pending() && interrupt_poll(&room, 1, UINT64_MAX) < 0)
        ;
    return !interrupt_is_pending();
}

/* A pipe with room has it for PIPE_BUF bytes; only a terminal can block the write then. */
static bool write_all(struct span text, bool may_give_up)
{
    bool goes_on = true;

    while (text.bytes && goes_on && (!may_give_up || wait_for_room())) {
        size_t bytes = text.bytes < PIPE_BUF ? text.bytes : PIPE_BUF;
        sigset_t held;
        ssize_t wrote;

        interrupt_let_in(&held);
        wrote = write(STDOUT_FILENO, text.data, bytes);
        goes_on = wrote >= 0 || errno == EINTR;
        interrupt_hold(&held);
        if (wrote > 0)
            span_advance(&text, (size_t)wrote);
    }
    return text.bytes == 0;
}

bool screen_print(struct span text)
{
    return write_all(text, true);
}

void screen_measure(struct screen *screen)
{
    struct winsize size = { 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){ .ws_col = WIDTH_DEFAULT, .ws_row = HEIGHT_DEFAULT };
    screen->width = size.ws_col;
    screen->height = size.ws_row;
}

/* As they are to be while it is open. Flow control is off: Ctrl-S would stop us in a write. */
static int set_keys(struct screen *screen)
{
    struct termios keys = screen->before;

    keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    keys.c_iflag &= (tcflag_t)~IXON;
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    return tcsetattr(STDOUT_FILENO, TCSADRAIN, &keys) < 0 ? -errno : 0;
}

int screen_open(struct screen *screen)
{
    int r;

    if (screen->is_open)
        return 0;
    if (tcgetattr(STDOUT_FILENO, &screen->before) < 0)
        return -errno;
    r = set_keys(screen);
    if (r < 0)
        return r;
    screen->is_open = true;
    screen_measure(screen);
    return write_all(SPAN_LITERAL(BEGIN), true) ? 0 : -EIO;
}

void screen_close(struct screen *screen)
{
    if (!screen->is_open)
        return;
    screen->is_open = false;
    (void)write_all(SPAN_LITERAL(END), false); /* one that is gone needs nothing */
    (void)tcsetattr(STDOUT_FILENO, TCSAFLUSH, &screen->before);
}

bool screen_draw(struct screen *screen, struct span lines)
{
    struct text out;
    unsigned drawn = 0;
    bool is_drawn;

    text_init(&out);
    text_put_literal(&out, HOME);
    for (; drawn < screen->height && lines.bytes; drawn++) {
        const char *end = memchr(lines.data, '\n', lines.bytes);
        size_t bytes = end ? (size_t)(end - lines.data) : lines.bytes;

        if (drawn > 0)
            text_put_char(&out, '\n');      /* none after the last: it would scroll */
        text_put_literal(&out, ERASE_LINE); /* before: behind a full line it would take of it */
        text_put(&out, lines.data, bytes);
        span_advance(&lines, bytes + (end ? 1 : 0));
    }
    if (drawn < screen->height)
        text_put_literal(&out, "\n" ERASE_BELOW);
    is_drawn = text_has_failed(&out) || write_all(text_span(&out), true); /* no memory: no frame */
    text_deinit(&out);
    return is_drawn;
}

int screen_stop(struct screen *screen)
{
    sigset_t stop;

    screen_close(screen);
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTSTP);
    (void)raise(SIGTSTP); /* blocked: it stops us in the next line */
    (void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    return screen_open(screen);
}
