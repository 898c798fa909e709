/*
 * git-lfs.c - the files behind the pointers that a commit has: fetched into the store from the server of the repository, and put in their places.
 *
 * The server is URL.git/info/lfs, or what `lfs.url` in the repository's .lfsconfig says; a repository on this machine has the objects below its own lfs/objects.
 */
#include "download.h"
#include "element.h"
#include "lfs.h"
#include "source-clone.h"
#include "source-git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX        100000u
#define BATCH_MAX        100u
#define ANSWER_MAX_BYTES ((gint64)16 << 20)

typedef struct {
    char *path;
    gboolean executable;
    LfsPointer pointer;
} LfsFile;

typedef struct {
    const GitMirror *mirror;
    const char *clone, *commit, *folder;
    GArray *files; /* LfsFile */
    char *server;  /* of .lfsconfig, or NULL */
} Lfs;

static void clear_file(gpointer data)
{
    LfsFile *file = data;
    g_free(file->path);
}

static const char *element_name(const Lfs *lfs)
{
    return lfs->mirror->source->element->full_name;
}

static Git git_of(const Lfs *lfs)
{
    return (Git){.repository = lfs->clone,
                 .work_tree = lfs->folder,
                 .directory = lfs->folder,
                 .cancellable = lfs->mirror->context->cancellable};
}

/* ---- Which files ---------------------------------------------------------------------------------------------------------------- */

static gboolean read_pointer(const Lfs *lfs, const char *path, LfsPointer *out)
{
    char text[LFS_POINTER_MAX + 1];
    g_autofree char *file = g_build_filename(lfs->folder, path, NULL);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t length = fd >= 0 ? pread(fd, text, sizeof text, 0) : -1;
    if (fd >= 0) {
        close(fd);
    }
    return length >= 0 && lfs_pointer_parse(text, (gsize)length, out);
}

/* "MODE TYPE SHA SIZE\tPATH": small files are looked into. */
static gboolean list_pointers(Lfs *lfs, GError **error)
{
    const Git git = git_of(lfs);
    g_autofree char *listing = NULL;
    if (!git_run(&git, GIT_ARGUMENTS("ls-tree", "-r", "-l", "-z", "--full-tree", lfs->commit),
                 "Failed to list the files", NULL, &listing, error)) {
        return FALSE;
    }
    for (const char *record = listing; *record != '\0'; record += strlen(record) + 1) {
        const char *tab = strchr(record, '\t');
        const char *size = tab;
        while (size != NULL && size > record && size[-1] != ' ') {
            size--;
        }
        LfsFile file = {.executable = g_str_has_prefix(record, "100755 ")};
        if (size == NULL || !g_str_has_prefix(record, "100") || strtoull(size, NULL, 10) > LFS_POINTER_MAX ||
            !read_pointer(lfs, tab + 1, &file.pointer)) {
            continue;
        }
        if (lfs->files->len >= FILES_MAX) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "More than %u files are in Git LFS", FILES_MAX);
            return FALSE;
        }
        file.path = g_strdup(tab + 1);
        g_array_append_val(lfs->files, file);
    }
    return TRUE;
}

/* Only what .gitattributes hand to the filter; answers are "PATH\0filter\0VALUE\0". */
static gboolean drop_others(Lfs *lfs, GError **error)
{
    const Git git = git_of(lfs);
    g_autoptr(GByteArray) paths = g_byte_array_new();
    for (guint i = 0; i < lfs->files->len; i++) {
        const char *path = g_array_index(lfs->files, LfsFile, i).path;
        g_byte_array_append(paths, (const guint8 *)path, (guint)strlen(path) + 1);
    }
    g_autoptr(GBytes) input = g_bytes_new(paths->data, paths->len);
    g_autofree char *output = NULL;
    if (lfs->files->len == 0) {
        return TRUE;
    }
    if (!git_run_with_input(&git, GIT_ARGUMENTS("check-attr", "-z", "--stdin", "filter"), input,
                            "Failed to read the attributes of files", &output, error)) {
        return FALSE;
    }
    const char *at = output;
    for (guint i = 0; i < lfs->files->len && *at != '\0';) {
        at += strlen(at) + 1;
        at += strlen(at) + 1;
        gboolean wanted = strcmp(at, "lfs") == 0;
        at += strlen(at) + 1;
        if (wanted) {
            i++;
        } else {
            g_array_remove_index(lfs->files, i);
        }
    }
    return TRUE;
}

