#include "staged.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40,
    FOLDERS_MAX = 20000,      /* of one look */
    DESCRIPTORS_MAX = 192,    /* of one look: folders of the upper; beyond them nothing can be told */
    DESCRIPTORS_ALL = 512,    /* of all looks at one time */
    DEPTH_MAX = 400,          /* names and links on the way to a folder, all in all */
    MEMORY_MAX = 1 << 18,     /* files whose digests are remembered */
    FILE_BYTES_MAX = 1 << 30, /* of a file that is hashed */
    SECOND = 1000000000,
    COARSE = 2 * SECOND /* of file systems with whole ones */
};

/* What tells whether a file is the one that was hashed. */
typedef struct {
    uint64_t device, inode;
    int64_t size, modified, changed;
} Identity;

struct SluiceStaged {
    SluiceStore *store;
    SluiceDigest root, environment_root;
    int upper;
    gint descriptors; /* of all looks together */
    char **mounted;
    GMutex lock;
    GHashTable *directories; /* SluiceDigest → SluiceDirectory, for good */
    GHashTable *hashed;      /* Identity → SluiceDigest */
};

struct SluiceLook {
    SluiceStaged *staged;
    int root_fd;
    char *cwd;
    GHashTable *folders; /* path as asked → SluiceStagedFolder */
    unsigned depth, descriptors;
};

static guint identity_hash(gconstpointer data)
{
    const Identity *identity = data;
    uint64_t mixed = identity->inode * 0x9e3779b97f4a7c15u + (uint64_t)identity->changed;
    return (guint)(mixed ^ mixed >> 32);
}

static gboolean identity_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(Identity)) == 0;
}

static void directory_free(gpointer directory)
{
    sluice_directory_free(directory);
}

SluiceStaged *sluice_staged_new(const SluiceStagedPlace *place)
{
    SluiceStaged *staged = g_new0(SluiceStaged, 1);
    staged->store = place->store;
    staged->root = place->root;
    staged->environment_root = place->environment_root;
    staged->upper = place->upper;
    staged->mounted = g_strdupv((char **)place->mounted);
    staged->directories = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, directory_free);
    staged->hashed = g_hash_table_new_full(identity_hash, identity_equal, g_free, g_free);
    g_mutex_init(&staged->lock);
    return staged;
}

void sluice_staged_free(SluiceStaged *staged)
{
    if (staged == NULL)
        return;
    close(staged->upper);
    g_strfreev(staged->mounted);
    g_hash_table_unref(staged->directories);
    g_hash_table_unref(staged->hashed);
    g_mutex_clear(&staged->lock);
    g_free(staged);
}

int64_t sluice_staged_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* ---- Staged directories ------------------------------------------------------------------------------------------------------------ */

static const SluiceDirectory *staged_directory(SluiceStaged *staged, const SluiceDigest *digest)
{
    g_mutex_lock(&staged->lock);
    SluiceDirectory *known = g_hash_table_lookup(staged->directories, digest);
    g_mutex_unlock(&staged->lock);
    if (known != NULL)
        return known;
    SluiceDirectory *read = sluice_directory_read(staged->store, digest, NULL);
    if (read == NULL)
        return NULL;
    g_mutex_lock(&staged->lock);
    known = g_hash_table_lookup(staged->directories, digest);
    if (known == NULL) {
        g_hash_table_insert(staged->directories, g_memdup2(digest, sizeof *digest), read);
        known = g_steal_pointer(&read);
    }
    g_mutex_unlock(&staged->lock);
    sluice_directory_free(read);
    return known;
}

static gboolean is_mounted(const SluiceStaged *staged, const char *path)
{
    for (char **place = staged->mounted; place != NULL && *place != NULL; place++) {
        if (g_str_equal(*place + strspn(*place, "/"), path))
            return TRUE;
    }
    return FALSE;
}

/* ---- Contents ------------------------------------------------------------------------------------------------------------------------- */

/* Where there are only seconds, or two, it may have been any time until the next. */
static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * SECOND + (time->tv_nsec != 0 ? time->tv_nsec : COARSE);
}

