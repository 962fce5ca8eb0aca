/*
 * good_frames.h - one well-formed frame of each type that has a payload, all their parts used.
 *
 * Tests spoil them, seed corpora are written from them.
 */
#ifndef HAUL_GOOD_FRAMES_H
#define HAUL_GOOD_FRAMES_H

#include "message.h"

#define GOOD_FRAME_BYTES_MAX 512u

enum good_frame {
    GOOD_PROFILE,
    GOOD_BATCH_BEGIN,
    GOOD_BATCH_END,
    GOOD_REQUEST,
    GOOD_CREDIT,
    GOOD_HEAD,
    GOOD_DATA,
    GOOD_RESULT,
    GOOD_BATCH_DONE,
    GOOD_GOAWAY,
    GOOD_ERROR,
    GOOD_COOKIE,
    GOOD_COOKIE_BACK,
    GOOD_FRAME_COUNT
};

/* Writes the frame with the encoder of its type; returns its length. */
size_t good_frame_put(enum good_frame kind, char *out);

/* Bytes of the frame that its decoder needs, header included; the rest is padding. */
size_t good_frame_used_bytes(enum good_frame kind);

/* Runs the decoder of that type and drops what it returns. */
message_error good_frame_decode(enum good_frame kind, const struct frame *frame);

/* The frame whose header is at bytes. */
struct frame frame_of_bytes(const char *bytes, size_t payload_bytes);

#endif
