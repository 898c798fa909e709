/* main.c - `recc COMPILER ARGUMENTS…`, or a link that has a compiler's name. */
#include "recc.h"

#include <fcntl.h>
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
    /* for a terminal the compiler would write its messages otherwise */
    bool other = answer.n_errors > 0 && isatty(STDERR_FILENO);
    if (answer.verdict != RECC_HIT || other || !recc_take_outputs(fd, &answer))
        return recc_become(arguments);
    if (answer.n_errors > 0)
        recc_write_all(STDERR_FILENO, answer.errors, answer.n_errors);
    return 0;
}

static const char *find_given_folder(void)
{
    const char *folder = getenv(RECC_FOLDER_VARIABLE);
    return folder && *folder ? folder : RECC_FOLDER;
}

/* Of the sandbox that we are in, or else of the user. */
static int connect_anywhere(const char **folder)
{
    *folder = find_given_folder();
    int fd = recc_connect(*folder);
    if (fd >= 0 || access(*folder, F_OK) == 0 || strcmp(*folder, RECC_FOLDER) != 0)
        return fd;
    *folder = recc_user_folder();
    return recc_connect_user(*folder);
}

/* Before a sandbox runs what a builder wrote: this process's root is that of the sandbox. */
static int tell_root(void)
{
    char root[] = "/", *arguments[] = {root, NULL};
    ReccAnswer answer;
    int fd = recc_connect(find_given_folder());
    return fd >= 0 && recc_send_compile(fd, arguments, environ) && recc_receive_answer(fd, &answer) ? 0 : 1;
}

/* Where one is closed, what we open would take its place. */
static bool has_streams(void)
{
    return fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 &&
           fcntl(STDERR_FILENO, F_GETFD) >= 0;
}

static int launch(char **arguments)
{
    const char *folder, *compiler = recc_find_compiler(arguments[0]);
    if (!compiler) {
        fprintf(stderr, "recc: %s: command not found\n", recc_base_name(arguments[0]));
        return RECC_EXIT_ABSENT;
    }
    arguments[0] = (char *)compiler;
    if (!arguments[1] || !has_streams())
        return recc_become(arguments);
    int fd = connect_anywhere(&folder);
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
    if (strcmp(argv[1], "--tell-root") == 0)
        return tell_root();
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return fputs(usage, stdout) < 0;
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
        return puts("recc (sluice) " SLUICE_VERSION) < 0;
    return launch(argv + 1);
}
