/* git-stage.c - see git-stage.h */
#include "git-stage.h"
#include "cas.h"
#include "git-history.h"
#include "git-index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHA_LENGTH  40
#define SHA_BYTES   20
#define ENTRIES_MAX 5000000

static gboolean cannot_write(const char *path, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot write %s: %s", path, g_strerror(errno));
    return FALSE;
}

static gboolean make_folder(const char *path, GError **error)
{
    return g_mkdir_with_parents(path, 0755) == 0 || cannot_write(path, error);
}

/* Files are new, in folders that are ours. */
static gboolean write_new(const char *path, gconstpointer data, gsize length, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    gboolean ok = fd >= 0;
    for (gsize done = 0; ok && done < length;) {
        ssize_t written = write(fd, (const char *)data + done, length - done);
        ok = written > 0 || (written < 0 && errno == EINTR);
        done += written > 0 ? (gsize)written : 0;
    }
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    return ok || cannot_write(path, error);
}

static gboolean write_text(const char *folder, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    return make_folder(parent, error) && write_new(path, text, strlen(text), error);
}

/* ---- Files -------------------------------------------------------------------------------------------------------------------------- */

/* A repository of our own that borrows the mirror's objects: the mirror is only read. */
static gboolean make_borrower(const Git *mirror, gboolean plain, const char *path, GError **error)
{
    g_autofree char *objects = g_strconcat(mirror->repository, "/objects\n", NULL);
    g_autofree char *refs = g_build_filename(path, "refs", NULL);
    return make_folder(refs, error) && write_text(path, "HEAD", "ref: refs/heads/none\n", error) &&
           write_text(path, "config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n", error) &&
           write_text(path, "objects/info/alternates", objects, error) &&
           (!plain || write_text(path, "info/attributes", "* -ident -filter -working-tree-encoding\n", error));
}

gboolean git_stage_files(const Git *mirror, const char *commit, gboolean plain, const char *folder, GError **error)
{
    g_autofree char *borrower = g_strconcat(folder, ".git", NULL);
    g_autofree char *fail = g_strdup_printf("Failed to checkout git ref %s", commit);
    const Git git = {
        .repository = borrower, .work_tree = folder, .directory = folder, .cancellable = mirror->cancellable};
    gboolean ok =
        make_folder(folder, error) && make_borrower(mirror, plain, borrower, error) &&
        git_run(&git, GIT_ARGUMENTS("checkout", "--quiet", "--force", "--detach", commit), fail, NULL, NULL, error);
    sluice_remove_tree(borrower, NULL);
    return ok;
}

/* ---- Objects ------------------------------------------------------------------------------------------------------------------------ */

static GBytes *deflate(GBytes *header, GBytes *object, GError **error)
{
    g_autoptr(GZlibCompressor) compressor = g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, -1);
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
    g_autoptr(GOutputStream) stream = g_converter_output_stream_new(memory, G_CONVERTER(compressor));
    if (!g_output_stream_write_all(stream, g_bytes_get_data(header, NULL), g_bytes_get_size(header), NULL, NULL,
                                   error) ||
        !g_output_stream_write_all(stream, g_bytes_get_data(object, NULL), g_bytes_get_size(object), NULL, NULL,
                                   error) ||
        !g_output_stream_close(stream, NULL, error)) {
        return NULL;
    }
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(memory));
}

static gboolean write_object(const char *repository, const char *name, GitObjectType type, GBytes *object,
                             GError **error)
{
    g_autofree char *head = g_strdup_printf("%s %" G_GSIZE_FORMAT, git_object_types[type], g_bytes_get_size(object));
    g_autoptr(GBytes) header = g_bytes_new(head, strlen(head) + 1);
    g_autoptr(GBytes) packed = deflate(header, object, error);
    g_autofree char *folder = g_strdup_printf("%s/objects/%.2s", repository, name);
    g_autofree char *path = g_build_filename(folder, name + 2, NULL);
    return packed != NULL && make_folder(folder, error) &&
           write_new(path, g_bytes_get_data(packed, NULL), g_bytes_get_size(packed), error);
}

typedef struct {
    GitObjects *objects;
    const char *repository;
    gboolean blobs;
    GHashTable *done; /* names of what was written */
    GPtrArray *trees; /* names of trees to write */
} Writer;

static gboolean missing(const char *name, GError **error)
{
    if (error == NULL || *error == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "The clone lacks the object %s", name);
    }
    return FALSE;
}

