/*
 * project-options.c - each type of option is a row of a table: how its definition is read, how values come in, how they go out.
 */
#include "project-options.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Of .bst files below the element path, for one option of type element-mask. */
#define MASK_MAX_FILES 1000000u
#define MASK_MAX_DEPTH 64

typedef struct Option Option;
typedef struct {
    const char *type;
    gboolean has_values;  /* `values` is a key */
    gboolean has_default; /* `default` is a key */
    gboolean is_list;
    gboolean (*load_default)(OptionPool *pool, Option *option, const Node *definition, GError **error);
} OptionType;

struct Option {
    const OptionType *type;
    const char *name;
    const char *variable;
    GPtrArray *values; /* allowed ones, borrowed; bool: NULL */
    Value value;       /* what conditionals see */
};

struct OptionPool {
    Arena *arena;
    const char *element_path;
    GPtrArray *options;    /* of Option *, in the arena, in the order of their definition */
    GHashTable *by_name;   /* name → Option * */
    GHashTable *evaluated; /* expression → TRUE + 1 or FALSE + 1 */
};

OptionPool *option_pool_new(Arena *arena, const char *element_path)
{
    OptionPool *pool = g_new0(OptionPool, 1);
    pool->arena = arena;
    pool->element_path = element_path;
    pool->options = g_ptr_array_new();
    pool->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    pool->evaluated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return pool;
}

void option_pool_free(OptionPool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (guint i = 0; i < pool->options->len; i++) {
        Option *option = g_ptr_array_index(pool->options, i);
        g_clear_pointer(&option->values, g_ptr_array_unref);
    }
    g_ptr_array_unref(pool->options);
    g_hash_table_unref(pool->by_name);
    g_hash_table_unref(pool->evaluated);
    g_free(pool);
}

gboolean check_symbol_name(const char *name, const char *purpose, const Provenance *where, gboolean allow_dashes,
                           GError **error)
{
    gboolean valid = *name != '\0' && !g_ascii_isdigit(*name);
    for (const char *c = name; *c != '\0'; c++) {
        valid = valid && (g_ascii_isalnum(*c) || *c == '_' || (allow_dashes && *c == '-'));
    }
    if (valid) {
        return TRUE;
    }
    error_set(error, ERROR_LOAD, "INVALID_SYMBOL_NAME", where, "Invalid symbol name for %s: '%s'", purpose, name);
    if (error != NULL) {
        error_set_detail(*error, allow_dashes ? "Symbol names must contain only alphanumeric characters, may not start "
                                                "with a digit, and may contain underscores or dashes"
                                              : "Symbol names must contain only alphanumeric characters, may not start "
                                                "with a digit, and may contain underscores");
    }
    return FALSE;
}

/* ---- Architectures ---- */

const char *arch_canonical(const char *name)
{
    static const char *const aliases[][2] = {
        {"aarch32", "aarch32"},
        {"aarch64", "aarch64"},
        {"aarch64-be", "aarch64-be"},
        {"amd64", "x86-64"},
        {"arm", "aarch32"},
        {"armv8l", "aarch64"},
        {"armv8b", "aarch64-be"},
        {"i386", "x86-32"},
        {"i486", "x86-32"},
        {"i586", "x86-32"},
        {"i686", "x86-32"},
        {"la64v100", "la64v100"},
        {"loong64", "la64v100"},
        {"loongarch64", "la64v100"},
        {"power-isa-be", "power-isa-be"},
        {"powerpc", "power-isa-be"},
        {"power-isa-le", "power-isa-le"},
        {"powerpc64", "power-isa-be"},
        {"ppc64", "power-isa-be"},
        {"powerpc64le", "power-isa-le"},
        {"ppc64le", "power-isa-le"},
        {"riscv32", "rv32g"},
        {"riscv64", "rv64g"},
        {"rv32g", "rv32g"},
        {"rv64g", "rv64g"},
        {"sparc", "sparc-v9"},
        {"sparc64", "sparc-v9"},
        {"sparc-v9", "sparc-v9"},
        {"sun4v", "sparc-v9"},
        {"x86-32", "x86-32"},
        {"x86-64", "x86-64"},
    };
    g_autofree char *key = g_ascii_strdown(name, -1);
    g_strdelimit(key, "_", '-');
    for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (strcmp(key, aliases[i][0]) == 0) {
            return aliases[i][1];
        }
    }
    return NULL;
}

