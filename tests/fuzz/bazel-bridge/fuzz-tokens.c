/* A token file: whatever is accepted can be looked up, and errors name a line and repeat nothing. */
#include "access.h"
#include "store.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line more is a token more, under its name. */
static void add_line(const uint8_t *data, size_t size, guint count)
{
    static const char line[] = "\nfuzzer read token-of-the-fuzzer\n", token[] = "token-of-the-fuzzer";
    const char *user = NULL;
    SluiceRole role = SLUICE_ROLE_NONE;
    g_autoptr(GString) text = g_string_new_len((const char *)data, (gssize)size);
    g_string_append(text, line);
    g_autoptr(SluiceTokens) tokens = sluice_tokens_parse("tokens", text->str, text->len, NULL);
    if (tokens == NULL)
        return; /* it has this token already, or as many as may be */
    fuzz_check(sluice_tokens_count(tokens) == count + 1);
    fuzz_check(sluice_tokens_find(tokens, token, strlen(token), &user, &role));
    fuzz_check(strcmp(user, "fuzzer") == 0 && role == SLUICE_ROLE_READ);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTokens) tokens = sluice_tokens_parse("tokens", (const char *)data, size, &error);
    const char *user = NULL;
    SluiceRole role;
    if (tokens == NULL) {
        fuzz_check(error != NULL && g_str_has_prefix(error->message, "tokens:"));
        return 0;
    }
    fuzz_check(error == NULL);
    fuzz_check(!sluice_tokens_find(tokens, "", 0, &user, &role));
    fuzz_check(!sluice_tokens_find(tokens, data, MIN(size, 15), &user, &role));
    add_line(data, size, sluice_tokens_count(tokens));
    return 0;
}
