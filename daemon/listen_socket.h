/*
 * listen_socket.h - makes the socket that clients connect to (unix(7)).
 */
#ifndef HAULD_LISTEN_SOCKET_H
#define HAULD_LISTEN_SOCKET_H

/* A listening stream socket at path, mode 0660, its folder made if missing; a socket file that
 * nobody listens on is replaced. A descriptor, or -errno: -EADDRINUSE when another daemon answers
 * there, -EEXIST when path is something else. */
int listen_socket_open(const char *path);

#endif
