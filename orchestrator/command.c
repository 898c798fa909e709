/* command.c - finding commands, and their help */
#include "command.h"
#include <string.h>

#define HELP_COLUMN 32

static const struct {
    const char *name, *summary;
} groups[] = {
    {"artifact", "Work with what was built"},
    {"cache", "Look after the cache"},
    {"source", "Work with sources"},
    {"workspace", "Edit the sources of elements in directories of your own"},
};

const char *command_group_summary(const char *group)
{
    for (guint i = 0; i < G_N_ELEMENTS(groups); i++)
        if (strcmp(groups[i].name, group) == 0)
            return groups[i].summary;
    return NULL;
}

const Command *command_find(const char *name)
{
    for (const Command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* The word of a command's name behind `group` (or its first word); NULL if it is not in the group. */
static char *name_within(const Command *command, const char *group)
{
    if (!group)
        return g_strndup(command->name, strcspn(command->name, " "));
    gsize length = strlen(group);
    return strncmp(command->name, group, length) == 0 && command->name[length] == ' '
               ? g_strdup(command->name + length + 1)
               : NULL;
}

static const Command *unknown_command(const char *word, const char *group, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const Command *command = commands; command->name; command++) {
        char *name = name_within(command, group);
        if (name)
            g_ptr_array_add(names, name);
    }
    g_ptr_array_add(names, NULL);
    const char *near = nearest_word(word, (const char *const *)names->pdata);
    if (near)
        g_set_error(error, USAGE_ERROR, 0, "No such command '%s'. Did you mean '%s'?", word, near);
    else
        g_set_error(error, USAGE_ERROR, 0, "No such command '%s'.", word);
    return NULL;
}

const Command *command_take(char **argv, int *position, const char **group, GError **error)
{
    const char *first = argv[*position];
    *group = NULL;
    if (!first)
        return NULL;
    const Command *command = command_find(first);
    if (command) {
        (*position)++;
        return command;
    }
    if (!command_group_summary(first))
        return unknown_command(first, NULL, error);
    *group = first;
    (*position)++;
    const char *second = argv[*position];
    if (!second || second[0] == '-')
        return NULL;
    g_autofree char *name = g_strdup_printf("%s %s", first, second);
    command = command_find(name);
    if (!command)
        return unknown_command(second, first, error);
    (*position)++;
    return command;
}

/* ---- Help ----------------------------------------------------------------------------------------------------------------- */

static char *option_synopsis(const OptionSpec *option)
{
    GString *out = g_string_new(NULL);
    if (option->letter)
        g_string_append_printf(out, "-%c, ", option->letter);
    g_string_append_printf(out, "--%s", option->name);
    if (option->type == OPTION_SWITCH)
        g_string_append_printf(out, " / --no-%s", option->name);
    if (option->value && strchr(option->value, '|'))
        g_string_append_printf(out, " [%s]", option->value);
    else if (option->value)
        g_string_append_printf(out, " %s", option->value);
    return g_string_free(out, FALSE);
}

/* Two columns; a long left one gets a line of its own. */
static void append_row(GString *out, const char *left, const char *right)
{
    if (strlen(left) + 4 > HELP_COLUMN)
        g_string_append_printf(out, "  %s\n%*s%s\n", left, HELP_COLUMN, "", right);
    else
        g_string_append_printf(out, "  %-*s%s\n", HELP_COLUMN - 2, left, right);
}

static void append_options(GString *out, const char *title, const OptionSpec *options)
{
    if (!options->name)
        return;
    g_string_append_printf(out, "\n%s:\n", title);
    for (; options->name; options++) {
        g_autofree char *synopsis = option_synopsis(options);
        g_autofree char *help = g_strdup_printf("%s%s", options->help, options->repeat ? " (repeatable)" : "");
        append_row(out, synopsis, help);
    }
}

char *command_help(const char *program, const Command *command)
{
    GString *out = g_string_new(NULL);
    g_string_printf(out, "Usage: %s %s [OPTIONS]%s%s\n\n  %s.\n", program, command->name, *command->words ? " " : "",
                    command->words, command->summary);
    if (command->text) {
        g_auto(GStrv) lines = g_strsplit(command->text, "\n", -1);
        g_string_append_c(out, '\n');
        for (char **line = lines; *line; line++)
            g_string_append_printf(out, "  %s\n", *line);
    }
    append_options(out, "Options", command->options);
    g_string_append_printf(out, "\nGlobal options may stand anywhere: see `%s --help`.\n", program);
    return g_string_free(out, FALSE);
}

static void append_commands(GString *out, const char *group)
{
    g_string_append(out, "\nCommands:\n");
    for (const Command *command = commands; command->name; command++) {
        g_autofree char *name = group ? name_within(command, group) : g_strdup(command->name);
        if (name)
            append_row(out, name, command->summary);
    }
}

char *command_overview(const char *program, const char *group)
{
    GString *out = g_string_new(NULL);
    if (group)
        g_string_printf(out, "Usage: %s %s [OPTIONS] COMMAND [ARGS]...\n\n  %s.\n", program, group,
                        command_group_summary(group));
    else
        g_string_printf(out,
                        "Usage: %s [OPTIONS] COMMAND [ARGS]...\n\n  Builds elements in sandboxes, and caches the "
                        "actions that build tools run in them.\n",
                        program);
    append_commands(out, group);
    if (!group)
        append_options(out, "Options", global_options);
    g_string_append_printf(out, "\n`%s help COMMAND` says more about one of them.\n", program);
    return g_string_free(out, FALSE);
}

char *command_usage(const char *program, const Command *command, const char *group)
{
    if (command)
        return g_strdup_printf("Usage: %s %s [OPTIONS]%s%s\nTry '%s %s --help' for help.\n", program, command->name,
                               *command->words ? " " : "", command->words, program, command->name);
    const char *blank = group ? " " : "";
    group = group ? group : "";
    return g_strdup_printf("Usage: %s%s%s [OPTIONS] COMMAND [ARGS]...\nTry '%s%s%s --help' for help.\n", program, blank,
                           group, program, blank, group);
}
