/*
 * cmd-cache-explain.c - `cache explain`: what is known of a result of the action cache, or of those that an element's clients stored.
 *
 * What is shown was told by clients: it is stripped of all that could move a terminal's cursor, and stays on one line.
 */
#include "app.h"
#include "bazel-bridge.h"

#include <string.h>

enum {
    SHORTEST_PREFIX = 4,
    LISTED_CANDIDATES = 10,
    LISTED_OUTPUTS = 20,
    LISTED_RESULTS = 40,
    SHOWN_KEY = 16,
    SHOWN_COMMAND = 400, /* bytes */
};

/* ---- What is written: lines, or an object ------------------------------------------------------------------------------------ */

typedef struct {
    Arena *arena;
    GString *text;
    Json *object; /* the one that is filled */
    guint indent;
} Sheet;

static void sheet_row(Sheet *sheet, const char *label, const char *json, const char *value)
{
    if (!value || !*value)
        return;
    g_autofree char *line = text_one_line(value), *title = g_strconcat(label, ":", NULL);
    g_string_append_printf(sheet->text, "%*s%-14s %s\n", (int)sheet->indent, "", title, line);
    json_set(sheet->object, json, json_string(sheet->arena, value));
}

static void sheet_digest(Sheet *sheet, const char *label, const char *json, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    sheet_row(sheet, label, json, sluice_digest_string(digest, text));
}

static void sheet_count(Sheet *sheet, const char *label, const char *json, guint64 count)
{
    g_autofree char *title = g_strconcat(label, ":", NULL);
    g_string_append_printf(sheet->text, "%*s%-14s %" G_GUINT64_FORMAT "\n", (int)sheet->indent, "", title, count);
    json_set(sheet->object, json, json_int(sheet->arena, (gint64)count));
}

static void sheet_time(Sheet *sheet, const char *label, const char *json, gint64 seconds)
{
    g_autoptr(GDateTime) time = seconds > 0 ? g_date_time_new_from_unix_local(seconds) : NULL;
    g_autofree char *text = time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S %z") : NULL;
    sheet_row(sheet, label, json, text);
}

/* ---- What is found ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SluiceDigest key;
    gboolean stored, has_origin;
    guint32 used;
    SluiceOrigin origin;
} Found;

static void found_clear(gpointer data)
{
    sluice_origin_clear(&((Found *)data)->origin);
}

static GArray *found_array(void)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(Found));
    g_array_set_clear_func(found, found_clear);
    return found;
}

typedef struct {
    GArray *found;
    const char *digits; /* of a key's, or an action's, hash */
    gint64 size;        /* -1: any */
    gboolean by_action;
    const char *element, *project;   /* or: whose it is */
    const SluiceDigest *environment; /* or: for which it is kept; only counted */
    guint in_environment;
} Search;

static gboolean is_meant(const Search *search, const SluiceDigest *digest)
{
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(digest, hex);
    return g_str_has_prefix(hex, search->digits) && (search->size < 0 || search->size == digest->size);
}

static gboolean is_wanted(Search *search, const Found *found)
{
    const SluiceOrigin *origin = &found->origin;
    if (search->element) {
        if (search->environment && found->stored && origin->has_environment &&
            sluice_digest_equal(&origin->environment, search->environment))
            search->in_environment++;
        return found->has_origin && g_strcmp0(origin->element, search->element) == 0 &&
               g_strcmp0(origin->project, search->project) == 0;
    }
    return search->by_action ? found->has_origin && is_meant(search, &origin->action) : is_meant(search, &found->key);
}

static gboolean take_entry(const SluiceResultEntry *entry, gpointer data)
{
    Search *search = data;
    Found found = {.key = entry->key, .stored = entry->stored, .used = entry->used};
    found.has_origin = entry->note && sluice_origin_decode(entry->note, entry->note_length, &found.origin, NULL);
    if (is_wanted(search, &found))
        g_array_append_val(search->found, found);
    else
        sluice_origin_clear(&found.origin);
    return TRUE;
}

/* What an older sluice stored has no note; but its key's witness tells the environment and the action. */
static void ask_witness(App *app, Found *found)
{
    if (found->has_origin && found->origin.has_environment)
        return;
    g_autoptr(GBytes) witness = sluice_store_read(app->store, &found->key, NULL);
    if (witness && sluice_witness_read(witness, &found->origin.environment, &found->origin.action))
        found->origin.has_environment = TRUE;
}

/* ---- One environment ------------------------------------------------------------------------------------------------------------ */

