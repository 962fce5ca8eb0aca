/*
 * fuzz_config.c - a file of settings: taken or refused with a reason, and what is taken reads back.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *config)
{
    size_t bytes = config_print(config, NULL, 0);
    char *text = malloc(bytes + 1);

    if (!text)
        abort();
    (void)config_print(config, text, bytes + 1);
    assert(strlen(text) == bytes);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config, before, again;
    struct config_trouble trouble = { "" };
    char *text;

    config_init_defaults(&config);
    before = config;
    if (config_parse(&config, span_of((const char *)data, size), "file", &trouble) == CONFIG_BAD) {
        assert(strncmp(trouble.text, "file:", 5) == 0);
        assert(memcmp(&config, &before, sizeof(config)) == 0);
        return 0;
    }
    text = print(&config);
    config_init_defaults(&again);
    if (config_parse(&again, span_of_string(text), "printed", &trouble) != CONFIG_OK)
        abort();
    assert(memcmp(&config, &again, offsetof(struct config, origins)) == 0);
    assert(config.origins_count == again.origins_count);
    free(text);
    return 0;
}
