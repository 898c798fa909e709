/* capture.h - files of an upper layer on their way into the store. */
#pragma once

#include "upper.h"

/* Stores every FILE of `upper->changes` and sets its digest; several at a time. */
gboolean sandbox_store_files(SandboxUpper *upper, SluiceStore *store, GError **error);
