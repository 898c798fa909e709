/* Directory trees on disk: listing, and removal of what a build may have left in any state. */
#pragma once

#include <dirent.h>
#include <glib.h>

/* The next entry but "." and "..".  NULL: the end (errno is 0), or a failure. */
struct dirent *cas_next_entry(DIR *dir);

/* As sluice_remove_tree, `name` relative to `dirfd`. */
gboolean cas_remove_tree_at(int dirfd, const char *name, GError **error);
/* Empties an open directory. */
gboolean cas_remove_contents(int dirfd, GError **error);