static void show_environment(App *app, Sheet *sheet, const SluiceDigest *digest)
{
    g_auto(SluiceEnvironment) environment = {0};
    Json *outer = sheet->object, *inner = json_object(sheet->arena);
    char text[SLUICE_DIGEST_STRING_MAX];
    sheet_digest(sheet, "Environment", "environment", digest);
    if (!sluice_environment_read(app->store, digest, &environment, NULL)) {
        g_string_append_printf(sheet->text, "%*s(its contents are not in this cache)\n", (int)sheet->indent + 4, "");
        return;
    }
    json_set(outer, "environment-contents", inner);
    sheet->object = inner;
    sheet->indent += 4;
    sheet_digest(sheet, "Root", "root", &environment.root);
    g_autofree char *system = g_strdup_printf("%s, %s", environment.os, environment.isa);
    g_autofree char *user = g_strdup_printf("%u:%u", environment.uid, environment.gid);
    sheet_row(sheet, "System", "system", system);
    sheet_row(sheet, "User", "user", user);
    sheet_count(sheet, "Layout", "layout", environment.layout);
    sheet_row(sheet, "Scope", "scope", environment.scope);
    if (!sluice_store_has(app->store, &environment.root))
        g_string_append_printf(sheet->text, "%*s(root %s is not in this cache)\n", (int)sheet->indent, "",
                               sluice_digest_string(&environment.root, text));
    sheet->indent -= 4;
    sheet->object = outer;
}

