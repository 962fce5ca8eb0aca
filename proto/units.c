/*
 * units.c - decimal numbers with a unit, read and written by hand.
 *
 * strtod and printf("%f") obey the locale and round in binary; "0.3s" has to be 300 000 000 ns on
 * every machine. So a number is digits, the unit is an integer, and their product is exact:
 * a fraction is multiplied from its last digit to its first, where dividing by ten each time
 * loses only what lies below one.
 *
 * Refused: signs, exponents, blanks, ','. Refused too: what would silently become another value: a
 * fraction of a single thing ("1.5" requests), and more than nothing that rounds to nothing
 * ("0.1ns" as a timeout, where 0 means none). "kB" is refused as a size: it is 1000 to some.
 */
#include "units.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_BYTES_MAX 64
#define NS_PER_S 1000000000ull

struct unit {
    struct span name;
    uint64_t factor;
};

#define UNIT(text, number)                                                                         \
    {                                                                                              \
        .name = { .data = (text), .bytes = sizeof(text) - 1 }, .factor = (number)                  \
    }
#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* Read with its case: "10m" as a rate could mean "10/m". */
static const struct unit count_units[] = {
    UNIT("", 1),        UNIT("k", 1000),       UNIT("K", 1000),
    UNIT("M", 1000000), UNIT("G", 1000000000), UNIT("T", 1000000000000),
};

/* Read without its case, as curl does. */
static const struct unit size_units[] = {
    UNIT("", 1),           UNIT("B", 1),
    UNIT("k", 1ull << 10), UNIT("KiB", 1ull << 10),
    UNIT("M", 1ull << 20), UNIT("MiB", 1ull << 20),
    UNIT("G", 1ull << 30), UNIT("GiB", 1ull << 30),
    UNIT("T", 1ull << 40), UNIT("TiB", 1ull << 40),
};

/* "m" is a minute and "M" is nothing: this table is read with its case. */
static const struct unit duration_units[] = {
    UNIT("", NS_PER_S),         UNIT("ns", 1),       UNIT("us", 1000),
    UNIT("ms", 1000000),        UNIT("s", NS_PER_S), UNIT("m", 60 * NS_PER_S),
    UNIT("h", 3600 * NS_PER_S),
};

static const struct unit rate_periods[] = {
    UNIT("", 1), UNIT("/s", 1), UNIT("/m", 60), UNIT("/min", 60), UNIT("/h", 3600),
};

/* Digits with at most one point among them, cut off the front of a text. */
struct number {
    struct span whole;
    struct span fraction;
};

static struct span take_digits(struct span *text)
{
    struct span digits = { .data = text->data };

    while (text->bytes > 0 && (uint8_t)(text->data[0] - '0') <= 9)
        span_advance(text, 1);
    digits.bytes = (size_t)(text->data - digits.data);
    return digits;
}

/* "12", "1.5", ".5"; not "5." */
static bool take_number(struct span *text, struct number *ret_number)
{
    if (text->bytes == 0 || text->bytes > NUMBER_BYTES_MAX)
        return false;
    *ret_number = (struct number){ .whole = take_digits(text) };
    if (text->bytes == 0 || text->data[0] != '.')
        return ret_number->whole.bytes > 0;
    span_advance(text, 1);
    ret_number->fraction = take_digits(text);
    return ret_number->fraction.bytes > 0;
}

/* number * factor, rounded down; false if it does not fit. *ret_exact tells if nothing was lost.
 * factor is at most 10^18, so that ten of them fit. */
static bool number_multiply(const struct number *number, uint64_t factor, uint64_t *ret_product,
                            bool *ret_exact)
{
    uint64_t whole = 0, fraction = 0;
    bool exact = true;

    for (size_t i = 0; i < number->whole.bytes; i++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(number->whole.data[i] - '0'), &whole))
            return false;
    }
    for (size_t i = number->fraction.bytes; i > 0; i--) {
        fraction += (uint64_t)(number->fraction.data[i - 1] - '0') * factor;
        exact = exact && fraction % 10 == 0;
        fraction /= 10;
    }
    if (__builtin_mul_overflow(whole, factor, &whole) ||
        __builtin_add_overflow(whole, fraction, &whole))
        return false;
    *ret_product = whole;
    *ret_exact = exact;
    return true;
}

