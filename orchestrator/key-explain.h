/* key-explain.h - what goes into an element's keys, for people and for programs: `show --explain-key`. */
#pragma once

#include "key.h"

/* Appends one JSON document: the element, its keys, the texts that they are the hashes of as JSON ("weak" and "strict"; null if there is no key), and in "from" the places in
 * the project's files that their parts come from.  Written compactly, with sorted keys, each text hashes to its key. */
gboolean key_explain(KeyWriter *writer, Element *element, GString *out, GError **error);
