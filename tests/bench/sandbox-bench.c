/*
 * sandbox-bench STORE HASH/SIZE COMMAND… : runs the command once in a sandbox of a warm staging server, and prints how long a new sandbox took to be
 * ready and to run nothing ("stage"), the command itself ("run"), and capturing /build ("capture"), in milliseconds.
 */
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const environment[] = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/tmp", "LC_ALL=C", NULL};

static void check(gboolean ok, GError **error)
{
    if (ok)
        return;
    fprintf(stderr, "sandbox-bench: %s\n", *error != NULL ? (*error)->message : "failed");
    exit(1);
}

static double run(SluiceSandbox *sandbox, const char *const *argv)
{
    GError *error = NULL;
    int status = 0;
    SluiceSandboxCommand command = {.argv = argv,
                                    .envp = environment,
                                    .cwd = "/build",
                                    .uid = 1000,
                                    .gid = 1000,
                                    .stdin_fd = -1,
                                    .stdout_fd = 2,
                                    .stderr_fd = 2,
                                    .new_session = TRUE};
    gint64 start = g_get_monotonic_time();
    check(sluice_sandbox_run(sandbox, &command, &status, &error), &error);
    if (status != 0) {
        fprintf(stderr, "sandbox-bench: exit status %d\n", status);
        exit(1);
    }
    return (double)(g_get_monotonic_time() - start) / 1000;
}

/* A whole life of a sandbox that does nothing; the second time everything is warm. */
static double stage(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *root)
{
    static const char *const nothing[] = {"/bin/true", NULL};
    GError *error = NULL;
    gint64 start = g_get_monotonic_time();
    SluiceSandbox *sandbox = sluice_sandbox_new(staging, store, root, &error);
    check(sandbox != NULL, &error);
    run(sandbox, nothing);
    sluice_sandbox_free(sandbox);
    return (double)(g_get_monotonic_time() - start) / 1000;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    SluiceDigest root, captured;
    if (argc < 4) {
        fprintf(stderr, "usage: sandbox-bench STORE HASH/SIZE COMMAND…\n");
        return 2;
    }
    check(sluice_digest_parse(argv[2], &root, &error), &error);
    SluiceStore *store = sluice_store_open(argv[1], NULL, &error);
    check(store != NULL, &error);
    SluiceStaging *staging = sluice_staging_start(store, SLUICE_STAGING_AUTO, &error);
    check(staging != NULL, &error);
    double cold = stage(staging, store, &root);
    double warm = G_MAXDOUBLE;
    for (int i = 0; i < 10; i++)
        warm = MIN(warm, stage(staging, store, &root));
    SluiceSandbox *sandbox = sluice_sandbox_new(staging, store, &root, &error);
    check(sandbox != NULL, &error);
    double command = run(sandbox, (const char *const *)argv + 3);
    gint64 start = g_get_monotonic_time();
    check(sluice_sandbox_capture(sandbox, "/build", &captured, NULL, &error), &error);
    double capture = (double)(g_get_monotonic_time() - start) / 1000;
    sluice_sandbox_free(sandbox);
    sluice_staging_stop(staging);
    sluice_store_close(store);
    printf("cold %.2f stage %.2f run %.2f capture %.2f\n", cold, warm, command, capture);
    return 0;
}
