/* program.h - running a program of the host to its end, with what it prints in memory.  Blocks; cancelling ends the program. */
#pragma once

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