/* ---- One result ----------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *json, *text;
} producers[] = {
    [SLUICE_PRODUCER_UNKNOWN] = {"unknown", "not known"},
    [SLUICE_PRODUCER_EXECUTOR] = {"executor", "sluice: it executed the action"},
    [SLUICE_PRODUCER_CLUSTER] = {"cluster", "the cluster: it executed the action"},
    [SLUICE_PRODUCER_CLIENT] = {"client", "a client that may store results: nobody checked it"},
    [SLUICE_PRODUCER_FETCHED] = {"fetched", "the cluster's action cache: who made it, that does not say"},
};

static void show_producer(Sheet *sheet, const SluiceOrigin *origin)
{
    g_autofree char *title = g_strconcat("Made by", ":", NULL);
    g_string_append_printf(sheet->text, "%*s%-14s %s\n", (int)sheet->indent, "", title,
                           producers[origin->producer].text);
    json_set(sheet->object, "made-by", json_string(sheet->arena, producers[origin->producer].json));
}

static const struct {
    const char *json, *text;
} audits[] = {
    [SLUICE_AUDIT_SAME] = {"same", "the same when it was executed again"},
    [SLUICE_AUDIT_MESSAGES] = {"messages", "the same outputs, but other messages"},
    [SLUICE_AUDIT_UNSTABLE] = {"unstable", "differs: the action is not deterministic"},
    [SLUICE_AUDIT_WRONG] = {"wrong", "differs: what was cached before was wrong, and is not kept again"},
    [SLUICE_AUDIT_IMPOSSIBLE] = {NULL},
};

static void show_audit(Sheet *sheet, const SluiceOrigin *origin)
{
    if (origin->audit == SLUICE_AUDIT_NONE || !audits[origin->audit].text)
        return;
    g_string_append_printf(sheet->text, "%*s%-14s %s\n", (int)sheet->indent, "",
                           "Audited:", audits[origin->audit].text);
    json_set(sheet->object, "audit", json_string(sheet->arena, audits[origin->audit].json));
    sheet->indent += 4;
    sheet_time(sheet, "When", "audited", origin->audited);
    sheet->indent -= 4;
    g_auto(GStrv) lines = g_strsplit(origin->findings ? origin->findings : "", "\n", -1);
    for (char **line = lines; *line; line++) {
        g_autofree char *clean = text_one_line(*line);
        if (*clean)
            g_string_append_printf(sheet->text, "%*s%s\n", (int)sheet->indent + 4, "", clean);
    }
    if (origin->findings)
        json_set(sheet->object, "findings", json_string(sheet->arena, origin->findings));
}

static void show_command(App *app, Sheet *sheet, const SluiceDigest *action)
{
    g_autoptr(GPtrArray) arguments = sluice_action_read_arguments(app->store, action);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; arguments && i < arguments->len; i++) {
        g_autofree char *word = text_one_line(arguments->pdata[i]);
        g_string_append_printf(text, "%s%s", i ? " " : "", word);
    }
    if (text->len > SHOWN_COMMAND) {
        g_string_truncate(text, SHOWN_COMMAND);
        g_string_append(text, " ...");
    }
    sheet_row(sheet, "Command", "command", text->str);
}

static char *output_line(const SluiceNamedOutput *output)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    if (output->target)
        return g_strdup_printf("%s -> %s", output->path, output->target);
    return g_strdup_printf("%s%s %s", output->path, output->directory ? "/" : "",
                           output->has_digest ? sluice_digest_string(&output->digest, text) : "");
}

static void show_outputs(App *app, Sheet *sheet, const SluiceDigest *key)
{
    g_autoptr(GBytes) result = sluice_store_get_result(app->store, key, NULL);
    g_autoptr(GPtrArray) outputs = result ? sluice_result_read_outputs(result, NULL, NULL) : NULL;
    Json *all = json_array(sheet->arena);
    if (!outputs)
        return;
    sheet_count(sheet, "Outputs", "n-outputs", outputs->len);
    for (guint i = 0; i < outputs->len; i++) {
        g_autofree char *line = output_line(outputs->pdata[i]), *shown = text_one_line(line);
        json_append(all, json_string(sheet->arena, line));
        if (i < LISTED_OUTPUTS)
            g_string_append_printf(sheet->text, "%*s%s\n", (int)sheet->indent + 4, "", shown);
        else if (i == LISTED_OUTPUTS)
            g_string_append_printf(sheet->text, "%*s... and %u more\n", (int)sheet->indent + 4, "", outputs->len - i);
    }
    json_set(sheet->object, "outputs", all);
}

static char *element_line(const SluiceOrigin *origin)
{
    return origin->element ? g_strdup_printf("%s (project %s)", origin->element, origin->project) : NULL;
}

static void show_result(App *app, Sheet *sheet, Found *found)
{
    const SluiceOrigin *origin = &found->origin;
    ask_witness(app, found);
    g_autofree char *element = element_line(origin);
    g_string_append_printf(sheet->text, "%sResult\n", sheet->text->len ? "\n" : "");
    sheet->indent = 2;
    sheet_digest(sheet, "Key", "key", &found->key);
    if (found->has_origin || origin->has_environment)
        sheet_digest(sheet, "Action", "action", &origin->action);
    show_producer(sheet, origin);
    sheet_row(sheet, "Cluster", "cluster", origin->cluster);
    sheet_row(sheet, "Element", "element", element);
    sheet_row(sheet, "Tool", "tool", origin->tool);
    sheet_row(sheet, "Target", "target", origin->target);
    sheet_row(sheet, "Mnemonic", "mnemonic", origin->mnemonic);
    sheet_row(sheet, "Invocation", "invocation", origin->invocation);
    sheet_row(sheet, "User", "user", origin->user);
    sheet_row(sheet, "From", "peer", origin->peer);
    sheet_time(sheet, "Stored", "stored", origin->stored);
    if (found->stored)
        sheet_time(sheet, "Last used", "last-used", found->used);
    if (!found->stored)
        sheet_row(sheet, "State", "state", "removed: there is no result, only what is known of the one that was there");
    show_audit(sheet, origin);
    if (found->has_origin || origin->has_environment)
        show_command(app, sheet, &origin->action);
    if (found->stored)
        show_outputs(app, sheet, &found->key);
    if (origin->has_environment)
        show_environment(app, sheet, &origin->environment);
    else if (found->has_origin)
        sheet_row(sheet, "Environment", "environment", "none: a plain cache keeps it under its client's own digest");
    sheet->indent = 0;
}

static void show_results(App *app, Sheet *sheet, GArray *found)
{
    Json *top = sheet->object, *all = json_array(sheet->arena);
    for (guint i = 0; i < found->len; i++) {
        sheet->object = json_object(sheet->arena);
        json_append(all, sheet->object);
        show_result(app, sheet, &g_array_index(found, Found, i));
    }
    sheet->object = top;
    json_set(top, "results", all);
}

/* ---- By key, or by the client's action ---------------------------------------------------------------------------------------- */

/* Hexadecimal digits, perhaps with a size; all else is an element. */
static gboolean is_digest(const char *word)
{
    gsize digits = strspn(word, "0123456789abcdef");
    if (digits < SHORTEST_PREFIX || digits > SLUICE_HASH_HEX)
        return FALSE;
    const char *size = word + digits;
    return *size == '\0' || (*size == '/' && size[1] != '\0' && strspn(size + 1, "0123456789") == strlen(size + 1));
}

