/* archive-contents.c - reading: from libarchive's stream into the store and a list of members. */
#include "archive-private.h"
#include "late-archive.h"

#include <string.h>

#define BUFFER_SIZE   (256 * 1024)
#define BATCH_BYTES   (8 * 1024 * 1024) /* small files wait in memory until there are so many bytes of them … */
#define BATCH_ENTRIES 2048              /* … or so many files */
#define SMALL_FILE    (1024 * 1024)

typedef struct {
    SluiceStore *store;
    struct archive *archive;
    ArchiveContents *contents;
    gsize packed;    /* bytes of the archive */
    gint64 unpacked; /* bytes so far */
    gboolean zip;
    GPtrArray *batch;     /* of GBytes: contents not yet stored */
    GArray *batch_member; /* of guint: whose contents */
    gsize batch_bytes;
    char *buffer;
} Reader;

/* ---- Errors --------------------------------------------------------------------------------------------------------------------- */

static gboolean damaged(Reader *reader, const char *member, GError **error)
{
    const char *text = libarchive->error_string(reader->archive);
    gint64 offset = libarchive->filter_bytes(reader->archive, -1);
    g_autofree char *inside = member != NULL ? g_strdup_printf(", in '%s'", member) : g_strdup("");
    error_set(error, ERROR_SOURCE, "archive-damaged", NULL,
              "%s: Error staging source: the archive is damaged or truncated (at byte %" G_GINT64_FORMAT
              " of %" G_GSIZE_FORMAT "%s): %s",
              reader->contents->name, MAX(offset, 0), reader->packed, inside, text != NULL ? text : "unknown format");
    return FALSE;
}

static gboolean too_much(Reader *reader, const char *what, gint64 limit, GError **error)
{
    error_set(error, ERROR_SOURCE, "archive-too-large", NULL,
              "%s: Error staging source: more than %" G_GINT64_FORMAT " %s; refused", reader->contents->name, limit,
              what);
    return FALSE;
}

gboolean archive_outside(const char *archive, const char *member, const char *verb, const char *path, GError **error)
{
    error_set(error, ERROR_SOURCE, "archive-outside", NULL,
              "%s: Error staging source: '%s' would %s '%s', which is outside the destination", archive, member, verb,
              path);
    return FALSE;
}

/* ---- Contents ------------------------------------------------------------------------------------------------------------------- */

static gboolean count_bytes(Reader *reader, gsize length, GError **error)
{
    reader->unpacked += (gint64)length;
    if (reader->unpacked > ARCHIVE_MAX_BYTES) {
        return too_much(reader, "bytes", ARCHIVE_MAX_BYTES, error);
    }
    if (reader->unpacked > ARCHIVE_RATIO_MATTERS && reader->unpacked / ARCHIVE_MAX_RATIO > (gint64)reader->packed) {
        return too_much(reader, "times its own size", ARCHIVE_MAX_RATIO, error);
    }
    return TRUE;
}

static ArchiveMember *member_at(ArchiveContents *contents, guint index)
{
    return &g_array_index(contents->members, ArchiveMember, index);
}

static gboolean flush_batch(Reader *reader, GError **error)
{
    guint count = reader->batch->len;
    g_autofree SluiceDigest *digests = g_new0(SluiceDigest, count + 1);
    if (count == 0) {
        return TRUE;
    }
    if (!sluice_store_put_many(reader->store, (GBytes *const *)reader->batch->pdata, count, digests, error)) {
        g_prefix_error(error, "%s: ", reader->contents->name);
        return FALSE;
    }
    for (guint i = 0; i < count; i++) {
        member_at(reader->contents, g_array_index(reader->batch_member, guint, i))->digest = digests[i];
    }
    g_ptr_array_set_size(reader->batch, 0);
    g_array_set_size(reader->batch_member, 0);
    reader->batch_bytes = 0;
    return TRUE;
}

/* Reads up to `size` bytes; less only at the end of the member. */
static gssize read_full(Reader *reader, const char *member, char *buffer, gsize size, GError **error)
{
    gsize have = 0;
    while (have < size) {
        la_ssize_t length = libarchive->read_data(reader->archive, buffer + have, MIN(size - have, BUFFER_SIZE));
        if (length < 0) {
            damaged(reader, member, error);
            return -1;
        }
        if (length == 0) {
            break;
        }
        have += (gsize)length;
        if (!count_bytes(reader, (gsize)length, error)) {
            return -1;
        }
    }
    return (gssize)have;
}

static gboolean store_large(Reader *reader, const char *path, const char *start, gsize length, SluiceDigest *digest,
                            GError **error)
{
    g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(reader->store, NULL, error);
    gssize more = (gssize)length;
    if (writer == NULL) {
        return FALSE;
    }
    for (const char *data = start; more > 0; data = reader->buffer) {
        if (!sluice_blob_writer_append(writer, data, (gsize)more, error)) {
            return FALSE;
        }
        more = read_full(reader, path, reader->buffer, BUFFER_SIZE, error);
    }
    return more == 0 && sluice_blob_writer_commit(writer, digest, error);
}

