/* python-version.c - see python-version.h. */
#include "python-version-private.h"

#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------------------------------------------- */

static char *number_new(const char *digits, gsize length)
{
    while (length > 1 && *digits == '0') {
        digits++;
        length--;
    }
    return length > 0 ? g_strndup(digits, length) : g_strdup("0");
}

static gsize count_digits(const char *at)
{
    return strspn(at, "0123456789");
}

static char *take_number(const char **at)
{
    gsize length = count_digits(*at);
    char *number = number_new(*at, length);
    *at += length;
    return number;
}

static const char *after_separator(const char *at)
{
    return *at != '\0' && strchr("-_.", *at) != NULL ? at + 1 : at;
}

/* One of `words`, with separators around and a number after it, which may be missing. */
static char *take_tagged(const char **at, const char *const *words, gsize count, gsize *which)
{
    const char *start = after_separator(*at);
    for (gsize i = 0; i < count; i++) {
        if (!g_str_has_prefix(start, words[i])) {
            continue;
        }
        *which = i;
        *at = after_separator(start + strlen(words[i]));
        return take_number(at);
    }
    return NULL;
}

static void take_pre(PythonVersion *version, const char **at)
{
    static const char *const words[] = {"alpha", "a", "beta", "b", "preview", "pre", "c", "rc"};
    static const char *const stages[] = {"a", "a", "b", "b", "rc", "rc", "rc", "rc"};
    gsize which;
    version->pre = take_tagged(at, words, G_N_ELEMENTS(words), &which);
    if (version->pre != NULL) {
        version->stage = stages[which];
    }
}

static void take_post(PythonVersion *version, const char **at)
{
    static const char *const words[] = {"post", "rev", "r"};
    gsize which;
    if (**at == '-' && count_digits(*at + 1) > 0) {
        (*at)++;
        version->post = take_number(at);
    } else {
        version->post = take_tagged(at, words, G_N_ELEMENTS(words), &which);
    }
}

static gboolean take_local(PythonVersion *version, const char **at)
{
    if (**at != '+') {
        return TRUE;
    }
    g_auto(GStrv) parts = g_strsplit_set(*at + 1, "-_.", -1);
    if (parts[0] == NULL) {
        return FALSE;
    }
    for (char **part = parts; *part != NULL; part++) {
        gsize digits = count_digits(*part), length = strlen(*part);
        if (length == 0 || strspn(*part, "abcdefghijklmnopqrstuvwxyz0123456789") != length) {
            return FALSE;
        }
        if (digits == length) {
            char *number = number_new(*part, length);
            g_free(*part);
            *part = number;
        }
    }
    *at += strlen(*at);
    version->local = g_steal_pointer(&parts);
    return TRUE;
}

static gboolean take_release(PythonVersion *version, const char **at)
{
    *at += **at == 'v';
    gsize length = count_digits(*at);
    if (length > 0 && (*at)[length] == '!') {
        version->epoch = take_number(at);
        (*at)++;
    }
    if (count_digits(*at) == 0) {
        return FALSE;
    }
    g_ptr_array_add(version->release, take_number(at));
    while (**at == '.' && count_digits(*at + 1) > 0) {
        (*at)++;
        g_ptr_array_add(version->release, take_number(at));
    }
    return TRUE;
}

static char *normal_text(const PythonVersion *version)
{
    GString *out = g_string_new(NULL);
    if (version->epoch != NULL && strcmp(version->epoch, "0") != 0) {
        g_string_append_printf(out, "%s!", version->epoch);
    }
    for (guint i = 0; i < version->release->len; i++) {
        g_string_append_printf(out, "%s%s", i > 0 ? "." : "", (const char *)version->release->pdata[i]);
    }
    if (version->pre != NULL) {
        g_string_append_printf(out, "%s%s", version->stage, version->pre);
    }
    if (version->post != NULL) {
        g_string_append_printf(out, ".post%s", version->post);
    }
    if (version->dev != NULL) {
        g_string_append_printf(out, ".dev%s", version->dev);
    }
    for (char **part = version->local; part != NULL && *part != NULL; part++) {
        g_string_append_printf(out, "%c%s", part == version->local ? '+' : '.', *part);
    }
    return g_string_free(out, FALSE);
}

