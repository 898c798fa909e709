/* Answers compiler launchers for tests, without a sandbox: what they see is this machine, nothing of it staged.
 *
 *   launcher-tool STORE FOLDER [ENVIRONMENT [BUILD-FOLDER]]
 *
 * Listens at FOLDER/socket; prints "ready"; when standard input ends, prints what it counted. */
#include "bazel-bridge.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, SOMAXCONN) == 0 ? fd : -1;
}

static SluiceLauncher *start(SluiceStore *store, const char *scope, const char *build, const char *folder,
                             GError **error)
{
    g_autoptr(SluiceTree) nothing = sluice_tree_new(store);
    SluiceEnvironment environment = {.os = "linux", .isa = "x86-64", .layout = 1, .scope = scope};
    SluiceLauncherPlace place = {.upper = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .folder = build};
    if (!sluice_tree_commit(nothing, &place.root, error))
        return NULL;
    place.environment_root = environment.root = place.root;
    if (!sluice_environment_store(store, &environment, &place.environment, error))
        return NULL;
    SluiceLauncher *launcher = sluice_launcher_new(store, &place, error);
    int fd = launcher != NULL ? listen_at(folder) : -1;
    return fd >= 0 && sluice_launcher_add_listener(launcher, fd, error) ? launcher : NULL;
}

static void print_counts(SluiceLauncher *launcher)
{
    SluiceLauncherStats stats;
    sluice_launcher_get_stats(launcher, &stats);
    g_auto(GStrv) reasons = sluice_launcher_dup_reasons(launcher);
    g_print("hits %" G_GUINT64_FORMAT "\nmisses %" G_GUINT64_FORMAT "\nlearned %" G_GUINT64_FORMAT
            "\nothers %" G_GUINT64_FORMAT "\n",
            stats.hits, stats.misses, stats.learned, stats.others);
    for (char **reason = reasons; *reason != NULL; reason++)
        g_print("%s\n", *reason);
}

int main(int argc, char **argv)
{
    char byte;
    g_autoptr(GError) error = NULL;
    SluiceStore *store = argc >= 3 ? sluice_store_open(argv[1], NULL, &error) : NULL;
    SluiceLauncher *launcher =
        store != NULL ? start(store, argc > 3 ? argv[3] : "full", argc > 4 ? argv[4] : NULL, argv[2], &error) : NULL;
    if (launcher == NULL) {
        fprintf(stderr, "launcher-tool: %s\n",
                error != NULL ? error->message : "STORE FOLDER [ENVIRONMENT [BUILD-FOLDER]]");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    sluice_launcher_stop(launcher);
    print_counts(launcher);
    sluice_launcher_free(launcher);
    sluice_store_close(store);
    return 0;
}
