/*
 * cmd_completion.c - haul completion: what a shell needs to complete haul's words, made from the
 * tables that the command line is read by.
 *
 * Flags are completed by verb; all other words are files, as URLs cannot be guessed.
 */
#include "verbs.h"

#include "exits.h"

#include <stdio.h>

static bool is_offered(const struct option_row *row, enum verb verb)
{
    return row->verbs & verb && row->kind != OPTION_REFUSED;
}

/* Both spellings of each flag of a verb, a blank before each. */
static void print_flags(enum verb verb)
{
    for (size_t i = 0; i < option_rows_count; i++) {
        const struct option_row *row = &option_rows[i];

        if (!is_offered(row, verb))
            continue;
        printf(" --%s", row->name);
        if (row->letter)
            printf(" -%c", row->letter);
    }
}

static void print_verbs(void)
{
    const char *name;

    for (size_t i = 0; (name = verb_at(i, NULL)); i++)
        printf(" %s", name);
}

static void print_cases(const char *variable)
{
    const char *name;
    enum verb verb;

    for (size_t i = 0; (name = verb_at(i, &verb)); i++) {
        printf("    %s) %s='", name, variable);
        print_flags(verb);
        puts("' ;;");
    }
}

static void print_bash(void)
{
    puts("# bash completion of haul: source <(haul completion bash)\n"
         "_haul() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words=\n"
         "    [ \"$COMP_CWORD\" -gt 1 ] || verb=\n"
         "    case $verb in");
    printf("    '') words='");
    print_verbs();
    puts("' ;;");
    print_cases("words");
    puts("    esac\n"
         "    case $current,$verb in\n"
         "    -*,* | *,'') COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
         "    *) COMPREPLY=() ;; # files\n"
         "    esac\n"
         "}\n"
         "complete -o default -F _haul haul");
}

static void print_zsh(void)
{
    puts("#compdef haul\n"
         "# zsh completion of haul: haul completion zsh >~/.zfunc/_haul\n"
         "_haul() {\n"
         "    local offered verb=${words[2]}\n"
         "    (( CURRENT > 2 )) || verb=\n"
         "    case $verb in");
    printf("    '') offered='");
    print_verbs();
    puts("' ;;");
    print_cases("offered");
    puts("    esac\n"
         "    if [[ $PREFIX == -* || -z $verb ]]; then\n"
         "        compadd -- ${=offered}\n"
         "    else\n"
         "        _files\n"
         "    fi\n"
         "}\n"
         "_haul \"$@\"");
}

/* In single quotes, as fish has them. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void print_fish(void)
{
    const char *name;
    enum verb verb;

    puts("# fish completion of haul: haul completion fish | source");
    for (size_t i = 0; (name = verb_at(i, &verb)); i++) {
        printf("complete -c haul -f -n __fish_use_subcommand -a %s\n", name);
        for (size_t j = 0; j < option_rows_count; j++) {
            const struct option_row *row = &option_rows[j];

            if (!is_offered(row, verb))
                continue;
            printf("complete -c haul -n '__fish_seen_subcommand_from %s' -l %s", name, row->name);
            if (row->letter)
                printf(" -s %c", row->letter);
            printf("%s -d ", row->argument ? " -r" : "");
            print_quoted(row->help);
            putchar('\n');
        }
    }
}

int cmd_completion(const struct command *command)
{
    const struct option_list *words = &command->options->words;
    const char *shell = words->count == 1 ? words->values[0] : "";

    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else if (strcmp(shell, "fish") == 0) {
        print_fish();
    } else {
        say_error(command->say, "completion takes one shell: bash, zsh or fish");
        return EXITS_USAGE;
    }
    return EXITS_OK;
}
