/* archive-private.h - what archive-contents.c (reading) and archive-place.c (placing members) share. */
#pragma once

#include "archive-contents.h"

/* Lexically: leading slashes are dropped, "." and ".." resolved; NULL if the path leaves the top. */
char *archive_normalise(const char *path);
/* FALSE with BuildStream's text: "… would be extracted to …, which is outside the destination". */
gboolean archive_outside(const char *archive, const char *member, const char *verb, const char *path, GError **error);
struct archive;
/* Only compressions that are linked in: libarchive would start programs for the rest. */
void archive_allow_filters(struct archive *archive);
