/* junction-stage.c - see junction-stage.h */
#include "junction-stage.h"
#include "fetch.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAGED_DIRECTORY ".bst/staged-junctions"
#define UNFINISHED       ".unfinished"

static gboolean cannot(const Element *junction, const char *path, GError **error)
{
    error_set(error, ERROR_LOAD, "SUBPROJECT_INCONSISTENT", &junction->where,
              "Could not stage the sources of junction '%s' at %s/%s: %s", junction->full_name,
              project_directory(junction->project), path, g_strerror(errno));
    return FALSE;
}

/* Opens a directory below the project, making what is missing.  Nothing on the way may lead elsewhere: the project may be anybody's. */
static int open_below(int dirfd, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    int current = (int)syscall(SYS_openat2, dirfd, ".", &how, sizeof how);
    for (char **name = names; current >= 0 && *name; name++) {
        int made = mkdirat(current, *name, 0755);
        int next = made == 0 || errno == EEXIST ? (int)syscall(SYS_openat2, current, *name, &how, sizeof how) : -1;
        int saved = errno;
        close(current);
        errno = saved;
        current = next;
    }
    return current;
}

static gboolean is_directory(int dirfd, const char *name)
{
    struct stat status;
    return fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/* Fetches with jobs, which log as other fetches do. */
static gboolean fetch(App *app, Element *junction, GError **error)
{
    gboolean cached = TRUE;
    for (gsize i = 0; i < junction->n_sources && cached; i++)
        cached = source_is_cached(junction->sources[i], app->store);
    if (cached)
        return TRUE;
    g_autoptr(GPtrArray) elements = g_ptr_array_new();
    g_ptr_array_add(elements, junction);
    return fetch_session(app, NULL, elements, elements, TRUE, error);
}

/* Whoever holds the lock on the directory writes into it, so what another left unfinished is rubbish. */
static gboolean write_tree(App *app, Element *junction, int directory, const SluiceDigest *root, GError **error)
{
    g_autofree char *unfinished = g_strdup_printf("/proc/self/fd/%d/" UNFINISHED, directory);
    if (is_directory(directory, UNFINISHED) && !sluice_remove_tree(unfinished, error))
        return FALSE;
    if (!sluice_store_checkout(app->store, root, directory, UNFINISHED, SLUICE_CHECKOUT_COPY, error))
        return FALSE;
    return renameat(directory, UNFINISHED, directory, junction->weak_key) == 0 ||
           cannot(junction, junction->weak_key, error);
}

static gboolean stage(App *app, Element *junction, int directory, GError **error)
{
    SluiceDigest root;
    if (!app_open_store(app, error) || !fetch(app, junction, error))
        return FALSE;
    const SourceContext context = {app->store, &app->sink, NULL, app->fetchers, app->retries};
    Activity activity = app_begin(app, junction, "Staging sources");
    /* A file system without locks has no two of us at once, we hope, as BuildStream does. */
    (void)flock(directory, LOCK_EX);
    gboolean success =
        is_directory(directory, junction->weak_key) ||
        (sources_stage(junction, &context, &root, error) && write_tree(app, junction, directory, &root, error));
    (void)flock(directory, LOCK_UN);
    return app_finish(&activity, success);
}

char *junction_stage(Element *junction, gpointer data, GError **error)
{
    const char *project = project_directory(junction->project);
    g_autofree char *place = g_build_filename(STAGED_DIRECTORY, junction->name, NULL);
    g_autofree char *path = g_build_filename(project, place, junction->weak_key, NULL);
    int directory = open_below(project_dirfd(junction->project), place);
    if (directory < 0) {
        cannot(junction, place, error);
        return NULL;
    }
    gboolean success = is_directory(directory, junction->weak_key) || stage(data, junction, directory, error);
    close(directory);
    return success ? g_steal_pointer(&path) : NULL;
}
