/*
 * Names of what a compile writes.
 *
 * gcc (since 11) names everything beside the object after a common beginning: that of -o without its last suffix, or the source's name, in the working
 * directory; -dumpbase, -dumpbase-ext and -dumpdir change it.  A depfile without a name follows -o if there is one, whatever they say.
 * clang replaces the last suffix of -o, or of the source's name.
 */
#include "compile-parse.h"

#include <string.h>

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* `path` without the last suffix of its last component; a dot at the beginning of that counts only if `hidden`. */
static char *without_suffix(const char *path, gboolean hidden)
{
    const char *base = base_of(path), *dot = strrchr(base, '.');
    return dot != NULL && (dot > base || hidden) ? g_strndup(path, (gsize)(dot - path)) : g_strdup(path);
}

static char *source_stem(CompileParse *parse)
{
    return without_suffix(base_of(g_ptr_array_index(parse->options->sources, 0)), FALSE);
}

static char *with_dumpbase(CompileParse *parse, const char *directory)
{
    const char *base = parse->dumpbase, *ext = parse->dumpbase_ext;
    gsize length = strlen(base);
    if (ext != NULL && g_str_has_suffix(base, ext) && length > strlen(ext))
        length -= strlen(ext);
    g_autofree char *stem = base[0] == '\0' ? source_stem(parse) : g_strndup(base, length);
    return strchr(base, '/') ? g_steal_pointer(&stem) : g_strconcat(directory, stem, NULL);
}

static char *beginning_gcc(CompileParse *parse)
{
    g_autofree char *directory = parse->output == NULL
                                     ? g_strdup("")
                                     : g_strndup(parse->output, (gsize)(base_of(parse->output) - parse->output));
    if (parse->dumpdir != NULL) {
        g_free(directory);
        directory = g_strdup(parse->dumpdir);
    }
    if (parse->dumpbase != NULL)
        return with_dumpbase(parse, directory);
    g_autofree char *stem = parse->output ? without_suffix(base_of(parse->output), FALSE) : source_stem(parse);
    return g_strconcat(directory, stem, NULL);
}

static char *beginning(CompileParse *parse)
{
    if (parse->family == COMPILE_FAMILY_GCC)
        return beginning_gcc(parse);
    return parse->output ? without_suffix(parse->output, TRUE) : source_stem(parse);
}

static char *default_output(CompileParse *parse)
{
    if (parse->options->precompiles)
        return g_strconcat(g_ptr_array_index(parse->options->sources, 0), ".gch", NULL);
    g_autofree char *stem = source_stem(parse);
    return g_strconcat(stem, parse->flags[FLAG_MODE] == MODE_COMPILE ? ".s" : ".o", NULL);
}

static void add_output(CompileParse *parse, const char *stem, gboolean made, const char *suffix)
{
    if (made)
        g_ptr_array_add(parse->options->outputs, g_strconcat(stem, suffix, NULL));
}

/* gcc extracts one from whatever it assembles, clang makes one if there is debug information. */
static gboolean split(CompileParse *parse)
{
    const int *flags = parse->flags;
    gboolean assembles = flags[FLAG_MODE] == MODE_ASSEMBLE && !parse->options->precompiles;
    return flags[FLAG_SPLIT] == SPLIT_FILE && assembles && (parse->family == COMPILE_FAMILY_GCC || flags[FLAG_DEBUG]);
}

static void name_outputs(CompileParse *parse)
{
    gboolean compiled = !compile_language_is_assembler(parse->options->language) && !parse->options->precompiles;
    const int *flags = parse->flags;
    g_autofree char *stem = beginning(parse);
    g_ptr_array_add(parse->options->outputs, parse->output ? g_strdup(parse->output) : default_output(parse));
    parse->options->splits = split(parse);
    add_output(parse, stem, parse->options->splits, ".dwo");
    add_output(parse, stem, compiled && (flags[FLAG_NOTES] || flags[FLAG_COVERAGE]), ".gcno");
    add_output(parse, stem, compiled && flags[FLAG_STACK], ".su");
    add_output(parse, stem, compiled && flags[FLAG_CALLGRAPH], ".ci");
}

/* As make wants it: a blank takes a backslash, and so does each backslash before it. */
static void append_quoted(GString *out, const char *target)
{
    for (const char *c = target; *c != '\0'; c++) {
        if (*c == ' ' || *c == '\t') {
            for (const char *before = c; before > target && before[-1] == '\\'; before--)
                g_string_append_c(out, '\\');
            g_string_append_c(out, '\\');
        } else if (*c == '$') {
            g_string_append_c(out, '$');
        } else if (*c == '#') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *c);
    }
}

