/*
 * retry_on.c - words to bits.
 *
 * The bits are the fault codes themselves, so that a name in a record can be pasted into --retry-on
 * and no second numbering has to be kept. Statuses are a short list instead of 500 bits: nobody
 * writes more than a few.
 *
 * Refused: negations ("!503"), ranges ("500-504"), "all". Each invites retrying what should not be.
 */
#include "retry_on.h"

#define BIT(code) (UINT64_C(1) << (code))
#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

#define CONNECT                                                                                    \
    (BIT(FAULT_CONNECT_REFUSED) | BIT(FAULT_CONNECT_UNREACHABLE) | BIT(FAULT_CONNECT_RESET))
#define DNS (BIT(FAULT_DNS_NOT_FOUND) | BIT(FAULT_DNS_FAILED))
#define TIMEOUT                                                                                    \
    (BIT(FAULT_TIMEOUT_DNS) | BIT(FAULT_TIMEOUT_CONNECT) | BIT(FAULT_TIMEOUT_TLS) |                \
     BIT(FAULT_TIMEOUT_SEND) | BIT(FAULT_TIMEOUT_FIRST_BYTE) | BIT(FAULT_TIMEOUT_IDLE))
#define IO (BIT(FAULT_IO_RECV) | BIT(FAULT_IO_SEND))
#define LOCAL                                                                                      \
    (BIT(FAULT_LOCAL_NO_DESCRIPTORS) | BIT(FAULT_LOCAL_NO_PORTS) | BIT(FAULT_LOCAL_NO_MEMORY))
#define RETRYABLE                                                                                  \
    (CONNECT | DNS | TIMEOUT | IO | LOCAL | BIT(FAULT_TLS_HANDSHAKE) | BIT(FAULT_HTTP_EMPTY) |     \
     BIT(FAULT_HTTP_PARTIAL) | BIT(FAULT_HTTP_MALFORMED) | BIT(FAULT_HTTP_ENCODING) |              \
     BIT(FAULT_CONNECT_PROXY) | BIT(FAULT_DNS_PROXY))

static const struct {
    const char *word;
    uint64_t faults;
} groups[] = {
    { "connect", CONNECT },
    { "dns", DNS },
    { "timeout", TIMEOUT },
    { "tls", BIT(FAULT_TLS_HANDSHAKE) },
    { "io", IO },
    { "reset", BIT(FAULT_CONNECT_RESET) | IO },
    { "empty", BIT(FAULT_HTTP_EMPTY) },
    { "partial", BIT(FAULT_HTTP_PARTIAL) },
    { "local", LOCAL },
};

static const struct retry_on defaults = {
    .faults = CONNECT | TIMEOUT | IO | BIT(FAULT_HTTP_EMPTY) | BIT(FAULT_HTTP_PARTIAL) |
              BIT(FAULT_DNS_FAILED),
    .statuses = { 408, 429, 500, 502, 503, 504 },
};

void retry_on_init_default(struct retry_on *on)
{
    *on = defaults;
}

