/* netrc.h - the user's passwords for servers, in ~/.netrc.  (libcurl reads the file by itself for the usual kinds of authorisation.) */
#pragma once

#include <glib.h>

/* The password in such a file's text: that of the host, or of `default`; NULL if there is none.  Free with g_free. */
char *netrc_find_password(const char *text, const char *host);
/* From the user's file for the host of a URL; NULL if there is no file, or it has none. */
char *netrc_password(const char *url);
