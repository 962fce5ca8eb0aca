/*
 * cookie_date.c - the lenient date of cookies.
 *
 * RFC 6265bis section 5.1.1: the text is cut into words at everything that is no letter, digit,
 * colon or byte from 0x80 on, and each word is tried as a time, a day, a month and a year, in this
 * order, until each has been found once. So the order of the words does not matter, and neither do
 * names of days, zones and what else there is.
 */
#include "cookie.h"

#define SECONDS_PER_DAY 86400

enum {
    FOUND_TIME = 1 << 0,
    FOUND_DAY = 1 << 1,
    FOUND_MONTH = 1 << 2,
    FOUND_YEAR = 1 << 3,
    FOUND_ALL = FOUND_TIME | FOUND_DAY | FOUND_MONTH | FOUND_YEAR,
};

struct date {
    unsigned found;
    unsigned hour, minute, second;
    unsigned day;   /* of the month */
    unsigned month; /* 1 to 12 */
    unsigned year;
};

static bool is_digit(char c)
{
    return (uint8_t)(c - '0') <= 9;
}

static bool is_delimiter(char c)
{
    uint8_t byte = (uint8_t)c;

    return byte == 0x09 || (byte >= 0x20 && byte <= 0x2f) || (byte >= 0x3b && byte <= 0x40) ||
           (byte >= 0x5b && byte <= 0x60) || (byte >= 0x7b && byte <= 0x7e);
}

/* Takes all digits; there must be from min to max of them. */
static bool take_number(struct span *word, unsigned min, unsigned max, unsigned *ret_number)
{
    unsigned number = 0, digits = 0;

    while (word->bytes > 0 && is_digit(word->data[0])) {
        if (++digits > max)
            return false;
        number = 10 * number + (unsigned)(word->data[0] - '0');
        span_advance(word, 1);
    }
    if (digits < min)
        return false;
    *ret_number = number;
    return true;
}

static bool take_colon(struct span *word)
{
    if (word->bytes == 0 || word->data[0] != ':')
        return false;
    span_advance(word, 1);
    return true;
}

/* Each of these may be followed by anything that does not begin with a digit. */

static bool read_time(struct span word, struct date *date)
{
    return take_number(&word, 1, 2, &date->hour) && take_colon(&word) &&
           take_number(&word, 1, 2, &date->minute) && take_colon(&word) &&
           take_number(&word, 1, 2, &date->second);
}

static bool read_month(struct span word, struct date *date)
{
    static const char names[12][4] = { "jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec" };

    if (word.bytes < 3)
        return false;
    for (unsigned i = 0; i < 12; i++) {
        if (strncasecmp(word.data, names[i], 3) == 0) {
            date->month = i + 1;
            return true;
        }
    }
    return false;
}

static void date_take_word(struct date *date, struct span word)
{
    struct span rest = word;

    if (!(date->found & FOUND_TIME) && read_time(word, date))
        date->found |= FOUND_TIME;
    else if (!(date->found & FOUND_DAY) && take_number(&rest, 1, 2, &date->day))
        date->found |= FOUND_DAY;
    else if (!(date->found & FOUND_MONTH) && read_month(word, date))
        date->found |= FOUND_MONTH;
    else if (!(date->found & FOUND_YEAR) && take_number(&word, 2, 4, &date->year))
        date->found |= FOUND_YEAR;
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap(year) ? 29 : lengths[month - 1];
}

static bool date_exists(const struct date *date)
{
    return date->found == FOUND_ALL && date->year >= 1601 && date->hour < 24 && date->minute < 60 &&
           date->second < 60 && date->day >= 1 &&
           date->day <= days_in_month(date->year, date->month);
}

/* From the first day of the year 1 to the first of year. */
static uint64_t days_before_year(unsigned year)
{
    uint64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

/* Of a year from 1970 on. */
static uint64_t date_seconds(const struct date *date)
{
    uint64_t day = days_before_year(date->year) - days_before_year(1970) + date->day - 1;

    for (unsigned month = 1; month < date->month; month++)
        day += days_in_month(date->year, month);
    return day * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

bool cookie_parse_date(struct span text, uint64_t *ret_s)
{
    struct date date = { 0 };

    while (text.bytes > 0) {
        size_t bytes = 0;

        while (bytes < text.bytes && !is_delimiter(text.data[bytes]))
            bytes++;
        date_take_word(&date, span_of(text.data, bytes));
        span_advance(&text, bytes < text.bytes ? bytes + 1 : bytes);
    }
    if (date.found & FOUND_YEAR && date.year < 100)
        date.year += date.year < 70 ? 2000 : 1900;
    if (!date_exists(&date))
        return false;
    *ret_s = date.year < 1970 ? COOKIE_LONG_AGO_S : date_seconds(&date);
    if (*ret_s < COOKIE_LONG_AGO_S)
        *ret_s = COOKIE_LONG_AGO_S; /* the first second of 1970 */
    return true;
}
