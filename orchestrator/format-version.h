/* format-version.h - the version of the project format that this program understands: BuildStream's. */
#pragma once

#include <glib.h>

#define FORMAT_MAJOR 2
#define FORMAT_MINOR 8

/* "MAJOR.MINOR"; FALSE if it is not of that form. */
gboolean format_version_parse(const char *text, gint64 *major, gint64 *minor);
