/*
 * source.h - sources of elements, and the table of their kinds.
 *
 * A source kind is one file, source-KIND.c, that ends in a `const SourceKind source_kind_KIND`, listed in source-kinds.c.
 * Generic work (YAML, directory, keys, refs in project.refs, caching of what was staged) is in source.c.
 */
#pragma once

#include "cas.h"
#include "events.h"
#include "json.h"
#include "node.h"

typedef struct Element Element;
typedef struct Project Project;
typedef struct Source Source;

/* What track, fetch and stage work with.  Owned by the caller. */
typedef struct {
    SluiceStore *store;
    const EventSink *events;
    GCancellable *cancellable; /* or NULL */
    unsigned fetchers;         /* parallel downloads */
    unsigned retries;
    /* Set for the track of a kind with `tracks_previous`: what the earlier sources stage, at the place where this one does. */
    const SluiceDigest *previous;
} SourceContext;

typedef struct {
    const char *name;
    const char *defaults;     /* YAML of default config, or NULL */
    gboolean needs_previous;  /* staging needs what earlier sources of the element staged (patch) */
    gboolean tracks_previous; /* tracking needs it (cargo) */
    gboolean has_ref;         /* FALSE: nothing to track or pin (local, patch) */
    /* Of kinds that do not keep it in `ref`: the keys, NULL-terminated; the first is there or there is none.  What load_ref gets and track gives
     * is a mapping of them then. */
    const char *const *ref_keys;
    /* Reads `config` (variables expanded, checked for unknown keys by the kind: common keys "kind", "directory", "provenance" are removed before) and
     * sets source->data (in the project's arena).  `ref` is not looked at here. */
    gboolean (*configure)(Source *source, const Node *config, GError **error);
    /* A ref from YAML (inline or project.refs); NULL if there is none.  May be called again after tracking. */
    gboolean (*load_ref)(Source *source, const Node *ref, GError **error);
    /* Whether the ref says all; NULL: it does if there is one. */
    gboolean (*is_resolved)(const Source *source);
    /* The unique key, NULL with error if it cannot be computed now.  Only called when the ref is there, and on a thread of its own while other elements are loaded: it
     * may change nothing but the source's own data, and keeps what it finds in source_key_arena.  Of a kind that is declared and not implemented the function is NULL. */
    Json *(*unique_key)(Source *source, Arena *arena, GError **error);
    /* Finds the newest ref; a node in the project's arena.  NULL without error: the source says that there is nothing to track. */
    Node *(*track)(Source *source, const SourceContext *context, GError **error);
    /* Cheap test that what is fetched is there, if only in its original form; NULL: it cannot be told. */
    gboolean (*is_cached)(Source *source, SluiceStore *store);
    gboolean (*fetch)(Source *source, const SourceContext *context, GError **error);
    /* Stages into `tree` below `directory` ("/" for the top of the tree).  Sources are cached before. */
    gboolean (*stage)(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                      GError **error);
    /* Where it comes from, for people: source_info_append (source-info.h) to `list`, once for each thing to download.  There need be no ref.  May be NULL, which
     * warns when somebody asks. */
    gboolean (*collect_info)(Source *source, Arena *arena, Node *list, GError **error);
} SourceKind;

struct Source {
    const SourceKind *kind;
    Element *element;
    guint index;           /* within the element */
    const char *directory; /* below the build root, or NULL */
    Node *node;            /* the source as written, composed with project defaults, variables expanded */
    Provenance where;
    Node *provenance; /* the words of `provenance:`, or NULL */
    Node *ref;        /* or NULL */
    void *data;       /* the kind's own */
    char key[65];     /* sha256 of the unique key; "" while there is no ref */
};

extern const SourceKind *const source_kinds[]; /* NULL-terminated */
const SourceKind *source_kind_find(const char *name);

/* Below: source.c. */
Project *source_project(const Source *source);
Arena *source_arena(const Source *source);
/* For what unique_key finds out and keeps: another thread calls it while elements are loaded. */
Arena *source_key_arena(const Source *source);
/* Expands "alias:rest" to the URLs to try, mirrors first; NULL-terminated, free with g_strfreev.  The alias `debian:` is builtin unless the project defines it: the mirrors
 * of the system's apt configuration. */
char **source_translate_url(const Source *source, const char *url, GError **error);
/* The same for another use: what the user's configuration allows for tracking (`track.source`), in the order to try them; or the alias alone, without mirrors. */
typedef enum { SOURCE_URL_FETCH, SOURCE_URL_TRACK, SOURCE_URL_PRIMARY } SourceUrlUse;
char **source_translate_url_for(const Source *source, const char *url, SourceUrlUse use, GError **error);
/* What is wrong with a URL as it is written: an alias that is not defined, or has no place that the user allows; none at all (a warning, `unaliased-url`).
 * Done for the keys url, index and registry-url of all sources that have refs; kinds with other URLs call it from configure. */
gboolean source_check_url(const Source *source, const char *url, GError **error);
/* A warning that projects may make an error: `token` is one of the core's, or "KIND:TOKEN".  FALSE with PLUGIN error then. */
gboolean source_warn(const Source *source, const SourceContext *context, const char *token, const char *message,
                     const char *detail, GError **error);
/* Opens a path of the project (kind local, patch): never outside it.  Returns an fd of the parent directory-safe object (O_PATH) or -1. */
int source_open_project_path(const Source *source, const char *path, const Provenance *where, GError **error);
/* Whether it is known what exactly the source stages: without that there is no key. */
gboolean source_is_resolved(const Source *source);
/* For load_ref of kinds whose ref is one string; NULL without a ref. */
gboolean source_ref_text(const Source *source, const Node *ref, const char **text, GError **error);
/* The canonical text of the unique key, made in `scratch`; sets source->key. */
gboolean source_write_key(Source *source, Arena *scratch, GString *text, GError **error);
/* What it stages is there: fetching has nothing to do. */
gboolean source_is_cached(Source *source, SluiceStore *store);
/* That, or what it stages can be made from what is there. */
gboolean source_is_downloaded(Source *source, SluiceStore *store);
/* *new_ref is NULL if there is nothing to track. */
gboolean source_track(Source *source, const SourceContext *context, Node **new_ref, GError **error);
gboolean source_fetch(Source *source, const SourceContext *context, GError **error);
/* Takes a ref that was tracked as the source's own, without storing it anywhere: for what is tracked after it. */
gboolean source_take_ref(Source *source, Node *ref, GError **error);
/* For track: a file of context->previous, links followed; NULL without error if there is none.  `limit` in bytes. */
GBytes *source_read_previous(const SourceContext *context, const char *path, gsize limit, GError **error);
/* For track: all of context->previous in a scratch directory; remove it with sluice_remove_tree, then free. */
char *source_check_out_previous(const SourceContext *context, GError **error);
/* All sources of the element, in order, as one tree; cached under the sources' keys. */
gboolean sources_stage(Element *element, const SourceContext *context, SluiceDigest *root, GError **error);
