/* Versions, three on three lines: their order is an order. */
#include "debian-version.h"

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

static int sign(const char *a, const char *b)
{
    int difference = debian_version_compare(a, b);
    return (difference > 0) - (difference < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    if (g_strv_length(lines) < 3) {
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        (void)debian_version_is_valid(lines[i]);
        check(sign(lines[i], lines[i]) == 0);
        for (int j = 0; j < 3; j++) {
            check(sign(lines[i], lines[j]) == -sign(lines[j], lines[i]));
            for (int k = 0; k < 3; k++) {
                check(sign(lines[i], lines[j]) > 0 || sign(lines[j], lines[k]) > 0 || sign(lines[i], lines[k]) <= 0);
            }
        }
    }
    return 0;
}
