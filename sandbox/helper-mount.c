/*
 * The overlay.  All names are relative to the sandbox's work directory, so that /proc/self/mountinfo says the same in every sandbox.
 *
 * `volatile` because nothing here has to survive a power cut, and because an overlay without it syncs the whole file system of its
 * upper when it goes.  The kernel refuses to mount a volatile overlay's own directory again, so each mount has a new one.
 */
#include "helper-mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean helper_mount_lower(const char *from, GError **error)
{
    return mount(from, "lower", NULL, MS_BIND, NULL) == 0 ||
           sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot show the staged root %s", from);
}

/* The kernel writes the reason of a failure into the context. */
static gboolean mount_error(int context, const char *what, int code, GError **error)
{
    char text[512];
    ssize_t got = read(context, text, sizeof text - 1);
    text[MAX(got, 0)] = '\0';
    return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code, "overlay: %s%s%s", what, got > 2 ? ": " : "",
                               got > 2 ? g_strchomp(text + 2) : "");
}

/* Not every file system can hold the upper layer; an overlay, as containers have it for their root, cannot. */
static gboolean setting_error(int context, const char *key, int code, GError **error)
{
    g_autoptr(GError) reason = NULL;
    mount_error(context, key, code, &reason);
    if (!g_str_equal(key, "upperdir"))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s", reason->message);
    return sandbox_error(
        error, SLUICE_SANDBOX_ERROR_UNAVAILABLE,
        "%s (the store must be on ext4, xfs, btrfs or tmpfs; choose a place with --cache or SLUICE_CACHE)",
        reason->message);
}

static gboolean configure(int context, const char *own, GError **error)
{
    const struct {
        const char *key, *value;
    } settings[] = {
        {"source", "sluice"}, {"lowerdir", "lower"}, {"upperdir", "upper"}, {"workdir", own},
        {"userxattr", NULL},  {"volatile", NULL},    {"xino", "on"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
        unsigned command = settings[i].value != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
        if (fsconfig(context, command, settings[i].key, settings[i].value, 0) != 0)
            return setting_error(context, settings[i].key, errno, error);
    }
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return mount_error(context, "cannot be made here", errno, error);
    return TRUE;
}

static gboolean attach(int context, GError **error)
{
    int tree = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (tree < 0)
        return mount_error(context, "cannot be mounted", errno, error);
    int result = move_mount(tree, "", AT_FDCWD, "root", MOVE_MOUNT_F_EMPTY_PATH);
    int code = errno;
    close(tree);
    return result == 0 || sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code, "cannot attach the overlay");
}

gboolean helper_mount_overlay(const char *own, GError **error)
{
    if (mkdir(own, 0700) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot make %s", own);
    int context = fsopen("overlay", FSOPEN_CLOEXEC);
    if (context < 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, errno, "the kernel has no overlay for us");
    gboolean ok = configure(context, own, error) && attach(context, error);
    close(context);
    return ok;
}

void helper_unmount(void)
{
    umount2("root", MNT_DETACH);
    umount2("lower", MNT_DETACH);
}