static gboolean set_unknown(App *app, const Search *search, const char *word, GError **error)
{
    SluiceDigest digest;
    gboolean blob = sluice_digest_parse(word, &digest, NULL) && sluice_store_has(app->store, &digest);
    error_set(error, ERROR_CAS, "no-such-result", NULL, "The action cache has no result for '%s'%s", word,
              blob ? ", which is a blob of the cache" : "");
    error_set_detail(
        error ? *error : NULL,
        "It is neither the key of a result nor an action's digest that a result was stored for. It may have "
        "been evicted, or was never stored:\nresults of actions that fail, and those of clients that may "
        "not store any (`cache-writes`), are not kept.\nWhat an element's clients stored is shown by: "
        "sluice cache explain ELEMENT");
    return FALSE;
}

static gboolean set_ambiguous(const char *word, GPtrArray *candidates, GError **error)
{
    g_autoptr(GString) detail = g_string_new("It could be:");
    for (guint i = 0; i < candidates->len && i < LISTED_CANDIDATES; i++)
        g_string_append_printf(detail, "\n%s", (const char *)candidates->pdata[i]);
    if (candidates->len > LISTED_CANDIDATES)
        g_string_append_printf(detail, "\n... and %u more", candidates->len - LISTED_CANDIDATES);
    error_set(error, ERROR_CAS, "ambiguous-key", NULL, "'%s' begins more than one key or action", word);
    error_set_detail(error ? *error : NULL, detail->str);
    return FALSE;
}

static void add_candidate(GPtrArray *candidates, const SluiceDigest *digest, const char *what)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    char *line = g_strdup_printf("%s %s", what, sluice_digest_string(digest, text));
    if (g_ptr_array_find_with_equal_func(candidates, line, g_str_equal, NULL))
        g_free(line);
    else
        g_ptr_array_add(candidates, line);
}

/* In a plain cache a result's key is its action: that is one thing. */
static GPtrArray *list_candidates(GArray *by_key, GArray *by_action)
{
    GPtrArray *candidates = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < by_key->len; i++)
        add_candidate(candidates, &g_array_index(by_key, Found, i).key, "the key   ");
    for (guint i = 0; i < by_action->len; i++) {
        const Found *found = &g_array_index(by_action, Found, i);
        if (!sluice_digest_equal(&found->key, &found->origin.action))
            add_candidate(candidates, &found->origin.action, "the action");
    }
    return candidates;
}

static gboolean explain_digest(App *app, Sheet *sheet, const char *word, GError **error)
{
    g_autoptr(GArray) by_key = found_array(), by_action = found_array();
    const char *slash = strchr(word, '/');
    g_autofree char *digits = slash ? g_strndup(word, (gsize)(slash - word)) : g_strdup(word);
    Search search = {.found = by_key, .digits = digits, .size = slash ? g_ascii_strtoll(slash + 1, NULL, 10) : -1};
    if (!sluice_store_each_result(app->store, digits, take_entry, &search, error))
        return FALSE;
    search.found = by_action;
    search.by_action = TRUE;
    if (!sluice_store_each_result(app->store, "", take_entry, &search, error))
        return FALSE;
    g_autoptr(GPtrArray) candidates = list_candidates(by_key, by_action);
    if (candidates->len == 0)
        return set_unknown(app, &search, word, error);
    if (candidates->len > 1)
        return set_ambiguous(word, candidates, error);
    show_results(app, sheet, by_key->len > 0 ? by_key : by_action);
    return TRUE;
}

/* ---- By element ---------------------------------------------------------------------------------------------------------------- */

static gint newest_first(gconstpointer a, gconstpointer b)
{
    const Found *x = a, *y = b;
    if (x->origin.stored != y->origin.stored)
        return x->origin.stored > y->origin.stored ? -1 : 1;
    return sluice_digest_compare(&x->key, &y->key);
}

static void list_result(Sheet *sheet, const Found *found, gboolean shown, Json *all)
{
    const SluiceOrigin *origin = &found->origin;
    char hex[SLUICE_HASH_HEX + 1], text[SLUICE_DIGEST_STRING_MAX];
    Json *object = json_object(sheet->arena);
    const char *audited = origin->audit != SLUICE_AUDIT_NONE ? audits[origin->audit].json : NULL;
    g_autofree char *audit = audited ? g_strdup_printf("audited: %s", audited) : NULL;
    const char *const words[] = {producers[origin->producer].json, audit, origin->tool, origin->mnemonic,
                                 origin->target};
    json_append(all, object);
    json_set(object, "key", json_string(sheet->arena, sluice_digest_string(&found->key, text)));
    json_set(object, "action", json_string(sheet->arena, sluice_digest_string(&origin->action, text)));
    json_set(object, "made-by", json_string(sheet->arena, words[0]));
    if (!shown)
        return;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(origin->stored);
    g_autofree char *when = time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("?");
    sluice_digest_hex(&found->key, hex);
    g_string_append_printf(sheet->text, "    %.*s  %s", SHOWN_KEY, hex, when);
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *word = words[i] ? text_one_line(words[i]) : NULL;
        g_string_append_printf(sheet->text, "%s%s", word ? "  " : "", word ? word : "");
    }
    g_string_append_c(sheet->text, '\n');
}

