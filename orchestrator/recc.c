/*
 * recc.c - compile caching in one sandbox: the launcher under the names of the compilers that are there, in a folder of its own that is bound
 * into the sandbox, and what answers it.
 *
 * The folder is no part of the staged root, so it is in no digest.  It has links only for compilers that PATH finds anyway: no build may find a
 * compiler that it has not got.
 */
#include "build-private.h"
#include "cluster.h"
#include "executor.h"
#include "recc-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PLACE "/run/sluice-recc" /* as recc-shim/recc.h has it */

struct Recc {
    Build *build;
    char *folder;             /* on the host */
    SluiceUpstream *upstream; /* or NULL */
    SluiceLauncher *launcher;
};

static void recc_free(Recc *recc)
{
    if (recc->launcher)
        sluice_launcher_free(recc->launcher);
    if (recc->upstream)
        sluice_upstream_free(recc->upstream);
    if (recc->folder)
        sluice_remove_tree(recc->folder, NULL);
    g_free(recc->folder);
    g_free(recc);
}

/* ---- Names of compilers -------------------------------------------------------------------------------------------------- */

/* "-12", "-12.2", "". */
static gboolean is_version(const char *text)
{
    return *text == '\0' ||
           (*text == '-' && g_ascii_isdigit(text[1]) && text[1 + strspn(text + 1, "0123456789.")] == '\0');
}

static gboolean is_compiler(const char *name)
{
    static const char *const compilers[] = {"gcc", "g++", "cc", "c++", "clang", "clang++"};
    for (gsize i = 0; i < G_N_ELEMENTS(compilers); i++) {
        gsize length = strlen(compilers[i]);
        for (const char *at = strstr(name, compilers[i]); at; at = strstr(at + 1, compilers[i])) {
            if ((at == name || at[-1] == '-') && is_version(at + length))
                return TRUE;
        }
    }
    return FALSE;
}

static gboolean link_compiler(int folder, const char *name, GError **error)
{
    if (linkat(folder, "recc", folder, name, 0) == 0 || errno == EEXIST)
        return TRUE;
    error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot make the launcher of '%s': %s", name, g_strerror(errno));
    return FALSE;
}

static gboolean link_compilers_of(Build *build, SluiceTree *tree, const char *path, int folder, GError **error)
{
    SluiceEntry place;
    gsize count = 0;
    if (*path != '/' || !sluice_tree_lookup_follow(tree, path, &place, NULL) || place.type != SLUICE_ENTRY_DIRECTORY)
        return TRUE;
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(build->context->store, &place.digest, error);
    const SluiceEntry *entries = directory ? sluice_directory_get_entries(directory, &count) : NULL;
    for (gsize i = 0; i < count; i++) {
        gboolean program =
            entries[i].type == SLUICE_ENTRY_SYMLINK || (entries[i].type == SLUICE_ENTRY_FILE && entries[i].executable);
        if (program && is_compiler(entries[i].name) && !link_compiler(folder, entries[i].name, error))
            return FALSE;
    }
    return directory != NULL;
}

static gboolean link_compilers(Build *build, const SluiceDigest *root, const char *const *environment, int folder,
                               GError **error)
{
    const char *path = environment_get(environment, "PATH");
    g_auto(GStrv) places = g_strsplit(path ? path : "/usr/bin:/bin", ":", -1);
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, root, error);
    for (gsize i = 0; tree && places[i]; i++) {
        if (!link_compilers_of(build, tree, places[i], folder, error))
            return FALSE;
    }
    return tree != NULL;
}

/* ---- The folder -------------------------------------------------------------------------------------------------------------- */

