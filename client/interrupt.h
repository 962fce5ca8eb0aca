/*
 * interrupt.h - Ctrl-C: the first is for the run to act on, the second ends the process at once.
 *
 * Until the first one the signals are blocked except inside interrupt_poll, so none is missed
 * between a look at interrupt_is_pending and the wait.
 */
#ifndef HAUL_INTERRUPT_H
#define HAUL_INTERRUPT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Takes SIGINT, SIGTERM and SIGHUP over and ignores SIGPIPE. A SIGHUP that was ignored when we
 * were started (nohup) stays ignored. */
void interrupt_init(void);

bool interrupt_is_pending(void);

/* The run is being cancelled: from here on a signal ends the process, wherever it is. */
void interrupt_take(void);

/* Lets the signals in around a call that waits outside of interrupt_poll: it then ends with EINTR,
 * and interrupt_is_pending says why. One that comes just before the call is only noted; the next
 * ends the process. */
void interrupt_let_in(sigset_t *ret_held);
void interrupt_hold(const sigset_t *held);

/* ppoll with the signals let in; timeout_ns UINT64_MAX waits for ever. As poll(2): -1 with EINTR
 * when a signal came. */
int interrupt_poll(struct pollfd *fds, unsigned fds_count, uint64_t timeout_ns);

#endif
