/* debian-apt.c - see debian-apt.h; formats: sources.list(5), apt.conf(5) */
#include "debian-apt.h"
#include "debian-stanza.h"

#include <gio/gio.h>
#include <string.h>

#define MIRROR_VARIABLE "SLUICE_DEBIAN_MIRROR"
#define CONFIG_MAX      ((gsize)1 << 20) /* bytes of one configuration file */
#define MIRRORS_MAX     64

typedef struct {
    const char *root;
    GPtrArray *main, *security; /* of char *: URLs */
} Mirrors;

gboolean apt_is_security(const char *url)
{
    return strstr(url, "security") != NULL;
}

static void add_url(Mirrors *mirrors, const char *url)
{
    g_autofree char *clean = g_strdup(url);
    for (gsize length = strlen(clean); length > 0 && clean[length - 1] == '/';) {
        clean[--length] = '\0';
    }
    GPtrArray *list = apt_is_security(clean) ? mirrors->security : mirrors->main;
    if (list->len < MIRRORS_MAX && !g_ptr_array_find_with_equal_func(list, clean, g_str_equal, NULL)) {
        g_ptr_array_add(list, g_steal_pointer(&clean));
    }
}

static char *read_config(const char *path)
{
    g_autofree char *text = NULL;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, NULL) || length > CONFIG_MAX || strlen(text) != length) {
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* `mirror+file:/etc/apt/mirrors/debian.list`: one URL on each line. */
static void add_mirror_list(Mirrors *mirrors, const char *path)
{
    g_autofree char *whole = g_build_filename(mirrors->root, path, NULL);
    g_autofree char *text = read_config(whole);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_strstrip(*line);
        (*line)[strcspn(*line, " \t")] = '\0';
        if (g_str_has_prefix(*line, "http://") || g_str_has_prefix(*line, "https://")) {
            add_url(mirrors, *line);
        }
    }
}

/* Other archives (Node.js, Google, …) have other keys and other paths. */
static gboolean is_debian(const char *url, const char *signed_by)
{
    if (signed_by != NULL && strstr(signed_by, "debian-archive") != NULL) {
        return TRUE;
    }
    if (signed_by != NULL && signed_by[0] != '\0') {
        return FALSE;
    }
    g_autofree char *path = g_strconcat(url, "/", NULL);
    return strstr(path, "/debian/") != NULL || strstr(path, "/debian-security/") != NULL ||
           strstr(path, "security.debian.org/") != NULL;
}

static void add_source(Mirrors *mirrors, const char *url, const char *signed_by)
{
    static const char *const schemes[] = {"http://", "https://", "file:/", "ftp://"};
    static const char lists[] = "mirror+file:";
    if (g_str_has_prefix(url, lists)) {
        if (is_debian(url, signed_by) || strstr(url, "debian") != NULL) {
            add_mirror_list(mirrors, url + strlen(lists));
        }
        return;
    }
    g_autofree char *local = g_str_has_prefix(url, "copy:/") ? g_strconcat("file:", url + 5, NULL) : g_strdup(url);
    for (gsize i = 0; i < G_N_ELEMENTS(schemes) && is_debian(local, signed_by); i++) {
        if (g_str_has_prefix(local, schemes[i])) {
            g_autofree char *file = g_str_has_prefix(local, "file:/") && !g_str_has_prefix(local, "file://")
                                        ? g_strconcat("file://", local + 5, NULL)
                                        : g_strdup(local);
            add_url(mirrors, file);
            return;
        }
    }
}

/* `deb [arch=amd64 signed-by=/x.gpg] http://mirror/debian bookworm main` */
static void read_line(Mirrors *mirrors, char *line)
{
    g_autofree char *signed_by = NULL;
    line[strcspn(line, "#")] = '\0';
    g_strstrip(line);
    if (!g_str_has_prefix(line, "deb ") && !g_str_has_prefix(line, "deb\t")) {
        return;
    }
    char *rest = line + 4 + strspn(line + 4, " \t");
    if (*rest == '[') {
        char *end = strchr(rest, ']');
        if (end == NULL) {
            return;
        }
        *end = '\0';
        const char *option = strstr(rest, "signed-by=");
        if (option != NULL) {
            option += strlen("signed-by=");
            signed_by = g_strndup(option, strcspn(option, " \t"));
        }
        rest = end + 1 + strspn(end + 1, " \t");
    }
    rest[strcspn(rest, " \t")] = '\0';
    add_source(mirrors, rest, signed_by);
}

static void read_list(Mirrors *mirrors, const char *path)
{
    g_autofree char *text = read_config(path);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        read_line(mirrors, *line);
    }
}

static gboolean has_word(const char *words, const char *word)
{
    g_auto(GStrv) list = g_strsplit_set(words != NULL ? words : "", " \t\n", -1);
    return g_strv_contains((const char *const *)list, word);
}

