/*
 * debian-apt.h - which archives and proxies the system's apt is configured for.
 *
 * Read: ROOT/etc/apt/sources.list, ROOT/etc/apt/sources.list.d/ *.list and *.sources.  $SLUICE_DEBIAN_MIRROR, a list of URLs separated by blanks, takes the place of all of it.
 */
#pragma once

#include "error.h"

/* The URLs of Debian archives (with dists/ and pool/ below them), without a slash at the end; those for security updates behind the others.  `root` NULL: "/".
 * SOURCE/debian-no-mirror if there are none.  NULL-terminated; free with g_strfreev. */
char **apt_debian_mirrors(const char *root, GError **error);
/* The archive holds security updates. */
gboolean apt_is_security(const char *url);
/* The proxy that apt would use for this URL, as libcurl understands it; NULL: none.  Free with g_free. */
char *apt_proxy_for(const char *url);
