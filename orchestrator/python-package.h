/*
 * python-package.h - installed Python packages, found by their files: no Python is run.
 *
 * Searched, in this order: $PYTHONPATH; the site directories of $VIRTUAL_ENV, of the environments of all programs `bst` in $PATH, of the user, of
 * /usr/local and of /usr.  That is where the Python that runs BuildStream would look; an interpreter in another place is not known.
 */
#pragma once

#include "arena.h"

typedef struct {
    const char *name, *version; /* as the package says */
    const char *site, *info;    /* the site directory, and the one with the package's metadata in it */
} PythonPackage;

/* Splits "NAME[extras] SPECIFIERS; marker" (PEP 508).  FALSE: malformed. */
gboolean python_requirement_parse(Arena *arena, const char *text, const char **name, const char **specifiers);
/* NULL if it is not installed. */
const PythonPackage *python_package_find(Arena *arena, const char *name);
/* The module behind an entry point, with dots; NULL if the package has none of that name. */
const char *python_package_entry(const PythonPackage *package, Arena *arena, const char *group, const char *name);
/* The file of a module of the package, without its extension; NULL if it is not below the site directory. */
const char *python_package_module(const PythonPackage *package, Arena *arena, const char *module);
