/* store.h - a store for a fuzzer, gone when the process ends; and how it says that something is wrong. */
#pragma once

#include "cas.h"

void fuzz_check(gboolean condition);
/* The same one each time; `blob` is in it. */
SluiceStore *fuzz_store(const char *blob);
