/* debian-fetch.c - the packages of a ref, from whichever archive has them. */
#include "debian-apt.h"
#include "debian-private.h"
#include "download.h"
#include "element.h"

#include <string.h>

#define GONE_SHOWN 20

/* The pool of security updates is a folder of its own. */
#define SECURITY_POOL "pool/updates/"

static int compare_security(const char *a, const char *b, gboolean security)
{
    return (apt_is_security(a) == security ? 0 : 1) - (apt_is_security(b) == security ? 0 : 1);
}

char **debian_archives(Source *source, gboolean security, GError **error)
{
    const Debian *debian = source->data;
    char **urls = source_translate_url(source, debian->mirror != NULL ? debian->mirror : "debian:", error);
    if (urls == NULL) {
        return NULL;
    }
    guint count = g_strv_length(urls);
    for (guint i = 0; i < count; i++) {
        for (gsize length = strlen(urls[i]); length > 0 && urls[i][length - 1] == '/';) {
            urls[i][--length] = '\0';
        }
    }
    /* Few, and the order among equals must stay. */
    for (guint i = 1; i < count; i++) {
        for (guint j = i; j > 0 && compare_security(urls[j - 1], urls[j], security) > 0; j--) {
            char *swap = urls[j];
            urls[j] = urls[j - 1];
            urls[j - 1] = swap;
        }
    }
    return urls;
}

typedef struct {
    const DebianPin *pin;
    char *name;
    GPtrArray *urls;
} Wanted;

static void wanted_clear(gpointer data)
{
    Wanted *wanted = data;
    g_free(wanted->name);
    g_ptr_array_unref(wanted->urls);
}

static GPtrArray *package_urls(char **archives, const DebianPin *pin)
{
    GPtrArray *urls = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *path = g_uri_escape_string(pin->path, "/+:,=@", FALSE);
    for (char **archive = archives; *archive != NULL; archive++) {
        g_ptr_array_add(urls, g_strconcat(*archive, "/", path, NULL));
    }
    g_ptr_array_add(urls, NULL);
    return urls;
}

static gboolean list_wanted(Source *source, SluiceStore *store, GArray *wanted, GError **error)
{
    const Debian *debian = source->data;
    g_auto(GStrv) plain = debian_archives(source, FALSE, error);
    g_auto(GStrv) security = plain != NULL ? debian_archives(source, TRUE, error) : NULL;
    if (security == NULL) {
        return FALSE;
    }
    for (gsize i = 0; i < debian->n_pins; i++) {
        const DebianPin *pin = &debian->pins[i];
        SluiceDigest digest;
        debian_pin_digest(pin, &digest);
        if (deb_tree_find(store, pin, NULL) || sluice_store_has(store, &digest)) {
            continue;
        }
        const Wanted one = {pin, g_strdup_printf("%s %s", pin->name, pin->version),
                            package_urls(g_str_has_prefix(pin->path, SECURITY_POOL) ? security : plain, pin)};
        g_array_append_val(wanted, one);
    }
    return TRUE;
}

/* Packages that were superseded on the mirror have an error of their own: tracking again helps there, and nothing else does. */
static void report_gone(Source *source, const Download *downloads, gsize count, GError **error)
{
    g_autoptr(GString) detail = g_string_new(NULL);
    const Download *first = NULL;
    guint gone = 0;
    for (gsize i = 0; i < count; i++) {
        if (!downloads[i].absent) {
            continue;
        }
        first = first != NULL ? first : &downloads[i];
        if (gone++ < GONE_SHOWN) {
            g_string_append_printf(detail, "%s%s: %s", gone > 1 ? "\n" : "", downloads[i].name, downloads[i].urls[0]);
        }
    }
    if (first == NULL || (error != NULL && g_error_matches(*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))) {
        return;
    }
    g_clear_error(error);
    g_autofree char *others = gone > 1 ? g_strdup_printf(" (nor are %u others)", gone - 1) : g_strdup("");
    error_set(error, ERROR_SOURCE, "debian-package-gone", &source->where,
              "Package %s is not on the mirror any more%s; `sluice source track %s` pins what is there now",
              first->name, others, source->element->full_name);
    error_set_detail(error != NULL ? *error : NULL, detail->str);
}

gboolean debian_fetch(Source *source, const SourceContext *context, GError **error)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(Wanted));
    g_array_set_clear_func(wanted, wanted_clear);
    if (!list_wanted(source, context->store, wanted, error)) {
        return FALSE;
    }
    if (wanted->len == 0) {
        return TRUE;
    }
    g_autofree Download *downloads = g_new0(Download, wanted->len);
    g_autofree char *message = g_strdup_printf("Fetching %u packages", wanted->len);
    g_autofree char *proxy = apt_proxy_for(g_array_index(wanted, Wanted, 0).urls->pdata[0]);
    for (guint i = 0; i < wanted->len; i++) {
        const Wanted *one = &g_array_index(wanted, Wanted, i);
        downloads[i] = (Download){.name = one->name,
                                  .urls = (const char *const *)one->urls->pdata,
                                  .sha256 = one->pin->sha256,
                                  .size = one->pin->size,
                                  .proxy = proxy};
    }
    event_send(context->events, EVENT_STATUS, "fetch", source->element->full_name, "%s", message);
    gboolean ok = download_run(downloads, wanted->len, context, source->element->full_name, "fetch", message, error);
    if (!ok) {
        report_gone(source, downloads, wanted->len, error);
    }
    for (guint i = 0; i < wanted->len; i++) {
        download_clear(&downloads[i]);
    }
    return ok;
}
