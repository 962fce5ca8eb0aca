/*
 * why.c - lines for the user.
 */
#include "why.h"

#include <stdarg.h>
#include <stdio.h>

char *why_format(const char *format, ...)
{
    va_list args;
    char *why;

    va_start(args, format);
    if (vasprintf(&why, format, args) < 0)
        why = NULL;
    va_end(args);
    return why;
}

bool why_fail(char **ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(ret_why, format, args) < 0)
        *ret_why = NULL;
    va_end(args);
    return false;
}
