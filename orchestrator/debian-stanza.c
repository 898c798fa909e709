/* debian-stanza.c - see debian-stanza.h */
#include "debian-stanza.h"

#include <string.h>

void debian_reader_init(DebianReader *reader, char *text, gsize length, const char *name)
{
    *reader = (DebianReader){.position = text, .end = text + length, .name = name, .line = 1};
}

static gboolean bad(const DebianReader *reader, const char *what, GError **error)
{
    error_set(error, ERROR_SOURCE, "debian-index-invalid", NULL, "%s, line %u: %s", reader->name, reader->line, what);
    return FALSE;
}

/* The line at the reader's position, terminated in place; NULL with error if it holds a NUL. */
static char *take_line(DebianReader *reader, gsize *length, GError **error)
{
    char *line = reader->position;
    char *stop = memchr(line, '\n', (gsize)(reader->end - line));
    stop = stop != NULL ? stop : reader->end;
    if (memchr(line, '\0', (gsize)(stop - line)) != NULL) {
        bad(reader, "a NUL byte in the text", error);
        return NULL;
    }
    reader->position = stop < reader->end ? stop + 1 : reader->end;
    *stop = '\0';
    if (stop > line && stop[-1] == '\r') {
        *--stop = '\0';
    }
    *length = (gsize)(stop - line);
    return line;
}

static gboolean is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n')) {
        *--end = '\0';
    }
    return text + strspn(text, " \t");
}

/* The line just taken goes on with the value before it: what separates them becomes a newline. */
static gboolean continue_value(DebianReader *reader, DebianStanza *stanza, char *line, gsize length, char **value_end,
                               GError **error)
{
    if (stanza->count == 0) {
        return bad(reader, "a continuation line without a field", error);
    }
    (*value_end)[0] = '\n';
    memmove(*value_end + 1, line, length + 1);
    *value_end += 1 + length;
    return TRUE;
}

static gboolean begin_field(DebianReader *reader, DebianStanza *stanza, char *line, gsize length, char **value_end,
                            GError **error)
{
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line) {
        return bad(reader, "neither a field nor a continuation line", error);
    }
    *colon = '\0';
    if (strcspn(line, " \t") != (gsize)(colon - line)) {
        return bad(reader, "a field name with a blank in it", error);
    }
    if (stanza->count >= DEBIAN_STANZA_FIELDS_MAX) {
        return bad(reader, "too many fields in a stanza", error);
    }
    stanza->fields[stanza->count++] = (DebianField){line, colon + 1};
    *value_end = line + length;
    return TRUE;
}

static gboolean read_stanza(DebianReader *reader, DebianStanza *stanza, GError **error)
{
    char *value_end = NULL;
    for (; reader->position < reader->end; reader->line++) {
        gsize length;
        char *line = take_line(reader, &length, error);
        if (line == NULL) {
            return FALSE;
        }
        if (is_blank(line)) {
            if (stanza->count > 0) {
                reader->line++;
                return TRUE;
            }
            continue;
        }
        if (line[0] == '#') {
            continue;
        }
        if (stanza->count == 0) {
            stanza->line = reader->line;
        }
        gboolean more = line[0] == ' ' || line[0] == '\t';
        if (!(more ? continue_value(reader, stanza, line, length, &value_end, error)
                   : begin_field(reader, stanza, line, length, &value_end, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean debian_reader_next(DebianReader *reader, DebianStanza *stanza, GError **error)
{
    stanza->count = 0;
    stanza->line = reader->line;
    if (!read_stanza(reader, stanza, error)) {
        return FALSE;
    }
    for (guint i = 0; i < stanza->count; i++) {
        stanza->fields[i].value = trim((char *)stanza->fields[i].value);
    }
    return stanza->count > 0;
}

const char *debian_stanza_get(const DebianStanza *stanza, const char *name)
{
    for (guint i = 0; i < stanza->count; i++) {
        if (g_ascii_strcasecmp(stanza->fields[i].name, name) == 0) {
            return stanza->fields[i].value;
        }
    }
    return NULL;
}
