#include "compile-parse.h"

#include <gio/gio.h>
#include <string.h>

static const char *const reasons[] = {
    "analyzer",
    "combination",
    "compilation-database",
    "configuration-file",
    "conflicting-depfiles",
    "conflicting-outputs",
    "dependencies-only",
    "device-source",
    "diagnostics-file",
    "dump",
    "information",
    "language",
    "link",
    "linker-input",
    "missing-argument",
    "modules",
    "no-source",
    "offload",
    "optimization-record",
    "output-to-device",
    "output-to-stdout",
    "plugin",
    "precompiled-header",
    "preprocess-only",
    "profile-use",
    "response-file",
    "save-temps",
    "several-architectures",
    "several-outputs",
    "several-sources",
    "statistics",
    "stdin",
    "syntax-only",
    "time-trace",
    "unknown-assembler-option",
    "unknown-compiler",
    "unknown-frontend-option",
    "unknown-option",
    "unknown-preprocessor-option",
    "unsupported-option",
    "verbose",
    NULL,
};

/* Those that tell what the whole command is for: they count before whatever else there is to say. */
static const char *const purposes[] = {"preprocess-only", "dependencies-only", "syntax-only", "information", "verbose"};

const char *const *compile_options_reasons(void)
{
    return reasons;
}

CompileFamily compile_family_of(const char *program)
{
    const char *slash = strrchr(program, '/'), *base = slash ? slash + 1 : program;
    if (strstr(base, "clang") != NULL)
        return COMPILE_FAMILY_CLANG;
    return strstr(base, "gcc") != NULL || strstr(base, "g++") != NULL ? COMPILE_FAMILY_GCC : COMPILE_FAMILY_UNKNOWN;
}

