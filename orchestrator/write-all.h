/*
 * write-all.h - bytes to a descriptor, whatever pieces it takes them in.
 */
#pragma once

#include <glib.h>

/* Blocks until all is written; FALSE with errno set once the descriptor takes no more (what came before stays written). */
gboolean write_all(int fd, const void *data, gsize length);
