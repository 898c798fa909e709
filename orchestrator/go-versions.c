/* go-versions.c - what Go's own files and pages say: versions, go.sum, go-import. */
#include "go-module.h"

#include <string.h>

static gboolean match(const char *pattern, const char *text, GMatchInfo **out)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    return g_regex_match(regex, text, 0, out);
}

void go_version_parse(const char *text, GoVersion *out)
{
    g_autoptr(GMatchInfo) groups = NULL;
    *out = (GoVersion){NULL};
    if (match("^((v[0-9]+)\\.[0-9]+\\.[0-9]+(?:-[a-z]+)?)(\\+[a-z]+)?$", text, &groups)) {
        out->clean = g_match_info_fetch(groups, 1);
        out->major = g_match_info_fetch(groups, 2);
    }
}

void go_version_clear(GoVersion *version)
{
    g_clear_pointer(&version->clean, g_free);
    g_clear_pointer(&version->major, g_free);
}

char *go_pseudo_version_commit(const char *text)
{
    g_autoptr(GMatchInfo) groups = NULL;
    gboolean is_one = match("^v[0-9]+\\.[0-9]+\\.[0-9]+-(?:[a-z]+\\.)?(?:0\\.)?[0-9]+-([a-z0-9]+)$", text, &groups);
    return is_one ? g_match_info_fetch(groups, 1) : NULL;
}

/* MODULE VERSION[/go.mod] HASH */
char *go_sum_find(const char *text, const char *module)
{
    gsize length = strlen(module);
    for (const char *line = text; line != NULL; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, module, length) != 0 || (line[length] != ' ' && line[length] != '\t')) {
            continue;
        }
        const char *version = line + length + strspn(line + length, " \t");
        gsize end = strcspn(version, " \t\r\n");
        g_autofree char *word = g_strndup(version, end);
        if (end > 0 && !g_str_has_suffix(word, "/go.mod") && !g_str_has_suffix(word, "/go.sum")) {
            return g_steal_pointer(&word);
        }
    }
    return NULL;
}

static char *attribute(const char *tag, const char *name)
{
    g_autoptr(GMatchInfo) groups = NULL;
    g_autofree char *pattern = g_strdup_printf("\\s%s\\s*=\\s*(?:\"([^\"]*)\"|'([^']*)'|([^\\s>\"']+))", name);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_CASELESS, 0, NULL);
    if (!g_regex_match(regex, tag, 0, &groups)) {
        return NULL;
    }
    for (int i = 1; i <= 3; i++) {
        g_autofree char *value = g_match_info_fetch(groups, i);
        if (value != NULL && *value != '\0') {
            return g_steal_pointer(&value);
        }
    }
    return NULL;
}

char *go_import_prefix(const char *html)
{
    g_autoptr(GRegex) regex = g_regex_new("<meta\\s[^>]*>", G_REGEX_CASELESS, 0, NULL);
    g_autoptr(GMatchInfo) tags = NULL;
    char *found = NULL;
    for (gboolean more = g_regex_match(regex, html, 0, &tags); more; more = g_match_info_next(tags, NULL)) {
        g_autofree char *tag = g_match_info_fetch(tags, 0);
        g_autofree char *name = attribute(tag, "name"), *content = attribute(tag, "content");
        if (g_strcmp0(name, "go-import") == 0 && content != NULL) {
            g_strstrip(content);
            g_free(found);
            found = g_strndup(content, strcspn(content, " \t\r\n"));
        }
    }
    return found;
}
