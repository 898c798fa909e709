/* toml-write.c - values as text. */
#include "toml.h"

#include <string.h>

static void write_string(const char *text, GString *out)
{
    static const char escapes[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    g_string_append_c(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        const char *known = strchr(escapes, *c);
        if (known != NULL) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, names[known - escapes]);
        } else if ((guchar)*c < 0x20 || *c == 0x7f) {
            g_string_append_printf(out, "\\u%04x", (guchar)*c);
        } else {
            g_string_append_c(out, *c);
        }
    }
    g_string_append_c(out, '"');
}

void toml_write_key(const char *key, GString *out)
{
    static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (*key != '\0' && strspn(key, bare) == strlen(key)) {
        g_string_append(out, key);
    } else {
        write_string(key, out);
    }
}

void toml_write_pair(const char *key, const char *text, GString *out)
{
    toml_write_key(key, out);
    g_string_append(out, " = ");
    write_string(text, out);
    g_string_append_c(out, '\n');
}
