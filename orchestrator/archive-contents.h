/*
 * archive-contents.h - archives into the store, without a detour over the disk.
 *
 * Members are put into the store while the archive is read; what they are called, and where links lead, is judged when all are known.  Of the
 * metadata only the type, the owner's executable bit and link targets count.  Device nodes, fifos and sockets are skipped.  Nothing of an archive
 * gets outside the place it is unpacked to: names and hard links that would are an error, symlinks are kept as they are and never followed to the outside.
 */
#pragma once

#include "error.h"
#include "cas.h"

typedef enum { ARCHIVE_TAR, ARCHIVE_ZIP } ArchiveFormat;

typedef struct {
    char *path; /* normalised: no "", "." or ".." segments, no slash at either end */
    SluiceEntryType type;
    gboolean executable;
    gboolean absent; /* a hard link to what is not there: `target` */
    SluiceDigest digest;
    char *target; /* SYMLINK */
} ArchiveMember;

typedef struct {
    char *name;         /* of the archive, for messages */
    GArray *members;    /* of ArchiveMember, in the archive's order */
    GHashTable *latest; /* path -> index + 1 of the last member of that name */
} ArchiveContents;

/* Limits of what an archive may become; named in messages. */
#define ARCHIVE_MAX_ENTRIES   2000000
#define ARCHIVE_MAX_BYTES     ((gint64)64 << 30)
#define ARCHIVE_MAX_RATIO     2000              /* unpacked to packed … */
#define ARCHIVE_RATIO_MATTERS ((gint64)1 << 30) /* … above this size */
#define ARCHIVE_MAX_NAME      4096

/* Reads all of an archive; contents of files are in the store after it.  `name` is for messages.  Errors are SOURCE. */
ArchiveContents *archive_read(SluiceStore *store, const void *data, gsize length, ArchiveFormat format,
                              const char *name, GError **error);
void archive_contents_free(ArchiveContents *contents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArchiveContents, archive_contents_free)

/* Forgets the members for which `keep` is FALSE. */
void archive_contents_filter(ArchiveContents *contents, gboolean (*keep)(const ArchiveMember *member, gpointer data),
                             gpointer data);

/* The first directory, by name, that `glob` matches; NULL with error if none does. */
char *archive_find_base_dir(const ArchiveContents *contents, const char *glob, GError **error);
/* Puts the members below `base_dir` ("": all; NULL: without the first part of each name) into the tree below `directory`. */
gboolean archive_add_to_tree(const ArchiveContents *contents, const char *base_dir, SluiceTree *tree,
                             const char *directory, GError **error);

/* One compressed file (xz, gzip, zstd, bzip2 or none) in memory, with a NUL after it; more than `limit` bytes are refused.  Free with g_free. */
char *archive_decompress(const void *data, gsize length, gsize limit, const char *name, gsize *out_length,
                         GError **error);
/* One member of a tar archive, likewise; "" if there is none of that name. */
char *archive_read_text(const void *data, gsize length, const char *member, gsize limit, const char *name,
                        GError **error);
