/* helper-mount.h - the overlay that is a sandbox's root. */
#pragma once

#include "sandbox-error.h"

/* Shows the directory `from` on lower/ of the working directory. */
gboolean helper_mount_lower(const char *from, GError **error);
/* upper/ over lower/ on root/, all of the working directory; `own` is made anew for what the overlay keeps for itself. */
gboolean helper_mount_overlay(const char *own, GError **error);
/* Takes both away. */
void helper_unmount(void);
