/*
 * typed.c - the words are copies: options and plan point into them.
 */
#include "typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

void user_types(struct made *made, const char *const *words)
{
    int argc = 1;

    *made = (struct made){ 0 };
    made->argv[0] = strdup("haul");
    for (; words[argc - 1]; argc++) {
        assert_true(argc < TYPED_WORDS_MAX);
        made->argv[argc] = strdup(words[argc - 1]);
    }
    assert_true(options_parse(&made->options, argc, made->argv, &made->why));
    made->is_made = plan_init(&made->plan, &made->options, &made->why);
}

void user_is_done(struct made *made)
{
    plan_deinit(&made->plan);
    options_deinit(&made->options);
    free(made->why);
    for (size_t i = 0; i < TYPED_WORDS_MAX; i++)
        free(made->argv[i]);
}
