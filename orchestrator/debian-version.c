/*
 * debian-version.c - the order of Debian's version numbers (Debian Policy 5.6.12).
 *
 * Epochs compare as numbers; then the upstream parts, then the revisions, each as alternating pieces of text and digits.  In text letters
 * sort before everything else, and `~` even before the end.
 */
#include "debian-version.h"

#include <string.h>

typedef struct {
    const char *text;
    gsize length;
} Part;

typedef struct {
    Part epoch, upstream, revision;
} Version;

static Version split(const char *text)
{
    Version version = {0};
    const char *colon = strchr(text, ':');
    if (colon != NULL) {
        version.epoch = (Part){text, (gsize)(colon - text)};
        text = colon + 1;
    }
    const char *dash = strrchr(text, '-');
    version.upstream = (Part){text, dash != NULL ? (gsize)(dash - text) : strlen(text)};
    if (dash != NULL) {
        version.revision = (Part){dash + 1, strlen(dash + 1)};
    }
    return version;
}

static int weight(const Part *part, gsize at)
{
    if (at >= part->length || g_ascii_isdigit(part->text[at])) {
        return 0;
    }
    if (part->text[at] == '~') {
        return -1;
    }
    return g_ascii_isalpha(part->text[at]) ? (guchar)part->text[at] : (guchar)part->text[at] + 256;
}

static gboolean is_text(const Part *part, gsize at)
{
    return at < part->length && !g_ascii_isdigit(part->text[at]);
}

static gboolean is_digit(const Part *part, gsize at)
{
    return at < part->length && g_ascii_isdigit(part->text[at]);
}

/* Two runs of digits of any length; both positions end behind them. */
static int compare_digits(const Part *a, gsize *i, const Part *b, gsize *j)
{
    int first = 0;
    while (*i < a->length && a->text[*i] == '0') {
        (*i)++;
    }
    while (*j < b->length && b->text[*j] == '0') {
        (*j)++;
    }
    for (; is_digit(a, *i) && is_digit(b, *j); (*i)++, (*j)++) {
        if (first == 0) {
            first = a->text[*i] - b->text[*j];
        }
    }
    if (is_digit(a, *i) != is_digit(b, *j)) {
        return is_digit(a, *i) ? 1 : -1;
    }
    return first;
}

static int compare_parts(const Part *a, const Part *b)
{
    gsize i = 0, j = 0;
    while (i < a->length || j < b->length) {
        while (is_text(a, i) || is_text(b, j)) {
            int difference = weight(a, i) - weight(b, j);
            if (difference != 0) {
                return difference;
            }
            i++;
            j++;
        }
        i = MIN(i, a->length);
        j = MIN(j, b->length);
        int difference = compare_digits(a, &i, b, &j);
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}

int debian_version_compare(const char *a, const char *b)
{
    Version left = split(a), right = split(b);
    int difference = compare_parts(&left.epoch, &right.epoch);
    if (difference == 0) {
        difference = compare_parts(&left.upstream, &right.upstream);
    }
    return difference != 0 ? difference : compare_parts(&left.revision, &right.revision);
}

static gboolean only(const Part *part, const char *punctuation)
{
    for (gsize i = 0; i < part->length; i++) {
        if (!g_ascii_isalnum(part->text[i]) && strchr(punctuation, part->text[i]) == NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean debian_version_is_valid(const char *text)
{
    Version version = split(text);
    if (strlen(text) > 512 || version.upstream.length == 0 || !g_ascii_isdigit(version.upstream.text[0])) {
        return FALSE;
    }
    for (gsize i = 0; i < version.epoch.length; i++) {
        if (!g_ascii_isdigit(version.epoch.text[i])) {
            return FALSE;
        }
    }
    if (version.epoch.text != NULL && (version.epoch.length == 0 || version.epoch.length > 9)) {
        return FALSE;
    }
    return only(&version.upstream, ".+-~:") && only(&version.revision, ".+~");
}

gboolean debian_relation_holds(const char *version, DebianRelation relation, const char *wanted)
{
    if (relation == DEBIAN_ANY) {
        return TRUE;
    }
    int difference = debian_version_compare(version, wanted);
    switch (relation) {
    case DEBIAN_EARLIER:
        return difference < 0;
    case DEBIAN_EARLIER_EQUAL:
        return difference <= 0;
    case DEBIAN_EQUAL:
        return difference == 0;
    case DEBIAN_LATER_EQUAL:
        return difference >= 0;
    default:
        return difference > 0;
    }
}

const char *debian_relation_text(DebianRelation relation)
{
    static const char *const texts[] = {"", "<<", "<=", "=", ">=", ">>"};
    return texts[relation];
}