const char *arch_of_host(void)
{
    struct utsname host;
    return uname(&host) == 0 ? arch_canonical(host.machine) : NULL;
}

/* ---- Values ---- */

static gboolean is_allowed(const Option *option, const char *value)
{
    return g_ptr_array_find_with_equal_func(option->values, value, g_str_equal, NULL);
}

static gboolean invalid_value(const Option *option, const char *shown, const char *word, const Provenance *where,
                              GError **error)
{
    g_autoptr(GString) valid = g_string_new(NULL);
    for (guint i = 0; i < option->values->len; i++) {
        g_string_append_printf(valid, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(option->values, i));
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", where, "Invalid value for %s option '%s': %s\nValid values: %s",
              option->type->is_list ? "flags" : option->type->type, option->name, shown, valid->str);
    if (error != NULL) {
        error_suggest(*error, word, (const char *const *)option->values->pdata, option->values->len);
    }
    return FALSE;
}

static gboolean set_one(Option *option, const char *text, const Provenance *where, GError **error)
{
    if (!is_allowed(option, text)) {
        return invalid_value(option, text, text, where, error);
    }
    option->value = (Value){.type = VALUE_STRING, .text = text};
    return TRUE;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As Python shows a list of strings. */
static char *list_to_text(const char *const *flags)
{
    GString *text = g_string_new("[");
    for (gsize i = 0; flags[i] != NULL; i++) {
        g_string_append_printf(text, "%s'%s'", i > 0 ? ", " : "", flags[i]);
    }
    g_string_append_c(text, ']');
    return g_string_free(text, FALSE);
}

/* Values that a user gives are sorted, defaults are not. */
static gboolean set_flags(OptionPool *pool, Option *option, const char **flags, gboolean sort, const Provenance *where,
                          GError **error)
{
    gsize count = g_strv_length((char **)flags);
    if (sort) {
        qsort(flags, count, sizeof *flags, compare_strings);
    }
    Value *items = arena_alloc(pool->arena, MAX(count, 1) * sizeof *items);
    for (gsize i = 0; i < count; i++) {
        if (!is_allowed(option, flags[i])) {
            g_autofree char *shown = list_to_text(flags);
            return invalid_value(option, shown, flags[i], where, error);
        }
        items[i] = (Value){.type = VALUE_STRING, .text = flags[i]};
    }
    option->value = (Value){.type = VALUE_LIST, .items = items, .count = count};
    return TRUE;
}

static gboolean load_flags(OptionPool *pool, Option *option, const Node *mapping, const char *key, gboolean sort,
                           GError **error)
{
    const char *const *strings = NULL;
    if (!node_get_strings(mapping, key, pool->arena, &strings, error)) {
        return FALSE;
    }
    static const char *const empty[] = {NULL};
    const Node *where = node_find(mapping, key);
    gsize count = strings != NULL ? g_strv_length((char **)strings) : 0;
    const char **flags = arena_alloc(pool->arena, (count + 1) * sizeof *flags);
    memcpy(flags, strings != NULL ? strings : empty, count * sizeof *flags);
    return set_flags(pool, option, flags, sort, where != NULL ? node_where(where) : NULL, error);
}

static gboolean load_bool(OptionPool *pool, Option *option, const Node *mapping, const char *key, GError **error)
{
    const char *text = NULL;
    gboolean value = FALSE;
    if (!node_need_string(mapping, key, &text, error) || !node_get_bool(mapping, key, &value, error)) {
        return FALSE;
    }
    option->value = (Value){.type = VALUE_BOOL, .number = value};
    return TRUE;
}

static gboolean default_bool(OptionPool *pool, Option *option, const Node *definition, GError **error)
{
    return load_bool(pool, option, definition, "default", error);
}

static gboolean default_enum(OptionPool *pool, Option *option, const Node *definition, GError **error)
{
    const char *text = NULL;
    return node_need_string(definition, "default", &text, error) &&
           set_one(option, text, node_where(node_find(definition, "default")), error);
}

static gboolean default_flags(OptionPool *pool, Option *option, const Node *definition, GError **error)
{
    return load_flags(pool, option, definition, "default", FALSE, error);
}

/* The first listed value that means this machine; if none does, that only matters when nobody sets another (option_pool_resolve). */
static gboolean default_arch(OptionPool *pool, Option *option, const Node *definition, GError **error)
{
    const Node *values = node_find(definition, "values");
    const char *host = arch_of_host(), *chosen = NULL;
    if (host == NULL) {
        struct utsname name;
        error_set(error, ERROR_PLATFORM, NULL, NULL, "Unknown architecture: %s",
                  uname(&name) == 0 ? name.machine : "unknown");
        return FALSE;
    }
    for (gsize i = 0; i < node_size(values); i++) {
        const Node *value = node_at(values, i);
        const char *canonical = arch_canonical(node_text(value));
        if (canonical == NULL) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(value),
                      "Invalid value for arch option '%s': Unknown architecture: %s", option->name, node_text(value));
            return FALSE;
        }
        if (chosen == NULL && strcmp(canonical, host) == 0) {
            chosen = node_text(value);
        }
    }
    option->value = (Value){.type = VALUE_STRING, .text = chosen != NULL ? chosen : host};
    return TRUE;
}

