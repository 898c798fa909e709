/*
 * options.h - command-line options as tables, and the words and values that a user gave.
 *
 * BuildStream's `--option NAME VALUE` takes two words, which no common parser can do; so this is a small one of our own.  A usage error is
 * USAGE_ERROR with a text in the manner of click, which `bst` users know; nothing else fails here.
 */
#pragma once

#include <glib.h>

#define USAGE_ERROR (usage_error_quark())
GQuark usage_error_quark(void);

typedef enum {
    OPTION_FLAG,   /* --name */
    OPTION_SWITCH, /* --name or --no-name */
    OPTION_STRING, /* --name VALUE */
    OPTION_INT,    /* --name N, not negative */
    OPTION_PAIR    /* --name A B */
} OptionType;

/* Tables end in an entry without name.  A `value` with '|' lists the choices; otherwise it is the placeholder in help. */
typedef struct {
    const char *name;
    char letter; /* or 0 */
    OptionType type;
    gboolean repeat; /* all values count; otherwise the last */
    const char *value;
    const char *help;
    const char *key; /* under which values are found; NULL: the name */
} OptionSpec;

typedef struct Arguments Arguments;
Arguments *arguments_new(void);
void arguments_free(Arguments *arguments);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arguments, arguments_free)

/* Reads options of any of the `tables` (NULL-terminated) from argv[*position], and words until the end or "--"; all after that is collected apart.  The word that
 * exceeds `max_words` is where it stops; with `take_rest`, that word and all after it are collected apart too, options or not.  *position is where it stopped. */
gboolean arguments_parse(Arguments *arguments, const OptionSpec *const *tables, guint max_words, gboolean take_rest,
                         char **argv, int *position, GError **error);

const char *arguments_get(const Arguments *arguments, const char *name); /* last value, or NULL */
gboolean arguments_has(const Arguments *arguments, const char *name);
gboolean arguments_switch(const Arguments *arguments, const char *name, gboolean fallback);
gint64 arguments_int(const Arguments *arguments, const char *name, gint64 fallback);
/* All values in order, pairs flattened; NULL-terminated, borrowed; never NULL. */
const char *const *arguments_list(const Arguments *arguments, const char *name);
const char *const *arguments_words(const Arguments *arguments, guint *count); /* count may be NULL */
const char *const *arguments_rest(const Arguments *arguments);                /* after "--"; NULL: there was none */

const OptionSpec *option_find(const OptionSpec *table, const char *name);
/* The nearest of `names` (NULL-terminated) to a mistyped word, or NULL if none is near. */
const char *nearest_word(const char *word, const char *const *names);
/* Levenshtein distance, at most `limit` + 1. */
guint word_distance(const char *a, const char *b, guint limit);
