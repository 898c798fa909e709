/*
 * show-format.c - the templates of `show`.
 *
 * Tokens are replaced one after the other, each in the line that the ones before it left, so a text that looks like a later token is replaced as well.  Every text
 * that is put in carries a style, which ends in "reset"; without colours the styles are taken out at the end.  That decides what the end of the output looks like:
 * line breaks are cut from it, but not those before a style.
 */
#include "show-format.h"
#include "source-info.h"
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
    const char *start = at;
    *out = (Specification){' ', '<', 0, G_MAXUINT64};
    if (*at && is_align(g_utf8_next_char(at))) {
        out->fill = g_utf8_get_char(at);
        at = g_utf8_next_char(at);
    }
    gboolean has_fill = at != start;
    if (is_align(at))
        out->align = *at++;
    if (*at == '0' && !has_fill) {
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

#define STYLE_END "\033[0m"

typedef struct {
    const ShowOptions *options;
    Element *element;
    Arena *arena;
    const char *style; /* a token may set one of its own */
    gboolean dim;      /* the key is not the one of a strict build */
} Subject;

/* A token's text; free with g_free.  NULL with error. */
typedef char *(*TokenFunc)(Subject *subject, GError **error);

static char *token_name(Subject *subject, GError **error)
{
    return g_strdup(subject->element->full_name);
}

static char *token_kind(Subject *subject, GError **error)
{
    return g_strdup(subject->element->kind_name);
}

/* What Python takes for the end of a line. */
static gboolean is_line_end(gunichar c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* On one line. */
static char *token_description(Subject *subject, GError **error)
{
    const char *at = subject->element->description;
    GString *out = g_string_new(NULL);
    while (at && *at) {
        gunichar c = g_utf8_get_char(at);
        const char *next = g_utf8_next_char(at);
        if (c == '\r' && *next == '\n')
            next++;
        if (!is_line_end(c))
            g_string_append_unichar(out, c);
        else if (*next)
            g_string_append_c(out, ' ');
        at = next;
    }
    return g_string_free(out, FALSE);
}

static char *token_full_key(Subject *subject, GError **error)
{
    const char *key = subject->element->strong_key;
    return *key ? g_strdup(key) : g_strnfill(64, '?');
}

static char *token_key(Subject *subject, GError **error)
{
    g_autofree char *key = token_full_key(subject, error);
    return g_strndup(key, subject->options->key_length);
}

static char *token_state(Subject *subject, GError **error)
{
    static const char *const styles[] = {
        [STATE_NO_REFERENCE] = "\033[31m", [STATE_JUNCTION] = "\033[35m",     [STATE_FAILED] = "\033[31m",
        [STATE_CACHED] = "\033[35m",       [STATE_FETCH_NEEDED] = "\033[31m", [STATE_BUILDABLE] = "\033[32m",
        [STATE_WAITING] = "\033[34m",
    };
    ElementState state = states_get(subject->options->states, subject->element);
    subject->style = styles[state];
    return g_strdup(element_state_name(state));
}

static char *emit(const Node *node)
{
    return node ? node_emit(node) : g_strdup("{}\n");
}

static char *token_config(Subject *subject, GError **error)
{
    return emit(subject->element->config);
}

static char *token_variables(Subject *subject, GError **error)
{
    return emit(element_variables(subject->element));
}

static char *token_environment(Subject *subject, GError **error)
{
    return emit(subject->element->environment);
}

static char *token_public(Subject *subject, GError **error)
{
    return emit(subject->element->public_);
}

static char *token_workspaced(Subject *subject, GError **error)
{
    return g_strdup(subject->element->workspace ? "(workspaced)" : "");
}

static char *token_workspace_directories(Subject *subject, GError **error)
{
    const char *workspace = subject->element->workspace;
    return workspace ? g_strdup_printf("Workspace: %s", workspace) : g_strdup("");
}

static void append_dependencies(Subject *subject, Node *list, unsigned types, unsigned except)
{
    const Element *element = subject->element;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if ((dependency->types & types) && !(dependency->types & except))
            node_append(subject->arena, list, node_new_scalar(subject->arena, dependency->element->full_name, NULL));
    }
}

/* Direct dependencies of a type, as a YAML list in staging order. */
static char *dependency_list(Subject *subject, unsigned type)
{
    Node *list = node_new_sequence(subject->arena, NULL);
    append_dependencies(subject, list, type, 0);
    return g_strchomp(node_emit(list));
}

/* What is there to build comes first. */
static char *token_deps(Subject *subject, GError **error)
{
    Node *list = node_new_sequence(subject->arena, NULL);
    append_dependencies(subject, list, DEP_BUILD, 0);
    append_dependencies(subject, list, DEP_RUNTIME, DEP_BUILD);
    return g_strchomp(node_emit(list));
}

static char *token_build_deps(Subject *subject, GError **error)
{
    return dependency_list(subject, DEP_BUILD);
}

static char *token_runtime_deps(Subject *subject, GError **error)
{
    return dependency_list(subject, DEP_RUNTIME);
}

static char *token_source_info(Subject *subject, GError **error)
{
    const Node *list = element_collect_source_info(subject->element, subject->arena, error);
    return list ? node_emit(list) : NULL;
}

static char *token_artifact_digest(Subject *subject, GError **error)
{
    const Artifact *artifact =
        subject->options->states ? states_artifact(subject->options->states, subject->element) : NULL;
    char text[SLUICE_DIGEST_STRING_MAX];
    SluiceDigest files;
    if (!artifact)
        return g_strdup("");
    sluice_digest_of("", 0, &files); /* of a directory with nothing in it */
    return g_strdup(sluice_digest_string(artifact->has_files ? &artifact->files : &files, text));
}

/* In the order in which they are replaced. */
static const struct {
    const char *name;
    TokenFunc text;
    const char *style;  /* "": none but its end */
    gboolean is_dimmed; /* has another style when the key is not that of a strict build */
    ShowNeeds needs;
    gboolean only_if_asked; /* not where another token's text names it */
} tokens[] = {
    {"name", token_name, "\033[34m\033[1m"},
    {"kind", token_kind, "\033[36m"},
    {"key", token_key, "\033[33m", .is_dimmed = TRUE, .needs = SHOW_NEEDS_KEYS},
    {"full-key", token_full_key, "\033[33m", .is_dimmed = TRUE, .needs = SHOW_NEEDS_KEYS},
    {"description", token_description, "\033[33m", .is_dimmed = TRUE},
    {"state", token_state, "", .needs = SHOW_NEEDS_ARTIFACTS},
    {"config", token_config, "", .only_if_asked = TRUE},
    {"vars", token_variables, "", .only_if_asked = TRUE},
    {"env", token_environment, "", .only_if_asked = TRUE},
    {"public", token_public, "", .only_if_asked = TRUE},
    {"workspaced", token_workspaced, "\033[33m", .only_if_asked = TRUE},
    {"workspace-dirs", token_workspace_directories, "", .only_if_asked = TRUE},
    {"deps", token_deps, "", .only_if_asked = TRUE},
    {"build-deps", token_build_deps, "", .only_if_asked = TRUE},
    {"runtime-deps", token_runtime_deps, "", .only_if_asked = TRUE},
    {"source-info", token_source_info, "", .only_if_asked = TRUE},
    {"artifact-cas-digest", token_artifact_digest, "", .needs = SHOW_NEEDS_ARTIFACTS, .only_if_asked = TRUE},
};

/* The next "%{NAME…}" at or after `text`: its start, or NULL.  *rest is what follows the name, *end what follows the brace.  There is no "%" in between. */
static const char *find_token(const char *text, const char *name, const char **rest, const char **end)
{
    gsize length = strlen(name);
    for (const char *at = strstr(text, "%{"); at; at = strstr(at + 2, "%{")) {
        if (strncmp(at + 2, name, length) != 0)
            continue;
        const char *stop = at + 2 + length + strcspn(at + 2 + length, "%}");
        if (*stop != '}')
            continue;
        *rest = at + 2 + length;
        *end = stop + 1;
        return at;
    }
    return NULL;
}

static gboolean mentions(const char *format, const char *name)
{
    gsize length = strlen(name);
    for (const char *at = strstr(format, "%{"); at; at = strstr(at + 2, "%{"))
        if (strncmp(at + 2, name, length) == 0)
            return TRUE;
    return FALSE;
}

ShowNeeds show_format_needs(const char *format)
{
    const char *rest, *end;
    ShowNeeds needs = SHOW_NEEDS_NOTHING;
    for (guint i = 0; i < G_N_ELEMENTS(tokens); i++)
        if (tokens[i].needs > needs && find_token(format, tokens[i].name, &rest, &end))
            needs = tokens[i].needs;
    return needs;
}

/* `inner` is what stands between a token's name and its closing brace. */
static char *format_token(const char *name, const char *text, const char *inner, GError **error)
{
    if (*inner == '\0')
        return g_strdup(text);
    if (g_str_has_prefix(inner, "!s"))
        inner += 2;
    if (*inner == '\0' || *inner == ':')
        return format_string(text, *inner ? inner + 1 : "", error);
    error_set(error, ERROR_APP, NULL, NULL, "Unknown token '%%{%s%s}' in the format", name, inner);
    return NULL;
}

static const char *style_of(const Subject *subject, guint token)
{
    if (tokens[token].is_dimmed)
        return subject->dim ? "\033[33m\033[2m" : "\033[33m\033[22m";
    return subject->style ? subject->style : tokens[token].style;
}

/* Replaces all occurrences of one token; *line stays where there is none.  *more becomes TRUE if a text that was put in may hold tokens itself. */
static gboolean replace_token(Subject *subject, guint token, char **line, gboolean *more, GError **error)
{
    const char *at = *line, *rest, *end;
    const char *found = find_token(at, tokens[token].name, &rest, &end);
    if (!found)
        return TRUE;
    subject->style = NULL;
    g_autofree char *text = tokens[token].text(subject, error);
    if (!text)
        return FALSE;
    g_autoptr(GString) out = g_string_new(NULL);
    for (; found; found = find_token(at, tokens[token].name, &rest, &end)) {
        g_autofree char *inner = g_strndup(rest, end - 1 - rest);
        g_autofree char *shown = format_token(tokens[token].name, text, inner, error);
        if (!shown)
            return FALSE;
        g_string_append_len(out, at, found - at);
        g_string_append(out, style_of(subject, token));
        g_string_append(out, shown);
        g_string_append(out, STYLE_END);
        at = end;
    }
    *more |= strstr(text, "%{") != NULL;
    g_string_append(out, at);
    g_free(*line);
    *line = g_string_free(g_steal_pointer(&out), FALSE);
    return TRUE;
}

/* What stands before a token, and the token; the last one has none. */
typedef struct {
    char *before, *inner;
    guint token; /* G_N_ELEMENTS(tokens): none */
} Piece;

struct ShowFormat {
    ShowOptions options;
    gboolean mentioned[G_N_ELEMENTS(tokens)];
    GArray *pieces; /* Piece; or NULL */
};

static void piece_clear(gpointer data)
{
    Piece *piece = data;
    g_free(piece->before);
    g_free(piece->inner);
}

/* The token that is replaced at "%{", as long as no other token's text changes the line; G_N_ELEMENTS(tokens) for none. */
static guint token_at(const char *text, const char **rest, const char **end)
{
    guint token = 0;
    while (token < G_N_ELEMENTS(tokens) && find_token(text, tokens[token].name, rest, end) != text)
        token++;
    return token;
}

static gboolean starts_token(const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS(tokens); i++)
        if (g_str_has_prefix(text + 2, tokens[i].name))
            return TRUE;
    return FALSE;
}