static gboolean default_os(OptionPool *pool, Option *option, const Node *definition, GError **error)
{
    struct utsname host;
    option->value =
        (Value){.type = VALUE_STRING, .text = arena_strdup(pool->arena, uname(&host) == 0 ? host.sysname : "unknown")};
    return TRUE;
}

static const OptionType option_types[] = {
    {"bool", FALSE, TRUE, FALSE, default_bool},         {"enum", TRUE, TRUE, FALSE, default_enum},
    {"flags", TRUE, TRUE, TRUE, default_flags},         {"arch", TRUE, FALSE, FALSE, default_arch},
    {"element-mask", FALSE, TRUE, TRUE, default_flags}, {"os", TRUE, FALSE, FALSE, default_os},
};

/* ---- Definitions ---- */

static void list_elements(OptionPool *pool, GPtrArray *found, const char *relative, int depth)
{
    g_autofree char *path = g_build_filename(pool->element_path, relative, NULL);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; directory != NULL && (name = g_dir_read_name(directory)) != NULL;) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_strings);
    for (guint i = 0; i < names->len && found->len < MASK_MAX_FILES; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *below = *relative != '\0' ? g_build_filename(relative, name, NULL) : g_strdup(name);
        g_autofree char *full = g_build_filename(pool->element_path, below, NULL);
        if (g_file_test(full, G_FILE_TEST_IS_DIR) && !g_file_test(full, G_FILE_TEST_IS_SYMLINK)) {
            if (depth < MASK_MAX_DEPTH) {
                list_elements(pool, found, below, depth + 1);
            }
        } else if (g_str_has_suffix(name, ".bst")) {
            g_ptr_array_add(found, arena_strdup(pool->arena, below));
        }
    }
}

static gboolean load_values(OptionPool *pool, Option *option, const Node *definition, GError **error)
{
    option->values = g_ptr_array_new();
    if (!option->type->has_values) {
        list_elements(pool, option->values, "", 0);
    } else {
        const char *const *strings = NULL;
        if (!node_get_strings(definition, "values", pool->arena, &strings, error)) {
            return FALSE;
        }
        for (gsize i = 0; strings != NULL && strings[i] != NULL; i++) {
            g_ptr_array_add(option->values, (gpointer)strings[i]);
        }
    }
    if (option->values->len == 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(definition), "No values specified for %s option '%s'",
                  option->type->type, option->name);
        return FALSE;
    }
    return TRUE;
}