static void identify(const struct stat *status, Identity *out)
{
    memset(out, 0, sizeof *out);
    out->device = status->st_dev;
    out->inode = status->st_ino;
    out->size = status->st_size;
    out->modified = nanoseconds(&status->st_mtim);
    out->changed = nanoseconds(&status->st_ctim);
}

static gboolean hash_contents(int fd, SluiceDigest *out)
{
    enum { CHUNK = 128 << 10 };
    g_autofree char *chunk = g_malloc(CHUNK);
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    uint64_t total = 0;
    ssize_t got = 0;
    while ((got = read(fd, chunk, CHUNK)) > 0 && (total += (uint64_t)got) <= FILE_BYTES_MAX)
        sluice_hasher_update(hasher, chunk, (gsize)got);
    sluice_hasher_finish(hasher, out);
    return got == 0;
}

/* A file whose status is as new as the hashing itself could change once more without its showing: it is not remembered. */
static void remember(SluiceStaged *staged, const Identity *identity, const SluiceDigest *digest, int64_t hashed_at)
{
    if (identity->changed >= hashed_at || identity->modified >= hashed_at)
        return;
    g_mutex_lock(&staged->lock);
    if (g_hash_table_size(staged->hashed) >= MEMORY_MAX)
        g_hash_table_remove_all(staged->hashed);
    g_hash_table_insert(staged->hashed, g_memdup2(identity, sizeof *identity), g_memdup2(digest, sizeof *digest));
    g_mutex_unlock(&staged->lock);
}

static gboolean recall(SluiceStaged *staged, const Identity *identity, SluiceDigest *out)
{
    g_mutex_lock(&staged->lock);
    const SluiceDigest *known = g_hash_table_lookup(staged->hashed, identity);
    if (known != NULL)
        *out = *known;
    g_mutex_unlock(&staged->lock);
    return known != NULL;
}

/* The later of mtime and ctime. */
static int64_t change_of(const struct stat *status)
{
    return MAX(nanoseconds(&status->st_mtim), nanoseconds(&status->st_ctim));
}

static void take_status(const struct stat *status, SluiceStagedFile *out)
{
    out->changing = TRUE;
    out->changed = change_of(status);
    out->kind = S_ISREG(status->st_mode)   ? SLUICE_STAGED_FILE
                : S_ISDIR(status->st_mode) ? SLUICE_STAGED_DIRECTORY
                                           : SLUICE_STAGED_UNKNOWN;
}

/* What is open there, hashed; takes it. */
static void digest_open_file(SluiceStaged *staged, int fd, SluiceStagedFile *out)
{
    struct stat status;
    Identity identity;
    int64_t now = sluice_staged_now();
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        out->kind = SLUICE_STAGED_UNKNOWN;
    } else {
        take_status(&status, out);
        identify(&status, &identity);
        out->digested = recall(staged, &identity, &out->digest) || hash_contents(fd, &out->digest);
        if (out->digested)
            remember(staged, &identity, &out->digest, now);
        else
            out->kind = SLUICE_STAGED_UNKNOWN;
    }
    if (fd >= 0)
        close(fd);
}

static int open_name(int folder, const char *name)
{
    return openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void digest_file(SluiceStaged *staged, int folder, const char *name, const struct stat *status,
                        SluiceStagedFile *out)
{
    Identity identity;
    identify(status, &identity);
    out->digested = recall(staged, &identity, &out->digest);
    if (!out->digested)
        digest_open_file(staged, open_name(folder, name), out);
}

GBytes *sluice_staged_read(int fd, gsize limit)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 0 || (uint64_t)status.st_size > limit)
        return NULL;
    gsize room = (gsize)status.st_size + 1, length = 0;
    g_autofree uint8_t *bytes = g_try_malloc(room);
    ssize_t got = 0;
    while (bytes != NULL && length < room && (got = read(fd, bytes + length, room - length)) > 0)
        length += (gsize)got;
    if (bytes == NULL || got < 0 || length == room)
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&bytes), length);
}

