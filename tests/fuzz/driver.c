/*
 * Runs a fuzzer's LLVMFuzzerTestOneInput over each file of a corpus, and over mutations of it that are the same each time:
 *
 *   fuzz-NAME CORPUS [MUTATIONS]
 *
 * A fuzzer may have a LLVMFuzzerCustomMutator, for inputs that changed bytes would only spoil.  It fails by crashing, or by abort() in the fuzzer.  For a real campaign, link the fuzzer without this file:
 *   clang -fsanitize=fuzzer,address fuzz-NAME.c …
 */
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define MUTATIONS_DEFAULT 2000
#define SIZE_MAX_MUTATED  (1 << 20)

static uint64_t state;
static char current[4096]; /* what is being run: told when it crashes */

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static uint32_t below(gsize limit)
{
    return limit > 0 ? next_random() % (uint32_t)limit : 0;
}

static void flip_bit(GByteArray *data)
{
    if (data->len > 0)
        data->data[below(data->len)] ^= (uint8_t)(1u << below(8));
}

static void set_byte(GByteArray *data)
{
    static const uint8_t interesting[] = {0, 1, 0x0a, 0x12, 0x1a, 0x22, '/', '.', 0x7f, 0x80, 0xff, ':', '-', '\n'};
    if (data->len > 0)
        data->data[below(data->len)] = below(2) ? (uint8_t)next_random() : interesting[below(sizeof interesting)];
}

static void remove_range(GByteArray *data)
{
    if (data->len == 0)
        return;
    guint start = below(data->len), length = 1 + below(MIN(data->len - start, 64));
    g_byte_array_remove_range(data, start, MIN(length, data->len - start));
}

static void copy_range(GByteArray *data)
{
    if (data->len == 0 || data->len > SIZE_MAX_MUTATED)
        return;
    guint start = below(data->len), length = 1 + below(data->len - start), at = below(data->len + 1);
    g_autofree uint8_t *piece = g_memdup2(data->data + start, length);
    guint rest = data->len - at;
    g_byte_array_set_size(data, data->len + length);
    memmove(data->data + at + length, data->data + at, rest);
    memcpy(data->data + at, piece, length);
}

static void truncate_end(GByteArray *data)
{
    g_byte_array_set_size(data, below(data->len + 1));
}

static void (*const mutators[])(GByteArray *data) = {flip_bit,     set_byte,   set_byte,
                                                     remove_range, copy_range, truncate_end};

static void mutate(GByteArray *data)
{
    for (unsigned step = 0, steps = 1 + below(4); step < steps; step++)
        mutators[below(G_N_ELEMENTS(mutators))](data);
}

/* libFuzzer's own, for fuzzers with a mutator of their own. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    g_autoptr(GByteArray) mutated = g_byte_array_new();
    g_byte_array_append(mutated, data, (guint)size);
    mutate(mutated);
    size = MIN(mutated->len, max_size);
    if (size > 0)
        memcpy(data, mutated->data, size);
    return size;
}

static void mutate_by_fuzzer(GByteArray *data)
{
    guint size = data->len, space = 2 * size + 4096;
    g_byte_array_set_size(data, space);
    g_byte_array_set_size(data, (guint)LLVMFuzzerCustomMutator(data->data, size, space, next_random()));
}

/* From a copy of exactly its size, so that a sanitizer sees each byte read beyond the end. */
static void run(const uint8_t *data, gsize size)
{
    g_autofree uint8_t *copy = g_malloc(MAX(size, 1));
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
}

static void run_mutations(const char *name, const uint8_t *data, gsize size, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_snprintf(current, sizeof current, "%s, mutation %u\n", name, i);
        state = UINT64_C(0x9e3779b97f4a7c15) * (i + 1) ^ g_str_hash(name);
        g_autoptr(GByteArray) mutated = g_byte_array_new();
        g_byte_array_append(mutated, data, (guint)size);
        if (LLVMFuzzerCustomMutator)
            mutate_by_fuzzer(mutated);
        else
            mutate(mutated);
        run(mutated->data, mutated->len);
    }
}

static void tell_input(int number)
{
    (void)!write(STDERR_FILENO, "the input was: ", 15);
    (void)!write(STDERR_FILENO, current, strlen(current));
    signal(number, SIG_DFL);
    raise(number);
}

static int compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *list(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare);
    return names;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s CORPUS [MUTATIONS]\n", argv[0]);
        return 2;
    }
    unsigned count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : MUTATIONS_DEFAULT;
    g_autoptr(GPtrArray) names = list(argv[1]);
    if (names->len == 0) {
        fprintf(stderr, "%s: there is no corpus\n", argv[1]);
        return 1;
    }
    signal(SIGABRT, tell_input);
    signal(SIGSEGV, tell_input);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *data = NULL;
        gsize size;
        if (!g_file_get_contents(path, &data, &size, NULL))
            continue;
        g_snprintf(current, sizeof current, "%s\n", name);
        run((const uint8_t *)data, size);
        run_mutations(name, (const uint8_t *)data, size, count);
    }
    printf("%u inputs, %u mutations each\n", names->len, count);
    return 0;
}
