/* Cargo.lock and Cargo.toml: strings are UTF-8, what is found under a key is what is there; what is written can be read. */
#include "toml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_MAX ((gsize)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition) {
        abort();
    }
}

/* As deep as the parser lets values be: dotted keys in each of the inline tables in each other. */
static void walk(const Toml *value)
{
    gboolean container = toml_type(value) == TOML_TABLE || toml_type(value) == TOML_ARRAY;
    check(container == (toml_text(value) == NULL));
    check(container || g_utf8_validate(toml_text(value), -1, NULL));
    for (gsize i = 0; i < toml_size(value); i++) {
        if (toml_type(value) == TOML_TABLE) {
            check(toml_find(value, toml_key_at(value, i)) == toml_at(value, i));
        }
        walk(toml_at(value, i));
    }
}

static void write_and_read(Arena *arena, const Toml *toml)
{
    g_autoptr(GString) once = g_string_new(NULL), twice = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    if (!toml_write(toml, WRITTEN_MAX, once)) {
        return;
    }
    const Toml *read = toml_parse(arena, once->str, once->len, &error);
    /* Dotted keys in each other may be too many in one header. */
    if (read == NULL && strstr(error->message, "too ") != NULL) {
        return;
    }
    check(read != NULL && toml_size(read) == toml_size(toml) && toml_write(read, WRITTEN_MAX, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    Arena *arena = arena_new();
    const Toml *toml = toml_parse(arena, (const char *)data, size, &error);
    check((toml == NULL) == (error != NULL));
    if (toml != NULL) {
        walk(toml);
        write_and_read(arena, toml);
    }
    arena_free(arena);
    return 0;
}
