/*
 * script.c - the text of a batch: all commands of a build are one shell script in one sandbox.
 *
 * Each command runs in a shell of its own, so that its `cd`, `set` and `exit` are its own affair, after the batch's shell
 * has echoed it.  The first that fails is named, with its status, and ends the batch.
 */
#include "build-private.h"

#include <string.h>

/* Words that mean the same without quotes. */
static gboolean is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    return *text && text[strspn(text, plain)] == '\0';
}

void script_append_quoted(GString *script, const char *text)
{
    if (is_plain(text)) {
        g_string_append(script, text);
        return;
    }
    g_string_append_c(script, '\'');
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            g_string_append(script, "'\\''");
        else
            g_string_append_c(script, *at);
    }
    g_string_append_c(script, '\'');
}

void script_append_command(GString *script, const char *shell_words, const char *command)
{
    g_autofree char *line = g_strconcat(command, "\n", NULL);
    g_autofree char *complaint = g_strdup_printf("Command '%s' failed with exitcode", command);
    g_string_append_printf(script, "( set -ex; %s ", shell_words);
    script_append_quoted(script, line);
    g_string_append(script, " ) || { sluice_status=$?; printf '%s %s\\n' ");
    script_append_quoted(script, complaint);
    g_string_append(script, " \"$sluice_status\" >&2; exit \"$sluice_status\"; }\n");
}

static gboolean is_shell_name(const char *name, gsize length)
{
    if (length == 0 || g_ascii_isdigit(name[0]))
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isalnum(name[i]) && name[i] != '_')
            return FALSE;
    }
    return TRUE;
}

void script_append_environment(GString *script, const char *const *base, const char *const *environment)
{
    for (; *base; base++) {
        g_autofree char *name = g_strndup(*base, strcspn(*base, "="));
        if (!environment_get(environment, name) && is_shell_name(name, strlen(name)))
            g_string_append_printf(script, "unset %s\n", name);
    }
    for (; *environment; environment++) {
        gsize length = strcspn(*environment, "=");
        if (!is_shell_name(*environment, length))
            continue;
        g_string_append_printf(script, "export %.*s=", (int)length, *environment);
        script_append_quoted(script, *environment + length + 1);
        g_string_append_c(script, '\n');
    }
}

/* ---- Environments -------------------------------------------------------------------------------------------------------- */

const char *const *environment_from_node(Arena *arena, const Node *mapping)
{
    gsize count = mapping ? node_size(mapping) : 0;
    const char **environment = arena_alloc(arena, (count + 1) * sizeof *environment);
    for (gsize i = 0; i < count; i++) {
        const Node *value = node_value_at(mapping, i);
        const char *text = node_type(value) == NODE_SCALAR ? node_text(value) : "";
        environment[i] = arena_printf(arena, "%s=%s", node_key_at(mapping, i), text);
    }
    return environment;
}

const char *environment_get(const char *const *environment, const char *name)
{
    gsize length = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    }
    return NULL;
}

const char *const *environment_with(Arena *arena, const char *const *base, const char *name, const char *value)
{
    gsize count = g_strv_length((char **)base), used = 0, length = strlen(name);
    const char **out = arena_alloc(arena, (count + 2) * sizeof *out);
    for (gsize i = 0; i < count; i++) {
        if (strncmp(base[i], name, length) != 0 || base[i][length] != '=')
            out[used++] = base[i];
    }
    out[used] = arena_printf(arena, "%s=%s", name, value);
    return out;
}
