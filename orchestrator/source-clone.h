/* source-clone.h - what all copies of foreign repositories below the store have in common: their places, their locks, and trying one URL after the other. */
#pragma once

#include "source.h"

/* STORE/sources/KIND/NAME, readable and different for each URL.  Free with g_free. */
char *source_clone_path(SluiceStore *store, const char *kind, const char *url);
/* Waits until no other process has the lock of this file, which is made; close the descriptor to give it back.  -1 with error. */
int source_clone_lock(const char *path, GCancellable *cancellable, GError **error);
typedef gboolean (*SourceUrlFunc)(const char *url, gpointer data, GError **error);
/* Calls `func` with each translation of `url` in turn until it succeeds, all of them again for each retry; the last error. */
gboolean source_try_urls(const Source *source, const SourceContext *context, const char *url, SourceUrlUse use,
                         SourceUrlFunc func, gpointer data, GError **error);
