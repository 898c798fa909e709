/*
 * kind-bazel.c - `kind: bazel`: builds targets of a Bazel workspace, offline, through the action-proxy.
 *
 *   targets: [LABEL…]          what to build; or
 *   query: EXPRESSION          a `bazel query` whose result is built
 *   install: [{from: GLOB, to: DIRECTORY, mode: 755}]   outputs below bazel-bin into the install root
 *   configure-commands, install-commands, strip-commands   as in other kinds; %{bazel-bin} is the folder of outputs
 *   bazel: PROGRAM             "bazel"
 *   startup-options, common-options (query and build), build-options
 *   repositories: {NAME: PATH} --override_repository
 *   distdir: [PATH…]           --distdir
 *   cache: BOOL                True; False: without the action-proxy
 *   cache-writes: off | executed | trusted    "executed", the default: the proxy runs the actions, each in a sandbox of its own, where only its
 *                              declared inputs are; "trusted": Bazel runs them itself, in the element's sandbox
 *
 * Bazel's state is kept outside of what is collected, at a place that is the same for all elements.  The results of actions come from, and go
 * to, the proxy on the sandbox's loopback interface: as packaged by Debian, Bazel cannot open UNIX sockets.
 * Bazel takes a cache that it cannot use lightly, so an element whose Bazel never called fails.
 */
#include "build-private.h"

#include "json.h"

#include <string.h>

#define STATE_FOLDER "/buildstream/.bazel"
#define TARGETS_FILE STATE_FOLDER "/targets"

typedef struct {
    const char *program, *query;
    const char *const *targets;
    const char *const *startup_options, *const *common_options, *const *build_options;
    const char *const *distdir;
    const char *const *configure_commands, *const *install_commands, *const *strip_commands;
    Node *repositories, *install, *cache_writes;
    gboolean cache;
} BazelConfig;

/* ---- Configuration ------------------------------------------------------------------------------------------------------- */

static const char *const config_keys[] = {
    "bazel",
    "targets",
    "query",
    "install",
    "configure-commands",
    "install-commands",
    "strip-commands",
    "cache",
    "startup-options",
    "cache-writes",
    "common-options",
    "build-options",
    "repositories",
    "distdir",
    NULL,
};

static const struct {
    const char *key;
    gsize offset;
} list_keys[] = {
    {"targets", G_STRUCT_OFFSET(BazelConfig, targets)},
    {"startup-options", G_STRUCT_OFFSET(BazelConfig, startup_options)},
    {"common-options", G_STRUCT_OFFSET(BazelConfig, common_options)},
    {"build-options", G_STRUCT_OFFSET(BazelConfig, build_options)},
    {"distdir", G_STRUCT_OFFSET(BazelConfig, distdir)},
    {"configure-commands", G_STRUCT_OFFSET(BazelConfig, configure_commands)},
    {"install-commands", G_STRUCT_OFFSET(BazelConfig, install_commands)},
    {"strip-commands", G_STRUCT_OFFSET(BazelConfig, strip_commands)},
};

static gboolean check_mapping_of_strings(const Node *mapping, GError **error)
{
    for (gsize i = 0; mapping && i < node_size(mapping); i++) {
        const char *value;
        if (!node_get_string(mapping, node_key_at(mapping, i), &value, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_install_rules(const Node *rules, GError **error)
{
    static const char *const keys[] = {"from", "to", "mode", NULL};
    for (gsize i = 0; rules && i < node_size(rules); i++) {
        const Node *rule = node_at(rules, i);
        const char *from, *to, *mode = "755";
        if (node_type(rule) != NODE_MAPPING) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(rule),
                      "An install rule is a mapping of from and to");
            return FALSE;
        }
        if (!node_check_keys(rule, keys, error) || !node_need_string(rule, "from", &from, error) ||
            !node_need_string(rule, "to", &to, error) || !node_get_string(rule, "mode", &mode, error))
            return FALSE;
        if (!*mode || strlen(mode) > 4 || strspn(mode, "01234567") != strlen(mode)) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(rule), "mode must be octal, such as 755, not '%s'",
                      mode);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_config(const Element *element, Arena *arena, BazelConfig *config, GError **error)
{
    static const char *const none[] = {NULL};
    const Node *node = element->config;
    *config = (BazelConfig){.program = "bazel", .query = "", .cache = TRUE};
    if (!node_check_keys(node, config_keys, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(list_keys); i++) {
        const char *const **list = &G_STRUCT_MEMBER(const char *const *, config, list_keys[i].offset);
        *list = none;
        if (!node_get_strings(node, list_keys[i].key, arena, list, error))
            return FALSE;
    }
    config->cache_writes = node_find(node, "cache-writes");
    return node_get_string(node, "bazel", &config->program, error) &&
           node_get_string(node, "query", &config->query, error) &&
           node_get_mapping(node, "repositories", &config->repositories, error) &&
           node_get_sequence(node, "install", &config->install, error) &&
           node_get_bool(node, "cache", &config->cache, error) &&
           check_mapping_of_strings(config->repositories, error) && check_install_rules(config->install, error);
}

static gboolean check_config(const Element *element, Arena *arena, GError **error)
{
    BazelConfig config;
    SluiceCacheWrites writes;
    if (!read_config(element, arena, &config, error) ||
        (config.cache_writes && !cache_writes_parse(config.cache_writes, &writes, error)))
        return FALSE;
    if (!*config.targets != !*config.query)
        return TRUE;
    error_set(error, ERROR_LOAD, "INVALID_DATA", &element->where,
              "A bazel element needs either `targets` or `query` in its config");
    return FALSE;
}

static gboolean configure(Element *element, GError **error)
{
    Arena *arena = arena_new();
    gboolean valid = check_config(element, arena, error);
    arena_free(arena);
    return valid;
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    static const char *const keys[] = {"location", "digest-environment", NULL};
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; j < dependency->n_configs; j++) {
            if (!node_check_keys(dependency->configs[j], keys, error))
                return FALSE;
        }
    }
    return TRUE;
}

/* Its whole config, and how its dependencies are staged. */
static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena), *layout = json_array(arena);
    const char *subdir = element_variable(element, "command-subdir");
    json_set(key, "config", json_from_node(arena, element->config));
    json_set(key, "command-subdir", json_string(arena, subdir ? subdir : ""));
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; j < dependency->n_configs; j++) {
            Json *item = json_array(arena);
            json_append(item, json_string(arena, dependency->path));
            json_append(item, json_from_node(arena, dependency->configs[j]));
            json_append(layout, item);
        }
    }
    json_set(key, "layout", layout);
    return key;
}

