/*
 * staged.h - the files of a sandbox, as one who builds in it sees them, looked at from outside.
 *
 * A sandbox is a staged tree, whose digests are known without reading anything, under an upper layer, where commands write; and some places
 * where something else is mounted.  What has nothing in the upper is as it was staged.  What is in the upper is hashed, once for as long as
 * its status tells that it is the same.  The builder is not trusted: nothing here follows a link of its on this side, waits for a pipe or
 * believes a size.
 *
 * A SluiceStaged may be used by several threads; a SluiceLook is one thread's, and of one moment: what it found of directories it believes until
 * its end.
 */
#pragma once

#include "cas.h"

typedef struct {
    SluiceStore *store; /* borrowed */
    SluiceDigest root;  /* what is staged: the environment, and sources in it */
    SluiceDigest environment_root;
    int upper;                  /* a directory descriptor; taken */
    const char *const *mounted; /* absolute paths where the tree is not seen; NULL-terminated, copied */
} SluiceStagedPlace;

typedef struct SluiceStaged SluiceStaged;
SluiceStaged *sluice_staged_new(const SluiceStagedPlace *place);
void sluice_staged_free(SluiceStaged *staged);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceStaged, sluice_staged_free)

typedef enum {
    SLUICE_STAGED_MISSING,
    SLUICE_STAGED_FILE,
    SLUICE_STAGED_DIRECTORY,
    SLUICE_STAGED_UNKNOWN /* a device, a loop of links, or not to be read: nothing may depend on it */
} SluiceStagedKind;

typedef struct {
    SluiceStagedKind kind;
    gboolean changing; /* FILE or MISSING: not as it was staged; `changed` is when that came about */
    int64_t changed;   /* the later of mtime and ctime, nanoseconds; only of a FILE; or that of what led to it */
    gboolean linked;   /* a link was followed to it */
    const char *
        place; /* the folder that it is in after that, without links, relative to the root; lives as long as the look */
    gboolean digested; /* `digest` is known */
    SluiceDigest digest;
} SluiceStagedFile;

/* A directory, by its path as a caller gave it. */
typedef struct {
    char *path; /* without links, relative to the root; "" for the root */
    gboolean absent;
    gboolean mounted;  /* the kernel must be asked about what is in it */
    gboolean in_upper; /* the upper has a directory of this path */
    int fd;            /* of that */
    gboolean alias;    /* a name more of a folder that is here already, whose the descriptor is */
    int64_t linked;    /* when the newest link of the upper that led here was made, or folder renamed; 0: none was */
    gboolean has_lower, has_environment; /* a staged directory shows through; and the environment has one there */
    SluiceDigest lower, environment;
    const SluiceDirectory *entries; /* of `lower` */
} SluiceStagedFolder;

typedef struct SluiceLook SluiceLook;
/* `root_fd` is the builder's own root, or -1; borrowed.  `cwd` is absolute. */
SluiceLook *sluice_look_new(SluiceStaged *staged, int root_fd, const char *cwd);
void sluice_look_free(SluiceLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceLook, sluice_look_free)

/* Lives as long as the look.  NULL: it cannot be told. */
const SluiceStagedFolder *sluice_look_find_folder(SluiceLook *look, const char *path);
/* With `digest`, the file's contents are hashed where that is not known. */
void sluice_look_at(SluiceLook *look, const char *path, gboolean digest, SluiceStagedFile *out);
/* The same, `name` in a folder. */
void sluice_look_into(SluiceLook *look, const SluiceStagedFolder *folder, const char *name, gboolean digest,
                      SluiceStagedFile *out);
/* A regular file opened for reading; -1 with errno. */
int sluice_look_open(SluiceLook *look, const char *path);
/* The last component of where links lead; g_free. */
char *sluice_look_dup_real_name(SluiceLook *look, const char *path);
/* A directory, as the builder would open it; -1 with errno. */
int sluice_look_open_folder(SluiceLook *look, const char *path);

/* The time that the kernel would give a file that changes now. */
int64_t sluice_staged_now(void);
/* Reads at most `limit` bytes of a file that somebody may be changing; NULL if there are more or it cannot be read. */
GBytes *sluice_staged_read(int fd, gsize limit);
