/*
 * beneath.h - files below a directory, for names that came from elsewhere.
 */
#ifndef HAUL_BENEATH_H
#define HAUL_BENEATH_H

/* Opens the directory below `directory` ("" = the current one) in which path's last part lies, and
 * makes what is missing of it. path is relative, without empty, "." and ".." parts. The directory
 * itself must exist and may be a symlink; nothing below it may be one.
 *
 * 0: *ret_fd is an O_PATH descriptor, *ret_name points to the last part in path. Else -errno:
 * -ELOOP for a symlink, -ENAMETOOLONG before anything is made. */
int beneath_open_parent(const char *directory, const char *path, int *ret_fd,
                        const char **ret_name);

#endif
