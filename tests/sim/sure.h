/*
 * sure.h - memory of the tests' own machinery: there is always some.
 *
 * By another way than malloc, so that a test which lets malloc fail (test_torture.c) fails what it
 * is about and not itself.
 */
#ifndef HAUL_SURE_H
#define HAUL_SURE_H

#include <stdlib.h>
#include <string.h>

static inline void *sure_realloc(void *memory, size_t bytes)
{
    void *moved = reallocarray(memory, 1, bytes > 0 ? bytes : 1);

    if (!moved)
        abort();
    return moved;
}

static inline void *sure_malloc(size_t bytes)
{
    return sure_realloc(NULL, bytes);
}

static inline void *sure_calloc(size_t count, size_t bytes)
{
    return memset(sure_malloc(count * bytes), 0, count * bytes);
}

#endif