/* NULL if a token may hold another: what it is shows only step by step. */
static GArray *split_format(const char *format)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    g_array_set_clear_func(pieces, piece_clear);
    const char *start = format, *rest = NULL, *end = NULL;
    for (const char *at = strstr(format, "%{"); at; at = strstr(at, "%{")) {
        guint token = token_at(at, &rest, &end);
        if (token == G_N_ELEMENTS(tokens) && starts_token(at)) {
            g_array_unref(pieces);
            return NULL;
        }
        if (token == G_N_ELEMENTS(tokens)) {
            at += 2;
            continue;
        }
        Piece piece = {g_strndup(start, at - start), g_strndup(rest, end - 1 - rest), token};
        g_array_append_val(pieces, piece);
        at = start = end;
    }
    Piece last = {g_strdup(start), NULL, G_N_ELEMENTS(tokens)};
    g_array_append_val(pieces, last);
    return pieces;
}

ShowFormat *show_format_new(const ShowOptions *options)
{
    ShowFormat *format = g_new0(ShowFormat, 1);
    format->options = *options;
    for (guint i = 0; i < G_N_ELEMENTS(tokens); i++)
        format->mentioned[i] = mentions(options->format, tokens[i].name);
    format->pieces = split_format(options->format);
    return format;
}

void show_format_free(ShowFormat *format)
{
    g_clear_pointer(&format->pieces, g_array_unref);
    g_free(format);
}

