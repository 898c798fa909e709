/* source-gen-cargo-lock.c - `kind: gen_cargo_lock`: a Cargo.lock for projects that have none; the ref is the file itself, in base64. */
#include "element.h"
#include "source-kinds.h"

typedef struct {
    const char *ref; /* or NULL */
} GenCargoLock;

static gboolean gen_cargo_lock_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"ref", NULL};
    source->data = arena_new_of(source_arena(source), GenCargoLock);
    return node_check_keys(config, keys, error);
}

static gboolean gen_cargo_lock_load_ref(Source *source, const Node *ref, GError **error)
{
    GenCargoLock *lock = source->data;
    return source_ref_text(source, ref, &lock->ref, error);
}

static Json *gen_cargo_lock_unique_key(Source *source, Arena *arena, GError **error)
{
    const GenCargoLock *lock = source->data;
    return json_string(arena, lock->ref);
}

const SourceKind source_kind_gen_cargo_lock = {
    .name = "gen_cargo_lock",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = gen_cargo_lock_configure,
    .load_ref = gen_cargo_lock_load_ref,
    .unique_key = gen_cargo_lock_unique_key,
};
