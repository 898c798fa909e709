/*
 * cas.h - the public face of cas/: one content-addressed store on disk, and the trees in it.
 *
 * Caveats first:
 *  - Any number of processes may have the same store open.  A SluiceStore must NOT be used after fork() in the child:
 *    close nothing, open it again there.
 *  - All functions may be called from any thread, and may block on the disk.
 *  - A blob is visible only after its bytes were hashed and found right.  What a function acknowledged survives the death
 *    of the process (kill -9), not necessarily a power cut; after one, damaged entries are detected and dropped.
 *  - Absent blobs are an expected outcome: functions that look things up answer NULL/-1/FALSE with SLUICE_CAS_ERROR_NOT_FOUND.
 *
 * Layout and formats: see store.c (index) and tree.c (Directory encoding; REAPI `Directory`, canonical form).
 */
#pragma once

#include "proto.h"
#include <gio/gio.h>
#include <stdint.h>
#include <sys/stat.h>

G_BEGIN_DECLS

#define SLUICE_CAS_ERROR (sluice_cas_error_quark())
GQuark sluice_cas_error_quark(void);
typedef enum {
    SLUICE_CAS_ERROR_NOT_FOUND, /* no such blob, result or ref */
    SLUICE_CAS_ERROR_MISMATCH,  /* bytes do not have the digest that was claimed */
    SLUICE_CAS_ERROR_FULL,      /* disk or quota */
    SLUICE_CAS_ERROR_INVALID,   /* not a canonical Directory, a path that is no path, … */
    SLUICE_CAS_ERROR_OVERLAP,   /* two trees want different things under one name and cannot be merged */
    SLUICE_CAS_ERROR_IO,        /* the operating system said no; the message says where */
    SLUICE_CAS_ERROR_BUSY       /* store is of another layout version, or locked by an exclusive operation */
} SluiceCasError;

/* ---- Hashing ---------------------------------------------------------------------------------------------------------- */

void sluice_digest_of(const void *data, gsize length, SluiceDigest *out);
void sluice_digest_of_bytes(GBytes *bytes, SluiceDigest *out);
typedef struct SluiceHasher SluiceHasher;
SluiceHasher *sluice_hasher_new(void);
void sluice_hasher_update(SluiceHasher *hasher, const void *data, gsize length);
/* Gives the digest of all that came so far and resets the hasher. */
void sluice_hasher_finish(SluiceHasher *hasher, SluiceDigest *out);
/* `to` goes on from where `from` is. */
void sluice_hasher_copy(SluiceHasher *to, const SluiceHasher *from);
void sluice_hasher_free(SluiceHasher *hasher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceHasher, sluice_hasher_free)

/* ---- Store ------------------------------------------------------------------------------------------------------------ */

typedef struct SluiceStore SluiceStore;

typedef struct {
    uint64_t quota;          /* bytes; 0: what the store remembers, or no limit */
    unsigned high_watermark; /* percent of quota where eviction starts; 0: 95 */
    unsigned low_watermark;  /* percent of quota where eviction stops; 0: 80 */
    gboolean read_only;      /* never create, never write */
} SluiceStoreOptions;

/* The store to use when the user names none: $SLUICE_CACHE, else $XDG_CACHE_HOME/sluice.  Free with g_free. */
char *sluice_store_default_path(void);
/* Opens or creates.  `options` may be NULL. */
SluiceStore *sluice_store_open(const char *path, const SluiceStoreOptions *options, GError **error);
void sluice_store_close(SluiceStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceStore, sluice_store_close)
const char *sluice_store_get_path(SluiceStore *store);
/* What had to be healed when this process opened the store (after a power cut, say), as one sentence for the user; or NULL. */
const char *sluice_store_get_notice(SluiceStore *store);
/* For processes that live long: what this process has mapped of the index (and of other files) is given back to the page cache when it is more
 * than so many bytes, as often as that does not cost more than a fiftieth of its time.  0: never, as at first. */
void sluice_store_set_mapped_limit(SluiceStore *store, gsize bytes);
/* A new private directory below the store, on the same file system, for work in progress; removed by the next gc if its
 * process is gone.  Free with g_free after removing it. */
