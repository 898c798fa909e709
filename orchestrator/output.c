/* output.c - checkouts as directories and archives */
#include "output.h"
#include "late-archive.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean is_empty_or_absent(const char *directory)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    if (!dir)
        return !g_file_test(directory, G_FILE_TEST_EXISTS);
    return g_dir_read_name(dir) == NULL;
}

gboolean output_check_directory(App *app, const char *directory, GError **error)
{
    if (is_empty_or_absent(directory))
        return TRUE;
    if (!g_file_test(directory, G_FILE_TEST_IS_DIR)) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Destination '%s' is not a directory", directory);
        return FALSE;
    }
    if (arguments_has(app->arguments, "force"))
        return TRUE;
    error_set(error, ERROR_STREAM, NULL, NULL, "Destination directory '%s' not empty", directory);
    return FALSE;
}

/* Moves what is in `from` to `to`, over what is there; directories merge. */
static gboolean move_over(int from, int to, GError **error);

static gboolean move_entry(int from, int to, const char *name, GError **error)
{
    struct stat old, new;
    if (fstatat(from, name, &new, AT_SYMLINK_NOFOLLOW) < 0)
        return TRUE;
    gboolean exists = fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && S_ISDIR(old.st_mode) && S_ISDIR(new.st_mode)) {
        int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        gboolean moved = source >= 0 && target >= 0 && move_over(source, target, error);
        close(source);
        close(target);
        return moved && unlinkat(from, name, AT_REMOVEDIR) == 0;
    }
    if (renameat(from, name, to, name) == 0)
        return TRUE;
    error_set(error, ERROR_STREAM, NULL, NULL, "Could not write '%s': %s", name, g_strerror(errno));
    return FALSE;
}

static gboolean move_over(int from, int to, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", from);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir))
        g_ptr_array_add(names, g_strdup(name));
    for (guint i = 0; i < names->len; i++)
        if (!move_entry(from, to, names->pdata[i], error))
            return FALSE;
    return dir != NULL;
}

static gboolean checkout_over(App *app, const SluiceDigest *root, const char *directory, SluiceCheckoutMode mode,
                              GError **error)
{
    g_autofree char *work = g_strdup_printf("%s/.sluice-checkout-XXXXXX", directory);
    if (!g_mkdtemp(work)) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Could not write to '%s': %s", directory, g_strerror(errno));
        return FALSE;
    }
    g_autofree char *tree = g_build_filename(work, "tree", NULL);
    gboolean success = sluice_store_checkout(app->store, root, AT_FDCWD, tree, mode, error);
    int from = success ? open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int to = success ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    success = success && from >= 0 && to >= 0 && move_over(from, to, error);
    close(from);
    close(to);
    (void)sluice_remove_tree(work, NULL);
    return success;
}

gboolean output_directory(App *app, const SluiceDigest *root, const char *directory, SluiceCheckoutMode mode,
                          GError **error)
{
    g_autofree char *parent = g_path_get_dirname(directory);
    if (g_mkdir_with_parents(parent, 0755) < 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Failed to create directory '%s': %s", parent, g_strerror(errno));
        return FALSE;
    }
    if (is_empty_or_absent(directory))
        return sluice_store_checkout(app->store, root, AT_FDCWD, directory, mode, error);
    return checkout_over(app, root, directory, mode, error);
}

/* ---- Archives --------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *filter;
    const char *module; /* whose options must be set */
} compressions[] = {
    {"gz", "gzip", "gzip"},
    {"xz", "xz", NULL},
    {"bz2", "bzip2", NULL},
};

gboolean output_compression(const char *path, const char *wanted, const char **compression, GError **error)
{
    g_autofree char *base = g_path_get_basename(path);
    char *dot = strrchr(base, '.');
    const char *name = wanted ? wanted : dot && dot != base ? dot + 1 : "";
    *compression = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(compressions); i++)
        if (strcmp(name, compressions[i].name) == 0) {
            *compression = compressions[i].name;
            return TRUE;
        }
    /* Any name will do for an archive that is not compressed; only X.tar.Y looks as if it should be. */
    if (dot)
        *dot = '\0';
    if (!dot || !g_str_has_suffix(base, ".tar"))
        return TRUE;
    error_set(error, ERROR_STREAM, NULL, NULL,
              "Invalid file extension given with '--tar': Expected compression with unknown file extension ('.%s'), "
              "supported extensions are "
              "('.tar'), ('.gz'), ('.xz'), ('.bz2')",
              name);
    return FALSE;
}

typedef struct {
    SluiceStore *store;
    struct archive *archive;
    gboolean plain; /* names without "./" */
    GError *error;
} Writer;

static gboolean archive_failed(Writer *writer)
{
    if (!writer->error)
        error_set(&writer->error, ERROR_STREAM, NULL, NULL, "Failed to write the archive: %s",
                  libarchive->error_string(writer->archive));
    return FALSE;
}