static gboolean fill_folder(Recc *recc, const CommandPlan *plan, const SluiceDigest *root, int folder, GError **error)
{
    int bin = -1;
    if (!recc_folder_fill(folder, error) || (bin = recc_folder_open_bin(folder, error)) < 0)
        return FALSE;
    gboolean linked = link_compilers(recc->build, root, plan->environment, bin, error);
    close(bin);
    int listener = linked ? recc_folder_listen(folder, 0666, error) : -1;
    return listener >= 0 && sluice_launcher_add_listener(recc->launcher, listener, error);
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------------ */

/* What other machines learned, and what they may know of here. */
static gboolean join_cluster(Recc *recc, GError **error)
{
    const BuildContext *context = recc->build->context;
    if (!context->cluster)
        return TRUE;
    recc->upstream = cluster_join(context->cluster, context->store, context->events, error);
    return recc->upstream != NULL;
}

static gboolean start_launcher(Recc *recc, const CommandPlan *plan, SluiceSandbox *sandbox, const SluiceDigest *root,
                               GError **error)
{
    Build *build = recc->build;
    const SandboxConfig *config = &build->element->sandbox;
    const char *const mounted[] = {"/tmp", "/dev", "/proc", PLACE, plan->proxy_socket, NULL};
    const ExecutorPlace environment = {
        .store = build->context->store,
        .environment_root = build->environment_root,
        .uid = build_uid(build),
        .gid = build_gid(build),
        .scope =
            "recc", /* what is learned in a sandbox is for launchers only, never for what trusts executed actions */
    };
    SluiceLauncherPlace place = {.environment_root = build->environment_root,
                                 .root = *root,
                                 .upper = -1,
                                 .mounted = mounted,
                                 .element = build->element->full_name,
                                 .folder = element_variable(build->element, "build-root"),
                                 .project = project_name(build->element->project)};
    if (!executor_store_environment(&environment, config->build_os, config->build_arch, &place.environment, error) ||
        !join_cluster(recc, error) || (place.upper = sluice_sandbox_open_upper(sandbox, error)) < 0)
        return FALSE;
    place.upstream = recc->upstream;
    recc->launcher = sluice_launcher_new(build->context->store, &place, error);
    return recc->launcher != NULL;
}

Recc *recc_start(Build *build, const CommandPlan *plan, SluiceSandbox *sandbox, const SluiceDigest *root,
                 GError **error)
{
    Recc *recc = g_new0(Recc, 1);
    recc->build = build;
    recc->folder = sluice_store_make_work_dir(build->context->store, "recc", error);
    int folder = recc->folder ? open(recc->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    gboolean started = folder >= 0 && fchmod(folder, 0755) == 0 && start_launcher(recc, plan, sandbox, root, error) &&
                       fill_folder(recc, plan, root, folder, error);
    if (folder >= 0)
        close(folder);
    if (started)
        return recc;
    if (error && !*error)
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot open the launcher's folder: %s", g_strerror(errno));
    recc_free(recc);
    return NULL;
}

const char *recc_get_greeting(void)
{
    return PLACE "/bin/recc --tell-root || :\n";
}

void recc_get_bind(Recc *recc, SluiceSandboxBind *bind)
{
    *bind = (SluiceSandboxBind){recc->folder, PLACE, TRUE};
}

const char *const *recc_environment(Build *build, const char *const *base)
{
    const char *path = environment_get(base, "PATH");
    return environment_with(build->arena, base, "PATH",
                            arena_printf(build->arena, PLACE "/bin:%s", path ? path : "/usr/bin:/bin"));
}

static void report_cluster(Recc *recc)
{
    SluiceUpstreamStats stats;
    if (!recc->upstream)
        return;
    sluice_upstream_get_stats(recc->upstream, &stats);
    build_event(recc->build, EVENT_INFO, 0, NULL,
                "Compile cache: the cluster had %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                " entries that were asked for, and was given %" G_GUINT64_FORMAT,
                stats.hits, stats.lookups, stats.uploads);
}

static void report(Recc *recc)
{
    const Element *element = recc->build->element;
    SluiceLauncherStats stats;
    sluice_launcher_get_stats(recc->launcher, &stats);
    g_auto(GStrv) reasons = sluice_launcher_dup_reasons(recc->launcher);
    g_autofree char *list = g_strjoinv(", ", reasons);
    g_autofree char *name = g_strdup_printf("%s:%s", project_name(element->project), element->name);
    g_autofree char *counts = recc_folder_describe_counts(&stats, reasons);
    recc_folder_keep_counts(recc->build->context->store, name, counts);
    build_event(recc->build, EVENT_INFO, 0, NULL,
                "Compile cache: %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT " misses, %" G_GUINT64_FORMAT
                " learned, %" G_GUINT64_FORMAT " others%s%s%s",
                stats.hits, stats.misses, stats.learned, stats.others, *list ? " (" : "", list, *list ? ")" : "");
    report_cluster(recc);
}

void recc_finish(Recc *recc)
{
    sluice_launcher_stop(recc->launcher);
    report(recc);
    recc_free(recc);
}
