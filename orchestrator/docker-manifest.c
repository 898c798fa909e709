/* docker-manifest.c - see docker-manifest.h */
#include "docker-manifest.h"
#include "cas.h"
#include "error.h"

#include <cjson/cJSON.h>
#include <string.h>

#define DIGEST_PREFIX "sha256:"
#define LAYERS_MAX    10000

static const char *string_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static cJSON *parse_json(const char *text, gsize length)
{
    return g_utf8_validate(text, (gssize)length, NULL) ? cJSON_ParseWithLength(text, length) : NULL;
}

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    error_set(error, ERROR_SOURCE, NULL, NULL, "%s", text);
    return FALSE;
}

/* "sha256:" and 64 digits: the digits. */
static const char *digest_of(const cJSON *object, GError **error)
{
    const char *text = string_of(object, "digest");
    SluiceDigest digest;
    if (text != NULL && g_str_has_prefix(text, DIGEST_PREFIX) &&
        sluice_digest_parse_hex(text + strlen(DIGEST_PREFIX), strlen(text) - strlen(DIGEST_PREFIX), 0, &digest, NULL)) {
        return text + strlen(DIGEST_PREFIX);
    }
    const char *colon = text != NULL ? strchr(text, ':') : NULL;
    if (colon != NULL && !g_str_has_prefix(text, DIGEST_PREFIX)) {
        fail(error, "Unsupported digest method: %.*s", (int)(colon - text), text);
    } else {
        fail(error, "Server did not return a valid manifest: '%s' is no digest", text != NULL ? text : "");
    }
    return NULL;
}

static gboolean is_any(const char *word, const char *one, const char *other)
{
    return word != NULL && (strcmp(word, one) == 0 || strcmp(word, other) == 0);
}

static gboolean load_layer(DockerManifest *manifest, const cJSON *item, GError **error)
{
    const char *type = string_of(item, "mediaType");
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(item, "size");
    DockerLayer layer = {.size = -1};
    if (!is_any(type, "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "application/vnd.oci.image.layer.v1.tar+gzip")) {
        return fail(error, "Unsupported layer type: %s", type != NULL ? type : "none");
    }
    const char *digest = digest_of(item, error);
    if (digest == NULL) {
        return FALSE;
    }
    if (cJSON_IsNumber(size) && size->valuedouble >= 0 && size->valuedouble < (double)((gint64)1 << 53)) {
        layer.size = (gint64)size->valuedouble;
    }
    layer.digest = g_strdup(digest);
    g_array_append_val(manifest->layers, layer);
    return TRUE;
}

static gboolean load_layers(DockerManifest *manifest, const cJSON *json, GError **error)
{
    const cJSON *item, *layers = cJSON_GetObjectItemCaseSensitive(json, "layers");
    if (!cJSON_IsArray(layers) || cJSON_GetArraySize(layers) > LAYERS_MAX) {
        return fail(error, "Server did not return a valid manifest: it has no list of layers");
    }
    cJSON_ArrayForEach(item, layers)
    {
        if (!load_layer(manifest, item, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean find_platform(DockerManifest *manifest, const cJSON *json, const char *architecture, const char *os,
                              GError **error)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, "manifests"))
    {
        const cJSON *platform = cJSON_GetObjectItemCaseSensitive(item, "platform");
        if (g_strcmp0(string_of(platform, "architecture"), architecture) == 0 &&
            g_strcmp0(string_of(platform, "os"), os) == 0) {
            const char *digest = digest_of(item, error);
            manifest->platform_digest = digest != NULL ? g_strconcat(DIGEST_PREFIX, digest, NULL) : NULL;
            return digest != NULL;
        }
    }
    return fail(error, "No images found for architecture %s, OS %s", architecture, os);
}

static gboolean load(DockerManifest *manifest, const cJSON *json, const char *architecture, const char *os,
                     GError **error)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "schemaVersion");
    const char *type = string_of(json, "mediaType");
    if (!cJSON_IsObject(json)) {
        return fail(error, "Server did not return a valid manifest: not an object in JSON");
    }
    if (!cJSON_IsNumber(version)) {
        return fail(error, "Manifest did not include the schemaVersion key.");
    }
    if (version->valueint == 1) {
        return fail(error, "Schema version 1 is unsupported.");
    }
    if (is_any(type, "application/vnd.docker.distribution.manifest.list.v2+json",
               "application/vnd.oci.image.index.v1+json")) {
        return find_platform(manifest, json, architecture, os, error);
    }
    if (is_any(type, "application/vnd.docker.distribution.manifest.v2+json",
               "application/vnd.oci.image.manifest.v1+json")) {
        return load_layers(manifest, json, error);
    }
    return fail(error, "Unsupported manifest type %s", type != NULL ? type : "none");
}

