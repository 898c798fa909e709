/* late.c - see late.h */
#include "late.h"
#include "late-archive.h"
#include "late-curl.h"
#include "late-microhttpd.h"

#include <dlfcn.h>
#include <glib.h>

/* Fills `table` with the functions of these names.  The file has the number of the interface that the headers are of. */
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
    LOAD("libcurl.so.4", names, table);
    return &table;
}

const LateArchive *late_archive(void)
{
#define NAME(name) "archive_" #name,
    static const char *const names[] = {LATE_ARCHIVE(NAME)};
#undef NAME
    static LateArchive table;
    LOAD("libarchive.so.13", names, table);
    return &table;
}

const LateMicrohttpd *late_microhttpd(void)
{
#define NAME(name) "MHD_" #name,
    static const char *const names[] = {LATE_MICROHTTPD(NAME)};
#undef NAME
    static LateMicrohttpd table;
    LOAD("libmicrohttpd.so.12", names, table);
    return &table;
}

void late_load_for_jobs(void)
{
    late_curl();
    late_archive();
}
