/*
 * Kills writers at random moments (SIGKILL).  Whatever a writer acknowledged through its pipe must be there and right afterwards, and
 * nothing in the store may be damaged.  Two writers at a time, so that one always goes on when the other dies.
 */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS_DEFAULT 240
#define WRITERS       2
#define LONGEST_LIFE  9000 /* microseconds after the first acknowledgement */

typedef enum { ACK_BLOB, ACK_STREAM, ACK_REF, ACK_RESULT, ACK_TREE, ACK_KINDS } AckKind;
typedef struct {
    AckKind kind;
    unsigned seed;
    gsize size;
} Ack;

/* ---- The writer ---------------------------------------------------------------------------------------------------------------- */

static void write_blob(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GBytes) bytes = make_content(ack->seed, ack->size);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    CHECK(sluice_store_put(store, data, length, NULL, NULL, NULL), "put");
}

static void write_stream(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GBytes) bytes = make_content(ack->seed, ack->size);
    g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(store, NULL, NULL);
    gsize length;
    const uint8_t *data = g_bytes_get_data(bytes, &length);
    for (gsize done = 0; done < length; done += 10000)
        CHECK(sluice_blob_writer_append(writer, data + done, MIN(10000, length - done), NULL), "append");
    CHECK(sluice_blob_writer_commit(writer, NULL, NULL), "commit");
}

static char *name_of(const Ack *ack)
{
    return g_strdup_printf("name-%u", ack->seed);
}

static void write_ref(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GBytes) bytes = make_content(ack->seed, 100);
    g_autofree char *name = name_of(ack);
    SluiceDigest digest;
    write_blob(store, ack);
    g_autoptr(GBytes) content = make_content(ack->seed, ack->size);
    sluice_digest_of_bytes(content, &digest);
    const SluiceRef ref = {.value = bytes, .blobs = &digest, .n_blobs = 1};
    CHECK(sluice_store_set_ref(store, "kill", name, &ref, NULL), "set_ref");
}

static void key_of(const Ack *ack, SluiceDigest *key)
{
    sluice_digest_of(&ack->seed, sizeof ack->seed, key);
}

/* An ActionResult with the content as its stdout_raw. */
static GBytes *result_of(const Ack *ack)
{
    g_autoptr(GBytes) content = make_content(ack->seed, ack->size);
    GByteArray *result = g_byte_array_new();
    sluice_wire_put_bytes(result, 5, g_bytes_get_data(content, NULL), g_bytes_get_size(content));
    return g_byte_array_free_to_bytes(result);
}

static GBytes *note_of(const Ack *ack)
{
    return g_bytes_new(&ack->seed, sizeof ack->seed);
}

static void write_result(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GBytes) bytes = result_of(ack), note = note_of(ack);
    SluiceDigest key;
    key_of(ack, &key);
    CHECK(sluice_store_put_result_with_note(store, &key, bytes, note, NULL), "put_result");
}

static void tree_of(SluiceStore *store, const Ack *ack, gboolean with_files, SluiceDigest *root)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    for (unsigned i = 0; i < 5; i++) {
        const Ack file = {.seed = ack->seed + i, .size = i * 9000};
        g_autofree char *path = g_strdup_printf("%u/%u/file", ack->seed, i);
        g_autoptr(GBytes) bytes = make_content(file.seed, file.size);
        SluiceDigest digest;
        sluice_digest_of_bytes(bytes, &digest);
        if (with_files)
            write_blob(store, &file);
        CHECK(sluice_tree_add_file(tree, path, &digest, FALSE, NULL), "add_file");
    }
    CHECK(sluice_tree_commit(tree, root, NULL), "tree_commit");
}

static void write_tree(SluiceStore *store, const Ack *ack)
{
    SluiceDigest root;
    tree_of(store, ack, TRUE, &root);
}

static void (*const writers[ACK_KINDS])(SluiceStore *, const Ack *) = {
    [ACK_BLOB] = write_blob,     [ACK_STREAM] = write_stream, [ACK_REF] = write_ref,
    [ACK_RESULT] = write_result, [ACK_TREE] = write_tree,
};

static void write_forever(const char *path, int acks, unsigned first)
{
    static const gsize sizes[] = {10, 3000, 16000, 17000, 60000, 700, 150000, 5000};
    SluiceStore *store = open_store(path);
    for (unsigned i = 0;; i++) {
        Ack ack = {.kind = (AckKind)((first + i) % ACK_KINDS), .seed = first + i * 8};
        ack.size = sizes[(first / 7 + i) % G_N_ELEMENTS(sizes)];
        writers[ack.kind](store, &ack);
        CHECK(write(acks, &ack, sizeof ack) == sizeof ack, "pipe");
    }
}

/* ---- The judge ------------------------------------------------------------------------------------------------------------------ */

static void check_ref(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = name_of(ack);
    g_autoptr(GBytes) expected = make_content(ack->seed, 100);
    g_autoptr(GBytes) value = sluice_store_get_ref(store, "kill", name, &error);
    CHECK(value != NULL, "%s", error->message);
    CHECK(g_bytes_equal(expected, value), "ref %s has another value", name);
    check_content(store, ack->seed, ack->size);
}

