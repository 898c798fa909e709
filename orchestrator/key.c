/*
 * key.c - cache keys, bit by bit those of BuildStream 2.8.
 *
 * A key is the hash of one long line of JSON.  Its tail, all but the dependencies, is written here; most of it is the same for thousands of elements, so shared parts are
 * turned into text once.  key-hash.c hashes it behind the dependencies of many elements; the whole text is put together here only where one element's is wanted.
 */
#include "cas.h"
#include "key-private.h"
#include "node-private.h"

#include <string.h>

typedef struct KeyWriter {
    Session *session;
    GString *tail, *dependencies;
    GPtrArray *scope;
    GArray *stack;
    guint32 *seen;
    guint32 stamp;
} Keys;

/* ---- Texts ---- */

/* The text of a shared node, without some of its top keys. */
typedef struct {
    const char *const *without;
    gsize length;
    char text[];
} KeyText;

static void write_node(Session *session, const Node *node, const char *const *without, GString *out);

static void write_mapping(Session *session, const Node *node, const char *const *without, GString *out)
{
    const NodeEntry *few[32];
    g_autofree const NodeEntry **many = node->size > G_N_ELEMENTS(few) ? g_new(const NodeEntry *, node->size) : NULL;
    const NodeEntry **sorted = many != NULL ? many : few;
    gboolean first = TRUE;
    node_sort_entries(node, sorted);
    g_string_append_c(out, '{');
    for (guint32 i = 0; i < node->size; i++) {
        if (without != NULL && g_strv_contains(without, sorted[i]->key)) {
            continue;
        }
        if (!first) {
            g_string_append_c(out, ',');
        }
        first = FALSE;
        json_write_string(sorted[i]->key, out);
        g_string_append_c(out, ':');
        write_node(session, sorted[i]->value, NULL, out);
    }
    g_string_append_c(out, '}');
}

static void write_fresh(Session *session, const Node *node, const char *const *without, GString *out)
{
    if (node->type == NODE_SCALAR) {
        json_write_string(node->text, out);
        return;
    }
    if (node->type == NODE_MAPPING) {
        write_mapping(session, node, without, out);
        return;
    }
    g_string_append_c(out, '[');
    for (guint32 i = 0; i < node->size; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        write_node(session, node->items[i], NULL, out);
    }
    g_string_append_c(out, ']');
}

/* The node as JSON; what is shared is remembered.  `without` (or NULL): top keys to leave out; of one shared node mostly the same list. */
static void write_node(Session *session, const Node *node, const char *const *without, GString *out)
{
    gboolean worth = (node->flags & NODE_IS_SHARED) != 0 && node->type != NODE_SCALAR;
    KeyText *known = worth ? g_hash_table_lookup(session->key_texts, node) : NULL;
    if (known != NULL && known->without == without) {
        json_put(out, known->text, known->length);
        return;
    }
    gsize start = out->len;
    write_fresh(session, node, without, out);
    if (worth && known == NULL) {
        gsize length = out->len - start;
        known = g_malloc(sizeof *known + length);
        known->without = without;
        known->length = length;
        memcpy(known->text, out->str + start, length);
        g_hash_table_insert(session->key_texts, (gpointer)node, known);
    }
}

static void write_sandbox(const SandboxConfig *sandbox, GString *out)
{
    g_string_append(out, "{\"build-arch\":");
    json_write_string(sandbox->build_arch, out);
    if (sandbox->build_gid >= 0) {
        g_string_append_printf(out, ",\"build-gid\":%" G_GINT64_FORMAT, sandbox->build_gid);
    }
    g_string_append(out, ",\"build-os\":");
    json_write_string(sandbox->build_os, out);
    if (sandbox->build_uid >= 0) {
        g_string_append_printf(out, ",\"build-uid\":%" G_GINT64_FORMAT, sandbox->build_uid);
    }
    if (sandbox->recc) {
        g_string_append(out, ",\"recc\":true");
    }
    if (sandbox->remote_apis_socket != NULL) {
        g_string_append(out, ",\"remote-apis-socket\":{");
        if (sandbox->action_cache_enable_update) {
            g_string_append(out, "\"action-cache-enable-update\":true,");
        }
        g_string_append(out, "\"path\":");
        json_write_string(sandbox->remote_apis_socket, out);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, '}');
}

