/* go-module.h - what the files of `kind: go_module` share. */
#pragma once

#include "source-git.h"

typedef struct {
    const char *url, *module;
    /* The ref: */
    const char *go_version, *git_ref;
    const char *subdirectory; /* of the repository, or NULL */
    gboolean is_explicit;     /* go.mod names it */
    GitRef git;               /* git_ref in parts */
} GoModule;

/* "v1.2.3", "v1.2.3-pre", "v1.2.3+meta". */
typedef struct {
    char *clean; /* without what is behind a "+"; NULL: no such version */
    char *major; /* "v1" */
} GoVersion;
void go_version_parse(const char *text, GoVersion *out);
void go_version_clear(GoVersion *version);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GoVersion, go_version_clear)
/* The start of the commit's name in a pseudo-version "v0.0.0-20191109021931-daa7c04131f5"; NULL for others.  Free with g_free. */
char *go_pseudo_version_commit(const char *text);
/* The version that go.sum has of a module; NULL: none.  Free with g_free. */
char *go_sum_find(const char *text, const char *module);
/* What a page says by <meta name="go-import"> is the module at the top of the repository; NULL: nothing.  Free with g_free. */
char *go_import_prefix(const char *html);

Node *go_module_track(Source *source, const SourceContext *context, GError **error);
gboolean go_module_is_cached(Source *source, SluiceStore *store);
gboolean go_module_fetch(Source *source, const SourceContext *context, GError **error);
gboolean go_module_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                         GError **error);
