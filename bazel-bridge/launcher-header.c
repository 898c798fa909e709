/*
 * launcher-header.c - precompiled headers that compiles read.
 *
 * What macros in one say does not show: with `#define STAMP __TIME__` in the header, what uses it has the time of its translation.  And what a
 * compiler makes of one that was made elsewhere depends on more than its bytes (clang compares times of headers with those that it holds).  So a
 * compile is kept only if those that it read were made by compiles that are kept, too: for each of them there is a note, by its digest, that says
 * what the texts said that it was made of.
 */
#include "fields.h"
#include "launcher-private.h"

#include <string.h>

enum { RESULT_STDOUT = 5, RESULT_METADATA = 9 };

static const char header_tag[] = "sluice-recc-header-1";

static void note_of(const SluiceDigest *header, SluiceDigest *out)
{
    char digest[SLUICE_DIGEST_STRING_MAX];
    g_autofree char *text = g_strconcat(header_tag, " ", sluice_digest_string(header, digest), NULL);
    sluice_digest_of((const uint8_t *)text, strlen(text), out);
}

gboolean launcher_is_header(const void *bytes, gsize length)
{
    static const char *const marks[] = {"gpch", "CPCH"};
    for (gsize i = 0; i < G_N_ELEMENTS(marks) && length > 0; i++) {
        if (length >= strlen(marks[i]) && memcmp(bytes, marks[i], strlen(marks[i])) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean launcher_is_header_name(const char *path)
{
    return g_str_has_suffix(path, ".gch") || g_str_has_suffix(path, ".pch");
}

gboolean launcher_keep_header(SluiceLauncher *launcher, const SluiceDigest *header, int traits, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d", traits);
    GByteArray *bytes = g_byte_array_new();
    SluiceDigest key;
    note_of(header, &key);
    sluice_wire_put_string(bytes, RESULT_STDOUT, text);
    sluice_wire_put_bytes(bytes, RESULT_METADATA, NULL, 0);
    g_autoptr(GBytes) result = g_byte_array_free_to_bytes(bytes);
    return launcher_keep(launcher, &key, result, error);
}

gboolean launcher_find_header(SluiceLauncher *launcher, const SluiceDigest *header, int *traits)
{
    SluiceDigest key;
    gsize length = 0;
    note_of(header, &key);
    g_autoptr(GBytes) note = launcher_read_manifest(launcher, &key, TRUE);
    *traits = 0;
    if (note == NULL)
        return FALSE;
    const char *digits = g_bytes_get_data(note, &length);
    for (gsize i = 0; digits != NULL && i < length; i++) {
        if (!g_ascii_isdigit(digits[i]) || i >= 4)
            return FALSE;
        *traits = *traits * 10 + (digits[i] - '0');
    }
    return digits != NULL && length > 0;
}
