/* cluster-recc.c - the server that variables and files of recc name */
#include "cluster-config.h"
#include "user-config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Seconds, attempts, milliseconds: nobody means more. */
#define MAX_NUMBER 1000000

typedef struct {
    const ReccConfig *config;
    Arena *arena;
} Reader;

/* Of the first that is set, and not empty. */
static const char *read_text(const Reader *reader, const char *name, const char *otherwise)
{
    const char *text = recc_config_text(reader->config, name);
    if ((!text || !*text) && otherwise)
        text = recc_config_text(reader->config, otherwise);
    return text && *text ? arena_strdup(reader->arena, text) : NULL;
}

static const char *read_path(const Reader *reader, const char *name)
{
    const char *text = read_text(reader, name, NULL);
    g_autofree char *expanded = text ? user_config_expand_path(text) : NULL;
    g_autofree char *absolute = text ? g_canonicalize_filename(expanded, NULL) : NULL;
    return text ? arena_strdup(reader->arena, absolute) : NULL;
}

static unsigned read_number(const Reader *reader, const char *name)
{
    return (unsigned)CLAMP(recc_config_number(reader->config, name, 0), 0, MAX_NUMBER);
}

/* `name` is for messages. */
static void read_remote(const Reader *reader, const char *name, const char *url, const char *instance,
                        SluiceRemote *out)
{
    *out = (SluiceRemote){
        .name = name,
        .url = read_text(reader, url, "SERVER"),
        .instance = read_text(reader, instance, "INSTANCE"),
        .server_cert = read_path(reader, "SERVER_CERT"),
        .client_cert = read_path(reader, "CLIENT_CERT"),
        .client_key = read_path(reader, "CLIENT_KEY"),
        .access_token = read_path(reader, "ACCESS_TOKEN_PATH"),
        .keepalive_time = read_number(reader, "KEEPALIVE_TIME"),
        .retry_limit = read_number(reader, "RETRY_LIMIT"),
        .retry_delay = read_number(reader, "RETRY_DELAY"),
        .request_timeout = read_number(reader, "REQUEST_TIMEOUT"),
    };
}

/* Of the machine and the user, and not of the directory that this happens to run in, where recc would look, too. */
static ReccConfig *load(GError **error)
{
    g_auto(GStrv) environment = g_get_environ();
    g_autoptr(GError) problem = NULL;
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ReccConfig *config = recc_config_load(environment, root, root, &problem);
    if (!config)
        error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "The configuration of recc: %s", problem->message);
    if (root >= 0)
        close(root);
    return config;
}

gboolean cluster_config_read_recc(Arena *arena, const ClusterConfig **out, GError **error)
{
    g_autoptr(ReccConfig) recc = load(error);
    const Reader reader = {recc, arena};
    ClusterConfig *config = arena_new_of(arena, ClusterConfig);
    *out = NULL;
    if (!recc)
        return FALSE;
    read_remote(&reader, "RECC_CAS_SERVER", "CAS_SERVER", "CAS_INSTANCE", &config->storage);
    read_remote(&reader, "RECC_ACTION_CACHE_SERVER", "ACTION_CACHE_SERVER", "ACTION_CACHE_INSTANCE",
                &config->action_cache);
    config->action_cache.push = recc_config_is_on(recc, "CACHE_UPLOAD_LOCAL_BUILD");
    if (!config->storage.url && !config->action_cache.url)
        return TRUE;
    if (!config->storage.url || !config->action_cache.url) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", NULL,
                  "The configuration of recc names only one of RECC_CAS_SERVER and RECC_ACTION_CACHE_SERVER: "
                  "RECC_SERVER is for both");
        return FALSE;
    }
    config->upstream = (SluiceUpstreamConfig){.storage = &config->storage, .action_cache = &config->action_cache};
    *out = config;
    return TRUE;
}
