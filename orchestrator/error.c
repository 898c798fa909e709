/*
 * error.c - the folder's GError: BuildStream's vocabulary as its private data.
 *
 * Everything a report needs is copied when the error is made, because an error outlives the arena of the project it is about.
 */
#include "error.h"
#include "node.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a text that has the user's texts in it, this much is shown. */
#define MESSAGE_MAX ((gsize)64 << 10)

/* A file that grew to something absurd is not read again just to quote one line of it. */
#define QUOTE_MAX_FILE   (16 << 20)
#define QUOTE_MAX_LINE   240
#define MAX_INCLUDE_SHOW 16
#define SUGGEST_MAX_WORD 128

typedef struct {
    char *reason;
    char *provenance;
    char *detail;
    char *quote;    /* the line and the caret below it */
    char *includes; /* one line for each step of the include chain */
    char *suggestion;
} ErrorPrivate;

static G_GNUC_NO_INLINE void error_private_init(ErrorPrivate *priv)
{
    memset(priv, 0, sizeof *priv);
}

static G_GNUC_NO_INLINE void error_private_copy(const ErrorPrivate *from, ErrorPrivate *to)
{
    to->reason = g_strdup(from->reason);
    to->provenance = g_strdup(from->provenance);
    to->detail = g_strdup(from->detail);
    to->quote = g_strdup(from->quote);
    to->includes = g_strdup(from->includes);
    to->suggestion = g_strdup(from->suggestion);
}

static G_GNUC_NO_INLINE void error_private_clear(ErrorPrivate *priv)
{
    g_free(priv->reason);
    g_free(priv->provenance);
    g_free(priv->detail);
    g_free(priv->quote);
    g_free(priv->includes);
    g_free(priv->suggestion);
}

/* Gives orchestrator_error_quark() and the accessor of the private data. */
#define OrchestratorErrorPrivate         ErrorPrivate
#define orchestrator_error_private_init  error_private_init
#define orchestrator_error_private_copy  error_private_copy
#define orchestrator_error_private_clear error_private_clear
G_DEFINE_EXTENDED_ERROR(OrchestratorError, orchestrator_error)

static ErrorPrivate *private_of(const GError *error)
{
    return error != NULL && error->domain == ORCHESTRATOR_ERROR ? orchestrator_error_get_private(error) : NULL;
}

char *provenance_to_string(const Provenance *where)
{
    if (where == NULL || where->file == NULL) {
        return g_strdup("");
    }
    return g_strdup_printf("%s [line %d column %d]", where->file->name, where->line, where->column);
}

/* UTF-8, and not too long for a terminal, whatever a project put into it.  Takes `text`, which may be NULL. */
static char *presentable(char *text)
{
    if (text == NULL) {
        return NULL;
    }
    if (strlen(text) > MESSAGE_MAX) {
        memcpy(text + MESSAGE_MAX - strlen(" ..."), " ...", sizeof " ...");
    }
    if (g_utf8_validate(text, -1, NULL)) {
        return text;
    }
    char *valid = g_utf8_make_valid(text, -1);
    g_free(text);
    return valid;
}

static char *quote_line(const char *text, gsize length, const Provenance *where)
{
    const char *end = text + length;
    for (int line = 1; line < where->line; line++) {
        text = memchr(text, '\n', (gsize)(end - text));
        if (text == NULL) {
            return NULL;
        }
        text++;
    }
    const char *stop = memchr(text, '\n', (gsize)(end - text));
    gsize size = (gsize)((stop != NULL ? stop : end) - text);
    int column = where->column;
    if (size == 0 || !g_utf8_validate(text, (gssize)size, NULL) || column > g_utf8_strlen(text, (gssize)size)) {
        return NULL;
    }
    /* Of a long line, what is around the place. */
    if (size > QUOTE_MAX_LINE && column > QUOTE_MAX_LINE / 2) {
        const char *start = g_utf8_offset_to_pointer(text, column - QUOTE_MAX_LINE / 2);
        size -= (gsize)(start - text);
        text = start;
        column = QUOTE_MAX_LINE / 2;
    }
    g_autoptr(GString) quote = g_string_new("    ");
    for (const char *at = text; at < text + size && at < text + QUOTE_MAX_LINE; at = g_utf8_next_char(at)) {
        g_string_append_unichar(quote, g_ascii_iscntrl(*at) ? ' ' : g_utf8_get_char(at));
    }
    g_string_append_printf(quote, "\n    %*s^", column, "");
    return g_string_free(g_steal_pointer(&quote), FALSE);
}

