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

#endif
