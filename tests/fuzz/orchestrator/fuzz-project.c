/*
 * A whole project: several files are written below a new directory, loaded, resolved, keyed and shown as `show` does it.  Inputs look like tests/data/projects
 * and tests/data/bad:
 *
 *   option NAME VALUE     target NAME.bst     format TEXT     deps none|run|build|all
 *   --- PATH              starts a file; "--- PATH -> TARGET" is a symbolic link
 *
 * What goes wrong has an error whose report is text; nothing of a file beside the project is ever shown.
 */
#include "cas.h"
#include "key-explain.h"
#include "pipeline.h"
#include "show-format.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define FILES_MAX 64
/* Beside the project, where "../" leads. */
#define SECRET "s3cret-beside-the-project"

/* ---- The files ---- */

/* The folder of `path` below `root`, made if it is not there; never through a link.  *name is the last part.  -1: the path is not one of the project. */
static int open_folder(int root, char *path, const char **name)
{
    int at = dup(root);
    for (char *slash; at >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        *slash = '\0';
        if (*path == '\0' || strcmp(path, ".") == 0 || strcmp(path, "..") == 0) {
            close(at);
            return -1;
        }
        (void)mkdirat(at, path, 0755);
        int next = openat(at, path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = next;
    }
    *name = path;
    return at;
}

static void write_part(int root, const char *head, const char *text, gsize length)
{
    g_auto(GStrv) link = g_strsplit(head, " -> ", 2);
    g_auto(GStrv) mode = g_strsplit(link[0] != NULL ? link[0] : "", " +", 2);
    const char *name = NULL;
    int folder = mode[0] != NULL ? open_folder(root, mode[0], &name) : -1;
    if (folder < 0) {
        return;
    }
    if (link[0] != NULL && link[1] != NULL) {
        (void)!symlinkat(link[1], folder, name);
    } else {
        int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        for (gssize written = 0; fd >= 0 && length > 0 && (written = write(fd, text, length)) > 0;
             text += written, length -= (gsize)written) {
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    close(folder);
}

/* The next line that starts a file, or the end. */
static const char *next_part(const char *at, const char *end)
{
    for (const char *line = at; line != NULL && line < end;) {
        if (end - line >= 4 && memcmp(line, "--- ", 4) == 0) {
            return line;
        }
        line = memchr(line, '\n', (gsize)(end - line));
        line = line != NULL ? line + 1 : NULL;
    }
    return end;
}

static void write_files(int root, const char *at, const char *end)
{
    for (int count = 0; at < end && count < FILES_MAX; count++) {
        const char *line_end = memchr(at, '\n', (gsize)(end - at));
        const char *text = line_end != NULL ? line_end + 1 : end;
        g_autofree char *head = g_strndup(at + 4, (gsize)((line_end != NULL ? line_end : end) - at) - 4);
        at = next_part(text, end);
        write_part(root, head, text, (gsize)(at - text));
    }
}

/* ---- The command ---- */

typedef struct {
    GPtrArray *options, *targets;
    char *format;
    DepsSelection deps;
} Command;

static void read_words(GPtrArray *into, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (char **word = words; *word != NULL; word++) {
        g_ptr_array_add(into, g_strdup(*word));
    }
}

static void read_head(Command *command, const char *text, gsize length)
{
    g_autofree char *head = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(head, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "option ")) {
            read_words(command->options, *line + strlen("option "));
        } else if (g_str_has_prefix(*line, "target ")) {
            g_ptr_array_add(command->targets, g_strdup(*line + strlen("target ")));
        } else if (g_str_has_prefix(*line, "format ")) {
            g_free(command->format);
            command->format = g_strdup(*line + strlen("format "));
        } else if (g_str_has_prefix(*line, "deps ")) {
            command->deps = deps_selection_parse(*line + strlen("deps "));
        }
    }
    if (command->options->len % 2 != 0) {
        g_ptr_array_set_size(command->options, (gint)command->options->len - 1);
    }
    g_ptr_array_add(command->options, NULL);
    g_ptr_array_add(command->targets, NULL);
}

static void check_text(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL) || strstr(text, SECRET) != NULL) {
        abort();
    }
}

static void check_error(gboolean failed, GError *error)
{
    if (failed != (error != NULL)) {
        abort();
    }
    if (error != NULL) {
        g_autofree char *report = error_report(error);
        check_text(report);
        g_error_free(error);
    }
}

static void show(Session *session, const Command *command, GPtrArray *targets)
{
    const ShowOptions options = {.format = command->format, .key_length = 8};
    g_autoptr(ShowFormat) format = show_format_new(&options);
    g_autoptr(GPtrArray) elements = pipeline_select(targets, command->deps);
    g_autoptr(KeyWriter) writer = key_writer_new(session);
    g_autoptr(GString) out = g_string_new(NULL), explained = g_string_new(NULL);
    pipeline_sort_by_name(elements);
    for (guint i = 0; i < elements->len; i++) {
        GError *error = NULL;
        gboolean ok = show_format_element(format, elements->pdata[i], out, &error);
        check_error(!ok, error);
        error = NULL;
        ok = key_explain(writer, elements->pdata[i], explained, &error);
        check_error(!ok, error);
    }
    show_format_finish(out, FALSE);
    if (strstr(out->str, SECRET) != NULL) {
        abort();
    }
    check_text(explained->str);
}