static void layer_clear(gpointer data)
{
    g_free(((DockerLayer *)data)->digest);
}

DockerManifest *docker_manifest_parse(const char *text, gsize length, const char *architecture, const char *os,
                                      GError **error)
{
    g_autoptr(DockerManifest) manifest = g_new0(DockerManifest, 1);
    manifest->layers = g_array_new(FALSE, FALSE, sizeof(DockerLayer));
    g_array_set_clear_func(manifest->layers, layer_clear);
    cJSON *json = parse_json(text, length);
    gboolean ok = load(manifest, json, architecture, os, error);
    cJSON_Delete(json);
    return ok ? g_steal_pointer(&manifest) : NULL;
}

void docker_manifest_free(DockerManifest *manifest)
{
    if (manifest != NULL) {
        g_array_unref(manifest->layers);
        g_free(manifest->platform_digest);
        g_free(manifest);
    }
}

/* ---- Tokens ------------------------------------------------------------------------------------------------------------------------- */

/* The value of KEY="VALUE" in a list of such, commas between. */
static char *find_parameter(const char *list, const char *key)
{
    while (*list != '\0') {
        gsize name = strcspn(list, "=,");
        const char *value = list[name] == '=' ? list + name + 1 : list + name;
        gboolean quoted = *value == '"';
        gsize length = quoted ? strcspn(value + 1, "\"") : strcspn(value, ",");
        gboolean found = list[name] == '=' && strlen(key) == name && g_ascii_strncasecmp(list, key, name) == 0;
        if (found) {
            return g_strndup(value + quoted, length);
        }
        list = value + quoted + length;
        list += strcspn(list, ",");
        list += strspn(list, ", ");
    }
    return NULL;
}

char *docker_token_url(const char *challenge)
{
    static const char *const keys[] = {"service", "scope"};
    if (challenge == NULL || g_ascii_strncasecmp(challenge, "Bearer ", strlen("Bearer ")) != 0) {
        return NULL;
    }
    const char *list = challenge + strlen("Bearer ");
    g_autofree char *realm = find_parameter(list, "realm");
    /* Not to files of ours. */
    if (realm == NULL || (!g_str_has_prefix(realm, "http://") && !g_str_has_prefix(realm, "https://"))) {
        return NULL;
    }
    GString *url = g_string_new(realm);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *value = find_parameter(list, keys[i]);
        if (value != NULL) {
            g_autofree char *escaped = g_uri_escape_string(value, ":/,", FALSE);
            g_string_append_printf(url, "%c%s=%s", strchr(url->str, '?') == NULL ? '?' : '&', keys[i], escaped);
        }
    }
    return g_string_free(url, FALSE);
}

/* What may stand in a header without breaking it. */
static gboolean is_token(const char *text)
{
    const char *c = text;
    while (*c > ' ' && *c < 0x7f) {
        c++;
    }
    return c > text && *c == '\0';
}

char *docker_token_parse(const char *text, gsize length)
{
    cJSON *json = parse_json(text, length);
    const char *token = string_of(json, "token");
    if (token == NULL) {
        token = string_of(json, "access_token");
    }
    char *copy = token != NULL && is_token(token) ? g_strdup(token) : NULL;
    cJSON_Delete(json);
    return copy;
}
