/* cmd-diff-keys.c - `diff-keys` */
#include "app.h"
#include "key-diff.h"
#include <string.h>
#include <unistd.h>

/* One side: an element of a session, or an artifact of the store. */
typedef struct {
    App *app;
    Session *own;     /* to be freed, or NULL */
    GStrv options;    /* of `own` */
    Session *session; /* NULL: an artifact */
    KeyWriter *writer;
    GHashTable *by_name; /* "project:element" -> Element */
    char *title, *project, *element, *key, *first_text;
} Side;

static void side_clear(Side *side)
{
    g_clear_pointer(&side->writer, key_writer_free);
    g_clear_pointer(&side->by_name, g_hash_table_unref);
    g_clear_pointer(&side->own, session_free);
    g_strfreev(side->options);
    g_free(side->title);
    g_free(side->project);
    g_free(side->element);
    g_free(side->key);
    g_free(side->first_text);
}

/* ---- Elements ------------------------------------------------------------------------------------------------------------- */

static char *element_text(gpointer data, const char *project, const char *element, const char *key, GError **error)
{
    Side *side = data;
    g_autofree char *name = g_strdup_printf("%s:%s", project, element);
    Element *found = g_hash_table_lookup(side->by_name, name);
    return found ? key_writer_text(side->writer, found, KEY_STRICT, error) : NULL;
}

static void index_elements(Side *side)
{
    gsize count;
    Element *const *all = session_elements(side->session, &count);
    side->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < count; i++)
        g_hash_table_insert(side->by_name, g_strdup_printf("%s:%s", project_name(all[i]->project), all[i]->name),
                            all[i]);
    side->writer = key_writer_new(side->session);
}

static gboolean set_element(Side *side, const char *name, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(GPtrArray) targets =
        side->own ? session_load_elements(side->own, names, error) : app_load(side->app, names, error);
    if (!targets)
        return FALSE;
    const Element *element = targets->pdata[0];
    if (!*element->strict_key) {
        error_set(error, ERROR_STREAM, NULL, NULL, "%s has no cache key: a source has no ref", element->full_name);
        return FALSE;
    }
    side->session = side->own ? side->own : side->app->session;
    side->project = g_strdup(project_name(element->project));
    side->element = g_strdup(element->name);
    side->key = g_strdup(element->strict_key);
    index_elements(side);
    return TRUE;
}

/* `options`: pairs that are added to those of the command line. */
static gboolean set_other_element(Side *side, const char *directory, const char *name, const char *const *options,
                                  GError **error)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_strv_builder_addv(builder, (const char **)arguments_list(side->app->arguments, "option"));
    g_strv_builder_addv(builder, (const char **)options);
    side->options = g_strv_builder_end(builder);
    if (!side->app->store && !app_open_store(side->app, error))
        return FALSE;
    side->own = app_load_session(side->app, directory, (const char *const *)side->options, error);
    return side->own && set_element(side, name, error);
}

/* ---- Artifacts ------------------------------------------------------------------------------------------------------------ */

static char *read_text(App *app, const Artifact *artifact, GError **error)
{
    g_autoptr(GBytes) bytes = artifact ? artifact_read_key_text(app->store, artifact, error) : NULL;
    return bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
}

static char *artifact_text(gpointer data, const char *project, const char *element, const char *key, GError **error)
{
    Side *side = data;
    if (strcmp(key, side->key) == 0)
        return g_strdup(side->first_text);
    g_autofree char *name = element_name_normalize(element);
    g_autofree char *ref = g_strdup_printf("%s/%s/%s", project, name, key);
    GError *problem = NULL;
    g_autoptr(Artifact) artifact = artifact_load(side->app->store, ref, &problem);
    if (!problem)
        return read_text(side->app, artifact, error);
    g_propagate_error(error, problem);
    return NULL;
}

