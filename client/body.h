/*
 * body.h - where the body of one item goes on our side of the socket.
 */
#ifndef HAUL_BODY_H
#define HAUL_BODY_H

#include "file.h"
#include "hash.h"
#include "output.h"
#include "text.h"

enum body_kind {
    BODY_DISCARD,     /* the daemon counts it, nothing arrives */
    BODY_HASH,        /* arrives for its hash only */
    BODY_OUTPUT,      /* to standard output */
    BODY_FILE,        /* arrives and is written to a file, opened with its first byte */
    BODY_DAEMON_FILE, /* the daemon writes it to the file we opened */
    BODY_INLINE,      /* kept for the record */
};

struct body {
    enum body_kind kind;
    bool is_dropped;     /* nothing more is wanted: -f and a status of 400 or more, or an error */
    int error;           /* positive errno of the first failure of ours */
    uint64_t bytes;      /* taken so far, headers of -i included */
    uint64_t head_bytes; /* of them, those before the body that is on its way */
    uint64_t size;       /* of that body, if its header says so and it comes as it is; else 0 */
    char *path;          /* of a file, as the record shows it; owned */
    bool is_below; /* path came from elsewhere: it is opened below its first directory_bytes */
    size_t directory_bytes; /* 0 = the current directory; else they end in '/' */
    bool keeps_part;        /* -C: what came of a body that broke off is kept, for the next time */
    uint64_t offset;        /* -C: bytes that the file has already; 0 = none */
    bool is_resumed;        /* what comes goes behind them */
    struct file file;
    struct hash *hash;               /* of what arrives; NULL = not wanted; owned */
    char hash_text[HASH_TEXT_BYTES]; /* filled by body_check_hash */
    char *expect_hash;               /* NULL = none; owned */
    struct text kept;                /* of BODY_INLINE */
};

#define BODY_INIT ((struct body){ .kind = BODY_DISCARD, .file = FILE_INIT })

/* A body of kind; path is copied, NULL when there is none. 0 or -ENOMEM. */
int body_init(struct body *body, enum body_kind kind, const char *path);
void body_deinit(struct body *body);

/* Wants a hash, and expects this one (copied; NULL = any). Not of a BODY_DISCARD or
 * BODY_DAEMON_FILE: those bytes do not come by here. 0, or what hash_new said. */
int body_want_hash(struct body *body, enum hash_kind kind, const char *expect);

/* The body is whole: fills in hash_text. False: another one was expected. */
bool body_check_hash(struct body *body);

/* Opens the file of a BODY_FILE or BODY_DAEMON_FILE now; done by body_write otherwise. On failure
 * the error is kept and returned as -errno. */
int body_open(struct body *body);

/* Takes bytes that go before the body, as the header of -i: like body_write, but not hashed. */
void body_write_head(struct body *body, struct output *output, struct span bytes);

/* Takes bytes; failures are kept in error and the rest is dropped. */
void body_write(struct body *body, struct output *output, struct span bytes);

/* Bytes of the body on its way, those included that the daemon has written by itself. */
uint64_t body_received(const struct body *body);

/* A new attempt begins. */
void body_restart(struct body *body);

/* The item has ended. Gives a file its name if the body is wanted, else removes it; what was
 * written to a resumed file stays. */
void body_finish(struct body *body, bool is_wanted);

/* The body broke off. Gives its name to what came, if that is to be kept. */
bool body_break_off(struct body *body);

#endif
