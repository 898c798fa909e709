/* debian-version.h - version numbers of Debian packages, [EPOCH:]UPSTREAM[-REVISION]. */
#pragma once

#include <glib.h>

/* Less than, equal to or greater than 0.  Any text has a place in the order. */
int debian_version_compare(const char *a, const char *b);
/* Epoch a number, upstream part begins with a digit, only letters that are allowed. */
gboolean debian_version_is_valid(const char *version);

typedef enum {
    DEBIAN_ANY, /* no version asked for */
    DEBIAN_EARLIER,
    DEBIAN_EARLIER_EQUAL,
    DEBIAN_EQUAL,
    DEBIAN_LATER_EQUAL,
    DEBIAN_LATER
} DebianRelation;
gboolean debian_relation_holds(const char *version, DebianRelation relation, const char *wanted);
const char *debian_relation_text(DebianRelation relation);
