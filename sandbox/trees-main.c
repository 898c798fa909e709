/*
 * sluice-trees: serves the trees of a store to the sandboxes of one session.
 *
 *   sluice-trees serve STORE WORK
 *
 * Started by sluice_staging_start only.  It makes a user and a mount namespace, mounts itself on WORK/trees there, hands both
 * namespaces over, and ends when the last holder of the other end of its channel is gone.
 */
#include "channel.h"
#include "helper-namespaces.h"
#include "sandbox-spawn.h"
#include "trees-server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNT_NAME "trees"

static gboolean mount_fuse(const char *work, int *fuse_fd, GError **error)
{
    g_autofree char *place = g_build_filename(work, MOUNT_NAME, NULL);
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, errno, "cannot open /dev/fuse");
    g_autofree char *options = g_strdup_printf(
        "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other,max_read=1048576", fd);
    if ((mkdir(place, 0755) != 0 && errno != EEXIST) ||
        mount("sluice", place, "fuse", MS_RDONLY | MS_NOSUID | MS_NODEV, options) != 0) {
        int code = errno;
        close(fd);
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, code, "cannot mount FUSE on %s", place);
    }
    *fuse_fd = fd;
    return TRUE;
}

static gboolean hand_over_namespaces(GError **error)
{
    int fds[] = {open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC), open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)};
    if (fds[0] < 0 || fds[1] < 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot open /proc/self/ns");
    gboolean ok = sandbox_channel_send(HELPER_FD_CONTROL, "ready", NULL, fds, G_N_ELEMENTS(fds), error);
    close(fds[0]);
    close(fds[1]);
    return ok;
}

static gboolean start(const char *store_path, const char *work, GError **error)
{
    int fuse_fd = -1;
    const SluiceStoreOptions options = {.read_only = TRUE};
    if (!helper_new_user_namespace(error) || !mount_fuse(work, &fuse_fd, error))
        return FALSE;
    SluiceStore *store = sluice_store_open(store_path, &options, error);
    return store != NULL && trees_server_start(store, fuse_fd, error) != NULL && hand_over_namespaces(error);
}

static void end(const char *work)
{
    g_autofree char *place = g_build_filename(work, MOUNT_NAME, NULL);
    umount2(place, MNT_DETACH);
    rmdir(place);
    rmdir(work);
}

int main(int argc, char **argv)
{
    if (argc != 4 || !g_str_equal(argv[1], "serve") || fcntl(HELPER_FD_CONTROL, F_GETFD) < 0) {
        static const char text[] = "sluice-trees is started by sluice only\n";
        return write(STDERR_FILENO, text, sizeof text - 1) < 0 ? 1 : 2;
    }
    setsid(); /* ^C is for the builds */
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    fcntl(HELPER_FD_CONTROL, F_SETFD, FD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    if (start(argv[2], argv[3], &error) && chdir("/") == 0) {
        SandboxMessage message;
        while (sandbox_channel_receive(HELPER_FD_CONTROL, &message, NULL))
            sandbox_message_close_fds(&message);
    } else {
        sandbox_channel_send(HELPER_FD_CONTROL, "error", error != NULL ? error->message : "cannot start", NULL, 0,
                             NULL);
    }
    end(argv[3]);
    _exit(error != NULL ? 1 : 0); /* threads are still serving: nothing is to be freed under them */
}
