/*
 * response_cookies.c - values one behind the other, as fields in wire form without a name.
 *
 * A value comes in pieces, and where it ends without white space is known last: its size is filled
 * in then. One that does not fit is forgotten, and shorter ones behind it may still fit.
 */
#include "response_cookies.h"

#include "wire.h"

#include <errno.h>
#include <stdlib.h>

#define CAPACITY_FIRST 512u

/* Room for bytes more; sets is_too_long instead when that would pass the bound. */
static int response_cookies_reserve(struct response_cookies **cookies, size_t bytes)
{
    struct response_cookies *grown = *cookies;
    size_t needed = grown->at_bytes + bytes;
    size_t capacity = grown->capacity;

    if (needed > RESPONSE_COOKIES_BYTES_MAX)
        grown->is_too_long = true;
    if (grown->is_too_long || needed <= capacity)
        return 0;
    while (capacity < needed)
        capacity *= 2;
    grown = realloc(grown, sizeof(*grown) + capacity);
    if (!grown)
        return -ENOMEM;
    grown->capacity = (uint32_t)capacity;
    *cookies = grown;
    return 0;
}

int response_cookies_begin(struct response_cookies **cookies)
{
    int r;

    if (!*cookies) {
        *cookies = malloc(sizeof(**cookies) + CAPACITY_FIRST);
        if (!*cookies)
            return -ENOMEM;
        **cookies = (struct response_cookies){ .capacity = CAPACITY_FIRST };
    }
    (*cookies)->is_too_long = false;
    (*cookies)->at_bytes = (*cookies)->bytes;
    r = response_cookies_reserve(cookies, sizeof(struct wire_field));
    if (r == 0 && !(*cookies)->is_too_long)
        (*cookies)->at_bytes += (uint32_t)sizeof(struct wire_field);
    return r;
}

int response_cookies_add(struct response_cookies **cookies, struct span piece)
{
    int r = response_cookies_reserve(cookies, piece.bytes);
    struct response_cookies *kept = *cookies;

    if (r < 0 || kept->is_too_long || piece.bytes == 0)
        return r;
    memcpy(kept->data + kept->at_bytes, piece.data, piece.bytes);
    kept->at_bytes += (uint32_t)piece.bytes;
    return 0;
}

void response_cookies_end(struct response_cookies *cookies, uint32_t value_bytes)
{
    const struct wire_field sizes = { .value_bytes = value_bytes };

    if (cookies->is_too_long)
        return;
    memcpy(cookies->data + cookies->bytes, &sizes, sizeof(sizes));
    cookies->bytes += (uint32_t)sizeof(sizes) + value_bytes;
}