char *sluice_store_make_work_dir(SluiceStore *store, const char *purpose, GError **error);

/* ---- Blobs ------------------------------------------------------------------------------------------------------------ */

gboolean sluice_store_has(SluiceStore *store, const SluiceDigest *digest);
/* missing[i] is set for each digest; one read transaction.  What is found counts as used now. */
gboolean sluice_store_find_missing(SluiceStore *store, const SluiceDigest *digests, gsize count, gboolean *missing,
                                   GError **error);
/* The whole blob.  Large blobs are mapped, so the pages are the kernel's. */
GBytes *sluice_store_read(SluiceStore *store, const SluiceDigest *digest, GError **error);
/* The same in pieces, for who hands a large blob on: the pages of a piece count as this process's memory until it is freed.  The piece keeps
 * what it needs, and may outlive the reader.  What lies behind the end is left out. */
typedef struct SluiceBlobReader SluiceBlobReader;
SluiceBlobReader *sluice_blob_reader_new(SluiceStore *store, const SluiceDigest *digest, GError **error);
GBytes *sluice_blob_reader_read(SluiceBlobReader *reader, gsize offset, gsize length);
void sluice_blob_reader_free(SluiceBlobReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceBlobReader, sluice_blob_reader_free)
/* A read-only descriptor at offset 0 (a memfd for inline blobs); the caller closes it. */
int sluice_store_open_blob(SluiceStore *store, const SluiceDigest *digest, GError **error);
/* Stores `data`.  With `expected` the digest must match (MISMATCH).  `out` may be NULL. */
gboolean sluice_store_put(SluiceStore *store, const void *data, gsize length, const SluiceDigest *expected,
                          SluiceDigest *out, GError **error);
/* Many small blobs in one transaction; digests[i] is filled.  For writers of trees and batches. */
gboolean sluice_store_put_many(SluiceStore *store, GBytes *const *blobs, gsize count, SluiceDigest *digests,
                               GError **error);
/* Copies from `fd` (from its current offset to its end), hashing once. */
gboolean sluice_store_put_fd(SluiceStore *store, int fd, const SluiceDigest *expected, SluiceDigest *out,
                             GError **error);

/* Streaming upload: hashed while it arrives, visible only after commit.  Not shared between threads. */
typedef struct SluiceBlobWriter SluiceBlobWriter;
SluiceBlobWriter *sluice_blob_writer_new(SluiceStore *store, const SluiceDigest *expected, GError **error);
/* More than expected->size bytes is MISMATCH at once. */
gboolean sluice_blob_writer_append(SluiceBlobWriter *writer, const void *data, gsize length, GError **error);
int64_t sluice_blob_writer_get_size(SluiceBlobWriter *writer);
gboolean sluice_blob_writer_commit(SluiceBlobWriter *writer, SluiceDigest *out, GError **error);
void sluice_blob_writer_free(SluiceBlobWriter *writer); /* aborts if not committed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceBlobWriter, sluice_blob_writer_free)

/* ---- Action cache ----------------------------------------------------------------------------------------------------- */

/* The bytes of an ActionResult, as they were put; completeness is the caller's business. */
GBytes *sluice_store_get_result(SluiceStore *store, const SluiceDigest *key, GError **error);
gboolean sluice_store_put_result(SluiceStore *store, const SluiceDigest *key, GBytes *result, GError **error);
gboolean sluice_store_delete_result(SluiceStore *store, const SluiceDigest *key, GError **error);

/* Beside a result may stand a note: bytes that a caller defines (at most 16 KiB), of where it came from, say.  It comes, is replaced, and goes with
 * the result, in one transaction; looking results up never touches it. */
gboolean sluice_store_put_result_with_note(SluiceStore *store, const SluiceDigest *key, GBytes *result, GBytes *note,
                                           GError **error);
/* NOT_FOUND: there is none. */
GBytes *sluice_store_get_result_note(SluiceStore *store, const SluiceDigest *key, GError **error);
/* If what is kept under `key` still is `expected`: keeps `result` in its place (NULL: nothing), and the note, which then stays by itself until it is
 * evicted or a result is put.  *changed tells whether it was so. */
