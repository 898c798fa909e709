/*
 * make-man.c - writes the manual pages from the table of commands, so that they cannot tell anything else than --help.
 *
 *   make-man OUTPUT-DIRECTORY VERSION SECTIONS
 *
 * SECTIONS is a file of roff that ends sluice(1): environment, files, exit status.
 */
#include "command.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *page;     /* "source" gives sluice-source(1) */
    const char *commands; /* the group, or the command */
} pages[] = {{"artifact", "artifact"}, {"build", "build"}, {"cache", "cache"},  {"serve", "serve"},
             {"shell", "shell"},       {"show", "show"},   {"source", "source"}};

/* Backslashes, hyphens that are typed, and lines that begin as a request does. */
static void append_text(GString *out, const char *text)
{
    gboolean line_start = TRUE;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            g_string_append(out, "\\&");
        line_start = *text == '\n';
        if (*text == '\\')
            g_string_append(out, "\\e");
        else if (*text == '-')
            g_string_append(out, "\\-");
        else
            g_string_append_c(out, *text);
    }
}

static void append_option(GString *out, const OptionSpec *option)
{
    g_autofree char *letter = option->letter ? g_strdup_printf("-%c, ", option->letter) : g_strdup("");
    g_autofree char *negated =
        option->type == OPTION_SWITCH ? g_strdup_printf(", --no-%s", option->name) : g_strdup("");
    g_autofree char *line = g_strdup_printf("%s--%s%s", letter, option->name, negated);
    g_string_append(out, ".TP\n\\fB");
    append_text(out, line);
    g_string_append(out, "\\fR");
    if (option->value) {
        g_string_append(out, " \\fI");
        append_text(out, option->value);
        g_string_append(out, "\\fR");
    }
    g_string_append_c(out, '\n');
    append_text(out, option->help);
    g_string_append(out, option->repeat ? ". May be given several times.\n" : ".\n");
}

static void append_heading(GString *out, const char *name, const char *summary, const char *version)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    g_string_append_printf(
        out, ".\\\" Made from the table of commands.\n.TH %s 1 \"\" \"sluice %s\" \"User Commands\"\n.SH NAME\n", upper,
        version);
    append_text(out, name);
    g_string_append(out, " \\- ");
    append_text(out, summary);
    g_string_append_c(out, '\n');
}

static gboolean belongs(const Command *command, const char *group)
{
    gsize length = strlen(group);
    return strncmp(command->name, group, length) == 0 &&
           (command->name[length] == ' ' || command->name[length] == '\0');
}

static void append_command(GString *out, const Command *command)
{
    g_string_append(out, ".SS \"sluice ");
    append_text(out, command->name);
    g_string_append(out, " [OPTIONS] ");
    append_text(out, command->words);
    g_string_append(out, "\"\n");
    append_text(out, command->summary);
    g_string_append(out, ".\n");
    if (command->text) {
        g_string_append(out, ".PP\n");
        append_text(out, command->text);
        g_string_append_c(out, '\n');
    }
    for (const OptionSpec *option = command->options; option->name; option++)
        append_option(out, option);
}

static char *page_of(const char *group, const char *version)
{
    GString *out = g_string_new(NULL);
    g_autofree char *name = g_strdup_printf("sluice-%s", group);
    const Command *command = command_find(group);
    append_heading(out, name, command ? command->summary : command_group_summary(group), version);
    g_string_append(out, ".SH COMMANDS\n");
    for (command = commands; command->name; command++)
        if (belongs(command, group))
            append_command(out, command);
    g_string_append(out, ".SH SEE ALSO\n.BR sluice (1)\n");
    return g_string_free(out, FALSE);
}

static char *main_page(const char *version, const char *sections)
{
    GString *out = g_string_new(NULL);
    append_heading(out, "sluice", "build elements in sandboxes, and cache the actions of build tools in them", version);
    g_string_append(out, ".SH SYNOPSIS\n.B sluice\n[OPTIONS] COMMAND [ARGS]...\n.SH COMMANDS\n");
    for (const Command *command = commands; command->name; command++) {
        g_string_append(out, ".TP\n\\fB");
        append_text(out, command->name);
        g_string_append(out, "\\fR\n");
        append_text(out, command->summary);
        g_string_append(out, ".\n");
    }
    g_string_append(out, ".SH OPTIONS\nThese may stand before or behind the command.\n");
    for (const OptionSpec *option = global_options; option->name; option++)
        append_option(out, option);
    g_string_append(out, sections);
    g_string_append(out, ".SH SEE ALSO\n");
    for (guint i = 0; i < G_N_ELEMENTS(pages); i++)
        g_string_append_printf(out, ".BR sluice\\-%s (1)%s\n", pages[i].page, i + 1 < G_N_ELEMENTS(pages) ? "," : "");
    return g_string_free(out, FALSE);
}

static gboolean write_page(const char *directory, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s.1", directory, name);
    return g_file_set_contents(path, text, -1, error);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sections = NULL;
    if (argc != 4)
        return 2;
    gboolean success = g_file_get_contents(argv[3], &sections, NULL, &error);
    g_autofree char *first = success ? main_page(argv[2], sections) : NULL;
    success = success && write_page(argv[1], "sluice", first, &error);
    for (guint i = 0; success && i < G_N_ELEMENTS(pages); i++) {
        g_autofree char *text = page_of(pages[i].commands, argv[2]);
        g_autofree char *name = g_strdup_printf("sluice-%s", pages[i].page);
        success = write_page(argv[1], name, text, &error);
    }
    if (!success)
        fprintf(stderr, "make-man: %s\n", error->message);
    return success ? 0 : 1;
}
