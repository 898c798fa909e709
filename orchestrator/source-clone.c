/* source-clone.c - see source-clone.h */
#include "source-clone.h"
#include "element.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME_MAX_URL      100
#define RETRY_SECONDS     1
#define LOCK_MILLISECONDS 100

char *source_clone_path(SluiceStore *store, const char *kind, const char *url)
{
    gsize length = strlen(url);
    g_autofree char *name = g_strdup(length > NAME_MAX_URL ? url + length - NAME_MAX_URL : url);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, url, -1);
    for (char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c)) {
            *c = '_';
        }
    }
    return g_strdup_printf("%s/sources/%s/%s-%.16s", sluice_store_get_path(store), kind, name, hash);
}

static int cannot_lock(const char *path, int fd, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot lock %s: %s", path, g_strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

int source_clone_lock(const char *path, GCancellable *cancellable, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = g_mkdir_with_parents(folder, 0755) == 0 ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (fd < 0) {
        return cannot_lock(path, fd, error);
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return cannot_lock(path, fd, error);
        }
        if (g_cancellable_set_error_if_cancelled(cancellable, error)) {
            close(fd);
            return -1;
        }
        g_usleep(LOCK_MILLISECONDS * 1000);
    }
    return fd;
}

gboolean source_try_urls(const Source *source, const SourceContext *context, const char *url, SourceUrlUse use,
                         SourceUrlFunc func, gpointer data, GError **error)
{
    gboolean track = use == SOURCE_URL_TRACK;
    g_auto(GStrv) urls = source_translate_url_for(source, url, use, error);
    g_autoptr(GError) problem = NULL;
    if (urls == NULL) {
        return FALSE;
    }
    for (unsigned i = 0; i <= context->retries; i++) {
        for (char **next = urls; *next != NULL; next++) {
            g_clear_error(&problem);
            if (g_cancellable_set_error_if_cancelled(context->cancellable, error)) {
                return FALSE;
            }
            event_send(context->events, EVENT_STATUS, track ? "track" : "fetch", source->element->full_name, "%s %s",
                       track ? "Tracking" : "Fetching from", *next);
            if (func(*next, data, &problem)) {
                return TRUE;
            }
        }
        if (i < context->retries) {
            g_usleep(RETRY_SECONDS * G_USEC_PER_SEC);
        }
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}
