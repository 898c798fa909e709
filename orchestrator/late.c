/* late.c - see late.h */
#include "late.h"
#include "late-archive.h"
#include "late-curl.h"
#include "late-microhttpd.h"

#include <dlfcn.h>

/* With the number of the interface that the headers are of. */
#define CURL_FILE       "libcurl.so.4"
#define ARCHIVE_FILE    "libarchive.so.13"
#define MICROHTTPD_FILE "libmicrohttpd.so.12"

/* Fills `table` with the functions of these names. */
static void load(const char *file, const char *const *names, gsize count, gpointer *table)
{
    void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        g_error("Cannot load a library: %s", dlerror());
    }
    for (gsize i = 0; i < count; i++) {
        table[i] = dlsym(library, names[i]);
        if (table[i] == NULL) {
            g_error("%s has no %s", file, names[i]);
        }
    }
}

#define LOAD(file, names, table)                                                                                       \
    do {                                                                                                               \
        static gsize loaded = 0;                                                                                       \
        G_STATIC_ASSERT(sizeof table == sizeof names);                                                                 \
        if (g_once_init_enter(&loaded)) {                                                                              \
            load(file, names, G_N_ELEMENTS(names), (gpointer *)&table);                                                \
            g_once_init_leave(&loaded, 1);                                                                             \
        }                                                                                                              \
    } while (0)

const LateCurl *late_curl(void)
{
#define NAME(name) "curl_" #name,
    static const char *const names[] = {LATE_CURL(NAME)};
#undef NAME
    static LateCurl table;
    LOAD(CURL_FILE, names, table);
    return &table;
}

const LateArchive *late_archive(void)
{
#define NAME(name) "archive_" #name,
    static const char *const names[] = {LATE_ARCHIVE(NAME)};
#undef NAME
    static LateArchive table;
    LOAD(ARCHIVE_FILE, names, table);
    return &table;
}

const LateMicrohttpd *late_microhttpd(void)
{
#define NAME(name) "MHD_" #name,
    static const char *const names[] = {LATE_MICROHTTPD(NAME)};
#undef NAME
    static LateMicrohttpd table;
    LOAD(MICROHTTPD_FILE, names, table);
    return &table;
}

/* Kept open: the functions are taken later. */
static gboolean check(const char *file, const char *package, GError **error)
{
    if (dlopen(file, RTLD_LAZY | RTLD_LOCAL) != NULL) {
        return TRUE;
    }
    error_set(error, ERROR_PLATFORM, NULL, NULL, "Cannot load a library: %s\n\nIt is in the Debian package %s",
              dlerror(), package);
    return FALSE;
}

gboolean late_load_for_jobs(GError **error)
{
    static gsize loaded = 0;
    if (loaded) {
        return TRUE;
    }
    if (!check(CURL_FILE, "libcurl4", error) || !check(ARCHIVE_FILE, "libarchive13", error)) {
        return FALSE;
    }
    late_curl();
    late_archive();
    loaded = 1;
    return TRUE;
}

gboolean late_load_microhttpd(GError **error)
{
    return check(MICROHTTPD_FILE, "libmicrohttpd12", error);
}
