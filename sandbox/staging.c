#include "sandbox-private.h"
#include "channel.h"
#include "sandbox-spawn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TREES_PROGRAM "sluice-trees"

static const struct {
    const char *name;
    SluiceStagingMode mode;
} mode_names[] = {
    {"auto", SLUICE_STAGING_AUTO},
    {"fuse", SLUICE_STAGING_FUSE},
    {"checkout", SLUICE_STAGING_CHECKOUT},
};

char *sandbox_tree_name(const SluiceDigest *digest)
{
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(digest, hex);
    return g_strdup_printf("%s-%" G_GINT64_FORMAT, hex, (gint64)digest->size);
}

static gboolean apply_environment(SluiceStagingMode *mode, GError **error)
{
    const char *wanted = g_getenv("SLUICE_STAGING");
    if (*mode != SLUICE_STAGING_AUTO || wanted == NULL || *wanted == '\0')
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(mode_names); i++) {
        if (g_str_equal(wanted, mode_names[i].name)) {
            *mode = mode_names[i].mode;
            return TRUE;
        }
    }
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "SLUICE_STAGING is auto, fuse or checkout, not '%s'",
                         wanted);
}

/* The server's first message, with its namespaces. */
static gboolean await_ready(SluiceStaging *staging, GError **error)
{
    SandboxMessage message = {.n_fds = 0};
    struct pollfd wait = {.fd = staging->control, .events = POLLIN};
    gint64 end = g_get_monotonic_time() + SANDBOX_START_SECONDS * G_TIME_SPAN_SECOND;
    int ready = 0;
    do {
        gint64 left = MAX(end - g_get_monotonic_time(), 0);
        ready = poll(&wait, 1, (int)(left / 1000));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "the server of trees does not answer");
    if (!sandbox_channel_receive(staging->control, &message, error)) {
        if (error != NULL && *error == NULL)
            sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "the server of trees died when it started");
        return FALSE;
    }
    if (g_str_equal(message.word, "ready") && message.n_fds == 2) {
        staging->user_ns = message.fds[0];
        staging->mount_ns = message.fds[1];
        return TRUE;
    }
    sandbox_message_close_fds(&message);
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, "%s", message.text);
}

static void end_server(SluiceStaging *staging)
{
    shutdown(staging->control, SHUT_RDWR);
    sandbox_reap(staging->server, SANDBOX_END_SECONDS);
    sluice_remove_tree(staging->work, NULL);
}

static void forget(SluiceStaging *staging)
{
    int *fds[] = {&staging->control, &staging->user_ns, &staging->mount_ns};
    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
    }
    g_free(staging->work);
    g_free(staging);
}

static gboolean start_server(SluiceStaging *staging, SluiceStore *store, GError **error)
{
    staging->work = sluice_store_make_work_dir(store, "staging", error);
    if (staging->work == NULL)
        return FALSE;
    const char *args[] = {"serve", sluice_store_get_path(store), staging->work, NULL};
    const SandboxSpawn spawn = {
        .program = TREES_PROGRAM, .args = args, .fds = {-1, -1, -1, -1, -1, -1, -1}, .own_group = TRUE};
    if (!sandbox_spawn(&spawn, &staging->server, &staging->control, error)) {
        rmdir(staging->work);
        return FALSE;
    }
    if (await_ready(staging, error))
        return TRUE;
    end_server(staging);
    return FALSE;
}

static SluiceStaging *start_fuse(SluiceStore *store, GError **error)
{
    SluiceStaging *staging = g_new0(SluiceStaging, 1);
    *staging =
        (SluiceStaging){.mode = SLUICE_STAGING_FUSE, .owner = getpid(), .control = -1, .user_ns = -1, .mount_ns = -1};
    if (start_server(staging, store, error))
        return staging;
    forget(staging);
    return NULL;
}

SluiceStaging *sluice_staging_start(SluiceStore *store, SluiceStagingMode mode, GError **error)
{
    if (!apply_environment(&mode, error))
        return NULL;
    if (mode != SLUICE_STAGING_CHECKOUT) {
        g_autoptr(GError) problem = NULL;
        SluiceStaging *staging = start_fuse(store, &problem);
        if (staging != NULL)
            return staging;
        if (mode == SLUICE_STAGING_FUSE) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
    }
    SluiceStaging *staging = g_new0(SluiceStaging, 1);
    *staging = (SluiceStaging){
        .mode = SLUICE_STAGING_CHECKOUT, .owner = getpid(), .control = -1, .user_ns = -1, .mount_ns = -1};
    return staging;
}

SluiceStagingMode sluice_staging_get_mode(SluiceStaging *staging)
{
    return staging->mode;
}

gboolean sandbox_staging_is_alive(SluiceStaging *staging)
{
    struct pollfd look = {.fd = staging->control, .events = 0};
    return staging->mode != SLUICE_STAGING_FUSE ||
           (poll(&look, 1, 0) >= 0 && (look.revents & (POLLHUP | POLLERR)) == 0);
}

void sluice_staging_stop(SluiceStaging *staging)
{
    if (staging == NULL)
        return;
    if (staging->mode == SLUICE_STAGING_FUSE && staging->owner == getpid())
        end_server(staging);
    forget(staging);
}
