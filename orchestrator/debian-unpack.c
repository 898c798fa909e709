/*
 * debian-unpack.c - one binary package as a tree in the store.
 *
 * A .deb is an ar archive of debian-binary, control.tar.* and data.tar.*; the last is unpacked straight from the store's blob into the store.
 * The ref "deb" SHA256/LAYOUT keeps the result: its value is the root's digest, a newline, and the package's Replaces field.
 */
#include "archive-contents.h"
#include "debian-private.h"
#include "debian-stanza.h"

#include <stdlib.h>
#include <string.h>

#define DEB_SPACE         "deb"
#define AR_MAGIC          "!<arch>\n"
#define AR_MAGIC_SIZE     8
#define AR_HEADER_SIZE    60
#define AR_NAME_SIZE      16
#define AR_SIZE_AT        48
#define AR_SIZE_SIZE      10
#define AR_MEMBERS_MAX    16
#define CONTROL_MAX_BYTES ((gsize)1 << 20)
#define REPLACES_MAX      ((gsize)32 << 10)

typedef struct {
    const char *data;
    gsize length;
} Part;

void debian_pin_digest(const DebianPin *pin, SluiceDigest *out)
{
    (void)sluice_digest_parse_hex(pin->sha256, strlen(pin->sha256), pin->size, out, NULL);
}

void deb_tree_clear(DebTree *tree)
{
    g_clear_pointer(&tree->replaces, g_free);
}

static char *ref_name(const DebianPin *pin)
{
    return g_strdup_printf("%s/%d", pin->sha256, DEBIAN_LAYOUT);
}

gboolean deb_tree_find(SluiceStore *store, const DebianPin *pin, DebTree *tree)
{
    g_autofree char *name = ref_name(pin);
    g_autoptr(GBytes) value = sluice_store_get_ref(store, DEB_SPACE, name, NULL);
    SluiceDigest root;
    if (value == NULL) {
        return FALSE;
    }
    g_autofree char *text = g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
    char *newline = strchr(text, '\n');
    if (newline == NULL) {
        return FALSE;
    }
    *newline = '\0';
    if (!sluice_digest_parse(text, &root, NULL) || !sluice_store_has(store, &root)) {
        return FALSE;
    }
    if (tree != NULL) {
        tree->root = root;
        tree->replaces = g_strdup(newline + 1);
    }
    return TRUE;
}

static gboolean keep(SluiceStore *store, const DebianPin *pin, const DebTree *tree, GError **error)
{
    char digest[SLUICE_DIGEST_STRING_MAX];
    g_autofree char *name = ref_name(pin);
    g_autofree char *text = g_strdup_printf("%s\n%s", sluice_digest_string(&tree->root, digest), tree->replaces);
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    const SluiceRef ref = {.value = value, .trees = &tree->root, .n_trees = 1};
    return sluice_store_set_ref(store, DEB_SPACE, name, &ref, error);
}

static gboolean bad(const DebianPin *pin, const char *problem, GError **error)
{
    error_set(error, ERROR_SOURCE, "debian-package-invalid", NULL, "Package %s %s: %s", pin->name, pin->version,
              problem);
    return FALSE;
}

/* The data of the first member whose name begins with `prefix`. */
static gboolean find_part(const DebianPin *pin, const char *data, gsize length, const char *prefix, Part *part,
                          GError **error)
{
    gsize at = AR_MAGIC_SIZE;
    if (length < AR_MAGIC_SIZE || memcmp(data, AR_MAGIC, AR_MAGIC_SIZE) != 0) {
        return bad(pin, "not a Debian package (no ar archive)", error);
    }
    for (int i = 0; i < AR_MEMBERS_MAX && at < length; i++) {
        if (length - at < AR_HEADER_SIZE || memcmp(data + at + AR_HEADER_SIZE - 2, "`\n", 2) != 0) {
            return bad(pin, "the archive is damaged or truncated", error);
        }
        g_autofree char *size_text = g_strndup(data + at + AR_SIZE_AT, AR_SIZE_SIZE);
        guint64 size;
        g_strchomp(size_text);
        if (!g_ascii_string_to_unsigned(size_text, 10, 0, G_MAXINT64, &size, NULL) ||
            size > length - at - AR_HEADER_SIZE) {
            return bad(pin, "a member of the archive is longer than the archive", error);
        }
        if (strncmp(data + at, prefix, MIN(strlen(prefix), AR_NAME_SIZE)) == 0) {
            *part = (Part){data + at + AR_HEADER_SIZE, (gsize)size};
            return TRUE;
        }
        at += AR_HEADER_SIZE + (gsize)size + (gsize)(size % 2);
    }
    g_autofree char *problem = g_strdup_printf("not a Debian package (no %s in it)", prefix);
    return bad(pin, problem, error);
}

static char *read_replaces(const Part *control, const char *name, GError **error)
{
    DebianReader reader;
    g_autofree DebianStanza *stanza = g_new(DebianStanza, 1);
    g_autofree char *text =
        archive_read_text(control->data, control->length, "control", CONTROL_MAX_BYTES, name, error);
    GError *problem = NULL;
    if (text == NULL) {
        return NULL;
    }
    debian_reader_init(&reader, text, strlen(text), name);
    if (!debian_reader_next(&reader, stanza, &problem) && problem != NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    const char *replaces = debian_stanza_get(stanza, "Replaces");
    return g_strdup(replaces != NULL && strlen(replaces) < REPLACES_MAX ? replaces : "");
}

static gboolean unpack(SluiceStore *store, const DebianPin *pin, const char *data, gsize length, DebTree *tree,
                       GError **error)
{
    g_autofree char *name = g_strdup_printf("Package %s %s", pin->name, pin->version);
    Part version, control, files;
    if (!find_part(pin, data, length, "debian-binary", &version, error) ||
        !find_part(pin, data, length, "control.tar", &control, error) ||
        !find_part(pin, data, length, "data.tar", &files, error)) {
        return FALSE;
    }
    if (version.length < 2 || memcmp(version.data, "2.", 2) != 0) {
        return bad(pin, "a format other than 2", error);
    }
    g_autofree char *replaces = read_replaces(&control, name, error);
    g_autoptr(ArchiveContents) contents =
        replaces != NULL ? archive_read(store, files.data, files.length, ARCHIVE_TAR, name, error) : NULL;
    if (contents == NULL) {
        return FALSE;
    }
    g_autoptr(SluiceTree) made = sluice_tree_new(store);
    if (!archive_add_to_tree(contents, "", made, "/", error) || !sluice_tree_commit(made, &tree->root, error)) {
        return FALSE;
    }
    tree->replaces = g_steal_pointer(&replaces);
    return TRUE;
}

gboolean deb_tree_make(SluiceStore *store, const DebianPin *pin, DebTree *tree, GError **error)
{
    SluiceDigest digest;
    gsize length;
    debian_pin_digest(pin, &digest);
    g_autoptr(GBytes) bytes = sluice_store_read(store, &digest, error);
    if (bytes == NULL) {
        g_prefix_error(error, "Package %s %s: ", pin->name, pin->version);
        return FALSE;
    }
    const char *data = g_bytes_get_data(bytes, &length);
    return unpack(store, pin, data, length, tree, error) && keep(store, pin, tree, error);
}