/* ---- Folders ---------------------------------------------------------------------------------------------------------------------------- */

static void folder_free(gpointer data)
{
    SluiceStagedFolder *folder = data;
    if (folder->fd >= 0 && !folder->alias)
        close(folder->fd);
    g_free(folder->path);
    g_free(folder);
}

static SluiceStagedFolder *folder_new(const char *parent, const char *name)
{
    SluiceStagedFolder *folder = g_new0(SluiceStagedFolder, 1);
    folder->fd = -1;
    folder->path = *parent != '\0' && *name != '\0' ? g_strconcat(parent, "/", name, NULL)
                                                    : g_strdup(*parent != '\0' ? parent : name);
    return folder;
}

static gboolean set_lower(SluiceLook *look, SluiceStagedFolder *folder, const SluiceDigest *digest)
{
    folder->lower = *digest;
    folder->entries = staged_directory(look->staged, digest);
    folder->has_lower = folder->entries != NULL;
    return folder->has_lower;
}

SluiceLook *sluice_look_new(SluiceStaged *staged, int root_fd, const char *cwd)
{
    SluiceLook *look = g_new0(SluiceLook, 1);
    look->staged = staged;
    look->root_fd = root_fd;
    look->cwd = g_strdup(cwd);
    look->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, folder_free);
    SluiceStagedFolder *root = folder_new("", "");
    root->in_upper = TRUE;
    root->fd = fcntl(staged->upper, F_DUPFD_CLOEXEC, 0);
    set_lower(look, root, &staged->root);
    root->environment = staged->environment_root;
    root->has_environment = TRUE;
    g_hash_table_insert(look->folders, g_strdup("/"), root);
    return look;
}

void sluice_look_free(SluiceLook *look)
{
    if (look == NULL)
        return;
    g_atomic_int_add(&look->staged->descriptors, -(gint)look->descriptors);
    g_hash_table_unref(look->folders);
    g_free(look->cwd);
    g_free(look);
}

static const SluiceStagedFolder *find_folder(SluiceLook *look, const char *path, unsigned links);

/* Where a link in `folder` leads. */
static char *link_path(const SluiceStagedFolder *folder, const char *target)
{
    return *target == '/' ? g_strdup(target) : g_strconcat("/", folder->path, "/", target, NULL);
}

static const SluiceStagedFolder *follow_folder(SluiceLook *look, const SluiceStagedFolder *folder, const char *target,
                                               unsigned links)
{
    g_autofree char *path = link_path(folder, target);
    return links < LINKS_MAX ? find_folder(look, path, links + 1) : NULL;
}

static void enter_environment(SluiceLook *look, const SluiceStagedFolder *parent, const char *name,
                              SluiceStagedFolder *folder)
{
    const SluiceDirectory *directory =
        parent->has_environment ? staged_directory(look->staged, &parent->environment) : NULL;
    const SluiceEntry *entry = directory != NULL ? sluice_directory_find(directory, name) : NULL;
    folder->has_environment = entry != NULL && entry->type == SLUICE_ENTRY_DIRECTORY;
    if (folder->has_environment)
        folder->environment = entry->digest;
}

