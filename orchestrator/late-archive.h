/*
 * late-archive.h - libarchive's functions as libarchive->NAME: see late.h.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>

/* clang-format off */
#define LATE_ARCHIVE(F) \
    F(entry_filetype) \
    F(entry_free) \
    F(entry_hardlink) \
    F(entry_is_encrypted) \
    F(entry_new) \
    F(entry_pathname) \
    F(entry_perm) \
    F(entry_set_filetype) \
    F(entry_set_mtime) \
    F(entry_set_pathname) \
    F(entry_set_perm) \
    F(entry_set_size) \
    F(entry_set_symlink) \
    F(entry_symlink) \
    F(error_string) \
    F(filter_bytes) \
    F(read_data) \
    F(read_free) \
    F(read_new) \
    F(read_next_header) \
    F(read_open_memory) \
    F(read_support_filter_bzip2) \
    F(read_support_filter_compress) \
    F(read_support_filter_gzip) \
    F(read_support_filter_lzip) \
    F(read_support_filter_lzma) \
    F(read_support_filter_xz) \
    F(read_support_filter_zstd) \
    F(read_support_format_empty) \
    F(read_support_format_raw) \
    F(read_support_format_tar) \
    F(read_support_format_zip) \
    F(write_add_filter_by_name) \
    F(write_close) \
    F(write_data) \
    F(write_free) \
    F(write_header) \
    F(write_new) \
    F(write_open_fd) \
    F(write_set_bytes_in_last_block) \
    F(write_set_bytes_per_block) \
    F(write_set_filter_option) \
    F(write_set_format_pax_restricted)
/* clang-format on */

typedef struct {
#define LATE_MEMBER(name) __typeof__(&archive_##name) name;
    LATE_ARCHIVE(LATE_MEMBER)
#undef LATE_MEMBER
} LateArchive;

const LateArchive *late_archive(void);
#define libarchive late_archive()
