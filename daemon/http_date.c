/*
 * http_date.c - three fixed layouts, one calendar.
 *
 * strptime obeys the locale, mktime the time zone, and both take more than the grammar gives. Each
 * form is a pattern here instead, as fixed in its length as in the RFC: a letter stands for what
 * is read there, everything else for itself.
 *
 * A day's name is checked to be one and then forgotten: senders that compute it wrongly still have
 * the date right. Refused: other zones ("UTC", "+0000") and missing zeros, which the grammar has
 * never had.
 */
#include "http_date.h"

#define SECONDS_PER_DAY 86400
#define YEAR_MAX 9999
#define WALL_S_MAX UINT64_C(253402300799) /* the last second of 9999 */

struct date {
    int64_t year;   /* before two_digits is resolved: 0 to 99 */
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
    unsigned hour;
    unsigned minute;
    unsigned second; /* 0 to 60 */
    bool two_digits;
};

static const char days[7][10] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                  "Friday", "Saturday", "Sunday" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Takes exactly digits of them. */
static bool take_number(struct span *text, unsigned digits, unsigned *ret_number)
{
    unsigned number = 0;

    if (text->bytes < digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        unsigned digit = (uint8_t)(text->data[i] - '0');

        if (digit > 9)
            return false;
        number = number * 10 + digit;
    }
    span_advance(text, digits);
    *ret_number = number;
    return true;
}

static bool take_day_name(struct span *text, bool is_long)
{
    for (unsigned i = 0; i < 7; i++) {
        struct span name = span_of(days[i], is_long ? strlen(days[i]) : 3);

        if (span_starts_with(*text, name)) {
            span_advance(text, name.bytes);
            return true;
        }
    }
    return false;
}

static bool take_month(struct span *text, unsigned *ret_month)
{
    for (unsigned i = 0; i < 12; i++) {
        if (span_starts_with(*text, span_of(months[i], 3))) {
            span_advance(text, 3);
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

/* Takes what one letter of a pattern stands for, or the letter itself. */
static bool date_take(struct date *date, char what, struct span *text)
{
    unsigned year;

    switch (what) {
    case 'W':
    case 'w':
        return take_day_name(text, what == 'W');
    case 'd':
        return take_number(text, 2, &date->day);
    case 'e': /* a day below ten has a space before it */
        if (span_starts_with(*text, SPAN_LITERAL(" "))) {
            span_advance(text, 1);
            return take_number(text, 1, &date->day);
        }
        return take_number(text, 2, &date->day);
    case 'm':
        return take_month(text, &date->month);
    case 'h':
        return take_number(text, 2, &date->hour);
    case 'i':
        return take_number(text, 2, &date->minute);
    case 's':
        return take_number(text, 2, &date->second);
    case 'Y':
    case 'y':
        if (!take_number(text, what == 'Y' ? 4 : 2, &year))
            return false;
        date->year = year;
        date->two_digits = what == 'y';
        return true;
    default:
        if (!span_starts_with(*text, span_of(&what, 1)))
            return false;
        span_advance(text, 1);
        return true;
    }
}

static bool date_read(struct date *date, const char *pattern, struct span text)
{
    for (; *pattern; pattern++) {
        if (!date_take(date, *pattern, &text))
            return false;
    }
    return span_is_empty(text);
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const uint8_t lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap(year) ? 29 : lengths[month - 1];
}

/* From the first day of the year 1, reckoned backwards, to the first of year. */
static int64_t days_before_year(int64_t year)
{
    int64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

/* Seconds since 1970; year > 0. A day beyond its month counts into the next. */
static int64_t date_seconds(const struct date *date, int64_t year)
{
    int64_t day = days_before_year(year) - days_before_year(1970) + date->day - 1;

    for (unsigned month = 1; month < date->month; month++)
        day += days_in_month(year, month);
    return day * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

/* RFC 9110 section 5.6.7: what seems more than 50 years ahead is the latest past year instead. */
static int64_t date_resolve_year(const struct date *date, int64_t wall_now_s)
{
    int64_t century = 1900;

    while (century <= YEAR_MAX && date_seconds(date, century + 100 + date->year - 50) <= wall_now_s)
        century += 100;
    return century + date->year;
}

bool http_date_parse(struct span text, uint64_t wall_now_s, uint64_t *ret_wall_s)
{
    static const char *const patterns[] = {
        "w, d m Y h:i:s GMT",
        "W, d-m-y h:i:s GMT",
        "w m e h:i:s Y",
    };
    struct date date = { 0 };
    bool is_read = false;
    int64_t year;

    if (wall_now_s > WALL_S_MAX)
        wall_now_s = WALL_S_MAX;
    for (unsigned i = 0; i < 3 && !is_read; i++)
        is_read = date_read(&date, patterns[i], text);
    if (!is_read || date.hour > 23 || date.minute > 59 || date.second > 60)
        return false;

    year = date.two_digits ? date_resolve_year(&date, (int64_t)wall_now_s) : date.year;
    if (year < 1970 || year > YEAR_MAX)
        return false;
    if (date.day < 1 || date.day > days_in_month(year, date.month))
        return false;
    *ret_wall_s = (uint64_t)date_seconds(&date, year);
    return true;
}
