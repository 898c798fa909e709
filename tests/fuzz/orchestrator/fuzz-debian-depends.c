/* Dependency fields: what is understood, written out and read again is the same. */
#include "debian-depends.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition) {
        abort();
    }
}

static char *text_of(GPtrArray *groups)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < groups->len; i++) {
        g_autofree char *group = debian_group_text(groups->pdata[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", group);
    }
    return g_string_free(text, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *field = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) groups = debian_depends_parse(field, "amd64", "field", &error);
    check((groups == NULL) == (error != NULL));
    if (groups == NULL) {
        return 0;
    }
    g_autofree char *text = text_of(groups);
    g_autoptr(GPtrArray) again = debian_depends_parse(text, "amd64", "field", NULL);
    check(again != NULL && again->len == groups->len);
    g_autofree char *second = text_of(again);
    check(strcmp(text, second) == 0);
    return 0;
}