/* ---- Command lines ------------------------------------------------------------------------------------------------------- */

static void append_words(GString *line, const char *const *words)
{
    for (; *words; words++) {
        g_string_append_c(line, ' ');
        script_append_quoted(line, *words);
    }
}

static void append_start(GString *line, const BazelConfig *config)
{
    script_append_quoted(line, config->program);
    /* One command needs no server; several share one. */
    if (!*config->query)
        g_string_append(line, " --batch");
    g_string_append(line, " --output_user_root=" STATE_FOLDER " --output_base=" STATE_FOLDER "/base");
    append_words(line, config->startup_options);
}

static void append_common(GString *line, const BazelConfig *config)
{
    g_string_append(line, " --color=no --curses=no");
    append_words(line, config->common_options);
    for (gsize i = 0; config->repositories && i < node_size(config->repositories); i++) {
        g_autofree char *word = g_strdup_printf("--override_repository=%s=%s", node_key_at(config->repositories, i),
                                                node_text(node_value_at(config->repositories, i)));
        const char *const words[] = {word, NULL};
        append_words(line, words);
    }
    for (const char *const *path = config->distdir; *path; path++) {
        g_autofree char *word = g_strdup_printf("--distdir=%s", *path);
        const char *const words[] = {word, NULL};
        append_words(line, words);
    }
}

static void append_cache(GString *line, const BazelConfig *config, const CommandPlan *plan)
{
    if (!config->cache)
        return;
    const char *option = plan->cache_writes == SLUICE_CACHE_WRITES_EXECUTED ? "remote_executor" : "remote_cache";
    g_string_append_printf(line, " --%s=grpc://127.0.0.1:%u --remote_upload_local_results=%s", option, plan->proxy_port,
                           plan->cache_writes == SLUICE_CACHE_WRITES_TRUSTED ? "true" : "false");
}

static const char *query_command(Build *build, const BazelConfig *config)
{
    g_autoptr(GString) line = g_string_new(NULL);
    append_start(line, config);
    g_string_append(line, " query");
    append_common(line, config);
    g_string_append(line, " --noshow_progress --output=label ");
    script_append_quoted(line, config->query);
    g_string_append(line, " >" TARGETS_FILE);
    return arena_strdup(build->arena, line->str);
}

static const char *build_command(Build *build, const BazelConfig *config, const CommandPlan *plan)
{
    g_autoptr(GString) line = g_string_new(NULL);
    const char *jobs = element_variable(build->element, "max-jobs");
    append_start(line, config);
    g_string_append(line, " build");
    append_common(line, config);
    g_string_append(line,
                    " --show_progress_rate_limit=5 --verbose_failures --nosandbox_debug --remote_download_outputs=all");
    if (jobs)
        g_string_append_printf(line, " --jobs=%s", jobs);
    append_cache(line, config, plan);
    append_words(line, config->build_options);
    if (*config->query) {
        g_string_append(line, " --target_pattern_file=" TARGETS_FILE);
    } else {
        g_string_append(line, " --");
        append_words(line, config->targets);
    }
    return arena_strdup(build->arena, line->str);
}

static const char *shutdown_command(Build *build, const BazelConfig *config)
{
    g_autoptr(GString) line = g_string_new(NULL);
    append_start(line, config);
    g_string_append(line, " shutdown");
    return arena_strdup(build->arena, line->str);
}

