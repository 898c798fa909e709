/*
 * launcher-private.h - what the files launcher*.c share: a compile from the question to its result.
 */
#pragma once

#include "bridge-private.h"
#include "compile-options.h"
#include "launcher-manifest.h"
#include "launcher-trace.h"
#include "recc-config.h"

/* What a launcher asks, decoded; strings are its own. */
typedef struct {
    char **arguments; /* the first is the compiler, absolute */
    char **environment;
    char *directory;
} LauncherQuestion;

/* What variables of recc ask for. */
typedef struct {
    gboolean skips_cache;       /* compiles again, and keeps that */
    gboolean verifies;          /* the same, and compares */
    gboolean whole_environment; /* is in the key, but for recc's own */
    char **variables;           /* that are in the key as well; or NULL */
    GPtrArray *refused;         /* GRegex *: of inputs; or NULL */
} LauncherWishes;

/* What was known of an output. */
typedef struct {
    const char *path; /* of the options */
    SluiceDigest digest;
} LauncherExpected;

/* One compile of a launcher that is connected. */
typedef struct {
    LauncherQuestion question;
    int root; /* the builder's root directory; -1: none was passed */
    CompileOptions *options;
    LauncherWishes wishes;
    GArray *expected; /* LauncherExpected: to compare with, or NULL */
    gboolean differs; /* from that */
    int64_t asked;    /* sluice_staged_now() before anything was looked at */
    const char *source;
    SluiceStagedFile source_file;
    SluiceStagedFile compiler;
    gboolean is_clang;
    SluiceDigest command; /* of the command with its source: what the manifest is found by */
    gboolean roams; /* its results may be used in other build folders, where nothing shows in which they were made */
    guint64 learns; /* which one it is of those that are learned; 0: not yet */
    SluiceDigest roaming;  /* then: of the same command in any build folder */
    ManifestVariant found; /* the result that was found, and where it was made */
} LauncherCompile;

/* Which "/" a process has: another one, or other mounts in it, would show it other files. */
typedef struct {
    uint64_t mount, device, inode;
} LauncherPlaceId;

struct SluiceLauncher {
    SluiceStore *store;
    SluiceUpstream *upstream; /* or NULL */
    SluiceDigest environment;
    char *element, *project; /* or NULL */
    char **settings;         /* that name the server, or NULL */
    char *folder;            /* build folder that results may roam from, or NULL */
    SluiceStaged *staged;
    GPtrArray *threads;
    int poll, wake;
    GMutex lock;
    GHashTable *connections; /* those that wait for something */
    GArray *listeners;
    GPtrArray *learning; /* LauncherCompile *: what was made, and is not all kept yet */
    guint64 learnings;   /* how many there were */
    GCond learned;       /* one of these is */
    SluiceLauncherStats stats;
    GHashTable *reasons; /* const char * → uint64_t * */
    GHashTable *traits;  /* SluiceDigest → what the text of the file says of where and when it is translated */
    GHashTable *drivers; /* SluiceDigest → whether the file is a compiler's own driver */
    gsize held;          /* bytes of files in memory */
    gboolean has_place;
    LauncherPlaceId place; /* of the sandbox's root */
    gboolean closing;
};

/* ---- launcher-message.c ---- */

gboolean launcher_question_decode(GBytes *frame, LauncherQuestion *out, GError **error);
void launcher_question_clear(LauncherQuestion *question);

typedef struct {
    gboolean succeeded, incomplete;
    GBytes *standard_error; /* or NULL */
} LauncherReport;
gboolean launcher_report_decode(GBytes *frame, LauncherReport *out, GError **error);
void launcher_report_clear(LauncherReport *report);

typedef enum { LAUNCHER_RUN, LAUNCHER_HIT, LAUNCHER_LEARN } LauncherVerdict;
typedef struct {
    const char *path; /* borrowed */
    GBytes *contents;
    gboolean in_place;
} LauncherOutput;
/* The whole frame, with its length in front. */
GByteArray *launcher_answer_encode(LauncherVerdict verdict, SluiceSpan standard_error, const LauncherOutput *outputs,
                                   gsize count);

/* ---- launcher-lookup.c ---- */

void launcher_compile_free(LauncherCompile *compile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LauncherCompile, launcher_compile_free)
/* Whether it is no compile, but says which root is the sandbox's; the first one does. */
gboolean launcher_take_root(SluiceLauncher *launcher, const LauncherCompile *compile);
/* Whether it makes an object, by an assembler. */
gboolean launcher_assembles(const CompileOptions *options);
/* Reads what is asked.  NULL: it can be cached; else why it cannot. */
const char *launcher_compile_prepare(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look);
/* The result of the compile, if it is known; NULL without error is a miss. */
GBytes *launcher_find_result(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look);
/* The contents of a file with this digest: of the store, or of the sandbox, where it is new.  NULL: it is another by now, too large, or there is no
 * room. */
