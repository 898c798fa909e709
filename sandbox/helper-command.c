#include "helper-command.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin" /* what execvp takes when there is no PATH */

static const char *command_name(const HelperRun *run)
{
    return run->launch[1];
}

static const char *search_path(const HelperRun *run)
{
    for (guint i = 0; i < run->environment->len; i++) {
        const char *variable = run->environment->pdata[i];
        if (g_str_has_prefix(variable, "PATH="))
            return variable + strlen("PATH=");
    }
    return DEFAULT_PATH;
}

static int open_inside(const HelperRun *run, const char *path)
{
    const char *below = helper_run_below_place(run, path);
    return helper_root_open_path(below != NULL ? &run->inner : &run->root, below != NULL ? below : path);
}

/* ENOENT, EACCES or 0.  What something else is mounted over, or is behind a link that may lead out of the
 * place where it is, cannot be seen from here, and counts as there. */
static int look(const HelperRun *run, const char *path)
{
    if (helper_run_is_covered(run, path) && helper_run_below_place(run, path) == NULL)
        return 0;
    struct stat status;
    int fd = open_inside(run, path);
    if (fd < 0)
        return helper_run_below_place(run, path) != NULL &&
                       helper_root_has_link(&run->inner, helper_run_below_place(run, path))
                   ? 0
                   : ENOENT;
    int result = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0 ? 0 : EACCES;
    close(fd);
    return result;
}

/* The path of the command inside, or NULL with ENOENT or EACCES in `code`. */
static char *find(const HelperRun *run, int *code)
{
    const char *name = command_name(run);
    *code = ENOENT;
    if (strchr(name, '/') != NULL) {
        char *path = name[0] == '/' ? g_strdup(name) : g_build_filename(run->directory, name, NULL);
        *code = look(run, path);
        if (*code == 0)
            return path;
        g_free(path);
        return NULL;
    }
    g_auto(GStrv) folders = g_strsplit(search_path(run), ":", -1);
    for (char **folder = folders; *folder != NULL; folder++) {
        char *path = g_build_filename((*folder)[0] == '/' ? "/" : run->directory, *folder, name, NULL);
        int result = look(run, path);
        if (result == 0)
            return path;
        if (result == EACCES)
            *code = EACCES;
        g_free(path);
    }
    return NULL;
}

gboolean helper_command_check(const HelperRun *run, GError **error)
{
    int code = 0;
    const char *name = command_name(run);
    g_autofree char *path = find(run, &code);
    if (path != NULL)
        return TRUE;
    if (code == EACCES)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "command '%s' is not an executable file in the sandbox",
                             name);
    if (strchr(name, '/') != NULL)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "command '%s' not found in the sandbox", name);
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "command '%s' not found in the sandbox (PATH is %s)", name,
                         search_path(run));
}

static char *script_interpreter(const char *head)
{
    head += 2;
    head += strspn(head, " \t");
    return g_strndup(head, strcspn(head, " \t\n"));
}

/* PT_INTERP of a 64-bit program of this byte order. */
static char *elf_interpreter(int fd)
{
    Elf64_Ehdr header;
    Elf64_Phdr part;
    char name[256];
    if (pread(fd, &header, sizeof header, 0) != sizeof header || header.e_ident[EI_CLASS] != ELFCLASS64)
        return NULL;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        if (pread(fd, &part, sizeof part, (off_t)(header.e_phoff + i * sizeof part)) != sizeof part)
            return NULL;
        if (part.p_type != PT_INTERP || part.p_filesz == 0 || part.p_filesz > sizeof name)
            continue;
        if (pread(fd, name, part.p_filesz, (off_t)part.p_offset) != (ssize_t)part.p_filesz)
            return NULL;
        return g_strndup(name, part.p_filesz);
    }
    return NULL;
}

static char *interpreter_of(const HelperRun *run, const char *path)
{
    char head[256] = "";
    int path_fd = open_inside(run, path);
    if (path_fd < 0)
        return NULL;
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", path_fd);
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    close(path_fd);
    if (fd < 0)
        return NULL;
    char *interpreter = NULL;
    ssize_t got = pread(fd, head, sizeof head - 1, 0);
    if (got > 2 && memcmp(head, "#!", 2) == 0)
        interpreter = script_interpreter(head);
    else if (got > SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
        interpreter = elf_interpreter(fd);
    close(fd);
    return interpreter;
}

void helper_command_explain(const HelperRun *run, GError **error)
{
    int code = 0;
    const char *name = command_name(run);
    g_autofree char *path = find(run, &code);
    g_autofree char *interpreter = path != NULL ? interpreter_of(run, path) : NULL;
    if (interpreter != NULL && look(run, interpreter) != 0)
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP,
                      "command '%s' cannot start: its interpreter %s not found in the sandbox", name, interpreter);
    else
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP,
                      "command '%s' could not be started in the sandbox (bubblewrap's message is in its output)", name);
}
