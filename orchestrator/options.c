/* options.c - reads the command line by tables */
#include "options.h"
#include <string.h>

G_DEFINE_QUARK(sluice - usage - error - quark, usage_error)

struct Arguments {
    GHashTable *values; /* name -> GPtrArray of char *; a given flag has an array, perhaps empty */
    GPtrArray *words;   /* both NULL-terminated when read */
    GPtrArray *rest;    /* or NULL */
};

static void free_strings(gpointer strings)
{
    g_ptr_array_unref(strings);
}

Arguments *arguments_new(void)
{
    Arguments *arguments = g_new0(Arguments, 1);
    arguments->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_strings);
    arguments->words = g_ptr_array_new_null_terminated(8, g_free, TRUE);
    return arguments;
}

void arguments_free(Arguments *arguments)
{
    g_hash_table_unref(arguments->values);
    g_ptr_array_unref(arguments->words);
    g_clear_pointer(&arguments->rest, g_ptr_array_unref);
    g_free(arguments);
}

guint word_distance(const char *a, const char *b, guint limit)
{
    gsize la = strlen(a), lb = strlen(b);
    if (la > 128 || lb > 128 || MAX(la, lb) - MIN(la, lb) > limit)
        return limit + 1;
    guint row[130];
    for (gsize j = 0; j <= lb; j++)
        row[j] = j;
    for (gsize i = 1; i <= la; i++) {
        guint diagonal = row[0];
        row[0] = i;
        for (gsize j = 1; j <= lb; j++) {
            guint change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return MIN(row[lb], limit + 1);
}

const char *nearest_word(const char *word, const char *const *names)
{
    guint limit = strlen(word) <= 3 ? 1 : strlen(word) <= 7 ? 2 : 3;
    guint best = limit + 1;
    const char *found = NULL;
    for (; *names; names++) {
        guint distance = word_distance(word, *names, limit);
        if (distance < best) {
            best = distance;
            found = *names;
        }
    }
    return found;
}

const OptionSpec *option_find(const OptionSpec *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

/* Also "no-NAME" of a switch, which sets *negated. */
static const OptionSpec *find_long(const OptionSpec *const *tables, const char *name, gboolean *negated)
{
    *negated = FALSE;
    for (const OptionSpec *const *table = tables; *table; table++) {
        const OptionSpec *option = option_find(*table, name);
        if (option)
            return option;
        option = g_str_has_prefix(name, "no-") ? option_find(*table, name + 3) : NULL;
        if (option && option->type == OPTION_SWITCH) {
            *negated = TRUE;
            return option;
        }
    }
    return NULL;
}

static const OptionSpec *find_letter(const OptionSpec *const *tables, char letter)
{
    for (const OptionSpec *const *table = tables; *table; table++)
        for (const OptionSpec *option = *table; option->name; option++)
            if (option->letter == letter)
                return option;
    return NULL;
}

static gboolean unknown_option(const OptionSpec *const *tables, const char *word, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const OptionSpec *const *table = tables; *table; table++)
        for (const OptionSpec *option = *table; option->name; option++) {
            g_ptr_array_add(names, g_strdup_printf("--%s", option->name));
            if (option->type == OPTION_SWITCH)
                g_ptr_array_add(names, g_strdup_printf("--no-%s", option->name));
        }
    g_ptr_array_add(names, NULL);
    const char *near = word[1] == '-' ? nearest_word(word, (const char *const *)names->pdata) : NULL;
    if (near)
        g_set_error(error, USAGE_ERROR, 0, "No such option: %s Did you mean %s?", word, near);
    else
        g_set_error(error, USAGE_ERROR, 0, "No such option: %s", word);
    return FALSE;
}

static char *option_label(const OptionSpec *option)
{
    return option->letter ? g_strdup_printf("'--%s' / '-%c'", option->name, option->letter)
                          : g_strdup_printf("'--%s'", option->name);
}

static gboolean check_choice(const OptionSpec *option, const char *value, GError **error)
{
    g_auto(GStrv) choices = g_strsplit(option->value, "|", -1);
    if (g_strv_contains((const char *const *)choices, value))
        return TRUE;
    g_autofree char *label = option_label(option);
    g_autofree char *list = g_strjoinv("', '", choices);
    g_set_error(error, USAGE_ERROR, 0, "Invalid value for %s: '%s' is not one of '%s'.", label, value, list);
    return FALSE;
}

static gboolean check_int(const OptionSpec *option, const char *value, GError **error)
{
    guint64 number;
    if (g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT32, &number, NULL))
        return TRUE;
    g_autofree char *label = option_label(option);
    g_set_error(error, USAGE_ERROR, 0, "Invalid value for %s: '%s' is not a valid integer of 0 or more.", label, value);
    return FALSE;
}

static gboolean check_value(const OptionSpec *option, const char *value, GError **error)
{
    if (option->type == OPTION_INT)
        return check_int(option, value, error);
    if (option->type == OPTION_STRING && option->value && strchr(option->value, '|'))
        return check_choice(option, value, error);
    return TRUE;
}

static GPtrArray *values_of(Arguments *arguments, const char *name)
{
    GPtrArray *values = g_hash_table_lookup(arguments->values, name);
    if (!values) {
        values = g_ptr_array_new_null_terminated(2, g_free, TRUE);
        g_hash_table_insert(arguments->values, g_strdup(name), values);
    }
    return values;
}

/* `inline_value`: from "--name=value" or "-nvalue", or NULL. */
static gboolean take_option(Arguments *arguments, const OptionSpec *option, gboolean negated, const char *inline_value,
                            char **argv, int *position, GError **error)
{
    GPtrArray *values = values_of(arguments, option->key ? option->key : option->name);
    if (option->type == OPTION_FLAG || option->type == OPTION_SWITCH) {
        if (inline_value) {
            g_set_error(error, USAGE_ERROR, 0, "Option '--%s%s' does not take a value.", negated ? "no-" : "",
                        option->name);
            return FALSE;
        }
        g_ptr_array_set_size(values, 0);
        g_ptr_array_add(values, g_strdup(negated ? "false" : "true"));
        return TRUE;
    }
    if (!option->repeat)
        g_ptr_array_set_size(values, 0);
    int wanted = option->type == OPTION_PAIR ? 2 : 1;
    for (int i = 0; i < wanted; i++) {
        const char *value = i == 0 && inline_value ? inline_value : argv[*position];
        if (!value) {
            g_set_error(error, USAGE_ERROR, 0, "Option '--%s' requires %s.", option->name,
                        wanted == 2 ? "2 arguments" : "an argument");
            return FALSE;
        }
        if (value != inline_value)
            (*position)++;
        if (!check_value(option, value, error))
            return FALSE;
        g_ptr_array_add(values, g_strdup(value));
    }
    return TRUE;
}

static gboolean take_long(Arguments *arguments, const OptionSpec *const *tables, const char *word, char **argv,
                          int *position, GError **error)
{
    const char *equals = strchr(word, '=');
    g_autofree char *name = equals ? g_strndup(word + 2, equals - word - 2) : g_strdup(word + 2);
    gboolean negated;
    const OptionSpec *option = find_long(tables, name, &negated);
    if (!option) {
        g_autofree char *shown = g_strdup_printf("--%s", name);
        return unknown_option(tables, shown, error);
    }
    return take_option(arguments, option, negated, equals ? equals + 1 : NULL, argv, position, error);
}

/* "-abc": flags a and b, then c, which may take the remainder as its value. */
static gboolean take_letters(Arguments *arguments, const OptionSpec *const *tables, const char *word, char **argv,
                             int *position, GError **error)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const OptionSpec *option = find_letter(tables, *letter);
        if (!option) {
            char shown[] = {'-', *letter, '\0'};
            return unknown_option(tables, shown, error);
        }
        gboolean plain = option->type == OPTION_FLAG || option->type == OPTION_SWITCH;
        const char *value = !plain && letter[1] ? letter + 1 : NULL;
        if (!take_option(arguments, option, FALSE, value, argv, position, error))
            return FALSE;
        if (!plain)
            break;
    }
    return TRUE;
}

