/*
 * source-workspace.c - what stands in for the sources of an element that has an open workspace: its directory as it is.
 *
 * The key is the digest of the directory with the times of its files and folders in it, to the microsecond, as BuildStream imports workspaces.  What is staged keeps the times of
 * its files, unlike everything else, so that `make` sees what is newer than what an earlier build left (build-incremental.c).
 */
#include "element.h"
#include "remote_execution.pb-c.h"
#include "source-info.h"
#include "source-kinds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 250

typedef Build__Bazel__Remote__Execution__V2__Directory DirectoryMessage;
typedef Build__Bazel__Remote__Execution__V2__FileNode FileMessage;
typedef Build__Bazel__Remote__Execution__V2__DirectoryNode FolderMessage;
typedef Build__Bazel__Remote__Execution__V2__SymlinkNode LinkMessage;
typedef Build__Bazel__Remote__Execution__V2__Digest DigestMessage;
typedef Build__Bazel__Remote__Execution__V2__NodeProperties PropertiesMessage;

typedef struct {
    const char *path; /* absolute */
    gboolean has_digest;
    SluiceDigest digest;
} WorkspaceSource;

static gboolean workspace_configure(Source *source, const Node *config, GError **error)
{
    WorkspaceSource *workspace = arena_new_of(source_arena(source), WorkspaceSource);
    source->data = workspace;
    return node_need_string(config, "path", &workspace->path, error);
}

/* ---- The digest ---- */

static gboolean cannot(const char *what, const char *path, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot %s %s: %s", what, path, g_strerror(errno));
    return FALSE;
}

static DigestMessage *new_digest(Arena *arena, const SluiceDigest *digest)
{
    DigestMessage *message = arena_new_of(arena, DigestMessage);
    build__bazel__remote__execution__v2__digest__init(message);
    message->hash = arena_alloc(arena, SLUICE_HASH_HEX + 1);
    sluice_digest_hex(digest, message->hash);
    message->size_bytes = digest->size;
    return message;
}

static PropertiesMessage *new_properties(Arena *arena, const struct stat *st)
{
    PropertiesMessage *properties = arena_new_of(arena, PropertiesMessage);
    build__bazel__remote__execution__v2__node_properties__init(properties);
    properties->mtime = arena_new_of(arena, Google__Protobuf__Timestamp);
    google__protobuf__timestamp__init(properties->mtime);
    properties->mtime->seconds = st->st_mtim.tv_sec;
    properties->mtime->nanos = (int)(st->st_mtim.tv_nsec / 1000 * 1000);
    return properties;
}

static gboolean hash_file(int fd, const char *path, SluiceDigest *out, GError **error)
{
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    g_autofree guint8 *buffer = g_malloc(128 * 1024);
    for (;;) {
        ssize_t length = read(fd, buffer, 128 * 1024);
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length < 0) {
            return cannot("read", path, error);
        }
        if (length == 0) {
            break;
        }
        sluice_hasher_update(hasher, buffer, (gsize)length);
    }
    sluice_hasher_finish(hasher, out);
    return TRUE;
}

typedef struct {
    Arena *arena;
    GPtrArray *files, *folders, *links;
} Listing;

static gboolean add_file(Listing *listing, int folder, const char *name, const char *path, GError **error)
{
    SluiceDigest digest;
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gboolean ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok) {
        cannot("open", path, error);
    }
    ok = ok && hash_file(fd, path, &digest, error);
    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        return FALSE;
    }
    FileMessage *file = arena_new_of(listing->arena, FileMessage);
    build__bazel__remote__execution__v2__file_node__init(file);
    file->name = arena_strdup(listing->arena, name);
    file->digest = new_digest(listing->arena, &digest);
    file->is_executable = (st.st_mode & S_IXUSR) != 0;
    file->node_properties = new_properties(listing->arena, &st);
    g_ptr_array_add(listing->files, file);
    return TRUE;
}

static gboolean add_link(Listing *listing, int folder, const char *name, const char *path, GError **error)
{
    char target[4096];
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    if (length < 0) {
        return cannot("read the link", path, error);
    }
    LinkMessage *link = arena_new_of(listing->arena, LinkMessage);
    build__bazel__remote__execution__v2__symlink_node__init(link);
    link->name = arena_strdup(listing->arena, name);
    link->target = arena_strndup(listing->arena, target, (gsize)length);
    g_ptr_array_add(listing->links, link);
    return TRUE;
}

static gboolean digest_folder(Arena *arena, int fd, const char *path, int depth, SluiceDigest *out, GError **error);

static gboolean add_folder(Listing *listing, int folder, const char *name, const char *path, int depth, GError **error)
{
    SluiceDigest digest;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return cannot("open", path, error);
    }
    if (!digest_folder(listing->arena, fd, path, depth + 1, &digest, error)) {
        return FALSE;
    }
    FolderMessage *message = arena_new_of(listing->arena, FolderMessage);
    build__bazel__remote__execution__v2__directory_node__init(message);
    message->name = arena_strdup(listing->arena, name);
    message->digest = new_digest(listing->arena, &digest);
    g_ptr_array_add(listing->folders, message);
    return TRUE;
}

