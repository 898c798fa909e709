/* ActionResults, as far as a cache must look into them.  They are kept and given back as bytes. */
#include "bridge-private.h"

#define FIELD(type, member) G_STRUCT_OFFSET(type, member)

static const SluiceFieldSpec result_fields[] = {
    {2, SLUICE_FIELD_SPANS, FIELD(SluiceResult, files)},
    {3, SLUICE_FIELD_SPANS, FIELD(SluiceResult, directories)},
    {4, SLUICE_FIELD_INTEGER, FIELD(SluiceResult, exit_code)},
    {5, SLUICE_FIELD_BYTES, FIELD(SluiceResult, stdout_raw)},
    {6, SLUICE_FIELD_DIGEST, FIELD(SluiceResult, stdout_digest)},
    {7, SLUICE_FIELD_BYTES, FIELD(SluiceResult, stderr_raw)},
    {8, SLUICE_FIELD_DIGEST, FIELD(SluiceResult, stderr_digest)},
    {9, SLUICE_FIELD_BYTES, FIELD(SluiceResult, metadata)},
    {10, SLUICE_FIELD_SPANS, FIELD(SluiceResult, file_symlinks)},
    {11, SLUICE_FIELD_SPANS, FIELD(SluiceResult, directory_symlinks)},
    {12, SLUICE_FIELD_SPANS, FIELD(SluiceResult, symlinks)},
};

static const SluiceFieldSpec file_fields[] = {
    {1, SLUICE_FIELD_STRING, FIELD(SluiceOutputFile, path)},
    {2, SLUICE_FIELD_DIGEST, FIELD(SluiceOutputFile, digest)},
    {5, SLUICE_FIELD_BYTES, FIELD(SluiceOutputFile, contents)},
};

static const SluiceFieldSpec directory_fields[] = {
    {1, SLUICE_FIELD_STRING, FIELD(SluiceOutputDirectory, path)},
    {3, SLUICE_FIELD_DIGEST, FIELD(SluiceOutputDirectory, tree)},
    {5, SLUICE_FIELD_DIGEST, FIELD(SluiceOutputDirectory, root)},
};

gboolean sluice_result_decode(GBytes *bytes, SluiceResult *out, GError **error)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    *out = (SluiceResult){0};
    return sluice_fields_decode(data, length, result_fields, G_N_ELEMENTS(result_fields), out, error);
}

void sluice_result_clear(SluiceResult *result)
{
    sluice_fields_clear(result_fields, G_N_ELEMENTS(result_fields), result);
}

gboolean sluice_output_file_decode(SluiceSpan bytes, SluiceOutputFile *out, GError **error)
{
    *out = (SluiceOutputFile){0};
    return sluice_fields_decode(bytes.data, bytes.length, file_fields, G_N_ELEMENTS(file_fields), out, error);
}

gboolean sluice_output_directory_decode(SluiceSpan bytes, SluiceOutputDirectory *out, GError **error)
{
    *out = (SluiceOutputDirectory){0};
    return sluice_fields_decode(bytes.data, bytes.length, directory_fields, G_N_ELEMENTS(directory_fields), out, error);
}

static gboolean refuse(GError **error, SluiceSpan path, const char *what)
{
    g_autofree char *text = sluice_span_dup(path);
    g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "output \"%s\" %s", text, what);
    return FALSE;
}

static gboolean is_relative(SluiceSpan path)
{
    return path.length > 0 && path.data[0] != '/';
}

static gboolean has_digest(SluiceSpan contents, const SluiceDigest *expected)
{
    SluiceDigest real;
    sluice_digest_of(contents.data, contents.length, &real);
    return sluice_digest_equal(&real, expected);
}

static gboolean check_file(SluiceSpan bytes, GError **error)
{
    SluiceOutputFile file;
    if (!sluice_output_file_decode(bytes, &file, error))
        return FALSE;
    if (!is_relative(file.path))
        return refuse(error, file.path, "has no relative path");
    if (!file.digest.present)
        return refuse(error, file.path, "has no digest");
    /* a reader takes the contents for the file: they must not be another's */
    if (file.contents.length > 0 && !has_digest(file.contents, &file.digest.value))
        return refuse(error, file.path, "has contents that do not have its digest");
    return TRUE;
}

static gboolean check_directory(SluiceSpan bytes, GError **error)
{
    SluiceOutputDirectory directory;
    if (!sluice_output_directory_decode(bytes, &directory, error))
        return FALSE;
    if (directory.path.length > 0 && directory.path.data[0] == '/')
        return refuse(error, directory.path, "has no relative path");
    if (!directory.tree.present && !directory.root.present)
        return refuse(error, directory.path, "has no digest");
    return TRUE;
}

