/*
 * complete.h - shell completion from the table of commands, with the protocol that scripts for `bst` speak: _BST_COMPLETION=complete, COMP_WORDS and COMP_CWORD in the environment; one
 * word a line on standard output, a blank behind those that are whole.
 */
#pragma once

#include <glib.h>

gboolean complete_requested(void);
void complete_print(const char *program);
/* What may stand at words[current]; a GPtrArray of char * that frees them.  Elements are looked up on the disk below the project. */
GPtrArray *complete_words(char **words, guint current);
