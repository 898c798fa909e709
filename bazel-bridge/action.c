/* An Action and its Command, from the wire to what is run: decoded by tables, checked, and everything that they need looked up. */
#include "execution.h"

/* ---- Messages ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceDigestField command, input_root;
    SluiceSpan timeout, salt, platform;
    int64_t do_not_cache;
} ActionFields;

static const SluiceFieldSpec action_fields[] = {
    {1, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(ActionFields, command)},
    {2, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(ActionFields, input_root)},
    {6, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(ActionFields, timeout)},
    {7, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(ActionFields, do_not_cache)},
    {9, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(ActionFields, salt)},
    {10, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(ActionFields, platform)},
};

typedef struct {
    int64_t seconds, nanos;
} DurationFields;

static const SluiceFieldSpec duration_fields[] = {
    {1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(DurationFields, seconds)},
    {2, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(DurationFields, nanos)},
};

typedef struct {
    GArray *arguments, *variables, *output_files, *output_directories, *output_paths;
    SluiceSpan working_directory, platform;
    int64_t directory_format;
} CommandFields;

static const SluiceFieldSpec command_fields[] = {
    {1, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(CommandFields, arguments)},
    {2, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(CommandFields, variables)},
    {3, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(CommandFields, output_files)},
    {4, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(CommandFields, output_directories)},
    {5, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(CommandFields, platform)},
    {6, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(CommandFields, working_directory)},
    {7, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(CommandFields, output_paths)},
    {9, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(CommandFields, directory_format)},
};

typedef struct {
    SluiceSpan name, value;
} VariableFields;

static const SluiceFieldSpec variable_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(VariableFields, name)},
    {2, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(VariableFields, value)},
};

static const SluiceFieldSpec platform_fields[] = {{1, SLUICE_FIELD_SPANS, 0}};

static gboolean refuse(GError **error, const char *format, const char *what)
{
    g_autofree char *message = g_strdup_printf(format, what);
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, message);
    return FALSE;
}

/* ---- Checks ------------------------------------------------------------------------------------------------------------------ */

/* Relative, each segment a name. */
static gboolean is_clean(const char *path)
{
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    for (char **segment = segments; *segment != NULL; segment++)
        if (**segment == '\0' || strcmp(*segment, ".") == 0 || strcmp(*segment, "..") == 0)
            return FALSE;
    return segments[0] != NULL;
}

static gboolean take_paths(const GArray *spans, GPtrArray *out, GError **error)
{
    for (guint i = 0; i < sluice_array_length(spans); i++) {
        char *path = sluice_span_dup(g_array_index(spans, SluiceSpan, i));
        g_ptr_array_add(out, path);
        /* an output directory may be the working directory itself */
        if (*path != '\0' && !is_clean(path))
            return refuse(error, "output \"%s\" is not a relative path below the working directory", path);
    }
    return TRUE;
}

static gboolean take_variables(const GArray *spans, GPtrArray *out, GError **error)
{
    for (guint i = 0; i < sluice_array_length(spans); i++) {
        SluiceSpan span = g_array_index(spans, SluiceSpan, i);
        VariableFields variable = {0};
        if (!sluice_fields_decode(span.data, span.length, variable_fields, G_N_ELEMENTS(variable_fields), &variable,
                                  error))
            return FALSE;
        g_autofree char *name = sluice_span_dup(variable.name), *value = sluice_span_dup(variable.value);
        if (*name == '\0' || strchr(name, '=') != NULL)
            return refuse(error, "\"%s\" is no name of an environment variable", name);
        g_ptr_array_add(out, g_strconcat(name, "=", value, NULL));
    }
    return TRUE;
}

static gboolean take_outputs(const CommandFields *fields, SluiceAction *action, GError **error)
{
    if (fields->output_paths != NULL)
        return take_paths(fields->output_paths, action->outputs, error);
    action->outputs_by_kind = TRUE;
    action->n_files = sluice_array_length(fields->output_files);
    return take_paths(fields->output_files, action->outputs, error) &&
           take_paths(fields->output_directories, action->outputs, error);
}

