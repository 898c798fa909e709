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

/* ---- Documents ---------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    GString *out, *path; /* `path`: the keys of the table that is being written, with dots */
    gsize limit;
} Writer;

static gboolean is_table(const Toml *value)
{
    return toml_type(value) == TOML_TABLE;
}

/* Array of tables: a header for each. */
static gboolean is_tables(const Toml *value)
{
    gboolean all = toml_type(value) == TOML_ARRAY && toml_size(value) > 0;
    for (gsize i = 0; all && i < toml_size(value); i++) {
        all = is_table(toml_at(value, i));
    }
    return all;
}

static gboolean has_header(const Toml *value)
{
    return is_table(value) || is_tables(value);
}

/* Nothing but tables in a table: their headers say that it is there. */
static gboolean is_implied(const Toml *table)
{
    gboolean all = toml_size(table) > 0;
    for (gsize i = 0; all && i < toml_size(table); i++) {
        all = has_header(toml_at(table, i));
    }
    return all;
}

static gboolean is_full(const Writer *writer)
{
    return writer->out->len > writer->limit;
}

/* As it was written, but for what may stand between digits. */
static void write_scalar(Writer *writer, const Toml *value)
{
    gboolean number = toml_type(value) == TOML_INTEGER || toml_type(value) == TOML_FLOAT;
    for (const char *c = toml_text(value); *c != '\0'; c++) {
        if (!number || *c != '_') {
            g_string_append_c(writer->out, *c);
        }
    }
}

/* `nested`: directly in another one on the same line. */
static void write_inline(Writer *writer, const Toml *value, gboolean nested)
{
    gboolean table = is_table(value);
    if (toml_type(value) == TOML_STRING) {
        write_string(toml_text(value), writer->out);
        return;
    }
    if (!table && toml_type(value) != TOML_ARRAY) {
        write_scalar(writer, value);
        return;
    }
    g_string_append_c(writer->out, table ? '{' : '[');
    for (gsize i = 0; i < toml_size(value) && !is_full(writer); i++) {
        g_string_append(writer->out, i == 0 ? "" : nested ? "," : ", ");
        if (table) {
            toml_write_key(toml_key_at(value, i), writer->out);
            g_string_append(writer->out, " = ");
        }
        write_inline(writer, toml_at(value, i), table && is_table(toml_at(value, i)));
    }
    g_string_append_c(writer->out, table ? '}' : ']');
}

/* The pairs of a table that need no header.  TRUE if there were any. */
static gboolean write_pairs(Writer *writer, const Toml *table)
{
    gboolean any = FALSE;
    for (gsize i = 0; i < toml_size(table) && !is_full(writer); i++) {
        const Toml *value = toml_at(table, i);
        if (!has_header(value)) {
            any = TRUE;
            toml_write_key(toml_key_at(table, i), writer->out);
            g_string_append(writer->out, " = ");
            write_inline(writer, value, FALSE);
            g_string_append_c(writer->out, '\n');
        }
    }
    return any;
}

static void write_table(Writer *writer, const Toml *table, gboolean element);

static void write_header(Writer *writer, const char *form)
{
    g_string_append_printf(writer->out, form, writer->path->str);
}

static void write_below(Writer *writer, const Toml *value, gboolean gap)
{
    if (is_table(value)) {
        g_string_append(writer->out, gap ? "\n" : "");
        if (!is_implied(value)) {
            write_header(writer, "[%s]\n");
        }
        write_table(writer, value, FALSE);
        return;
    }
    for (gsize i = 0; i < toml_size(value) && !is_full(writer); i++) {
        gboolean apart = i == 0 ? gap : toml_size(toml_at(value, i - 1)) > 0;
        g_string_append(writer->out, apart ? "\n" : "");
        write_header(writer, "[[%s]]\n");
        write_table(writer, toml_at(value, i), TRUE);
    }
}

/* `gap`: an empty line comes before the first. */
static gboolean write_tables(Writer *writer, const Toml *table, gboolean gap, gboolean (*wanted)(const Toml *))
{
    gsize length = writer->path->len;
    for (gsize i = 0; i < toml_size(table) && !is_full(writer); i++) {
        const Toml *value = toml_at(table, i);
        if (!wanted(value)) {
            continue;
        }
        g_string_append(writer->path, length > 0 ? "." : "");
        toml_write_key(toml_key_at(table, i), writer->path);
        write_below(writer, value, gap);
        g_string_truncate(writer->path, length);
        gap = TRUE;
    }
    return gap;
}

/* Pairs go before an array of tables that was there first without a line between them. */
static gboolean tables_come_first(const Toml *table, gboolean element)
{
    gsize first = 0;
    while (element && first < toml_size(table) && is_table(toml_at(table, first))) {
        first++;
    }
    return first < toml_size(table) && is_tables(toml_at(table, first));
}

/* In an element of an array of tables, single tables come last. */
static void write_table(Writer *writer, const Toml *table, gboolean element)
{
    gboolean gap = write_pairs(writer, table) && !tables_come_first(table, element);
    gap = write_tables(writer, table, gap, element ? is_tables : has_header);
    if (element) {
        write_tables(writer, table, gap, is_table);
    }
}

gboolean toml_write(const Toml *table, gsize limit, GString *out)
{
    g_autoptr(GString) path = g_string_new(NULL);
    Writer writer = {out, path, limit};
    write_table(&writer, table, FALSE);
    return !is_full(&writer);
}
