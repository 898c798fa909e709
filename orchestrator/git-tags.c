/* git-tags.c - tags of `kind: git`: finding those that `git describe` would use, and staging a repository that knows them. */
#include "source-git.h"

#include <string.h>
#include <unistd.h>

#define SHA_LENGTH  40
#define COMMITS_MAX 1000000

/* ---- Finding ------------------------------------------------------------------------------------------------------------------------ */

static gboolean add_tag(const Git *git, const char *name, GPtrArray *tags, GError **error)
{
    g_autofree char *rev = g_strconcat("refs/tags/", name, "^{commit}", NULL);
    g_autofree char *ref = g_strconcat("refs/tags/", name, NULL);
    g_autofree char *fail = g_strdup_printf("Unable to resolve tag '%s'", name);
    g_autofree char *commit = NULL;
    int status = -1;
    if (!git_run(git, GIT_ARGUMENTS("rev-parse", "--verify", "--end-of-options", rev), fail, NULL, &commit, error) ||
        !git_run(git, GIT_ARGUMENTS("cat-file", "tag", ref), fail, &status, NULL, error)) {
        return FALSE;
    }
    for (guint i = 0; i < tags->len; i++) {
        if (strcmp(((const GitTag *)tags->pdata[i])->name, name) == 0) {
            return TRUE;
        }
    }
    GitTag *tag = g_new0(GitTag, 1);
    tag->name = g_strdup(name);
    tag->commit = g_strndup(commit, SHA_LENGTH);
    tag->annotated = status == 0;
    g_ptr_array_add(tags, tag);
    return TRUE;
}

static void tag_free(GitTag *tag)
{
    g_free((char *)tag->name);
    g_free((char *)tag->commit);
    g_free(tag);
}

GPtrArray *git_reachable_tags(const Git *git, const char *commit, GError **error)
{
    static const char *const options[][2] = {
        {NULL, NULL}, {"--first-parent", NULL}, {"--tags", NULL}, {"--tags", "--first-parent"}};
    GPtrArray *tags = g_ptr_array_new_with_free_func((GDestroyNotify)tag_free);
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *name = NULL;
        int status = -1;
        const char *const arguments[] = {"describe", "--abbrev=0", commit, options[i][0], options[i][1], NULL};
        if (!git_run(git, arguments, "git describe", &status, &name, error) ||
            (status == 0 && !add_tag(git, g_strchomp(name), tags, error))) {
            g_ptr_array_unref(tags);
            return NULL;
        }
    }
    return tags;
}

/* ---- Staging ------------------------------------------------------------------------------------------------------------------------ */

/* The commits between a tag and the staged one, and at the edge the ones whose parents are left out. */
static gboolean collect(const Git *mirror, const char *from, const char *to, GHashTable *included, GHashTable *shallow,
                        GError **error)
{
    g_autofree char *range = g_strdup_printf("%s..%s", from, to);
    g_autofree char *fail = g_strdup_printf("Failed to get git history %s", range);
    g_autofree char *output = NULL;
    if (strcmp(from, to) == 0) {
        g_hash_table_add(shallow, g_strdup(to));
        return TRUE;
    }
    if (!git_run(mirror, GIT_ARGUMENTS("rev-list", "--ancestry-path", "--boundary", "--end-of-options", range), fail,
                 NULL, &output, error)) {
        return FALSE;
    }
    g_auto(GStrv) lines = g_strsplit(output, "\n", COMMITS_MAX);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        gboolean is_edge = **line == '-';
        g_hash_table_add(is_edge ? shallow : included, g_strdup(*line + (is_edge ? 1 : 0)));
    }
    return TRUE;
}