static gboolean is_opaque(int fd)
{
    char value = '\0';
    return fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* A link of the upper, or NULL: nothing that can be followed. */
static char *read_upper_link(int folder, const char *name)
{
    char target[PATH_MAX + 1];
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    return length > 0 ? g_strndup(target, (gsize)length) : NULL;
}

typedef enum { UPPER_NOTHING, UPPER_FOLDER, UPPER_LINK, UPPER_OTHER, UPPER_UNKNOWN } UpperStep;

/* One name in the upper; a descriptor for a directory; a target for a link, and when it was made. */
static UpperStep step_upper(const SluiceStagedFolder *parent, const char *name, int *fd, char **target, int64_t *linked)
{
    struct stat status;
    *fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0)
        return UPPER_FOLDER;
    if (errno == ENOENT)
        return UPPER_NOTHING;
    if (errno != ENOTDIR && errno != ELOOP)
        return UPPER_UNKNOWN;
    if (fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return UPPER_UNKNOWN;
    if (!S_ISLNK(status.st_mode))
        return S_ISDIR(status.st_mode) ? UPPER_UNKNOWN : UPPER_OTHER;
    *linked = change_of(&status);
    *target = read_upper_link(parent->fd, name);
    return *target != NULL ? UPPER_LINK : UPPER_UNKNOWN;
}

static void step_lower(SluiceLook *look, const SluiceStagedFolder *parent, const char *name, SluiceStagedFolder *folder,
                       char **target)
{
    const SluiceEntry *entry = parent->has_lower ? sluice_directory_find(parent->entries, name) : NULL;
    if (entry != NULL && entry->type == SLUICE_ENTRY_SYMLINK)
        *target = g_strdup(entry->target);
    else if (entry != NULL && entry->type == SLUICE_ENTRY_DIRECTORY)
        set_lower(look, folder, &entry->digest);
}

/* When a folder that only the upper has was put there, at the latest.  Making a file in it sets both of its times; renaming it, only one of them, and
 * that of the folder above. */
static int64_t moved_at(int fd, int parent)
{
    struct stat status, above;
    if (fstat(fd, &status) != 0 || fstat(parent, &above) != 0)
        return INT64_MAX;
    int64_t changed = nanoseconds(&status.st_ctim);
    return changed != nanoseconds(&status.st_mtim) ? changed : MIN(changed, nanoseconds(&above.st_mtim));
}

/* What `name` is in `parent`, which is a directory of the tree.  FALSE: it cannot be told.  With `target` it is a link. */
static gboolean step(SluiceLook *look, const SluiceStagedFolder *parent, const char *name, SluiceStagedFolder *folder,
                     char **target)
{
    UpperStep upper = UPPER_NOTHING;
    if (is_mounted(look->staged, folder->path)) {
        folder->mounted = TRUE;
        return TRUE;
    }
    if (parent->in_upper &&
        (look->descriptors >= DESCRIPTORS_MAX || g_atomic_int_get(&look->staged->descriptors) >= DESCRIPTORS_ALL))
        return FALSE;
    if (parent->in_upper)
        upper = step_upper(parent, name, &folder->fd, target, &folder->linked);
    folder->linked = MAX(folder->linked, parent->linked);
    folder->in_upper = upper == UPPER_FOLDER;
    if (folder->in_upper) {
        look->descriptors++;
        g_atomic_int_inc(&look->staged->descriptors);
    }
    if (upper == UPPER_NOTHING || (upper == UPPER_FOLDER && parent->has_lower && !is_opaque(folder->fd))) {
        g_autofree char *below = NULL;
        step_lower(look, parent, name, folder, &below);
        if (upper == UPPER_NOTHING)
            *target = g_steal_pointer(&below);
    }
    if (folder->in_upper && !folder->has_lower) /* one that a staged directory shows through cannot be renamed */
        folder->linked = MAX(folder->linked, moved_at(folder->fd, parent->fd));
    if (folder->in_upper || folder->has_lower)
        enter_environment(look, parent, name, folder);
    else
        folder->absent = *target == NULL;
    return upper != UPPER_UNKNOWN;
}

static const SluiceStagedFolder *keep(SluiceLook *look, const char *path, SluiceStagedFolder *folder)
{
    g_hash_table_insert(look->folders, g_strdup(path), folder);
    return folder;
}

/* The same under another path, which links led along. */
static const SluiceStagedFolder *keep_alias(SluiceLook *look, const char *path, const SluiceStagedFolder *folder,
                                            int64_t linked)
{
    SluiceStagedFolder *alias = g_memdup2(folder, sizeof *folder);
    alias->path = g_strdup(folder->path);
    alias->linked = MAX(folder->linked, linked);
    alias->alias = TRUE;
    return keep(look, path, alias);
}

static const SluiceStagedFolder *enter(SluiceLook *look, const SluiceStagedFolder *parent, const char *name,
                                       const char *path, unsigned links)
{
    g_autofree char *target = NULL;
    SluiceStagedFolder *folder = folder_new(parent->path, name);
    if (parent->absent || parent->mounted) {
        folder->absent = parent->absent;
        folder->mounted = parent->mounted;
        folder->linked = parent->linked;
        return keep(look, path, folder);
    }
    gboolean known = step(look, parent, name, folder, &target);
    if (known && target == NULL)
        return keep(look, path, folder);
    int64_t linked = folder->linked;
    folder_free(folder);
    const SluiceStagedFolder *real = known ? follow_folder(look, parent, target, links) : NULL;
    return real != NULL ? keep_alias(look, path, real, linked) : NULL;
}

/* The directory above, as the kernel sees it: above what links have led to. */
static const SluiceStagedFolder *above(SluiceLook *look, const SluiceStagedFolder *folder, unsigned links)
{
    const char *slash = strrchr(folder->path, '/');
    g_autofree char *path =
        slash != NULL ? g_strdup_printf("/%.*s", (int)(slash - folder->path), folder->path) : g_strdup("/");
    return folder->mounted || folder->absent ? NULL : find_folder(look, path, links);
}

static const SluiceStagedFolder *find_deeper(SluiceLook *look, const char *path, unsigned links)
{
    gsize length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    g_autofree char *key = g_strndup(length > 0 ? path : "/", MAX(length, 1));
    const SluiceStagedFolder *known = g_hash_table_lookup(look->folders, key);
    if (known != NULL || g_hash_table_size(look->folders) >= FOLDERS_MAX || length >= PATH_MAX)
        return known;
    char *slash = strrchr(key, '/');
    g_autofree char *parent_path = g_strndup(key, (gsize)(slash - key));
    const SluiceStagedFolder *parent = find_folder(look, parent_path, links);
    const char *name = slash + 1;
    if (parent == NULL)
        return NULL;
    if (g_str_equal(name, ".") || *name == '\0')
        return keep_alias(look, key, parent, 0);
    if (!g_str_equal(name, ".."))
        return enter(look, parent, name, key, links);
    const SluiceStagedFolder *up = above(look, parent, links);
    if (up != NULL)
        return keep_alias(look, key, up, parent->linked);
    if (!parent->mounted && !parent->absent)
        return NULL;
    SluiceStagedFolder *folder = folder_new(parent->path, "..");
    folder->absent = parent->absent;
    folder->mounted = parent->mounted;
    return keep(look, key, folder);
}

/* Links that a builder made may lead from one to the next along long paths: the stack is not theirs. */
static const SluiceStagedFolder *find_folder(SluiceLook *look, const char *path, unsigned links)
{
    if (look->depth >= DEPTH_MAX)
        return NULL;
    look->depth++;
    const SluiceStagedFolder *folder = find_deeper(look, path, links);
    look->depth--;
    return folder;
}

static char *absolute(const SluiceLook *look, const char *path)
{
    return *path == '/' ? g_strdup(path) : g_strconcat(look->cwd, "/", path, NULL);
}

const SluiceStagedFolder *sluice_look_find_folder(SluiceLook *look, const char *path)
{
    g_autofree char *whole = absolute(look, path);
    return find_folder(look, whole, 0);
}

/* ---- Files ---------------------------------------------------------------------------------------------------------------------------------- */

static int open_mounted(SluiceLook *look, const char *path, uint64_t flags)
{
    const struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (look->root_fd < 0) {
        errno = EBADF;
        return -1;
    }
    return (int)syscall(SYS_openat2, look->root_fd, path, &how, sizeof how);
}

static int open_mounted_file(SluiceLook *look, const char *path)
{
    return open_mounted(look, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

static void look_at_mounted(SluiceLook *look, const char *path, gboolean digest, SluiceStagedFile *out)
{
    struct stat status;
    int fd = open_mounted(look, path, O_PATH);
    gboolean absent = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (fd >= 0 && fstat(fd, &status) == 0)
        take_status(&status, out);
    else
        out->kind = absent ? SLUICE_STAGED_MISSING : SLUICE_STAGED_UNKNOWN;
    if (fd >= 0)
        close(fd);
    if (digest && out->kind == SLUICE_STAGED_FILE)
        digest_open_file(look->staged, open_mounted_file(look, path), out);
}

static void look_into(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, gboolean digest,
                      unsigned links, SluiceStagedFile *out);

static void look_at(SluiceLook *look, const char *path, gboolean digest, unsigned links, SluiceStagedFile *out)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *above_it = g_strndup(path, (gsize)(slash - path));
    const SluiceStagedFolder *folder = links <= LINKS_MAX ? find_folder(look, above_it, links) : NULL;
    if (folder != NULL)
        look_into(look, folder, slash + 1, digest, links, out);
    else
        out->kind = SLUICE_STAGED_UNKNOWN;
}

static void look_at_link(SluiceLook *look, const SluiceStagedFolder *folder, const char *target, gboolean digest,
                         unsigned links, SluiceStagedFile *out)
{
    g_autofree char *path = target != NULL ? link_path(folder, target) : NULL;
    if (path != NULL)
        look_at(look, path, digest, links + 1, out);
    else
        out->kind = SLUICE_STAGED_UNKNOWN;
    out->linked = TRUE;
}

static void look_below(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, gboolean digest,
                       unsigned links, SluiceStagedFile *out)
{
    const SluiceEntry *entry = folder->has_lower ? sluice_directory_find(folder->entries, name) : NULL;
    if (entry == NULL) {
        out->kind = SLUICE_STAGED_MISSING;
    } else if (entry->type == SLUICE_ENTRY_SYMLINK) {
        look_at_link(look, folder, entry->target, digest, links, out);
    } else if (entry->type == SLUICE_ENTRY_DIRECTORY) {
        out->kind = SLUICE_STAGED_DIRECTORY;
    } else {
        out->kind = SLUICE_STAGED_FILE;
        out->digested = TRUE;
        out->digest = entry->digest;
    }
}

static void look_at_folder(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, SluiceStagedFile *out)
{
    g_autofree char *path = g_strconcat("/", folder->path, "/", name, NULL);
    const SluiceStagedFolder *real = find_folder(look, path, 0);
    out->kind = real == NULL ? SLUICE_STAGED_UNKNOWN : real->absent ? SLUICE_STAGED_MISSING : SLUICE_STAGED_DIRECTORY;
}

/* What a link led to is as new as the link. */
static void note_link(SluiceStagedFile *out, int64_t linked)
{
    out->changing |= linked > 0;
    out->changed = MAX(out->changed, linked);
}

static void look_at_name(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, gboolean digest,
                         unsigned links, SluiceStagedFile *out)
{
    struct stat status;
    g_autofree char *inside = NULL;
    if (folder->absent) {
        out->kind = SLUICE_STAGED_MISSING;
        return;
    }
    gboolean dots = *name == '\0' || g_str_equal(name, ".") || g_str_equal(name, "..");
    inside = *folder->path != '\0' ? g_strconcat(folder->path, "/", name, NULL) : g_strdup(name);
    if (folder->mounted || is_mounted(look->staged, inside)) {
        g_autofree char *path = g_strconcat("/", inside, NULL);
        look_at_mounted(look, path, digest, out);
        return;
    }
    if (dots) {
        look_at_folder(look, folder, name, out);
        return;
    }
    gboolean found = folder->in_upper && fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!found) {
        if (!folder->in_upper || errno == ENOENT)
            look_below(look, folder, name, digest, links, out);
        return;
    }
    if (S_ISLNK(status.st_mode)) {
        g_autofree char *target = read_upper_link(folder->fd, name);
        look_at_link(look, folder, target, digest, links, out);
        note_link(out, change_of(&status));
        return;
    }
    take_status(&status, out);
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0))
        out->kind = SLUICE_STAGED_MISSING;
    else if (out->kind == SLUICE_STAGED_FILE && digest)
        digest_file(look->staged, folder->fd, name, &status, out);
}

