/*
 * recc-folder.h - the folder where compiler launchers find what they need, as recc-shim/recc.h has it: bin/recc, the object trace.so that watches
 * compilers, and a socket.  In sandboxes it is bound to one place; on the machine itself each user has one.
 */
#pragma once

#include "bazel-bridge.h"
#include "cas.h"

#include <sys/stat.h>

/* `folder` is a directory descriptor.  What is there already of bin and trace.so is replaced. */
gboolean recc_folder_fill(int folder, GError **error);
/* A descriptor of its bin; -1 with an error. */
int recc_folder_open_bin(int folder, GError **error);
/* A socket that listens there, made anew, for those whom `mode` lets connect; -1 with an error. */
int recc_folder_listen(int folder, mode_t mode, GError **error);

/* The refs under which compile caching leaves what it counted: "PROJECT:ELEMENT", of an element's last build, or RECC_STATS_DAEMON -> lines of
 * NAME NUMBER. */
#define RECC_STATS_SPACE  "recc-stats"
#define RECC_STATS_DAEMON "recc-daemon"

char *recc_folder_describe_counts(const SluiceLauncherStats *stats, char **reasons);
/* Statistics are worth no failure. */
void recc_folder_keep_counts(SluiceStore *store, const char *name, const char *counts);