/* ---- Where they are ------------------------------------------------------------------------------------------------------------- */

static gboolean find_server(Lfs *lfs, GError **error)
{
    const Git git = git_of(lfs);
    g_autofree char *file = g_build_filename(lfs->folder, ".lfsconfig", NULL);
    int status = -1;
    if (!g_file_test(file, G_FILE_TEST_IS_REGULAR) || g_file_test(file, G_FILE_TEST_IS_SYMLINK)) {
        return TRUE;
    }
    if (!git_run(&git, GIT_ARGUMENTS("config", "--no-includes", "-f", file, "--get", "lfs.url"),
                 "Failed to read .lfsconfig", &status, &lfs->server, error)) {
        return FALSE;
    }
    g_strchomp(lfs->server);
    if (status != 0 || (!g_str_has_prefix(lfs->server, "https://") && !g_str_has_prefix(lfs->server, "http://"))) {
        g_clear_pointer(&lfs->server, g_free);
    }
    return TRUE;
}

static char *server_of(const Lfs *lfs, const char *url)
{
    gsize length = strlen(url);
    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    g_autofree char *base = g_strndup(url, length);
    return lfs->server != NULL ? g_strdup(lfs->server)
                               : g_strdup_printf("%s%s/info/lfs", base, g_str_has_suffix(base, ".git") ? "" : ".git");
}

static gboolean fetch_one(const Lfs *lfs, const LfsPointer *pointer, const char *url, const char *const *headers,
                          GError **error)
{
    const char *const urls[] = {url, NULL};
    Download download = {.urls = urls, .sha256 = pointer->oid, .size = pointer->size, .headers = headers};
    g_autofree char *message = g_strdup_printf("Fetching %s of Git LFS", pointer->oid);
    gboolean ok = download_run(&download, 1, lfs->mirror->context, element_name(lfs), "fetch", message, error) &&
                  download_remember(lfs->mirror->context->store, &download.digest, error);
    download_clear(&download);
    return ok;
}

static GHashTable *ask(const Lfs *lfs, const char *server, const LfsPointer *pointers, gsize count, GError **error)
{
    static const char *const headers[] = {"Accept: " LFS_MEDIA_TYPE, "Content-Type: " LFS_MEDIA_TYPE, NULL};
    g_autofree char *url = g_strconcat(server, "/objects/batch", NULL);
    g_autofree char *request = lfs_request_new(pointers, count);
    const char *const urls[] = {url, NULL};
    Download download = {.urls = urls, .size = -1, .max_size = ANSWER_MAX_BYTES, .headers = headers, .body = request};
    g_autoptr(GBytes) answer =
        download_text(&download, lfs->mirror->context, element_name(lfs), "fetch", "Asking the LFS server", error);
    download_clear(&download);
    if (answer == NULL) {
        return NULL;
    }
    gsize length;
    const char *text = g_bytes_get_data(answer, &length);
    GHashTable *places = lfs_answer_parse(text, length);
    if (places == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s did not answer as a server of Git LFS", url);
    }
    return places;
}

static gboolean fetch_batch(const Lfs *lfs, const char *server, const LfsPointer *pointers, gsize count, GError **error)
{
    g_autoptr(GHashTable) places = ask(lfs, server, pointers, count, error);
    gboolean ok = places != NULL;
    for (gsize i = 0; ok && i < count; i++) {
        const LfsPlace *place = g_hash_table_lookup(places, pointers[i].oid);
        if (place == NULL || place->problem != NULL) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "%s has not the object %s: %s", server, pointers[i].oid,
                      place != NULL ? place->problem : "it does not name it");
            return FALSE;
        }
        ok = fetch_one(lfs, &pointers[i], place->url, (const char *const *)place->headers, error);
    }
    return ok;
}

