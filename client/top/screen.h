/*
 * screen.h - the terminal as a sheet that is drawn anew, and given back as it was.
 *
 * While it is open keys come one by one and are not shown, and the cursor is hidden; Ctrl-C and its
 * kin stay signals. Signals are blocked and read from signal_fd, so that none can end the process
 * between two steps and leave the terminal changed.
 */
#ifndef HAUL_SCREEN_H
#define HAUL_SCREEN_H

#include "span.h"

#include <termios.h>

struct screen {
    struct termios before; /* valid iff is_open */
    int signal_fd;
    bool is_open;
    unsigned width;
    unsigned height;
};

/* Only the signals: those that end a program, and, if wants_all, those about the terminal too. Ones
 * that were ignored when the program began stay ignored. 0 or -errno. */
int screen_init(struct screen *screen, bool wants_all);
void screen_deinit(struct screen *screen);

/* The next signal that has come, or 0. */
int screen_take_signal(struct screen *screen);

/* Whether standard output is a terminal that can be drawn upon. */
bool screen_is_possible(void);

/* Takes the terminal over: 0 or -errno. screen_close gives it back; fine when it is not open. */
int screen_open(struct screen *screen);
void screen_close(struct screen *screen);

/* Looks how large it is now. */
void screen_measure(struct screen *screen);

/* Draws lines, each with its LF, as many as fit, over what was there. False: the terminal is gone,
 * or the user has sent a signal while it took nothing. */
bool screen_draw(struct screen *screen, struct span lines);

/* Gives the terminal back and stops, as Ctrl-Z means it; takes it over when told to go on. */
int screen_stop(struct screen *screen);

/* All of it to standard output. False as above. */
bool screen_print(struct span text);

#endif