static void list_results(Sheet *sheet, GArray *found)
{
    Json *all = json_array(sheet->arena);
    g_array_sort(found, newest_first);
    sheet_count(sheet, "Stored by it", "n-stored", found->len);
    for (guint i = 0; i < found->len; i++)
        list_result(sheet, &g_array_index(found, Found, i), i < LISTED_RESULTS, all);
    if (found->len > LISTED_RESULTS)
        g_string_append_printf(sheet->text, "    ... and %u more (--json lists all)\n", found->len - LISTED_RESULTS);
    json_set(sheet->object, "stored", all);
}

static void show_account(Sheet *sheet, const SluiceEndpointStats *stats)
{
    sheet_count(sheet, "Lookups", "lookups", stats->lookups);
    sheet_count(sheet, "Hits", "hits", stats->hits);
    sheet_count(sheet, "Misses", "misses", stats->misses);
}

/* What its last build tells; TRUE: it told the environment. */
static gboolean show_last_build(App *app, Sheet *sheet, Element *element, SluiceDigest *environment, GError **error)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, element);
    g_autoptr(States) states = app_query(app, one, error);
    const Artifact *artifact = states ? states_artifact(states, element) : NULL;
    SluiceEndpointStats stats;
    if (!artifact) {
        if (states)
            sheet_row(sheet, "Last build", "last-build",
                      "not in the cache: its environment is known when it is built (sluice build)");
        return FALSE;
    }
    if (!artifact_read_stats(app->store, artifact, &stats, error)) {
        sheet_row(sheet, "Last build", "last-build", "had no action-proxy (sandbox: remote-apis-socket: path)");
        return FALSE;
    }
    sheet_row(sheet, "Last build", "last-build", artifact_time(artifact));
    show_account(sheet, &stats);
    if (!artifact_read_proxy_environment(app->store, artifact, environment, error))
        return FALSE;
    show_environment(app, sheet, environment);
    return TRUE;
}

static gboolean explain_element(App *app, Sheet *sheet, const char *word, GError **error)
{
    const char *const names[] = {word, NULL};
    SluiceDigest environment;
    GError *problem = NULL;
    g_autoptr(GPtrArray) targets = app_load(app, names, error);
    if (!targets)
        return FALSE;
    Element *element = targets->pdata[0];
    g_autofree char *title = g_strdup_printf("%s (project %s)", element->full_name, project_name(element->project));
    g_string_append(sheet->text, "Element\n");
    sheet->indent = 2;
    sheet_row(sheet, "Name", "element", title);
    gboolean known = show_last_build(app, sheet, element, &environment, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    g_autoptr(GArray) found = found_array();
    Search search = {.found = found, .element = element->full_name, .project = project_name(element->project)};
    search.environment = known ? &environment : NULL;
    if (!sluice_store_each_result(app->store, "", take_entry, &search, error))
        return FALSE;
    if (known)
        sheet_count(sheet, "Stored for it", "n-in-environment", search.in_environment);
    list_results(sheet, found);
    return TRUE;
}

/* ---- The command ---------------------------------------------------------------------------------------------------------------- */

static gboolean explain(App *app, Sheet *sheet, const char *word, GError **error)
{
    return is_digest(word) ? explain_digest(app, sheet, word, error) : explain_element(app, sheet, word, error);
}

int cmd_cache_explain(App *app, GError **error)
{
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    if (count == 0) {
        app_set_missing_argument(app, "KEY|ELEMENT", error);
        return EXIT_REPORT;
    }
    if (!app_open_store(app, error))
        return EXIT_REPORT;
    Arena *arena = arena_new();
    g_autoptr(GString) text = g_string_new(NULL), document = g_string_new(NULL);
    Sheet sheet = {.arena = arena, .text = text, .object = json_object(arena)};
    Json *top = sheet.object;
    gboolean success = explain(app, &sheet, words[0], error);
    if (success && arguments_has(app->arguments, "json")) {
        json_write_indented(top, document);
        g_string_append_c(document, '\n');
        app_print(document->str);
    } else if (success) {
        app_print(text->str);
    }
    arena_free(arena);
    return success ? 0 : EXIT_REPORT;
}