/* The other formats, and those that we do not know, get both forms: the directories are in the store anyway. */
enum { FORMAT_DIRECTORY_ONLY = 1 };

static gboolean take_command(const CommandFields *fields, SluiceAction *action, GError **error)
{
    for (guint i = 0; i < sluice_array_length(fields->arguments); i++)
        g_ptr_array_add(action->arguments, sluice_span_dup(g_array_index(fields->arguments, SluiceSpan, i)));
    if (action->arguments->len == 0 || *(char *)action->arguments->pdata[0] == '\0')
        return refuse(error, "the command has no %s", "program");
    action->directories_only = fields->directory_format == FORMAT_DIRECTORY_ONLY;
    /* some clients name the root so (trexe) */
    gboolean is_root = sluice_span_is(fields->working_directory, ".", 1);
    action->working_directory = is_root ? g_strdup("") : sluice_span_dup(fields->working_directory);
    if (*action->working_directory != '\0' && !is_clean(action->working_directory))
        return refuse(error, "working directory \"%s\" is not a relative path", action->working_directory);
    if (!take_variables(fields->variables, action->environment, error) || !take_outputs(fields, action, error))
        return FALSE;
    GPtrArray *const lists[] = {action->arguments, action->environment, action->outputs};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_add(lists[i], NULL);
    return TRUE;
}

static gboolean take_timeout(SluiceSpan span, SluiceAction *action, GError **error)
{
    enum { LONGEST_SECONDS = 365 * 24 * 3600, NANOS = 1000000000, NANOS_IN_US = 1000 };
    DurationFields duration = {0};
    if (span.data == NULL)
        return TRUE;
    if (!sluice_fields_decode(span.data, span.length, duration_fields, G_N_ELEMENTS(duration_fields), &duration, error))
        return FALSE;
    if (duration.seconds < 0 || duration.seconds > LONGEST_SECONDS || duration.nanos < 0 || duration.nanos >= NANOS)
        return refuse(error, "the timeout is %s", "negative or longer than a year");
    action->timeout_us = duration.seconds * G_USEC_PER_SEC + duration.nanos / NANOS_IN_US;
    return TRUE;
}

/* A client that names a root has put its inputs where they are in that root (BuildBox). */
static gboolean take_platform(SluiceSpan span, SluiceAction *action, GError **error)
{
    GArray *properties = NULL;
    if (span.data == NULL)
        return TRUE;
    gboolean ok = sluice_fields_decode(span.data, span.length, platform_fields, G_N_ELEMENTS(platform_fields),
                                       &properties, error);
    for (guint i = 0; ok && i < sluice_array_length(properties); i++) {
        SluiceSpan property = g_array_index(properties, SluiceSpan, i);
        VariableFields fields = {0};
        ok = sluice_fields_decode(property.data, property.length, variable_fields, G_N_ELEMENTS(variable_fields),
                                  &fields, error);
        action->over_root |= ok && sluice_span_is(fields.name, SLUICE_CHROOT_PROPERTY, strlen(SLUICE_CHROOT_PROPERTY));
    }
    sluice_fields_clear(platform_fields, G_N_ELEMENTS(platform_fields), &properties);
    return ok;
}

/* ---- Inputs ------------------------------------------------------------------------------------------------------------------ */

/* NULL without error: it is missing, and was noted. */
static GBytes *read_blob(SluiceStore *store, const SluiceDigest *digest, int64_t limit, const char *what,
                         GArray *missing, GError **error)
{
    GError *problem = NULL;
    if (digest->size > limit) {
        refuse(error, "the %s is too large", what);
        return NULL;
    }
    GBytes *bytes = sluice_store_read(store, digest, &problem);
    if (bytes != NULL)
        return bytes;
    if (!g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND)) {
        g_propagate_error(error, problem);
        return NULL;
    }
    g_error_free(problem);
    if (missing->len < SLUICE_LIMIT_MISSING)
        g_array_append_vals(missing, digest, 1);
    return NULL;
}