gboolean sluice_store_change_result(SluiceStore *store, const SluiceDigest *key, GBytes *expected, GBytes *result,
                                    GBytes *note, gboolean *changed, GError **error);

typedef struct {
    SluiceDigest key;
    gboolean stored;     /* FALSE: there is only a note */
    uint32_t used;       /* seconds since 1970: the last use of the result, the writing of a note alone */
    gsize result_length; /* of the ActionResult */
    const void *note;    /* NULL: there is none; borrowed for the call */
    gsize note_length;
} SluiceResultEntry;
/* Called within a transaction: it must call nothing of the store.  FALSE ends the walk. */
typedef gboolean (*SluiceResultFunc)(const SluiceResultEntry *entry, gpointer data);
/* All results and notes whose key's hash begins with these hexadecimal digits, from one snapshot: those with a result in the order of keys, then
 * notes alone.  INVALID: that is no prefix of a hash. */
gboolean sluice_store_each_result(SluiceStore *store, const char *prefix, SluiceResultFunc func, gpointer data,
                                  GError **error);

/* ---- Refs: names for digests (artifacts, sources, asset URNs, integrated roots) ----------------------------------------- */

/* A ref is a name in a namespace ("artifact", "source", "root", …) with a small value (at most 64 KiB) that a caller defines,
 * and the trees and blobs that it keeps alive while it exists and is fresher than what must be evicted. */
typedef struct {
    GBytes *value;
    const SluiceDigest *trees; /* Directory digests */
    gsize n_trees;
    const SluiceDigest *blobs;
    gsize n_blobs;
} SluiceRef;
gboolean sluice_store_set_ref(SluiceStore *store, const char *space, const char *name, const SluiceRef *ref,
                              GError **error);
/* The value; reading counts as use. */
GBytes *sluice_store_get_ref(SluiceStore *store, const char *space, const char *name, GError **error);
gboolean sluice_store_delete_ref(SluiceStore *store, const char *space, const char *name, GError **error);
/* Names with the prefix, sorted; a GPtrArray of char * that frees them. */
GPtrArray *sluice_store_list_refs(SluiceStore *store, const char *space, const char *prefix, GError **error);

/* ---- Leases: what a running build needs is never evicted ------------------------------------------------------------------ */

typedef struct SluiceLease SluiceLease;
/* Lives as long as this process (a dead process' leases are dropped by gc) or until freed. */
SluiceLease *sluice_lease_new(SluiceStore *store, GError **error);
/* NOT_FOUND if the store does not have it: what TRUE was answered for stays.  (Of a tree only the root is looked up; it may be called
 * from any thread, costs one small write the first time, nothing when repeated.) */
gboolean sluice_lease_add_blob(SluiceLease *lease, const SluiceDigest *digest, GError **error);
gboolean sluice_lease_add_tree(SluiceLease *lease, const SluiceDigest *root, GError **error);
void sluice_lease_free(SluiceLease *lease);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceLease, sluice_lease_free)

/* ---- Care of the store -------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t blobs, blob_bytes, inline_blobs, results, refs, leases, disk_bytes, quota;
} SluiceStoreInfo;
gboolean sluice_store_get_info(SluiceStore *store, SluiceStoreInfo *info, GError **error);
gboolean sluice_store_set_quota(SluiceStore *store, uint64_t bytes, GError **error);

typedef struct {
    uint64_t blobs_removed, bytes_removed, refs_removed, results_removed, temporaries_removed;
} SluiceGcStats;
/* Least recently used first, until at most `target_bytes` remain (G_MAXUINT64: only rubbish of dead processes). */
gboolean sluice_store_gc(SluiceStore *store, uint64_t target_bytes, SluiceGcStats *stats, GError **error);
/* gc to the low watermark if above the high one; cheap otherwise. */
gboolean sluice_store_enforce_quota(SluiceStore *store, SluiceGcStats *stats, GError **error);