static gboolean write_content(Writer *writer, const SluiceDigest *digest)
{
    g_autoptr(GBytes) bytes = sluice_store_read(writer->store, digest, &writer->error);
    if (!bytes)
        return FALSE;
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    while (length > 0) {
        la_ssize_t written = libarchive->write_data(writer->archive, data, length);
        if (written <= 0)
            return archive_failed(writer);
        data += written;
        length -= written;
    }
    return TRUE;
}

static gboolean write_entry(Writer *writer, const char *name, const SluiceEntry *entry)
{
    struct archive_entry *out = libarchive->entry_new();
    gboolean executable = entry->type == SLUICE_ENTRY_DIRECTORY || entry->executable;
    libarchive->entry_set_pathname(out, name);
    libarchive->entry_set_mtime(out, SLUICE_STAGED_MTIME, 0);
    libarchive->entry_set_perm(out, entry->type == SLUICE_ENTRY_SYMLINK ? 0777 : executable ? 0755 : 0644);
    libarchive->entry_set_filetype(out, entry->type == SLUICE_ENTRY_FILE        ? AE_IFREG
                                        : entry->type == SLUICE_ENTRY_DIRECTORY ? AE_IFDIR
                                                                                : AE_IFLNK);
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        libarchive->entry_set_symlink(out, entry->target);
    libarchive->entry_set_size(out, entry->type == SLUICE_ENTRY_FILE ? entry->digest.size : 0);
    gboolean success = libarchive->write_header(writer->archive, out) == ARCHIVE_OK || archive_failed(writer);
    libarchive->entry_free(out);
    return success && (entry->type != SLUICE_ENTRY_FILE || write_content(writer, &entry->digest));
}

static gboolean on_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    const Writer *writer = data;
    g_autofree char *name = writer->plain ? g_strdup(path + (*path == '/')) : g_strdup_printf(".%s", path);
    return write_entry(data, name, entry);
}

static struct archive *archive_open(const char *compression, int fd)
{
    struct archive *archive = libarchive->write_new();
    libarchive->write_set_format_pax_restricted(archive);
    libarchive->write_set_bytes_per_block(archive, 10240);
    libarchive->write_set_bytes_in_last_block(archive, 1); /* otherwise it depends on what `fd` is */
    for (guint i = 0; compression && i < G_N_ELEMENTS(compressions); i++)
        if (strcmp(compression, compressions[i].name) == 0) {
            libarchive->write_add_filter_by_name(archive, compressions[i].filter);
            if (compressions[i].module)
                libarchive->write_set_filter_option(archive, compressions[i].module, "timestamp", NULL);
        }
    libarchive->write_open_fd(archive, fd);
    return archive;
}

static gboolean write_archive(App *app, const SluiceDigest *root, const char *compression, gboolean plain, int fd,
                              GError **error)
{
    Writer writer = {app->store, archive_open(compression, fd), plain, NULL};
    SluiceEntry top = {.name = ".", .type = SLUICE_ENTRY_DIRECTORY};
    gboolean success = (plain || write_entry(&writer, ".", &top)) &&
                       sluice_store_walk_tree(app->store, root, on_entry, &writer, &writer.error);
    if (success && !writer.error && libarchive->write_close(writer.archive) != ARCHIVE_OK)
        archive_failed(&writer);
    libarchive->write_free(writer.archive);
    if (!writer.error)
        return TRUE;
    g_propagate_error(error, writer.error);
    return FALSE;
}

gboolean output_check_file(App *app, const char *path, GError **error)
{
    if (strcmp(path, "-") == 0 || !g_file_test(path, G_FILE_TEST_EXISTS) || arguments_has(app->arguments, "force"))
        return TRUE;
    error_set(error, ERROR_STREAM, NULL, NULL, "Output file '%s' already exists", path);
    return FALSE;
}

static gboolean write_file(App *app, const SluiceDigest *root, const char *path, const char *compression,
                           gboolean plain, GError **error)
{
    if (strcmp(path, "-") == 0)
        return write_archive(app, root, compression, plain, STDOUT_FILENO, error);
    if (!output_check_file(app, path, error))
        return FALSE;
    g_autofree char *temporary = g_strdup_printf("%s.XXXXXX", path);
    int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Could not write '%s': %s", path, g_strerror(errno));
        return FALSE;
    }
    gboolean success = write_archive(app, root, compression, plain, fd, error);
    close(fd);
    if (success && rename(temporary, path) < 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Could not write '%s': %s", path, g_strerror(errno));
        success = FALSE;
    }
    if (!success)
        (void)unlink(temporary);
    return success;
}

gboolean output_archive(App *app, const SluiceDigest *root, const char *path, const char *compression, GError **error)
{
    return output_compression(path, compression, &compression, error) &&
           write_file(app, root, path, compression, FALSE, error);
}

gboolean output_source_archive(App *app, const SluiceDigest *root, const char *path, const char *compression,
                               GError **error)
{
    return write_file(app, root, path, compression, TRUE, error);
}
