/* debian-index.c - `Packages` files */
#include "debian-index.h"
#include "debian-depends.h"
#include "debian-stanza.h"
#include "debian-version.h"

#include <stdlib.h>
#include <string.h>

#define PACKAGES_MAX     1000000 /* of one index */
#define PATH_MAX_BYTES   1024
#define PACKAGE_MAX      ((gint64)16 << 30) /* bytes of one .deb */
#define PACKAGES_A_BLOCK 1024

struct DebianIndex {
    GPtrArray *texts;    /* buffers that the strings point into */
    GPtrArray *blocks;   /* of PACKAGES_A_BLOCK DebianPackages */
    guint used;          /* of the last block */
    GHashTable *by_name; /* name -> DebianPackage */
    GStringChunk *suites;
    const DebianPackage **sorted;
};

DebianIndex *debian_index_new(void)
{
    DebianIndex *index = g_new0(DebianIndex, 1);
    index->texts = g_ptr_array_new_with_free_func(g_free);
    index->blocks = g_ptr_array_new_with_free_func(g_free);
    index->used = PACKAGES_A_BLOCK;
    index->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    index->suites = g_string_chunk_new(64);
    return index;
}

void debian_index_free(DebianIndex *index)
{
    if (index != NULL) {
        g_hash_table_unref(index->by_name);
        g_ptr_array_unref(index->blocks);
        g_ptr_array_unref(index->texts);
        g_string_chunk_free(index->suites);
        g_free(index->sorted);
        g_free(index);
    }
}

static gboolean bad(const DebianReader *reader, const DebianStanza *stanza, const char *package, const char *problem,
                    GError **error)
{
    error_set(error, ERROR_SOURCE, "debian-index-invalid", NULL, "%s, line %u: package '%s': %s", reader->name,
              stanza->line, package != NULL ? package : "?", problem);
    return FALSE;
}