/* Copies one object, once.  *object (or NULL) gets it. */
static gboolean copy_object(Writer *writer, const char *name, GitObjectType expected, GBytes **object, GError **error)
{
    GitObjectType type = expected;
    g_autoptr(GBytes) bytes = git_objects_read(writer->objects, name, &type, error);
    if (bytes == NULL || type != expected) {
        return missing(name, error);
    }
    if (!write_object(writer->repository, name, type, bytes, error)) {
        return FALSE;
    }
    if (object != NULL) {
        *object = g_steal_pointer(&bytes);
    }
    return TRUE;
}

static void sha_to_hex(const guint8 *sha, char hex[SHA_LENGTH + 1])
{
    for (guint i = 0; i < SHA_BYTES; i++) {
        g_snprintf(hex + 2 * i, 3, "%02x", sha[i]);
    }
}

/* "MODE NAME\0SHA" */
static gboolean next_entry(const char *data, gsize length, gsize *position, guint *mode, const char **name,
                           const guint8 **sha)
{
    const char *entry = data + *position;
    const char *end = memchr(entry, '\0', length - *position);
    char *after;
    if (end == NULL || length - (gsize)(end + 1 - data) < SHA_BYTES) {
        return FALSE;
    }
    *mode = (guint)strtoul(entry, &after, 8);
    *name = after + 1;
    *sha = (const guint8 *)end + 1;
    *position = (gsize)(end + 1 - data) + SHA_BYTES;
    return *after == ' ' && after < end;
}

static gboolean copy_entry(Writer *writer, guint mode, const guint8 *sha, GError **error)
{
    char hex[SHA_LENGTH + 1];
    sha_to_hex(sha, hex);
    gboolean is_tree = S_ISDIR(mode);
    gboolean is_wanted = is_tree || S_ISLNK(mode) || (writer->blobs && S_ISREG(mode));
    if (!is_wanted || !g_hash_table_add(writer->done, g_strdup(hex))) {
        return TRUE;
    }
    if (is_tree) {
        g_ptr_array_add(writer->trees, g_strdup(hex));
        return TRUE;
    }
    return copy_object(writer, hex, GIT_OBJECT_BLOB, NULL, error);
}

