/* source-info.c - see source-info.h */
#include "source-info.h"
#include "element.h"

#include <string.h>

#define DEFAULT_VERSION_PATTERN "(\\d+)\\.(\\d+)(?:\\.(\\d+))?"

static void set_text(Arena *arena, Node *mapping, const char *key, const char *text)
{
    node_set(arena, mapping, key, node_new_scalar(arena, text, NULL));
}

void source_info_append(const Source *source, Arena *arena, Node *list, const SourceInfo *info)
{
    static const char *const on_top[] = {"homepage", "issue-tracker"};
    const Node *provenance = info->provenance != NULL ? info->provenance : source->provenance;
    Node *mapping = node_new_mapping(arena, NULL);
    set_text(arena, mapping, "kind", source->kind->name);
    set_text(arena, mapping, "url", info->url);
    for (gsize i = 0; provenance != NULL && i < G_N_ELEMENTS(on_top); i++) {
        const Node *value = node_find(provenance, on_top[i]);
        if (value != NULL) {
            set_text(arena, mapping, on_top[i], node_text(value));
        }
    }
    if (provenance != NULL) {
        node_set(arena, mapping, "provenance", node_clone(arena, provenance));
    }
    set_text(arena, mapping, "medium", info->medium);
    set_text(arena, mapping, "version-type", info->version_type);
    set_text(arena, mapping, "version", info->version != NULL ? info->version : "None");
    if (info->version_guess != NULL) {
        set_text(arena, mapping, "version-guess", info->version_guess);
    }
    if (info->extra_data != NULL && node_size(info->extra_data) > 0) {
        node_set(arena, mapping, "extra-data", node_clone(arena, info->extra_data));
    }
    node_append(arena, list, mapping);
}

static gboolean warn_unavailable(const Source *source, GError **error)
{
    g_autofree char *where = provenance_to_string(&source->where);
    g_autofree char *message =
        g_strdup_printf("[unavailable-source-info]: %s source at %s: Source.collect_source_info() is not implemented "
                        "in this plugin",
                        source->kind->name, where);
    if (project_is_fatal_warning(source_project(source), "unavailable-source-info")) {
        error_set(error, ERROR_PLUGIN, "unavailable-source-info", NULL, "%s", message);
        return FALSE;
    }
    event_send(project_events(source_project(source)), EVENT_WARNING, NULL, source->element->full_name, "%s", message);
    return TRUE;
}

Node *element_collect_source_info(Element *element, Arena *arena, GError **error)
{
    Node *list = node_new_sequence(arena, NULL);
    for (gsize i = 0; i < element->n_sources; i++) {
        Source *source = element->sources[i];
        gsize before = node_size(list);
        if (source->kind->collect_info != NULL && !source->kind->collect_info(source, arena, list, error)) {
            return NULL;
        }
        if (node_size(list) == before && !warn_unavailable(source, error)) {
            return NULL;
        }
    }
    return list;
}

char *source_primary_url(const Source *source, const char *url, GError **error)
{
    g_auto(GStrv) urls = source_translate_url_for(source, url, SOURCE_URL_PRIMARY, error);
    return urls != NULL ? g_strdup(urls[0]) : NULL;
}

/* The groups that took part, joined; of a pattern without groups all that matched. */
static char *join_groups(const GMatchInfo *match, int groups, int *count)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    for (int i = groups > 0 ? 1 : 0; i <= groups; i++) {
        int start = -1;
        if (g_match_info_fetch_pos(match, i, &start, NULL) && start >= 0) {
            g_ptr_array_add(parts, g_match_info_fetch(match, i));
        }
    }
    *count = (int)parts->len;
    g_ptr_array_add(parts, NULL);
    return g_strjoinv(".", (char **)parts->pdata);
}

gboolean version_guess(const char *text, const char *pattern, char **out, GError **error)
{
    int best = -1, count;
    *out = NULL;
    g_autoptr(GRegex) regex = g_regex_new(pattern != NULL ? pattern : DEFAULT_VERSION_PATTERN, 0, 0, error);
    if (regex == NULL) {
        return FALSE;
    }
    int groups = g_regex_get_capture_count(regex);
    g_autoptr(GMatchInfo) match = NULL;
    for (gboolean more = g_regex_match(regex, text, 0, &match); more; more = g_match_info_next(match, NULL)) {
        g_autofree char *guess = join_groups(match, groups, &count);
        if (count > best) {
            g_free(*out);
            *out = g_steal_pointer(&guess);
            best = count;
        }
    }
    return TRUE;
}
