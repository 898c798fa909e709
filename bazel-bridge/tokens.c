#include "access.h"

#include <openssl/crypto.h>
#include <string.h>

enum {
    HASH = 32,
    TOKENS_MAX = 1000,
    /* What is shorter can be guessed. */
    TOKEN_MIN = 16,
    TOKEN_MAX = 4096,
    NAME_MAX_LENGTH = 64
};

typedef struct {
    guint8 hash[HASH];
    GRefString *name;
    SluiceRole role;
} Token;

struct SluiceTokens {
    GArray *all; /* Token */
};

static void token_clear(gpointer data)
{
    Token *token = data;
    g_ref_string_release(token->name);
}

static void hash_token(const void *token, gsize length, guint8 out[HASH])
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize size = HASH;
    g_checksum_update(checksum, token, (gssize)length);
    g_checksum_get_digest(checksum, out, &size);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------------------- */

static gboolean is_name(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum(*at) && strchr("._-@/+:", *at) == NULL)
            return FALSE;
    return *text != '\0' && strlen(text) <= NAME_MAX_LENGTH;
}

static const char *parse_hash(const char *digits, guint8 out[HASH])
{
    if (strlen(digits) != 2 * HASH)
        return "sha256: is followed by 64 hexadecimal digits";
    for (gsize i = 0; i < HASH; i++) {
        int high = g_ascii_xdigit_value(digits[2 * i]), low = g_ascii_xdigit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return "sha256: is followed by 64 hexadecimal digits";
        out[i] = (guint8)(high << 4 | low);
    }
    return NULL;
}

static const char *parse_secret(const char *text, guint8 out[HASH])
{
    gsize length = strlen(text);
    if (g_str_has_prefix(text, "sha256:"))
        return parse_hash(text + strlen("sha256:"), out);
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isgraph(text[i]))
            return "a token has printable ASCII characters only";
    if (length < TOKEN_MIN)
        return "the token is shorter than 16 characters: make one with `openssl rand -hex 32`";
    if (length > TOKEN_MAX)
        return "the token is longer than 4096 characters";
    hash_token(text, length, out);
    return NULL;
}

static const char *check_new(const SluiceTokens *tokens, const Token *token)
{
    if (tokens->all->len >= TOKENS_MAX)
        return "there are more than 1000 tokens";
    for (guint i = 0; i < tokens->all->len; i++)
        if (memcmp(g_array_index(tokens->all, Token, i).hash, token->hash, HASH) == 0)
            return "the token was given before";
    return NULL;
}

static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    char *end = word + strcspn(word, " \t");
    *at = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return word;
}

/* What is wrong with the line, or NULL. */
static const char *parse_line(SluiceTokens *tokens, char *line)
{
    char *name = next_word(&line), *role = next_word(&line), *secret = next_word(&line), *rest = next_word(&line);
    Token token = {0};
    if (*name == '\0' || *name == '#')
        return NULL;
    if (*secret == '\0' || (*rest != '\0' && *rest != '#'))
        return "a line is NAME ROLE TOKEN";
    if (!is_name(name))
        return "a name has at most 64 letters, digits and any of ._-@/+:";
    if (!sluice_role_parse(role, &token.role) || token.role == SLUICE_ROLE_NONE)
        return "the role is read or read-write";
    const char *problem = parse_secret(secret, token.hash);
    if (problem == NULL)
        problem = check_new(tokens, &token);
    if (problem != NULL)
        return problem;
    token.name = g_ref_string_new(name);
    g_array_append_val(tokens->all, token);
    return NULL;
}

SluiceTokens *sluice_tokens_parse(const char *name, const char *text, gsize length, GError **error)
{
    g_autoptr(SluiceTokens) tokens = g_new0(SluiceTokens, 1);
    tokens->all = g_array_new(FALSE, FALSE, sizeof(Token));
    g_array_set_clear_func(tokens->all, token_clear);
    const char *end = text + length;
    for (guint number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (gsize)(end - text));
        gsize size = (gsize)((newline != NULL ? newline : end) - text);
        g_autofree char *line = g_strndup(text, size);
        const char *problem = memchr(text, '\0', size) != NULL ? "there is a NUL byte" : NULL;
        if (problem == NULL)
            problem = parse_line(tokens, g_strchomp(line));
        OPENSSL_cleanse(line, strlen(line));
        if (problem != NULL) {
            g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_TOKENS, "%s:%u: %s", name, number, problem);
            return NULL;
        }
        text += size + 1;
    }
    return g_steal_pointer(&tokens);
}

void sluice_tokens_free(SluiceTokens *tokens)
{
    g_array_unref(tokens->all);
    g_free(tokens);
}

/* ---- Finding ------------------------------------------------------------------------------------------------------------------ */

gboolean sluice_tokens_find(const SluiceTokens *tokens, const void *token, gsize length, const char **user,
                            SluiceRole *role)
{
    guint8 hash[HASH];
    const Token *found = NULL;
    if (length > TOKEN_MAX)
        return FALSE;
    hash_token(token, length, hash);
    for (guint i = 0; i < tokens->all->len; i++) {
        const Token *each = &g_array_index(tokens->all, Token, i);
        if (CRYPTO_memcmp(each->hash, hash, HASH) == 0)
            found = each;
    }
    if (found == NULL)
        return FALSE;
    *user = found->name;
    *role = found->role;
    return TRUE;
}

guint sluice_tokens_count(const SluiceTokens *tokens)
{
    return tokens->all->len;
}
