/*
 * key.h - cache keys of elements, and the text that they are computed over.
 *
 * A key is the SHA-256 of one line of canonical JSON.  The weak key names what an element is built on, the strict key has the strict keys of that in it, the strong key
 * those of what it really was (or is going to be) built on: without --no-strict the same as the strict one.
 */
#pragma once

#include "element.h"

typedef enum { KEY_WEAK, KEY_STRICT, KEY_STRONG } KeyStrength;

/* Works on the elements of one session; not after more were loaded. */
typedef struct KeyWriter KeyWriter;
KeyWriter *key_writer_new(Session *session);
void key_writer_free(KeyWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyWriter, key_writer_free)

/* The line whose hash is the element's key, from the keys that its dependencies have now; NULL without error if there is none, as a ref is missing somewhere.  Free with
 * g_free. */
char *key_writer_text(KeyWriter *writer, Element *element, KeyStrength strength, GError **error);
/* Sets element->strong_key from those of its dependencies; "" if it cannot be known. */
gboolean key_writer_set_strong(KeyWriter *writer, Element *element, GError **error);