static const OptionType *find_type(const Node *definition, GError **error)
{
    const char *text = NULL;
    if (!node_need_string(definition, "type", &text, error)) {
        return NULL;
    }
    const char *names[G_N_ELEMENTS(option_types)];
    for (gsize i = 0; i < G_N_ELEMENTS(option_types); i++) {
        names[i] = option_types[i].type;
        if (strcmp(option_types[i].type, text) == 0) {
            return &option_types[i];
        }
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(definition, "type")),
              "Value of 'type' should be one of 'bool, enum, flags, element-mask, arch, os'");
    if (error != NULL) {
        error_suggest(*error, text, names, G_N_ELEMENTS(names));
    }
    return NULL;
}

static gboolean check_definition_keys(const OptionType *type, const Node *definition, GError **error)
{
    const char *keys[6] = {"type", "description", "variable"};
    gsize count = 3;
    if (type->has_values) {
        keys[count++] = "values";
    }
    if (type->has_default) {
        keys[count++] = "default";
    }
    return node_check_keys(definition, keys, error);
}

static gboolean define(OptionPool *pool, const char *name, const Node *definition, GError **error)
{
    if (!check_symbol_name(name, "option name", node_where(definition), FALSE, error)) {
        return FALSE;
    }
    if (node_type(definition) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(definition),
                  "Value of '%s' is not of the expected type 'dict'", name);
        return FALSE;
    }
    const char *description = NULL;
    Option *option = arena_new_of(pool->arena, Option);
    option->name = name;
    option->type = find_type(definition, error);
    if (option->type == NULL || !node_need_string(definition, "description", &description, error) ||
        !node_get_string(definition, "variable", &option->variable, error)) {
        return FALSE;
    }
    g_ptr_array_add(pool->options, option);
    g_hash_table_insert(pool->by_name, (gpointer)name, option);
    if (option->variable != NULL && !check_symbol_name(option->variable, "variable name",
                                                       node_where(node_find(definition, "variable")), TRUE, error)) {
        return FALSE;
    }
    if (!check_definition_keys(option->type, definition, error)) {
        return FALSE;
    }
    gboolean is_bool = option->type->load_default == default_bool;
    return (is_bool || load_values(pool, option, definition, error)) &&
           option->type->load_default(pool, option, definition, error);
}

