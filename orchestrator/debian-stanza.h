/*
 * debian-stanza.h - Debian's control format: stanzas of `Field: value` lines, continuation lines begin with a blank, stanzas are separated by empty lines.
 *
 * The reader works in place on a buffer that the caller owns: values are pointers into it, terminated there.
 */
#pragma once

#include "error.h"

#define DEBIAN_STANZA_FIELDS_MAX 128

typedef struct {
    const char *name, *value; /* value: continuation lines joined by "\n", blanks at both ends taken off */
} DebianField;

typedef struct {
    DebianField fields[DEBIAN_STANZA_FIELDS_MAX];
    guint count;
    guint line; /* of the first field, from 1 */
} DebianStanza;

typedef struct {
    char *position, *end; /* *end is writable and NUL */
    const char *name;     /* of the file, for messages */
    guint line;
} DebianReader;

/* `text` has `length` bytes and a NUL after them; it is written to. */
void debian_reader_init(DebianReader *reader, char *text, gsize length, const char *name);
/* TRUE: `stanza` is filled.  FALSE without error: the end. */
gboolean debian_reader_next(DebianReader *reader, DebianStanza *stanza, GError **error);
/* NULL if the stanza has no such field; names are compared without regard to case. */
const char *debian_stanza_get(const DebianStanza *stanza, const char *name);
