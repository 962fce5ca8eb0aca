/*
 * options.c - reads argv by the tables of options_table.c.
 *
 * Flags and words may be mixed; "--" ends the flags. Letters may be joined and carry their value
 * (-XPOST, -sSo file), long names take it after '=' or as the next word, as curl's users expect.
 * The verb is the first word; the few global flags may stand before it. A first word that is no
 * verb but looks like a URL means get.
 */
#include "options.h"

#include "units.h"
#include "why.h"

#include <stdio.h>
#include <stdlib.h>

#define SUGGESTION_DISTANCE_MAX 2u
#define NAME_BYTES_MAX 24u

struct verb_row {
    const char *name;
    enum verb verb;
};

static const struct verb_row verbs[] = {
    { "get", VERB_GET },
    { "batch", VERB_BATCH },
    { "bench", VERB_BENCH },
    { "report", VERB_REPORT },
    { "compare", VERB_COMPARE },
    { "ping", VERB_PING },
    { "top", VERB_TOP },
    { "stats", VERB_STATS },
    { "origins", VERB_ORIGINS },
    { "inflight", VERB_INFLIGHT },
    { "metrics", VERB_METRICS },
    { "introspect", VERB_INTROSPECT },
    { "completion", VERB_COMPLETION },
    { "reload", VERB_RELOAD },
    { "drain", VERB_DRAIN },
    { "doctor", VERB_DOCTOR },
    { "version", VERB_VERSION },
    { "help", VERB_HELP },
};

static const char *const verbs_later[] = {
    "submit", "jobs", "status", "wait", "watch", "results", "cancel", "retry", "remove",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct parser {
    struct options *options;
    int argc;
    char **argv;
    int at;
    char **why;
};

const char *verb_name(enum verb verb)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (verbs[i].verb == verb)
            return verbs[i].name;
    return "get";
}

const char *verb_at(size_t place, enum verb *ret_verb)
{
    if (place >= COUNT_OF(verbs))
        return NULL;
    if (ret_verb)
        *ret_verb = verbs[place].verb;
    return verbs[place].name;
}

bool verb_is_later(struct span word)
{
    for (size_t i = 0; i < COUNT_OF(verbs_later); i++)
        if (span_equals(word, span_of_string(verbs_later[i])))
            return true;
    return false;
}

static bool list_append(struct option_list *list, const char *value)
{
    const char **values = realloc(list->values, (list->count + 1) * sizeof(*values));

    if (!values)
        return false;
    list->values = values;
    values[list->count++] = value;
    return true;
}

static bool data_append(struct options *options, enum data_kind kind, const char *value)
{
    struct data_part *data = realloc(options->data, (options->data_count + 1) * sizeof(*data));

    if (!data)
        return false;
    options->data = data;
    data[options->data_count++] = (struct data_part){ .kind = kind, .value = value };
    return true;
}

