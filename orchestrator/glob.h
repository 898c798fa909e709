/*
 * glob.h - the globs of split rules, overlap whitelists and artifact names: `*`, `?` and `[…]` stay between slashes, `**` does not.
 */
#pragma once

#include <glib.h>

/* One expression that matches a whole text if any of the globs does; no globs match nothing.  Texts are bytes, not characters.  Free with g_regex_unref. */
GRegex *glob_compile(const char *const *globs, gsize count, GError **error);