gboolean sluice_output_symlink_decode(SluiceSpan bytes, SluiceOutputSymlink *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_STRING, FIELD(SluiceOutputSymlink, path)},
        {2, SLUICE_FIELD_STRING, FIELD(SluiceOutputSymlink, target)},
    };
    *out = (SluiceOutputSymlink){0};
    return sluice_fields_decode(bytes.data, bytes.length, specs, G_N_ELEMENTS(specs), out, error);
}

static gboolean check_symlink(SluiceSpan bytes, GError **error)
{
    SluiceOutputSymlink symlink;
    if (!sluice_output_symlink_decode(bytes, &symlink, error))
        return FALSE;
    if (!is_relative(symlink.path))
        return refuse(error, symlink.path, "has no relative path");
    return symlink.target.length > 0 || refuse(error, symlink.path, "is a symlink without target");
}

static gboolean check_each(const GArray *outputs, gboolean (*check)(SluiceSpan, GError **), GError **error)
{
    for (guint i = 0; i < sluice_array_length(outputs); i++)
        if (!check(g_array_index(outputs, SluiceSpan, i), error))
            return FALSE;
    return TRUE;
}

gboolean sluice_result_check(const SluiceResult *result, GError **error)
{
    return check_each(result->files, check_file, error) && check_each(result->directories, check_directory, error) &&
           check_each(result->symlinks, check_symlink, error) &&
           check_each(result->file_symlinks, check_symlink, error) &&
           check_each(result->directory_symlinks, check_symlink, error);
}

/* ---- For those who only show it -------------------------------------------------------------------------------------------- */

static void named_free(gpointer data)
{
    SluiceNamedOutput *output = data;
    g_free(output->path);
    g_free(output->target);
    g_free(output);
}

static SluiceNamedOutput *add_named(GPtrArray *out, SluiceSpan path)
{
    SluiceNamedOutput *output = g_new0(SluiceNamedOutput, 1);
    output->path = sluice_span_dup(path);
    g_ptr_array_add(out, output);
    return output;
}

static void set_digest(SluiceNamedOutput *output, const SluiceDigestField *digest)
{
    output->has_digest = digest->present;
    output->digest = digest->value;
}

static gboolean name_file(GPtrArray *out, SluiceSpan bytes, GError **error)
{
    SluiceOutputFile file;
    if (!sluice_output_file_decode(bytes, &file, error))
        return FALSE;
    set_digest(add_named(out, file.path), &file.digest);
    return TRUE;
}

static gboolean name_directory(GPtrArray *out, SluiceSpan bytes, GError **error)
{
    SluiceOutputDirectory directory;
    if (!sluice_output_directory_decode(bytes, &directory, error))
        return FALSE;
    SluiceNamedOutput *output = add_named(out, directory.path);
    output->directory = TRUE;
    set_digest(output, directory.root.present ? &directory.root : &directory.tree);
    return TRUE;
}

static gboolean name_symlink(GPtrArray *out, SluiceSpan bytes, GError **error)
{
    SluiceOutputSymlink symlink;
    if (!sluice_output_symlink_decode(bytes, &symlink, error))
        return FALSE;
    add_named(out, symlink.path)->target = sluice_span_dup(symlink.target);
    return TRUE;
}

static gboolean name_each(GPtrArray *out, const GArray *outputs, gboolean (*name)(GPtrArray *, SluiceSpan, GError **),
                          GError **error)
{
    for (guint i = 0; i < sluice_array_length(outputs); i++)
        if (!name(out, g_array_index(outputs, SluiceSpan, i), error))
            return FALSE;
    return TRUE;
}

GPtrArray *sluice_result_read_outputs(GBytes *bytes, int *exit_code, GError **error)
{
    g_auto(SluiceResult) result = {0};
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(named_free);
    if (!sluice_result_decode(bytes, &result, error) || !name_each(out, result.files, name_file, error) ||
        !name_each(out, result.directories, name_directory, error) ||
        !name_each(out, result.symlinks, name_symlink, error) ||
        !name_each(out, result.file_symlinks, name_symlink, error) ||
        !name_each(out, result.directory_symlinks, name_symlink, error))
        return NULL;
    if (exit_code != NULL)
        *exit_code = (int)result.exit_code;
    return g_steal_pointer(&out);
}
