/*
 * launcher-manifest.h - what the outcome of a command with a source depends on beside these: for each outcome that is known, the files that were read and
 * the paths that were searched in vain.
 *
 * Format, as in the wire format of messages; kept as the standard output of a result:
 *   Manifest { repeated Variant variants = 1; }                    the newest first
 *   Variant  { bytes action = 1; string made_in = 2; uint32 binding = 3; repeated Folder folders = 4; }
 *            the action's digest: 32 bytes, and its size in 8, the highest first
 *   Folder   { bytes path = 1; bytes directory = 2; bool absent = 3; repeated Entry entries = 4; }
 *   Entry    { bytes name = 1; bytes digest = 2; bool directory = 3; }     neither digest nor directory: it was missing
 * `made_in`, of commands that roam (launcher-roam.c), is the build folder where the result was made.
 * A folder's path is as the compiler had it: absolute, or relative to where the command ran; of commands that roam, the build folder in it is a mark.
 * `directory` is the digest of the staged Directory there, if it
 * was nothing but staged: while that is so, all entries hold.  A folder of the environment has no entries.
 */
#pragma once

#include "staged.h"

typedef struct {
    const char *path; /* as the compiler had it */
    SluiceStagedFile file;
} ManifestInput;

/* Where a result may be used: wherever its inputs are the same; in the folder where it was made; there until it is known of elsewhere. */
typedef enum { MANIFEST_FREE, MANIFEST_BOUND, MANIFEST_UNPROVEN } ManifestBinding;

typedef struct {
    SluiceDigest action;
    char *made_in; /* NULL: the command does not roam */
    ManifestBinding binding;
} ManifestVariant;
void launcher_variant_clear(ManifestVariant *variant);

/* Gives a copy with one more variant in front, without one of the same action and without the oldest.  `old` may be NULL.  Inputs are sorted by this.
 * NULL: it would be too large, or has a path that cannot be told from one with a mark. */
GBytes *launcher_manifest_add(GBytes *old, const ManifestVariant *variant, ManifestInput *inputs, gsize count,
                              SluiceLook *look);
/* The first variant that holds for what is there now, and may be used in the build folder `folder` (NULL: of a command that does not roam).  FALSE: none
 * does; then `other` is one that only has to be proven here, or has no folder.  Both are cleared by the caller. */
gboolean launcher_manifest_find(GBytes *manifest, SluiceLook *look, const char *folder, ManifestVariant *found,
                                ManifestVariant *other);
