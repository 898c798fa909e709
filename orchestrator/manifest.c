/* manifest.c - see manifest.h */
#include "manifest.h"
#include "source-info.h"

#include <string.h>

#define WARNING_UNSUPPORTED "collect_manifest:unsupported-source-info"
#define WARNING_LEGACY      "collect_manifest:legacy-manifest"
#define VERSION_PATTERN     "\\d+\\.\\d+(?:\\.\\d+)?"

static const char *text_of(const Node *mapping, const char *key)
{
    const Node *value = node_find(mapping, key);
    return value != NULL && node_type(value) == NODE_SCALAR ? node_text(value) : "";
}

static void set_text(Build *build, Node *mapping, const char *key, const char *text)
{
    node_set(build->arena, mapping, key, node_new_scalar(build->arena, text, NULL));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- Packages ---- */

static gboolean warn_unsupported(Build *build, const char *what, const Node *info, GError **error)
{
    g_autofree char *message = g_strdup_printf("%s: %s source '%s' of medium '%s'", what, text_of(info, "kind"),
                                               text_of(info, "url"), text_of(info, "medium"));
    return build_warn(build, WARNING_UNSUPPORTED, message, NULL, error);
}

/* What comes before the first match; in the arena. */
static const char *before_match(Build *build, const char *text, const char *pattern)
{
    int start = (int)strlen(text);
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (g_regex_match(regex, text, 0, &match)) {
        g_match_info_fetch_pos(match, 0, &start, NULL);
    }
    return arena_strndup(build->arena, text, (gsize)start);
}

gboolean manifest_package_name(Build *build, const Node *info, const char **out, GError **error)
{
    const char *name = base_name(text_of(info, "url")), *medium = text_of(info, "medium");
    const Node *extra = node_find(info, "extra-data");
    const Node *crate = extra != NULL ? node_find(extra, "crate-name") : NULL;
    if (crate != NULL) {
        *out = node_text(crate);
    } else if (strcmp(medium, "git") == 0) {
        gsize length = strlen(name);
        *out = arena_strndup(build->arena, name, g_str_has_suffix(name, ".git") ? length - strlen(".git") : length);
    } else if (strcmp(medium, "remote-file") == 0 || strcmp(medium, "archive") == 0) {
        *out = before_match(build, before_match(build, name, "\\.(tar|tgz|tbz|zip|crate)"), "[-_][0-9]");
    } else if (strcmp(medium, "local") == 0) {
        *out = g_str_has_prefix(text_of(info, "kind"), "patch") ? *out : name;
    } else {
        return warn_unsupported(build, "Can't extract a package name from source info", info, error);
    }
    return TRUE;
}

/* ---- Sources of a module ---- */

/* A commit, by the tag that it comes after if that is known. */
static const char *commit_of(Build *build, const Node *info)
{
    const Node *extra = node_find(info, "extra-data");
    const Node *tag = extra != NULL ? node_find(extra, "tag-name") : NULL;
    const Node *offset = extra != NULL ? node_find(extra, "commit-offset") : NULL;
    const char *version = text_of(info, "version");
    return tag != NULL && offset != NULL
               ? arena_printf(build->arena, "%s-%s-g%s", node_text(tag), node_text(offset), version)
               : version;
}

/* *out stays NULL for what has no such form. */
static gboolean describe_source(Build *build, const Node *info, Node **out, GError **error)
{
    static const struct {
        const char *medium, *type, *url_key;
    } forms[] = {{"git", "git", "url"},
                 {"local", "dir", "path"},
                 {"workspace", "workspace", NULL},
                 {"remote-file", "archive", "url"}};
    const char *medium = text_of(info, "medium"), *kind = text_of(info, "kind");
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (strcmp(forms[i].medium, medium) != 0) {
            continue;
        }
        gboolean patch = strcmp(kind, "patch") == 0 || strcmp(kind, "patch_queue") == 0;
        *out = node_new_mapping(build->arena, NULL);
        set_text(build, *out, "type", patch ? "patch" : forms[i].type);
        if (forms[i].url_key != NULL) {
            set_text(build, *out, forms[i].url_key, text_of(info, "url"));
        }
        if (strcmp(medium, "git") == 0) {
            set_text(build, *out, "commit", commit_of(build, info));
        } else if (strcmp(medium, "remote-file") == 0) {
            set_text(build, *out, "sha256", text_of(info, "version"));
        }
        return TRUE;
    }
    return warn_unsupported(build, "Unsupported source info medium", info, error);
}

