/* debian-depends.c - see debian-depends.h (Debian Policy 7.1) */
#include "debian-depends.h"

#include <string.h>

#define NAME_MAX_BYTES 255

typedef struct {
    const char *at;
    const char *architecture, *what;
    GArray *alternatives; /* of DebianAlternative, strings allocated */
} Parser;

gboolean debian_name_is_valid(const char *name, gsize length)
{
    if (length == 0 || length > NAME_MAX_BYTES || !g_ascii_isalnum(name[0])) {
        return FALSE;
    }
    for (gsize i = 1; i < length; i++) {
        if (!g_ascii_isalnum(name[i]) && strchr("+.-_", name[i]) == NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean bad(const Parser *parser, const char *problem, GError **error)
{
    g_autofree char *near = g_strndup(parser->at, MIN(strlen(parser->at), 40));
    error_set(error, ERROR_SOURCE, "debian-index-invalid", NULL, "%s: %s at '%s'", parser->what, problem, near);
    return FALSE;
}

static void skip_blanks(Parser *parser)
{
    parser->at += strspn(parser->at, " \t\n");
}

/* Up to one of `stops`, blanks at the end taken off. */
static char *take_until(Parser *parser, const char *stops)
{
    skip_blanks(parser);
    gsize length = strcspn(parser->at, stops);
    char *text = g_strndup(parser->at, length);
    parser->at += length;
    return g_strchomp(text);
}

static gboolean parse_relation(Parser *parser, DebianAlternative *alternative, GError **error)
{
    static const struct {
        const char *text;
        DebianRelation relation;
    } relations[] = {{"<<", DEBIAN_EARLIER},   {"<=", DEBIAN_EARLIER_EQUAL}, {">=", DEBIAN_LATER_EQUAL},
                     {">>", DEBIAN_LATER},     {"=", DEBIAN_EQUAL},          {"<", DEBIAN_EARLIER_EQUAL},
                     {">", DEBIAN_LATER_EQUAL}};
    parser->at++;
    skip_blanks(parser);
    for (gsize i = 0; i < G_N_ELEMENTS(relations) && alternative->relation == DEBIAN_ANY; i++) {
        gsize length = strlen(relations[i].text);
        if (strncmp(parser->at, relations[i].text, length) == 0) {
            alternative->relation = relations[i].relation;
            parser->at += length;
        }
    }
    if (alternative->relation == DEBIAN_ANY) {
        return bad(parser, "no relation of versions", error);
    }
    char *version = take_until(parser, ")");
    alternative->version = version;
    if (*parser->at != ')') {
        return bad(parser, "a missing ')'", error);
    }
    if (!debian_version_is_valid(version)) {
        return bad(parser, "an invalid version", error);
    }
    parser->at++;
    return TRUE;
}

/* `[amd64 arm64]` or `[!hurd-any]`: FALSE in *applies if this architecture is not meant. */
static gboolean parse_architectures(Parser *parser, gboolean *applies, GError **error)
{
    parser->at++;
    g_autofree char *text = take_until(parser, "]");
    if (*parser->at != ']') {
        return bad(parser, "a missing ']'", error);
    }
    parser->at++;
    g_auto(GStrv) words = g_strsplit_set(text, " \t\n", -1);
    g_autofree char *linux_name = g_strconcat("linux-", parser->architecture, NULL);
    gboolean negative = FALSE, matches = FALSE;
    for (char **word = words; *word != NULL; word++) {
        const char *name = **word == '!' ? *word + 1 : *word;
        negative = negative || **word == '!';
        matches = matches || strcmp(name, parser->architecture) == 0 || strcmp(name, "any") == 0 ||
                  strcmp(name, "linux-any") == 0 || strcmp(name, linux_name) == 0;
    }
    *applies = negative ? !matches : matches;
    return TRUE;
}

static void alternative_clear(gpointer data)
{
    DebianAlternative *alternative = data;
    g_free((char *)alternative->name);
    g_free((char *)alternative->qualifier);
    g_free((char *)alternative->version);
}

static gboolean parse_name(Parser *parser, DebianAlternative *alternative, GError **error)
{
    gsize length = strcspn(parser->at, " \t\n:([<,|");
    if (!debian_name_is_valid(parser->at, length)) {
        return bad(parser, "an invalid package name", error);
    }
    alternative->name = g_strndup(parser->at, length);
    parser->at += length;
    if (*parser->at == ':') {
        parser->at++;
        length = strcspn(parser->at, " \t\n([<,|");
        if (!debian_name_is_valid(parser->at, length)) {
            return bad(parser, "an invalid architecture", error);
        }
        alternative->qualifier = g_strndup(parser->at, length);
        parser->at += length;
    }
    return TRUE;
}

static gboolean parse_alternative(Parser *parser, GError **error)
{
    DebianAlternative alternative = {0};
    gboolean applies = TRUE, ok;
    skip_blanks(parser);
    ok = parse_name(parser, &alternative, error);
    skip_blanks(parser);
    if (ok && *parser->at == '(') {
        ok = parse_relation(parser, &alternative, error);
        skip_blanks(parser);
    }
    if (ok && *parser->at == '[') {
        ok = parse_architectures(parser, &applies, error);
        skip_blanks(parser);
    }
    while (ok && *parser->at == '<') { /* build profiles: only in source packages */
        parser->at += strcspn(parser->at, ">");
        ok = *parser->at == '>' || bad(parser, "a missing '>'", error);
        parser->at += ok ? 1 : 0;
        skip_blanks(parser);
    }
    if (ok && parser->alternatives->len >= DEBIAN_ALTERNATIVES_MAX) {
        ok = bad(parser, "too many alternatives", error);
    }
    if (ok && applies) {
        g_array_append_val(parser->alternatives, alternative);
    } else {
        alternative_clear(&alternative);
    }
    return ok;
}

static char *put_text(char **end, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    char *start = *end;
    *end = g_stpcpy(start, text) + 1;
    return start;
}

/* All in one block: the group and its strings. */
static DebianGroup *make_group(GArray *alternatives)
{
    gsize size = sizeof(DebianGroup) + alternatives->len * sizeof(DebianAlternative);
    gsize strings = 0;
    for (guint i = 0; i < alternatives->len; i++) {
        const DebianAlternative *one = &g_array_index(alternatives, DebianAlternative, i);
        strings += strlen(one->name) + 1 + (one->qualifier != NULL ? strlen(one->qualifier) + 1 : 0) +
                   (one->version != NULL ? strlen(one->version) + 1 : 0);
    }
    DebianGroup *group = g_malloc0(size + strings);
    char *end = (char *)group + size;
    group->count = alternatives->len;
    for (guint i = 0; i < alternatives->len; i++) {
        const DebianAlternative *one = &g_array_index(alternatives, DebianAlternative, i);
        group->alternatives[i] = *one;
        group->alternatives[i].name = put_text(&end, one->name);
        group->alternatives[i].qualifier = put_text(&end, one->qualifier);
        group->alternatives[i].version = put_text(&end, one->version);
    }
    return group;
}

static gboolean parse_groups(Parser *parser, GPtrArray *groups, GError **error)
{
    skip_blanks(parser);
    while (*parser->at != '\0') {
        if (*parser->at == ',') { /* an empty group is tolerated */
            parser->at++;
            skip_blanks(parser);
            continue;
        }
        g_array_set_size(parser->alternatives, 0);
        do {
            if (*parser->at == '|') {
                parser->at++;
            }
            if (!parse_alternative(parser, error)) {
                return FALSE;
            }
        } while (*parser->at == '|');
        if (*parser->at != ',' && *parser->at != '\0') {
            return bad(parser, "something unexpected", error);
        }
        if (groups->len >= DEBIAN_GROUPS_MAX) {
            return bad(parser, "too many dependencies", error);
        }
        if (parser->alternatives->len > 0) {
            g_ptr_array_add(groups, make_group(parser->alternatives));
        }
    }
    return TRUE;
}

GPtrArray *debian_depends_parse(const char *text, const char *architecture, const char *what, GError **error)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(g_free);
    Parser parser = {.at = text != NULL ? text : "", .architecture = architecture, .what = what};
    parser.alternatives = g_array_new(FALSE, FALSE, sizeof(DebianAlternative));
    g_array_set_clear_func(parser.alternatives, alternative_clear);
    gboolean ok = parse_groups(&parser, groups, error);
    g_array_unref(parser.alternatives);
    return ok ? g_steal_pointer(&groups) : NULL;
}

char *debian_group_text(const DebianGroup *group)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < group->count; i++) {
        const DebianAlternative *one = &group->alternatives[i];
        g_string_append_printf(text, "%s%s", i > 0 ? " | " : "", one->name);
        if (one->qualifier != NULL) {
            g_string_append_printf(text, ":%s", one->qualifier);
        }
        if (one->relation != DEBIAN_ANY) {
            g_string_append_printf(text, " (%s %s)", debian_relation_text(one->relation), one->version);
        }
    }
    return g_string_free(text, FALSE);
}