static void look_into(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, gboolean digest,
                      unsigned links, SluiceStagedFile *out)
{
    look_at_name(look, folder, name, digest, links, out);
    note_link(out, folder->linked);
    if (out->place == NULL) /* or it was a link, which led on */
        out->place = folder->path;
}

void sluice_look_into(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, gboolean digest,
                      SluiceStagedFile *out)
{
    *out = (SluiceStagedFile){.kind = SLUICE_STAGED_UNKNOWN};
    look_into(look, folder, name, digest, 0, out);
}

void sluice_look_at(SluiceLook *look, const char *path, gboolean digest, SluiceStagedFile *out)
{
    g_autofree char *whole = absolute(look, path);
    *out = (SluiceStagedFile){.kind = SLUICE_STAGED_UNKNOWN};
    look_at(look, whole, digest, 0, out);
}

/* ---- Opening ------------------------------------------------------------------------------------------------------------------------------- */

static int open_at(SluiceLook *look, const char *path, unsigned links)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *above_it = g_strndup(path, (gsize)(slash - path));
    const SluiceStagedFolder *folder = links <= LINKS_MAX ? find_folder(look, above_it, links) : NULL;
    if (folder == NULL || folder->absent || slash[1] == '\0') {
        errno = ENOENT;
        return -1;
    }
    if (folder->mounted) {
        g_autofree char *inside = g_strconcat("/", folder->path, slash, NULL);
        return open_mounted_file(look, inside);
    }
    g_autofree char *target = NULL;
    if (folder->in_upper) {
        int fd = open_name(folder->fd, slash + 1);
        if (fd >= 0 || (errno != ENOENT && errno != ELOOP))
            return fd;
        if (errno == ELOOP)
            target = read_upper_link(folder->fd, slash + 1);
    }
    const SluiceEntry *entry =
        target == NULL && folder->has_lower ? sluice_directory_find(folder->entries, slash + 1) : NULL;
    if (entry != NULL && entry->type == SLUICE_ENTRY_FILE)
        return sluice_store_open_blob(look->staged->store, &entry->digest, NULL);
    if (entry != NULL && entry->type == SLUICE_ENTRY_SYMLINK)
        target = g_strdup(entry->target);
    g_autofree char *next = target != NULL ? link_path(folder, target) : NULL;
    if (next != NULL)
        return open_at(look, next, links + 1);
    errno = ENOENT;
    return -1;
}