static gboolean add_product(Build *build, const Node *info, Node *source, GError **error)
{
    const char *name = NULL;
    Node *cpe = node_new_mapping(build->arena, NULL);
    if (!manifest_package_name(build, info, &name, error)) {
        return FALSE;
    }
    if (name != NULL) {
        set_text(build, cpe, "product", name);
    }
    if (node_find(info, "version-guess") != NULL) {
        set_text(build, cpe, "version", text_of(info, "version-guess"));
    }
    if (node_size(cpe) > 0) {
        node_set(build->arena, source, "x-cpe", cpe);
    }
    return TRUE;
}

/* Local folders and workspaces are told since sources say themselves where they come from. */
static gboolean is_new_form(const Node *info)
{
    const char *medium = text_of(info, "medium");
    return strcmp(medium, "workspace") == 0 ||
           (strcmp(medium, "local") == 0 && !g_str_has_prefix(text_of(info, "kind"), "patch"));
}

static Node *describe_sources(Build *build, const Node *infos, gboolean provenance, GError **error)
{
    Node *list = node_new_sequence(build->arena, NULL);
    for (gsize i = 0; i < node_size(infos); i++) {
        const Node *info = node_at(infos, i);
        Node *source = NULL;
        if (!provenance && is_new_form(info)) {
            continue;
        }
        if (!describe_source(build, info, &source, error) ||
            (source != NULL && provenance && !add_product(build, info, source, error))) {
            return NULL;
        }
        if (source != NULL) {
            node_append(build->arena, list, source);
        }
    }
    return list;
}

/* ---- CPE ---- */

/* The first match: its groups joined by dots, or all of it if the pattern has none. */
static const char *match_version(Build *build, GRegex *regex, const char *text)
{
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, text, 0, &match)) {
        return NULL;
    }
    int groups = g_regex_get_capture_count(regex), start;
    g_autoptr(GString) version = g_string_new(NULL);
    for (int i = groups > 0 ? 1 : 0; i <= groups; i++) {
        g_autofree char *part = g_match_info_fetch(match, i);
        if (part != NULL && g_match_info_fetch_pos(match, i, &start, NULL) && start >= 0) {
            g_string_append_printf(version, "%s%s", version->len > 0 ? "." : "", part);
        }
    }
    return arena_strdup(build->arena, version->str);
}

/* From the name of an archive or a commit's tag. */
static const char *find_version(Build *build, GRegex *regex, const Node *infos)
{
    for (gsize i = 0; i < node_size(infos); i++) {
        const Node *info = node_at(infos, i);
        const char *medium = text_of(info, "medium"), *text = NULL;
        if (strcmp(medium, "git") == 0) {
            text = commit_of(build, info);
        } else if (strcmp(medium, "remote-file") == 0 && strcmp(text_of(info, "kind"), "remote") != 0) {
            text = base_name(text_of(info, "url"));
        }
        const char *version = text != NULL ? match_version(build, regex, text) : NULL;
        if (version != NULL) {
            return version;
        }
    }
    return NULL;
}

static gboolean guess_version(Build *build, const Element *element, const char *pattern, const Node *infos, Node *cpe,
                              GError **error)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern != NULL ? pattern : VERSION_PATTERN, 0, 0, error);
    if (regex == NULL) {
        return FALSE;
    }
    const char *version = find_version(build, regex, infos);
    if (version != NULL && *version != '\0') {
        set_text(build, cpe, "version", version);
    } else if (version == NULL && pattern != NULL) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "version match string \"%s\" did not match anything.",
                  pattern);
        return FALSE;
    } else if (version == NULL) {
        build_event(build, EVENT_WARNING, 0, NULL, "Missing version to %s.", element->name);
    }
    return TRUE;
}

static Node *describe_cpe(Build *build, const Element *element, const Node *public_, const Node *infos, GError **error)
{
    Node *given = NULL;
    const char *pattern = NULL;
    if (!node_get_mapping(public_, "cpe", &given, error) ||
        (given != NULL && !node_get_string(given, "version-match", &pattern, error))) {
        return NULL;
    }
    Node *cpe = given != NULL ? node_clone(build->arena, given) : node_new_mapping(build->arena, NULL);
    node_unset(cpe, "version-match");
    if (node_find(cpe, "product") == NULL) {
        const char *name = base_name(element->name), *dot = strrchr(name, '.');
        set_text(build, cpe, "product", arena_strndup(build->arena, name, (gsize)(dot - name)));
    }
    gboolean known = node_find(cpe, "version") != NULL || element->n_sources == 0;
    return known || guess_version(build, element, pattern, infos, cpe, error) ? cpe : NULL;
}

