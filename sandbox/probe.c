#include "sandbox-private.h"
#include "channel.h"
#include "sandbox-spawn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *sandbox_find_bwrap(GError **error)
{
    char *path = g_find_program_in_path("bwrap");
    if (path == NULL)
        sandbox_error(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE,
                      "bubblewrap (the program bwrap) is not installed; on Debian: apt install bubblewrap");
    return path;
}

static void read_results(SluiceSandboxProbe *probe, const char *text)
{
    int user = 0, overlay = 0, fuse = 0, bwrap = 0;
    if (sscanf(text, "%d %d %d %d", &user, &overlay, &fuse, &bwrap) != 4)
        return;
    probe->user_namespaces = user;
    probe->overlay = overlay;
    probe->fuse = fuse;
    probe->bubblewrap = bwrap && probe->bubblewrap;
    const char *reason = strchr(text, '\n');
    if (probe->reason == NULL && reason != NULL && reason[1] != '\0')
        probe->reason = g_strdup(reason + 1);
}

static gboolean ask_helper(SluiceSandboxProbe *probe, const char *bwrap, GError **error)
{
    const char *args[] = {"probe", bwrap, NULL};
    const SandboxSpawn spawn = {
        .program = "sluice-sandbox", .args = args, .fds = {-1, -1, -1, -1, -1, -1, -1}, .own_group = TRUE};
    SandboxMessage message = {.n_fds = 0};
    pid_t pid = 0;
    int control = -1;
    if (!sandbox_spawn(&spawn, &pid, &control, error))
        return FALSE;
    gboolean ok = sandbox_channel_receive(control, &message, error);
    close(control);
    sandbox_reap(pid, SANDBOX_END_SECONDS);
    if (ok)
        read_results(probe, message.text);
    else if (error != NULL && *error == NULL)
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "the helper of sandboxes died");
    return ok;
}

void sluice_sandbox_probe(SluiceSandboxProbe *probe)
{
    *probe = (SluiceSandboxProbe){.reason = NULL};
    g_autoptr(GError) no_bwrap = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *bwrap = sandbox_find_bwrap(&no_bwrap);
    probe->bubblewrap = bwrap != NULL;
    if (bwrap == NULL)
        probe->reason = g_strdup(no_bwrap->message);
    if (!ask_helper(probe, bwrap != NULL ? bwrap : "bwrap", &error) && probe->reason == NULL)
        probe->reason = g_strdup(error->message);
}

void sluice_sandbox_probe_clear(SluiceSandboxProbe *probe)
{
    g_clear_pointer(&probe->reason, g_free);
}
