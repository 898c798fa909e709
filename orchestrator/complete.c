/* complete.c - shell completion */
#include "complete.h"
#include "app.h"
#include <stdlib.h>
#include <string.h>

/* A table is small; a directory of elements is listed only so far. */
#define CANDIDATES_MAX 5000

gboolean complete_requested(void)
{
    return g_strcmp0(g_getenv("_BST_COMPLETION"), "complete") == 0;
}

static void add(GPtrArray *out, const char *prefix, const char *word, gboolean whole)
{
    if (g_str_has_prefix(word, prefix) && out->len < CANDIDATES_MAX)
        g_ptr_array_add(out, g_strdup_printf("%s%s", word, whole ? " " : ""));
}

static void add_options(GPtrArray *out, const char *prefix, const OptionSpec *options)
{
    for (; options && options->name; options++) {
        g_autofree char *word = g_strdup_printf("--%s", options->name);
        add(out, prefix, word, TRUE);
        if (options->type != OPTION_SWITCH)
            continue;
        g_autofree char *negated = g_strdup_printf("--no-%s", options->name);
        add(out, prefix, negated, TRUE);
    }
}

/* The next word of every command that begins with `group` (NULL: first words). */
static void add_commands(GPtrArray *out, const char *prefix, const char *group)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const Command *command = commands; command->name; command++) {
        const char *name = command->name;
        if (group) {
            if (!g_str_has_prefix(name, group) || name[strlen(group)] != ' ')
                continue;
            name += strlen(group) + 1;
        }
        char *word = g_strndup(name, strcspn(name, " "));
        if (g_hash_table_add(seen, word))
            add(out, prefix, word, TRUE);
    }
}

/* Elements are named relative to the element path of the nearest project above `directory`. */
static char *element_root(const char *directory)
{
    g_autofree char *at = g_canonicalize_filename(directory, NULL);
    for (;;) {
        g_autofree char *file = g_build_filename(at, "project.conf", NULL);
        g_autofree char *text = NULL;
        if (g_file_get_contents(file, &text, NULL, NULL)) {
            const char *key = g_str_has_prefix(text, "element-path:") ? text : strstr(text, "\nelement-path:");
            const char *value = key ? strchr(key, ':') + 1 : "";
            g_autofree char *path = g_strstrip(g_strndup(value, strcspn(value, "\n#")));
            return g_build_filename(at, path, NULL);
        }
        char *parent = g_path_get_dirname(at);
        gboolean top = strcmp(parent, at) == 0;
        g_free(at);
        at = parent;
        if (top)
            return NULL;
    }
}

static void add_elements(GPtrArray *out, const char *prefix, const char *directory)
{
    g_autofree char *root = element_root(directory);
    const char *slash = strrchr(prefix, '/');
    g_autofree char *below = g_strndup(prefix, slash ? slash - prefix + 1 : 0);
    g_autofree char *place = root ? g_build_filename(root, below, NULL) : NULL;
    g_autoptr(GDir) dir = place ? g_dir_open(place, 0, NULL) : NULL;
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(place, name, NULL);
        gboolean folder = g_file_test(path, G_FILE_TEST_IS_DIR);
        g_autofree char *word = g_strdup_printf("%s%s%s", below, name, folder ? "/" : "");
        if (name[0] != '.' && (folder || g_str_has_suffix(name, ".bst")))
            add(out, prefix, word, !folder);
    }
}

static void add_choices(GPtrArray *out, const char *prefix, const OptionSpec *option)
{
    if (!option->value || !strchr(option->value, '|'))
        return;
    g_auto(GStrv) choices = g_strsplit(option->value, "|", -1);
    for (char **choice = choices; *choice; choice++)
        add(out, prefix, *choice, TRUE);
}

/* The option whose value stands at `current`, or NULL. */
static const OptionSpec *option_before(char **words, guint current, const Command *command)
{
    for (guint back = 1; back <= 2 && back < current; back++) {
        const char *word = words[current - back];
        if (!g_str_has_prefix(word, "-") || strlen(word) < 2)
            continue;
        const OptionSpec *tables[] = {command ? command->options : NULL, global_options};
        for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
            for (const OptionSpec *option = tables[i]; option && option->name; option++) {
                gboolean named =
                    word[1] == '-' ? strcmp(word + 2, option->name) == 0 : word[1] == option->letter && !word[2];
                guint takes = option->type == OPTION_PAIR ? 2 : option->type >= OPTION_STRING ? 1 : 0;
                if (named && takes >= back)
                    return option;
            }
    }
    return NULL;
}

GPtrArray *complete_words(char **words, guint current)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    const Command *command = NULL;
    const char *group = NULL, *directory = ".", *prefix = words[current] ? words[current] : "";
    for (guint i = 1; i < current && !command; i++) {
        if (i > 1 && (strcmp(words[i - 1], "-C") == 0 || strcmp(words[i - 1], "--directory") == 0))
            directory = words[i];
        if (words[i][0] == '-' || option_before(words, i, NULL))
            continue;
        g_autofree char *name = group ? g_strdup_printf("%s %s", group, words[i]) : g_strdup(words[i]);
        command = command_find(name);
        group = !group && command_group_summary(words[i]) ? words[i] : group;
    }
    const OptionSpec *option = option_before(words, current, command);
    if (option)
        add_choices(out, prefix, option);
    else if (prefix[0] == '-') {
        add_options(out, prefix, command ? command->options : NULL);
        add_options(out, prefix, global_options);
    } else if (!command)
        add_commands(out, prefix, group);
    else if (command->words_kind == WORDS_COMMANDS)
        add_commands(out, prefix, NULL);
    else if (command->words_kind == WORDS_ELEMENTS || command->words_kind == WORDS_ARTIFACTS)
        add_elements(out, prefix, directory);
    return out;
}

void complete_print(const char *program)
{
    const char *line = g_getenv("COMP_WORDS"), *number = g_getenv("COMP_CWORD");
    g_auto(GStrv) words = g_strsplit(line ? line : program, " ", -1);
    guint64 current = number ? g_ascii_strtoull(number, NULL, 10) : 0;
    if (current == 0 || current > g_strv_length(words))
        return;
    g_autoptr(GPtrArray) found = complete_words(words, current);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < found->len; i++)
        g_string_append_printf(text, "%s\n", (char *)found->pdata[i]);
    app_print(text->str);
}
