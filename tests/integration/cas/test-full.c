/* A full disk (a small tmpfs in a namespace of its own): a clear error, nothing half-written, and it works again after eviction. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIP 77

static void write_line(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, line, strlen(line));
        close(fd);
    }
}

static gboolean mount_small(const char *path, const char *size)
{
    char map[64], options[64];
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return FALSE;
    write_line("/proc/self/setgroups", "deny");
    g_snprintf(map, sizeof map, "0 %u 1", uid);
    write_line("/proc/self/uid_map", map);
    g_snprintf(map, sizeof map, "0 %u 1", gid);
    write_line("/proc/self/gid_map", map);
    g_snprintf(options, sizeof options, "size=%s", size);
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

/* Each way to write one thing. */
static gboolean put_blob(SluiceStore *store, unsigned seed, gsize size, GError **error)
{
    g_autoptr(GBytes) bytes = make_content(seed, size);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    return sluice_store_put(store, data, length, NULL, NULL, error);
}

static gboolean stream_blob(SluiceStore *store, unsigned seed, gsize size, GError **error)
{
    g_autoptr(GBytes) bytes = make_content(seed, size);
    g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(store, NULL, error);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    return writer != NULL && sluice_blob_writer_append(writer, data, length, error) &&
           sluice_blob_writer_commit(writer, NULL, error);
}

static gboolean import_file(SluiceStore *store, unsigned seed, gsize size, GError **error)
{
    g_autoptr(GBytes) bytes = make_content(seed, size);
    g_autofree char *directory = g_dir_make_tmp("sluice-full-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "file", NULL);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    SluiceDigest root;
    CHECK(g_file_set_contents(path, data, (gssize)length, NULL), "input");
    gboolean ok = sluice_store_import(store, AT_FDCWD, directory, NULL, &root, error);
    sluice_remove_tree(directory, NULL);
    return ok;
}

static const struct {
    const char *name;
    gboolean (*put)(SluiceStore *store, unsigned seed, gsize size, GError **error);
    gsize size;
} ways[] = {
    /* The index never shrinks, so large things first. */
    {"large blobs", put_blob, 200000}, {"large streams", stream_blob, 300000}, {"large imports", import_file, 500000},
    {"small blobs", put_blob, 3000},   {"small streams", stream_blob, 9000},   {"small imports", import_file, 10000},
};

static guint count_temporaries(const char *path)
{
    g_autofree char *base = g_build_filename(path, "tmp", NULL);
    g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
    guint count = 0;
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *session = g_build_filename(base, name, NULL);
        count += count_names(session);
    }
    return count;
}

static void fill(SluiceStore *store, gsize way, unsigned seed)
{
    enum { LIMIT = 20000, ALSO_AFTER = 5 };
    g_autoptr(GError) error = NULL;
    unsigned count = 0;
    while (count < LIMIT && ways[way].put(store, seed + count, ways[way].size, &error))
        count++;
    CHECK(error != NULL, "%s: the disk did not get full", ways[way].name);
    CHECK(g_error_matches(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_FULL), "%s: %s", ways[way].name, error->message);
    for (unsigned i = 0; i < ALSO_AFTER; i++) { /* it stays a clear error */
        g_autoptr(GError) again = NULL;
        CHECK(ways[way].put(store, seed + LIMIT + i, ways[way].size, &again) || again->code == SLUICE_CAS_ERROR_FULL,
              "%s: %s", ways[way].name, again->message);
    }
    CHECK(count_temporaries(sluice_store_get_path(store)) == 0, "%s: something half-written is left", ways[way].name);
    for (unsigned i = 0; i < count; i++)
        check_content(store, seed + i, ways[way].size);
    check_sound(store);
    printf("%s: full after %u (%s)\n", ways[way].name, count, error->message);
}

static int run(const char *path)
{
    g_autoptr(GError) error = NULL;
    if (!mount_small(path, "12m")) {
        printf("SKIP: no tmpfs can be mounted in a user namespace here: %s\n", g_strerror(errno));
        return SKIP;
    }
    SluiceStore *store = open_store(path);
    for (gsize way = 0; way < G_N_ELEMENTS(ways); way++) {
        fill(store, way, (unsigned)way * 100000u);
        sluice_store_close(store); /* a store on a full disk can be opened */
        store = open_store(path);
        CHECK(sluice_store_get_notice(store) == NULL, "%s", sluice_store_get_notice(store));
        CHECK(sluice_store_gc(store, 0, NULL, &error), "eviction on a full disk: %s", error->message);
        /* Room in the index stays in the index: so something of the same kind. */
        CHECK(ways[way].put(store, 1, ways[way].size, &error), "%s", error->message);
    }
    sluice_store_close(store);
    return 0;
}

/* No room for the store itself. */
static int run_tiny(const char *path)
{
    if (!mount_small(path, "64k"))
        return SKIP;
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 2; i++) {
        CHECK(sluice_store_open(path, NULL, &error) == NULL, "opened without room");
        CHECK(g_error_matches(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_FULL), "%s", error->message);
        g_clear_error(&error);
    }
    return 0;
}

static int in_child(const char *path, int (*job)(const char *path))
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int code = job(path);
        fflush(stdout);
        _exit(code);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status), "the test died (%d)", status);
    return WEXITSTATUS(status);
}

int main(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_dir_make_tmp("sluice-full-XXXXXX", NULL);
    int code = in_child(path, run);
    if (code == 0)
        code = in_child(path, run_tiny);
    CHECK(sluice_remove_tree(path, &error), "%s", error->message);
    return code;
}