/* FALSE for a bad specification, and for a text that may hold tokens itself. */
static gboolean append_token(Subject *subject, const Piece *piece, GString *out)
{
    subject->style = NULL;
    g_autofree char *text = tokens[piece->token].text(subject, NULL);
    if (!text || strstr(text, "%{"))
        return FALSE;
    g_autofree char *shown = *piece->inner ? format_token("", text, piece->inner, NULL) : g_steal_pointer(&text);
    if (!shown)
        return FALSE;
    g_string_append(out, style_of(subject, piece->token));
    g_string_append(out, shown);
    g_string_append(out, STYLE_END);
    return TRUE;
}

/* Nearly all lines, in one go.  FALSE, with nothing done, for those that take steps. */
static gboolean append_pieces(const ShowFormat *format, Subject *subject, GString *out)
{
    gsize start = out->len;
    for (guint i = 0; i < format->pieces->len; i++) {
        const Piece *piece = &g_array_index(format->pieces, Piece, i);
        g_string_append(out, piece->before);
        if (piece->token < G_N_ELEMENTS(tokens) && !append_token(subject, piece, out)) {
            g_string_truncate(out, start);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean append_in_steps(const ShowFormat *format, Subject *subject, GString *out, GError **error)
{
    g_autofree char *line = g_strdup(format->options.format);
    gboolean success = TRUE, more = FALSE;
    for (guint i = 0; success && i < G_N_ELEMENTS(tokens); i++)
        if (format->mentioned[i] || (more && !tokens[i].only_if_asked))
            success = replace_token(subject, i, &line, &more, error);
    g_string_append(out, line);
    return success;
}

gboolean show_format_element(const ShowFormat *format, Element *element, GString *out, GError **error)
{
    Subject subject = {.options = &format->options, .element = element, .arena = arena_new()};
    subject.dim = strcmp(element->strong_key, element->strict_key) != 0 || !*element->strict_key;
    gboolean success =
        (format->pieces && append_pieces(format, &subject, out)) || append_in_steps(format, &subject, out, error);
    arena_free(subject.arena);
    g_string_append_c(out, '\n');
    return success;
}

/* The length of the terminal's control sequence at `text`; 0 if there is none. */
static gsize sequence_length(const char *text)
{
    if (text[0] != '\033' || text[1] != '[')
        return 0;
    gsize length = 2;
    while (text[length] >= '0' && text[length] <= '?')
        length++;
    while (text[length] >= ' ' && text[length] <= '/')
        length++;
    return text[length] >= '@' && text[length] <= '~' ? length + 1 : 0;
}

static void drop_sequences(GString *out)
{
    gsize kept = 0;
    for (gsize i = 0; i < out->len;) {
        gsize skipped = sequence_length(out->str + i);
        i += skipped;
        if (skipped > 0)
            continue;
        const char *escape = memchr(out->str + i + 1, '\033', out->len - i - 1);
        gsize plain = escape ? (gsize)(escape - out->str) - i : out->len - i;
        memmove(out->str + kept, out->str + i, plain);
        kept += plain;
        i += plain;
    }
    g_string_truncate(out, kept);
}

void show_format_finish(GString *out, gboolean colors)
{
    while (out->len > 0 && out->str[out->len - 1] == '\n')
        g_string_truncate(out, out->len - 1);
    g_string_append_c(out, '\n');
    if (!colors)
        drop_sequences(out);
}
