/*
 * upload.h - the file or pipe that a client passed as the body of a request.
 */
#ifndef HAULD_UPLOAD_H
#define HAULD_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#define UPLOAD_BYTES_UNKNOWN UINT64_MAX

struct upload {
    int fd;          /* owned */
    bool is_stream;  /* a pipe, a socket, a terminal: its bytes come once, and end when they end */
    bool is_spent;   /* a stream of which bytes were read */
    bool expects;    /* the body waits for 100 (Continue) (RFC 9110 section 10.1.1) */
    uint64_t offset; /* of a file: where the body begins */
    uint64_t bytes;  /* of a file: from there to its end; of a stream UPLOAD_BYTES_UNKNOWN */
};

/* Takes fd over in every case. A file's body begins at the offset that fd has now. 0, or -errno:
 * -EISDIR, -EBADF for what is not open for reading, -ENOMEM. */
int upload_new(int fd, bool expects, struct upload **ret_upload);

/* Nothing reads from it any more. NULL is fine. */
void upload_free(struct upload *upload);

#endif