static gboolean is_purpose(const char *reason)
{
    for (gsize i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (strcmp(purposes[i], reason) == 0)
            return TRUE;
    return FALSE;
}

void compile_parse_refuse(CompileParse *parse, const char *reason, const char *culprit)
{
    CompileOptions *options = parse->options;
    if (options->reason != NULL && (is_purpose(options->reason) || !is_purpose(reason)))
        return;
    options->reason = reason;
    g_free(options->culprit);
    options->culprit = g_strdup(culprit);
}

void compile_parse_key(CompileParse *parse, const char *text, int path)
{
    g_ptr_array_add(parse->options->key_arguments, g_strdup(text));
    g_array_append_val(parse->options->key_paths, path);
}

/* Once, or the second one is what `reason` says. */
static void set_once(CompileParse *parse, const char **where, const char *value, const char *reason)
{
    if (*where != NULL)
        compile_parse_refuse(parse, reason, value);
    *where = value;
}

static void set_language(CompileParse *parse, const char *name)
{
    const char *reason = NULL;
    parse->language = NULL;
    if (strcmp(name, "none") == 0)
        return;
    parse->language = compile_language_of_name(name, &reason);
    if (parse->language == NULL)
        compile_parse_refuse(parse, reason, name);
}

static void add_target(CompileParse *parse, const char *text, gboolean quoted)
{
    CompileTarget target = {text, quoted};
    g_array_append_val(parse->targets, target);
}

static void add_split(GPtrArray *list, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    for (char **part = parts; *part != NULL; part++)
        g_ptr_array_add(list, g_strdup(*part));
}

/* gcc puts -iprefix straight before it; without one, before it stands where gcc itself is. */
static void add_with_prefix(CompileParse *parse, const char *value)
{
    if (parse->prefix == NULL)
        compile_parse_refuse(parse, "unsupported-option", value);
    g_ptr_array_add(parse->options->search_dirs, g_strconcat(parse->prefix ? parse->prefix : "", value, NULL));
}

static void keep_value(CompileParse *parse, CompileValue what, const char *value)
{
    switch (what) {
    case VALUE_NONE:
        break;
    case VALUE_OUTPUT:
        set_once(parse, &parse->output, value, "several-outputs");
        break;
    case VALUE_DEPFILE:
        set_once(parse, &parse->depfile, value, "conflicting-depfiles");
        break;
    case VALUE_TARGET:
    case VALUE_QUOTED_TARGET:
        add_target(parse, value, what == VALUE_QUOTED_TARGET);
        break;
    case VALUE_LANGUAGE:
        set_language(parse, value);
        break;
    case VALUE_DUMPBASE:
        set_once(parse, &parse->dumpbase, value, "conflicting-outputs");
        break;
    case VALUE_DUMPBASE_EXT:
        set_once(parse, &parse->dumpbase_ext, value, "conflicting-outputs");
        break;
    case VALUE_DUMPDIR:
        set_once(parse, &parse->dumpdir, value, "conflicting-outputs");
        break;
    case VALUE_SYSROOT:
        set_once(parse, &parse->sysroot, value, "combination");
        break;
    case VALUE_PREFIX:
        parse->prefix = value;
        break;
    case VALUE_WITH_PREFIX:
        add_with_prefix(parse, value);
        break;
    case VALUE_PREPROCESSOR:
        parse->one_by_one = TRUE;
        g_ptr_array_add(parse->preprocessor, g_strdup(value));
        break;
    case VALUE_PREPROCESSORS:
        add_split(parse->preprocessor, value);
        break;
    case VALUE_ASSEMBLER:
        g_ptr_array_add(parse->assembler, g_strdup(value));
        break;
    case VALUE_ASSEMBLERS:
        add_split(parse->assembler, value);
        break;
    case VALUE_FRONTEND:
        g_ptr_array_add(parse->frontend, g_strdup(value));
        break;
    }
}

static const char *reason_of_conflict(CompileFlag flag)
{
    switch (flag) {
    case FLAG_DEPENDENCIES: /* -MD and -MMD together mean this to one compiler and that to another */
        return "conflicting-depfiles";
    case FLAG_MODE:
    case FLAG_SPLIT:
        return "combination";
    default:
        return NULL;
    }
}

static void set_flag(CompileParse *parse, const CompileOption *option, const char *argument)
{
    const char *reason = reason_of_conflict(option->flag);
    int before = parse->flags[option->flag];
    if (reason != NULL && before != 0 && option->setting != 0 && before != option->setting)
        compile_parse_refuse(parse, reason, argument);
    parse->flags[option->flag] = option->setting;
}

static void note_properties(CompileParse *parse, const CompileOption *option, const char *argument, const char *value)
{
    CompileOptions *options = parse->options;
    guint properties = option->properties;
    if (properties & PROP_SEARCH)
        g_ptr_array_add(options->search_dirs, g_strdup(value));
    if (properties & PROP_INPUT)
        g_ptr_array_add(options->input_files, g_strdup(value));
    if (properties & PROP_TOOLS)
        g_ptr_array_add(options->tool_dirs, g_strdup(value));
    if (properties & PROP_FLAG)
        set_flag(parse, option, argument);
    options->depends_on_cpu |= (properties & PROP_CPU) != 0;
    options->depends_on_cwd |= (properties & PROP_CWD) != 0;
    options->records_switches |= (properties & PROP_SWITCHES) != 0;
    parse->names |= (properties & PROP_NAMES) != 0;
}

static gboolean is_path(const CompileOption *option)
{
    return (option->properties & (PROP_PATH | PROP_SEARCH | PROP_INPUT | PROP_TOOLS)) != 0;
}

/* As it was written: one argument or two. */
static void add_to_key(CompileParse *parse, const CompileOption *option, const char *argument, const char *value,
                       gboolean separate)
{
    if (option->properties & PROP_UNKEYED)
        return;
    compile_parse_key(parse, argument, !separate && value != NULL && is_path(option) ? (int)(value - argument) : -1);
    if (separate)
        compile_parse_key(parse, value, is_path(option) ? 0 : -1);
}

static void take_source(CompileParse *parse, const char *path)
{
    CompileOptions *options = parse->options;
    const char *reason = NULL, *language = parse->language;
    if (path[0] == '\0' || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0)
        compile_parse_refuse(parse, "stdin", path);
    else if (g_str_has_prefix(path, "/dev/") || g_str_has_prefix(path, "/proc/"))
        compile_parse_refuse(parse, "device-source", path);
    if (language == NULL)
        language = compile_language_of_file(path, parse->family, parse->plus_plus, &reason);
    if (language == NULL)
        compile_parse_refuse(parse, reason, path);
    if (options->sources->len > 0)
        compile_parse_refuse(parse, "several-sources", path);
    else
        options->language = language;
    g_ptr_array_add(options->sources, g_strdup(path));
    compile_parse_key(parse, path, 0);
}

static gboolean is_dependency_option(const CompileOption *option)
{
    return option->value == VALUE_DEPFILE || option->value == VALUE_TARGET || option->value == VALUE_QUOTED_TARGET ||
           ((option->properties & PROP_FLAG) && (option->flag == FLAG_DEPENDENCIES || option->flag == FLAG_PHONY));
}

/* Returns how many of the arguments it took. */
static guint take_option(CompileParse *parse, guint at)
{
    GPtrArray *arguments = parse->options->arguments;
    const char *argument = g_ptr_array_index(arguments, at), *value = NULL;
    gboolean separate = FALSE;
    const CompileOption *option = compile_table_find(TABLE_DRIVER, parse->family, argument, &value, &separate);
    if (option == NULL) {
        compile_parse_refuse(parse, "unknown-option", argument);
        return 1;
    }
    if (separate && at + 1 == arguments->len) {
        compile_parse_refuse(parse, "missing-argument", argument);
        return 1;
    }
    if (separate)
        value = g_ptr_array_index(arguments, at + 1);
    if (option->reason != NULL)
        compile_parse_refuse(parse, option->reason, argument);
    parse->driver_dependencies += is_dependency_option(option);
    note_properties(parse, option, argument, value);
    if (value != NULL)
        keep_value(parse, option->value, value);
    add_to_key(parse, option, argument, value, separate);
    return separate ? 2 : 1;
}

/* Of what is handed on, the value is an argument too. */
static const char *next_value(GPtrArray *list, guint *at)
{
    return *at + 1 < list->len ? g_ptr_array_index(list, ++*at) : NULL;
}

static void take_preprocessor_option(CompileParse *parse, const CompileOption *option, const char *argument,
                                     const char *value, gboolean separate)
{
    gboolean dependencies = is_dependency_option(option);
    parse->preprocessor_dependencies += dependencies;
    note_properties(parse, option, argument, value);
    if ((option->properties & PROP_FLAG) && option->flag == FLAG_DEPENDENCIES)
        set_once(parse, &parse->depfile, value, "conflicting-depfiles");
    else if (value != NULL)
        keep_value(parse, option->value, value);
    if (option->properties & PROP_UNKEYED)
        return;
    compile_parse_key(parse, "-Xpreprocessor", -1);
    compile_parse_key(parse, argument, !separate && value != NULL && is_path(option) ? (int)(value - argument) : -1);
    if (separate && !dependencies) {
        compile_parse_key(parse, "-Xpreprocessor", -1);
        compile_parse_key(parse, value, is_path(option) ? 0 : -1);
    }
}

/* clang's driver takes -Wp,-MD,FILE for -MD -MF FILE, and nothing else of dependencies. */
static void check_preprocessor_clang(CompileParse *parse)
{
    if (parse->preprocessor_dependencies > 0 && (parse->preprocessor->len != 2 || parse->one_by_one))
        compile_parse_refuse(parse, "conflicting-depfiles", NULL);
}

static void take_preprocessor(CompileParse *parse)
{
    GPtrArray *list = parse->preprocessor;
    for (guint at = 0; at < list->len; at++) {
        const char *argument = g_ptr_array_index(list, at), *value = NULL;
        gboolean separate = FALSE;
        const CompileOption *option =
            compile_table_find(TABLE_PREPROCESSOR, parse->family, argument, &value, &separate);
        if (option != NULL && separate)
            value = next_value(list, &at);
        if (option == NULL || (separate && value == NULL))
            compile_parse_refuse(parse, "unknown-preprocessor-option", argument);
        else
            take_preprocessor_option(parse, option, argument, value, separate);
    }
    if (parse->preprocessor_dependencies > 0 && parse->driver_dependencies > 0)
        compile_parse_refuse(parse, "conflicting-depfiles", NULL);
    if (parse->family == COMPILE_FAMILY_CLANG)
        check_preprocessor_clang(parse);
}

/* They are in the key as they were written. */
static void take_handed_on(CompileParse *parse, GPtrArray *list, CompileTable table, const char *reason)
{
    for (guint at = 0; at < list->len; at++) {
        const char *argument = g_ptr_array_index(list, at), *value = NULL;
        gboolean separate = FALSE;
        const CompileOption *option = compile_table_find(table, parse->family, argument, &value, &separate);
        if (option != NULL && separate)
            value = next_value(list, &at);
        if (option == NULL || (separate && value == NULL))
            compile_parse_refuse(parse, reason, argument);
        else
            note_properties(parse, option, argument, value);
    }
}

/* "=DIR" is in the sysroot, also where only the compiler knows which that is. */
static void resolve_sysroot(CompileParse *parse)
{
    GPtrArray *dirs = parse->options->search_dirs;
    for (guint i = 0; i < dirs->len; i++) {
        char *dir = g_ptr_array_index(dirs, i);
        if (dir[0] != '=' && !g_str_has_prefix(dir, "$SYSROOT"))
            continue;
        if (parse->sysroot == NULL)
            compile_parse_refuse(parse, "unsupported-option", dir);
        const char *rest = dir[0] == '=' ? dir + 1 : dir + strlen("$SYSROOT");
        dirs->pdata[i] = g_strconcat(parse->sysroot ? parse->sysroot : "", rest, NULL);
        g_free(dir);
    }
}

/* clang may take a header that was precompiled before for those that its driver is to include, also when it is the one that it makes. */
static gboolean precompiles_well(const CompileParse *parse)
{
    const int *flags = parse->flags;
    gboolean named = parse->output != NULL && (flags[FLAG_DEPENDENCIES] == DEPENDENCIES_NONE || parse->depfile != NULL);
    if (flags[FLAG_MODE] == MODE_COMPILE || (flags[FLAG_MODE] == MODE_LINK && !named))
        return FALSE;
    return parse->family == COMPILE_FAMILY_GCC ||
           (flags[FLAG_TIMELESS] && parse->output != NULL && !flags[FLAG_CHAINED] && parse->driver_inputs == 0);
}

static void check_header(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    options->precompiles = compile_language_is_header(options->language);
    if (parse->flags[FLAG_HEADER] && !options->precompiles)
        compile_parse_refuse(parse, "combination", "-emit-pch");
    if (!options->precompiles)
        return;
    options->depends_on_cwd = TRUE;
    if (!precompiles_well(parse))
        compile_parse_refuse(parse, "precompiled-header", g_ptr_array_index(options->sources, 0));
    const CompileFlag others[] = {FLAG_SPLIT, FLAG_NOTES,     FLAG_COVERAGE, FLAG_STAMPS,
                                  FLAG_STACK, FLAG_CALLGRAPH, FLAG_LTO};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        if (parse->flags[others[i]])
            compile_parse_refuse(parse, "combination", g_ptr_array_index(options->sources, 0));
}

static gboolean stamps(const CompileParse *parse)
{
    const int *flags = parse->flags;
    return flags[FLAG_LTO] || flags[FLAG_STAMPS] || flags[FLAG_NOTES] || flags[FLAG_COVERAGE];
}

/* Pairs whose outputs nobody should rely on. */
static void check_combinations(CompileParse *parse)
{
    const int *flags = parse->flags;
    gboolean clang = parse->family == COMPILE_FAMILY_CLANG;
    gboolean assembler = compile_language_is_assembler(parse->options->language);
    if (assembler && flags[FLAG_MODE] == MODE_COMPILE)
        compile_parse_refuse(parse, "combination", "-S");
    gboolean vague = assembler || flags[FLAG_VAGUE] || flags[FLAG_LTO] || flags[FLAG_MODE] == MODE_COMPILE;
    if (clang && flags[FLAG_SPLIT] && (vague || flags[FLAG_DIRECTORY]))
        compile_parse_refuse(parse, "combination", "-gsplit-dwarf");
    if (flags[FLAG_LTO] && (flags[FLAG_STACK] || flags[FLAG_CALLGRAPH]))
        compile_parse_refuse(parse, "combination", "-flto");
    if (flags[FLAG_TEMPORARY] && !assembler)
        compile_parse_refuse(parse, "combination", "-Wa,-g");
    if (parse->dumpbase_ext != NULL && (parse->dumpbase == NULL || parse->dumpbase[0] == '\0'))
        compile_parse_refuse(parse, "combination", "-dumpbase-ext");
    if (parse->depfile != NULL && flags[FLAG_DEPENDENCIES] == DEPENDENCIES_NONE)
        compile_parse_refuse(parse, "conflicting-depfiles", parse->depfile);
}

static void finish_key(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    if (options->records_switches) {
        g_ptr_array_set_size(options->key_arguments, 0);
        g_array_set_size(options->key_paths, 0);
        for (guint i = 1; i < options->arguments->len; i++)
            compile_parse_key(parse, g_ptr_array_index(options->arguments, i), -1);
    } else if (parse->names && parse->output != NULL) {
        compile_parse_key(parse, "-o", -1);
        compile_parse_key(parse, parse->output, 0);
    }
}

/* `purpose`: what the command is for when it is not to compile one file. */
static void check_purpose(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    if (options->reason != NULL && is_purpose(options->reason))
        return;
    const char *purpose = NULL;
    if (options->sources->len == 0)
        purpose = "no-source";
    else if (parse->flags[FLAG_MODE] == MODE_LINK && !compile_language_is_header(options->language))
        purpose = "link";
    if (purpose == NULL)
        return;
    options->reason = purpose;
    g_clear_pointer(&options->culprit, g_free);
}

static void finish(CompileParse *parse)
{
    CompileOptions *options = parse->options;
    take_preprocessor(parse);
    parse->driver_inputs = options->input_files->len;
    take_handed_on(parse, parse->assembler, TABLE_ASSEMBLER, "unknown-assembler-option");
    take_handed_on(parse, parse->frontend, TABLE_FRONTEND, "unknown-frontend-option");
    resolve_sysroot(parse);
    options->preprocesses = compile_language_preprocesses(options->language);
    check_purpose(parse);
    check_header(parse);
    check_combinations(parse);
    options->varies = options->precompiles || stamps(parse);
    finish_key(parse);
    if (options->reason == NULL)
        compile_parse_outputs(parse);
}

static CompileOptions *options_new(void)
{
    CompileOptions *options = g_new0(CompileOptions, 1);
    GPtrArray **lists[] = {&options->arguments,  &options->sources,     &options->outputs,   &options->key_arguments,
                           &options->deptargets, &options->search_dirs, &options->tool_dirs, &options->input_files};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        *lists[i] = g_ptr_array_new_with_free_func(g_free);
    options->key_paths = g_array_new(FALSE, FALSE, sizeof(gint));
    return options;
}

void compile_options_free(CompileOptions *options)
{
    GPtrArray *lists[] = {options->arguments,  options->sources,     options->outputs,   options->key_arguments,
                          options->deptargets, options->search_dirs, options->tool_dirs, options->input_files};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_unref(lists[i]);
    g_array_unref(options->key_paths);
    g_free(options->culprit);
    g_free(options->depfile);
    g_free(options->deptarget);
    g_free(options);
}

static gboolean called_plus_plus(const char *program)
{
    const char *slash = strrchr(program, '/');
    return strstr(slash ? slash + 1 : program, "++") != NULL;
}

static void parse_arguments(CompileParse *parse)
{
    GPtrArray *arguments = parse->options->arguments;
    for (guint at = 1; at < arguments->len;) {
        const char *argument = g_ptr_array_index(arguments, at);
        if (argument[0] == '-' && argument[1] != '\0') {
            at += take_option(parse, at);
        } else {
            take_source(parse, argument);
            at++;
        }
    }
}

CompileOptions *compile_options_parse_as(char *const *argv, CompileFamily family, int cwd_fd, int root_fd)
{
    CompileOptions *options = options_new();
    g_autofree char *culprit = NULL;
    GPtrArray *arguments = compile_response_expand(argv, cwd_fd, root_fd, &culprit);
    if (arguments == NULL) {
        options->reason = "response-file";
        options->culprit = g_steal_pointer(&culprit);
        return options;
    }
    g_ptr_array_unref(options->arguments);
    options->arguments = arguments;
    g_autoptr(GPtrArray) preprocessor = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) assembler = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) frontend = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(CompileTarget));
    const char *program = arguments->len > 0 ? g_ptr_array_index(arguments, 0) : "";
    CompileParse parse = {.options = options,
                          .family = family != COMPILE_FAMILY_UNKNOWN ? family : compile_family_of(program),
                          .plus_plus = called_plus_plus(program),
                          .preprocessor = preprocessor,
                          .assembler = assembler,
                          .frontend = frontend,
                          .targets = targets};
    if (parse.family == COMPILE_FAMILY_UNKNOWN)
        compile_parse_refuse(&parse, "unknown-compiler", program);
    parse_arguments(&parse);
    finish(&parse);
    return options;
}

CompileOptions *compile_options_parse(char **argv, int cwd_fd, int root_fd, GError **error)
{
    if (argv == NULL || argv[0] == NULL) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "an empty command line");
        return NULL;
    }
    return compile_options_parse_as(argv, COMPILE_FAMILY_UNKNOWN, cwd_fd, root_fd);
}
