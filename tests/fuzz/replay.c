/*
 * replay.c - main() of a fuzz target in normal builds: runs every file of the given folders once.
 *
 * A crash that a fuzzer found stays a file in the corpus, and so a test for good. No folder, or an
 * empty one, is no error: the target still runs on the empty input and on a few tiny ones.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly size bytes, so that the sanitizer sees a read past the end. */
static void run_bytes(const void *bytes, size_t size)
{
    uint8_t *copy = calloc(1, size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int run_file(const char *path)
{
    static uint8_t bytes[4 << 20];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        perror(path);
        return 1;
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    if (ferror(file) || !feof(file)) {
        fprintf(stderr, "%s: unreadable, or larger than %zu bytes\n", path, sizeof(bytes));
        fclose(file);
        return 1;
    }
    fclose(file);
    run_bytes(bytes, size);
    return 0;
}

static int run_folder(const char *folder, size_t *count)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[4096];
    int failed = 0;

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        failed |= run_file(path);
        *count += 1;
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int failed = 0;

    run_bytes("", 0);
    for (int byte = 0; byte < 256; byte++)
        run_bytes((uint8_t[]){ (uint8_t)byte }, 1);
    for (int i = 1; i < argc; i++)
        failed |= run_folder(argv[i], &count);
    printf("%zu files replayed\n", count);
    return failed;
}