/* gcc takes "./" away. */
static const char *plain_name(CompileParse *parse, const char *target)
{
    while (parse->family == COMPILE_FAMILY_GCC && target[0] == '.' && target[1] == '/')
        target += 2 + strspn(target + 2, "/");
    return target;
}

static char *escape_target(CompileParse *parse, const CompileTarget *target)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *text = plain_name(parse, target->text);
    if (target->quoted)
        append_quoted(out, text);
    else
        g_string_append(out, text);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* gcc hands the quoted ones over first, and then exchanges each that is not with the first of them. */
static void order_targets_gcc(GArray *targets)
{
    g_autoptr(GArray) ordered = g_array_new(FALSE, FALSE, sizeof(CompileTarget));
    guint plain = 0;
    for (int quoted = 1; quoted >= 0; quoted--) {
        for (guint i = 0; i < targets->len; i++) {
            CompileTarget target = g_array_index(targets, CompileTarget, i);
            if (target.quoted != quoted)
                continue;
            g_array_append_val(ordered, target);
            if (!quoted) {
                CompileTarget lowest = g_array_index(ordered, CompileTarget, plain);
                g_array_index(ordered, CompileTarget, plain++) = target;
                if (plain < ordered->len)
                    g_array_index(ordered, CompileTarget, ordered->len - 1) = lowest;
            }
        }
    }
    g_array_set_size(targets, 0);
    g_array_append_vals(targets, ordered->data, ordered->len);
}

static char *default_target(CompileParse *parse)
{
    gboolean driver = parse->family == COMPILE_FAMILY_CLANG || parse->preprocessor_dependencies == 0;
    if (parse->output != NULL && driver)
        return g_strdup(parse->output);
    g_autofree char *stem = without_suffix(base_of(g_ptr_array_index(parse->options->sources, 0)), TRUE);
    return g_strconcat(stem, ".o", NULL);
}

static void name_targets(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    g_autofree char *target = default_target(parse);
    CompileTarget alone = {target, TRUE};
    if (parse->family == COMPILE_FAMILY_GCC)
        order_targets_gcc(parse->targets);
    for (guint i = 0; i < parse->targets->len; i++)
        g_ptr_array_add(options->deptargets, escape_target(parse, &g_array_index(parse->targets, CompileTarget, i)));
    if (parse->targets->len == 0)
        g_ptr_array_add(options->deptargets, escape_target(parse, &alone));
    g_autoptr(GString) line = g_string_new(g_ptr_array_index(options->deptargets, 0));
    for (guint i = 1; i < options->deptargets->len; i++)
        g_string_append_printf(line, " %s", (const char *)g_ptr_array_index(options->deptargets, i));
    options->deptarget = g_string_free(g_steal_pointer(&line), FALSE);
}

static char *default_depfile(CompileParse *parse)
{
    g_autofree char *stem = parse->output ? without_suffix(parse->output, TRUE) : beginning(parse);
    return g_strconcat(stem, ".d", NULL);
}

static void name_depfile(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    if (parse->flags[FLAG_DEPENDENCIES] == DEPENDENCIES_NONE || !options->preprocesses)
        return;
    options->depfile = parse->depfile ? g_strdup(parse->depfile) : default_depfile(parse);
    name_targets(parse);
    options->depfile_system = parse->flags[FLAG_DEPENDENCIES] == DEPENDENCIES_ALL;
    options->depfile_phony = parse->flags[FLAG_PHONY] != 0;
}

static const char *reason_of_name(const char *path)
{
    static const char *const streams[] = {"-", "/dev/stdout", "/dev/stderr"};
    for (gsize i = 0; i < G_N_ELEMENTS(streams); i++)
        if (strcmp(path, streams[i]) == 0)
            return "output-to-stdout";
    if (g_str_has_prefix(path, "/dev/fd/"))
        return "output-to-stdout";
    return g_str_has_prefix(path, "/dev/") || g_str_has_prefix(path, "/proc/") ? "output-to-device" : NULL;
}

/* No two of them may be one file, by name at least. */
static void check_names(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(seen, g_canonicalize_filename(g_ptr_array_index(options->sources, 0), "/w"));
    for (guint i = 0; i <= options->outputs->len; i++) {
        const char *path = i < options->outputs->len ? g_ptr_array_index(options->outputs, i) : options->depfile;
        if (path == NULL)
            continue;
        const char *reason = reason_of_name(path);
        if (reason == NULL && (*base_of(path) == '\0' || !g_hash_table_add(seen, g_canonicalize_filename(path, "/w"))))
            reason = "conflicting-outputs";
        if (reason != NULL)
            compile_parse_refuse(parse, reason, path);
    }
}

void compile_parse_outputs(CompileParse *parse)
{
    name_outputs(parse);
    name_depfile(parse);
    check_names(parse);
}
