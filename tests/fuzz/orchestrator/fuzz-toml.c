/* Cargo.lock and Cargo.toml: strings are UTF-8, what is found under a key is what is there. */
#include "toml.h"

#include <stdint.h>
#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    Arena *arena = arena_new();
    const Toml *toml = toml_parse(arena, (const char *)data, size, &error);
    check((toml == NULL) == (error != NULL));
    if (toml != NULL) {
        walk(toml);
    }
    arena_free(arena);
    return 0;
}