static gboolean set_artifact(Side *side, const char *ref, GError **error)
{
    GError *problem = NULL;
    if (!app_open_store(side->app, error))
        return FALSE;
    g_autoptr(Artifact) artifact = artifact_load(side->app->store, ref, &problem);
    if (artifact)
        side->first_text = read_text(side->app, artifact, &problem);
    if (!problem && (!artifact || !side->first_text))
        error_set(&problem, ERROR_ARTIFACT, NULL, NULL,
                  artifact ? "The artifact %s was cached without what its key is made of" : "%s is not cached", ref);
    if (problem || !artifact) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    g_auto(GStrv) parts = g_strsplit(ref, "/", 3);
    side->project = g_strdup(parts[0]);
    side->element = g_strdup(parts[1]);
    side->key = g_strdup(artifact->strong_key);
    const char *time = artifact_time(artifact);
    side->title = g_strdup_printf("%s/%s/%s (cached artifact%s%.15s)", parts[0], parts[1], artifact->strong_key,
                                  *time ? ", built " : "", time);
    return TRUE;
}

/* The newest artifact of an element that has another key. */
static char *find_other_artifact(App *app, const Side *present, GError **error)
{
    g_autofree char *name = element_name_normalize(present->element);
    g_autofree char *glob = g_strdup_printf("%s/%s/*", present->project, name), *newest_time = g_strdup("");
    char *newest = NULL;
    if (!app_open_store(app, error))
        return NULL;
    g_autoptr(GPtrArray) refs = artifact_list(app->store, glob, error);
    for (guint i = 0; refs && i < refs->len; i++) {
        g_autoptr(Artifact) artifact = artifact_load(app->store, refs->pdata[i], NULL);
        if (!artifact || strcmp(artifact->strong_key, present->key) == 0 ||
            (newest && strcmp(artifact_time(artifact), newest_time) <= 0))
            continue;
        g_free(newest);
        g_free(newest_time);
        newest = g_strdup(refs->pdata[i]);
        newest_time = g_strdup(artifact_time(artifact));
    }
    if (refs && !newest)
        error_set(error, ERROR_STREAM, NULL, NULL, "No artifact of %s with another key is cached", present->element);
    return newest;
}

/* ---- The command ---------------------------------------------------------------------------------------------------------- */

/* "DIR::ELEMENT" is of another directory. */
static gboolean set_word(Side *side, const char *word, const char *const *options, GError **error)
{
    const char *separator = strstr(word, "::"), *directory = arguments_get(side->app->arguments, "project-directory");
    if (artifact_is_ref_name(word))
        return set_artifact(side, word, error);
    g_autofree char *other = separator ? g_strndup(word, separator - word) : NULL;
    const char *name = separator ? separator + 2 : word;
    gboolean success = other || *options ? set_other_element(side,
                                                             other       ? other
                                                             : directory ? directory
                                                                         : ".",
                                                             name, options, error)
                                         : set_element(side, word, error);
    if (success)
        side->title = g_strdup_printf("%s (%s)", word, side->key);
    return success;
}

static gboolean set_sides(App *app, Side *before, Side *after, GError **error)
{
    static const char *const none[] = {NULL};
    const char *const *options = arguments_list(app->arguments, "with-option");
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    if (count == 2 || (count == 1 && *options))
        return set_word(before, words[0], none, error) && set_word(after, words[count - 1], options, error);
    if (count == 0) {
        app_set_missing_argument(app, "A", error);
        return FALSE;
    }
    if (!set_word(after, words[0], none, error))
        return FALSE;
    g_autofree char *ref = find_other_artifact(app, after, error);
    return ref && set_artifact(before, ref, error);
}

static KeySide key_side(Side *side)
{
    return (KeySide){side->project, side->element, side->key, side->session ? element_text : artifact_text, side};
}

int cmd_diff_keys(App *app, GError **error)
{
    Side sides[2] = {{.app = app}, {.app = app}};
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean differ = FALSE;
    gboolean success = set_sides(app, &sides[0], &sides[1], error);
    if (success) {
        KeySide before = key_side(&sides[0]), after = key_side(&sides[1]);
        g_string_append_printf(out, "- %s\n+ %s\n", sides[0].title, sides[1].title);
        success = key_diff(&before, &after, out, &differ, error);
    }
    if (success && !differ)
        g_string_append(out, "The keys are equal.\n");
    g_autofree char *clean = success && isatty(STDOUT_FILENO) ? text_sanitize(out->str, -1) : NULL;
    if (success)
        app_print(clean ? clean : out->str);
    side_clear(&sides[0]);
    side_clear(&sides[1]);
    return !success ? EXIT_REPORT : differ ? 1 : 0;
}
