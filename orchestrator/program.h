/* program.h - running a program of the host to its end, with what it prints in memory.  Blocks; cancelling ends the program. */
#pragma once

#include "cas.h"
#include <gio/gio.h>

typedef struct {
    const char *const *arguments;   /* the first is the path of the program */
    const char *const *environment; /* NULL: ours */
    const char *directory;          /* where it runs; NULL: here */
    GCancellable *cancellable;
} Program;

#define PROGRAM_OUTPUT_MAX ((gsize)256 << 20)

/* *status (or NULL) gets the exit status, and then one that is not 0 is no error; without it, it is: SOURCE, `fail` as message, what the program said as detail.
 * *output (or NULL) gets what it printed; free with g_free.  `input` may be NULL. */
gboolean program_run(const Program *program, GBytes *input, const char *fail, int *status, char **output,
                     GError **error);
/* Waits for a child to end; its wait status. */
int program_reap(GPid pid);
/* FALSE with the error of a program that failed: `fail` as message, the end of what it wrote to the memory file `err` as detail. */
gboolean program_report(int err, const char *fail, GError **error);

/* For programs that others can make do anything, since code that they wrote runs or is configured: of the host they see the system's folders and nothing else, neither
 * the user's files nor /run, /tmp, or our store.  They have the network, with the host's proxies and certificates, and HOME is an empty folder that is gone afterwards. */
typedef struct {
    SluiceStore *store;
    const char *folder; /* where they may write; its contents stay */
    const char *const
        *readable; /* more files and folders (NULL-terminated, or NULL); those that are not there are left out */
} ProgramConfinement;
/* As program_run without input and output; of the environment, `program->environment` ("NAME=value") is added to what a program needs.  Without `directory` it runs in `folder`.
 * SOURCE where this machine has no sandboxes. */
gboolean program_run_confined(const Program *program, const ProgramConfinement *confinement, const char *fail,
                              GError **error);
