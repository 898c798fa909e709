/*
 * debian-verify.c - gpgv, and what it says.
 *
 * Archives are signed by several keys, old and new ones, so a key that is missing is no failure as long as another one is there.  Only what gpgv itself has
 * written as the verified text is used, never the file that was given to it.
 */
#include "debian-verify.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define ARMOUR_BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----"

typedef struct {
    guint good, bad, expired, revoked;
    GString *missing; /* key IDs */
    gboolean no_data;
} Verdict;

static const char *second_word(const char *line, gsize *length)
{
    const char *space = strchr(line, ' ');
    const char *word = space != NULL ? space + 1 : "";
    *length = MIN(strcspn(word, " "), 64);
    return word;
}

static void read_status(Verdict *verdict, const char *output)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (!g_str_has_prefix(*line, "[GNUPG:] ")) {
            continue;
        }
        const char *word = *line + strlen("[GNUPG:] ");
        verdict->good += g_str_has_prefix(word, "GOODSIG ");
        verdict->bad += g_str_has_prefix(word, "BADSIG ");
        verdict->expired += g_str_has_prefix(word, "EXPKEYSIG ") || g_str_has_prefix(word, "EXPSIG ");
        verdict->revoked += g_str_has_prefix(word, "REVKEYSIG ");
        verdict->no_data = verdict->no_data || g_str_has_prefix(word, "NODATA ");
        if (g_str_has_prefix(word, "NO_PUBKEY ")) {
            gsize length;
            const char *key = second_word(word, &length);
            g_string_append_printf(verdict->missing, "%s%.*s", verdict->missing->len > 0 ? ", " : "", (int)length, key);
        }
    }
}

static gboolean judge(const Verdict *verdict, const char *keyring, const char *name, GError **error)
{
    if (verdict->bad == 0 && verdict->good > 0) {
        return TRUE;
    }
    const char *why = verdict->bad > 0       ? "its signature is bad: the text was changed after it was signed"
                      : verdict->revoked > 0 ? "the key that signed it was revoked"
                      : verdict->expired > 0 ? "the key that signed it has expired"
                                             : "it has no OpenPGP signature";
    if (verdict->bad == 0 && verdict->revoked == 0 && verdict->expired == 0 && verdict->missing->len > 0) {
        error_set(error, ERROR_SOURCE, "debian-signature", NULL,
                  "%s cannot be trusted: it is signed by %s, and no such key is in the keyring %s", name,
                  verdict->missing->str, keyring);
    } else {
        error_set(error, ERROR_SOURCE, "debian-signature", NULL, "%s cannot be trusted: %s (keyring %s)", name, why,
                  keyring);
    }
    return FALSE;
}

/* gpgv reads only binary keyrings: an armoured one is decoded into `work`.  Free with g_free. */
static char *binary_keyring(const char *keyring, const char *work, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;
    if (!g_file_get_contents(keyring, &text, &length, NULL)) {
        error_set(error, ERROR_SOURCE, "debian-signature", NULL, "The keyring %s cannot be read", keyring);
        return NULL;
    }
    const char *begin = strstr(text, ARMOUR_BEGIN);
    if (begin == NULL) {
        return g_canonicalize_filename(keyring, NULL);
    }
    /* Headers end with an empty line; the checksum line begins with "=". */
    const char *body = strstr(begin, "\n\n");
    body = body != NULL ? body : strchr(begin, '\n');
    const char *end = body != NULL ? strstr(body, "-----END") : NULL;
    if (end == NULL) {
        error_set(error, ERROR_SOURCE, "debian-signature", NULL, "The keyring %s is damaged", keyring);
        return NULL;
    }
    g_autofree char *base64 = g_strndup(body, (gsize)(end - body));
    char *checksum = strstr(base64, "\n=");
    if (checksum != NULL) {
        *checksum = '\0';
    }
    gsize size;
    g_autofree guchar *binary = g_base64_decode(base64, &size);
    g_autofree char *path = g_build_filename(work, "keyring.gpg", NULL);
    return g_file_set_contents(path, (const char *)binary, (gssize)size, error) ? g_steal_pointer(&path) : NULL;
}

static gboolean run_gpgv(const char *keyring, const char *work, const char *in, const char *out, char **status_text,
                         char **error_text, GError **error)
{
    g_autofree char *program = g_find_program_in_path("gpgv");
    int status;
    if (program == NULL) {
        error_set(error, ERROR_PROG_NOT_FOUND, NULL, NULL,
                  "Did not find 'gpgv' in PATH; it checks the signatures of package indices (Debian package gpgv)");
        return FALSE;
    }
    const char *argv[] = {program, "--homedir", work,    "--status-fd", "1", "--weak-digest",
                          "SHA1",  "--keyring", keyring, "--output",    out, in,
                          NULL};
    return g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, status_text, error_text, &status,
                        error);
}

GBytes *debian_verify(const char *keyring, GBytes *signed_text, const char *name, const char *work, GError **error)
{
    gsize length;
    const char *data = g_bytes_get_data(signed_text, &length);
    g_autofree char *in = g_build_filename(work, "InRelease", NULL);
    g_autofree char *out = g_build_filename(work, "Release", NULL);
    g_autofree char *binary = binary_keyring(keyring, work, error);
    g_autofree char *status_text = NULL, *error_text = NULL, *verified = NULL;
    (void)g_unlink(out);
    if (binary == NULL || !g_file_set_contents(in, data, (gssize)length, error) ||
        !run_gpgv(binary, work, in, out, &status_text, &error_text, error)) {
        return NULL;
    }
    Verdict verdict = {.missing = g_string_new(NULL)};
    read_status(&verdict, status_text);
    gboolean ok = judge(&verdict, keyring, name, error);
    g_string_free(verdict.missing, TRUE);
    if (!ok) {
        g_autofree char *valid = g_utf8_make_valid(error_text, -1);
        error_set_detail(error != NULL ? *error : NULL, g_strchomp(valid));
        return NULL;
    }
    if (!g_file_get_contents(out, &verified, &length, error)) {
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&verified), length);
}
