/*
 * cmd_help.c - haul help: made from the table of flags, so that it cannot go stale.
 */
#include "verbs.h"

#include "exits.h"

#include <stdio.h>

void help_short(void)
{
    fputs("haul - fetch HTTP, one or a million, through one warm daemon\n"
          "\n"
          "  haul get URL...              fetch and print, with curl's flags and exit codes\n"
          "  haul batch -i FILE           fetch a list; records on stdout, summary on stderr\n"
          "  haul bench URL               measure latency, and whether to believe it\n"
          "  haul compare A B             two kept runs: do they differ?\n"
          "  haul doctor                  check this machine and say what to do\n"
          "  haul help VERB               the flags of a verb (haul URL is haul get URL)\n",
          stdout);
}

static void print_all_verbs(void)
{
    const char *name;

    printf("\nAll verbs:");
    for (size_t i = 0; (name = verb_at(i, NULL)); i++)
        printf(" %s", name);
    putchar('\n');
}

static void print_row(const struct option_row *row)
{
    char flag[64];
    int bytes = snprintf(flag, sizeof(flag), "  %c%c%s --%s%s%s", row->letter ? '-' : ' ',
                         row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
                         row->argument ? " " : "", row->argument ? row->argument : "");

    printf("%-36s %s%s\n", flag, bytes > 36 ? " " : "", row->help ? row->help : "");
}

static void print_flags(unsigned verb, bool want_global)
{
    for (size_t i = 0; i < option_rows_count; i++) {
        const struct option_row *row = &option_rows[i];

        if (!(row->verbs & verb) || row->kind == OPTION_REFUSED)
            continue;
        if ((row->verbs == VERB_ANY) == want_global)
            print_row(row);
    }
}

static const struct {
    const char *name;
    enum verb verb;
    const char *usage;
} verb_rows[] = {
    { "get", VERB_GET, "haul get [FLAGS] URL...\n\nFetches and prints the body.\n" },
    { "batch", VERB_BATCH,
      "haul batch [FLAGS] [-i FILE] [URL...]\n\nFetches a list: one URL or JSON object per "
      "line; # begins a comment. Keys of an object:\nurl, and optionally id, method, headers, "
      "body or body_base64, output, timeout, expect_hash.\n\nA record per item on stdout in "
      "order of "
      "completion, summary and latency on stderr.\n\"Sum of all waits\" adds up what each item "
      "took; a server that queues by itself\nmakes it larger than fetching one by one would "
      "take.\n" },
    { "bench", VERB_BENCH,
      "haul bench [FLAGS] URL | -i FILE\n\nMeasures how long a server takes: with -R at a "
      "given rate (open loop: a late answer\ndelays no other request, and waiting for a "
      "connection is response time), else with as\nmany requests at once as -c says (closed "
      "loop). Service is from sending to the last\nbyte, response from the planned time.\n" },
    { "report", VERB_REPORT,
      "haul report [FLAGS] FILE\n\nTells a run again that was kept with --report FILE.json or "
      "--save: as text, or in\nanother form.\n" },
    { "compare", VERB_COMPARE,
      "haul compare [FLAGS] A B\n\nPuts two runs that were kept side by side, with intervals "
      "by "
      "how much their own seconds\ndiffer. What is not beyond chance is \"no difference "
      "shown\".\n" },
    { "ping", VERB_PING, "haul ping\n\nAsks the daemon for a sign of life.\n" },
    { "top", VERB_TOP,
      "haul top [FLAGS]\n\nWhat the daemon does right now, drawn anew every second: rates, "
      "latency, errors,\nconnections, origins. q or Ctrl-C ends it. Plain text, one frame "
      "after the other,\nwhen stdout is no terminal or -n says how many.\n" },
    { "stats", VERB_STATS,
      "haul stats [FLAGS]\n\nWhat the daemon is, has done, and may do at most.\n" },
    { "origins", VERB_ORIGINS,
      "haul origins [FLAGS]\n\nWho is being asked, by how many at once, and under which "
      "limits.\n" },
    { "inflight", VERB_INFLIGHT,
      "haul inflight [FLAGS]\n\nWhat is under way in the daemon: all of it for root and the "
      "daemon's own user,\nfor others their own.\n" },
    { "metrics", VERB_METRICS,
      "haul metrics [FLAGS]\n\nThe daemon's figures for a monitoring system: OpenMetrics on "
      "stdout.\n" },
    { "introspect", VERB_INTROSPECT,
      "haul introspect\n\nThe methods of the daemon, for programs: its Varlink interfaces.\n" },
    { "completion", VERB_COMPLETION,
      "haul completion bash|zsh|fish\n\nWhat that shell needs to complete haul's verbs and "
      "flags:\nsource <(haul completion bash)\n" },
    { "reload", VERB_RELOAD, "haul reload\n\nThe daemon reads its settings again.\n" },
    { "drain", VERB_DRAIN,
      "haul drain\n\nThe daemon takes nothing new, finishes what it has, and ends.\n" },
    { "doctor", VERB_DOCTOR, "haul doctor\n\nChecks this machine and says what to do.\n" },
    { "version", VERB_VERSION, "haul version\n" },
    { "help", VERB_HELP, "haul help [VERB]\n" },
};

static bool print_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verb_rows) / sizeof(verb_rows[0]); i++) {
        if (strcmp(verb_rows[i].name, name) != 0)
            continue;
        fputs(verb_rows[i].usage, stdout);
        if (verb_rows[i].verb &
            (VERB_REQUEST | VERB_REPORT | VERB_COMPARE | VERB_LOOK | VERB_METRICS | VERB_TOP)) {
            puts("\nFlags:");
            print_flags(verb_rows[i].verb, false);
        }
        puts("\nGlobal flags:");
        print_flags(verb_rows[i].verb, true);
        return true;
    }
    return false;
}

int cmd_help(const struct command *command)
{
    const struct options *options = command->options;
    const char *name = options->words.count ? options->words.values[0] : NULL;

    if (options->help && options->verb_given && options->verb != VERB_HELP)
        name = verb_name(options->verb);
    if (!name) {
        help_short();
        if (options->verb_given || options->help)
            print_all_verbs();
        return EXITS_OK;
    }
    if (print_verb(name))
        return EXITS_OK;
    if (verb_is_later(span_of_string(name)))
        say_error(command->say, "%s: not in this build", name);
    else
        say_error(command->say, "'%s' is no verb; see `haul help`", name);
    return EXITS_USAGE;
}
