/*
 * targets.h - the words of a command line that name elements: names and globs.
 */
#pragma once

#include "project.h"

/* Whether a word is a glob. */
gboolean target_is_glob(const char *word);
/* STREAM invalid-element-names if a word cannot name elements: names and globs end in `.bst`. */
gboolean targets_check(const char *const *words, GError **error);
/* What a command says that was given `words` (maybe none) where no project is. */
void targets_set_no_project(const char *const *words, const char *detail, GError **error);
/* Names first, then what globs match of the elements below the element path, each once.  A glob that matches nothing warns.  Free with g_strfreev. */
char **targets_expand(Session *session, const char *const *words, const EventSink *events, GError **error);
