/*
 * cmd_top.c - haul top: what a daemon does right now, looked at again and again.
 *
 * One connection is asked at each tick; what it answers is compared with the answer before. The
 * daemon may be restarted meanwhile: for GONE_NS a socket that nobody answers at is tried again,
 * and what was seen last stays on the screen with a word about it. On a terminal a daemon that has
 * taken our question and is silent is waited for without end: the one who looks decides.
 */
#include "verbs.h"

#include "clock.h"
#include "control_call.h"
#include "interrupt.h"
#include "screen.h"
#include "top_frame.h"
#include "top_link.h"
#include "units.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define INTERVAL_MIN_NS (SECOND_NS / 10)
/* How long a restart may take, and an answer, if it is the first or there is no screen. */
#define GONE_NS (5 * SECOND_NS)
#define SILENT_NS (5 * SECOND_NS)
#define NOTICE_NS (10 * SECOND_NS)
#define NOTICE_BYTES 160u
#define KEY_CTRL_L 0x0c

struct top {
    const struct command *command;
    struct say mute; /* for tries that may fail */
    struct screen screen;
    struct top_link link;
    struct top_sample before, now;
    struct top_rates rates;
    struct text frame;
    char notice[NOTICE_BYTES];
    uint64_t notice_until_ns;
    uint64_t interval_ns;
    uint64_t due_ns;  /* the next tick */
    uint64_t seen_ns; /* when the daemon answered last, or we began */
    uint64_t frames_left;
    bool is_live; /* on a screen */
    bool has_sample;
    bool is_colored;
    bool is_done;
    int exit;
};

static void end_with(struct top *top, int exit)
{
    top->is_done = true;
    top->exit = exit;
}

__attribute__((format(printf, 3, 4))) static void notice(struct top *top, uint64_t until_ns,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(top->notice, sizeof(top->notice), format, args);
    va_end(args);
    top->notice_until_ns = until_ns;
}

/* ---- what is shown ---- */

static void write_frame(struct top *top)
{
    struct top_frame frame = {
        .sample = &top->now,
        .rates = &top->rates,
        .notice = clock_ns(CLOCK_MONOTONIC) < top->notice_until_ns ? top->notice : NULL,
        .width = top->is_live ? top->screen.width : 0,
        .height = top->is_live ? top->screen.height : 0,
        .is_colored = top->is_colored,
    };

    text_clear(&top->frame, SIZE_MAX);
    top_frame_write(&top->frame, &frame);
}

static void draw(struct top *top)
{
    if (!top->is_live || !top->screen.is_open || !top->has_sample)
        return;
    write_frame(top);
    if (!screen_draw(&top->screen, text_span(&top->frame)))
        end_with(top, EXITS_INTERRUPTED);
}

/* A frame for scripts, a blank line after it if there is a next. */
static void print(struct top *top)
{
    bool is_last = top->frames_left == 1;

    write_frame(top);
    if (!is_last)
        text_put_char(&top->frame, '\n');
    if (!screen_print(text_span(&top->frame)))
        end_with(top, interrupt_is_pending() ? EXITS_INTERRUPTED : EXITS_FAILED);
    else if (is_last)
        end_with(top, EXITS_OK);
    if (top->frames_left)
        top->frames_left--;
}

static void open_screen(struct top *top)
{
    int r = screen_open(&top->screen);

    if (r < 0) {
        say_error(top->command->say, "the terminal cannot be set: %s", strerror(-r));
        end_with(top, EXITS_FAILED);
    }
}

/* ---- the daemon ---- */

/* Who may not use the daemon is told so before it hangs up. */
static bool is_refused(struct top *top)
{
    yyjson_doc *answer = top->link.answers[TOP_DESCRIBE];
    struct control_answer taken;

    if (!yyjson_obj_get(yyjson_doc_get_root(answer), "error"))
        return false;
    top->link.answers[TOP_DESCRIBE] = NULL;
    screen_close(&top->screen);
    end_with(top, control_take(top->command->say, answer, &taken));
    return true;
}