/* Edit distance, with a swap of neighbours as one edit; both at most NAME_BYTES_MAX. */
static unsigned name_distance(struct span a, struct span b)
{
    unsigned rows[3][NAME_BYTES_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (unsigned j = 0; j <= b.bytes; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a.bytes; i++) {
        unsigned *spare = before;

        now[0] = i;
        for (unsigned j = 1; j <= b.bytes; j++) {
            unsigned best = last[j - 1] + (a.data[i - 1] != b.data[j - 1]);

            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[b.bytes];
}

static const char *nearest_option(struct span name, unsigned verb)
{
    unsigned best_distance = SUGGESTION_DISTANCE_MAX + 1;
    const char *best = NULL;

    if (name.bytes > NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < option_rows_count; i++) {
        const struct option_row *row = &option_rows[i];
        unsigned distance;

        if (!(row->verbs & verb) || row->kind == OPTION_REFUSED)
            continue;
        distance = name_distance(name, span_of_string(row->name));
        if (distance < best_distance) {
            best_distance = distance;
            best = row->name;
        }
    }
    return best;
}

static const struct option_row *row_of_name(struct span name, unsigned verb)
{
    for (size_t i = 0; i < option_rows_count; i++)
        if ((option_rows[i].verbs & verb) && span_equals(name, span_of_string(option_rows[i].name)))
            return &option_rows[i];
    return NULL;
}

static const struct option_row *row_of_letter(char letter, unsigned verb)
{
    for (size_t i = 0; i < option_rows_count; i++)
        if ((option_rows[i].verbs & verb) && option_rows[i].letter == letter)
            return &option_rows[i];
    return NULL;
}

/* "auto, always, never" */
static void write_choices(const char *choices, char *text, size_t room)
{
    size_t used = 0;

    text[0] = '\0';
    for (const char *word = choices; *word && used < room; word += strspn(word, " ")) {
        size_t bytes = strcspn(word, " ");

        if (*word != '*')
            used += (size_t)snprintf(text + used, room - used, "%s%.*s", used ? ", " : "",
                                     (int)bytes, word);
        word += bytes;
    }
}

static bool set_choice(struct parser *p, const struct option_row *row, const char *value)
{
    unsigned *member = (void *)((char *)p->options + row->offset);
    struct span wanted = span_of_string(value);
    const char *word = row->choices;
    char choices[100];

    for (unsigned index = 0; *word; index++) {
        size_t bytes = strcspn(word, " ");

        if (*word != '*' && span_equals(wanted, span_of(word, bytes))) {
            *member = index;
            return true;
        }
        word += bytes + (word[bytes] == ' ');
    }
    write_choices(row->choices, choices, sizeof(choices));
    return why_fail(p->why, "--%s takes one of %s, not '%s'", row->name, choices, value);
}

static bool set_number(struct parser *p, const struct option_row *row, const char *value)
{
    uint64_t *member = (void *)((char *)p->options + row->offset);
    struct span text = span_of_string(value);
    const char *what = "a count, as 100 or 10k";
    uint64_t number = 0;
    bool takes_zero = row->kind == OPTION_DURATION || row->kind == OPTION_TIMEOUT;
    bool is_number;

    if (takes_zero || row->kind == OPTION_PERIOD) {
        is_number = units_parse_duration(text, &number);
        what = "a time, as 500ms, 2.5s or 3m (bare: seconds)";
    } else if (row->kind == OPTION_BYTES) {
        is_number = units_parse_bytes(text, &number);
        what = "a size, as 4096, 100k or 1.5M";
    } else {
        is_number = units_parse_count(text, &number) && number <= UINT32_MAX;
    }
    if (!is_number || (number == 0 && !takes_zero))
        return why_fail(p->why, "--%s takes %s%s, not '%s'", row->name, what,
                        takes_zero ? "" : ", more than zero", value);
    *member = number == 0 && row->kind == OPTION_TIMEOUT ? OPTIONS_NO_TIMEOUT : number;
    return true;
}

static bool apply(struct parser *p, const struct option_row *row, const char *value)
{
    void *member = (char *)p->options + row->offset;
    bool fits = true;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        break;
    case OPTION_TEXT:
        *(const char **)member = value;
        break;
    case OPTION_LIST:
        fits = list_append(member, value);
        break;
    case OPTION_DATA:
        fits = data_append(p->options, row->sub, value);
        break;
    case OPTION_DURATION:
    case OPTION_PERIOD:
    case OPTION_TIMEOUT:
    case OPTION_COUNT:
    case OPTION_BYTES:
        return set_number(p, row, value);
    case OPTION_CHOICE:
        return set_choice(p, row, value);
    case OPTION_REFUSED:
        return why_fail(p->why, "--%s %s", row->name, row->help);
    }
    return fits || why_fail(p->why, "out of memory");
}

static bool takes_value(const struct option_row *row)
{
    return row->kind != OPTION_FLAG && row->kind != OPTION_REFUSED;
}

static bool parse_long(struct parser *p, const char *word)
{
    const char *equals = strchr(word, '=');
    struct span name = span_of(word, equals ? (size_t)(equals - word) : strlen(word));
    const struct option_row *row = row_of_name(name, p->options->verb);
    const char *near;

    if (!row) {
        near = nearest_option(name, p->options->verb);
        return why_fail(p->why, "--%.*s is no flag of `haul %s`; %s%s%s", (int)name.bytes,
                        name.data, verb_name(p->options->verb),
                        near ? "did you mean --" : "see `haul help ",
                        near ? near : verb_name(p->options->verb), near ? "?" : "`");
    }
    if (!takes_value(row)) {
        if (equals && row->kind == OPTION_FLAG)
            return why_fail(p->why, "--%s takes no value", row->name);
        return apply(p, row, NULL);
    }
    if (equals)
        return apply(p, row, equals + 1);
    if (p->at >= p->argc)
        return why_fail(p->why, "--%s needs a value: %s", row->name, row->argument);
    return apply(p, row, p->argv[p->at++]);
}

static bool parse_letters(struct parser *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct option_row *row = row_of_letter(*letters, p->options->verb);

        if (!row)
            return why_fail(p->why, "-%c is no flag of `haul %s`; see `haul help %s`", *letters,
                            verb_name(p->options->verb), verb_name(p->options->verb));
        if (row->kind == OPTION_REFUSED)
            return why_fail(p->why, "-%c/--%s %s", row->letter, row->name, row->help);
        if (!takes_value(row)) {
            if (!apply(p, row, NULL))
                return false;
            continue;
        }
        if (letters[1])
            return apply(p, row, letters + 1);
        if (p->at >= p->argc)
            return why_fail(p->why, "-%c needs a value: %s", row->letter, row->argument);
        return apply(p, row, p->argv[p->at++]);
    }
    return true;
}

/* Of a word that is a flag: how many words it takes when all its flags are global, else 0. */
static int global_flag_words(const char *word)
{
    const struct option_row *row;

    if (word[1] == '-') {
        row = row_of_name(span_of_string(word + 2), VERB_PING);
        if (!row)
            return strchr(word, '=') ? 1 : 0;
        return takes_value(row) ? 2 : 1;
    }
    for (const char *letter = word + 1; *letter; letter++)
        if (!row_of_letter(*letter, VERB_PING))
            return 0;
    return 1;
}

/* The position of the verb in argv: the first word, if only global flags stand before it; argc
 * when there is none. */
static int find_first_word(int argc, char **argv)
{
    int i = 1;

    while (i < argc) {
        int words;

        if (argv[i][0] != '-' || argv[i][1] == '\0')
            return i;
        words = global_flag_words(argv[i]);
        if (words == 0)
            return argc;
        i += words;
    }
    return argc;
}

static bool looks_like_url(const char *word)
{
    return strpbrk(word, ".:/") || strcmp(word, "localhost") == 0;
}

/* Sets the verb; *ret_position is its place in argv, 0 when get is implied. */
static bool find_verb(struct parser *p, int *ret_position)
{
    int position = find_first_word(p->argc, p->argv);
    const char *word = position < p->argc ? p->argv[position] : NULL;

    *ret_position = 0;
    p->options->verb = VERB_GET;
    if (!word) {
        p->options->verb = p->argc > 1 ? VERB_GET : VERB_HELP;
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (strcmp(word, verbs[i].name) == 0) {
            p->options->verb = verbs[i].verb;
            p->options->verb_given = true;
            *ret_position = position;
            return true;
        }
    }
    if (verb_is_later(span_of_string(word)))
        return why_fail(p->why, "%s: not in this build", word);
    if (looks_like_url(word))
        return true;
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strlen(word) <= NAME_BYTES_MAX &&
            name_distance(span_of_string(word), span_of_string(verbs[i].name)) <=
                SUGGESTION_DISTANCE_MAX)
            return why_fail(p->why, "'%s' is no verb; did you mean `haul %s`?", word,
                            verbs[i].name);
    return why_fail(p->why, "'%s' is neither a verb nor a URL; see `haul help`", word);
}

