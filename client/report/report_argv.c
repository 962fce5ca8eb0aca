/*
 * report_argv.c - what must not be kept, by the flags that carry it.
 */
#include "report_argv.h"

#include <stdio.h>

#define SECRET "\"***\""

/* The word before is a flag whose value must not be kept. -d of bench is its duration. */
static bool is_secret_flag(const struct report *report, const char *flag)
{
    static const char *const flags[] = {
        "-u",
        "--user",
        "-U",
        "--proxy-user",
        "--bearer",
        "-b",
        "--cookie",
        "-H",
        "--header",
        "-d",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--json",
    };

    if (report->load != REPORT_LOAD_BATCH && strcmp(flag, "-d") == 0)
        return false;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(flag, flags[i]) == 0)
            return true;
    return false;
}

/* -uNAME:WORD and --bearer=WORD: how much of the word may be kept; 0 = all. */
static size_t secret_prefix(const struct report *report, const char *word)
{
    const char *equals = strchr(word, '=');

    char flag[24];
    size_t bytes;

    if (word[0] == '-' && word[1] && strchr("uUbHd", word[1]) && word[2]) {
        (void)snprintf(flag, sizeof(flag), "-%c", word[1]);
        return is_secret_flag(report, flag) ? 2 : 0;
    }
    if (strncmp(word, "--", 2) == 0 && equals) {
        bytes = (size_t)(equals - word);
        if (bytes < sizeof(flag)) {
            memcpy(flag, word, bytes);
            flag[bytes] = '\0';
            if (is_secret_flag(report, flag))
                return bytes + 1;
        }
    }
    return 0;
}

/* User and password of a URL become three asterisks; it may lack its scheme. */
static void put_word(struct text *out, const char *word)
{
    const char *scheme_end = strstr(word, "://");
    const char *authority = scheme_end ? scheme_end + 3 : word;
    const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
    struct text safe;

    if (!at || at == authority) { /* no login: a word, or @FILE */
        text_put_json(out, span_of_string(word));
        return;
    }
    text_init(&safe);
    text_put(&safe, word, (size_t)(authority - word));
    text_put_literal(&safe, "***");
    text_put_string(&safe, at);
    text_put_json(out, text_span(&safe));
    text_deinit(&safe);
}

void report_put_argv(struct text *out, const struct report *report)
{
    text_put_char(out, '[');
    for (size_t i = 0; i < report->argc; i++) {
        size_t prefix = secret_prefix(report, report->argv[i]);

        if (i)
            text_put_char(out, ',');
        if (i && is_secret_flag(report, report->argv[i - 1])) {
            text_put_literal(out, SECRET);
        } else if (prefix) {
            text_put_char(out, '"');
            text_put(out, report->argv[i], prefix);
            text_put_literal(out, "***\"");
        } else {
            put_word(out, report->argv[i]);
        }
    }
    text_put_char(out, ']');
}