static guint8 parse_priority(const char *text)
{
    static const char *const names[] = {"required", "important", "standard", "optional"};
    for (guint8 i = 0; text != NULL && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    return G_N_ELEMENTS(names);
}

gboolean debian_path_is_safe(const char *path)
{
    if (path == NULL || path[0] == '\0' || path[0] == '/' || strlen(path) > PATH_MAX_BYTES) {
        return FALSE;
    }
    for (const char *c = path; *c != '\0'; c++) {
        if (!g_ascii_isgraph(*c) || strchr("?#\\", *c) != NULL) {
            return FALSE;
        }
    }
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    return !g_strv_contains((const char *const *)segments, "..") && !g_strv_contains((const char *const *)segments, "");
}

static gboolean is_sha256(const char *text)
{
    SluiceDigest digest;
    return text != NULL && sluice_digest_parse_hex(text, strlen(text), 0, &digest, NULL);
}

static gboolean parse_size(const char *text, gint64 *size)
{
    guint64 value;
    gboolean ok = text != NULL && g_ascii_string_to_unsigned(text, 10, 0, (guint64)PACKAGE_MAX, &value, NULL);
    *size = ok ? (gint64)value : 0;
    return ok;
}

typedef enum {
    FIELD_PACKAGE,
    FIELD_VERSION,
    FIELD_ARCHITECTURE,
    FIELD_FILENAME,
    FIELD_SHA256,
    FIELD_SIZE,
    FIELD_ESSENTIAL,
    FIELD_PRIORITY,
    FIELD_PRE_DEPENDS,
    FIELD_DEPENDS,
    FIELD_RECOMMENDS,
    FIELD_PROVIDES,
    FIELD_CONFLICTS,
    FIELD_BREAKS,
    N_FIELDS
} FieldIndex;

/* One pass over the fields: asking for each by name would be most of the time of reading an index. */
static void pick_fields(const DebianStanza *stanza, const char *values[N_FIELDS])
{
    static const char *const names[N_FIELDS] = {"Package",    "Version",   "Architecture", "Filename",    "SHA256",
                                                "Size",       "Essential", "Priority",     "Pre-Depends", "Depends",
                                                "Recommends", "Provides",  "Conflicts",    "Breaks"};
    for (guint i = 0; i < stanza->count; i++) {
        const char *name = stanza->fields[i].name;
        for (int field = 0; field < N_FIELDS; field++) {
            if ((name[0] | 0x20) == (names[field][0] | 0x20) && g_ascii_strcasecmp(name, names[field]) == 0) {
                values[field] = values[field] != NULL ? values[field] : stanza->fields[i].value;
                break;
            }
        }
    }
}

static gboolean parse_package(const DebianReader *reader, const DebianStanza *stanza,
                              const char *const values[N_FIELDS], DebianPackage *package, GError **error)
{
    const char *name = values[FIELD_PACKAGE];
    if (name == NULL || !debian_name_is_valid(name, strlen(name))) {
        return bad(reader, stanza, name, "no valid name", error);
    }
    if (values[FIELD_VERSION] == NULL || !debian_version_is_valid(values[FIELD_VERSION])) {
        return bad(reader, stanza, name, "no valid Version", error);
    }
    if (!debian_path_is_safe(values[FIELD_FILENAME])) {
        return bad(reader, stanza, name, "no valid Filename", error);
    }
    if (!is_sha256(values[FIELD_SHA256])) {
        return bad(reader, stanza, name, "no valid SHA256", error);
    }
    if (!parse_size(values[FIELD_SIZE], &package->size)) {
        return bad(reader, stanza, name, "no valid Size", error);
    }
    package->name = name;
    package->version = values[FIELD_VERSION];
    package->architecture = values[FIELD_ARCHITECTURE];
    package->path = values[FIELD_FILENAME];
    package->sha256 = values[FIELD_SHA256];
    package->essential = values[FIELD_ESSENTIAL] != NULL && strcmp(values[FIELD_ESSENTIAL], "yes") == 0;
    package->priority = parse_priority(values[FIELD_PRIORITY]);
    package->pre_depends = values[FIELD_PRE_DEPENDS];
    package->depends = values[FIELD_DEPENDS];
    package->recommends = values[FIELD_RECOMMENDS];
    package->provides = values[FIELD_PROVIDES];
    package->conflicts = values[FIELD_CONFLICTS];
    package->breaks = values[FIELD_BREAKS];
    return TRUE;
}

static void keep(DebianIndex *index, const DebianPackage *package)
{
    const DebianPackage *known = g_hash_table_lookup(index->by_name, package->name);
    if (known != NULL && debian_version_compare(known->version, package->version) >= 0) {
        return;
    }
    if (index->used == PACKAGES_A_BLOCK) {
        g_ptr_array_add(index->blocks, g_new(DebianPackage, PACKAGES_A_BLOCK));
        index->used = 0;
    }
    DebianPackage *block = index->blocks->pdata[index->blocks->len - 1];
    block[index->used] = *package;
    g_hash_table_replace(index->by_name, (gpointer)package->name, &block[index->used]);
    index->used++;
}

gboolean debian_index_add(DebianIndex *index, char *text, gsize length, const char *architecture, const char *suite,
                          const char *name, GError **error)
{
    DebianReader reader;
    g_autofree DebianStanza *stanza = g_new(DebianStanza, 1);
    GError *problem = NULL;
    guint count = 0;
    g_ptr_array_add(index->texts, text);
    g_clear_pointer(&index->sorted, g_free);
    const char *kept_suite = g_string_chunk_insert(index->suites, suite);
    debian_reader_init(&reader, text, length, name);
    while (debian_reader_next(&reader, stanza, &problem)) {
        const char *values[N_FIELDS] = {0};
        DebianPackage package = {.suite = kept_suite};
        pick_fields(stanza, values);
        const char *for_architecture = values[FIELD_ARCHITECTURE];
        if (for_architecture == NULL) {
            return bad(&reader, stanza, values[FIELD_PACKAGE], "no Architecture", error);
        }
        if (strcmp(for_architecture, architecture) != 0 && strcmp(for_architecture, "all") != 0) {
            continue;
        }
        if (++count > PACKAGES_MAX) {
            return bad(&reader, stanza, values[FIELD_PACKAGE], "too many packages", error);
        }
        if (!parse_package(&reader, stanza, values, &package, error)) {
            return FALSE;
        }
        keep(index, &package);
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
    }
    return problem == NULL;
}

const DebianPackage *debian_index_find(const DebianIndex *index, const char *name)
{
    return g_hash_table_lookup(index->by_name, name);
}

static int compare_packages(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const DebianPackage *const *)a)->name, (*(const DebianPackage *const *)b)->name);
}

const DebianPackage *const *debian_index_list(DebianIndex *index, gsize *count)
{
    guint total = g_hash_table_size(index->by_name);
    if (index->sorted == NULL) {
        GHashTableIter iter;
        gpointer value;
        gsize i = 0;
        index->sorted = g_new(const DebianPackage *, total + 1);
        g_hash_table_iter_init(&iter, index->by_name);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            index->sorted[i++] = value;
        }
        qsort(index->sorted, total, sizeof *index->sorted, compare_packages);
    }
    *count = total;
    return index->sorted;
}
