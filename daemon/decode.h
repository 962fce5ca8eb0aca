/*
 * decode.h - undoes the codings of a body: gzip, deflate, br, zstd, and chains of them.
 *
 * Pure: bytes in, bytes out, as many as there is room for. Whether a body is good does not depend
 * on how its bytes are cut, nor on the room. How much of a bad one comes out before it is found out
 * does, and whether a chain at the very border of hiding work (below) is.
 *
 *   gzip     RFC 1952. Members one after another are one body. Zero bytes may follow the last one.
 *   deflate  RFC 1950, and bare RFC 1951 as some servers send: the first two bytes tell which.
 *   br       RFC 7932; no large windows.
 *   zstd     RFC 8878 and 9659: windows up to 8 MiB. Frames one after another are one body,
 *            skippable ones are skipped. Formats older than the RFC are refused.
 *
 * No dictionary is known; a stream that needs one is bad. So is one that ends early, has a wrong
 * checksum, or is followed by anything not named above; or a chain in which megabytes pass between
 * two codings and make next to nothing, which only hides work. Deliberately refused, though curl
 * accepts it: zlib's format under the name gzip; up to 4 bytes behind a bare deflate stream.
 * Accepted, though curl does not: several gzip members.
 *
 * Memory of a decoder, at most: 45 KiB per gzip or deflate, 20 MiB per br (the window is up to
 * 16 MiB), 9 MiB per zstd (8 MiB), taken as the stream's own window asks for it; and 16 KiB between
 * two codings. What is touched grows with what is decoded.
 */
#ifndef HAULD_DECODE_H
#define HAULD_DECODE_H

#include "decode_list.h"
#include "fault.h"
#include "span.h"

struct decode;

enum decode_verdict {
    DECODE_NEED_MORE, /* all of *in was taken, all that it brings was written; whether the body
                         may end here, decode_finish says */
    DECODE_AGAIN,     /* call again with the rest of *in, empty or not, and new room; *ret_bytes
                         can be 0, when one call had much to do */
    DECODE_BAD,       /* see decode_fault; final */
};

/* A decoder for the body that list describes, which must be judged DECODE_LIST_CODED. 0, or
 * -ENOMEM. Can be left undone until the first byte of the body is there: an empty body is whole. */
int decode_new(struct decode **ret, const struct decode_list *list);
void decode_free(struct decode *decode);

/* Takes bytes from the front of *in, writes at most room (> 0) to out. *ret_bytes is what was
 * written, with any verdict. The work of one call is bounded by room and by the size of *in; that
 * of a whole body by its size before and after decoding, so that both need a limit: the caller's.
 * DECODE_BAD: http/encoding, or local/no_memory. */
enum decode_verdict decode_step(struct decode *decode, struct span *in, char *out, size_t room,
                                size_t *ret_bytes);

/* The body is over; the last verdict was NEED_MORE, or BAD, or there was none. Is it whole? If not,
 * decode_fault says why. A body of no bytes is whole. */
bool decode_finish(struct decode *decode);

/* Valid until decode_free; not set: no fault. */
const struct fault *decode_fault(const struct decode *decode);

void decode_check(const struct decode *decode);

#endif