static gboolean copy_tree(Writer *writer, const char *name, GError **error)
{
    g_autoptr(GBytes) tree = NULL;
    gsize length, position = 0;
    if (!copy_object(writer, name, GIT_OBJECT_TREE, &tree, error)) {
        return FALSE;
    }
    const char *data = g_bytes_get_data(tree, &length);
    while (position < length) {
        guint mode;
        const char *entry;
        const guint8 *sha;
        if (!next_entry(data, length, &position, &mode, &entry, &sha)) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "The tree %s is broken", name);
            return FALSE;
        }
        if (!copy_entry(writer, mode, sha, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean copy_commits(Writer *writer, const GitCommits *commits, GError **error)
{
    GHashTableIter iter;
    gpointer name, commit;
    g_hash_table_iter_init(&iter, commits->commits);
    while (g_hash_table_iter_next(&iter, &name, &commit)) {
        gsize position = 0;
        g_autofree char *tree = git_header_value(commit, "tree", &position);
        if (tree == NULL) {
            return missing(name, error);
        }
        if (g_hash_table_add(writer->done, g_strdup(tree))) {
            g_ptr_array_add(writer->trees, g_strdup(tree));
        }
        if (!write_object(writer->repository, name, GIT_OBJECT_COMMIT, commit, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean copy_objects(Writer *writer, const GitCommits *commits, GError **error)
{
    gboolean ok = copy_commits(writer, commits, error);
    for (guint i = 0; ok && i < commits->tags->len; i++) {
        ok = copy_object(writer, commits->tags->pdata[i], GIT_OBJECT_TAG, NULL, error);
    }
    while (ok && writer->trees->len > 0) {
        g_autofree char *name = g_ptr_array_steal_index(writer->trees, writer->trees->len - 1);
        ok = copy_tree(writer, name, error);
    }
    return ok;
}

/* ---- The repository ------------------------------------------------------------------------------------------------------------------ */

static gboolean write_ref(const char *repository, const char *name, const char *target, GError **error)
{
    g_autofree char *line = g_strconcat(target, "\n", NULL);
    return write_text(repository, name, line, error);
}

static gboolean write_frame(const char *repository, const char *head, GError **error)
{
    static const char *const folders[] = {"branches",  "hooks",        "refs/heads",
                                          "refs/tags", "objects/info", "objects/pack"};
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(repository, folders[i], NULL);
        if (!make_folder(path, error)) {
            return FALSE;
        }
    }
    return write_text(repository, "config",
                      "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
                      "\tlogallrefupdates = true\n",
                      error) &&
           write_text(repository, "description", "Unnamed repository", error) &&
           write_text(repository, "info/exclude", "", error) && write_ref(repository, "HEAD", head, error);
}

static gboolean write_shallow(const char *repository, GHashTable *shallow, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(shallow), (GCompareFunc)strcmp);
    for (const GList *name = names; name != NULL; name = name->next) {
        g_string_append_printf(lines, "%s\n", (const char *)name->data);
    }
    return names == NULL || write_text(repository, "shallow", lines->str, error);
}

static gboolean hex_to_sha(const char *hex, guint8 sha[SHA_BYTES])
{
    for (guint i = 0; i < SHA_BYTES; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]), low = high < 0 ? -1 : g_ascii_xdigit_value(hex[2 * i + 1]);
        if (low < 0) {
            return FALSE;
        }
        sha[i] = (guint8)(high << 4 | low);
    }
    return TRUE;
}

/* "MODE TYPE SHA\tNAME" */
static gboolean parse_listed(char *record, const char *folder, GitIndexEntry *entry)
{
    struct stat st;
    char *tab = strchr(record, '\t');
    char *sha = tab != NULL && tab - record > SHA_LENGTH ? tab - SHA_LENGTH : NULL;
    if (sha == NULL || !hex_to_sha(sha, entry->sha)) {
        return FALSE;
    }
    entry->name = tab + 1;
    entry->mode = (guint)strtoul(record, NULL, 8);
    g_autofree char *path = g_build_filename(folder, entry->name, NULL);
    gboolean is_file = !S_ISDIR(entry->mode) && (entry->mode & S_IFMT) != 0160000 && lstat(path, &st) == 0;
    entry->size = is_file ? (guint32)st.st_size : 0;
    /* Modes of old repositories, such as 100664. */
    if (S_ISREG(entry->mode)) {
        entry->mode = (entry->mode & 0100) != 0 ? 0100755 : 0100644;
    }
    return TRUE;
}

static gboolean write_index(const Git *mirror, const char *commit, const char *folder, const char *repository,
                            GError **error)
{
    g_autofree char *listing = NULL;
    g_autofree char *path = g_build_filename(repository, "index", NULL);
    g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(GitIndexEntry));
    if (!git_run(mirror, GIT_ARGUMENTS("ls-tree", "-r", "-z", "--full-tree", commit), "Failed to list the files", NULL,
                 &listing, error)) {
        return FALSE;
    }
    for (char *record = listing; *record != '\0'; record += strlen(record) + 1) {
        GitIndexEntry entry = {0};
        if (entries->len >= ENTRIES_MAX || !parse_listed(record, folder, &entry)) {
            return missing(commit, error);
        }
        g_array_append_val(entries, entry);
    }
    g_autoptr(GBytes) index = git_index_encode((GitIndexEntry *)(void *)entries->data, entries->len);
    return write_new(path, g_bytes_get_data(index, NULL), g_bytes_get_size(index), error);
}

gboolean git_has_history(const Git *mirror, const GitHistory *history)
{
    g_auto(GitCommits) commits = {NULL};
    g_autoptr(GitObjects) objects = git_objects_open(mirror, NULL);
    return objects != NULL && git_commits_collect(objects, mirror, history, &commits, NULL);
}

gboolean git_stage_repository(const Git *mirror, const GitHistory *history, const char *folder, GError **error)
{
    g_autofree char *repository = g_build_filename(folder, ".git", NULL);
    g_autofree char *tag = history->tag != NULL ? g_strconcat("refs/tags/", history->tag, NULL) : NULL;
    g_auto(GitCommits) commits = {NULL};
    g_autoptr(GitObjects) objects = git_objects_open(mirror, error);
    if (objects == NULL) {
        return FALSE;
    }
    if (!git_commits_collect(objects, mirror, history, &commits, error)) {
        return missing(history->commit, error);
    }
    Writer writer = {.objects = objects,
                     .repository = repository,
                     .blobs = history->clone,
                     .done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                     .trees = g_ptr_array_new_with_free_func(g_free)};
    gboolean ok = write_frame(repository, history->clone ? history->commit : "ref: refs/heads/master", error) &&
                  copy_objects(&writer, &commits, error) &&
                  write_ref(repository, "refs/heads/master", history->commit, error) &&
                  (tag == NULL || write_ref(repository, tag, commits.tag_target, error)) &&
                  write_shallow(repository, commits.shallow, error) &&
                  write_index(mirror, history->commit, folder, repository, error);
    g_hash_table_unref(writer.done);
    g_ptr_array_unref(writer.trees);
    return ok;
}
