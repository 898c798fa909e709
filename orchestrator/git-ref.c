/* git-ref.c - refs that are commits, or what `git describe` says of them. */
#include "source-git.h"

#include <string.h>

#define SHA_LENGTH 40

const char *const git_ref_formats[] = {"sha1", "git-describe", NULL};

const char *git_strip_tag(const char *ref)
{
    const char *last = ref;
    for (const char *next = ref; (next = strstr(next, "-g")) != NULL;) {
        next += 2;
        last = next;
    }
    return last;
}

char *git_exact_tag(const char *ref)
{
    const char *last = g_strrstr(ref, "-0-g");
    return last != NULL ? g_strndup(ref, (gsize)(last - ref)) : NULL;
}

static gboolean is_sha(const char *text)
{
    return strspn(text, "0123456789abcdef") >= SHA_LENGTH;
}

/* The last "-COUNT-g" with a commit behind it; the tag is all before. */
static const char *find_describe(const char *text, const char **count)
{
    for (const char *at = text + strlen(text); at-- > text;) {
        if (strncmp(at, "-g", 2) != 0 || !is_sha(at + 2)) {
            continue;
        }
        const char *digits = at;
        while (digits > text && g_ascii_isdigit(digits[-1])) {
            digits--;
        }
        if (digits < at && digits > text && digits[-1] == '-') {
            *count = digits;
            return at + 2;
        }
    }
    return NULL;
}

gboolean git_ref_parse(Arena *arena, const char *text, GitRef *out)
{
    const char *count = NULL;
    const char *sha = strchr(text, '\n') == NULL ? find_describe(text, &count) : NULL;
    *out = (GitRef){.tag = NULL};
    if (sha != NULL) {
        out->tag = arena_strndup(arena, text, (gsize)(count - 1 - text));
        out->commits = arena_strndup(arena, count, (gsize)(sha - 2 - count));
    } else if (is_sha(text)) {
        sha = text;
    } else {
        return FALSE;
    }
    out->sha = arena_strndup(arena, sha, SHA_LENGTH);
    return TRUE;
}