/* Quoted but for what the shell's globs are made of. */
static void append_glob(GString *line, const char *glob)
{
    while (*glob) {
        gsize plain = strcspn(glob, "*?[]");
        g_autofree char *word = g_strndup(glob, plain);
        if (plain > 0)
            script_append_quoted(line, word);
        glob += plain;
        if (*glob)
            g_string_append_c(line, *glob++);
    }
}

static const char *install_command(Build *build, const Node *rule)
{
    const char *from = "", *to = "", *mode = "755";
    node_get_string(rule, "from", &from, NULL);
    node_get_string(rule, "to", &to, NULL);
    node_get_string(rule, "mode", &mode, NULL);
    g_autofree char *folder =
        g_strdup_printf("%s/%s/", element_variable(build->element, "install-root"), to + strspn(to, "/"));
    g_autofree char *complaint = g_strdup_printf("install: nothing in bazel-bin matches '%s'", from);
    g_autoptr(GString) line = g_string_new("set +x; found=no; for file in ");
    script_append_quoted(line, element_variable(build->element, "bazel-bin"));
    g_string_append_c(line, '/');
    append_glob(line, from);
    g_string_append_printf(line, "; do if [ -f \"$file\" ]; then found=yes; install -D -m %s -- \"$file\" ", mode);
    script_append_quoted(line, folder);
    g_string_append(line, "\"${file##*/}\"; fi; done; [ $found = yes ] || { echo ");
    script_append_quoted(line, complaint);
    g_string_append(line, " >&2; exit 1; }");
    return arena_strdup(build->arena, line->str);
}

/* ---- Building ------------------------------------------------------------------------------------------------------------ */

/* Bazel's own steps between configure and install: query, build, shut down, install rules. */
static const char *const *bazel_commands(Build *build, const BazelConfig *config, const CommandPlan *plan)
{
    gsize n_rules = config->install ? node_size(config->install) : 0, used = 0;
    const char **commands = arena_alloc(build->arena, (n_rules + 4) * sizeof *commands);
    if (*config->query)
        commands[used++] = query_command(build, config);
    commands[used++] = build_command(build, config, plan);
    if (*config->query)
        commands[used++] = shutdown_command(build, config);
    for (gsize i = 0; i < n_rules; i++)
        commands[used++] = install_command(build, node_at(config->install, i));
    return commands;
}

/* Writable beside the build's own directories, and never collected. */
static void add_state_folder(Build *build, CommandPlan *plan)
{
    gsize count = g_strv_length((char **)plan->writable);
    const char **writable = arena_alloc(build->arena, (count + 2) * sizeof *writable);
    memcpy(writable, plan->writable, count * sizeof *writable);
    writable[count] = STATE_FOLDER;
    plan->writable = writable;
}

static gboolean plan_cache(Build *build, const BazelConfig *config, CommandPlan *plan, GError **error)
{
    if (!build_plan_proxy(build, SLUICE_CACHE_WRITES_EXECUTED, plan, error))
        return FALSE;
    if (config->cache_writes && !cache_writes_parse(config->cache_writes, &plan->cache_writes, error))
        return FALSE;
    if (config->cache) {
        plan->proxy_port = ACTION_PROXY_PORT;
        plan->proxy_required = "Bazel";
    }
    return TRUE;
}

/* Debian's Bazel looks for a JDK there or on PATH, and finds none without its package's scripts. */
static void add_java_home(Build *build, CommandPlan *plan)
{
    static const char *const java_home = "/usr/lib/jvm/default-java";
    SluiceEntry entry;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, &plan->root, NULL);
    if (!environment_get(plan->environment, "JAVA_HOME") && tree &&
        sluice_tree_lookup_follow(tree, java_home, &entry, NULL))
        plan->environment = environment_with(build->arena, plan->environment, "JAVA_HOME", java_home);
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    BazelConfig read;
    const BazelConfig *config = &read;
    CommandPlan plan = {0};
    if (!read_config(element, build->arena, &read, error) || !build_element_plan(build, &plan, error) ||
        !plan_cache(build, config, &plan, error))
        return FALSE;
    add_state_folder(build, &plan);
    add_java_home(build, &plan);
    CommandStep steps[] = {
        {config->configure_commands},
        {bazel_commands(build, config, &plan)},
        {config->install_commands},
        {config->strip_commands},
    };
    plan.steps = steps;
    plan.n_steps = G_N_ELEMENTS(steps);
    return build_commands(build, &plan, files, error);
}

const ElementKind element_kind_bazel = {
    .name = "bazel",
    .defaults = "variables:\n"
                "  command-subdir: ''\n"
                "  bazel-bin: '%{build-root}/%{command-subdir}/bazel-bin'\n"
                "config:\n"
                "  strip-commands:\n"
                "  - '%{strip-binaries}'\n",
    .flags = KIND_RUNS_COMMANDS | KIND_DEP_CONFIG,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
    .assemble = assemble,
};
