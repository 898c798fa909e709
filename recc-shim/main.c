/* main.c - `recc COMPILER ARGUMENTS…`, or a link that has a compiler's name. */
#include "recc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const char usage[] = "usage: recc COMPILER ARGUMENTS…\n"
                            "       recc --help | --version\n"
                            "Takes what COMPILER would make from sluice's cache, or runs it.  See recc(1).\n";

static int talk(int fd, const char *folder, char *const *arguments)
{
    ReccAnswer answer;
    if (!recc_send_compile(fd, arguments, environ) || !recc_receive_answer(fd, &answer))
        return recc_become(arguments);
    if (answer.verdict == RECC_LEARN)
        return recc_run_watched(fd, folder, arguments);
    if (answer.verdict != RECC_HIT || !recc_take_outputs(fd, &answer))
        return recc_become(arguments);
    if (answer.n_errors > 0)
        recc_write_all(STDERR_FILENO, answer.errors, answer.n_errors);
    return 0;
}

static bool is_on(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

/* What recc is told with these is not done here: with them the compiler runs as if we were not there. */
static bool is_told_otherwise(void)
{
    static const char *const variables[] = {"RECC_PASSTHROUGH",      "RECC_ACTION_SALT", "RECC_ACTION_UNCACHEABLE",
                                            "RECC_DONT_SAVE_OUTPUT", "RECC_ENV_TO_READ", "RECC_NO_EXECUTE",
                                            "RECC_PRESERVE_ENV",     "RECC_SKIP_CACHE",  "RECC_VERIFY"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (is_on(variables[i]))
            return true;
    }
    return false;
}

static int launch(char **arguments)
{
    const char *folder = getenv(RECC_FOLDER_VARIABLE);
    const char *compiler = recc_find_compiler(arguments[0]);
    if (!compiler) {
        fprintf(stderr, "recc: %s: command not found\n", recc_base_name(arguments[0]));
        return RECC_EXIT_ABSENT;
    }
    arguments[0] = (char *)compiler;
    if (!folder || !*folder)
        folder = RECC_FOLDER;
    /* a terminal's colours a pipe would take away */
    if (!arguments[1] || is_told_otherwise() || isatty(STDERR_FILENO))
        return recc_become(arguments);
    int fd = recc_connect(folder);
    return fd < 0 ? recc_become(arguments) : talk(fd, folder, arguments);
}

int main(int argc, char **argv)
{
    if (argc == 0)
        return RECC_EXIT_USAGE;
    const char *name = recc_base_name(argv[0]);
    if (strcmp(name, "recc") != 0 && strcmp(name, "sluice-recc") != 0)
        return launch(argv);
    if (argc < 2) {
        fputs(usage, stderr);
        return RECC_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return fputs(usage, stdout) < 0;
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
        return puts("recc (sluice) " SLUICE_VERSION) < 0;
    return launch(argv + 1);
}