static void take_separated(Arguments *arguments, char **argv, int *position)
{
    if (!arguments->rest)
        arguments->rest = g_ptr_array_new_null_terminated(4, g_free, TRUE);
    for (; argv[*position]; (*position)++)
        g_ptr_array_add(arguments->rest, g_strdup(argv[*position]));
}

gboolean arguments_parse(Arguments *arguments, const OptionSpec *const *tables, guint max_words, gboolean take_rest,
                         char **argv, int *position, GError **error)
{
    while (argv[*position]) {
        const char *word = argv[*position];
        if (word[0] != '-' || word[1] == '\0') {
            if (arguments->words->len == max_words) {
                if (take_rest)
                    take_separated(arguments, argv, position);
                return TRUE;
            }
            g_ptr_array_add(arguments->words, g_strdup(word));
            (*position)++;
            continue;
        }
        (*position)++;
        if (strcmp(word, "--") == 0) {
            take_separated(arguments, argv, position);
            return TRUE;
        }
        gboolean taken = word[1] == '-' ? take_long(arguments, tables, word, argv, position, error)
                                        : take_letters(arguments, tables, word, argv, position, error);
        if (!taken)
            return FALSE;
    }
    return TRUE;
}

const char *const *arguments_list(const Arguments *arguments, const char *name)
{
    static const char *const none[] = {NULL};
    GPtrArray *values = g_hash_table_lookup(arguments->values, name);
    return values && values->len ? (const char *const *)values->pdata : none;
}

const char *arguments_get(const Arguments *arguments, const char *name)
{
    GPtrArray *values = g_hash_table_lookup(arguments->values, name);
    return values && values->len ? values->pdata[values->len - 1] : NULL;
}

gboolean arguments_has(const Arguments *arguments, const char *name)
{
    return arguments_get(arguments, name) != NULL;
}

gboolean arguments_switch(const Arguments *arguments, const char *name, gboolean fallback)
{
    const char *value = arguments_get(arguments, name);
    return value ? strcmp(value, "true") == 0 : fallback;
}

gint64 arguments_int(const Arguments *arguments, const char *name, gint64 fallback)
{
    const char *value = arguments_get(arguments, name);
    return value ? g_ascii_strtoll(value, NULL, 10) : fallback;
}

const char *const *arguments_words(const Arguments *arguments, guint *count)
{
    static const char *const none[] = {NULL};
    if (count)
        *count = arguments->words->len;
    return arguments->words->len ? (const char *const *)arguments->words->pdata : none;
}

const char *const *arguments_rest(const Arguments *arguments)
{
    static const char *const none[] = {NULL};
    if (!arguments->rest)
        return NULL;
    return arguments->rest->len ? (const char *const *)arguments->rest->pdata : none;
}
