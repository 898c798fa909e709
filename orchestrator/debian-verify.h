/* debian-verify.h - signatures of package indices. */
#pragma once

#include "error.h"

#define DEBIAN_KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

/* What is signed in a clear-signed file, if gpgv finds a good signature by a key of `keyring`, and no bad one.  `name` is the file's, for messages; `work` a private folder
 * for temporary files.  SOURCE/debian-signature otherwise; PROG_NOT_FOUND without gpgv. */
GBytes *debian_verify(const char *keyring, GBytes *signed_text, const char *name, const char *work, GError **error);
