/* Between index.c and open.c: the environment by itself. */
#pragma once

#include "cas-private.h"

/* FALSE: *code is LMDB's or the system's. */
gboolean cas_environment_open(CasIndex *index, int *code);
void cas_environment_close(CasIndex *index);
