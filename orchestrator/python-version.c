/*
 * python-version.c - see python-version.h.
 *
 * [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]: compared part by part; what is missing sorts as PEP 440 says.
 */
#include "python-version.h"

#include <string.h>

#define MAX_SEGMENTS 16
#define MAX_NUMBER   G_GUINT64_CONSTANT(1000000000000000)

/* Of parts that are missing: before all numbers, and behind them. */
#define NONE_LOW  (-1)
#define NONE_HIGH G_MAXINT64

typedef struct {
    gint64 epoch, release[MAX_SEGMENTS];
    guint segments;
    gint64 pre_kind, pre, post, dev; /* pre_kind: 0 a, 1 b, 2 rc */
    gboolean has_pre, has_post, has_dev;
    const char *local; /* behind the +, or NULL */
} Version;

/* ---- Parsing ---- */

static gboolean take_number(const char **at, gint64 *out)
{
    if (!g_ascii_isdigit(**at)) {
        return FALSE;
    }
    guint64 number = g_ascii_strtoull(*at, (char **)at, 10);
    *out = (gint64)MIN(number, MAX_NUMBER);
    return TRUE;
}

/* One of `words`, whatever separates it, with an optional number behind it (0 without). */
static gboolean take_word(const char **at, const char *const *words, guint *which, gint64 *number)
{
    const char *start = *at + (**at != '\0' && strchr(".-_", **at) != NULL);
    for (guint i = 0; words[i] != NULL; i++) {
        gsize length = strlen(words[i]);
        if (g_ascii_strncasecmp(start, words[i], length) != 0) {
            continue;
        }
        const char *next = start + length;
        const char *digits = next + (*next != '\0' && strchr(".-_", *next) != NULL);
        *number = 0;
        *at = take_number(&digits, number) ? digits : next;
        *which = i;
        return TRUE;
    }
    return FALSE;
}

static gboolean take_release(const char **at, Version *out)
{
    const char *next = *at;
    if (!take_number(&next, &out->release[0])) {
        return FALSE;
    }
    if (*next == '!') {
        out->epoch = out->release[0];
        next++;
        if (!take_number(&next, &out->release[0])) {
            return FALSE;
        }
    }
    out->segments = 1;
    while (*next == '.' && g_ascii_isdigit(next[1])) {
        next++;
        if (out->segments == MAX_SEGMENTS || !take_number(&next, &out->release[out->segments++])) {
            return FALSE;
        }
    }
    *at = next;
    return TRUE;
}

static void take_suffixes(const char **at, Version *out)
{
    static const char *const pre[] = {"alpha", "beta", "preview", "pre", "rc", "a", "b", "c", NULL};
    static const gint64 pre_kinds[] = {0, 1, 2, 2, 2, 0, 1, 2};
    static const char *const post[] = {"post", "rev", "r", NULL};
    static const char *const dev[] = {"dev", NULL};
    guint which = 0;
    out->has_pre = take_word(at, pre, &which, &out->pre);
    out->pre_kind = pre_kinds[which];
    out->has_post = take_word(at, post, &which, &out->post);
    if (!out->has_post && **at == '-' && g_ascii_isdigit((*at)[1])) {
        (*at)++;
        out->has_post = take_number(at, &out->post);
    }
    out->has_dev = take_word(at, dev, &which, &out->dev);
}

/* `end`: where the version ended. */
static gboolean parse(const char *text, Version *out, const char **end)
{
    const char *at = text + (*text == 'v' || *text == 'V');
    *out = (Version){0};
    if (!take_release(&at, out)) {
        return FALSE;
    }
    take_suffixes(&at, out);
    if (*at == '+') {
        out->local = at + 1;
        at += strlen(at);
    }
    *end = at;
    return TRUE;
}

/* ---- Comparing ---- */

static int compare_numbers(gint64 a, gint64 b)
{
    return a < b ? -1 : a > b;
}

static int compare_release(const Version *a, const Version *b, guint segments)
{
    int order = compare_numbers(a->epoch, b->epoch);
    for (guint i = 0; order == 0 && i < segments; i++) {
        order = compare_numbers(a->release[i], b->release[i]);
    }
    return order;
}

/* Before the public part of a version was that of a lone .dev release; without any suffix it comes last. */
static gint64 pre_rank(const Version *version)
{
    if (version->has_pre) {
        return version->pre_kind;
    }
    return !version->has_post && version->has_dev ? NONE_LOW : NONE_HIGH;
}