static void write_fatal_warnings(const Project *project, GString *out)
{
    g_string_append_c(out, '[');
    for (const char *const *token = project->fatal_warnings; *token != NULL; token++) {
        if (token != project->fatal_warnings) {
            g_string_append_c(out, ',');
        }
        json_write_string(*token, out);
    }
    g_string_append_c(out, ']');
}

/* FALSE with *resolved FALSE and no error: a source has no ref. */
static gboolean write_sources(const Element *element, Arena *scratch, GString *out, gboolean *resolved, GError **error)
{
    g_string_append_c(out, '[');
    for (gsize i = 0; i < element->n_sources; i++) {
        Source *source = element->sources[i];
        source->key[0] = '\0';
        *resolved &= source->kind->unique_key != NULL && source_is_resolved(source);
        if (!*resolved) {
            continue;
        }
        g_string_append(out, i > 0 ? ",{" : "{");
        if (source->directory != NULL) {
            g_string_append(out, "\"directory\":");
            json_write_string(source->directory, out);
            g_string_append_c(out, ',');
        }
        g_string_append(out, "\"key\":");
        if (!source_write_key(source, scratch, out, error)) {
            return FALSE;
        }
        g_string_append(out, ",\"name\":");
        json_write_string(source->kind->name, out);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return TRUE;
}

gboolean key_is_known_kind(const Element *element)
{
    return strcmp(element->kind_name, "link") != 0 && element->kind->unique_key != NULL;
}

gboolean key_write_tail(Session *session, Element *element, Arena *scratch, GString *out, gboolean *resolved,
                        GError **error)
{
    const char *build_root =
        element->variables != NULL ? element_variable(element, "build-root") : element_data(element)->build_root;
    g_string_append(out, ",\"element-base-key\":{\"build-root\":");
    if (build_root != NULL) {
        json_write_string(build_root, out);
    } else {
        g_string_append(out, "null");
    }
    g_string_append(out, "},\"element-plugin-key\":");
    json_write(element->kind->unique_key(element, scratch), out);
    g_string_append(out, ",\"element-plugin-name\":");
    json_write_string(element->kind_name, out);
    g_string_append_printf(out, ",\"element-plugin-version\":%d", element->kind->artifact_version);
    if ((element->flags & KIND_RUNS_COMMANDS) != 0) {
        const char *const *nocache = element->environment_nocache;
        g_string_append(out, ",\"environment\":");
        write_node(session, element->environment, nocache != NULL && *nocache != NULL ? nocache : NULL, out);
    }
    g_string_append(out, ",\"fatal-warnings\":");
    write_fatal_warnings(element->project, out);
    g_string_append(out, ",\"public\":");
    write_node(session, element->public_, NULL, out);
    if ((element->flags & KIND_RUNS_COMMANDS) != 0) {
        g_string_append(out, ",\"sandbox\":");
        write_sandbox(&element->sandbox, out);
    }
    g_string_append(out, ",\"sources\":");
    return write_sources(element, scratch, out, resolved, error);
}

void key_write_name(const Element *element, GString *out)
{
    g_string_append_c(out, '[');
    json_write_string(element->project->name, out);
    g_string_append_c(out, ',');
    json_write_string(element->name, out);
}

gboolean key_depends_strictly(const Element *element, const Element *other)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if (element->dependencies[i].element == other) {
            return element->dependencies[i].strict;
        }
    }
    return FALSE;
}

gboolean key_has_strict_dependency(const Element *element)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if (element->dependencies[i].strict) {
            return TRUE;
        }
    }
    return FALSE;
}

static const char *key_of(const Element *element, KeyStrength strength)
{
    return strength == KEY_WEAK     ? element->weak_key
           : strength == KEY_STRICT ? element->strict_key
                                    : element->strong_key;
}