gboolean option_pool_define(OptionPool *pool, const Node *options, GError **error)
{
    for (gsize i = 0; i < node_size(options); i++) {
        if (!define(pool, node_key_at(options, i), node_value_at(options, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Values from outside ---- */

static void suggest_option(const OptionPool *pool, GError **error, const char *name)
{
    if (error != NULL) {
        guint count = 0;
        g_autofree gpointer *names = g_hash_table_get_keys_as_array(pool->by_name, &count);
        error_suggest(*error, name, (const char *const *)names, count);
    }
}

static gboolean set_from_node(OptionPool *pool, Option *option, const Node *values, GError **error)
{
    if (option->type->load_default == default_bool) {
        return load_bool(pool, option, values, option->name, error);
    }
    if (option->type->is_list) {
        return load_flags(pool, option, values, option->name, TRUE, error);
    }
    const char *text = NULL;
    return node_get_string(values, option->name, &text, error) &&
           set_one(option, text, node_where(node_find(values, option->name)), error);
}

gboolean option_pool_set_from_node(OptionPool *pool, const Node *values, GError **error)
{
    for (gsize i = 0; i < node_size(values); i++) {
        const char *name = node_key_at(values, i);
        Option *option = g_hash_table_lookup(pool->by_name, name);
        if (option == NULL) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_value_at(values, i)),
                      "Unknown option '%s' specified", name);
            suggest_option(pool, error, name);
            return FALSE;
        }
        if (!set_from_node(pool, option, values, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean set_from_text(OptionPool *pool, Option *option, const char *text, GError **error)
{
    if (option->type->load_default == default_bool) {
        gboolean yes = strcmp(text, "True") == 0 || strcmp(text, "true") == 0;
        if (!yes && strcmp(text, "False") != 0 && strcmp(text, "false") != 0) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "Invalid value for boolean option %s: %s", option->name,
                      text);
            return FALSE;
        }
        option->value = (Value){.type = VALUE_BOOL, .number = yes};
        return TRUE;
    }
    if (!option->type->is_list) {
        return set_one(option, arena_strdup(pool->arena, text), NULL, error);
    }
    g_autoptr(GString) dense = g_string_new(NULL);
    for (const char *c = text; *c != '\0'; c++) {
        if (!g_ascii_isspace(*c)) {
            g_string_append_c(dense, *c);
        }
    }
    g_auto(GStrv) words = g_strsplit(dense->str, ",", -1);
    gsize count = MAX(g_strv_length(words), 1);
    const char **flags = arena_alloc(pool->arena, (count + 1) * sizeof *flags);
    for (gsize i = 0; i < count; i++) {
        flags[i] = arena_strdup(pool->arena, words[0] != NULL ? words[i] : "");
    }
    return set_flags(pool, option, flags, TRUE, NULL, error);
}

gboolean option_pool_set_from_arguments(OptionPool *pool, const char *const *pairs, gboolean ignore_unknown,
                                        GError **error)
{
    for (gsize i = 0; pairs != NULL && pairs[i] != NULL && pairs[i + 1] != NULL; i += 2) {
        Option *option = g_hash_table_lookup(pool->by_name, pairs[i]);
        if (option == NULL && !ignore_unknown) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "Unknown option '%s' specified on the command line",
                      pairs[i]);
            suggest_option(pool, error, pairs[i]);
            return FALSE;
        }
        if (option != NULL && !set_from_text(pool, option, pairs[i + 1], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean option_pool_resolve(OptionPool *pool, GError **error)
{
    for (guint i = 0; i < pool->options->len; i++) {
        const Option *option = g_ptr_array_index(pool->options, i);
        if (option->value.type == VALUE_STRING && !is_allowed(option, option->value.text)) {
            return invalid_value(option, option->value.text, option->value.text, NULL, error);
        }
    }
    return TRUE;
}

/* ---- Use ---- */

static char *value_to_text(const Option *option)
{
    const Value *value = &option->value;
    if (value->type == VALUE_BOOL) {
        return g_strdup(value->number != 0 ? "1" : "0");
    }
    if (value->type == VALUE_STRING) {
        return g_strdup(value->text);
    }
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < value->count; i++) {
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "", value->items[i].text);
    }
    return g_string_free(text, FALSE);
}

void option_pool_export(const OptionPool *pool, Arena *arena, Node *variables)
{
    for (guint i = 0; i < pool->options->len; i++) {
        const Option *option = g_ptr_array_index(pool->options, i);
        if (option->variable != NULL) {
            g_autofree char *text = value_to_text(option);
            node_set(arena, variables, option->variable, node_new_scalar(arena, text, NULL));
        }
    }
}

static int compare_options(const void *a, const void *b)
{
    return strcmp((*(const Option *const *)a)->name, (*(const Option *const *)b)->name);
}

void option_pool_foreach(const OptionPool *pool, void (*func)(const char *name, const char *value, gpointer data),
                         gpointer data)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy(pool->options, NULL, NULL);
    g_ptr_array_sort(sorted, compare_options);
    for (guint i = 0; i < sorted->len; i++) {
        const Option *option = g_ptr_array_index(sorted, i);
        g_autofree char *text = value_to_text(option);
        func(option->name, text, data);
    }
}

static const Value *lookup(const char *name, gpointer data)
{
    const Option *option = g_hash_table_lookup(((OptionPool *)data)->by_name, name);
    return option != NULL ? &option->value : NULL;
}

gboolean option_pool_evaluate(OptionPool *pool, const char *expression, const Provenance *where, gboolean *result,
                              GError **error)
{
    guint known = GPOINTER_TO_UINT(g_hash_table_lookup(pool->evaluated, expression));
    if (known != 0) {
        *result = known - 1 != 0;
        return TRUE;
    }
    g_autofree char *problem = NULL;
    if (!expression_evaluate(expression, lookup, pool, result, &problem)) {
        error_set(error, ERROR_LOAD, "EXPRESSION_FAILED", where, "Failed to evaluate expression (%s): %s", expression,
                  problem);
        return FALSE;
    }
    g_hash_table_insert(pool->evaluated, g_strdup(expression), GUINT_TO_POINTER(*result ? 2u : 1u));
    return TRUE;
}
