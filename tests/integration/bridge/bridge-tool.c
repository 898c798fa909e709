/* A server for tests: endpoints of several kinds on one store, until SIGTERM; then it prints what they counted.
 *
 *   bridge-tool STORE KIND[:NAME]=ADDRESS…
 *
 * KIND is plain, off, executed or trusted; all but plain serve the environment whose scope is NAME. */
#include "bazel-bridge.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *label;
    SluiceEndpoint *endpoint;
} Served;

static gboolean parse_kind(const char *kind, SluiceCacheWrites *writes)
{
    static const struct {
        const char *name;
        SluiceCacheWrites writes;
    } kinds[] = {
        {"plain", SLUICE_CACHE_WRITES_OFF},
        {"off", SLUICE_CACHE_WRITES_OFF},
        {"executed", SLUICE_CACHE_WRITES_EXECUTED},
        {"trusted", SLUICE_CACHE_WRITES_TRUSTED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            *writes = kinds[i].writes;
            return TRUE;
        }
    }
    return FALSE;
}

static SluiceEndpoint *open_endpoint(SluiceBridge *bridge, SluiceStore *store, char *argument, GError **error)
{
    SluiceEndpointPolicy policy = {.label = argument};
    SluiceDigest digest;
    int port = 0;
    char *address = strchr(argument, '=');
    if (address != NULL)
        *address++ = '\0';
    char *name = strchr(argument, ':');
    g_autofree char *kind = g_strndup(argument, name != NULL ? (gsize)(name - argument) : strlen(argument));
    if (address == NULL || !parse_kind(kind, &policy.cache_writes)) {
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS, "%s: KIND[:NAME]=ADDRESS is expected",
                    argument);
        return NULL;
    }
    if (strcmp(kind, "plain") != 0) {
        SluiceEnvironment environment = {.root = sluice_digest_empty,
                                         .os = "linux",
                                         .isa = "x86-64",
                                         .layout = 1,
                                         .scope = name ? name + 1 : "full"};
        if (!sluice_environment_store(store, &environment, &digest, error))
            return NULL;
        policy.environment = &digest;
    }
    SluiceEndpoint *endpoint = sluice_endpoint_new(bridge, &policy, error);
    if (endpoint == NULL)
        return NULL;
    if (!sluice_endpoint_listen(endpoint, address, &port, error)) {
        sluice_endpoint_close(endpoint);
        return NULL;
    }
    printf("listening %s %s %d\n", argument, address, port);
    return endpoint;
}

static void print_stats(const Served *served, int count)
{
    for (int i = 0; i < count; i++) {
        SluiceEndpointStats stats;
        sluice_endpoint_get_stats(served[i].endpoint, &stats);
        printf("stats %s calls=%" G_GUINT64_FORMAT " lookups=%" G_GUINT64_FORMAT " hits=%" G_GUINT64_FORMAT
               " misses=%" G_GUINT64_FORMAT " updates=%" G_GUINT64_FORMAT " refused=%" G_GUINT64_FORMAT
               " read=%" G_GUINT64_FORMAT " written=%" G_GUINT64_FORMAT " errors=%" G_GUINT64_FORMAT "\n",
               served[i].label, stats.calls, stats.lookups, stats.hits, stats.misses, stats.updates,
               stats.updates_refused, stats.bytes_read, stats.bytes_written, stats.errors);
    }
    fflush(stdout);
}

static int serve(SluiceStore *store, int count, char **arguments, const sigset_t *signals, GError **error)
{
    g_autoptr(SluiceBridge) bridge = sluice_bridge_new(store, error);
    g_autofree Served *served = g_new0(Served, (gsize)count);
    int got = 0;
    if (bridge == NULL)
        return 1;
    for (int i = 0; i < count; i++) {
        served[i] = (Served){arguments[i], open_endpoint(bridge, store, arguments[i], error)};
        if (served[i].endpoint == NULL)
            return 1;
    }
    puts("ready");
    fflush(stdout);
    while (sigwait(signals, &got) == 0 && got == SIGUSR1)
        print_stats(served, count);
    print_stats(served, count);
    return 0;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    sigset_t signals;
    if (argc < 3) {
        fputs("usage: bridge-tool STORE KIND[:NAME]=ADDRESS…\n", stderr);
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* before the first thread */
    g_autoptr(SluiceStore) store = sluice_store_open(argv[1], NULL, &error);
    int status = store != NULL ? serve(store, argc - 2, argv + 2, &signals, &error) : 1;
    if (error != NULL)
        fprintf(stderr, "bridge-tool: %s\n", error->message);
    return status;
}