/* The build scope as the key lists it.  FALSE if a key is missing. */
static gboolean write_dependencies(Keys *keys, const Element *element, KeyStrength strength)
{
    GString *out = keys->dependencies;
    gboolean weak = strength == KEY_WEAK;
    gboolean rebuild = (element->flags & KIND_STRICT_REBUILD) != 0;
    gboolean look_for_strict = weak && !rebuild && key_has_strict_dependency(element);
    g_string_assign(out, KEY_HEAD);
    for (guint i = 0; i < keys->scope->len; i++) {
        const Element *other = g_ptr_array_index(keys->scope, i);
        const char *key = key_of(other, strength);
        gboolean with_key = !weak || rebuild || (look_for_strict && key_depends_strictly(element, other));
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        key_write_name(other, out);
        if (with_key && *key == '\0') {
            return FALSE;
        }
        if (with_key) {
            g_string_append_len(out, ",\"", 2);
            g_string_append_len(out, key, 64);
            g_string_append_c(out, '"');
        }
        g_string_append_c(out, ']');
    }
    g_string_append_c(out, ']');
    return TRUE;
}

static void find_scope(Keys *keys, Element *element)
{
    g_ptr_array_set_size(keys->scope, 0);
    elements_scope_into(element, SCOPE_BUILD, keys->seen, ++keys->stamp, keys->stack, keys->scope);
}

KeyWriter *key_writer_new(Session *session)
{
    KeyWriter *writer = g_new0(KeyWriter, 1);
    writer->session = session;
    writer->tail = g_string_sized_new(8192);
    writer->dependencies = g_string_sized_new(8192);
    writer->scope = g_ptr_array_new();
    writer->stack = elements_scope_stack();
    writer->seen = g_new0(guint32, session->elements->len + 1);
    return writer;
}

void key_writer_free(KeyWriter *writer)
{
    g_string_free(writer->tail, TRUE);
    g_string_free(writer->dependencies, TRUE);
    g_ptr_array_unref(writer->scope);
    g_array_unref(writer->stack);
    g_free(writer->seen);
    g_free(writer);
}

char *key_writer_text(KeyWriter *writer, Element *element, KeyStrength strength, GError **error)
{
    gboolean resolved = TRUE;
    g_string_truncate(writer->tail, 0);
    Arena *scratch = arena_new();
    gboolean known = key_is_known_kind(element) &&
                     key_write_tail(writer->session, element, scratch, writer->tail, &resolved, error) && resolved;
    arena_free(scratch);
    if (!known) {
        return NULL;
    }
    find_scope(writer, element);
    if (!write_dependencies(writer, element, strength) || (strength != KEY_WEAK && element->weak_key[0] == '\0')) {
        return NULL;
    }
    GString *text = g_string_new_len(writer->dependencies->str, (gssize)writer->dependencies->len);
    g_string_append_len(text, writer->tail->str, (gssize)writer->tail->len);
    if (strength != KEY_WEAK) {
        g_string_append_printf(text, ",\"weak-cache-key\":\"%s\"", element->weak_key);
    }
    g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

/* All dependencies are what a strict build would use. */
static gboolean scope_is_strict(const Keys *keys)
{
    for (guint i = 0; i < keys->scope->len; i++) {
        const Element *other = g_ptr_array_index(keys->scope, i);
        if (strcmp(other->strong_key, other->strict_key) != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean key_writer_set_strong(KeyWriter *writer, Element *element, GError **error)
{
    find_scope(writer, element);
    element->strong_key[0] = '\0';
    if (scope_is_strict(writer)) {
        memcpy(element->strong_key, element->strict_key, sizeof element->strong_key);
        return TRUE;
    }
    GError *problem = NULL;
    g_autofree char *text = key_writer_text(writer, element, KEY_STRONG, &problem);
    if (text != NULL) {
        json_key_of_text(text, strlen(text), element->strong_key);
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
    }
    return problem == NULL;
}