/* It hangs up, or nobody listens. Not for long, or it is the end. */
static void on_gone(struct top *top, int error, uint64_t now_ns)
{
    char time[UNITS_TEXT_BYTES];
    int fd;

    if (is_refused(top))
        return;
    top_link_close(&top->link);
    if (top->has_sample && now_ns - top->seen_ns < GONE_NS) {
        notice(top, UINT64_MAX, "hauld is gone, since %s: looking for the next",
               units_format_duration(now_ns - top->seen_ns, time, sizeof(time)));
        draw(top);
        return;
    }
    screen_close(&top->screen);
    fd = control_connect(top->command->options, top->command->say); /* says why not */
    if (fd >= 0) {
        (void)close(fd); /* nothing was said over it */
        say_error(top->command->say, "the daemon hangs up: %s", strerror(error));
    }
    end_with(top, EXITS_UNREACHABLE);
}

static void on_silence(struct top *top, uint64_t now_ns)
{
    char time[UNITS_TEXT_BYTES];
    uint64_t silent_ns = now_ns - top->seen_ns;

    if ((!top->is_live || !top->has_sample) && silent_ns > SILENT_NS) {
        say_error(top->command->say, "the daemon does not answer: %s; %s", strerror(ETIMEDOUT),
                  "it hangs, or another takes its place: see `haul doctor`");
        end_with(top, EXITS_UNREACHABLE);
        return;
    }
    notice(top, UINT64_MAX, "hauld does not answer, since %s",
           units_format_duration(silent_ns, time, sizeof(time)));
    draw(top);
}

static void ask(struct top *top, uint64_t now_ns)
{
    int fd, r;

    if (top->link.fd < 0) {
        fd = control_connect(top->command->options,
                             top->has_sample ? &top->mute : top->command->say);
        if (fd < 0 && !top->has_sample) {
            end_with(top, EXITS_UNREACHABLE);
            return;
        }
        if (fd < 0) {
            on_gone(top, ENOENT, now_ns);
            return;
        }
        top_link_open(&top->link, fd);
    }
    r = top_link_ask(&top->link);
    if (r < 0)
        on_gone(top, -r, now_ns);
}

static void on_tick(struct top *top, uint64_t now_ns)
{
    top->due_ns += top->interval_ns;
    if (top->due_ns <= now_ns)
        top->due_ns = now_ns + top->interval_ns; /* we were stopped */
    if (top_link_is_waiting(&top->link))
        on_silence(top, now_ns);
    else
        ask(top, now_ns);
}

/* The parameters of one answer; owned by the link. NULL: it is an error. */
static yyjson_val *parameters_of(const struct top *top, enum top_question question,
                                 const char **ret_error)
{
    yyjson_val *root = yyjson_doc_get_root(top->link.answers[question]);

    *ret_error = yyjson_get_str(yyjson_obj_get(root, "error"));
    return *ret_error ? NULL : yyjson_obj_get(root, "parameters");
}

static bool read_answers(struct top *top, struct top_sample *ret_sample)
{
    const char *describe_error, *metrics_error, *origins_error;
    yyjson_val *describe = parameters_of(top, TOP_DESCRIBE, &describe_error);
    yyjson_val *metrics = parameters_of(top, TOP_METRICS, &metrics_error);
    yyjson_val *origins = parameters_of(top, TOP_ORIGINS, &origins_error);
    yyjson_val *text = yyjson_obj_get(metrics, "text");
    bool is_denied =
        origins_error && strcmp(origins_error, "io.haul.Manager.PermissionDenied") == 0;

    return top_sample_read(ret_sample, describe,
                           span_of(yyjson_get_str(text), yyjson_get_len(text)), origins,
                           is_denied ? TOP_ORIGINS_DENIED : TOP_ORIGINS_UNKNOWN);
}

static void on_answers(struct top *top)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    struct top_sample sample;
    char up[UNITS_TEXT_BYTES];

    if (!read_answers(top, &sample)) {
        screen_close(&top->screen);
        say_error(top->command->say,
                  "the daemon's answers are not those of a hauld, or it is older than this haul");
        end_with(top, EXITS_FAILED);
        return;
    }
    top_sample_deinit(&top->before);
    top->before = top->now;
    top->now = sample;
    top_rates(top->has_sample ? &top->before : NULL, &top->now, &top->rates);
    top->seen_ns = now_ns;
    if (top->notice_until_ns == UINT64_MAX)
        top->notice_until_ns = 0;
    if (top->rates.restarted)
        notice(top, now_ns + NOTICE_NS,
               "hauld restarted: it was pid %llu, up %s; its counters begin anew",
               (unsigned long long)top->before.pid,
               units_format_duration(top->before.uptime_ns, up, sizeof(up)));
    if (!top->has_sample && top->is_live)
        open_screen(top);
    if (top->has_sample && !top->is_live)
        print(top);
    top->has_sample = true;
    draw(top);
}

