/* netrc.c - see netrc.h */
#include "netrc.h"

#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES ((off_t)1 << 20)

/* The next word, which may be in quotes; NULL at the end. */
static char *take_word(const char **at)
{
    while (g_ascii_isspace(**at)) {
        (*at)++;
    }
    if (**at == '\0') {
        return NULL;
    }
    gboolean quoted = **at == '"';
    GString *word = g_string_new(NULL);
    *at += quoted;
    while (**at != '\0' && (quoted ? **at != '"' : !g_ascii_isspace(**at))) {
        *at += **at == '\\' && (*at)[1] != '\0';
        g_string_append_c(word, *(*at)++);
    }
    *at += quoted && **at == '"';
    return g_string_free(word, FALSE);
}

static void skip_line(const char **at)
{
    *at += strcspn(*at, "\n");
}

/* A macro goes on until an empty line. */
static void skip_macro(const char **at)
{
    const char *end = strstr(*at, "\n\n");
    *at = end != NULL ? end : *at + strlen(*at);
}

char *netrc_find_password(const char *text, const char *host)
{
    gboolean inside = FALSE;
    for (char *word; (word = take_word(&text)) != NULL; g_free(word)) {
        if (*word == '#') {
            skip_line(&text);
        } else if (strcmp(word, "macdef") == 0) {
            skip_macro(&text);
        } else if (strcmp(word, "default") == 0) {
            inside = TRUE;
        } else {
            g_autofree char *value = take_word(&text);
            if (strcmp(word, "machine") == 0) {
                inside = g_strcmp0(value, host) == 0;
            } else if (inside && strcmp(word, "password") == 0) {
                g_free(word);
                return g_steal_pointer(&value);
            }
        }
    }
    return NULL;
}

char *netrc_password(const char *url)
{
    const char *home = g_getenv("HOME");
    g_autofree char *path = g_build_filename(home != NULL ? home : "/", ".netrc", NULL), *text = NULL;
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
    struct stat status;
    if (uri == NULL || g_uri_get_host(uri) == NULL || stat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size > FILE_MAX_BYTES || !g_file_get_contents(path, &text, NULL, NULL)) {
        return NULL;
    }
    return netrc_find_password(text, g_uri_get_host(uri));
}