PythonVersion *python_version_parse(const char *text, gsize length)
{
    static const char *const dev[] = {"dev"};
    g_autofree char *lower = g_ascii_strdown(text, (gssize)length);
    const char *at = g_strstrip(lower);
    gsize which;
    g_autoptr(PythonVersion) version = g_new0(PythonVersion, 1);
    version->release = g_ptr_array_new_with_free_func(g_free);
    if (memchr(text, '\0', length) != NULL || !take_release(version, &at)) {
        return NULL;
    }
    take_pre(version, &at);
    take_post(version, &at);
    version->dev = take_tagged(&at, dev, 1, &which);
    if (!take_local(version, &at) || *at != '\0') {
        return NULL;
    }
    version->text = normal_text(version);
    return g_steal_pointer(&version);
}

void python_version_free(PythonVersion *version)
{
    if (version != NULL) {
        g_free(version->epoch);
        g_free(version->pre);
        g_free(version->post);
        g_free(version->dev);
        g_ptr_array_unref(version->release);
        g_strfreev(version->local);
        g_free(version->text);
        g_free(version);
    }
}

/* ---- Order ----------------------------------------------------------------------------------------------------------------------- */

static int compare_numbers(const char *a, const char *b)
{
    gsize one = strlen(a), other = strlen(b);
    return one != other ? (one < other ? -1 : 1) : strcmp(a, b);
}

int python_version_compare_release(const PythonVersion *a, const PythonVersion *b, guint parts)
{
    const GPtrArray *one = a->release, *other = b->release;
    int order = compare_numbers(a->epoch != NULL ? a->epoch : "0", b->epoch != NULL ? b->epoch : "0");
    for (guint i = 0; order == 0 && i < MIN(parts, MAX(one->len, other->len)); i++) {
        order = compare_numbers(i < one->len ? one->pdata[i] : "0", i < other->len ? other->pdata[i] : "0");
    }
    return order;
}

/* Where a version stands among those of its release: a development version of the release itself first, then its stages, then it. */
static int rank(const PythonVersion *version)
{
    if (version->pre != NULL) {
        return version->stage[0];
    }
    return version->post == NULL && version->dev != NULL ? 0 : 'z';
}

/* `absent`: what having no number means against any. */
static int compare_optional(const char *a, const char *b, int absent)
{
    if (a == NULL || b == NULL) {
        return (a == NULL) == (b == NULL) ? 0 : a == NULL ? absent : -absent;
    }
    return compare_numbers(a, b);
}

int python_version_compare_local(const PythonVersion *one, const PythonVersion *other)
{
    char **a = one->local, **b = other->local;
    if (a == NULL || b == NULL) {
        return (a != NULL) - (b != NULL);
    }
    for (; *a != NULL && *b != NULL; a++, b++) {
        gboolean number = g_ascii_isdigit(**a) && (*a)[count_digits(*a)] == '\0';
        gboolean also = g_ascii_isdigit(**b) && (*b)[count_digits(*b)] == '\0';
        int order = number != also ? (number ? 1 : -1) : number ? compare_numbers(*a, *b) : strcmp(*a, *b);
        if (order != 0) {
            return order;
        }
    }
    return (*a != NULL) - (*b != NULL);
}

int python_version_compare_public(const PythonVersion *a, const PythonVersion *b)
{
    int order = python_version_compare_release(a, b, G_MAXUINT);
    if (order == 0) {
        order = rank(a) - rank(b);
    }
    if (order == 0 && a->pre != NULL) {
        order = compare_numbers(a->pre, b->pre);
    }
    if (order == 0) {
        order = compare_optional(a->post, b->post, -1);
    }
    return order != 0 ? order : compare_optional(a->dev, b->dev, 1);
}

int python_version_compare(const PythonVersion *a, const PythonVersion *b)
{
    int order = python_version_compare_public(a, b);
    return order != 0 ? order : python_version_compare_local(a, b);
}

gboolean python_version_is_prerelease(const PythonVersion *version)
{
    return version->pre != NULL || version->dev != NULL;
}

const char *python_version_text(const PythonVersion *version)
{
    return version->text;
}