static gboolean note_missing(SluiceStore *store, const GArray *files, GArray *missing, GError **error)
{
    g_autofree gboolean *absent = g_new0(gboolean, files->len + 1);
    if (!sluice_store_find_missing(store, (const SluiceDigest *)(void *)files->data, files->len, absent, error))
        return FALSE;
    for (guint i = 0; i < files->len && missing->len < SLUICE_LIMIT_MISSING; i++)
        if (absent[i])
            g_array_append_vals(missing, &g_array_index(files, SluiceDigest, i), 1);
    return TRUE;
}

static gboolean scan_inputs(SluiceStore *store, const SluiceDigest *digest, GArray *files, GArray *queue,
                            GArray *missing, GError **error)
{
    g_autoptr(GBytes) bytes = read_blob(store, digest, SLUICE_LIMIT_MESSAGE, "directory", missing, error);
    if (bytes == NULL)
        return error == NULL || *error == NULL;
    gsize length = 0, count = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    GError *problem = NULL;
    g_autoptr(SluiceDirectory) directory = sluice_directory_decode(data, length, &problem);
    if (directory == NULL) {
        char text[SLUICE_DIGEST_STRING_MAX];
        g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "directory %s of the input root: %s",
                    sluice_digest_string(digest, text), problem->message);
        g_error_free(problem);
        return FALSE;
    }
    const SluiceEntry *entries = sluice_directory_get_entries(directory, &count);
    for (gsize i = 0; i < count; i++)
        if (entries[i].type != SLUICE_ENTRY_SYMLINK)
            g_array_append_val(entries[i].type == SLUICE_ENTRY_FILE ? files : queue, entries[i].digest);
    return TRUE;
}