/* The file may have changed since it was read: into one that is large, or that nobody ever writes to. */
static char *read_again(const char *path, gsize *length)
{
    struct stat info;
    int fd = path != NULL ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= QUOTE_MAX_FILE) {
        text = g_malloc((gsize)info.st_size + 1);
        gssize got = read(fd, text, (gsize)info.st_size);
        *length = got > 0 ? (gsize)got : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static char *quote_of(const Provenance *where)
{
    const NodeFile *file = where->file;
    if (file->text != NULL) {
        return quote_line(file->text, strlen(file->text), where);
    }
    gsize length = 0;
    g_autofree char *text = read_again(file->path, &length);
    return text != NULL ? quote_line(text, length, where) : NULL;
}

static char *include_chain(const Provenance *where)
{
    GString *chain = NULL;
    const Provenance *at = where->file->included_at;
    for (int i = 0; at != NULL && at->file != NULL && i < MAX_INCLUDE_SHOW; i++, at = at->file->included_at) {
        if (chain == NULL) {
            chain = g_string_new(NULL);
        }
        g_autofree char *text = provenance_to_string(at);
        g_string_append_printf(chain, "%s    included from %s", chain->len > 0 ? "\n" : "", text);
    }
    return chain != NULL ? presentable(g_string_free(chain, FALSE)) : NULL;
}

void error_set(GError **error, ErrorDomain domain, const char *reason, const Provenance *where, const char *format, ...)
{
    if (error == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *message = presentable(g_strdup_vprintf(format, args));
    va_end(args);
    g_autofree char *place = where != NULL && where->file != NULL ? presentable(provenance_to_string(where)) : NULL;
    g_set_error(error, ORCHESTRATOR_ERROR, (int)domain, "%s%s%s", place != NULL ? place : "", place != NULL ? ": " : "",
                message);
    ErrorPrivate *priv = private_of(*error);
    priv->reason = g_strdup(reason);
    if (place != NULL) {
        priv->provenance = g_steal_pointer(&place);
        priv->quote = quote_of(where);
        priv->includes = include_chain(where);
    }
}

void error_set_detail(GError *error, const char *detail)
{
    ErrorPrivate *priv = private_of(error);
    if (priv != NULL) {
        g_free(priv->detail);
        priv->detail = presentable(g_strdup(detail));
    }
}

/* Edit distance of two short words; swapping neighbours counts as one. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][SUGGEST_MAX_WORD + 1];
    size_t m = strlen(a), n = strlen(b);
    for (size_t j = 0; j <= n; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= m; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned cost = a[i - 1] != b[j - 1];
            row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = MIN(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[m % 3][n];
}

void error_suggest(GError *error, const char *word, const char *const *candidates, gsize count)
{
    ErrorPrivate *priv = private_of(error);
    if (priv == NULL || word == NULL || strlen(word) > SUGGEST_MAX_WORD) {
        return;
    }
    const char *best = NULL;
    unsigned best_distance = (unsigned)MIN(strlen(word) / 3, 3) + 1;
    for (gsize i = 0; i < count; i++) {
        if (candidates[i] == NULL || strlen(candidates[i]) > SUGGEST_MAX_WORD) {
            continue;
        }
        unsigned far = distance(word, candidates[i]);
        if (far < best_distance) {
            best_distance = far;
            best = candidates[i];
        }
    }
    if (best != NULL) {
        g_free(priv->suggestion);
        priv->suggestion = presentable(g_strdup(best));
    }
}

const char *error_get_suggestion(const GError *error)
{
    const ErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->suggestion : NULL;
}

const char *error_get_reason(const GError *error)
{
    const ErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->reason : NULL;
}

const char *error_get_detail(const GError *error)
{
    const ErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->detail : NULL;
}

const char *error_get_provenance(const GError *error)
{
    const ErrorPrivate *priv = private_of(error);
    return priv != NULL ? priv->provenance : NULL;
}

const char *error_domain_name(int domain)
{
    static const char *const names[] = {
        [ERROR_PLUGIN] = "PLUGIN",         [ERROR_LOAD] = "LOAD",       [ERROR_IMPL] = "IMPL",
        [ERROR_PLATFORM] = "PLATFORM",     [ERROR_SANDBOX] = "SANDBOX", [ERROR_ARTIFACT] = "ARTIFACT",
        [ERROR_PIPELINE] = "PIPELINE",     [ERROR_UTIL] = "UTIL",       [ERROR_SOURCE] = "SOURCE",
        [ERROR_ELEMENT] = "ELEMENT",       [ERROR_APP] = "APP",         [ERROR_STREAM] = "STREAM",
        [ERROR_VIRTUAL_FS] = "VIRTUAL_FS", [ERROR_CAS] = "CAS",         [ERROR_PROG_NOT_FOUND] = "PROG_NOT_FOUND",
        [ERROR_REMOTE] = "REMOTE",         [ERROR_PROFILE] = "PROFILE",
    };
    return domain > 0 && domain < (int)G_N_ELEMENTS(names) ? names[domain] : NULL;
}

static void append_indented(GString *out, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\0') {
            g_string_append_printf(out, "\n    %s", *line);
        } else if (line[1] != NULL) {
            g_string_append_c(out, '\n');
        }
    }
}

char *error_report(const GError *error)
{
    GString *out = g_string_new(error->message);
    const ErrorPrivate *priv = private_of(error);
    if (priv != NULL) {
        if (priv->quote != NULL) {
            g_string_append_printf(out, "\n\n%s", priv->quote);
        }
        if (priv->includes != NULL) {
            g_string_append_printf(out, "%s\n%s", priv->quote != NULL ? "" : "\n", priv->includes);
        }
        if (priv->suggestion != NULL) {
            g_string_append_printf(out, "\n\n    Did you mean '%s'?", priv->suggestion);
        }
        if (priv->detail != NULL && *priv->detail != '\0') {
            g_string_append_c(out, '\n');
            append_indented(out, priv->detail);
        }
    }
    return g_string_free(out, FALSE);
}
