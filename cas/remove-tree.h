/* Removal of directory trees that a build may have left in any state. */
#pragma once

#include <glib.h>

/* As sluice_remove_tree, `name` relative to `dirfd`. */
gboolean cas_remove_tree_at(int dirfd, const char *name, GError **error);
/* Empties an open directory. */
gboolean cas_remove_contents(int dirfd, GError **error);
