/* Files with certificates, keys and tokens. */
#include "upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A certificate that was just exchanged is another file, or has another time. */
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} Version;

struct SluiceToken {
    char *path;
    GMutex lock;
    Version version;
    char *text;
};

static gboolean read_error(const char *path, const char *why, GError **error)
{
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "cannot read %s: %s", path, why);
    return FALSE;
}

static gboolean read_all(int fd, const char *path, gsize limit, GByteArray *out, GError **error)
{
    guint8 chunk[4096];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return read_error(path, g_strerror(errno), error);
        if (got == 0)
            return TRUE;
        if (out->len + (gsize)got > limit)
            return read_error(path, "it is too large for what it should be", error);
        g_byte_array_append(out, chunk, (guint)got);
    }
}

static char *read_version(const char *path, gsize limit, gsize *length, Version *version, GError **error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
        read_error(path, fd < 0 ? g_strerror(errno) : "it is a directory", error);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    *version = (Version){status.st_dev, status.st_ino, status.st_size, status.st_ctim};
    GByteArray *bytes = g_byte_array_new();
    gboolean ok = read_all(fd, path, limit, bytes, error);
    close(fd);
    *length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(bytes, !ok);
}

char *sluice_secret_read(const char *path, gsize limit, gsize *length, GError **error)
{
    Version version;
    return read_version(path, limit, length, &version, error);
}

/* What may stand in a header: printable, in one piece. */
static gboolean is_token(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return FALSE;
    return length > 0;
}

static gboolean load(SluiceToken *token, GError **error)
{
    Version version;
    gsize length = 0;
    g_autofree char *text = read_version(token->path, SLUICE_LIMIT_TOKEN, &length, &version, error);
    if (text == NULL)
        return FALSE;
    g_strstrip(text);
    if (!is_token(text, strlen(text)))
        return read_error(token->path, "it does not hold a token (one word of printable characters)", error);
    g_free(token->text);
    token->text = g_steal_pointer(&text);
    token->version = version;
    return TRUE;
}

SluiceToken *sluice_token_new(const char *path, GError **error)
{
    SluiceToken *token = g_new0(SluiceToken, 1);
    token->path = g_strdup(path);
    g_mutex_init(&token->lock);
    if (load(token, error))
        return token;
    sluice_token_free(token);
    return NULL;
}

static gboolean has_changed(const SluiceToken *token)
{
    struct stat status;
    const Version *known = &token->version;
    return stat(token->path, &status) == 0 &&
           (status.st_dev != known->device || status.st_ino != known->inode || status.st_size != known->size ||
            status.st_ctim.tv_sec != known->changed.tv_sec || status.st_ctim.tv_nsec != known->changed.tv_nsec);
}

char *sluice_token_dup(SluiceToken *token)
{
    g_mutex_lock(&token->lock);
    if (has_changed(token))
        load(token, NULL);
    char *text = g_strdup(token->text);
    g_mutex_unlock(&token->lock);
    return text;
}

void sluice_token_free(SluiceToken *token)
{
    g_mutex_clear(&token->lock);
    g_free(token->path);
    g_free(token->text);
    g_free(token);
}
