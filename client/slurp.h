/*
 * slurp.h - a whole small file, or standard input, into memory.
 */
#ifndef HAUL_SLURP_H
#define HAUL_SLURP_H

#include "text.h"

/* Appends what is in path ("-" = standard input) to text. Blocks until its end; Ctrl-C gets through
 * and gives -EINTR. 0, -EFBIG when there are more than bytes_max, or another -errno; text has then
 * grown by part of it. */
int slurp(const char *path, size_t bytes_max, struct text *text);

/* The two halves of it: opens path as slurp does (the descriptor, for "-" that of standard input;
 * or -errno), and reads what is left of an open one. */
int slurp_open(const char *path);
int slurp_rest(int fd, size_t bytes_max, struct text *text);

#endif