/* ---- Modules ---- */

static gboolean add_new(Build *build, Element *element, const Node *public_, gboolean provenance, Node *modules,
                        Node *infos, GError **error)
{
    Arena *arena = build->arena;
    Node *own = element_collect_source_info(element, arena, error);
    Node *cpe = own != NULL ? describe_cpe(build, element, public_, own, error) : NULL;
    Node *sources = cpe != NULL ? describe_sources(build, own, provenance, error) : NULL;
    if (sources == NULL) {
        return FALSE;
    }
    Node *module = node_new_mapping(arena, NULL);
    set_text(build, module, "name", element->name);
    node_set(arena, module, "x-cpe", cpe);
    node_set(arena, module, "sources", sources);
    node_append(arena, modules, module);
    if (!provenance) {
        node_append(arena, infos, node_new_scalar(arena, "", NULL));
        return TRUE;
    }
    Node *info = node_new_mapping(arena, NULL);
    g_autofree char *name = element_normal_name(element);
    set_text(build, info, "name", name);
    set_text(build, info, "project-name", project_name(element->project));
    node_set(arena, info, "source-infos", own);
    node_append(arena, infos, info);
    return TRUE;
}

/* What an earlier manifest collected. */
static gboolean add_known(Build *build, const Element *element, const Node *known, const Node *known_infos,
                          gboolean provenance, Node *modules, Node *infos, GError **error)
{
    Node *list = NULL, *info_list = NULL;
    if (!node_need(known, "modules", error) || !node_get_sequence(known, "modules", &list, error) ||
        (known_infos != NULL && !node_get_sequence(known_infos, "element-infos", &info_list, error))) {
        return FALSE;
    }
    gboolean usable = provenance && info_list != NULL && node_size(info_list) == node_size(list);
    for (gsize i = 0; i < node_size(list); i++) {
        node_append(build->arena, modules, node_at(list, i));
        node_append(build->arena, infos, usable ? node_at(info_list, i) : node_new_scalar(build->arena, "", NULL));
    }
    g_autofree char *message =
        g_strdup_printf("Dependency \"%s\" from project \"%s\" doesn't use the source provenance API", element->name,
                        project_name(element->project));
    return usable || !provenance || build_warn(build, WARNING_LEGACY, message, NULL, error);
}

gboolean manifest_add(Build *build, Element *dependency, const Node *public_, gboolean provenance, Node *modules,
                      Node *infos, GError **error)
{
    Node *known = NULL, *known_infos = NULL;
    if (!node_get_mapping(public_, "cpe-manifest", &known, error) ||
        !node_get_mapping(public_, "source-info-manifest", &known_infos, error)) {
        return FALSE;
    }
    return known != NULL ? add_known(build, dependency, known, known_infos, provenance, modules, infos, error)
                         : add_new(build, dependency, public_, provenance, modules, infos, error);
}

/* ---- SPDX ---- */

typedef struct {
    char *id;
    Json *package;
} Package;

static void package_clear(gpointer data)
{
    g_free(((Package *)data)->id);
}

static gint compare_packages(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Package *)a)->id, ((const Package *)b)->id);
}

static Json *new_package(Build *build, GArray *packages, char *id)
{
    Package package = {id, json_object(build->arena)};
    json_set(package.package, "SPDXID", json_string(build->arena, id));
    g_array_append_val(packages, package);
    return package.package;
}

static void set_json(Build *build, Json *object, const char *key, const char *text)
{
    json_set(object, key, json_string(build->arena, text));
}

static gboolean add_packages_of_info(Build *build, const Node *info, GArray *packages, GError **error)
{
    const Node *sources = node_find(info, "source-infos");
    for (gsize i = 0; i < node_size(sources); i++) {
        const Node *source = node_at(sources, i);
        const char *name = NULL, *guess = text_of(source, "version-guess");
        if (!manifest_package_name(build, source, &name, error)) {
            return FALSE;
        }
        Json *package = new_package(
            build, packages,
            g_strdup_printf("SPDXRef-%s-%s-%" G_GSIZE_FORMAT, text_of(info, "project-name"), text_of(info, "name"), i));
        json_set(package, "filesAnalyzed", json_bool(build->arena, FALSE));
        set_json(build, package, "name", name != NULL && *name != '\0' ? name : text_of(info, "name"));
        set_json(build, package, "downloadLocation", text_of(source, "url"));
        set_json(build, package, "versionInfo", *guess != '\0' ? guess : text_of(source, "version"));
        set_json(build, package, "sourceInfo", text_of(source, "kind"));
    }
    return TRUE;
}