typedef struct {
    uint64_t blobs_checked, bytes_checked, damaged, dangling_results, dangling_refs;
} SluiceFsckStats;
typedef void (*SluiceProgressFunc)(uint64_t done, uint64_t total, gpointer data);
typedef void (*SluiceFsckFunc)(const char *problem, gpointer data);
/* Reads and hashes every blob; damaged ones (and results and refs that name absent ones) are removed when `repair`.  TRUE if it could
 * be carried out.  The callbacks are called from other threads, but never two at a time. */
gboolean sluice_store_fsck(SluiceStore *store, gboolean repair, SluiceFsckFunc report, SluiceProgressFunc progress,
                           gpointer data, SluiceFsckStats *stats, GError **error);

/* ---- Trees (REAPI Directory) ---------------------------------------------------------------------------------------------- */

typedef enum { SLUICE_ENTRY_FILE, SLUICE_ENTRY_DIRECTORY, SLUICE_ENTRY_SYMLINK } SluiceEntryType;

/* One decoded entry.  Strings are borrowed from the SluiceDirectory. */
typedef struct {
    const char *name;
    SluiceEntryType type;
    gboolean executable; /* FILE */
    int64_t mtime;       /* FILE that has one of its own: nanoseconds; 0: that of all staged files */
    SluiceDigest digest; /* FILE, DIRECTORY */
    const char *target;  /* SYMLINK */
} SluiceEntry;

/* An immutable decoded Directory: files, directories, symlinks, each sorted by bytes, as on the wire. */
typedef struct SluiceDirectory SluiceDirectory;
/* INVALID for anything not canonical: order, duplicate or multi-segment names, unknown fields, NUL, groups.
 * Node properties are accepted only as an absent or empty message, or as the mtime of a file. */
SluiceDirectory *sluice_directory_decode(const void *data, gsize length, GError **error);
SluiceDirectory *sluice_directory_read(SluiceStore *store, const SluiceDigest *digest, GError **error);
const SluiceEntry *sluice_directory_get_entries(const SluiceDirectory *directory, gsize *count);
const SluiceEntry *sluice_directory_find(const SluiceDirectory *directory, const char *name);
void sluice_directory_free(SluiceDirectory *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceDirectory, sluice_directory_free)
/* Canonical bytes of one Directory; entries may come in any order, names must be unique. */
GBytes *sluice_directory_encode(const SluiceEntry *entries, gsize count, GError **error);

/* A tree being made: in memory, subtrees are loaded from the store only when they are touched. */
typedef struct SluiceTree SluiceTree;
SluiceTree *sluice_tree_new(SluiceStore *store);
SluiceTree *sluice_tree_new_from(SluiceStore *store, const SluiceDigest *root, GError **error);
void sluice_tree_free(SluiceTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceTree, sluice_tree_free)

/* Paths are relative to the root, '/' separated; a leading '/' is ignored; "." and ".." are INVALID.  Parents are made.
 * Symlinks in parents are followed inside the tree (so "/lib/x" lands in "/usr/lib/x" in a merged-/usr root). */
gboolean sluice_tree_add_file(SluiceTree *tree, const char *path, const SluiceDigest *digest, gboolean executable,
                              GError **error);
/* The same with an mtime of its own. */
gboolean sluice_tree_add_timed_file(SluiceTree *tree, const char *path, const SluiceDigest *digest, gboolean executable,
                                    int64_t mtime, GError **error);
gboolean sluice_tree_add_symlink(SluiceTree *tree, const char *path, const char *target, GError **error);
gboolean sluice_tree_make_directory(SluiceTree *tree, const char *path, GError **error);
/* Puts a stored directory under `path`, in place of whatever is there, without reading it ("/": the whole tree).  NOT_FOUND if the
 * store does not have `digest`. */
gboolean sluice_tree_set_directory(SluiceTree *tree, const char *path, const SluiceDigest *digest, GError **error);
/* Removes a file, link or whole directory; absent is TRUE. */
gboolean sluice_tree_remove(SluiceTree *tree, const char *path, GError **error);
/* Does not follow a final symlink.  FALSE with NOT_FOUND.  Strings in `out` live until the tree changes.  For a directory that
 * was changed, `out->digest` is not known: commit first. */