/* False when the list is full. */
static bool retry_on_add_status(struct retry_on *on, uint16_t status)
{
    for (unsigned i = 0; i < RETRY_ON_STATUSES_MAX; i++) {
        if (on->statuses[i] == status)
            return true;
        if (on->statuses[i] == 0) {
            on->statuses[i] = status;
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a word that begins with a digit: as in struct retry_on, 0 if it is none. */
static uint16_t parse_status(struct span word)
{
    const char *c = word.data;

    if (word.bytes != 3 || c[0] < '1' || c[0] > '5')
        return 0;
    if ((c[1] | 0x20) == 'x' && (c[2] | 0x20) == 'x')
        return (uint16_t)(c[0] - '0');
    if (!is_digit(c[1]) || !is_digit(c[2]))
        return 0;
    return (uint16_t)((c[0] - '0') * 100 + (c[1] - '0') * 10 + (c[2] - '0'));
}

static uint64_t find_group(struct span word)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (span_equals(word, span_of_string(groups[i].word)))
            return groups[i].faults;
    }
    return 0;
}

/* FAULT_NONE if it is no "domain/name". */
static enum fault_code find_fault(struct span word)
{
    const char *slash = memchr(word.data, '/', word.bytes);
    struct span domain, name;

    if (!slash)
        return FAULT_NONE;
    domain = span_of(word.data, (size_t)(slash - word.data));
    name = span_of(slash + 1, word.bytes - domain.bytes - 1);
    for (unsigned code = FAULT_NONE + 1; code < FAULT_CODE_COUNT; code++) {
        if (span_equals(domain, span_of_string(fault_domain(code))) &&
            span_equals(name, span_of_string(fault_name(code))))
            return code;
    }
    return FAULT_NONE;
}

/* Why the word cannot be taken, or NULL. */
static const char *retry_on_add_word(struct retry_on *on, struct span word)
{
    static const char too_many[] = "is one too many: at most 16 statuses and classes can be given";
    enum fault_code code;
    uint64_t faults;

    static_assert(RETRY_ON_STATUSES_MAX == 16, "the text above");
    if (span_is_empty(word))
        return "is empty: words stand between commas";
    if (is_digit(word.data[0])) {
        uint16_t status = parse_status(word);

        if (status == 0)
            return "is neither a status from 100 to 599 nor a class like 5xx";
        return retry_on_add_status(on, status) ? NULL : too_many;
    }
    if (span_equals(word, SPAN_LITERAL("default"))) {
        on->faults |= defaults.faults;
        for (unsigned i = 0; i < RETRY_ON_STATUSES_MAX && defaults.statuses[i] > 0; i++) {
            if (!retry_on_add_status(on, defaults.statuses[i]))
                return too_many;
        }
        return NULL;
    }
    faults = find_group(word);
    code = faults == 0 ? find_fault(word) : FAULT_NONE;
    if (code != FAULT_NONE && !(RETRYABLE & BIT(code)))
        return "is never retried: another try would end alike";
    if (code != FAULT_NONE)
        faults = BIT(code);
    on->faults |= faults;
    return faults > 0 ? NULL : "is no status, class of statuses or error that can be retried";
}

bool retry_on_parse(struct span text, struct retry_on *ret_on, struct retry_on_trouble *ret_trouble)
{
    struct retry_on on = { 0 };

    for (;;) {
        const char *comma = text.bytes > 0 ? memchr(text.data, ',', text.bytes) : NULL;
        struct span word = span_of(text.data, comma ? (size_t)(comma - text.data) : text.bytes);
        const char *why = retry_on_add_word(&on, word);

        if (why) {
            *ret_trouble = (struct retry_on_trouble){ .word = word, .why = why };
            return false;
        }
        if (!comma)
            break;
        span_advance(&text, word.bytes + 1);
    }
    *ret_on = on;
    return true;
}

bool retry_on_is_valid(const struct retry_on *on)
{
    bool is_over = false;

    if (on->faults & ~RETRYABLE)
        return false;
    for (unsigned i = 0; i < RETRY_ON_STATUSES_MAX; i++) {
        uint16_t status = on->statuses[i];
        bool is_class = status >= 1 && status <= 5;

        is_over = is_over || status == 0;
        if (is_over ? status != 0 : !is_class && (status < 100 || status > 599))
            return false;
    }
    return true;
}

bool retry_on_has_status(const struct retry_on *on, uint16_t status)
{
    if (status < 100)
        return false;
    for (unsigned i = 0; i < RETRY_ON_STATUSES_MAX && on->statuses[i] > 0; i++) {
        if (on->statuses[i] == status || on->statuses[i] == status / 100)
            return true;
    }
    return false;
}

bool retry_on_has_fault(const struct retry_on *on, enum fault_code code)
{
    return code < FAULT_CODE_COUNT && (on->faults & RETRYABLE & BIT(code)) != 0;
}
