/*
 * late.h - libraries that few commands need: loaded when they are first used.
 *
 * libcurl, libarchive and libmicrohttpd bring thirty others with them, and to bind the symbols of all these took half of the time in which a command starts (7 of 15 ms).
 * So the program is not linked to them; it calls them through tables of functions: libcurl->easy_init().  The types are those of the libraries' own headers, so
 * the compiler checks calls; but curl's macros, which check the types of options' values, do not see them.  late-curl.h, late-archive.h and late-microhttpd.h list
 * what is used.
 *
 * The functions here say that a library is not there; to call one that is not there ends the program with a message.
 */
#pragma once

#include "error.h"

/* Loads what jobs use, so that a process which starts many does it once for all of them. */
gboolean late_load_for_jobs(GError **error);
/* For /metrics. */
gboolean late_load_microhttpd(GError **error);
