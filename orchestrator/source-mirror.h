/* source-mirror.h - the kinds of mirrors that a project may declare: where they say that what an alias names is also found. */
#pragma once

#include "node.h"

/* The keys of one entry of `mirrors`, and what its kind wants. */
gboolean source_mirror_check(const Node *mirror, GError **error);
/* Appends the URLs that the mirror has for `alias` + ":" + `rest`; `alias_url` is what the project's `aliases` say.  A mirror whose kind is not implemented has none.  Strings to be freed by
 * the array. */
void source_mirror_add_urls(const Node *mirror, const char *alias, const char *alias_url, const char *rest,
                            GPtrArray *urls);
/* Whether what a mirror said is asked for with a token, the password of ~/.netrc, in the place of a name and a password. */
gboolean source_mirror_wants_token(const char *url);