/* ---- the user ---- */

static void on_signal(struct top *top, int number)
{
    switch (number) {
    case SIGWINCH:
        screen_measure(&top->screen);
        draw(top);
        break;
    case SIGTSTP:
    case SIGCONT: /* whoever had the terminal meanwhile has set it */
        if (number == SIGTSTP ? screen_stop(&top->screen) < 0 : !top->screen.is_open)
            break;
        if (number == SIGCONT)
            screen_close(&top->screen);
        open_screen(top);
        draw(top);
        break;
    default:
        end_with(top, EXITS_INTERRUPTED);
    }
}

static void on_key(struct top *top)
{
    unsigned char key = 0;

    if (read(STDIN_FILENO, &key, 1) <= 0)
        end_with(top, EXITS_INTERRUPTED); /* the terminal is gone */
    else if (key == 'q' || key == 'Q')
        end_with(top, EXITS_OK);
    else if (key == KEY_CTRL_L)
        draw(top);
}

static void wait_for_any(struct top *top, uint64_t now_ns)
{
    bool has_keys = top->screen.is_open && isatty(STDIN_FILENO);
    struct pollfd fds[] = {
        { .fd = top->screen.signal_fd, .events = POLLIN },
        { .fd = top->link.fd, .events = POLLIN },
        { .fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN },
    };
    uint64_t wait_ns = top->due_ns - now_ns;
    struct timespec timeout = { .tv_sec = (time_t)(wait_ns / SECOND_NS),
                                .tv_nsec = (long)(wait_ns % SECOND_NS) };
    int number, r;

    if (ppoll(fds, sizeof(fds) / sizeof(fds[0]), &timeout, NULL) <= 0)
        return;
    while (fds[0].revents && !top->is_done && (number = screen_take_signal(&top->screen)))
        on_signal(top, number);
    if (fds[2].revents && !top->is_done)
        on_key(top);
    if (!fds[1].revents || top->is_done)
        return;
    r = top_link_read(&top->link);
    if (r < 0)
        on_gone(top, -r, clock_ns(CLOCK_MONOTONIC));
    else if (r > 0)
        on_answers(top);
}

static void run(struct top *top)
{
    top->seen_ns = top->due_ns = clock_ns(CLOCK_MONOTONIC);
    while (!top->is_done) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

        if (interrupt_is_pending()) /* it came during a write */
            end_with(top, EXITS_INTERRUPTED);
        else if (now_ns >= top->due_ns)
            on_tick(top, now_ns);
        else
            wait_for_any(top, now_ns);
    }
}

static bool wants_color(const struct options *options)
{
    const char *no_color = getenv("NO_COLOR");

    if (options->color != COLOR_AUTO)
        return options->color == COLOR_ALWAYS;
    return !(no_color && *no_color);
}

int cmd_top(const struct command *command)
{
    static struct top top; /* too large for a stack */
    const struct options *options = command->options;
    int r;

    if (control_check(options, command->say) != EXITS_OK)
        return EXITS_USAGE;
    if (options->interval_ns && options->interval_ns < INTERVAL_MIN_NS) {
        say_error(command->say, "--interval is at least 100ms");
        return EXITS_USAGE;
    }
    top = (struct top){
        .command = command,
        .mute = *command->say,
        .interval_ns = options->interval_ns ? options->interval_ns : SECOND_NS,
        .frames_left = options->once ? 1 : options->frames,
        .is_live = !options->once && !options->frames && screen_is_possible(),
    };
    top.mute.wants_errors = top.mute.wants_warnings = top.mute.wants_notes = false;
    top.is_colored = top.is_live && wants_color(options);
    top_link_init(&top.link);
    text_init(&top.frame);
    r = screen_init(&top.screen, top.is_live);
    if (r < 0)
        say_error(command->say, "signals cannot be read: %s", strerror(-r));
    else
        run(&top);
    screen_deinit(&top.screen);
    top_link_close(&top.link);
    top_sample_deinit(&top.before);
    top_sample_deinit(&top.now);
    text_deinit(&top.frame);
    return r < 0 ? EXITS_FAILED : top.exit;
}
