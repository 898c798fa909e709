/*
 * launcher-manifest.h - what the outcome of a command with a source depends on beside these: for each outcome that is known, the files that were read and
 * the paths that were searched in vain.
 *
 * Format, as in the wire format of messages; kept as the standard output of a result:
 *   Manifest { repeated Variant variants = 1; }                    the newest first
 *   Variant  { bytes action = 1; string made_in = 2; repeated Folder folders = 3; }
 *            the action's digest: 32 bytes, and its size in 8, the highest first
 *   Folder   { bytes path = 1; bytes real = 2; bytes directory = 3; bool absent = 4; repeated Entry entries = 5; }
 *   Entry    { bytes name = 1; bytes digest = 2; bool directory = 3; bool linked = 4; }     neither digest nor directory: it was missing
 * `made_in`, of results that roam (launcher-roam.c), is the build folder where it was made.
 * A folder's path is as the compiler had it: absolute, or relative to where the command ran; of results that roam, the build folder in it is a mark.
 * `real` is where that is without links and "..".
 * `directory` is the digest of the staged Directory there, if it
 * was nothing but staged: while that is so, all entries hold.  A folder of the environment has no entries.
 */
#pragma once

#include "staged.h"

typedef struct {
    const char *path; /* as the compiler had it */
    SluiceStagedFile file;
} ManifestInput;

typedef struct {
    SluiceDigest action;
    char *made_in; /* NULL: paths are as they were */
} ManifestVariant;
void launcher_variant_clear(ManifestVariant *variant);

/* Gives a copy with one more variant in front, without one of the same action and without the oldest.  `old` may be NULL.  Inputs are sorted by this.
 * NULL: it would be too large, or has a path that cannot be told from one with a mark. */
GBytes *launcher_manifest_add(GBytes *old, const ManifestVariant *variant, ManifestInput *inputs, gsize count,
                              SluiceLook *look);
/* The first variant that holds for what is there now, in the build folder `folder` if it is of a manifest with marks, or NULL.  FALSE: none does. */
gboolean launcher_manifest_find(GBytes *manifest, SluiceLook *look, const char *folder, ManifestVariant *found);