/* Of a module of which only the old form is known. */
static gboolean add_packages_of_module(Build *build, const Node *module, GArray *packages, GError **error)
{
    const Node *sources = node_find(module, "sources"), *cpe = node_find(module, "x-cpe");
    g_auto(GStrv) parts = g_strsplit(text_of(module, "name"), "/", -1);
    g_autofree char *flat = g_strjoinv("-", parts);
    for (gsize i = 0; i < node_size(sources); i++) {
        const Node *source = node_at(sources, i);
        const char *name = NULL, *type = text_of(source, "type"), *url = text_of(source, "url");
        Node *info = node_new_mapping(build->arena, NULL);
        set_text(build, info, "url", url);
        set_text(build, info, "medium", type);
        if (*url != '\0' && !manifest_package_name(build, info, &name, error)) {
            return FALSE;
        }
        Json *package = new_package(build, packages, g_strdup_printf("SPDXRef-%s-%" G_GSIZE_FORMAT, flat, i));
        set_json(build, package, "comment", arena_printf(build->arena, "Product: %s", text_of(cpe, "product")));
        json_set(package, "filesAnalyzed", json_bool(build->arena, FALSE));
        set_json(build, package, "name", name != NULL ? name : text_of(module, "name"));
        if (*url != '\0') {
            set_json(build, package, "downloadLocation", url);
        }
        if (node_find(cpe, "version") != NULL) {
            set_json(build, package, "versionInfo", text_of(cpe, "version"));
        }
        if (*type != '\0') {
            set_json(build, package, "sourceInfo", type);
        }
    }
    return TRUE;
}

static void set_header(Build *build, Json *document, const SpdxHeader *header)
{
    Json *creation = json_object(build->arena);
    json_set(document, "creationInfo", creation);
    if (header->creators != NULL && node_size(header->creators) > 0) {
        json_set(creation, "creators", json_from_node(build->arena, header->creators));
    }
    g_autoptr(GDateTime) created = header->created != 0 ? g_date_time_new_from_unix_utc(header->created) : NULL;
    if (created != NULL) {
        g_autofree char *text = g_date_time_format(created, "%Y-%m-%dT%H:%M:%SZ");
        set_json(build, creation, "created", text);
    }
    const struct {
        const char *key, *text;
    } words[] = {{"documentNamespace", header->namespace}, {"dataLicense", header->license}, {"name", header->name}};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (words[i].text != NULL && *words[i].text != '\0') {
            set_json(build, document, words[i].key, words[i].text);
        }
    }
}

Json *manifest_spdx(Build *build, const Node *modules, const Node *infos, gboolean provenance, const SpdxHeader *header,
                    GError **error)
{
    g_autoptr(GArray) packages = g_array_new(FALSE, FALSE, sizeof(Package));
    g_array_set_clear_func(packages, package_clear);
    for (gsize i = 0; i < node_size(modules); i++) {
        const Node *info = node_at(infos, i);
        gboolean added = provenance && node_type(info) == NODE_MAPPING
                             ? add_packages_of_info(build, info, packages, error)
                             : add_packages_of_module(build, node_at(modules, i), packages, error);
        if (!added) {
            return NULL;
        }
    }
    g_array_sort(packages, compare_packages);
    Json *document = json_object(build->arena), *list = json_array(build->arena), *relations = json_array(build->arena);
    for (guint i = 0; i < packages->len; i++) {
        const Package *package = &g_array_index(packages, Package, i);
        Json *relation = json_object(build->arena);
        set_json(build, relation, "spdxElementId", "SPDXRef-DOCUMENT");
        set_json(build, relation, "relationshipType", "DESCRIBES");
        set_json(build, relation, "relatedSpdxElement", package->id);
        json_append(list, package->package);
        json_append(relations, relation);
    }
    set_json(build, document, "SPDXID", "SPDXRef-DOCUMENT");
    set_json(build, document, "spdxVersion", "SPDX-2.3");
    json_set(document, "packages", list);
    json_set(document, "relationships", relations);
    set_header(build, document, header);
    return document;
}
