/*
 * debian-index.h - what an archive offers: the packages of one or more `Packages` files, and `Release` files.
 */
#pragma once

#include "cas.h"
#include "error.h"

/* One stanza of a Packages file.  Strings are borrowed from the index; dependency fields are as written, NULL if absent. */
typedef struct {
    const char *name, *version, *architecture, *path, *sha256;
    gint64 size;
    gboolean essential;
    guint8 priority; /* 0: required … 4: extra or unknown */
    const char *suite;
    const char *pre_depends, *depends, *recommends, *provides, *conflicts, *breaks;
} DebianPackage;

/* A path below an archive's root: relative, without `..`, nothing that means something else in a URL. */
gboolean debian_path_is_safe(const char *path);

typedef struct DebianIndex DebianIndex;
DebianIndex *debian_index_new(void);
void debian_index_free(DebianIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebianIndex, debian_index_free)

/* Adds the packages for `architecture` and for all.  Takes `text` (with a NUL after `length` bytes; g_free).  Malformed text is SOURCE/debian-index-invalid with `name` and line. */
gboolean debian_index_add(DebianIndex *index, char *text, gsize length, const char *architecture, const char *suite,
                          const char *name, GError **error);
/* The newest version of a name over all that was added; at equal versions the first. */
const DebianPackage *debian_index_find(const DebianIndex *index, const char *name);
/* Every name's newest version, sorted by name. */
const DebianPackage *const *debian_index_list(DebianIndex *index, gsize *count);

typedef struct {
    char sha256[SLUICE_HASH_HEX + 1];
    gint64 size;
} DebianReleaseFile;

/* A Release file. */
typedef struct {
    char *suite, *codename;   /* or NULL */
    gint64 date, valid_until; /* UNIX time; 0: not given */
    gboolean by_hash;
    GHashTable *files; /* path -> DebianReleaseFile */
} DebianRelease;

/* `text` is what was verified. */
DebianRelease *debian_release_parse(const char *text, gsize length, const char *name, GError **error);
void debian_release_free(DebianRelease *release);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebianRelease, debian_release_free)
const DebianReleaseFile *debian_release_find(const DebianRelease *release, const char *path);
/* "Sat, 10 Jun 2023 08:53:33 UTC"; 0 if it is no date. */
gint64 debian_parse_date(const char *text);
