/* source-pip.c - `kind: pip`: source archives of Python packages as pip(1) downloads them; the ref lists the exact versions. */
#include "element.h"
#include "source-kinds.h"

#define DEFAULT_INDEX "https://pypi.org/simple/"

typedef struct {
    const char *url;
    const char *const *packages, *const *requirements_files;
    const char *ref; /* lines "NAME==VERSION", or NULL */
} Pip;

static gboolean pip_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "packages", "ref", "requirements-files", NULL};
    static const char *const none[] = {NULL};
    Arena *arena = source_arena(source);
    Pip *pip = arena_new_of(arena, Pip);
    source->data = pip;
    pip->url = DEFAULT_INDEX;
    pip->packages = pip->requirements_files = none;
    if (!node_check_keys(config, keys, error) || !node_get_string(config, "url", &pip->url, error) ||
        !node_get_strings(config, "packages", arena, &pip->packages, error) ||
        !node_get_strings(config, "requirements-files", arena, &pip->requirements_files, error)) {
        return FALSE;
    }
    if (pip->packages[0] == NULL && pip->requirements_files[0] == NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where,
                  "Either 'packages' or 'requirements-files' must be specified");
        return FALSE;
    }
    return TRUE;
}

static gboolean pip_load_ref(Source *source, const Node *ref, GError **error)
{
    Pip *pip = source->data;
    return source_ref_text(source, ref, &pip->ref, error);
}

static Json *pip_unique_key(Source *source, Arena *arena, GError **error)
{
    const Pip *pip = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, pip->url));
    json_append(key, json_string(arena, pip->ref));
    return key;
}

const SourceKind source_kind_pip = {
    .name = "pip",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = pip_configure,
    .load_ref = pip_load_ref,
    .unique_key = pip_unique_key,
};
