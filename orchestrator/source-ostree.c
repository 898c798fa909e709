/* source-ostree.c - `kind: ostree`: a commit of an OSTree repository. */
#include "element.h"
#include "source-git.h"
#include "source-kinds.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *url, *track;
    const char *ref;     /* or NULL */
    const char *gpg_key; /* path in the project, or NULL */
} OSTree;

static gboolean ostree_load_ref(Source *source, const Node *ref, GError **error)
{
    OSTree *ostree = source->data;
    return source_ref_text(source, ref, &ostree->ref, error);
}

static gboolean check_gpg_key(const Source *source, const Node *config, GError **error)
{
    const OSTree *ostree = source->data;
    const Node *node = node_find(config, "gpg-key");
    struct stat st;
    if (node == NULL) {
        return TRUE;
    }
    int fd = source_open_project_path(source, ostree->gpg_key, node_where(node), error);
    if (fd < 0) {
        return FALSE;
    }
    gboolean is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    if (!is_file) {
        error_set(error, ERROR_LOAD, "PROJ_PATH_INVALID_KIND", node_where(node),
                  "Specified path '%s' is not a regular file", ostree->gpg_key);
    }
    return is_file;
}

static gboolean ostree_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "ref", "track", "gpg-key", NULL};
    OSTree *ostree = arena_new_of(source_arena(source), OSTree);
    source->data = ostree;
    return node_check_keys(config, keys, error) && node_need_string(config, "url", &ostree->url, error) &&
           node_get_string(config, "track", &ostree->track, error) &&
           source_need_ref_or_track(source, config, "OSTree", error) &&
           node_get_string(config, "gpg-key", &ostree->gpg_key, error) && check_gpg_key(source, config, error);
}

static Json *ostree_unique_key(Source *source, Arena *arena, GError **error)
{
    const OSTree *ostree = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, ostree->url));
    json_append(key, json_string(arena, ostree->ref));
    return key;
}

const SourceKind source_kind_ostree = {
    .name = "ostree",
    .has_ref = TRUE,
    .configure = ostree_configure,
    .load_ref = ostree_load_ref,
    .unique_key = ostree_unique_key,
};