/* A clone of our own machine, bare or with files around it. */
static gboolean fetch_local(const Lfs *lfs, const char *url, const LfsPointer *pointer, GError **error)
{
    const char *path = g_str_has_prefix(url, "file://") ? url + strlen("file://") : url;
    static const char *const places[] = {"lfs/objects", ".git/lfs/objects"};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *file =
            g_strdup_printf("%s/%s/%.2s/%.2s/%s", path, places[i], pointer->oid, pointer->oid + 2, pointer->oid);
        g_autofree char *file_url = g_filename_to_uri(file, NULL, NULL);
        if (file_url != NULL && g_file_test(file, G_FILE_TEST_IS_REGULAR)) {
            return fetch_one(lfs, pointer, file_url, NULL, error);
        }
    }
    error_set(error, ERROR_SOURCE, NULL, NULL, "%s has not the object %s of Git LFS", url, pointer->oid);
    return FALSE;
}

static GArray *list_missing(const Lfs *lfs)
{
    GArray *missing = g_array_new(FALSE, FALSE, sizeof(LfsPointer));
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < lfs->files->len; i++) {
        LfsPointer *pointer = &g_array_index(lfs->files, LfsFile, i).pointer;
        SluiceDigest digest;
        if (g_hash_table_add(seen, pointer->oid) &&
            !download_find(lfs->mirror->context->store, pointer->oid, &digest)) {
            g_array_append_val(missing, *pointer);
        }
    }
    return missing;
}

static gboolean fetch_from(const char *url, gpointer data, GError **error)
{
    const Lfs *lfs = data;
    g_autoptr(GArray) missing = list_missing(lfs);
    const LfsPointer *pointers = (const LfsPointer *)(void *)missing->data;
    gboolean local = git_url_is_local(url) && lfs->server == NULL, ok = TRUE;
    g_autofree char *server = server_of(lfs, url);
    if (!local && !g_str_has_prefix(server, "http://") && !g_str_has_prefix(server, "https://")) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Files in Git LFS are fetched by http and https only, not from %s",
                  url);
        return FALSE;
    }
    for (guint i = 0; ok && local && i < missing->len; i++) {
        ok = fetch_local(lfs, url, &pointers[i], error);
    }
    for (guint i = 0; ok && !local && i < missing->len; i += BATCH_MAX) {
        ok = fetch_batch(lfs, server, pointers + i, MIN(BATCH_MAX, missing->len - i), error);
    }
    return ok;
}

/* ---- In their places ------------------------------------------------------------------------------------------------------------- */

/* `contents`: a scratch folder with the files under their paths. */
static gboolean put_in_place(const Lfs *lfs, const char *contents, GError **error)
{
    for (guint i = 0; i < lfs->files->len; i++) {
        const char *path = g_array_index(lfs->files, LfsFile, i).path;
        g_autofree char *from = g_build_filename(contents, path, NULL);
        g_autofree char *to = g_build_filename(lfs->folder, path, NULL);
        if (rename(from, to) != 0) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot write %s: %s", to, g_strerror(errno));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_out(const Lfs *lfs, GError **error)
{
    SluiceStore *store = lfs->mirror->context->store;
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    g_autofree char *contents = g_strconcat(lfs->folder, ".lfs", NULL);
    SluiceDigest root, digest;
    for (guint i = 0; i < lfs->files->len; i++) {
        const LfsFile *file = &g_array_index(lfs->files, LfsFile, i);
        if (!download_find(store, file->pointer.oid, &digest)) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "The object %s of Git LFS is not in the cache",
                      file->pointer.oid);
            return FALSE;
        }
        if (!sluice_tree_add_file(tree, file->path, &digest, file->executable, error)) {
            return FALSE;
        }
    }
    return sluice_tree_commit(tree, &root, error) &&
           sluice_store_checkout(store, &root, AT_FDCWD, contents, SLUICE_CHECKOUT_COPY, error) &&
           put_in_place(lfs, contents, error);
}

gboolean git_lfs_fill(const GitMirror *mirror, const char *clone, const char *commit, const char *folder,
                      GError **error)
{
    Lfs lfs = {.mirror = mirror, .clone = clone, .commit = commit, .folder = folder};
    lfs.files = g_array_new(FALSE, FALSE, sizeof(LfsFile));
    g_array_set_clear_func(lfs.files, clear_file);
    gboolean ok = list_pointers(&lfs, error) && drop_others(&lfs, error) && find_server(&lfs, error);
    if (ok && lfs.files->len > 0) {
        ok = source_try_urls(mirror->source, mirror->context, mirror->url, SOURCE_URL_FETCH, fetch_from, &lfs, error) &&
             check_out(&lfs, error);
    }
    g_array_unref(lfs.files);
    g_free(lfs.server);
    return ok;
}