gboolean sluice_tree_lookup(SluiceTree *tree, const char *path, SluiceEntry *out, GError **error);
/* Follows symlinks to the end, inside the tree. */
gboolean sluice_tree_lookup_follow(SluiceTree *tree, const char *path, SluiceEntry *out, GError **error);

/* What to do where the merged tree has something else under the same name (same content is no overlap): return TRUE to let the
 * new one win.  `path` is absolute in the tree.  Never called for two directories (they merge); a directory against a
 * non-empty directory's file or link is OVERLAP unless the callback agrees to replace. */
typedef gboolean (*SluiceOverlapFunc)(const char *path, const SluiceEntry *old, const SluiceEntry *added,
                                      gpointer data);
/* Merges the tree of `root` under `path` ("/" for the top).  Subtrees that exist only on one side are linked, not
 * walked.  A NULL callback lets the new one win.  A directory is merged into what a symlink of its name leads to, if that is a
 * directory of the tree.  After a failure the tree is merged in part: drop it. */
gboolean sluice_tree_merge(SluiceTree *tree, const char *path, const SluiceDigest *root, SluiceOverlapFunc overlap,
                           gpointer data, GError **error);
/* From now on merging asks about every file and link that meets something of its name, also if both are equal; a link is never
 * followed, so that a directory that meets one is OVERLAP; and a file or link that is not to replace a directory which is not empty is left out. */
void sluice_tree_merge_strictly(SluiceTree *tree);
/* Pre-order, names sorted bytewise over all types; `path` is absolute.  Return FALSE from the callback to stop. */
typedef gboolean (*SluiceWalkFunc)(const char *path, const SluiceEntry *entry, gpointer data);
gboolean sluice_tree_walk(SluiceTree *tree, SluiceWalkFunc func, gpointer data, GError **error);
gboolean sluice_store_walk_tree(SluiceStore *store, const SluiceDigest *root, SluiceWalkFunc func, gpointer data,
                                GError **error);
/* Writes the Directory blobs that are not in the store yet (one transaction) and gives the root digest. */
gboolean sluice_tree_commit(SluiceTree *tree, SluiceDigest *root, GError **error);

/* ---- Between trees and directories on disk ---------------------------------------------------------------------------------- */

typedef struct {
    gboolean by_link; /* may hard-link files into the store instead of copying: only for files nobody writes to again */
    unsigned threads; /* 0: one a core */
    gboolean
        times; /* each file keeps its mtime, to the microsecond: for workspaces, where builds go on from what is there */
} SluiceImportOptions;
/* Imports what lies below `dirfd`/`path`: contents, executable bits (owner's), links; sockets, fifos and devices are INVALID.
 * A known (device, inode, size, mtime, ctime) of an earlier import is not hashed again.  `path` may be a single file: the
 * result is then a Directory that holds it under its base name. */
gboolean sluice_store_import(SluiceStore *store, int dirfd, const char *path, const SluiceImportOptions *options,
                             SluiceDigest *root, GError **error);
/* What an earlier import remembers of files by their status (regular files, from lstat): known[i] tells whether digests[i] was filled.  Never
 * stale: a file whose times could hide a change was not remembered.  For keys; the blobs may be gone.  FALSE: nothing is known. */
gboolean sluice_store_find_files(SluiceStore *store, const struct stat *files, gsize count, SluiceDigest *digests,
                                 gboolean *known);
typedef enum { SLUICE_CHECKOUT_COPY, SLUICE_CHECKOUT_HARDLINK } SluiceCheckoutMode;
/* Writes the tree below `dirfd`/`path` (made if absent; must be empty): 0644/0755, fixed mtime.  HARDLINK only for places that
 * nobody may write to; falls back to a copy file by file, as for those that have an mtime of their own. */
gboolean sluice_store_checkout(SluiceStore *store, const SluiceDigest *root, int dirfd, const char *path,
                               SluiceCheckoutMode mode, GError **error);

/* The mtime of every staged file: 2011-11-11T11:11:11Z, seconds. */
#define SLUICE_STAGED_MTIME 1321009871
/* Removes a directory tree, also what a build left unreadable. */
gboolean sluice_remove_tree(const char *path, GError **error);

G_END_DECLS
