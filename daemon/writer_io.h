/*
 * writer_io.h - the system calls of the writer thread, each until it is done or refused.
 *
 * The writer's own; nobody else includes it.
 */
#ifndef HAULD_WRITER_IO_H
#define HAULD_WRITER_IO_H

#include "span.h"

#include <sys/types.h>

/* 0 and the offset to begin at, or -errno: -EISDIR, -EINVAL for what is no regular file or wants
 * aligned writes, -EBADF for what is not open for writing. */
int writer_io_check(int fd, off_t *ret_offset);

/* All of bytes at *offset, which moves along also when the end is an error. 0 or -errno. */
int writer_io_write(int fd, struct span bytes, off_t *offset);

/* Cuts the file to base when *offset is beyond it, and goes back there. 0 or -errno. */
int writer_io_restart(int fd, off_t base, off_t *offset);

#endif
