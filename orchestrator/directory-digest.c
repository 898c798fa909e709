/*
 * directory-digest.c - the digest of a directory on disk.
 *
 * Two passes: the tree is listed first, by one thread; then the files are hashed by as many threads as there are cores, and the directories encoded from
 * the leaves upward.
 */
#include "directory-digest.h"
#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH         250
#define MAX_THREADS       8
#define FILES_PER_THREAD  64 /* fewer are not worth a thread */
#define READ_BUFFER       (128 * 1024)
#define DIRECTORY_ENTRIES 1000000

typedef struct DirectoryNode DirectoryNode;

typedef struct {
    DirectoryNode *parent;
    guint entry;        /* in the parent's entries */
    struct stat status; /* when it was listed */
} FileTask;

struct DirectoryNode {
    char *path; /* relative to the top; "" is the top */
    DirectoryNode *parent;
    guint parent_entry;
    GArray *entries; /* of SluiceEntry */
};

typedef struct {
    int top;
    GPtrArray *directories; /* parents before children */
    GArray *files;          /* of FileTask */
    GStringChunk *strings;
    gint next; /* atomic: the next file to hash */
    gint failed;
    GMutex lock;
    GError *error;
} Listing;

static gboolean cannot(const char *what, const char *path, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot %s %s: %s", what, path[0] != '\0' ? path : ".",
              g_strerror(errno));
    return FALSE;
}

static void directory_node_free(gpointer data)
{
    DirectoryNode *node = data;
    g_free(node->path);
    g_array_unref(node->entries);
    g_free(node);
}

static DirectoryNode *add_directory(Listing *listing, char *path, DirectoryNode *parent, guint entry)
{
    DirectoryNode *node = g_new0(DirectoryNode, 1);
    node->path = path;
    node->parent = parent;
    node->parent_entry = entry;
    node->entries = g_array_new(FALSE, TRUE, sizeof(SluiceEntry));
    g_ptr_array_add(listing->directories, node);
    return node;
}

static char *child_path(const DirectoryNode *node, const char *name)
{
    return node->path[0] != '\0' ? g_strconcat(node->path, "/", name, NULL) : g_strdup(name);
}

static gboolean add_link(Listing *listing, int fd, const char *name, const char *path, SluiceEntry *entry,
                         GError **error)
{
    char target[4096];
    ssize_t length = readlinkat(fd, name, target, sizeof target);
    if (length < 0 || length >= (ssize_t)sizeof target) {
        return cannot("read the link", path, error);
    }
    entry->type = SLUICE_ENTRY_SYMLINK;
    entry->target = g_string_chunk_insert_len(listing->strings, target, length);
    return TRUE;
}

/* Appends what is called `name` in the open directory `fd`. */
static gboolean add_entry(Listing *listing, DirectoryNode *node, int fd, const char *name, GError **error)
{
    struct stat st;
    g_autofree char *path = child_path(node, name);
    SluiceEntry entry = {.name = g_string_chunk_insert(listing->strings, name)};
    guint index = node->entries->len;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return cannot("look at", path, error);
    }
    if (index >= DIRECTORY_ENTRIES) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s has more than %d entries", node->path, DIRECTORY_ENTRIES);
        return FALSE;
    }
    if (S_ISLNK(st.st_mode)) {
        if (!add_link(listing, fd, name, path, &entry, error)) {
            return FALSE;
        }
    } else if (S_ISDIR(st.st_mode)) {
        entry.type = SLUICE_ENTRY_DIRECTORY;
        add_directory(listing, g_steal_pointer(&path), node, index);
    } else if (S_ISREG(st.st_mode)) {
        entry.type = SLUICE_ENTRY_FILE;
        entry.executable = (st.st_mode & S_IXUSR) != 0;
        const FileTask task = {node, index, st};
        g_array_append_val(listing->files, task);
    } else {
        error_set(error, ERROR_SOURCE, NULL, NULL,
                  "%s is a socket, fifo or device; only files, directories and symlinks can be staged", path);
        return FALSE;
    }
    g_array_append_val(node->entries, entry);
    return TRUE;
}

static gboolean list_directory(Listing *listing, DirectoryNode *node, GError **error)
{
    int fd = openat(listing->top, node->path[0] != '\0' ? node->path : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (node->parent != NULL ? O_NOFOLLOW : 0));
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    unsigned depth = 0;
    if (stream == NULL) {
        return cannot("read the directory", node->path, error);
    }
    for (const DirectoryNode *up = node; up != NULL; up = up->parent) {
        depth++;
    }
    gboolean ok = depth <= MAX_DEPTH;
    if (!ok) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s is more than %d levels deep", node->path, MAX_DEPTH);
    }
    struct dirent *found;
    while (ok && (found = readdir(stream)) != NULL) {
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0) {
            ok = add_entry(listing, node, fd, found->d_name, error);
        }
    }
    closedir(stream);
    return ok;
}

/* ---- Hashing ---------------------------------------------------------------------------------------------------------------------- */

