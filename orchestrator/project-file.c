/*
 * project-file.c - reading a project's files: always below its directory, whatever `..` or symbolic links say.
 */
#include "directory-digest.h"
#include "node-private.h"
#include "project-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int project_open(const Project *project, const char *path, int flags)
{
    struct open_how how = {.flags = (guint64)(flags | O_CLOEXEC), .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    if (*path == '/') {
        errno = EXDEV;
        return -1;
    }
    return (int)syscall(SYS_openat2, project->dirfd, *path != '\0' ? path : ".", &how, sizeof how);
}

static gboolean read_all(int fd, gsize size, char **text, gsize *length)
{
    *text = g_malloc(size + 1);
    *length = 0;
    while (*length < size) {
        gssize got = read(fd, *text + *length, size - *length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return FALSE;
        }
        if (got == 0) {
            break;
        }
        *length += (gsize)got;
    }
    (*text)[*length] = '\0';
    return TRUE;
}

/* `project` is NULL for absolute paths. */
static gboolean fail(const Project *project, const char *path, int code, GError **error)
{
    const char *directory = project != NULL ? project->directory : "", *slash = project != NULL ? "/" : "";
    static const struct {
        int code;
        const char *reason, *before, *after;
    } causes[] = {
        {ENOENT, "MISSING_FILE", "Could not find file at ", ""},
        {ENOTDIR, "MISSING_FILE", "Could not find file at ", ""},
        {ENAMETOOLONG, "MISSING_FILE", "Could not find file at ", ""},
        {EBADF, "MISSING_FILE", "Could not find file at ", ""}, /* the directory is not there */
        {EISDIR, "LOADING_DIRECTORY", "", " is a directory"},
        {EXDEV, "PROJ_PATH_INVALID", "", " leads outside of the project directory"},
        {ELOOP, "PROJ_PATH_INVALID", "", " is a loop of symbolic links"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(causes); i++) {
        if (causes[i].code == code) {
            error_set(error, ERROR_LOAD, causes[i].reason, NULL, "%s%s%s%s%s", causes[i].before, directory, slash, path,
                      causes[i].after);
            return FALSE;
        }
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "Could not read %s%s%s: %s", directory, slash, path,
              g_strerror(code));
    return FALSE;
}

gboolean project_read_file(const Project *project, const char *path, char **text, gsize *length, GError **error)
{
    struct stat info;
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = project != NULL ? project_open(project, path, flags) : open(path, flags);
    if (fd < 0) {
        return fail(project, path, errno, error);
    }
    gboolean ok = FALSE;
    if (fstat(fd, &info) != 0) {
        fail(project, path, errno, error);
    } else if (S_ISDIR(info.st_mode)) {
        fail(project, path, EISDIR, error);
    } else if (!S_ISREG(info.st_mode)) {
        error_set(error, ERROR_LOAD, "PROJ_PATH_INVALID_KIND", NULL, "%s/%s is not a regular file",
                  project != NULL ? project->directory : "", path);
    } else if ((gsize)info.st_size > SESSION_MAX_FILE) {
        error_set(error, ERROR_LOAD, "INVALID_YAML", NULL, "%s/%s is larger than %zu bytes",
                  project != NULL ? project->directory : "", path, SESSION_MAX_FILE);
    } else {
        ok = read_all(fd, (gsize)info.st_size, text, length);
        if (!ok) {
            fail(project, path, errno, error);
        }
    }
    close(fd);
    return ok;
}

Node *project_parse_file(const Project *project, Arena *arena, const char *path, const char *shown, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!project_read_file(project, path, &text, &length, error)) {
        return NULL;
    }
    NodeFile *file = arena_new_of(arena, NodeFile);
    file->name =
        *project->prefix != '\0' ? arena_join(arena, project->prefix, shown, NULL) : arena_strdup(arena, shown);
    file->path = arena_join(arena, project->directory, "/", path, NULL);
    file->project = (gpointer)project;
    return node_parse(arena, file, text, length, error);
}

Node *project_read_yaml(Project *project, const char *path, const char *shown, GError **error)
{
    return project_parse_file(project, project->session->arena, path, shown, error);
}

Node *project_parse_element(const Project *project, Arena *arena, const char *name, GError **error)
{
    if (*project->element_dir == '\0') {
        return project_parse_file(project, arena, name, name, error);
    }
    g_autofree char *path = g_strconcat(project->element_dir, "/", name, NULL);
    return project_parse_file(project, arena, path, name, error);
}

Node *session_read_yaml(Session *session, const char *path, const char *shown, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!project_read_file(NULL, path, &text, &length, error)) {
        return NULL;
    }
    NodeFile *file = arena_new_of(session->arena, NodeFile);
    file->name = arena_strdup(session->arena, shown);
    file->path = arena_strdup(session->arena, path);
    return node_parse(session->arena, file, text, length, error);
}