static bool find_factor(const struct unit *units, size_t units_count, struct span name,
                        bool (*equals)(struct span, struct span), uint64_t *ret_factor)
{
    for (size_t i = 0; i < units_count; i++) {
        if (equals(units[i].name, name)) {
            *ret_factor = units[i].factor;
            return true;
        }
    }
    return false;
}

bool units_parse_count(struct span text, uint64_t *ret_count)
{
    struct number number;
    uint64_t factor, count;
    bool exact;

    if (!take_number(&text, &number) ||
        !find_factor(count_units, COUNT_OF(count_units), text, span_equals, &factor) ||
        !number_multiply(&number, factor, &count, &exact) || !exact)
        return false;
    *ret_count = count;
    return true;
}

bool units_parse_bytes(struct span text, uint64_t *ret_bytes)
{
    struct number number;
    uint64_t factor, bytes;
    bool exact;

    if (!take_number(&text, &number) ||
        !find_factor(size_units, COUNT_OF(size_units), text, span_equals_nocase, &factor) ||
        !number_multiply(&number, factor, &bytes, &exact))
        return false;
    if (!exact && (factor == 1 || bytes == 0))
        return false;
    *ret_bytes = bytes;
    return true;
}

bool units_parse_duration(struct span text, uint64_t *ret_ns)
{
    struct number number;
    uint64_t factor, ns;
    bool exact;

    if (!take_number(&text, &number) ||
        !find_factor(duration_units, COUNT_OF(duration_units), text, span_equals, &factor) ||
        !number_multiply(&number, factor, &ns, &exact))
        return false;
    if (!exact && ns == 0)
        return false;
    *ret_ns = ns;
    return true;
}

/* A rate may be any fraction, so it is counted in millionths of a request per period. */
bool units_parse_rate_uhz(struct span text, uint64_t *ret_uhz)
{
    struct number number;
    uint64_t factor, millionths, period_s;
    const char *slash;
    size_t name_bytes;
    bool exact;

    if (!take_number(&text, &number))
        return false;
    slash = text.bytes > 0 ? memchr(text.data, '/', text.bytes) : NULL;
    name_bytes = slash ? (size_t)(slash - text.data) : text.bytes;
    if (!find_factor(count_units, COUNT_OF(count_units), span_of(text.data, name_bytes),
                     span_equals, &factor))
        return false;
    span_advance(&text, name_bytes);
    if (!find_factor(rate_periods, COUNT_OF(rate_periods), text, span_equals, &period_s) ||
        !number_multiply(&number, factor * 1000000, &millionths, &exact))
        return false;
    /* Nothing but zero may come out as zero. */
    if ((!exact && millionths == 0) || (millionths > 0 && millionths < period_s))
        return false;
    *ret_uhz = millionths / period_s;
    return true;
}

/* A scale of units, each a whole multiple of the one before. */
struct scale_step {
    uint64_t size; /* in the smallest unit */
    const char *name;
};

static const struct scale_step duration_scale[] = {
    { 1, "ns" },
    { 1000, "us" },
    { 1000000, "ms" },
    { NS_PER_S, "s" },
};

static const struct scale_step bytes_scale[] = {
    { 1, "B" },
    { 1000, "kB" },
    { 1000000, "MB" },
    { 1000000000, "GB" },
    { 1000000000000, "TB" },
    { 1000000000000000, "PB" },
    { 1000000000000000000, "EB" },
};

/* In thousandths, so that a rate below one has digits. */
static const struct scale_step count_scale[] = {
    { 1000, "" },           { 1000000, "k" },          { 1000000000, "M" },
    { 1000000000000, "G" }, { 1000000000000000, "T" }, { 1000000000000000000, "P" },
};