bool options_parse(struct options *options, int argc, char **argv, char **ret_why)
{
    struct parser p = { .options = options, .argc = argc, .argv = argv, .at = 1, .why = ret_why };
    bool flags_ended = false;
    int verb_position;

    *options = (struct options){ 0 };
    if (!find_verb(&p, &verb_position))
        return false;
    while (p.at < argc) {
        const char *word = argv[p.at++];

        if (p.at - 1 == verb_position)
            continue;
        if (flags_ended || word[0] != '-' || word[1] == '\0') {
            if (!list_append(&options->words, word))
                return why_fail(ret_why, "out of memory");
            continue;
        }
        if (strcmp(word, "--") == 0) {
            flags_ended = true;
            continue;
        }
        if (!(word[1] == '-' ? parse_long(&p, word + 2) : parse_letters(&p, word + 1)))
            return false;
    }
    return true;
}

void options_deinit(struct options *options)
{
    free(options->headers.values);
    free(options->cookies.values);
    free(options->upload.values);
    free(options->data);
    free(options->resolve.values);
    free(options->connect_to.values);
    free(options->output.values);
    free(options->report.values);
    free(options->slo.values);
    free(options->fail_if.values);
    free(options->input.values);
    free(options->words.values);
    *options = (struct options){ 0 };
}
