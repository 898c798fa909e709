/*
 * Response files.  A name that cannot be opened is a file's name to gcc, with its "@"; here it is a reason to keep out.
 *
 * gcc up to 14 and clang take a backslash before any character, also between quotes; gcc 15 does as a shell does.  So a backslash between quotes, or before
 * the end of a line, is ambiguous; so is whatever else only one of them takes: a quote that does not end, NUL, a byte order mark.
 */
#include "compile-parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    int cwd_fd, root_fd;
    guint files;
    gsize bytes;
    guint depth;
    GPtrArray *arguments;
    char *culprit;
} Expansion;

#define DEPTH_MAX 16

static gboolean is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* One argument from *at on; FALSE if it is ambiguous. */
static gboolean take_argument(const char **at, const char *end, GString *argument)
{
    char quote = '\0';
    const char *c = *at;
    for (; c < end && (quote != '\0' || !is_space(*c)); c++) {
        if (*c == '\0')
            return FALSE;
        if (*c == '\\') {
            if (quote != '\0' || c + 1 == end || c[1] == '\n' || c[1] == '\r' || c[1] == '\0')
                return FALSE;
            g_string_append_c(argument, *++c);
        } else if (quote != '\0' && *c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*c == '"' || *c == '\'')) {
            quote = *c;
        } else {
            g_string_append_c(argument, *c);
        }
    }
    *at = c;
    return quote == '\0';
}

gboolean compile_response_split(const char *text, gsize length, GPtrArray *arguments)
{
    const char *at = text, *end = text + length;
    if (length >= 2 && ((guchar)text[0] >= 0xfe || g_str_has_prefix(text, "\xef\xbb\xbf")))
        return FALSE;
    for (;;) {
        while (at < end && is_space(*at))
            at++;
        if (at == end)
            return TRUE;
        g_autoptr(GString) argument = g_string_new(NULL);
        if (!take_argument(&at, end, argument) || arguments->len >= COMPILE_RESPONSE_ARGUMENTS_MAX)
            return FALSE;
        g_ptr_array_add(arguments, g_string_free(g_steal_pointer(&argument), FALSE));
    }
}

static int open_beneath(Expansion *expansion, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_NO_MAGICLINKS};
    int base = name[0] == '/' ? expansion->root_fd : expansion->cwd_fd;
    how.resolve |= name[0] == '/' ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
    return base == -1 ? -1 : (int)syscall(SYS_openat2, base, name, &how, sizeof how);
}

static char *read_limited(Expansion *expansion, int fd, gsize *length)
{
    struct stat found;
    gsize limit = COMPILE_RESPONSE_SIZE_MAX - expansion->bytes;
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode) || found.st_size < 0 || (gsize)found.st_size > limit)
        return NULL;
    g_autofree char *text = g_try_malloc(limit + 1);
    for (*length = 0; text != NULL && *length <= limit;) {
        ssize_t count = read(fd, text + *length, limit + 1 - *length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return NULL;
        if (count == 0) {
            text[*length] = '\0';
            expansion->bytes += *length;
            return g_steal_pointer(&text);
        }
        *length += (gsize)count;
    }
    return NULL; /* it grew */
}

static char *read_response(Expansion *expansion, const char *name, gsize *length)
{
    int fd = expansion->files++ < COMPILE_RESPONSE_FILES_MAX ? open_beneath(expansion, name) : -1;
    if (fd < 0)
        return NULL;
    char *text = read_limited(expansion, fd, length);
    close(fd);
    return text;
}

static gboolean expand(Expansion *expansion, const char *argument);

static gboolean expand_file(Expansion *expansion, const char *name)
{
    gsize length;
    g_autofree char *text = expansion->depth < DEPTH_MAX ? read_response(expansion, name, &length) : NULL;
    g_autoptr(GPtrArray) inside = g_ptr_array_new_with_free_func(g_free);
    if (text == NULL || !compile_response_split(text, length, inside))
        return FALSE;
    gboolean good = TRUE;
    expansion->depth++;
    for (guint i = 0; good && i < inside->len; i++)
        good = expand(expansion, g_ptr_array_index(inside, i));
    expansion->depth--;
    return good;
}

static gboolean expand(Expansion *expansion, const char *argument)
{
    if (argument[0] == '@') {
        if (expand_file(expansion, argument + 1))
            return TRUE;
        if (expansion->culprit == NULL)
            expansion->culprit = g_strdup(argument);
        return FALSE;
    }
    if (expansion->arguments->len >= COMPILE_RESPONSE_ARGUMENTS_MAX)
        return FALSE;
    g_ptr_array_add(expansion->arguments, g_strdup(argument));
    return TRUE;
}

GPtrArray *compile_response_expand(char *const *argv, int cwd_fd, int root_fd, char **culprit)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
    Expansion expansion = {.cwd_fd = cwd_fd, .root_fd = root_fd, .arguments = arguments};
    if (argv[0] != NULL)
        g_ptr_array_add(arguments, g_strdup(argv[0]));
    for (guint i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        if (!expand(&expansion, argv[i])) {
            *culprit = expansion.culprit ? expansion.culprit : g_strdup(argv[i]);
            return NULL;
        }
    }
    return g_steal_pointer(&arguments);
}
