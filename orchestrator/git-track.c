/* git-track.c - the newest of the branches and tags that match a pattern, as git_repo tracks. */
#include "source-git.h"

#include <string.h>

#define PEELED     "^{}"
#define SHA_LENGTH 40

/* ---- Names -------------------------------------------------------------------------------------------------------------------------- */

/* A set in brackets; *pattern is behind the opening one and moves behind the closing one. */
static gboolean matches_set(const char **pattern, char c)
{
    const char *p = *pattern;
    gboolean inverted = *p == '!', found = FALSE;
    p += inverted ? 1 : 0;
    for (const char *first = p; *p != ']' || p == first; p++) {
        if (p[1] == '-' && p[2] != ']') {
            found |= *p <= c && c <= p[2];
            p += 2;
        } else {
            found |= *p == c;
        }
    }
    *pattern = p + 1;
    return found != inverted;
}

/* A bracket without its end stands for itself. */
static gboolean opens_set(const char *pattern)
{
    if (*pattern != '[') {
        return FALSE;
    }
    const char *p = pattern + 1;
    p += *p == '!' ? 1 : 0;
    p += *p == ']' ? 1 : 0;
    return strchr(p, ']') != NULL;
}

static gboolean matches(const char *pattern, const char *text)
{
    const char *star = NULL, *star_text = NULL;
    while (*text != '\0') {
        const char *next = pattern + 1;
        gboolean fits;
        if (*pattern == '*') {
            star = pattern++;
            star_text = text;
            continue;
        }
        if (opens_set(pattern)) {
            fits = matches_set(&next, *text);
        } else {
            fits = *pattern != '\0' && (*pattern == '?' || *pattern == *text);
        }
        if (fits) {
            pattern = next;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++star_text;
        } else {
            return FALSE;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

gboolean git_ref_matches(const char *ref, const char *pattern)
{
    static const char *const prefixes[] = {"refs/heads/", "refs/tags/"};
    if (g_str_has_prefix(pattern, "refs/")) {
        return matches(pattern, ref);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(ref, prefixes[i])) {
            return matches(pattern, ref + strlen(prefixes[i]));
        }
    }
    return FALSE;
}

/* The next run of letters or digits; *length 0 at the end. */
static const char *next_part(const char *text, gsize *length)
{
    while (*text != '\0' && !g_ascii_isalnum(*text)) {
        text++;
    }
    gboolean digits = g_ascii_isdigit(*text);
    for (*length = 0; text[*length] != '\0'; (*length)++) {
        if (digits ? !g_ascii_isdigit(text[*length]) : !g_ascii_isalpha(text[*length])) {
            break;
        }
    }
    return text;
}

static int compare_numbers(const char *a, gsize a_length, const char *b, gsize b_length)
{
    for (; a_length > 1 && *a == '0'; a++) {
        a_length--;
    }
    for (; b_length > 1 && *b == '0'; b++) {
        b_length--;
    }
    return a_length != b_length ? (a_length < b_length ? -1 : 1) : strncmp(a, b, a_length);
}

static int compare_letters(const char *a, gsize a_length, const char *b, gsize b_length)
{
    int order = strncmp(a, b, MIN(a_length, b_length));
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

int git_version_compare(const char *a, const char *b)
{
    for (;;) {
        gsize a_length, b_length;
        a = next_part(a, &a_length);
        b = next_part(b, &b_length);
        if (a_length == 0 || b_length == 0) {
            return (a_length > 0) - (b_length > 0);
        }
        gboolean a_digit = g_ascii_isdigit(*a), b_digit = g_ascii_isdigit(*b);
        int order = a_digit != b_digit ? (a_digit ? 1 : -1)
                    : a_digit          ? compare_numbers(a, a_length, b, b_length)
                                       : compare_letters(a, a_length, b, b_length);
        if (order != 0) {
            return order;
        }
        a += a_length;
        b += b_length;
    }
}

/* ---- Choosing ----------------------------------------------------------------------------------------------------------------------- */

static gboolean is_wanted(const char *ref, const GitTracking *tracking)
{
    if (!git_ref_matches(ref, tracking->pattern)) {
        return FALSE;
    }
    for (const char *const *pattern = tracking->exclude; pattern != NULL && *pattern != NULL; pattern++) {
        if (git_ref_matches(ref, *pattern)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* `lines`: "SHA\tREF" each.  *name and *sha are of the newest, the sha of the commit that an annotated tag names. */
static gboolean choose(char **lines, const GitTracking *tracking, const char **name, char **sha)
{
    g_autofree char *peeled = NULL;
    *name = NULL;
    for (char **line = lines; *line != NULL; line++) {
        const char *ref = strlen(*line) > SHA_LENGTH && (*line)[SHA_LENGTH] == '\t' ? *line + SHA_LENGTH + 1 : NULL;
        if (ref != NULL && !g_str_has_suffix(ref, PEELED) && is_wanted(ref, tracking) &&
            (*name == NULL || git_version_compare(ref, *name) > 0)) {
            *name = ref;
            *sha = *line;
        }
    }
    if (*name == NULL) {
        return FALSE;
    }
    peeled = g_strconcat(*name, PEELED, NULL);
    for (char **line = lines; *line != NULL; line++) {
        if (strlen(*line) > SHA_LENGTH && strcmp(*line + SHA_LENGTH + 1, peeled) == 0) {
            *sha = *line;
        }
    }
    *sha = g_strndup(*sha, SHA_LENGTH);
    return TRUE;
}

/* ---- Describing --------------------------------------------------------------------------------------------------------------------- */

/* Tags by the commit that they name, at last. */
static GHashTable *tags_by_commit(const Git *git, GError **error)
{
    g_autofree char *output = NULL;
    GHashTable *tags = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!git_run(git,
                 GIT_ARGUMENTS("for-each-ref", "--format=%(objectname) %(*objectname) %(refname:strip=2)", "refs/tags"),
                 "Failed to list tags", NULL, &output, error)) {
        g_hash_table_unref(tags);
        return NULL;
    }
    g_auto(GStrv) rows = g_strsplit(output, "\n", -1);
    for (char **row = rows; *row != NULL; row++) {
        g_auto(GStrv) words = g_strsplit(*row, " ", 3);
        if (g_strv_length(words) == 3) {
            g_hash_table_insert(tags, g_strdup(*words[1] != '\0' ? words[1] : words[0]), g_strdup(words[2]));
        }
    }
    return tags;
}

/* The first commit with a tag, newest first, and how many came before it. */
static char *describe(const Git *git, const char *sha, GError **error)
{
    g_autofree char *output = NULL;
    GHashTable *tags = tags_by_commit(git, error);
    guint count = 0;
    char *found = NULL;
    if (tags == NULL) {
        return NULL;
    }
    gboolean ok = git_run(git, GIT_ARGUMENTS("rev-list", sha), "Failed to list commits", NULL, &output, error);
    for (const char *line = output; ok && found == NULL && *line != '\0'; count++) {
        g_autofree char *commit = g_strndup(line, strcspn(line, "\n"));
        const char *tag = g_hash_table_lookup(tags, commit);
        if (tag != NULL) {
            found = g_strdup_printf("%s-%u-g%s", tag, count, sha);
        }
        line += strcspn(line, "\n");
        line += *line != '\0' ? 1 : 0;
    }
    g_hash_table_unref(tags);
    return found != NULL || !ok ? found : g_strdup(sha);
}

char *git_track_newest(const Source *source, const SourceContext *context, const GitTracking *tracking, GError **error)
{
    g_auto(GitMirror) mirror = {NULL};
    const char *name;
    g_autofree char *sha = NULL;
    git_mirror_init(&mirror, source, context, tracking->url);
    g_autofree char *listing = git_mirror_list_refs(&mirror, SOURCE_URL_TRACK, error);
    if (listing == NULL) {
        return NULL;
    }
    g_auto(GStrv) lines = g_strsplit(listing, "\n", -1);
    if (!choose(lines, tracking, &name, &sha)) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "No matching refs");
        return NULL;
    }
    event_send(context->events, EVENT_STATUS, "track", NULL, "Tracked %s: %s", name, sha);
    if (!tracking->describe) {
        return g_steal_pointer(&sha);
    }
    if (strstr(name, "tags") != NULL) {
        const char *tag = strchr(name, '/') != NULL ? strchr(strchr(name, '/') + 1, '/') : NULL;
        return g_strdup_printf("%s-0-g%s", tag != NULL ? tag + 1 : name, sha);
    }
    const Git git = {.repository = mirror.full, .cancellable = context->cancellable};
    return git_mirror_fetch_all(&mirror, NULL, SOURCE_URL_TRACK, error) ? describe(&git, sha, error) : NULL;
}
