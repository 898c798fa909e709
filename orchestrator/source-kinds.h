/* source-kinds.h - one declaration for each source-KIND.c; a new kind is added here and in source-kinds.c. */
#pragma once

#include "source.h"

extern const SourceKind source_kind_debian;
extern const SourceKind source_kind_local;
extern const SourceKind source_kind_patch;
extern const SourceKind source_kind_remote;
extern const SourceKind source_kind_tar;
extern const SourceKind source_kind_zip;