int sluice_look_open(SluiceLook *look, const char *path)
{
    g_autofree char *whole = absolute(look, path);
    return open_at(look, whole, 0);
}

int sluice_look_open_folder(SluiceLook *look, const char *path)
{
    g_autofree char *whole = absolute(look, path);
    return open_mounted(look, whole, O_RDONLY | O_DIRECTORY);
}

/* Where a link leads; NULL: it is none, or cannot be told. */
static char *link_target(SluiceLook *look, const char *path)
{
    g_autofree char *above_it = g_path_get_dirname(path), *name = g_path_get_basename(path);
    const SluiceStagedFolder *folder = find_folder(look, above_it, 0);
    if (folder == NULL || folder->absent || folder->mounted)
        return NULL;
    g_autofree char *target = folder->in_upper ? read_upper_link(folder->fd, name) : NULL;
    struct stat status;
    gboolean covered = folder->in_upper && fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    const SluiceEntry *entry = !covered && folder->has_lower ? sluice_directory_find(folder->entries, name) : NULL;
    if (entry != NULL && entry->type == SLUICE_ENTRY_SYMLINK)
        return link_path(folder, entry->target);
    return target != NULL ? link_path(folder, target) : NULL;
}

char *sluice_look_dup_real_name(SluiceLook *look, const char *path)
{
    g_autofree char *at = absolute(look, path);
    for (unsigned links = 0; links < LINKS_MAX; links++) {
        char *next = link_target(look, at);
        if (next == NULL)
            break;
        g_free(at);
        at = next;
    }
    return g_path_get_basename(at);
}
