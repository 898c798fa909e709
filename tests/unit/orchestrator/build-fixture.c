/* build-fixture.c - see build-fixture.h */
#include "build-fixture.h"

#include <string.h>

static void note_event(const Event *event, gpointer data)
{
    g_string_append_printf(data, "%d %s\n%s\n", event->type, event->message, event->detail ? event->detail : "");
}

void build_fixture_set_up(BuildFixture *fixture, gconstpointer data)
{
    static const char *const no_warnings[] = {NULL};
    g_autoptr(GError) error = NULL;
    fixture->folder = g_dir_make_tmp("sluice-build-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->store = sluice_store_open(fixture->folder, NULL, &error);
    g_assert_no_error(error);
    fixture->arena = arena_new();
    fixture->project.name = "test";
    fixture->project.fatal_warnings = no_warnings;
    fixture->events = g_string_new(NULL);
    fixture->sink = (EventSink){note_event, fixture->events};
    fixture->context = (BuildContext){.store = fixture->store, .events = &fixture->sink, .log_fd = -1, .strict = TRUE};
    Element *element = build_fixture_element(fixture, "under-test.bst", NULL);
    g_assert_true(build_begin(&fixture->build, element, &fixture->context, "build", &error));
    g_assert_no_error(error);
}

void build_fixture_tear_down(BuildFixture *fixture, gconstpointer data)
{
    build_end(&fixture->build);
    sluice_store_close(fixture->store);
    sluice_remove_tree(fixture->folder, NULL);
    arena_free(fixture->arena);
    g_string_free(fixture->events, TRUE);
    g_free(fixture->folder);
}

static Node *parse(BuildFixture *fixture, const char *text)
{
    g_autoptr(GError) error = NULL;
    NodeFile *file = arena_new_of(fixture->arena, NodeFile);
    file->name = "fixture";
    file->text = text;
    Node *node = node_parse(fixture->arena, file, text, strlen(text), &error);
    g_assert_no_error(error);
    return node;
}

Element *build_fixture_element(BuildFixture *fixture, const char *name, const char *public_)
{
    Element *element = arena_new_of(fixture->arena, Element);
    g_autofree char *key = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
    element->project = &fixture->project;
    element->name = element->full_name = arena_strdup(fixture->arena, name);
    element->kind_name = "manual";
    element->kind = element_kind_find("manual");
    element->config = node_new_mapping(fixture->arena, NULL);
    element->public_ = public_ ? parse(fixture, public_) : node_new_mapping(fixture->arena, NULL);
    g_strlcpy(element->strict_key, key, sizeof element->strict_key);
    g_strlcpy(element->strong_key, key, sizeof element->strong_key);
    g_strlcpy(element->weak_key, key, sizeof element->weak_key);
    memset(element->weak_key, '0', 8);
    return element;
}

SluiceDigest build_fixture_tree(BuildFixture *fixture, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    SluiceDigest digest;
    for (char **word = list; *word; word++) {
        gsize length = strcspn(*word, "=>");
        char kind = (*word)[length];
        const char *rest = *word + length + (kind != '\0');
        g_autofree char *path = g_strndup(*word, length);
        if (kind == '>')
            sluice_tree_add_symlink(tree, path, rest, &error);
        else if (kind == '\0')
            sluice_tree_make_directory(tree, path, &error);
        else if (sluice_store_put(fixture->store, rest, strlen(rest), NULL, &digest, &error))
            sluice_tree_add_file(tree, path, &digest, FALSE, &error);
        g_assert_no_error(error);
    }
    g_assert_true(sluice_tree_commit(tree, &digest, &error));
    g_assert_no_error(error);
    return digest;
}