static int compare_public(const Version *a, const Version *b)
{
    const gint64 parts[][2] = {
        {pre_rank(a), pre_rank(b)},
        {a->has_pre ? a->pre : 0, b->has_pre ? b->pre : 0},
        {a->has_post ? a->post : NONE_LOW, b->has_post ? b->post : NONE_LOW},
        {a->has_dev ? a->dev : NONE_HIGH, b->has_dev ? b->dev : NONE_HIGH},
    };
    int order = compare_release(a, b, MAX_SEGMENTS);
    for (gsize i = 0; order == 0 && i < G_N_ELEMENTS(parts); i++) {
        order = compare_numbers(parts[i][0], parts[i][1]);
    }
    return order;
}

/* ---- Specifiers ---- */

static const char *const relations[] = {"===", "==", "!=", "<=", ">=", "~=", "<", ">", NULL};

static gboolean equals(const Version *version, const Version *wanted, gboolean prefix)
{
    if (prefix) {
        return compare_release(version, wanted, wanted->segments) == 0;
    }
    return compare_public(version, wanted) == 0 &&
           (wanted->local == NULL ||
            (version->local != NULL && g_ascii_strcasecmp(version->local, wanted->local) == 0));
}

/* What is older than 2 is not a pre-release of 2. */
static gboolean is_less(const Version *version, const Version *wanted)
{
    gboolean pre = version->has_pre || version->has_dev, wanted_pre = wanted->has_pre || wanted->has_dev;
    return compare_public(version, wanted) < 0 &&
           !(pre && !wanted_pre && compare_release(version, wanted, MAX_SEGMENTS) == 0);
}

/* What is newer than 2 is not a post-release of 2. */
static gboolean is_greater(const Version *version, const Version *wanted)
{
    return compare_public(version, wanted) > 0 &&
           !(version->has_post && !wanted->has_post && compare_release(version, wanted, MAX_SEGMENTS) == 0);
}

static gboolean is_compatible(const Version *version, const Version *wanted)
{
    return compare_public(version, wanted) >= 0 && compare_release(version, wanted, wanted->segments - 1) == 0;
}

static gboolean compare_as(const char *relation, const Version *version, const Version *wanted, gboolean prefix)
{
    switch (relation[0]) {
    case '=':
        return equals(version, wanted, prefix);
    case '!':
        return !equals(version, wanted, prefix);
    case '~':
        return is_compatible(version, wanted);
    case '<':
        return relation[1] == '=' ? compare_public(version, wanted) <= 0 : is_less(version, wanted);
    default:
        return relation[1] == '=' ? compare_public(version, wanted) >= 0 : is_greater(version, wanted);
    }
}

static gboolean satisfies(const char *version, char *specifier, gboolean *valid)
{
    const char *relation = NULL, *end = NULL;
    Version wanted, is;
    g_strstrip(specifier);
    for (gsize i = 0; relation == NULL && relations[i] != NULL; i++) {
        relation = g_str_has_prefix(specifier, relations[i]) ? relations[i] : NULL;
    }
    const char *text = relation != NULL ? specifier + strlen(relation) : NULL;
    while (text != NULL && g_ascii_isspace(*text)) {
        text++;
    }
    if (text == NULL || *text == '\0') {
        *valid = FALSE;
        return FALSE;
    }
    if (strcmp(relation, "===") == 0) {
        return g_ascii_strcasecmp(version, text) == 0;
    }
    gboolean ok = parse(text, &wanted, &end);
    gboolean prefix = ok && strcmp(end, ".*") == 0 && relation[1] == '=' && strchr("=!", relation[0]) != NULL;
    if (!ok || (*end != '\0' && !prefix) || (relation[0] == '~' && wanted.segments < 2)) {
        *valid = FALSE;
        return FALSE;
    }
    return parse(version, &is, &end) && *end == '\0' && compare_as(relation, &is, &wanted, prefix);
}

gboolean python_version_satisfies(const char *version, const char *specifiers, gboolean *valid)
{
    g_autofree char *all = g_strstrip(g_strdup(specifiers));
    gboolean fits = TRUE;
    *valid = TRUE;
    if (*all == '\0') {
        return TRUE;
    }
    g_auto(GStrv) parts = g_strsplit(all, ",", -1);
    for (char **part = parts; *part != NULL && *valid; part++) {
        fits &= *g_strstrip(*part) == '\0' || satisfies(version, *part, valid);
    }
    return fits && *valid;
}
