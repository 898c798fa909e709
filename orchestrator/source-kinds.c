/* source-kinds.c - the table of source kinds. */
#include "source-kinds.h"

#include <string.h>

const SourceKind *const source_kinds[] = {
    &source_kind_cargo,    &source_kind_cargo2,
    &source_kind_cpan,     &source_kind_debian,
    &source_kind_docker,   &source_kind_gen_cargo_lock,
    &source_kind_git,      &source_kind_git_module,
    &source_kind_git_repo, &source_kind_go_module,
    &source_kind_local,    &source_kind_ostree,
    &source_kind_patch,    &source_kind_patch_queue,
    &source_kind_pip,      &source_kind_pypi,
    &source_kind_remote,   &source_kind_tar,
    &source_kind_zip,      NULL,
};

const SourceKind *source_kind_find(const char *name)
{
    for (const SourceKind *const *kind = source_kinds; *kind != NULL; kind++) {
        if (strcmp((*kind)->name, name) == 0) {
            return *kind;
        }
    }
    return NULL;
}
