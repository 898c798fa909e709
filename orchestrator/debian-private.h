/* debian-private.h - what the files of `kind: debian` share. */
#pragma once

#include "debian-index.h"
#include "source.h"

/* One package of the ref. */
typedef struct {
    const char *name, *version, *architecture; /* architecture: its own ("all" too) */
    const char *path;                          /* below the archive's root */
    const char *sha256;
    gint64 size;
} DebianPin;

/* The source's data. */
typedef struct {
    const char *const *suites, *const *components, *const *packages, *const *exclude; /* NULL-terminated */
    const char *architecture;
    const char *mirror;  /* URL, alias, or NULL: the alias `debian` */
    const char *keyring; /* absolute */
    gboolean essential, dependencies, recommends, check_valid_until, merge_usr;
    DebianPin *pins;
    gsize n_pins;
} Debian;

/* URLs of the archives to ask, without a slash at the end; `security`: those for security updates come first.  NULL-terminated; free with g_strfreev. */
char **debian_archives(Source *source, gboolean security, GError **error);
/* debian-track.c */
Node *debian_track(Source *source, const SourceContext *context, GError **error);
/* debian-fetch.c */
gboolean debian_fetch(Source *source, const SourceContext *context, GError **error);
/* debian-stage.c */
gboolean debian_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                      GError **error);

/* ---- debian-unpack.c: one .deb as a tree ---- */

/* A change of how packages are unpacked is a new number: old trees are not used then. */
#define DEBIAN_LAYOUT 1

typedef struct {
    SluiceDigest root; /* the package's files, where the package has them */
    char *replaces;    /* its Replaces field, or "" */
} DebTree;
void deb_tree_clear(DebTree *tree);
/* Unpacked before?  `tree` may be NULL. */
gboolean deb_tree_find(SluiceStore *store, const DebianPin *pin, DebTree *tree);
/* Unpacks the package from its blob. */
gboolean deb_tree_make(SluiceStore *store, const DebianPin *pin, DebTree *tree, GError **error);
void debian_pin_digest(const DebianPin *pin, SluiceDigest *out);