static gboolean store_content(Reader *reader, ArchiveMember *member, guint index, GError **error)
{
    g_autofree char *data = g_malloc(BUFFER_SIZE);
    gsize capacity = BUFFER_SIZE, have = 0;
    for (;;) {
        gssize length = read_full(reader, member->path, data + have, capacity - have, error);
        if (length < 0) {
            return FALSE;
        }
        have += (gsize)length;
        if (have < capacity) {
            break;
        }
        if (have >= SMALL_FILE) {
            return store_large(reader, member->path, data, have, &member->digest, error);
        }
        capacity *= 2;
        data = g_realloc(data, capacity);
    }
    g_ptr_array_add(reader->batch, g_bytes_new(data, have));
    g_array_append_val(reader->batch_member, index);
    reader->batch_bytes += have;
    return (reader->batch_bytes < BATCH_BYTES && reader->batch->len < BATCH_ENTRIES) || flush_batch(reader, error);
}

/* ---- Names ---------------------------------------------------------------------------------------------------------------------- */

/* Resolves "." and ".." by name alone, drops leading slashes; NULL if it leaves the top. */
char *archive_normalise(const char *path)
{
    GString *out = g_string_sized_new(strlen(path));
    for (const char *rest = path; *rest != '\0';) {
        gsize length = strcspn(rest, "/");
        if (length == 2 && strncmp(rest, "..", 2) == 0) {
            char *slash = strrchr(out->str, '/');
            if (out->len == 0) {
                g_string_free(out, TRUE);
                return NULL;
            }
            g_string_truncate(out, slash != NULL ? (gsize)(slash - out->str) : 0);
        } else if (length > 0 && !(length == 1 && *rest == '.')) {
            if (out->len > 0) {
                g_string_append_c(out, '/');
            }
            g_string_append_len(out, rest, (gssize)length);
        }
        rest += length + (rest[length] == '/');
    }
    return g_string_free(out, FALSE);
}

static char *member_name(Reader *reader, const char *raw, GError **error)
{
    const char *name = raw != NULL ? raw : "";
    if (strlen(name) > ARCHIVE_MAX_NAME) {
        too_much(reader, "bytes in a member's name", ARCHIVE_MAX_NAME, error);
        return NULL;
    }
    char *path = archive_normalise(name);
    if (path == NULL) {
        archive_outside(reader->contents->name, name, "be extracted to", name, error);
    }
    return path;
}

/* ---- Members -------------------------------------------------------------------------------------------------------------------- */

static void add_member(Reader *reader, ArchiveMember *member)
{
    g_array_append_vals(reader->contents->members, member, 1);
    ArchiveMember *added = member_at(reader->contents, reader->contents->members->len - 1);
    g_hash_table_insert(reader->contents->latest, added->path, GUINT_TO_POINTER(reader->contents->members->len));
}

/* A further name of a member that came before. */
static gboolean add_hard_link(Reader *reader, ArchiveMember *member, const char *to, GError **error)
{
    g_autofree char *target = archive_normalise(to);
    if (target == NULL) {
        return archive_outside(reader->contents->name, member->path, "link to", to, error);
    }
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(reader->contents->latest, target));
    if (!flush_batch(reader, error)) {
        return FALSE;
    }
    if (found == 0 || member_at(reader->contents, found - 1)->type == SLUICE_ENTRY_DIRECTORY) {
        member->absent = TRUE;
        member->target = g_steal_pointer(&target);
    } else {
        const ArchiveMember *original = member_at(reader->contents, found - 1);
        member->type = original->type;
        member->digest = original->digest;
        member->executable = original->executable;
        member->absent = original->absent;
        member->target = g_strdup(original->target);
    }
    add_member(reader, member);
    return TRUE;
}

static gboolean add_symlink(Reader *reader, ArchiveMember *member, struct archive_entry *entry, GError **error)
{
    const char *target = libarchive->entry_symlink(entry);
    if (target == NULL || target[0] == '\0' || strlen(target) >= ARCHIVE_MAX_NAME) {
        error_set(error, ERROR_SOURCE, "archive-damaged", NULL,
                  "%s: Error staging source: the symlink '%s' has no usable target", reader->contents->name,
                  member->path);
        return FALSE;
    }
    if (reader->zip) {
        /* As BuildStream has it: the link's text in a file. */
        sluice_digest_of(target, strlen(target), &member->digest);
        if (!sluice_store_put(reader->store, target, strlen(target), NULL, NULL, error)) {
            return FALSE;
        }
    } else {
        member->type = SLUICE_ENTRY_SYMLINK;
        member->target = g_strdup(target);
    }
    add_member(reader, member);
    return TRUE;
}

