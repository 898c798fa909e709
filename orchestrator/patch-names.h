/* patch-names.h - which files a patch is about. */
#pragma once

#include "error.h"

/* Names of all files that the headers of a patch mention, `strip` leading segments taken off; sorted, each once.  A GPtrArray of char * that frees them.  Names that
 * leave the top are left out.  A patch of more than PATCH_NAMES_MAX files is an error; `name` is the patch's, for messages. */
#define PATCH_NAMES_MAX 100000
GPtrArray *patch_names(GBytes *patch, guint strip, const char *name, GError **error);
