/* crates-inherit.c - what the manifest of a crate takes from that of its workspace: `KEY.workspace = true`. */
#include "crates-private.h"
#include "element.h"

#include <string.h>

static gboolean is_inherited(const Toml *value)
{
    return value != NULL && toml_type(value) == TOML_TABLE && toml_find(value, "workspace") != NULL;
}

static const Toml *table_of(const Toml *table, const char *key)
{
    const Toml *value = toml_find(table, key);
    return value != NULL && toml_type(value) == TOML_TABLE ? value : NULL;
}

static gboolean inherit_package(Arena *arena, Toml *manifest, const Toml *workspace, GError **error)
{
    Toml *package = (Toml *)table_of(manifest, "package");
    const Toml *given = table_of(workspace, "package");
    for (gsize i = 0; i < toml_size(package); i++) {
        const char *key = toml_key_at(package, i);
        if (!is_inherited(toml_at(package, i))) {
            continue;
        }
        Toml *value = toml_find(given, key);
        if (value == NULL) {
            error_set(
                error, ERROR_SOURCE, NULL, NULL,
                "Failed to inherit 'package.%s' in crate's Cargo.toml. Value missing from workspace's Cargo.toml.",
                key);
            return FALSE;
        }
        toml_set(arena, package, key, value);
    }
    return TRUE;
}

static void append_all(Arena *arena, Toml *list, const Toml *more)
{
    for (gsize i = 0; more != NULL && toml_type(more) == TOML_ARRAY && i < toml_size(more); i++) {
        toml_append(arena, list, toml_at(more, i));
    }
}

/* Features add up, all else is the workspace's. */
static void inherit_details(Arena *arena, Toml *details, Toml *given)
{
    Toml *features = toml_new_array(arena);
    toml_remove(details, "workspace");
    if (toml_type(given) != TOML_TABLE) {
        toml_set(arena, details, "version", given);
        return;
    }
    append_all(arena, features, toml_find(given, "features"));
    append_all(arena, features, toml_find(details, "features"));
    for (gsize i = 0; i < toml_size(given); i++) {
        toml_set(arena, details, toml_key_at(given, i), toml_at(given, i));
    }
    if (toml_size(features) > 0) {
        toml_set(arena, details, "features", features);
    }
}

static gboolean inherit_dependencies(Arena *arena, const Toml *dependencies, const Toml *given, GError **error)
{
    for (gsize i = 0; dependencies != NULL && i < toml_size(dependencies); i++) {
        const char *name = toml_key_at(dependencies, i);
        Toml *details = toml_at(dependencies, i), *value = toml_find(given, name);
        if (!is_inherited(details)) {
            continue;
        }
        if (value == NULL) {
            error_set(error, ERROR_SOURCE, NULL, NULL,
                      "Failed to inherit dependency information for '%s' in crate's Cargo.toml. "
                      "Value missing from workspace's Cargo.toml.",
                      name);
            return FALSE;
        }
        inherit_details(arena, details, value);
    }
    return TRUE;
}

static gboolean inherit_all_dependencies(Arena *arena, const Toml *manifest, const Toml *given, GError **error)
{
    static const char *const sections[] = {"dependencies", "dev-dependencies", "build-dependencies"};
    const Toml *targets = table_of(manifest, "target");
    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        if (!inherit_dependencies(arena, table_of(manifest, sections[i]), given, error)) {
            return FALSE;
        }
    }
    for (gsize i = 0; i < toml_size(targets); i++) {
        if (!inherit_dependencies(arena, table_of(toml_at(targets, i), "dependencies"), given, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void inherit_lints(Arena *arena, Toml *manifest, const Toml *workspace)
{
    Toml *lints = toml_find(manifest, "lints"), *given = toml_find(workspace, "lints");
    const Toml *asked = table_of(manifest, "lints") != NULL ? toml_find(lints, "workspace") : NULL;
    if (asked != NULL && g_strcmp0(toml_text(asked), "true") == 0 && toml_size(given) > 0) {
        toml_set(arena, manifest, "lints", given);
    }
}

gboolean crates_inherit(Arena *arena, Toml *manifest, const Toml *workspace, GError **error)
{
    const Toml *given = table_of(workspace, "dependencies");
    if ((given != NULL && !inherit_all_dependencies(arena, manifest, given, error)) ||
        !inherit_package(arena, manifest, workspace, error)) {
        return FALSE;
    }
    inherit_lints(arena, manifest, workspace);
    return TRUE;
}
