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

/* What a shell would take for something else. */
static char *escape_name(const char *name)
{
    GString *out = g_string_new(NULL);
    for (; *name; name++) {
        if (strchr(" \t\n\\'\"$`*?[]{}()<>|&;!#~", *name))
            g_string_append_c(out, '\\');
        g_string_append_c(out, *name);
    }
    return g_string_free(out, FALSE);
}

typedef gboolean (*WantFile)(const char *name);

static gboolean want_element(const char *name)
{
    return g_str_has_suffix(name, ".bst");
}

static gboolean want_any(const char *name)
{
    return TRUE;
}

static gboolean want_none(const char *name)
{
    return FALSE;
}

static char *unescape_name(const char *name)
{
    GString *out = g_string_new(NULL);
    for (; *name; name++) {
        if (*name == '\\' && name[1])
            name++;
        g_string_append_c(out, *name);
    }
    return g_string_free(out, FALSE);
}

/* Directories, and the files that are wanted, of `root`, where the words begin. */
static void add_paths(GPtrArray *out, const char *prefix, const char *root, WantFile want)
{
    const char *slash = strrchr(prefix, '/');
    g_autofree char *below = g_strndup(prefix, slash ? slash - prefix + 1 : 0);
    g_autofree char *real = unescape_name(below);
    g_autofree char *place = g_path_is_absolute(real) ? g_strdup(real) : g_build_filename(root, real, NULL);
    g_autoptr(GDir) dir = g_dir_open(place, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(place, name, NULL);
        gboolean folder = g_file_test(path, G_FILE_TEST_IS_DIR);
        g_autofree char *escaped = escape_name(name);
        g_autofree char *word = g_strdup_printf("%s%s%s", below, escaped, folder ? "/" : "");
        if (name[0] != '.' && (folder || want(name)))
            add(out, prefix, word, !folder);
    }
    /* a directory that was written out is entered, if it can be nothing else */
    g_autofree char *entered = g_strconcat(prefix, "/", NULL);
    if (out->len == 1 && strcmp(out->pdata[0], entered) == 0 && !g_str_has_suffix(prefix, "/")) {
        g_ptr_array_set_size(out, 0);
        add_paths(out, entered, root, want);
    }
}

static void add_elements(GPtrArray *out, const char *prefix, const char *directory)
{
    g_autofree char *root = element_root(directory);
    if (root)
        add_paths(out, prefix, root, want_element);
}

/* The value of an option: one of its choices, or a file or directory from where the command is run. */
static void add_values(GPtrArray *out, const char *prefix, const OptionSpec *option)
{
    const char *value = option->value ? option->value : "";
    if (strcmp(value, "DIR") == 0)
        add_paths(out, prefix, ".", want_none);
    else if (strcmp(value, "FILE") == 0)
        add_paths(out, prefix, ".", want_any);
    if (!strchr(value, '|'))
        return;
    g_auto(GStrv) choices = g_strsplit(option->value, "|", -1);
    for (char **choice = choices; *choice; choice++)
        add(out, prefix, *choice, TRUE);
}

static gboolean is_named(const OptionSpec *option, const char *word)
{
    return word[1] == '-' ? strcmp(word + 2, option->name) == 0 : word[1] == option->letter && !word[2];
}

static const OptionSpec *find_option(const char *word, const Command *command)
{
    const OptionSpec *tables[] = {command ? command->options : NULL, global_options};
    if (word[0] != '-' || !word[1])
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
        for (const OptionSpec *option = tables[i]; option && option->name; option++)
            if (is_named(option, word))
                return option;
    return NULL;
}

/* The option whose value stands at `current`, or NULL. */
static const OptionSpec *option_before(char **words, guint current, const Command *command)
{
    for (guint back = 1; back <= 2 && back < current; back++) {
        const OptionSpec *option = find_option(words[current - back], command);
        guint takes = !option ? 0 : option->type == OPTION_PAIR ? 2 : option->type >= OPTION_STRING ? 1 : 0;
        if (takes >= back)
            return option;
    }
    return NULL;
}

/* An odd number of backslashes: the blank behind it is of the name. */
static gboolean is_broken(const char *word)
{
    gsize length = strlen(word), slashes = 0;
    while (slashes < length && word[length - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* Some shells break "--name=value" into three words; and a line in one piece was broken at escaped blanks, too, which shells do not count. */
static char **join_parts(char **words, guint *current)
{
    GPtrArray *out = g_ptr_array_new();
    guint end = *current;
    for (guint i = 0; words[i] && i <= end; i++) {
        char *last = out->len ? out->pdata[out->len - 1] : NULL;
        gboolean blank = i > 0 && is_broken(words[i - 1]);
        end += is_broken(words[i]);
        gboolean assigned = strcmp(words[i], "=") == 0 || (i > 1 && strcmp(words[i - 1], "=") == 0);
        if (!last || !(blank || (assigned && g_str_has_prefix(last, "--")))) {
            g_ptr_array_add(out, g_strdup(words[i]));
            continue;
        }
        out->pdata[out->len - 1] = g_strconcat(last, blank ? " " : "", words[i], NULL);
        g_free(last);
    }
    *current = MAX(out->len, 1) - 1;
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}

static void add_words(GPtrArray *out, const char *prefix, const Command *command, const char *directory,
                      const char *group)
{
    if (!command || command->words_kind == WORDS_COMMANDS)
        add_commands(out, prefix, group);
    else if (command->words_kind == WORDS_ELEMENTS || command->words_kind == WORDS_ARTIFACTS)
        add_elements(out, prefix, directory);
}

/* "--name=prefix" as the last word. */
static gboolean add_assigned(GPtrArray *out, const char *word, const Command *command)
{
    const char *sign = g_str_has_prefix(word, "--") ? strchr(word, '=') : NULL;
    if (!sign)
        return FALSE;
    g_autofree char *name = g_strndup(word, sign - word);
    const OptionSpec *option = find_option(name, command);
    if (option)
        add_values(out, sign + 1, option);
    return TRUE;
}

static int compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *complete_words(char **given, guint current)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) words = join_parts(given, &current);
    const Command *command = NULL;
    gboolean named = FALSE; /* the second word of a group, too */
    const char *group = NULL, *directory = ".", *prefix = words[current] ? words[current] : "";
    for (guint i = 1; i < current; i++) {
        if (i > 1 && (strcmp(words[i - 1], "-C") == 0 || strcmp(words[i - 1], "--directory") == 0))
            directory = command ? directory : words[i];
        if (words[i][0] == '-' || option_before(words, i, command))
            continue;
        if (command && command->words_kind != WORDS_COMMANDS)
            break;
        g_autofree char *name = group ? g_strdup_printf("%s %s", group, words[i]) : g_strdup(words[i]);
        command = command ? command : command_find(name);
        named = named || group;
        group = !group && command_group_summary(words[i]) ? words[i] : group;
    }
    const OptionSpec *option = option_before(words, current, command);
    if (option)
        add_values(out, prefix, option);
    else if (add_assigned(out, prefix, command))
        ;
    else if (prefix[0] == '-') {
        add_options(out, prefix, command ? command->options : NULL);
        add_options(out, prefix, global_options);
    } else if (!named || !command || command->words_kind != WORDS_COMMANDS)
        add_words(out, prefix, command, directory, group);
    g_ptr_array_sort(out, compare_words);
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
