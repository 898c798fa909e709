/*
 * plugin.h - the plugins that a project declares, and where each of them is.
 *
 * No plugin is ever run: a declared kind is carried out by our implementation of it, with the defaults that lie beside the plugin (KIND.yaml beside
 * KIND.py).  What is declared and not implemented is an error that names the plugin and its origin.
 */
#pragma once

#include "node.h"

typedef struct Project Project;

typedef enum { PLUGIN_ELEMENT, PLUGIN_SOURCE, PLUGIN_SOURCE_MIRROR } PluginType;
#define PLUGIN_TYPES 3
/* "element", "source", "source-mirror". */
const char *plugin_type_name(PluginType type);

/* One item of `plugins` in project.conf. */
typedef struct PluginOrigin PluginOrigin;

/* Reads `plugins` of project.conf into project->plugins.  LOAD/INVALID_DATA, PLUGIN/duplicate-plugin. */
gboolean plugins_load(Project *project, const Node *conf, GError **error);

/* Where a plugin is, after its origin was followed to the end. */
typedef struct {
    Project *project; /* that has the plugin in its directory; NULL: an installed package */
    const char *
        defaults; /* the YAML file beside it, if there is one: below that project, or absolute; NULL: it is not known where */
    const char *display; /* "project directory: plugins", for messages; NULL: the project does not declare the plugin */
} PluginPlace;
/* Loads the projects behind junctions on the way; what was found is remembered.  PLUGIN errors junction-plugin-not-found, junction-plugin-load-error,
 * plugin-not-found, package-version-conflict, package-malformed-requirement.  A kind that is not declared, and a package that is not installed, are no
 * errors.  In the session's arena. */
const PluginPlace *plugin_locate(Project *project, PluginType type, const char *kind, GError **error);

/* The YAML file beside the plugin; NULL without error where there is none. */
Node *plugin_read_defaults(Project *project, const PluginPlace *place, GError **error);

/* Whether the declared plugin is nothing but a name for the build element: a Python file with no code of its own, and the YAML file beside it. */
gboolean plugin_is_build_element(const PluginPlace *place);
/* plugin-python.c: the same of the text of the Python file. */
gboolean python_is_build_element(const char *text);

/* The error for a kind that has no implementation, at the place that uses it. `names`: all kinds that have one. */
void plugin_not_found(const PluginPlace *place, PluginType type, const char *kind, const Provenance *where,
                      const char *const *names, GError **error);
