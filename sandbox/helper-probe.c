#include "helper-probe.h"
#include "channel.h"
#include "helper-mount.h"
#include "helper-namespaces.h"
#include "sandbox-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_USE 2 /* what this program says when somebody else starts it: a proof that it ran */

static gboolean try_user_namespace(const char *bwrap, GError **error)
{
    return helper_new_user_namespace(error);
}

/* On a tmpfs of our own. */
static gboolean try_overlay(const char *bwrap, GError **error)
{
    if (mount("sluice", "/tmp", "tmpfs", 0, NULL) != 0 || chdir("/tmp") != 0 || mkdir("lower", 0755) != 0 ||
        mkdir("upper", 0755) != 0 || mkdir("root", 0755) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, errno, "cannot mount a tmpfs");
    g_autoptr(GError) reason = NULL;
    if (helper_mount_overlay("own", &reason))
        return TRUE;
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE,
                         "%s (overlays in user namespaces need Linux 5.11 or later with CONFIG_OVERLAY_FS)",
                         reason->message);
}

/* bubblewrap with the host's root, starting this very program. */
static gboolean try_bwrap(const char *bwrap, GError **error)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    int status = 0;
    pid_t pid = self != NULL ? fork() : -1;
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDERR_FILENO);
        close(HELPER_FD_CONTROL);
        execl(bwrap, "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-user", "--uid",
              "1000", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL", "--", self, NULL);
        _exit(127);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == OTHER_USE)
        return TRUE;
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, "%s does not work in a user namespace here", bwrap);
}

static gboolean try_fuse(const char *bwrap, GError **error)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    g_autofree char *options = g_strdup_printf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    gboolean ok = fd >= 0 && mkdir("fuse", 0755) == 0 && mount("sluice", "fuse", "fuse", MS_RDONLY, options) == 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    return ok || sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, code,
                                     "FUSE cannot be used, so roots are staged as checkouts (the device /dev/fuse must "
                                     "exist and be readable and writable for you: chmod 666 /dev/fuse)");
}

int helper_probe(const char *bwrap)
{
    /* Each works in what the ones before it made; bubblewrap comes before something hides /tmp, where this program may be. */
    gboolean (*const tries[])(const char *, GError **) = {try_user_namespace, try_bwrap, try_overlay, try_fuse};
    gboolean results[G_N_ELEMENTS(tries)] = {FALSE};
    g_autoptr(GError) first = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(tries); i++) {
        g_autoptr(GError) error = NULL;
        if (i > 0 && !results[0])
            break;
        results[i] = tries[i](bwrap, &error);
        if (!results[i] && first == NULL)
            first = g_steal_pointer(&error);
    }
    g_autofree char *text = g_strdup_printf("%d %d %d %d\n%s", results[0], results[2], results[3], results[1],
                                            first != NULL ? first->message : "");
    return !sandbox_channel_send(HELPER_FD_CONTROL, "probe", text, NULL, 0, NULL);
}
