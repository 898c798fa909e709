/*
 * key-diff.h - why two keys differ.
 *
 * Compares the texts that keys are the hashes of (key.h), and follows dependencies whose keys differ down to the elements that differ by themselves: those are the cause,
 * what is built on them only follows.
 */
#pragma once

#include "key.h"

/* One of the two states of things.  `find_text` gives the text of the key of one element in it, NULL without error if it is not known; free with g_free. */
typedef struct {
    const char *project, *element; /* where to begin */
    const char *key;
    char *(*find_text)(gpointer data, const char *project, const char *element, const char *key, GError **error);
    gpointer data;
} KeySide;

/* Appends a report on what has to be changed in `before` to come to `after`; *differ tells whether the keys are different at all. */
gboolean key_diff(const KeySide *before, const KeySide *after, GString *out, gboolean *differ, GError **error);
