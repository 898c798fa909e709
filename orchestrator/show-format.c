/* show-format.c - the templates of `show` */
#include "show-format.h"
#include <string.h>

/* Wider columns are a mistake, or an attack on memory. */
#define WIDTH_MAX 10000

/* ---- Python's format specifications for strings --------------------------------------------------------------------------- */

typedef struct {
    gunichar fill;
    char align;
    guint64 width, precision; /* precision: G_MAXUINT64 for none */
} Specification;

static gboolean is_align(const char *c)
{
    return *c && strchr("<>^", *c) != NULL;
}

static gboolean read_number(const char **at, guint64 *out)
{
    *out = g_ascii_strtoull(*at, (char **)at, 10);
    return *out <= WIDTH_MAX;
}

static gboolean parse_specification(const char *at, Specification *out)
{
    *out = (Specification){' ', '<', 0, G_MAXUINT64};
    if (*at && is_align(g_utf8_next_char(at))) {
        out->fill = g_utf8_get_char(at);
        at = g_utf8_next_char(at);
    }
    if (is_align(at))
        out->align = *at++;
    else if (*at == '0') {
        out->fill = '0';
        at++;
    }
    if (g_ascii_isdigit(*at) && !read_number(&at, &out->width))
        return FALSE;
    if (*at == '.') {
        at++;
        if (!g_ascii_isdigit(*at) || !read_number(&at, &out->precision))
            return FALSE;
    }
    at += *at == 's';
    return *at == '\0';
}

static void append_fill(GString *out, gunichar fill, guint64 count)
{
    while (count-- > 0)
        g_string_append_unichar(out, fill);
}

char *format_string(const char *text, const char *specification, GError **error)
{
    Specification spec;
    if (!g_utf8_validate(specification, -1, NULL) || !parse_specification(specification, &spec)) {
        error_set(error, ERROR_APP, NULL, NULL,
                  "Invalid format specification '%s': it is [[fill]align][width][.precision], align one of < > ^",
                  specification);
        return NULL;
    }
    guint64 length = MIN((guint64)g_utf8_strlen(text, -1), spec.precision);
    gsize bytes = g_utf8_offset_to_pointer(text, length) - text;
    guint64 padding = spec.width > length ? spec.width - length : 0;
    guint64 before = spec.align == '<' ? 0 : spec.align == '>' ? padding : padding / 2;
    GString *out = g_string_new(NULL);
    append_fill(out, spec.fill, before);
    g_string_append_len(out, text, bytes);
    append_fill(out, spec.fill, padding - before);
    return g_string_free(out, FALSE);
}

/* ---- Tokens --------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const ShowOptions *options;
    Element *element;
    const char *color; /* set by a token that has a colour of its own */
} Subject;

static char *token_name(Subject *subject)
{
    return g_strdup(subject->element->full_name);
}

static char *token_kind(Subject *subject)
{
    return g_strdup(subject->element->kind_name);
}

static char *token_description(Subject *subject)
{
    return g_strdup(subject->element->description ? subject->element->description : "");
}

static char *token_full_key(Subject *subject)
{
    const char *key = subject->element->strict_key;
    return *key ? g_strdup(key) : g_strnfill(64, '?');
}

static char *token_key(Subject *subject)
{
    g_autofree char *key = token_full_key(subject);
    return g_strndup(key, subject->options->key_length);
}

static char *token_state(Subject *subject)
{
    static const char *const colors[] = {"31", "35", "31", "35", "31", "32", "34"};
    if (!subject->options->states)
        return g_strdup("");
    ElementState state = states_get(subject->options->states, subject->element);
    subject->color = colors[state];
    return g_strdup(element_state_name(state));
}

static char *emit(const Node *node)
{
    return node ? node_emit(node) : g_strdup("{}\n");
}

static char *token_config(Subject *subject)
{
    return emit(subject->element->config);
}

static char *token_variables(Subject *subject)
{
    return emit(subject->element->variables);
}

static char *token_environment(Subject *subject)
{
    return emit(subject->element->environment);
}

static char *token_public(Subject *subject)
{
    return emit(subject->element->public_);
}

static char *token_nothing(Subject *subject)
{
    return g_strdup("");
}