gboolean project_digest(Project *project, const char *path, SluiceDigest *out, GError **error)
{
    Arena *arena = project->session->key_arena;
    SluiceDigest *known = g_hash_table_lookup(project->digests, path);
    if (known == NULL) {
        known = arena_new_of(arena, SluiceDigest);
        if (!directory_digest(project->dirfd, path, project->session->options.store, known, error)) {
            return FALSE;
        }
        g_hash_table_insert(project->digests, arena_strdup(arena, path), known);
    }
    *out = *known;
    return TRUE;
}

static gboolean wrong_path(const char *reason, const Provenance *where, const char *path, const char *problem,
                           GError **error)
{
    error_set(error, ERROR_LOAD, reason, where, "Specified path '%s' %s", path, problem);
    return FALSE;
}

/* Where the path leads, all links resolved, is in the project. */
static gboolean is_inside(const Project *project, const char *resolved)
{
    const char *root = project->directory;
    gsize length = strlen(root);
    return strncmp(resolved, root, length) == 0 &&
           (resolved[length] == '\0' || resolved[length] == '/' || strcmp(root, "/") == 0);
}

/* What nearly all paths are: one look is enough.  Whatever else the path is, is found out step by step. */
static gboolean is_plain(const Project *project, const char *path, PathType type)
{
    struct stat info;
    if (g_str_has_suffix(path, "/") || g_str_has_prefix(path, "..")) {
        return FALSE;
    }
    int fd = project_open(project, path, O_PATH | O_NOFOLLOW);
    gboolean known = fd >= 0 && fstat(fd, &info) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return known && ((S_ISREG(info.st_mode) && type != PATH_DIRECTORY) || (S_ISDIR(info.st_mode) && type != PATH_FILE));
}

gboolean project_check_path(const Project *project, const char *path, const Provenance *where, PathType type,
                            GError **error)
{
    struct stat info;
    if (is_plain(project, path, type)) {
        return TRUE;
    }
    g_autofree char *full =
        g_path_is_absolute(path) ? g_strdup(path) : g_strdup_printf("%s/%s", project->directory, path);
    /* A slash at the end would make lstat look behind a link. */
    g_autofree char *bare = g_strdup(full);
    for (gsize length = strlen(bare); length > 1 && bare[length - 1] == '/'; length--) {
        bare[length - 1] = '\0';
    }
    if (lstat(bare, &info) == 0 && S_ISLNK(info.st_mode)) {
        return wrong_path("PROJ_PATH_INVALID_KIND", where, path, "must not point to symbolic links ", error);
    }
    if (strcmp(path, "..") == 0 || g_str_has_prefix(path, "../")) {
        return wrong_path("PROJ_PATH_INVALID", where, path, "first component must not be '..'", error);
    }
    g_autofree char *resolved = realpath(full, NULL);
    if (resolved == NULL || stat(resolved, &info) != 0) {
        return wrong_path("MISSING_FILE", where, path, "does not exist", error);
    }
    if (!is_inside(project, resolved)) {
        return wrong_path("PROJ_PATH_INVALID", where, path, "must not lead outside of the project directory", error);
    }
    if (g_path_is_absolute(path)) {
        error_set(error, ERROR_LOAD, "PROJ_PATH_INVALID", where,
                  "Absolute path: '%s' invalid.\nPlease specify a path relative to the project's root.", path);
        return FALSE;
    }
    if (S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode) || S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode)) {
        return wrong_path("PROJ_PATH_INVALID_KIND", where, path, "points to an unsupported file kind", error);
    }
    if (type == PATH_FILE && !S_ISREG(info.st_mode)) {
        return wrong_path("PROJ_PATH_INVALID_KIND", where, path, "is not a regular file", error);
    }
    if (type == PATH_DIRECTORY && !S_ISDIR(info.st_mode)) {
        return wrong_path("PROJ_PATH_INVALID_KIND", where, path, "is not a directory", error);
    }
    return TRUE;
}