static void check_result(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest key;
    key_of(ack, &key);
    g_autoptr(GBytes) expected = result_of(ack);
    g_autoptr(GBytes) result = sluice_store_get_result(store, &key, &error);
    CHECK(result != NULL, "%s", error->message);
    CHECK(g_bytes_equal(expected, result), "result %u is another", ack->seed);
    g_autoptr(GBytes) wanted = note_of(ack), note = sluice_store_get_result_note(store, &key, &error);
    CHECK(note != NULL, "%s", error->message);
    CHECK(g_bytes_equal(wanted, note), "the note of result %u is another", ack->seed);
}

static gboolean check_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    CHECK(entry->type != SLUICE_ENTRY_FILE || sluice_store_has(data, &entry->digest), "%s is missing", path);
    return TRUE;
}

static void check_tree(SluiceStore *store, const Ack *ack)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    tree_of(store, ack, FALSE, &root); /* everything is there already: writes nothing */
    CHECK(sluice_store_walk_tree(store, &root, check_entry, store, &error), "%s", error->message);
}

static void check_ack(SluiceStore *store, const Ack *ack)
{
    if (ack->kind == ACK_REF)
        check_ref(store, ack);
    else if (ack->kind == ACK_RESULT)
        check_result(store, ack);
    else if (ack->kind == ACK_TREE)
        check_tree(store, ack);
    else
        check_content(store, ack->seed, ack->size);
}

static void check_acks(SluiceStore *store, const GArray *acks, guint first)
{
    for (guint i = first; i < acks->len; i++)
        check_ack(store, &g_array_index(acks, Ack, i));
}

/* ---- The killer ------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    pid_t pid;
    int acks;
} Writer;

static Writer start_writer(const char *path, unsigned first)
{
    int fds[2];
    CHECK(pipe(fds) == 0, "pipe");
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (pid == 0) {
        close(fds[0]);
        write_forever(path, fds[1], first);
    }
    close(fds[1]);
    return (Writer){.pid = pid, .acks = fds[0]};
}

static gboolean read_ack(Writer *writer, GArray *acks)
{
    Ack ack;
    gsize done = 0;
    while (done < sizeof ack) {
        ssize_t got = read(writer->acks, (uint8_t *)&ack + done, sizeof ack - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FALSE;
        done += (gsize)got;
    }
    g_array_append_val(acks, ack);
    return TRUE;
}

static void kill_writer(Writer *writer, GArray *acks, GRand *random)
{
    int status;
    gboolean early = g_rand_int_range(random, 0, 8) == 0; /* also while it opens the store */
    if (!early)
        CHECK(read_ack(writer, acks), "a writer died of itself");
    g_usleep((gulong)g_rand_int_range(random, 0, early ? 3000 : LONGEST_LIFE));
    CHECK(kill(writer->pid, SIGKILL) == 0, "kill");
    while (read_ack(writer, acks))
        ;
    close(writer->acks);
    CHECK(waitpid(writer->pid, &status, 0) == writer->pid, "waitpid");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a writer failed");
}

static void run(const char *path, unsigned kills, GArray *acks, GRand *random)
{
    Writer live[WRITERS];
    SluiceStore *store = open_store(path);
    for (unsigned i = 0; i < WRITERS; i++)
        live[i] = start_writer(path, i * 100000u);
    for (unsigned i = 0; i < kills; i++) {
        Writer *victim = &live[i % WRITERS];
        guint before = acks->len;
        kill_writer(victim, acks, random);
        check_acks(store, acks, before);
        *victim = start_writer(path, (i + WRITERS) * 100000u);
        if (i % 60 == 59)
            check_sound(store);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        kill_writer(&live[i], acks, random);
    sluice_store_close(store);
}

int main(int argc, char **argv)
{
    unsigned kills = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : KILLS_DEFAULT;
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) acks = g_array_new(FALSE, FALSE, sizeof(Ack));
    g_autoptr(GRand) random = g_rand_new_with_seed(20240607);
    g_autofree char *scratch = g_dir_make_tmp("sluice-kill-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(scratch, "store", NULL);
    g_autofree char *temporary = g_build_filename(path, "tmp", NULL);
    gint64 start = g_get_monotonic_time();
    SluiceGcStats stats;
    run(path, kills, acks, random);

    SluiceStore *store = open_store(path);
    CHECK(sluice_store_get_notice(store) == NULL, "%s", sluice_store_get_notice(store));
    check_acks(store, acks, 0);
    check_sound(store);
    CHECK(sluice_store_gc(store, G_MAXUINT64, &stats, &error), "%s", error->message);
    check_acks(store, acks, 0);
    sluice_store_close(store);
    CHECK(count_names(temporary) == 0, "temporary files of dead processes are left");
    printf("%u kills, %u acknowledged writes, all there; %" G_GUINT64_FORMAT " remains of the dead removed; %.1f s\n",
           kills + WRITERS, acks->len, stats.temporaries_removed, (double)(g_get_monotonic_time() - start) / 1e6);
    CHECK(sluice_remove_tree(scratch, &error), "%s", error->message);
    return 0;
}
