/*
 * merged.h - a directory of a sandbox, found without mounting anything: where it is in the upper layer and what is below it.
 */
#pragma once

#include "upper.h"

typedef struct {
    char *path;         /* inside, without links; relative to the root, "" for the root */
    gboolean in_upper;  /* the upper layer has the directory `path` */
    gboolean has_lower; /* and this directory of the staged root shows through */
    SluiceDigest lower;
} SandboxMerged;

/* Links are followed inside the sandbox.  NOT_FOUND (cas) if `path` is no directory. */
gboolean sandbox_merged_find(SluiceStore *store, const SluiceDigest *root, SandboxUpper *upper, const char *path,
                             SandboxMerged *out, GError **error);
void sandbox_merged_clear(SandboxMerged *merged);