/* Direct dependencies of any of the `types`, as a YAML list in staging order. */
static char *dependency_list(const Element *element, unsigned types)
{
    Arena *arena = arena_new();
    Node *list = node_new_sequence(arena, NULL);
    for (gsize i = 0; i < element->n_dependencies; i++)
        if (element->dependencies[i].types & types)
            node_append(arena, list, node_new_scalar(arena, element->dependencies[i].element->full_name, NULL));
    char *text = node_size(list) > 0 ? g_strchomp(node_emit(list)) : g_strdup("[]");
    arena_free(arena);
    return text;
}

static char *token_deps(Subject *subject)
{
    return dependency_list(subject->element, DEP_BUILD | DEP_RUNTIME);
}

static char *token_build_deps(Subject *subject)
{
    return dependency_list(subject->element, DEP_BUILD);
}

static char *token_runtime_deps(Subject *subject)
{
    return dependency_list(subject->element, DEP_RUNTIME);
}

static char *token_source_info(Subject *subject)
{
    return g_strdup("[]\n");
}

static char *token_artifact_digest(Subject *subject)
{
    const Artifact *artifact =
        subject->options->states ? states_artifact(subject->options->states, subject->element) : NULL;
    if (!artifact || !artifact->success)
        return g_strdup("");
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strdup(sluice_digest_string(&artifact->files, text));
}

/* Longer names stand before their prefixes. */
static const struct {
    const char *name;
    char *(*text)(Subject *subject);
    const char *color;
    gboolean needs_states;
} tokens[] = {
    {"name", token_name, "34;1"},
    {"kind", token_kind},
    {"description", token_description},
    {"key", token_key, "33", TRUE},
    {"full-key", token_full_key, "33", TRUE},
    {"state", token_state, "35", TRUE},
    {"config", token_config},
    {"vars", token_variables},
    {"env", token_environment},
    {"public", token_public},
    {"workspaced", token_nothing, "35"},
    {"workspace-dirs", token_nothing, "35"},
    {"deps", token_deps},
    {"build-deps", token_build_deps},
    {"runtime-deps", token_runtime_deps},
    {"source-info", token_source_info},
    {"artifact-cas-digest", token_artifact_digest, NULL, TRUE},
};

/* The token that "%{…}" names, and the ends of its name and of the whole; -1 if it is plain text. */
static int find_token(const char *text, const char **specification, const char **end)
{
    gsize length = strcspn(text + 2, ":}");
    const char *stop = strchr(text, '}');
    if (!stop)
        return -1;
    for (guint i = 0; i < G_N_ELEMENTS(tokens); i++)
        if (strlen(tokens[i].name) == length && strncmp(tokens[i].name, text + 2, length) == 0) {
            *specification = text + 2 + length + (text[2 + length] == ':');
            *end = stop + 1;
            return i;
        }
    return -1;
}

gboolean show_format_needs_states(const char *format)
{
    const char *specification, *end;
    for (const char *at = strstr(format, "%{"); at; at = strstr(at + 2, "%{")) {
        int token = find_token(at, &specification, &end);
        if (token >= 0 && tokens[token].needs_states)
            return TRUE;
    }
    return FALSE;
}

static gboolean append_token(Subject *subject, int token, const char *specification, const char *end, GString *out,
                             GError **error)
{
    subject->color = tokens[token].color;
    g_autofree char *text = tokens[token].text(subject);
    g_autofree char *wanted = g_strndup(specification, end - 1 - specification);
    g_autofree char *shown = format_string(text, wanted, error);
    if (!shown)
        return FALSE;
    if (subject->options->colors && subject->color)
        g_string_append_printf(out, "\033[%sm%s\033[0m", subject->color, shown);
    else
        g_string_append(out, shown);
    return TRUE;
}

gboolean show_format_element(const ShowOptions *options, Element *element, GString *out, GError **error)
{
    Subject subject = {options, element, NULL};
    for (const char *at = options->format; *at;) {
        const char *specification, *end;
        int token = g_str_has_prefix(at, "%{") ? find_token(at, &specification, &end) : -1;
        if (token < 0) {
            g_string_append_c(out, *at++);
            continue;
        }
        if (!append_token(&subject, token, specification, end, out, error))
            return FALSE;
        at = end;
    }
    g_string_append_c(out, '\n');
    return TRUE;
}
