#include "helper-namespaces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

static gboolean write_file(const char *path, const char *text, GError **error)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd >= 0 ? write(fd, text, strlen(text)) : -1;
    int code = errno;
    if (fd >= 0)
        close(fd);
    return written >= 0 || sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, code, "cannot write %s", path);
}

static const char *why_no_user_namespace(int code)
{
    switch (code) {
    case EPERM:
        return "unprivileged user namespaces are forbidden here (look at kernel.unprivileged_userns_clone, "
               "kernel.apparmor_restrict_unprivileged_userns, or the seccomp profile of the container)";
    case ENOSPC:
    case EUSERS:
        return "the limit of user namespaces is reached (user.max_user_namespaces)";
    default:
        return "the kernel makes no user namespace";
    }
}

gboolean helper_new_user_namespace(GError **error)
{
    char uid_map[64], gid_map[64];
    g_snprintf(uid_map, sizeof uid_map, "0 %u 1\n", geteuid());
    g_snprintf(gid_map, sizeof gid_map, "0 %u 1\n", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, errno, "%s", why_no_user_namespace(errno));
    /* The order is the kernel's demand: groups can be mapped only after setgroups was given up. */
    return write_file("/proc/self/uid_map", uid_map, error) && write_file("/proc/self/setgroups", "deny", error) &&
           write_file("/proc/self/gid_map", gid_map, error) && helper_detach_mounts(error);
}

gboolean helper_join_namespaces(int user_fd, int mount_fd, GError **error)
{
    gboolean ok = setns(user_fd, CLONE_NEWUSER) == 0 && setns(mount_fd, CLONE_NEWNS) == 0 && unshare(CLONE_NEWNS) == 0;
    int code = errno;
    close(user_fd);
    close(mount_fd);
    if (!ok)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code,
                                   "cannot enter the namespaces of the server of trees");
    return helper_detach_mounts(error);
}

gboolean helper_detach_mounts(GError **error)
{
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 ||
           sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot detach the mounts of the host");
}

gboolean helper_new_network(GError **error)
{
    if (unshare(CLONE_NEWNET) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE, errno, "cannot make a network namespace");
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gboolean ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    return ok || sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code, "cannot bring the loopback interface up");
}

static int listen_on(const struct sockaddr *address, socklen_t length)
{
    const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

unsigned helper_listen(guint16 port, int fds[2], GError **error)
{
    const struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    fds[0] = listen_on((const struct sockaddr *)&v4, sizeof v4);
    if (fds[0] < 0) {
        sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot listen on 127.0.0.1:%u", port);
        return 0;
    }
    fds[1] = listen_on((const struct sockaddr *)&v6, sizeof v6);
    return fds[1] >= 0 ? 2 : 1;
}
