/* source-checkout.h - the sources of elements as one tree: each in a folder of its name, with scripts that build them if wanted. */
#pragma once

#include "element.h"
#include "source.h"

/* The folder of an element: its name with "-" for "/", below those of the junctions on the way to it.  Free with g_free. */
char *source_checkout_folder(const Element *element);
/* Sources must be fetched.  With `scripts`, build-NAME builds one element and build.sh all, in their order, from ./source. */
gboolean source_checkout_stage(Element *const *elements, gsize count, gboolean scripts, const SourceContext *context,
                               SluiceDigest *root, GError **error);
