/*
 * The scanner of plain YAML against libyaml: what it reads must be the same in every node, place and flag.
 *
 * The bytes are read as they are, and once more as a text that is put together from pieces of element files, so that random input reaches deep into the language.
 */
#include "node-private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const NodeFile file = {.name = "input"};

static gboolean is_same(const Node *a, const Node *b)
{
    if (a->type != b->type || a->flags != b->flags || a->size != b->size || a->capacity_log2 != b->capacity_log2 ||
        a->where.file != b->where.file || a->where.line != b->where.line || a->where.column != b->where.column) {
        return FALSE;
    }
    if (a->type == NODE_SCALAR) {
        return strcmp(a->text, b->text) == 0;
    }
    for (guint32 i = 0; i < a->size; i++) {
        gboolean mapping = a->type == NODE_MAPPING;
        if (mapping && strcmp(a->entries[i].key, b->entries[i].key) != 0) {
            return FALSE;
        }
        if (!is_same(mapping ? a->entries[i].value : a->items[i], mapping ? b->entries[i].value : b->items[i])) {
            return FALSE;
        }
    }
    return TRUE;
}

static void compare(const char *text, gsize length)
{
    Arena *arena = arena_new();
    const Node *scanned = node_scan(arena, &file, text, length);
    const Node *parsed = scanned != NULL ? node_parse_full(arena, &file, text, length, NULL) : NULL;
    if (scanned != NULL && (parsed == NULL || !is_same(scanned, parsed))) {
        g_printerr("read differently:\n%.*s\n", (int)length, text);
        abort();
    }
    arena_free(arena);
}

/* Each byte chooses a piece; words for keys and values are few, so that keys repeat. */
static const char *const pieces[] = {
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n  - ",
    "\n    - ",
    "- ",
    "key: ",
    "other: ",
    "(>):",
    "(?):",
    "depends:\n",
    ": ",
    ":",
    "a.bst",
    "'%{x}'",
    "\"q\\\"\"",
    "'it''s'",
    "|\n",
    "|-\n",
    ">\n",
    ">-\n  ",
    "|+\n\n ",
    " # note\n",
    "#",
    " ",
    "   ",
    "-O2",
    "\n\n",
    "kind: manual\n",
    "x y",
    "\"a: b\"",
    "[]",
    "{a: b}",
    "&a",
    "*a",
    "!!str ",
    "---\n",
    "...\n",
    "%TAG",
    "\xc3\xa9",
    "\t",
    "\r\n",
    "? ",
    "b\\n",
    "\"\\n\"",
    "''",
    "commands:\n",
    "      deeper",
    "k2: v\n",
    "'",
    "\"",
    "-",
    "--",
    "key:\n",
    "  ",
    "word",
    "\n      ",
    "\n  key: ",
    "\n    key:",
};

static void compare_pieces(const uint8_t *data, size_t size)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < size; i++) {
        g_string_append(text, pieces[data[i] % G_N_ELEMENTS(pieces)]);
    }
    compare(text->str, text->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compare((const char *)data, size);
    compare_pieces(data, MIN(size, 400));
    return 0;
}