static gboolean hash_file(Listing *listing, const FileTask *task, char *buffer, SluiceHasher *hasher, GError **error)
{
    SluiceEntry *entry = &g_array_index(task->parent->entries, SluiceEntry, task->entry);
    g_autofree char *path = child_path(task->parent, entry->name);
    int fd = openat(listing->top, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return cannot("open", path, error);
    }
    ssize_t length;
    gint64 total = 0;
    do {
        length = read(fd, buffer, READ_BUFFER);
        if (length > 0 && length < READ_BUFFER && total == 0 && length == task->status.st_size) {
            /* Small and whole: one call. */
            sluice_digest_of(buffer, (gsize)length, &entry->digest);
            close(fd);
            return TRUE;
        }
        if (length > 0) {
            sluice_hasher_update(hasher, buffer, (gsize)length);
            total += length;
        }
    } while (length > 0 || (length < 0 && errno == EINTR));
    sluice_hasher_finish(hasher, &entry->digest);
    if (length < 0) {
        cannot("read", path, error);
    }
    close(fd);
    return length == 0;
}

static gpointer hash_files(gpointer data)
{
    Listing *listing = data;
    g_autofree char *buffer = g_malloc(READ_BUFFER);
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    while (!g_atomic_int_get(&listing->failed)) {
        gint index = g_atomic_int_add(&listing->next, 1);
        GError *error = NULL;
        if (index >= (gint)listing->files->len) {
            break;
        }
        if (!hash_file(listing, &g_array_index(listing->files, FileTask, index), buffer, hasher, &error)) {
            g_mutex_lock(&listing->lock);
            g_atomic_int_set(&listing->failed, 1);
            if (listing->error == NULL) {
                listing->error = g_steal_pointer(&error);
            }
            g_mutex_unlock(&listing->lock);
            g_clear_error(&error);
        }
    }
    return NULL;
}

static gboolean hash_all(Listing *listing, GError **error)
{
    guint count = CLAMP(listing->files->len / FILES_PER_THREAD, 1, MIN(g_get_num_processors(), MAX_THREADS));
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    for (guint i = 1; i < count; i++) {
        GThread *thread = g_thread_try_new("digest", hash_files, listing, NULL);
        if (thread != NULL) {
            g_ptr_array_add(threads, thread);
        }
    }
    hash_files(listing);
    for (guint i = 0; i < threads->len; i++) {
        g_thread_join(threads->pdata[i]);
    }
    if (listing->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&listing->error));
        return FALSE;
    }
    return TRUE;
}

/* Takes from `files` what the store remembers of an earlier import. */
static void use_known(Listing *listing, SluiceStore *store)
{
    guint count = listing->files->len, left = 0;
    FileTask *tasks = (FileTask *)(gpointer)listing->files->data;
    g_autofree struct stat *statuses = g_new(struct stat, count + 1);
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, count + 1);
    g_autofree gboolean *known = g_new0(gboolean, count + 1);
    for (guint i = 0; i < count; i++) {
        statuses[i] = tasks[i].status;
    }
    if (!sluice_store_find_files(store, statuses, count, digests, known)) {
        return;
    }
    for (guint i = 0; i < count; i++) {
        if (known[i]) {
            g_array_index(tasks[i].parent->entries, SluiceEntry, tasks[i].entry).digest = digests[i];
        } else {
            tasks[left++] = tasks[i];
        }
    }
    g_array_set_size(listing->files, left);
}

static gboolean encode_directories(Listing *listing, SluiceDigest *out, GError **error)
{
    for (guint i = listing->directories->len; i-- > 0;) {
        DirectoryNode *node = listing->directories->pdata[i];
        g_autoptr(GBytes) bytes =
            sluice_directory_encode((const SluiceEntry *)(gpointer)node->entries->data, node->entries->len, error);
        if (bytes == NULL) {
            g_prefix_error(error, "%s: ", node->path);
            return FALSE;
        }
        sluice_digest_of_bytes(
            bytes,
            node->parent != NULL ? &g_array_index(node->parent->entries, SluiceEntry, node->parent_entry).digest : out);
    }
    return TRUE;
}

static gboolean list_all(Listing *listing, const char *single, GError **error)
{
    DirectoryNode *top = add_directory(listing, g_strdup(""), NULL, 0);
    if (single != NULL) {
        return add_entry(listing, top, listing->top, single, error);
    }
    for (guint i = 0; i < listing->directories->len; i++) {
        if (!list_directory(listing, listing->directories->pdata[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean directory_digest(int dirfd, const char *path, SluiceStore *store, SluiceDigest *out, GError **error)
{
    struct stat st;
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return cannot("look at", path, error);
    }
    gboolean single = !S_ISDIR(st.st_mode);
    g_autofree char *folder = single ? g_path_get_dirname(path) : g_strdup(path);
    g_autofree char *base = single ? g_path_get_basename(path) : NULL;
    int top = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0) {
        return cannot("open", folder, error);
    }
    Listing listing = {.top = top};
    listing.directories = g_ptr_array_new_with_free_func(directory_node_free);
    listing.files = g_array_new(FALSE, FALSE, sizeof(FileTask));
    listing.strings = g_string_chunk_new(4096);
    g_mutex_init(&listing.lock);
    gboolean ok = list_all(&listing, base, error);
    if (ok && store != NULL) {
        use_known(&listing, store);
    }
    ok = ok && hash_all(&listing, error) && encode_directories(&listing, out, error);
    g_mutex_clear(&listing.lock);
    g_ptr_array_unref(listing.directories);
    g_array_unref(listing.files);
    g_string_chunk_free(listing.strings);
    close(top);
    return ok;
}
