/*
 * key-private.h - the pieces of a key's text, and hashing them for many elements: key.c, key-hash.c, key-batch.c.
 */
#pragma once

#include "element-private.h"
#include "key.h"

/* How the text of every key starts: the dependencies follow, then "]", the tail, and for other keys than the weak one that; "}". */
#define KEY_HEAD "{\"core-artifact-version\":11,\"dependencies\":["

/* ---- key.c ---- */
/* Links have none, nor have elements whose plugin is not known. */
gboolean key_is_known_kind(const Element *element);
/* Appends all members that come after "dependencies", without the closing brace; `scratch` is for what is needed meanwhile.  *resolved becomes FALSE if a source has no ref; the text is good for nothing then. */
gboolean key_write_tail(Session *session, Element *element, Arena *scratch, GString *out, gboolean *resolved,
                        GError **error);
/* Appends ["project","element": the start of the element's entry in keys of others. */
void key_write_name(const Element *element, GString *out);
/* Whether any dependency is strict, and whether that on `other` is. */
gboolean key_has_strict_dependency(const Element *element);
gboolean key_depends_strictly(const Element *element, const Element *other);

/* ---- key-hash.c: weak and strict keys, of elements in the order of the session ---- */
typedef struct KeyHasher KeyHasher;
KeyHasher *key_hasher_new(void);
void key_hasher_free(KeyHasher *hasher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyHasher, key_hasher_free)
/* Sets the keys of an element whose dependencies were all added, from its tail; they stay "" if the key of one of those is not known.  The strong key is the strict one. */
void key_hasher_compute(KeyHasher *hasher, Element *element, const char *tail, gsize length);
/* Remembers the element, with the keys that it has now, for those that come after it. */
void key_hasher_add(KeyHasher *hasher, const Element *element);
