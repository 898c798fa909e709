/* source-pypi.c - `kind: pypi`: the source archive of a Python package, found by the simple API of an index. */
#include "element.h"
#include "source-kinds.h"
#include "source-package.h"

#define STORAGE_ROOT "https://files.pythonhosted.org/packages/"

typedef struct {
    Package package;
    gboolean prereleases;
    const char *const *include, *const *exclude; /* globs over versions */
} Pypi;

static gboolean pypi_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {
        "url", "name", "ref", "prereleases", "include", "exclude", "version", "version-guess-pattern", NULL};
    static const char *const none[] = {NULL};
    Arena *arena = source_arena(source);
    Pypi *pypi = arena_new_of(arena, Pypi);
    pypi->include = pypi->exclude = none;
    return package_configure(source, &pypi->package, config, keys, "url", STORAGE_ROOT, error) &&
           node_get_bool(config, "prereleases", &pypi->prereleases, error) &&
           node_get_strings(config, "include", arena, &pypi->include, error) &&
           node_get_strings(config, "exclude", arena, &pypi->exclude, error);
}

const SourceKind source_kind_pypi = {
    .name = "pypi",
    .has_ref = TRUE,
    .configure = pypi_configure,
    .load_ref = package_load_ref,
    .unique_key = package_unique_key,
};