static uint64_t divide_rounded(uint64_t value, uint64_t by)
{
    return value / by + (value % by >= by - by / 2 ? 1 : 0);
}

/* value as digits and a unit: the greatest unit that leaves at least one before the point, after
 * rounding ("999.6 us" is "1.00 ms"). decimals_max 2 gives three digits: 1.23, 12.3, 123. */
static char *format_scaled(uint64_t value, const struct scale_step *scale, size_t steps_count,
                           unsigned decimals_max, const char *gap, char *out, size_t room)
{
    for (size_t i = 0; i < steps_count; i++) {
        const struct scale_step *step = &scale[i];
        bool is_last = i + 1 == steps_count;
        unsigned decimals = step->size == 1 ? 0 : decimals_max;
        uint64_t parts = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
        uint64_t rounded = divide_rounded(value, step->size / parts);

        /* a digit moves from behind the point to before it */
        while (decimals > 0 && rounded >= (decimals_max == 2 ? 1000 : 100)) {
            decimals--;
            parts /= 10;
            rounded = divide_rounded(value, step->size / parts);
        }
        if (rounded >= 1000 * parts && !is_last)
            continue;
        if (decimals == 0)
            (void)snprintf(out, room, "%" PRIu64 "%s%s", rounded, gap, step->name);
        else
            (void)snprintf(out, room, "%" PRIu64 ".%0*" PRIu64 "%s%s", rounded / parts,
                           (int)decimals, rounded % parts, gap, step->name);
        break;
    }
    return out;
}

/* "2m46s", "2h46m", "4d4h": two neighbouring units, the lower rounded. */
static char *format_long_duration(uint64_t ns, char *out, size_t room)
{
    const uint64_t s = divide_rounded(ns, NS_PER_S);
    const uint64_t m = divide_rounded(ns, 60 * NS_PER_S);
    const uint64_t h = divide_rounded(ns, 3600 * NS_PER_S);
    const uint64_t d = divide_rounded(ns, 24 * 3600 * NS_PER_S);

    if (s < 3600)
        (void)snprintf(out, room, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else if (m < 100 * 60)
        (void)snprintf(out, room, "%" PRIu64 "h%02" PRIu64 "m", m / 60, m % 60);
    else if (h < 100 * 24)
        (void)snprintf(out, room, "%" PRIu64 "d%02" PRIu64 "h", h / 24, h % 24);
    else if (d < 10000)
        (void)snprintf(out, room, "%" PRIu64 "d", d);
    else
        (void)snprintf(out, room, "%" PRIu64 "y", divide_rounded(d, 365));
    return out;
}

static char *format_duration(uint64_t ns, const char *gap, char *out, size_t room)
{
    if (divide_rounded(ns, NS_PER_S / 10) >= 600) /* "60.0 s" is "1m00s" */
        return format_long_duration(ns, out, room);
    if (ns == 0) {
        (void)snprintf(out, room, "0%ss", gap);
        return out;
    }
    return format_scaled(ns, duration_scale, COUNT_OF(duration_scale), 2, gap, out, room);
}

char *units_format_duration(uint64_t ns, char *out, size_t room)
{
    return format_duration(ns, " ", out, room);
}

char *units_format_latency(uint64_t ns, char *out, size_t room)
{
    return format_duration(ns, "", out, room);
}

char *units_format_bytes(uint64_t bytes, char *out, size_t room)
{
    return format_scaled(bytes, bytes_scale, COUNT_OF(bytes_scale), 1, " ", out, room);
}

char *units_format_count(double count, char *out, size_t room)
{
    if (!(count >= 0 && count < 1e16)) {
        (void)snprintf(out, room, "-");
        return out;
    }
    if (count < 9999.5 && (count >= 999.5 || count == (double)(uint64_t)count)) {
        (void)snprintf(out, room, "%" PRIu64, (uint64_t)(count + 0.5));
        return out;
    }
    return format_scaled((uint64_t)(count * 1000 + 0.5), count_scale, COUNT_OF(count_scale), 2, "",
                         out, room);
}
