/*
 * build-private.h - what the files build-*.c share; element kinds use build.h.
 */
#pragma once

#include "build.h"

/* Where a client finds the action-proxy on the loopback interface of its sandbox: one number everywhere, so that it varies nothing. */
#define ACTION_PROXY_PORT 8980

/* ---- build-events.c ---- */

/* A line for the element's log only. */
G_GNUC_PRINTF(2, 3) void build_log(Build *build, const char *format, ...);

/* ---- build-run.c ---- */

typedef struct {
    const char *const *argv;
    const char *const *environment;
    const char *cwd;
    gboolean root_read_only;
    const char *const *writable;
    const SluiceSandboxBind *binds;
    gsize n_binds;
    gboolean network, interactive, inherit_ids;
    int fds[3]; /* -1: /dev/null */
    unsigned loopback_port;
    void (*listener)(int fd, gpointer data);
    gpointer listener_data;
} RunPlan;
/* A RunPlan that writes to the log. */
void run_plan_init(Build *build, RunPlan *plan);
/* One command; its status is the caller's to judge.  Sandbox errors become SANDBOX errors or G_IO_ERROR_CANCELLED. */
gboolean build_run_command(Build *build, SluiceSandbox *sandbox, const RunPlan *plan, int *status, GError **error);
/* `sh -e -c SCRIPT`, whatever its length; fails with SANDBOX/command-failed if the script does. */
gboolean build_run_script(Build *build, SluiceSandbox *sandbox, const RunPlan *plan, const char *script,
                          GError **error);
/* SANDBOX/missing-command unless `command` is found in the PATH of `environment` in the tree. */
gboolean build_check_command(Build *build, const SluiceDigest *root, const char *command,
                             const char *const *environment, GError **error);
/* The log from its start, with an offset of its own; -1 if it is no file. */
int build_open_log(Build *build);
/* Where the sandbox mounts something, and `cwd`: in BuildStream these stay in a root that commands may write to. */
gboolean build_add_mount_points(Build *build, const char *cwd, SluiceDigest *root, GError **error);
SluiceSandbox *build_open_sandbox(Build *build, const SluiceDigest *root, GError **error);
gboolean build_capture(Build *build, SluiceSandbox *sandbox, const char *path, SluiceDigest *out, GError **error);
uid_t build_uid(const Build *build);
gid_t build_gid(const Build *build);

/* ---- script.c: text of batches ---- */

void script_append_quoted(GString *script, const char *text);
/* One command in a shell of its own, echoed; the batch ends where one fails.  `shell_words`: how the command's shell is called. */
void script_append_command(GString *script, const char *shell_words, const char *command);
/* Sets, in a subshell, what `environment` has other than `base`, and unsets what it lacks. */
void script_append_environment(GString *script, const char *const *base, const char *const *environment);

/* ---- Environments ---- */

/* A mapping of strings as "NAME=value"; in the arena, NULL-terminated. */
const char *const *environment_from_node(Arena *arena, const Node *mapping);
const char *environment_get(const char *const *environment, const char *name);
/* Like `base`, with a value set. */
const char *const *environment_with(Arena *arena, const char *const *base, const char *name, const char *value);

/* ---- proxy.c ---- */

typedef struct Proxy Proxy;
/* Serves the sandbox's identity: endpoint and, if `socket_path`, a UNIX socket to be bound there. */
Proxy *proxy_start(Build *build, const CommandPlan *plan, GError **error);
/* The bind of its UNIX socket; FALSE if it has none. */
gboolean proxy_get_bind(Proxy *proxy, SluiceSandboxBind *bind);
/* A `listener` for RunPlan: `data` is the Proxy. */
void proxy_take_listener(int fd, gpointer data);
/* "off", "executed" or "trusted". */
gboolean cache_writes_parse(const Node *node, SluiceCacheWrites *out, GError **error);
/* Stops it and puts the account into the build.  FALSE if it could not serve. */
gboolean proxy_finish(Proxy *proxy, GError **error);

/* ---- recc.c ---- */
typedef struct Recc Recc;
/* Serves the compiler launchers of a sandbox whose lower layer is `root`. */
Recc *recc_start(Build *build, const CommandPlan *plan, SluiceSandbox *sandbox, const SluiceDigest *root,
                 GError **error);
/* What the sandbox's script has to begin with: before anything that is the element's. */
const char *recc_get_greeting(void);
/* Its folder in the sandbox. */
void recc_get_bind(Recc *recc, SluiceSandboxBind *bind);
/* `base` with the launchers first in PATH. */
const char *const *recc_environment(Build *build, const char *const *base);
/* Stops it, and tells what it did. */
void recc_finish(Recc *recc);

/* ---- build-incremental.c ---- */

/* `files`: the sources.  For an element with a workspace that was built before, on the same dependencies: what that build left in its build root, with what has
 * changed in the sources since then. */
gboolean build_go_on(Build *build, SluiceDigest *files, GError **error);
/* Without configure commands where they have run in the workspace; else a marker comes after them. */
gboolean build_configure_once(Build *build, const CommandPlan *plan, CommandStep *configure, GError **error);

/* ---- build.c ---- */

gboolean build_begin(Build *build, Element *element, const BuildContext *context, const char *action, GError **error);
void build_end(Build *build);

/* ---- build-element.c ---- */

/* Where it works, what it may write, what is collected. */
void build_element_directories(Build *build, CommandPlan *plan);
/* Those, and root, environment and proxy: all but the commands. */
gboolean build_element_plan(Build *build, CommandPlan *plan, GError **error);
