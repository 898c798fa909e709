/*
 * A static program that the tests run inside sandboxes for what a shell cannot do.
 *
 *   inside connect PATH     reads a line from a UNIX socket
 *   inside socket PATH      leaves a UNIX socket behind
 *   inside deep N           nests N directories in the working directory
 *   inside whiteout PATH    tries to make what an overlay takes for a removed file
 *   inside opaque PATH      tries to set the attribute that hides the staged directory
 *   inside userns           tries everything again as root of a user namespace of its own
 *   inside threads N        starts N threads, and waits
 *   inside memory BYTES     fills so much memory, and waits
 *   inside daemon NAME      leaves a process behind that is out of the session and ignores signals
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int unix_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    strncpy(address->sun_path, path, sizeof address->sun_path - 1);
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int do_connect(const char *path)
{
    struct sockaddr_un address;
    char line[256];
    int fd = unix_socket(path, &address);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    ssize_t got = read(fd, line, sizeof line);
    return got > 0 && fwrite(line, 1, (size_t)got, stdout) == (size_t)got ? 0 : 1;
}

static int do_socket(const char *path)
{
    struct sockaddr_un address;
    return bind(unix_socket(path, &address), (struct sockaddr *)&address, sizeof address) != 0;
}

static int do_deep(const char *levels)
{
    for (int i = atoi(levels); i > 0; i--) {
        if (mkdir("d", 0755) != 0 || chdir("d") != 0)
            return 1;
    }
    return 0;
}

static int do_whiteout(const char *path)
{
    int result = mknod(path, S_IFCHR | 0666, makedev(0, 0));
    puts(result == 0 ? "made" : "refused");
    return 0;
}

static int do_opaque(const char *path)
{
    int result = setxattr(path, "user.overlay.opaque", "y", 1, 0);
    puts(result == 0 ? "set" : "refused");
    return 0;
}

static void attempt(const char *what, int result)
{
    printf("%s %s\n", what, result >= 0 ? "ALLOWED" : "refused");
}

static int do_userns(const char *unused)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        puts("no user namespace");
        return 0;
    }
    attempt("remount", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    attempt("unmount", umount2("/proc/sys", MNT_DETACH));
    attempt("fuse",
            mount("/", "/tmp", "overlay", 0, "lowerdir=/etc:/lib,userxattr") != 0 ? -1 : open("/tmp/upper", O_RDONLY));
    int fd = open("/proc/sys/vm/swappiness", O_WRONLY);
    attempt("sysctl", fd);
    attempt("write", open("/etc/text", O_WRONLY));
    attempt("mknod", mknod("/build/null", S_IFCHR | 0666, makedev(1, 3)));
    fflush(stdout);
    if (unshare(CLONE_NEWPID) == 0 && fork() == 0) { /* a /proc of one's own, without the covers? */
        int result = mount("proc", "/tmp", "proc", 0, NULL);
        attempt("proc", result);
        attempt("own-sysctl", result != 0 ? -1 : open("/tmp/sys/vm/swappiness", O_WRONLY));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    return 0;
}

static int do_daemon(const char *name)
{
    if (fork() != 0)
        return 0;
    setsid();
    for (int i = 1; i < 32; i++)
        signal(i, SIG_IGN);
    if (fork() != 0)
        _exit(0);
    prctl(PR_SET_NAME, name);
    for (;;)
        pause();
}

static void *wait_for_ever(void *unused)
{
    while (pause() < 0)
        ;
    return NULL;
}

static int do_threads(const char *count)
{
    pthread_t thread;
    for (int i = atoi(count); i > 0; i--) {
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
            return 1;
    }
    wait_for_ever(NULL);
    return 0;
}

static int do_memory(const char *bytes)
{
    size_t size = (size_t)atoll(bytes);
    char *memory = malloc(size);
    if (memory == NULL)
        return 1;
    memset(memory, 1, size);
    wait_for_ever(NULL);
    return memory[0];
}

static const struct {
    const char *name;
    int (*run)(const char *argument);
} verbs[] = {
    {"connect", do_connect},   {"socket", do_socket},   {"deep", do_deep},
    {"whiteout", do_whiteout}, {"opaque", do_opaque},   {"userns", do_userns},
    {"daemon", do_daemon},     {"threads", do_threads}, {"memory", do_memory},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, argv[1]) == 0)
            return verbs[i].run(argc > 2 ? argv[2] : "");
    }
    return 2;
}
