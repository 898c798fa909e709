/*
 * recc-config.h - the configuration of recc 1.4 (BuildBox 1.4.16), for a launcher that takes its place: RECC_* variables and recc.conf files.
 *
 * A setting is looked for in the environment (RECC_NAME), then in ./recc/recc.conf, $RECC_CONFIG_DIRECTORY/recc.conf, ~/.recc/recc.conf and
 * /etc/recc/recc.conf; the first that has it counts, each by itself, and an empty value is one too.  A file has lines of name=value: names
 * without RECC_ and in any case, values to the end of the line as they are (blanks too), lines that begin with # (after blanks) are comments.  As with recc, names that are
 * unknown are no mistake, nor is a blank before "=", which makes another name; a line without "=" kills recc and is an error here.
 * "On" is whatever is not empty: "0" and "false" are on.
 *
 * Caveats: reading files may block.  No global state; a ReccConfig that is not changed any more may be read by several threads.
 */
#pragma once

#include <glib.h>

#define RECC_CONFIG_FILE_MAX     (1 << 20)
#define RECC_CONFIG_SETTINGS_MAX 10000 /* in all places together */

typedef enum {
    RECC_TEXT,
    RECC_SWITCH, /* on if it is not empty */
    RECC_NUMBER,
    RECC_LIST, /* with commas between */
    RECC_MAP,  /* RECC_NAME_KEY: a value for each key; keys keep their case */
} ReccKind;

typedef enum {
    RECC_PASSES,      /* with it the launcher runs the compiler, and nothing else */
    RECC_DONE,        /* what recc does with it */
    RECC_KEYED,       /* it is in the key: what was made with another value is not taken */
    RECC_REMOTE_ONLY, /* only where there is no sandbox around: it says which server, and how */
    RECC_IGNORED,     /* accepted, and a note says why it has no effect */
} ReccTreatment;

typedef struct {
    const char *name; /* without RECC_ */
    ReccKind kind;
    ReccTreatment treatment;
    const char *meaning; /* a phrase for the manual; why, if it is ignored */
} ReccVariable;

/* All of them, sorted by name. */
const ReccVariable *recc_variables(gsize *count);

/* By a name without RECC_, of any case; of a map also with a key behind it.  NULL: unknown. */
const ReccVariable *recc_variable_find(const char *name);

/* Those of an environment that are treated so and are not empty: RECC_NAME=value; free with g_strfreev. */
char **recc_variables_dup(char *const *environment, ReccTreatment treatment);

typedef struct ReccConfig ReccConfig;

ReccConfig *recc_config_new(void);
void recc_config_free(ReccConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReccConfig, recc_config_free)

/*
 * Takes what has no value yet from these places: so the most important place comes first.  Errors are of G_IO_ERROR_INVALID_DATA, say
 * where, and leave the configuration as it was: a line without "=", too many settings, a value that is not what its kind wants (a number that is
 * none, a REAPI version other than 2.1 to 2.12, a digest function other than SHA256, a map of prefixes without "=").
 */
gboolean recc_config_add_environment(ReccConfig *config, char *const *environment, GError **error);
gboolean recc_config_add_file(ReccConfig *config, const char *place, const char *text, gsize length, GError **error);

/* The files that count for `environment`, the most important first; free with g_strfreev.  The first one is relative to the working directory. */
char **recc_config_paths(char *const *environment);

/*
 * All of it.  Relative paths are opened beneath `cwd_fd`, absolute ones beneath `root_fd` as if it was "/"; a file that is not there, or that leads
 * out of there, has nothing in it; one that is not a regular file, too large, or cannot be read is an error.  NULL with an error.
 */
ReccConfig *recc_config_load(char *const *environment, int cwd_fd, int root_fd, GError **error);

/* `name` is one of the table, without RECC_; anything else is our bug.  Text is NULL if it is not set, and may be empty. */
const char *recc_config_text(const ReccConfig *config, const char *name);
gboolean recc_config_is_on(const ReccConfig *config, const char *name);
gint64 recc_config_number(const ReccConfig *config, const char *name, gint64 otherwise);
char **recc_config_list(const ReccConfig *config, const char *name); /* without empty ones; free with g_strfreev */

/* KEY and value one after the other, sorted by KEY, those with an empty value left out; of char *, owned by it.  Free with g_ptr_array_unref. */
GPtrArray *recc_config_map(const ReccConfig *config, const char *name);

/* What has no effect, a line for each: char *, owned by the configuration.  In the order of the places. */
GPtrArray *recc_config_notes(const ReccConfig *config);