/* Every directory once, read and checked; every file looked up. */
static gboolean find_missing_inputs(SluiceStore *store, const SluiceDigest *root, GArray *missing, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_array_append_vals(queue, root, 1);
    while (queue->len > 0) {
        SluiceDigest digest = g_array_index(queue, SluiceDigest, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        if (!g_hash_table_add(seen, g_memdup2(&digest, sizeof digest)))
            continue;
        if (g_hash_table_size(seen) > SLUICE_LIMIT_TREE_DIRECTORIES)
            return refuse(error, "the input root has too many %s", "directories");
        GError *problem = NULL;
        if (!scan_inputs(store, &digest, files, queue, missing, &problem)) {
            g_propagate_error(error, problem);
            return FALSE;
        }
    }
    return note_missing(store, files, missing, error);
}

/* ---- Actions ------------------------------------------------------------------------------------------------------------------ */

void sluice_action_free(SluiceAction *action)
{
    g_ptr_array_unref(action->arguments);
    g_ptr_array_unref(action->environment);
    g_ptr_array_unref(action->outputs);
    g_free(action->working_directory);
    g_free(action);
}

static SluiceAction *action_new(const SluiceDigest *digest)
{
    SluiceAction *action = g_new0(SluiceAction, 1);
    action->digest = *digest;
    action->arguments = g_ptr_array_new_with_free_func(g_free);
    action->environment = g_ptr_array_new_with_free_func(g_free);
    action->outputs = g_ptr_array_new_with_free_func(g_free);
    return action;
}

GPtrArray *sluice_action_read_arguments(SluiceStore *store, const SluiceDigest *digest)
{
    ActionFields fields = {0};
    CommandFields command = {0};
    gsize length = 0;
    g_autoptr(GBytes) bytes = digest->size <= SLUICE_LIMIT_ACTION ? sluice_store_read(store, digest, NULL) : NULL;
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    if (bytes == NULL ||
        !sluice_fields_decode(data, length, action_fields, G_N_ELEMENTS(action_fields), &fields, NULL) ||
        !fields.command.present || fields.command.value.size > SLUICE_LIMIT_COMMAND)
        return NULL;
    g_autoptr(GBytes) text = sluice_store_read(store, &fields.command.value, NULL);
    data = text != NULL ? g_bytes_get_data(text, &length) : NULL;
    GPtrArray *arguments = NULL;
    if (text != NULL &&
        sluice_fields_decode(data, length, command_fields, G_N_ELEMENTS(command_fields), &command, NULL)) {
        arguments = g_ptr_array_new_with_free_func(g_free);
        for (guint i = 0; i < sluice_array_length(command.arguments); i++)
            g_ptr_array_add(arguments, sluice_span_dup(g_array_index(command.arguments, SluiceSpan, i)));
    }
    sluice_fields_clear(command_fields, G_N_ELEMENTS(command_fields), &command);
    return arguments;
}

/* Its platform counts where the action, whose `platform` is given, has none. */
static gboolean load_command(SluiceStore *store, const SluiceDigest *digest, SluiceSpan platform, SluiceAction *action,
                             GArray *missing, GError **error)
{
    GError *problem = NULL;
    g_autoptr(GBytes) bytes = read_blob(store, digest, SLUICE_LIMIT_COMMAND, "command", missing, &problem);
    if (bytes == NULL && problem != NULL)
        g_propagate_error(error, problem);
    if (bytes == NULL)
        return problem == NULL;
    CommandFields fields = {0};
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    gboolean ok = sluice_fields_decode(data, length, command_fields, G_N_ELEMENTS(command_fields), &fields, error) &&
                  take_command(&fields, action, error) &&
                  take_platform(platform.data != NULL ? platform : fields.platform, action, error);
    sluice_fields_clear(command_fields, G_N_ELEMENTS(command_fields), &fields);
    return ok;
}

static gboolean load_fields(SluiceStore *store, GBytes *bytes, SluiceAction *action, GArray *missing, GError **error)
{
    ActionFields fields = {0};
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    if (!sluice_fields_decode(data, length, action_fields, G_N_ELEMENTS(action_fields), &fields, error))
        return FALSE;
    if (!fields.command.present || !fields.input_root.present)
        return refuse(error, "the action lacks the digest of its %s", fields.command.present ? "inputs" : "command");
    action->command = fields.command.value;
    action->input_root = fields.input_root.value;
    action->do_not_cache = fields.do_not_cache != 0;
    return take_timeout(fields.timeout, action, error) &&
           load_command(store, &fields.command.value, fields.platform, action, missing, error) &&
           find_missing_inputs(store, &action->input_root, missing, error);
}

SluiceAction *sluice_action_load(SluiceStore *store, const SluiceDigest *digest, GArray *missing, GError **error)
{
    GError *problem = NULL;
    g_autoptr(SluiceAction) action = action_new(digest);
    g_autoptr(GBytes) bytes = read_blob(store, digest, SLUICE_LIMIT_ACTION, "action", missing, &problem);
    if (problem == NULL && (bytes == NULL || load_fields(store, bytes, action, missing, &problem)))
        return g_steal_pointer(&action);
    g_propagate_error(error, problem);
    return NULL;
}

static gboolean make_parent(SluiceTree *tree, const SluiceAction *action, guint index, GError **error)
{
    const char *path = action->outputs->pdata[index];
    gboolean whole = *path == '\0' || (action->outputs_by_kind && index >= action->n_files);
    g_autofree char *below = whole ? g_strdup(path) : g_path_get_dirname(path);
    g_autofree char *full =
        g_build_path("/", "/", action->working_directory, strcmp(below, ".") == 0 ? "" : below, NULL);
    return strcmp(full, "/") == 0 || sluice_tree_make_directory(tree, full, error);
}

gboolean sluice_action_make_parents(SluiceStore *store, const SluiceAction *action, SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, &action->input_root, error);
    if (tree == NULL)
        return FALSE;
    if (*action->working_directory != '\0' && !sluice_tree_make_directory(tree, action->working_directory, error))
        return FALSE;
    for (guint i = 0; action->outputs->pdata[i] != NULL; i++)
        if (!make_parent(tree, action, i, error))
            return FALSE;
    return sluice_tree_commit(tree, root, error);
}
