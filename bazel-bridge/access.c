#include "access.h"
#include "watched-file.h"

#include <openssl/crypto.h>
#include <string.h>

struct SluiceAccess {
    SluiceRole anonymous;
    GPtrArray *names; /* char * */
    GArray *roles;    /* SluiceRole */
    char *token_file;
    SluiceFileStamp stamp;
    GMutex lock; /* for `tokens` */
    SluiceTokens *tokens;
};

static const char *const role_names[] = {
    [SLUICE_ROLE_NONE] = "none", [SLUICE_ROLE_READ] = "read", [SLUICE_ROLE_READ_WRITE] = "read-write"};

gboolean sluice_role_parse(const char *text, SluiceRole *out)
{
    for (gsize i = 0; i < G_N_ELEMENTS(role_names); i++)
        if (strcmp(role_names[i], text) == 0) {
            *out = (SluiceRole)i;
            return TRUE;
        }
    return FALSE;
}

const char *sluice_role_name(SluiceRole role)
{
    return role_names[role];
}

static SluiceTokens *load_tokens(const char *path, GError **error)
{
    gsize length = 0;
    g_autofree char *text =
        sluice_watched_file_read(path, TRUE, SLUICE_LIMIT_TOKEN_FILE, SLUICE_BRIDGE_ERROR_TOKENS, &length, error);
    if (text == NULL)
        return NULL;
    SluiceTokens *tokens = sluice_tokens_parse(path, text, length, error);
    OPENSSL_cleanse(text, length);
    return tokens;
}

SluiceAccess *sluice_access_new(const SluiceAccessOptions *options, GError **error)
{
    g_autoptr(SluiceAccess) access = g_new0(SluiceAccess, 1);
    g_mutex_init(&access->lock);
    access->anonymous = options->anonymous;
    access->names = g_ptr_array_new_with_free_func(g_free);
    access->roles = g_array_new(FALSE, FALSE, sizeof(SluiceRole));
    for (gsize i = 0; i < options->n_certificates; i++) {
        g_ptr_array_add(access->names, g_strdup(options->certificates[i].name));
        g_array_append_val(access->roles, options->certificates[i].role);
    }
    if (options->token_file == NULL)
        return g_steal_pointer(&access);
    access->token_file = g_strdup(options->token_file);
    sluice_file_stamp(access->token_file, &access->stamp);
    access->tokens = load_tokens(access->token_file, error);
    if (access->tokens != NULL && sluice_tokens_count(access->tokens) == 0) {
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_TOKENS,
                    "%s has no token: a line is NAME ROLE TOKEN", access->token_file);
        return NULL;
    }
    return access->tokens != NULL ? g_steal_pointer(&access) : NULL;
}

gboolean sluice_access_reload(SluiceAccess *access, gboolean *changed, GError **error)
{
    SluiceFileStamp stamp;
    *changed = FALSE;
    if (access->token_file == NULL)
        return TRUE;
    sluice_file_stamp(access->token_file, &stamp);
    if (sluice_file_stamp_equal(&stamp, &access->stamp))
        return TRUE;
    access->stamp = stamp;
    SluiceTokens *tokens = load_tokens(access->token_file, error);
    if (tokens == NULL)
        return FALSE;
    g_mutex_lock(&access->lock);
    SluiceTokens *old = access->tokens;
    access->tokens = tokens;
    g_mutex_unlock(&access->lock);
    sluice_tokens_free(old);
    *changed = TRUE;
    return TRUE;
}

void sluice_access_free(SluiceAccess *access)
{
    g_clear_pointer(&access->tokens, sluice_tokens_free);
    g_ptr_array_unref(access->names);
    g_array_unref(access->roles);
    g_free(access->token_file);
    g_mutex_clear(&access->lock);
    g_free(access);
}

gboolean sluice_access_check_header(SluiceAccess *access, const void *value, gsize length, GRefString **user,
                                    SluiceRole *role)
{
    static const char scheme[] = "bearer ";
    const gsize prefix = strlen(scheme);
    const char *name = NULL;
    if (length <= prefix || g_ascii_strncasecmp(value, scheme, prefix) != 0)
        return FALSE;
    g_mutex_lock(&access->lock);
    gboolean found = access->tokens != NULL &&
                     sluice_tokens_find(access->tokens, (const char *)value + prefix, length - prefix, &name, role);
    if (found)
        *user = g_ref_string_new(name);
    g_mutex_unlock(&access->lock);
    return found;
}

gboolean sluice_access_has_tokens(const SluiceAccess *access)
{
    return access->token_file != NULL;
}

static gboolean has_name(const GPtrArray *names, const char *wanted)
{
    if (strcmp(wanted, "*") == 0)
        return TRUE;
    for (guint i = 0; i < names->len; i++)
        if (strcmp(g_ptr_array_index(names, i), wanted) == 0)
            return TRUE;
    return FALSE;
}

SluiceRole sluice_access_of_certificate(const SluiceAccess *access, const GPtrArray *names)
{
    for (guint i = 0; i < access->names->len; i++)
        if (has_name(names, g_ptr_array_index(access->names, i)))
            return g_array_index(access->roles, SluiceRole, i);
    return SLUICE_ROLE_NONE;
}

SluiceRole sluice_access_of_anonymous(const SluiceAccess *access)
{
    return access->anonymous;
}
