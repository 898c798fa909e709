/* source-kinds.h - one declaration for each source-KIND.c; a new kind is added here and in source-kinds.c. */
#pragma once

#include "source.h"

extern const SourceKind source_kind_cargo2;
extern const SourceKind source_kind_cargo;
extern const SourceKind source_kind_cpan;
extern const SourceKind source_kind_debian;
extern const SourceKind source_kind_docker;
extern const SourceKind source_kind_gen_cargo_lock;
extern const SourceKind source_kind_git;
extern const SourceKind source_kind_git_module;
extern const SourceKind source_kind_git_repo;
extern const SourceKind source_kind_go_module;
extern const SourceKind source_kind_local;
extern const SourceKind source_kind_ostree;
extern const SourceKind source_kind_patch;
extern const SourceKind source_kind_patch_queue;
extern const SourceKind source_kind_pip;
extern const SourceKind source_kind_pypi;
extern const SourceKind source_kind_remote;
extern const SourceKind source_kind_tar;
extern const SourceKind source_kind_workspace; /* not in the table: nobody can ask for it */
extern const SourceKind source_kind_zip;
