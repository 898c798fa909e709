/*
 * manifest.h - bills of materials in the forms of the collect_manifest plugin: modules with their sources (as flatpak-builder has them), and SPDX packages.
 * All nodes are made in the arena.
 */
#pragma once

#include "build.h"

/* What is told of one dependency, a module with its sources and what SourceInfo says, appended to the lists.  `public_` is its public data; a
 * dependency that is a manifest itself hands on what it has collected.  `provenance`: infos are wanted; without, an empty text stands for them. */
gboolean manifest_add(Build *build, Element *dependency, const Node *public_, gboolean provenance, Node *modules,
                      Node *infos, GError **error);
/* The name of the package that a source (a mapping as element_collect_source_info makes it) contains; *out stays NULL if it has none. */
gboolean manifest_package_name(Build *build, const Node *info, const char **out, GError **error);
/* The packages of all modules, sorted, with their relationships and what the header says. */
typedef struct {
    const Node *creators; /* this and the following or NULL */
    const char *license, *namespace, *name;
    gint64 created; /* UNIX time; 0: not said */
} SpdxHeader;
Json *manifest_spdx(Build *build, const Node *modules, const Node *infos, gboolean provenance, const SpdxHeader *header,
                    GError **error);