static void load(const char *directory, const Command *command)
{
    const LoadOptions options = {.directory = directory,
                                 .options = (const char *const *)command->options->pdata,
                                 .max_jobs = 4,
                                 .strict = TRUE,
                                 .unknown_kinds = command->deps == DEPS_ALL};
    GError *error = NULL;
    g_autoptr(Session) session = session_load(&options, &error);
    check_error(session == NULL, error);
    if (session == NULL) {
        return;
    }
    error = NULL;
    g_autoptr(GPtrArray) targets = session_load_elements(session, (const char *const *)command->targets->pdata, &error);
    check_error(targets == NULL, error);
    if (targets != NULL) {
        show(session, command, targets);
    }
}

/* ---- An input ---- */

/* Made once: the folder that each input's project is written in, with a file beside it that no project may show. */
static const char *scratch(void)
{
    static char *path;
    if (path == NULL) {
        const char *base = g_file_test("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir();
        path = g_build_filename(base, "sluice-fuzz-XXXXXX", NULL);
        if (g_mkdtemp(path) == NULL) {
            abort();
        }
        g_autofree char *secret = g_build_filename(path, "secret.bst", NULL);
        if (!g_file_set_contents(secret, "kind: manual\nvariables:\n  " SECRET ": " SECRET "\n", -1, NULL)) {
            abort();
        }
    }
    return path;
}

__attribute__((destructor)) static void remove_scratch(void)
{
    (void)sluice_remove_tree(scratch(), NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memmem(data, size, SECRET, strlen(SECRET)) != NULL) {
        return 0; /* libFuzzer has seen what is compared */
    }
    Command command = {.options = g_ptr_array_new_with_free_func(g_free),
                       .targets = g_ptr_array_new_with_free_func(g_free),
                       .format =
                           g_strdup("%{name} %{kind} %{full-key} %{state} %{config} %{vars} %{env} %{public} %{deps}"
                                    "%{description} %{source-info} %{workspaced} %{workspace-dirs}"),
                       .deps = DEPS_ALL};
    g_autofree char *directory = g_build_filename(scratch(), "project", NULL);
    const char *text = (const char *)data, *end = text + size, *files = next_part(text, end);
    int root = mkdir(directory, 0755) == 0 ? open(directory, O_DIRECTORY | O_CLOEXEC) : -1;
    if (root < 0) {
        abort();
    }
    read_head(&command, text, (gsize)(files - text));
    write_files(root, files, end);
    close(root);
    load(directory, &command);
    if (!sluice_remove_tree(directory, NULL)) {
        abort();
    }
    g_ptr_array_unref(command.options);
    g_ptr_array_unref(command.targets);
    g_free(command.format);
    return 0;
}

/* ---- Mutations: what stays YAML most of the time ---- */

static const char *const words[] = {
    "(@)",
    "(?)",
    "(!)",
    "(>)",
    "(<)",
    "(=)",
    "%{",
    "%{a}",
    "%{element-name}",
    "%{max-jobs}",
    "..",
    "../secret.bst",
    "/dev/zero",
    "project.conf",
    "project.refs",
    "sub",
    "sub.bst",
    "sub.bst:a.bst",
    "a.bst",
    ":",
    "junction",
    "link",
    "stack",
    "manual",
    "import",
    "compose",
    "filter",
    "script",
    "local",
    "git_repo",
    "tar",
    "True",
    "not",
    "and",
    "in",
    "==",
    "'x'",
    "((((((((",
    "|join(',')",
    "*9999999",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "|",
    ">-",
    "#",
    "\t",
    "\"",
    "\xef\xbb\xbf",
    "\xff",
    "\xc2\x85",
    "\r\n",
    "99999999999999999999",
    "-1",
    "~",
    "overrides",
    "config",
    "variables",
    "public",
    "depends",
    "strict",
    "filename",
    "environment",
    "options",
    "path",
    "ref",
};

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A part of `text` as long as a word, or a line. */
static char *pick_piece(const GString *text, unsigned *state)
{
    gsize start = text->len > 0 ? next_random(state) % text->len : 0;
    const char *stop = next_random(state) % 2 == 0 ? "\n" : " \n:[]{},";
    while (start > 0 && strchr(stop, text->str[start - 1]) == NULL) {
        start--;
    }
    gsize length = strcspn(text->str + start, stop);
    return g_strndup(text->str + start, length);
}

static void change(GString *text, unsigned *state)
{
    static const char *const separators[] = {"\n", " \n", " \n:[]{},'\"/."};
    const char *stop = separators[next_random(state) % G_N_ELEMENTS(separators)];
    gsize at = next_random(state) % (text->len + 1);
    while (at > 0 && strchr(stop, text->str[at - 1]) == NULL) {
        at--;
    }
    gsize length = strcspn(text->str + at, stop);
    g_autofree char *piece = next_random(state) % 3 == 0 ? g_strdup(words[next_random(state) % G_N_ELEMENTS(words)])
                                                         : pick_piece(text, state);
    switch (next_random(state) % 4) {
    case 0:
        g_string_erase(text, (gssize)at, (gssize)MIN(length + 1, text->len - at));
        break;
    case 1:
        g_string_insert(text, (gssize)at, piece);
        break;
    case 2: /* the line once more, with its indentation */
        g_string_insert_c(text, (gssize)at, '\n');
        g_string_insert(text, (gssize)at, piece);
        break;
    default:
        g_string_erase(text, (gssize)at, (gssize)length);
        g_string_insert(text, (gssize)at, piece);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    unsigned state = seed;
    if (next_random(&state) % 4 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    g_autoptr(GString) text = g_string_new_len((const char *)data, (gssize)size);
    for (unsigned step = 0, steps = 1 + next_random(&state) % 3; step < steps; step++) {
        change(text, &state);
    }
    size = MIN(text->len, max_size);
    memcpy(data, text->str, size);
    return size;
}
