/*
 * output.h - trees from the store to where the user wants them: a directory, or an archive.
 */
#pragma once

#include "app.h"

/* STREAM error unless the directory is absent, empty, or --force was given. */
gboolean output_check_directory(App *app, const char *directory, GError **error);
/* With --force, files are laid over what is there. */
gboolean output_directory(App *app, const SluiceDigest *root, const char *directory, SluiceCheckoutMode mode,
                          GError **error);
/* A tar archive that depends on the tree only: names from "./", sorted, owner 0:0, 0644/0755, fixed times. `path` "-" is standard output; a file appears only
 * when it is whole. `compression`: gz, xz, bz2, or NULL for what the name's extension says. */
gboolean output_archive(App *app, const SluiceDigest *root, const char *path, const char *compression, GError **error);
/* The same without an entry for the top and with plain names: "folder/file". Compressed only if `compression` says so. */
gboolean output_source_archive(App *app, const SluiceDigest *root, const char *path, const char *compression,
                               GError **error);
/* STREAM error if the file is there and --force was not given. */
gboolean output_check_file(App *app, const char *path, GError **error);
/* The compression for a name; FALSE with a STREAM error for an extension that is none. *compression is static or NULL. */
gboolean output_compression(const char *path, const char *wanted, const char **compression, GError **error);