static gboolean add_entry(Listing *listing, int folder, const char *name, const char *path, int depth, GError **error)
{
    struct stat st;
    g_autofree char *full = g_build_filename(path, name, NULL);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return cannot("look at", full, error);
    }
    if (S_ISDIR(st.st_mode)) {
        return add_folder(listing, folder, name, full, depth, error);
    }
    if (S_ISLNK(st.st_mode)) {
        return add_link(listing, folder, name, full, error);
    }
    /* Sockets and the like are left out. */
    return !S_ISREG(st.st_mode) || add_file(listing, folder, name, full, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void encode(Listing *listing, const struct stat *st, int depth, SluiceDigest *out)
{
    DirectoryMessage message;
    build__bazel__remote__execution__v2__directory__init(&message);
    message.files = (FileMessage **)listing->files->pdata;
    message.n_files = listing->files->len;
    message.directories = (FolderMessage **)listing->folders->pdata;
    message.n_directories = listing->folders->len;
    message.symlinks = (LinkMessage **)listing->links->pdata;
    message.n_symlinks = listing->links->len;
    message.node_properties = depth > 0 ? new_properties(listing->arena, st) : NULL;
    gsize length = build__bazel__remote__execution__v2__directory__get_packed_size(&message);
    g_autofree guint8 *data = g_malloc(length + 1);
    build__bazel__remote__execution__v2__directory__pack(&message, data);
    sluice_digest_of(data, length, out);
}

/* Closes fd. */
static gboolean digest_folder(Arena *arena, int fd, const char *path, int depth, SluiceDigest *out, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free), files = g_ptr_array_new();
    g_autoptr(GPtrArray) folders = g_ptr_array_new(), links = g_ptr_array_new();
    Listing listing = {arena, files, folders, links};
    struct stat st;
    DIR *directory = fdopendir(fd);
    gboolean ok = directory != NULL && fstat(fd, &st) == 0;
    if (!ok || depth == MAX_DEPTH) {
        cannot(ok ? "go deeper than" : "open", path, error);
        ok = FALSE;
    }
    for (const struct dirent *entry; ok && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            g_ptr_array_add(names, g_strdup(entry->d_name));
        }
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; ok && i < names->len; i++) {
        ok = add_entry(&listing, fd, names->pdata[i], path, depth, error);
    }
    if (ok) {
        encode(&listing, &st, depth, out);
    }
    if (directory != NULL) {
        closedir(directory);
    } else {
        close(fd);
    }
    return ok;
}

static gboolean digest_workspace(const WorkspaceSource *workspace, SluiceDigest *out, GError **error)
{
    int fd = open(workspace->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return cannot("open the workspace", workspace->path, error);
    }
    Arena *arena = arena_new();
    gboolean ok = digest_folder(arena, fd, workspace->path, 0, out, error);
    arena_free(arena);
    return ok;
}

static gboolean ensure_digest(Source *source, GError **error)
{
    WorkspaceSource *workspace = source->data;
    workspace->has_digest = workspace->has_digest || digest_workspace(workspace, &workspace->digest, error);
    return workspace->has_digest;
}

/* ---- The kind ---- */

static Json *workspace_unique_key(Source *source, Arena *arena, GError **error)
{
    const WorkspaceSource *workspace = source->data;
    char hex[SLUICE_HASH_HEX + 1];
    if (!ensure_digest(source, error)) {
        return NULL;
    }
    sluice_digest_hex(&workspace->digest, hex);
    return json_string(arena, hex);
}

static gboolean workspace_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                                GError **error)
{
    const WorkspaceSource *workspace = source->data;
    const SluiceImportOptions options = {.by_link = FALSE, .times = TRUE};
    SluiceDigest root, now;
    if (!sluice_store_import(context->store, AT_FDCWD, workspace->path, &options, &root, error) ||
        !digest_workspace(workspace, &now, error)) {
        return FALSE;
    }
    if (workspace->has_digest && !sluice_digest_equal(&now, &workspace->digest)) {
        error_set(error, ERROR_SOURCE, "local-changed", &source->where,
                  "The workspace '%s' changed after its cache key was computed", workspace->path);
        return FALSE;
    }
    return sluice_tree_merge(tree, directory, &root, NULL, NULL, error);
}

static gboolean workspace_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const WorkspaceSource *workspace = source->data;
    char digest[SLUICE_DIGEST_STRING_MAX];
    if (!ensure_digest(source, error)) {
        return FALSE;
    }
    const SourceInfo info = {.url = workspace->path,
                             .medium = "workspace",
                             .version_type = "cas-digest",
                             .version = sluice_digest_string(&workspace->digest, digest)};
    source_info_append(source, arena, list, &info);
    return TRUE;
}

/* Its ref is there while the directory is. */
const SourceKind source_kind_workspace = {
    .name = "workspace",
    .has_ref = TRUE,
    .configure = workspace_configure,
    .unique_key = workspace_unique_key,
    .stage = workspace_stage,
    .collect_info = workspace_collect_info,
};
