/*
 * date.c - a list of forms, tried one after the other.
 *
 * Rejected: what curl's parser takes beyond them ("2 Jan", "now"). A date that is guessed wrong
 * makes a request that looks right. The program never sets a locale, so names are English.
 */
#include "date.h"

#include <time.h>

static const char *const forms[] = {
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a, %d-%b-%y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y%m%d",
};

/* A day that its month lacks becomes another one. */
static bool is_a_day(const struct tm *written, time_t seconds)
{
    struct tm real;

    return gmtime_r(&seconds, &real) && real.tm_mday == written->tm_mday &&
           real.tm_mon == written->tm_mon;
}

bool date_parse(const char *date, int64_t *ret_seconds)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = { 0 }, copy;
        const char *end = strptime(date, forms[i], &tm);
        long offset;
        time_t seconds;

        if (!end || *end != '\0' || tm.tm_sec > 59)
            continue;
        offset = tm.tm_gmtoff;
        copy = tm;
        seconds = timegm(&copy);
        if (!is_a_day(&tm, seconds))
            continue;
        *ret_seconds = seconds - offset;
        return true;
    }
    return false;
}

void date_put_http(struct text *out, int64_t seconds)
{
    time_t time = seconds;
    struct tm utc;
    char date[64] = "";

    if (gmtime_r(&time, &utc))
        (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc); /* it fits */
    text_put_string(out, date);
}