GBytes *launcher_read(SluiceLauncher *launcher, SluiceLook *look, const char *path, const SluiceDigest *digest);
/* What all compiles have in memory is counted: FALSE if there is no room for more. */
gboolean launcher_hold(SluiceLauncher *launcher, gsize bytes);
void launcher_let_go(SluiceLauncher *launcher, gsize bytes);
/* A result or manifest that is kept for an action in this environment, here or, with `anywhere`, at the cluster; NULL if there is none. */
GBytes *launcher_get_kept(SluiceLauncher *launcher, const SluiceDigest *action, gboolean anywhere);
/* For lists of strings. */
int launcher_compare_texts(const void *a, const void *b);
gboolean launcher_keep(SluiceLauncher *launcher, const SluiceDigest *action, GBytes *result, GError **error);
/* By the command, or by what it is in any build folder. */
GBytes *launcher_read_manifest(SluiceLauncher *launcher, const SluiceDigest *command, gboolean anywhere);

/* ---- launcher-wishes.c ---- */

/* FALSE: they ask for what is not done here, or cannot be understood. */
gboolean launcher_wishes_read(char *const *environment, LauncherWishes *out);
void launcher_wishes_clear(LauncherWishes *wishes);
/* Whether a variable is in the key because of them. */
gboolean launcher_wishes_count(const LauncherWishes *wishes, const char *name, const char *value);
/* Whether nothing may be kept that was made of this file; `path` may be relative to the directory. */
gboolean launcher_wishes_refuse(const LauncherWishes *wishes, const char *path, const char *directory);

/* ---- launcher-roam.c ---- */

/* Stands for the build folder in keys and manifests. */
#define LAUNCHER_FOLDER_MARK "\001"

/* Whether results that were made in it can be told from others. */
gboolean launcher_is_roaming_folder(const char *folder);
/* Whether results of the command may be used in other build folders at all: only what is known not to depend on names of folders is in it. */
gboolean launcher_may_roam(const SluiceLauncher *launcher, const LauncherCompile *compile);
/* Whether a file that was read, with such a text or none, forbids it. */
gboolean launcher_input_stays(const SluiceLauncher *launcher, SluiceLook *look, const ManifestInput *input,
                              gboolean names_files);
/* A copy: of a path in the folder `from`, or that folder; and of a text with such paths anywhere. */
char *launcher_move_path(const char *path, const char *from, const char *to);
char *launcher_move_text(const char *text, const char *from, const char *to);
/* What the compile would have written into its depfile in the folder `to`, which its options are of; NULL: these are no rules that can be moved. */
GBytes *launcher_move_rules(GBytes *rules, const LauncherCompile *compile, const char *from, const char *to);
/* Whether the folder's name is in it; `bytes` may be NULL. */
gboolean launcher_shows(GBytes *bytes, const char *folder);
/* Whether the text may ask for the names of files that are being translated. */
gboolean launcher_names_files(const void *bytes, gsize length);

/* ---- launcher-header.c ---- */

/* Whether the bytes are a precompiled header, and whether a file or folder with this name may be one, or have one in it. */
gboolean launcher_is_header(const void *bytes, gsize length);
gboolean launcher_is_header_name(const char *path);
/* What the texts said that a precompiled header was made of, which is known of those whose making was kept. */
gboolean launcher_keep_header(SluiceLauncher *launcher, const SluiceDigest *header, int traits, GError **error);
gboolean launcher_find_header(SluiceLauncher *launcher, const SluiceDigest *header, int *traits);
/* Until all is kept of headers whose making was told before this compile was. */
void launcher_await_headers(SluiceLauncher *launcher, const LauncherCompile *compile);

/* ---- launcher-learn.c ---- */

/* Keeps the result of a compile that went well.  NULL, or why it was not kept.  `looked` is called in any case, when all that may change once the
 * launcher has ended was looked at: inputs and outputs. */
typedef void (*LauncherLooked)(gpointer data);
const char *launcher_learn(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look,
                           const LauncherReport *report, GBytes *trace, LauncherLooked looked, gpointer data);
/* Whether bytes that are translated with these variables may come out otherwise at another time. */
gboolean launcher_uses_time(const void *bytes, gsize length, char *const *environment, gboolean is_clang);
