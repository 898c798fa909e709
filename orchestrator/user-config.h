/*
 * user-config.h - the user's configuration file, in BuildStream's schema: $XDG_CONFIG_HOME/sluice.conf; called as `bst`, else, buildstream2.conf or
 * buildstream.conf.  Everything has a default; keys that belong to parts which sluice does not have yet are checked and kept in `root`.
 */
#pragma once

#include "build.h"
#include "cluster-config.h"
#include "execution-policy.h"
#include "node.h"

typedef enum { ON_ERROR_CONTINUE, ON_ERROR_QUIT, ON_ERROR_TERMINATE } OnError;

typedef struct {
    Arena *arena;
    char *path;                                         /* of the file that was read, or NULL */
    Node *root;                                         /* its content; an empty mapping without a file */
    char *cachedir, *logdir, *sourcedir, *workspacedir; /* expanded; NULL: not set */
    gboolean foreign;                                   /* a buildstream.conf, also when it was named */
    gboolean has_quota;
    guint64 quota;       /* bytes; 0: no limit */
    guint quota_percent; /* of the disk; 0: `quota` counts */
    CacheBuildtrees buildtrees;
    gint64 fetchers, builders, pushers, network_retries, max_jobs;
    OnError on_error;
    gboolean retry_failed;
    const char *dependencies; /* of `build`: none, run, all */
    gint64 key_length, error_lines, message_lines;
    gboolean verbose, debug;
    const char *element_format, *message_format;
    const ClusterConfig *cluster; /* NULL: none */
    GHashTable *project_clusters; /* project → const ClusterConfig *, of those that have their own; NULL: none */
    ExecutionPolicy execution;
} UserConfig;

/* `path` NULL: the default places; a file that was named must exist. */
UserConfig *user_config_load(const char *program, const char *path, GError **error);
/* The text of a configuration file that is named `name` in messages. */
UserConfig *user_config_parse(const char *name, const char *text, gsize length, GError **error);
/* Of a project (NULL: of none): its own, else the general one.  NULL: none. */
const ClusterConfig *user_config_get_cluster(const UserConfig *config, const char *project);
void user_config_free(UserConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UserConfig, user_config_free)

/* Expands $NAME, ${NAME} and a leading ~ as a shell does; an unknown variable stays as it is.  Free with g_free. */
char *user_config_expand_path(const char *text);

gboolean on_error_parse(const char *text, OnError *out);
/* "infinity", a number of bytes with an optional K, M, G or T (powers of 1024), or "50%".  *percent is 0 unless it was one; *bytes is 0 for infinity. */
gboolean size_parse(const char *text, guint64 *bytes, guint *percent);
/* Bytes that a percentage of the disk below `path` (or of its nearest existing parent) is; 0 if it cannot be asked. */
guint64 size_of_disk_share(const char *path, guint percent);
