/*
 * artifact.h - what building an element left in the store: BuildStream's Artifact message (proto/artifact.proto) as the value of a
 * ref in the space "artifact", named `<project>/<normal-name>/<key>`, once for the strong and once for the weak key.
 *
 * A ref may dangle when blobs were evicted: artifact_is_complete tells; what is not complete counts as not cached.  A failed build is an artifact
 * too (success FALSE, with its log, perhaps with files and a buildtree).
 */
#pragma once

#include "element.h"
#include "bazel-bridge.h"

#define ARTIFACT_SPACE   "artifact"
#define ARTIFACT_VERSION 2

typedef struct {
    const char *name;
    SluiceDigest digest;
} ArtifactLog;

typedef struct {
    const char *project, *element, *key;
    gboolean workspaced;
} ArtifactDependency;

/* An immutable decoded message; its strings live as long as it. */
typedef struct {
    gboolean success;
    const char *error, *error_detail; /* of a failed build; "" otherwise */
    const char *strong_key, *weak_key, *strict_key;
    gboolean has_files; /* a failed build may have none */
    SluiceDigest files; /* Directory */
    gboolean has_buildtree;
    SluiceDigest buildtree; /* Directory: what stood in the build root */
    gboolean has_buildroot, has_sources;
    SluiceDigest buildroot;         /* Directory: the whole sandbox, where there is a buildtree or could be one */
    SluiceDigest sources;           /* Directory: those that the buildtree was made of */
    const char *work_directory;     /* of the commands, where there is a buildroot; else "" or NULL */
    const char *const *environment; /* the same, as "NAME=value" */
    gboolean workspaced;
    gboolean has_public, has_low_meta, has_high_meta;
    SluiceDigest public_data; /* YAML file */
    SluiceDigest low_meta;    /* YAML file: environment, sandbox-config */
    SluiceDigest high_meta;   /* YAML file: variables; sluice's own account of the action-proxy */
    gboolean has_key_text;    /* only of one that is to be stored: artifact_read_key_text gives it back */
    SluiceDigest key_text;    /* what the strong key is the hash of */
    gboolean
        has_proxy_environment; /* only of one that is to be stored: artifact_read_proxy_environment gives it back */
    SluiceDigest proxy_environment; /* E: for which the action-proxy looked its clients' results up */
    ArtifactLog *logs;
    gsize n_logs;
    ArtifactDependency *build_deps;
    gsize n_build_deps;
    void *message; /* private: owns the strings of one that was loaded */
} Artifact;

void artifact_free(Artifact *artifact);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Artifact, artifact_free)

/* "<project>/<normal-name>/<key>"; `key` NULL: the strong key; NULL if the element has no key yet.  Free with g_free. */
char *artifact_ref_name(const Element *element, const char *key);
/* Whether a word is such a name: it ends in a key. */
gboolean artifact_is_ref_name(const char *word);
/* NULL without error if there is none, or if something of it was evicted. */
Artifact *artifact_load(SluiceStore *store, const char *ref_name, GError **error);
/* The artifact of the element's strict key; if there is none and `strict` is FALSE, of its weak key. */
Artifact *artifact_find(SluiceStore *store, const Element *element, gboolean strict, GError **error);
/* The roots of all its parts are there: one read transaction, no walk. */
gboolean artifact_is_complete(SluiceStore *store, const Artifact *artifact);
/* Stores under its strong key and the weak key of the element. */
gboolean artifact_store(SluiceStore *store, const Element *element, const Artifact *artifact, GError **error);
/* FALSE without error if there was none by that name. */
gboolean artifact_delete(SluiceStore *store, const char *ref_name, GError **error);
/* Names of all that match: an exact name, or a glob (`*` and `?` stay between slashes, `**` does not; NULL: all); sorted.  A GPtrArray of char * that frees them. */
GPtrArray *artifact_list(SluiceStore *store, const char *glob, GError **error);

/* The whole of the n-th log. */
GBytes *artifact_read_log(SluiceStore *store, const Artifact *artifact, gsize index, GError **error);
/* The stored public data, or an empty mapping; in the arena. */
Node *artifact_read_public(SluiceStore *store, const Artifact *artifact, Arena *arena, GError **error);
/* The line of JSON whose hash is the strong key (key.h), for those who ask why it was built; NULL without error if it was not kept. */
GBytes *artifact_read_key_text(SluiceStore *store, const Artifact *artifact, GError **error);
/* When it was built, as "YYYYMMDD-HHMMSS", from the name of its log; "" if that does not say. */
const char *artifact_time(const Artifact *artifact);
/* What the action-proxy counted while this was built; FALSE without error if it was not used. */
gboolean artifact_read_stats(SluiceStore *store, const Artifact *artifact, SluiceEndpointStats *stats, GError **error);
/* E, of which the same is true. */
gboolean artifact_read_proxy_environment(SluiceStore *store, const Artifact *artifact, SluiceDigest *environment,
                                         GError **error);
/* Our own part of the metadata, `sluice:`, or NULL if there is nothing to say; `stats` may be NULL. */
Node *artifact_own_meta(const Artifact *artifact, const SluiceEndpointStats *stats, Arena *arena);
