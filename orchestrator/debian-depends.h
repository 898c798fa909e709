/* debian-depends.h - dependency fields of packages: `a (>= 1) | b [amd64], c:any`. */
#pragma once

#include "debian-version.h"
#include "error.h"

typedef struct {
    const char *name;
    const char *qualifier; /* "any", "native", an architecture, or NULL */
    DebianRelation relation;
    const char *version; /* or NULL */
} DebianAlternative;

/* One of them is enough.  Allocated in one block: free with g_free. */
typedef struct {
    guint count;
    DebianAlternative alternatives[];
} DebianGroup;

#define DEBIAN_GROUPS_MAX       4096
#define DEBIAN_ALTERNATIVES_MAX 256

/* All groups of a field, for `architecture` (groups that are for others are left out); a GPtrArray of DebianGroup *.  NULL `text`: none.  The groups own
 * their strings.  `what` names the package and field in messages. */
GPtrArray *debian_depends_parse(const char *text, const char *architecture, const char *what, GError **error);
/* Name of a package or architecture: [a-z0-9][a-z0-9+.-]*, at most 255 bytes (capitals are tolerated). */
gboolean debian_name_is_valid(const char *name, gsize length);
/* "a (>= 1) | b"; free with g_free. */
char *debian_group_text(const DebianGroup *group);
