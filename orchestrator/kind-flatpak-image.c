/*
 * kind-flatpak-image.c - dependencies and a metadata file, laid out as flatpak wants them.
 */
#include "build.h"
#include "element-private.h"

#include <string.h>

#define WORK_FOLDER "/buildstream"
/* Where dependencies go that say nothing else. */
#define INPUT_LOCATION WORK_FOLDER "/allfiles"
#define OUTPUT         WORK_FOLDER "/install"
/* Part of the key; counts up with the plugin's behaviour. */
#define KEY_VERSION 4
/* References in values that lead to references. */
#define INTERPOLATION_DEPTH_MAX 10

/* The plugin writes the file with a Python module to which a percent sign means a reference to another value. */
static gboolean check_percent(const Node *value, GError **error)
{
    for (const char *sign = strchr(node_text(value), '%'); sign != NULL; sign = strchr(sign, '%')) {
        const char *end = sign[1] == '(' ? strchr(sign + 2, ')') : NULL;
        if (end != NULL && end > sign + 2 && end[1] == 's') {
            sign = end;
        } else if (sign[1] == '%') {
            sign += 2;
        } else {
            error_set(error, ERROR_ELEMENT, NULL, node_where(value),
                      "invalid interpolation syntax in '%s' (a percent sign is written '%%%%')", node_text(value));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_section(const Node *section, GError **error)
{
    for (gsize i = 0; i < node_size(section); i++) {
        const char *text = NULL;
        if (!node_get_string(section, node_key_at(section, i), &text, error) ||
            !check_percent(node_value_at(section, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_metadata(const Node *metadata, GError **error)
{
    for (gsize i = 0; i < node_size(metadata); i++) {
        Node *section = NULL;
        if (!node_get_mapping(metadata, node_key_at(metadata, i), &section, error) || !check_section(section, error)) {
            return FALSE;
        }
    }
    if (node_find(metadata, "Application") == NULL && node_find(metadata, "Runtime") == NULL) {
        error_set(error, ERROR_ELEMENT, NULL, NULL,
                  "Either Application or Runtime section must be present in metadata");
        return FALSE;
    }
    return TRUE;
}

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"directory", "include", "exclude", "metadata", "component-ids", NULL};
    static const char *const lists[] = {"include", "exclude", "component-ids"};
    Arena *arena = session_arena(element->project->session);
    const Node *config = element->config;
    const char *directory = NULL;
    const char *const *strings = NULL;
    Node *metadata = NULL;
    if (!node_check_keys(config, keys, error) || !node_need_string(config, "directory", &directory, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (!node_need(config, lists[i], error) || !node_get_strings(config, lists[i], arena, &strings, error)) {
            return FALSE;
        }
    }
    return node_need(config, "metadata", error) && node_get_mapping(config, "metadata", &metadata, error) &&
           check_metadata(metadata, error);
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    static const char *const keys[] = {"location", NULL};
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; j < dependency->n_configs; j++) {
            const char *location = NULL;
            if (!node_check_keys(dependency->configs[j], keys, error) ||
                !node_need_string(dependency->configs[j], "location", &location, error)) {
                return FALSE;
            }
        }
    }
    Layout *layout = arena_new_of(session_arena(element->project->session), Layout);
    layout->arena = session_arena(element->project->session);
    layout_add_dependencies(layout, element, "location", INPUT_LOCATION);
    element->data = layout;
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    const Node *config = element->config, *ids = node_find(config, "component-ids");
    Json *key = json_object(arena);
    json_set(key, "directory", json_from_node(arena, node_find(config, "directory")));
    json_set(key, "include", sorted_strings_key(arena, node_find(config, "include")));
    json_set(key, "exclude", sorted_strings_key(arena, node_find(config, "exclude")));
    json_set(key, "metadata", json_from_node(arena, node_find(config, "metadata")));
    if (node_size(ids) > 0) {
        json_set(key, "component-ids", json_from_node(arena, ids));
    }
    json_set(key, "version", json_int(arena, KEY_VERSION));
    return key;
}

/* ---- Metadata ---- */

/* As Python's configparser writes it; keys of DEFAULT come first. */
static void append_section(GString *out, const Node *metadata, const char *name)
{
    const Node *section = node_find(metadata, name);
    g_string_append_printf(out, "[%s]\n", name);
    for (gsize i = 0; i < node_size(section); i++) {
        g_auto(GStrv) lines = g_strsplit(node_text(node_value_at(section, i)), "\n", -1);
        g_autofree char *value = g_strjoinv("\n\t", lines);
        g_string_append_printf(out, "%s = %s\n", node_key_at(section, i), value);
    }
    g_string_append_c(out, '\n');
}

static char *metadata_text(const Node *metadata)
{
    GString *out = g_string_new(NULL);
    if (node_size(node_find(metadata, "DEFAULT")) > 0) {
        append_section(out, metadata, "DEFAULT");
    }
    for (gsize i = 0; i < node_size(metadata); i++) {
        if (strcmp(node_key_at(metadata, i), "DEFAULT") != 0) {
            append_section(out, metadata, node_key_at(metadata, i));
        }
    }
    return g_string_free(out, FALSE);
}

/* A value with its references "%(name)s" put in, as configparser reads it; NULL with error. */
static gboolean append_option(GString *out, const Node *metadata, const char *section, const char *option,
                              unsigned depth, GError **error)
{
    const Node *value = node_find(node_find(metadata, section), option), *defaults = node_find(metadata, "DEFAULT");
    if (value == NULL && defaults != NULL) {
        value = node_find(defaults, option);
    }
    if (value == NULL || depth > INTERPOLATION_DEPTH_MAX) {
        error_set(error, ERROR_ELEMENT, NULL, node_where(metadata),
                  value == NULL ? "No option '%s' in section: '%s'"
                                : "References in the value of '%s' in section '%s' go too deep",
                  option, section);
        return FALSE;
    }
    for (const char *c = node_text(value); *c != '\0'; c++) {
        if (*c != '%') {
            g_string_append_c(out, *c);
        } else if (*++c == '%') {
            g_string_append_c(out, '%');
        } else { /* checked when it was configured: (name)s */
            const char *end = strchr(c, ')');
            g_autofree char *name = g_strndup(c + 1, (gsize)(end - c - 1));
            if (!append_option(out, metadata, section, name, depth + 1, error)) {
                return FALSE;
            }
            c = end + 1;
        }
    }
    return TRUE;
}

/* ---- Building ---- */

/* The last of them only, as the plugin does. */
static char *appstream_command(const Element *element)
{
    const Node *ids = node_find(element->config, "component-ids");
    const char *id = node_text(node_at(ids, node_size(ids) - 1));
    const char *directory = node_text(node_find(element->config, "directory"));
    return g_strdup_printf("appstreamcli compose --components %s --result-root " OUTPUT
                           " --prefix %s --data-dir " INPUT_LOCATION "/%s%sshare --origin %s " INPUT_LOCATION,
                           id, directory, directory + strspn(directory, "/"),
                           *directory != '\0' && !g_str_has_suffix(directory, "/") ? "/" : "", id);
}

static gboolean compose_appstream(Element *element, Build *build, SluiceDigest *root, SluiceDigest *work,
                                  GError **error)
{
    g_autofree char *command = appstream_command(element);
    const char *const commands[] = {command, NULL};
    const char *const writable[] = {INPUT_LOCATION, OUTPUT, NULL};
    CommandStep step = {commands};
    CommandPlan plan = {.root = *root,
                        .steps = &step,
                        .n_steps = 1,
                        .cwd = "/",
                        .root_read_only = TRUE,
                        .writable = writable,
                        .collect = WORK_FOLDER};
    plan.environment = build_environment(build, error);
    return plan.environment != NULL && build_plan_proxy(build, SLUICE_CACHE_WRITES_EXECUTED, &plan, error) &&
           build_commands(build, &plan, work, error);
}

/* The folder with input and output, after the program that adds to the output, if there is one. */
static gboolean prepare(Element *element, Build *build, SluiceDigest *work, GError **error)
{
    StagePlan stage = {.layout = element->data, .split_location = INPUT_LOCATION, .split = {.orphans = TRUE}};
    SluiceDigest root;
    SluiceEntry entry;
    if (!split_rules_read(&stage.split, element->config, build->arena, error) ||
        !build_stage(build, &stage, &root, error)) {
        return FALSE;
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, &root, error);
    if (!tree || !sluice_tree_make_directory(tree, INPUT_LOCATION, error) ||
        !sluice_tree_make_directory(tree, OUTPUT, error) || !sluice_tree_commit(tree, &root, error)) {
        return FALSE;
    }
    if (node_size(node_find(element->config, "component-ids")) > 0) {
        return compose_appstream(element, build, &root, work, error);
    }
    gboolean found = sluice_tree_lookup(tree, WORK_FOLDER, &entry, error);
    *work = entry.digest;
    return found;
}

/* Folders of extensions, and that for what an application exports. */
static gboolean make_folders(const Node *metadata, SluiceTree *output, GError **error)
{
    if (!sluice_tree_make_directory(output, "files", error) ||
        (node_find(metadata, "Application") != NULL && !sluice_tree_make_directory(output, "export", error))) {
        return FALSE;
    }
    for (gsize i = 0; i < node_size(metadata); i++) {
        const char *section = node_key_at(metadata, i);
        g_autoptr(GString) path = g_string_new("files/");
        if (g_str_has_prefix(section, "Extension ") &&
            (!append_option(path, metadata, section, "directory", 0, error) ||
             !sluice_tree_make_directory(output, path->str, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Puts a folder of the input, if it is there, into the output. */
static gboolean import_folder(SluiceTree *work, const char *from, SluiceTree *output, const char *to, GError **error)
{
    g_autofree char *path = g_build_filename("allfiles", from, NULL);
    SluiceEntry entry;
    if (!sluice_tree_lookup(work, path, &entry, NULL)) {
        return TRUE;
    }
    if (entry.type != SLUICE_ENTRY_DIRECTORY) {
        error_set(error, ERROR_ELEMENT, NULL, NULL, "'%s' of the staged dependencies is not a directory", from);
        return FALSE;
    }
    return sluice_tree_make_directory(output, to, error) &&
           sluice_tree_merge(output, to, &entry.digest, NULL, NULL, error);
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    const Node *metadata = node_find(element->config, "metadata");
    const char *directory = node_text(node_find(element->config, "directory"));
    gboolean runtime = node_find(metadata, "Application") == NULL && node_find(metadata, "ExtensionOf") == NULL;
    SluiceDigest folder;
    SluiceEntry entry;
    if (!prepare(element, build, &folder, error)) {
        return FALSE;
    }
    g_autoptr(SluiceTree) work = sluice_tree_new_from(build->context->store, &folder, error);
    if (!work || !sluice_tree_lookup(work, "install", &entry, error)) {
        return FALSE;
    }
    g_autoptr(SluiceTree) output = sluice_tree_new_from(build->context->store, &entry.digest, error);
    g_autofree char *text = metadata_text(metadata);
    /* A directory of "/" names nothing in the staged files. */
    return output && make_folders(metadata, output, error) &&
           (strspn(directory, "/") == strlen(directory) || import_folder(work, directory, output, "files", error)) &&
           (!runtime || import_folder(work, "etc", output, "files/etc", error)) &&
           build_add_text(build, output, "metadata", text, FALSE, error) && sluice_tree_commit(output, files, error);
}

const ElementKind element_kind_flatpak_image = {
    .name = "flatpak_image",
    .defaults = "config:\n"
                "  component-ids: []\n"
                "  include: []\n"
                "  exclude: []\n",
    .flags =
        KIND_RUNS_COMMANDS | KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES | KIND_DEP_CONFIG,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
    .assemble = assemble,
};
