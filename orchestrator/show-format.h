/*
 * show-format.h - `%{token:format}` templates of `show`, with the format mini-language of Python's str.format for strings.
 */
#pragma once

#include "pipeline.h"

typedef struct {
    const char *format;
    guint key_length;
    States *states; /* NULL if the format needs none */
} ShowOptions;

/* A template that was looked at once for all elements; borrows what the options name. */
typedef struct ShowFormat ShowFormat;
ShowFormat *show_format_new(const ShowOptions *options);
void show_format_free(ShowFormat *format);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ShowFormat, show_format_free)

/* What the store is asked for: keys only where builds are not strict. */
typedef enum { SHOW_NEEDS_NOTHING, SHOW_NEEDS_KEYS, SHOW_NEEDS_ARTIFACTS } ShowNeeds;
ShowNeeds show_format_needs(const char *format);
/* Appends the line of one element, with a newline; styles of a terminal are in it.  A bad format specification is APP. */
gboolean show_format_element(const ShowFormat *format, Element *element, GString *out, GError **error);
/* After the last element: cuts line breaks from the end but for one, and takes the styles out unless they are wanted. */
void show_format_finish(GString *out, gboolean colors);
/* Applies "[[fill]align][width][.precision][s]" to text; NULL with error for anything else.  Free with g_free. */
char *format_string(const char *text, const char *specification, GError **error);
