/*
 * YAML: what parses is written and parses to the same; an edit keeps everything else.
 */
#include "json.h"
#include "node.h"
#include "yaml-edit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const NodeFile file = {.name = "input"};

static void key_of(const Node *node, char out[65])
{
    Arena *arena = arena_new();
    json_key(json_from_node(arena, node), out);
    arena_free(arena);
}

static void check_edit(Arena *arena, const char *text, gsize length)
{
    YamlStep steps[] = {{"projects", 0}, {"name", 0}, {NULL, 1}, {"ref", 0}};
    g_autofree char *edited =
        yaml_edit_set(text, length, NULL, steps, G_N_ELEMENTS(steps), node_new_scalar(arena, "new value", NULL), NULL);
    if (edited != NULL && node_parse(arena, &file, edited, strlen(edited), NULL) == NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    const Node *node = node_parse(arena, &file, (const char *)data, size, &error);
    if ((node == NULL) != (error != NULL)) {
        abort();
    }
    if (error != NULL) {
        g_autofree char *report = error_report(error);
    }
    if (node != NULL) {
        char first[65], second[65];
        g_autofree char *written = node_emit(node);
        const Node *again = node_parse(arena, &file, written, strlen(written), NULL);
        if (again == NULL) {
            abort();
        }
        key_of(node, first);
        key_of(again, second);
        if (strcmp(first, second) != 0) {
            abort();
        }
        g_autofree char *text = g_strndup((const char *)data, size);
        check_edit(arena, text, size);
    }
    arena_free(arena);
    return 0;
}