static gboolean copy_commits(const Git *mirror, const Git *staged, GHashTable *commits, const char *work,
                             GError **error)
{
    g_autoptr(GString) paths = g_string_new(NULL);
    g_autoptr(GitObjects) objects = git_objects_open(mirror, error);
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, commits);
    while (objects != NULL && g_hash_table_iter_next(&iter, &name, NULL)) {
        GitObjectType type;
        g_autoptr(GBytes) commit = git_objects_read(objects, name, &type, error);
        g_autofree char *path = g_build_filename(work, name, NULL);
        if (commit == NULL ||
            !g_file_set_contents(path, g_bytes_get_data(commit, NULL), (gssize)g_bytes_get_size(commit), error)) {
            if (error != NULL && *error == NULL) {
                error_set(error, ERROR_SOURCE, NULL, NULL, "Failed to get commit %s", (const char *)name);
            }
            return FALSE;
        }
        g_string_append_printf(paths, "%s\n", path);
    }
    g_autoptr(GBytes) input = g_bytes_new(paths->str, paths->len);
    return objects != NULL &&
           git_run_with_input(staged,
                              GIT_ARGUMENTS("hash-object", "-w", "-t", "commit", "--no-filters", "--stdin-paths"),
                              input, "Failed to add commit objects", NULL, error);
}

static gboolean write_tag(const Git *staged, const GitTag *tag, GError **error)
{
    g_autofree char *fail = g_strdup_printf("Failed to tag: %s", tag->name);
    g_autofree char *ref = g_strconcat("refs/tags/", tag->name, NULL);
    g_autofree char *object = NULL;
    if (!git_ref_name_is_valid(tag->name)) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "'%s' is no name that a tag can have", tag->name);
        return FALSE;
    }
    if (tag->annotated) {
        g_autofree char *text = g_strdup_printf("object %s\ntype commit\ntag %s\n"
                                                "tagger Unspecified Tagger <unspecified-tagger> 0 +0000\n",
                                                tag->commit, tag->name);
        g_autoptr(GBytes) input = g_bytes_new(text, strlen(text));
        if (!git_run_with_input(staged, GIT_ARGUMENTS("hash-object", "-w", "-t", "tag", "--stdin"), input, fail,
                                &object, error)) {
            return FALSE;
        }
        g_strchomp(object);
    }
    return git_run(staged, GIT_ARGUMENTS("update-ref", "--no-deref", ref, object != NULL ? object : tag->commit), fail,
                   NULL, NULL, error);
}

static gboolean write_lines(const char *path, GHashTable *names, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GList) sorted = g_list_sort(g_hash_table_get_keys(names), (GCompareFunc)strcmp);
    for (const GList *name = sorted; name != NULL; name = name->next) {
        g_string_append_printf(lines, "%s\n", (const char *)name->data);
    }
    return g_file_set_contents(path, lines->str, (gssize)lines->len, error);
}

static gboolean rebuild(const Git *mirror, const Git *staged, const char *commit, const GitTag *tags, gsize n_tags,
                        const char *work, GError **error)
{
    g_autoptr(GHashTable) included = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) shallow = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *shallow_path = g_build_filename(staged->repository, "shallow", NULL);
    g_autofree char *head_path = g_build_filename(staged->repository, "HEAD", NULL);
    g_autofree char *head = g_strconcat(commit, "\n", NULL);
    GHashTableIter iter;
    gpointer name;
    for (gsize i = 0; i < n_tags; i++) {
        if (!collect(mirror, tags[i].commit, commit, included, shallow, error)) {
            return FALSE;
        }
    }
    g_hash_table_iter_init(&iter, included);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_hash_table_remove(shallow, name);
    }
    g_hash_table_iter_init(&iter, shallow);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_hash_table_add(included, g_strdup(name));
    }
    if (!copy_commits(mirror, staged, included, work, error) || !write_lines(shallow_path, shallow, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < n_tags; i++) {
        if (!write_tag(staged, &tags[i], error)) {
            return FALSE;
        }
    }
    return g_file_set_contents(head_path, head, -1, error);
}

gboolean git_stage_tags(const Git *mirror, const char *commit, const GitTag *tags, gsize n_tags, const char *folder,
                        const char *work, GError **error)
{
    g_autofree char *repository = g_build_filename(folder, ".git", NULL);
    const Git maker = {.directory = folder, .cancellable = mirror->cancellable};
    const Git staged = {.repository = repository, .cancellable = mirror->cancellable};
    return git_run(&maker, GIT_ARGUMENTS("init", "--quiet"), "Cannot initialize git repository", NULL, NULL, error) &&
           rebuild(mirror, &staged, commit, tags, n_tags, work, error);
}
