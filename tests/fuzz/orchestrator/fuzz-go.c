/*
 * What the world of Go answers: versions, go.sum, the page that says where a module's repository is.
 */
#include "go-module.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *module = g_strndup(text, strcspn(text, " \n"));
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_auto(GoVersion) version = {NULL, NULL};
    go_version_parse(valid, &version);
    if ((version.clean == NULL) != (version.major == NULL)) {
        abort();
    }
    g_autofree char *commit = go_pseudo_version_commit(valid);
    g_autofree char *found = go_sum_find(text, module);
    g_autofree char *prefix = go_import_prefix(text);
    if ((commit != NULL && strchr(commit, '/') != NULL) || (found != NULL && strchr(found, '\n') != NULL)) {
        abort();
    }
    return 0;
}
