/* launcher-wishes.c - what the variables of recc that a compile has ask of its launcher; recc-variables.c has them all. */
#include "launcher-private.h"

#include <string.h>

static const char prefix[] = "RECC_";

/* FALSE: one of them is no expression. */
static gboolean take_refused(LauncherWishes *wishes, const ReccConfig *config)
{
    g_auto(GStrv) texts = recc_config_list(config, "INVALID_INPUT_PATHS_REGEX");
    wishes->refused = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);
    for (char **text = texts; *text != NULL; text++) {
        GRegex *regex = strlen(*text) <= SLUICE_LIMIT_LAUNCHER_REGEX
                            ? g_regex_new(*text, G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL)
                            : NULL;
        if (regex == NULL || wishes->refused->len == SLUICE_LIMIT_LAUNCHER_REGEXES) {
            g_clear_pointer(&regex, g_regex_unref);
            return FALSE;
        }
        g_ptr_array_add(wishes->refused, regex);
    }
    return TRUE;
}

gboolean launcher_wishes_read(char *const *environment, LauncherWishes *out)
{
    g_auto(GStrv) passes = recc_variables_dup(environment, RECC_PASSES);
    g_autoptr(ReccConfig) config = recc_config_new();
    *out = (LauncherWishes){0};
    if (passes[0] != NULL || !recc_config_add_environment(config, environment, NULL))
        return FALSE;
    out->skips_cache = recc_config_is_on(config, "SKIP_CACHE");
    out->verifies = recc_config_is_on(config, "VERIFY");
    out->whole_environment = recc_config_is_on(config, "PRESERVE_ENV");
    out->variables = recc_config_list(config, "ENV_TO_READ");
    return take_refused(out, config);
}

void launcher_wishes_clear(LauncherWishes *wishes)
{
    g_clear_pointer(&wishes->variables, g_strfreev);
    g_clear_pointer(&wishes->refused, g_ptr_array_unref);
}

gboolean launcher_wishes_count(const LauncherWishes *wishes, const char *name, const char *value)
{
    if (g_str_has_prefix(name, prefix)) {
        const ReccVariable *variable = recc_variable_find(name + strlen(prefix));
        return variable != NULL && variable->treatment == RECC_KEYED && *value != '\0';
    }
    return wishes->whole_environment ||
           (wishes->variables != NULL && g_strv_contains((const char *const *)wishes->variables, name));
}

/* As it was named, or absolute.  What cannot be told is refused. */
static gboolean matches(const GRegex *regex, const char *path, const char *absolute)
{
    const char *const texts[] = {path, absolute};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) problem = NULL;
        if (g_regex_match_full(regex, texts[i], -1, 0, 0, NULL, &problem) || problem != NULL)
            return TRUE;
    }
    return FALSE;
}

gboolean launcher_wishes_refuse(const LauncherWishes *wishes, const char *path, const char *directory)
{
    if (wishes->refused == NULL || wishes->refused->len == 0)
        return FALSE;
    g_autofree char *absolute = g_canonicalize_filename(path, directory);
    for (guint i = 0; i < wishes->refused->len; i++) {
        if (matches(wishes->refused->pdata[i], path, absolute))
            return TRUE;
    }
    return FALSE;
}