static void read_sources(Mirrors *mirrors, const char *path)
{
    g_autofree char *text = read_config(path);
    g_autofree DebianStanza *stanza = g_new(DebianStanza, 1);
    DebianReader reader;
    if (text == NULL) {
        return;
    }
    debian_reader_init(&reader, text, strlen(text), path);
    while (debian_reader_next(&reader, stanza, NULL)) {
        const char *urls = debian_stanza_get(stanza, "URIs");
        const char *enabled = debian_stanza_get(stanza, "Enabled");
        if (!has_word(debian_stanza_get(stanza, "Types"), "deb") || urls == NULL ||
            (enabled != NULL && (strcmp(enabled, "no") == 0 || strcmp(enabled, "false") == 0))) {
            continue;
        }
        g_auto(GStrv) list = g_strsplit_set(urls, " \t\n", -1);
        for (char **url = list; *url != NULL; url++) {
            if (**url != '\0') {
                add_source(mirrors, *url, debian_stanza_get(stanza, "Signed-By"));
            }
        }
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_folder(Mirrors *mirrors, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
        if (g_str_has_suffix(path, ".sources")) {
            read_sources(mirrors, path);
        } else if (g_str_has_suffix(path, ".list")) {
            read_list(mirrors, path);
        }
    }
}

static void read_variable(Mirrors *mirrors, const char *value)
{
    g_auto(GStrv) urls = g_strsplit_set(value, " \t\n", -1);
    for (char **url = urls; *url != NULL; url++) {
        if (**url != '\0') {
            add_url(mirrors, *url);
        }
    }
}

char **apt_debian_mirrors(const char *root, GError **error)
{
    const char *variable = g_getenv(MIRROR_VARIABLE);
    Mirrors mirrors = {.root = root != NULL ? root : "/"};
    mirrors.main = g_ptr_array_new_with_free_func(g_free);
    mirrors.security = g_ptr_array_new_with_free_func(g_free);
    if (variable != NULL && variable[0] != '\0') {
        read_variable(&mirrors, variable);
    } else {
        g_autofree char *list = g_build_filename(mirrors.root, "etc/apt/sources.list", NULL);
        g_autofree char *folder = g_build_filename(mirrors.root, "etc/apt/sources.list.d", NULL);
        read_list(&mirrors, list);
        read_folder(&mirrors, folder);
    }
    g_ptr_array_extend_and_steal(mirrors.main, mirrors.security);
    if (mirrors.main->len == 0) {
        error_set(error, ERROR_SOURCE, "debian-no-mirror", NULL,
                  "No mirror of Debian is known: apt's configuration on this system names none");
        error_set_detail(error != NULL ? *error : NULL,
                         "Give one as the source's `mirror`, as the project's alias `debian`, or in $" MIRROR_VARIABLE);
        g_ptr_array_unref(mirrors.main);
        return NULL;
    }
    g_ptr_array_add(mirrors.main, NULL);
    return (char **)g_ptr_array_free(mirrors.main, FALSE);
}

/* ---- Proxies ------------------------------------------------------------------------------------------------------------------------ */

/* `Acquire::http::Proxy "http://…";` in the order in which a later line wins. */
static char *find_setting(const char *dump, const char *name)
{
    char *found = NULL;
    gsize length = strlen(name);
    g_auto(GStrv) lines = g_strsplit(dump, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_ascii_strncasecmp(*line, name, length) == 0 && g_str_has_prefix(*line + length, " \"")) {
            const char *value = *line + length + 2;
            g_free(found);
            found = g_strndup(value, strcspn(value, "\""));
        }
    }
    return found;
}

char *apt_proxy_for(const char *url)
{
    g_autofree char *program = g_find_program_in_path("apt-config");
    g_autofree char *dump = NULL;
    g_autofree char *scheme = url != NULL ? g_uri_parse_scheme(url) : NULL;
    const char *argv[] = {program, "dump", NULL};
    int status;
    if (program == NULL || scheme == NULL || !g_str_has_prefix(scheme, "http") ||
        !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &dump, NULL, &status, NULL) ||
        status != 0) {
        return NULL;
    }
    g_autofree char *general = g_strdup_printf("Acquire::%s::Proxy", scheme);
    g_autofree char *proxy = find_setting(dump, general);
    g_autoptr(GUri) parsed = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *host = parsed != NULL ? g_uri_get_host(parsed) : NULL;
    if (host != NULL) {
        g_autofree char *special = g_strdup_printf("Acquire::%s::Proxy::%s", scheme, host);
        char *own = find_setting(dump, special);
        if (own != NULL) {
            g_free(proxy);
            proxy = own;
        }
    }
    if (proxy == NULL || proxy[0] == '\0') {
        return NULL;
    }
    /* "DIRECT" is apt's word for none; libcurl's is the empty text. */
    return strcmp(proxy, "DIRECT") == 0 ? g_strdup("") : g_steal_pointer(&proxy);
}
