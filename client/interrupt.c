/*
 * interrupt.c - signals.
 *
 * The flag below is one of the two mutable globals that the style allows: a handler has no context.
 */
#include "interrupt.h"

#include "exits.h"

#include <stddef.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull

static const int interrupt_signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS_COUNT (sizeof(interrupt_signals) / sizeof(interrupt_signals[0]))

static volatile sig_atomic_t interrupt_count;

static void on_signal(int number)
{
    (void)number; /* all mean the same */
    if (interrupt_count++ > 0)
        _exit(EXITS_INTERRUPTED);
}

static void block(int how, sigset_t *ret_before)
{
    sigset_t set;

    (void)sigemptyset(&set); /* these cannot fail with valid signals */
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        (void)sigaddset(&set, interrupt_signals[i]);
    (void)sigprocmask(how, &set, ret_before);
}

void interrupt_init(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;

    (void)sigaction(SIGPIPE, &ignore, NULL); /* valid signals: cannot fail */
    for (size_t i = 0; i < SIGNALS_COUNT; i++) {
        (void)sigaction(interrupt_signals[i], NULL, &before);
        if (before.sa_handler != SIG_IGN)
            (void)sigaction(interrupt_signals[i], &action, NULL);
    }
    block(SIG_BLOCK, NULL);
}

bool interrupt_is_pending(void)
{
    return interrupt_count > 0;
}

void interrupt_take(void)
{
    if (interrupt_count == 0)
        interrupt_count = 1;
    block(SIG_UNBLOCK, NULL);
}

void interrupt_let_in(sigset_t *ret_held)
{
    block(SIG_UNBLOCK, ret_held);
}

void interrupt_hold(const sigset_t *held)
{
    (void)sigprocmask(SIG_SETMASK, held, NULL); /* valid: cannot fail */
}

int interrupt_poll(struct pollfd *fds, unsigned fds_count, uint64_t timeout_ns)
{
    struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / NS_PER_SECOND),
                                .tv_nsec = (long)(timeout_ns % NS_PER_SECOND) };
    sigset_t open;

    (void)sigprocmask(SIG_SETMASK, NULL, &open); /* only reads: cannot fail */
    for (size_t i = 0; i < SIGNALS_COUNT; i++)
        (void)sigdelset(&open, interrupt_signals[i]);
    return ppoll(fds, fds_count, timeout_ns == UINT64_MAX ? NULL : &timeout, &open);
}