static gboolean read_member(Reader *reader, struct archive_entry *entry, ArchiveMember *member, GError **error)
{
    const char *hard_link = libarchive->entry_hardlink(entry);
    if (hard_link != NULL) {
        return add_hard_link(reader, member, hard_link, error);
    }
    switch (libarchive->entry_filetype(entry)) {
    case AE_IFDIR:
        member->type = SLUICE_ENTRY_DIRECTORY;
        add_member(reader, member);
        return TRUE;
    case AE_IFLNK:
        return add_symlink(reader, member, entry, error);
    case AE_IFREG: {
        member->executable = !reader->zip && (libarchive->entry_perm(entry) & 0100) != 0;
        guint index = reader->contents->members->len;
        add_member(reader, member);
        return store_content(reader, member_at(reader->contents, index), index, error);
    }
    default: /* devices, fifos, sockets */
        g_free(member->path);
        return TRUE;
    }
}

static gboolean read_next(Reader *reader, gboolean *end, GError **error)
{
    struct archive_entry *entry;
    int status = libarchive->read_next_header(reader->archive, &entry);
    if (status == ARCHIVE_EOF) {
        *end = TRUE;
        return TRUE;
    }
    if (status < ARCHIVE_WARN) {
        return damaged(reader, NULL, error);
    }
    if (libarchive->entry_is_encrypted(entry)) {
        error_set(error, ERROR_SOURCE, "archive-encrypted", NULL, "%s: Error staging source: the archive is encrypted",
                  reader->contents->name);
        return FALSE;
    }
    if (reader->contents->members->len >= ARCHIVE_MAX_ENTRIES) {
        return too_much(reader, "entries", ARCHIVE_MAX_ENTRIES, error);
    }
    ArchiveMember member = {.type = SLUICE_ENTRY_FILE};
    member.path = member_name(reader, libarchive->entry_pathname(entry), error);
    if (member.path == NULL) {
        return FALSE;
    }
    guint before = reader->contents->members->len;
    gboolean ok = read_member(reader, entry, &member, error);
    if (!ok && reader->contents->members->len == before) {
        g_free(member.path);
    }
    return ok;
}

/* ---- Archives ------------------------------------------------------------------------------------------------------------------- */

void archive_allow_filters(struct archive *archive)
{
    libarchive->read_support_filter_gzip(archive);
    libarchive->read_support_filter_bzip2(archive);
    libarchive->read_support_filter_xz(archive);
    libarchive->read_support_filter_lzma(archive);
    libarchive->read_support_filter_lzip(archive);
    libarchive->read_support_filter_zstd(archive);
    libarchive->read_support_filter_compress(archive);
}

static void member_clear(gpointer data)
{
    ArchiveMember *member = data;
    g_free(member->path);
    g_free(member->target);
}

static ArchiveContents *contents_new(const char *name)
{
    ArchiveContents *contents = g_new0(ArchiveContents, 1);
    contents->name = g_strdup(name);
    contents->members = g_array_new(FALSE, TRUE, sizeof(ArchiveMember));
    g_array_set_clear_func(contents->members, member_clear);
    contents->latest = g_hash_table_new(g_str_hash, g_str_equal);
    return contents;
}

void archive_contents_free(ArchiveContents *contents)
{
    if (contents != NULL) {
        g_hash_table_unref(contents->latest);
        g_array_unref(contents->members);
        g_free(contents->name);
        g_free(contents);
    }
}

void archive_contents_filter(ArchiveContents *contents, gboolean (*keep)(const ArchiveMember *member, gpointer data),
                             gpointer data)
{
    GArray *kept = g_array_new(FALSE, TRUE, sizeof(ArchiveMember));
    g_array_set_clear_func(kept, member_clear);
    for (guint i = 0; i < contents->members->len; i++) {
        ArchiveMember *member = member_at(contents, i);
        if (keep(member, data)) {
            g_array_append_val(kept, *member);
            *member = (ArchiveMember){.path = NULL};
        }
    }
    g_hash_table_remove_all(contents->latest);
    g_array_unref(contents->members);
    contents->members = kept;
}

static gboolean read_all(Reader *reader, const void *data, gsize length, GError **error)
{
    gboolean end = FALSE;
    if (libarchive->read_open_memory(reader->archive, data, length) != ARCHIVE_OK) {
        return damaged(reader, NULL, error);
    }
    while (!end) {
        if (!read_next(reader, &end, error)) {
            return FALSE;
        }
    }
    return flush_batch(reader, error);
}

ArchiveContents *archive_read(SluiceStore *store, const void *data, gsize length, ArchiveFormat format,
                              const char *name, GError **error)
{
    Reader reader = {.store = store, .archive = libarchive->read_new(), .packed = length};
    reader.contents = contents_new(name);
    reader.zip = format == ARCHIVE_ZIP;
    reader.batch = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    reader.batch_member = g_array_new(FALSE, FALSE, sizeof(guint));
    reader.buffer = g_malloc(BUFFER_SIZE);
    if (reader.zip) {
        libarchive->read_support_format_zip(reader.archive);
    } else {
        archive_allow_filters(reader.archive);
        libarchive->read_support_format_tar(reader.archive);
    }
    gboolean ok = read_all(&reader, data, length, error);
    libarchive->read_free(reader.archive);
    g_ptr_array_unref(reader.batch);
    g_array_unref(reader.batch_member);
    g_free(reader.buffer);
    if (!ok) {
        g_clear_pointer(&reader.contents, archive_contents_free);
    }
    return reader.contents;
}
