/*
 * What a loaded session answers: scopes, variables, public data, URLs, paths; and where new refs are written.
 */
#include "kind.h"
#include "project-fixture.h"
#include "project-private.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char basic[] =
    "--- project.conf\nname: basic\nmin-version: 2.0\nelement-path: elements\nfatal-warnings: [overlaps]\n"
    "aliases:\n  up: https://example.com/%{project-name}/\n  root: \"%{project-root-uri}/x/\"\n"
    "mirrors:\n- name: one\n  aliases:\n    up: [http://one/, http://uno/]\n- name: two\n  aliases:\n    up: "
    "[http://two/]\n"
    "shell:\n  command: [bash]\ndefaults:\n  targets: [top.bst]\n"
    "--- elements/base.bst\nkind: manual\n"
    "--- elements/lib.bst\nkind: manual\nbuild-depends: [base.bst]\nruntime-depends: [data.bst]\n"
    "--- elements/data.bst\nkind: manual\nruntime-depends: [base.bst]\n"
    "--- elements/sub/app.bst\nkind: manual\ndescription: An app\nbuild-depends: [lib.bst]\n"
    "public:\n  bst:\n    integration-commands: [one, \"two %{prefix}\"]\n"
    "sources:\n- kind: local\n  path: files\n- kind: remote\n  url: up:file\n"
    "--- elements/top.bst\nkind: stack\ndepends: [sub/app.bst]\n"
    "--- files/file\ncontent\n";

static char *names_of(GPtrArray *elements)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < elements->len; i++) {
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", ((Element *)g_ptr_array_index(elements, i))->name);
    }
    g_ptr_array_unref(elements);
    return g_string_free(text, FALSE);
}

static Session *load(const char *directory, const char *target)
{
    const char *const targets[] = {target, NULL};
    g_autoptr(GError) error = NULL;
    Session *session = NULL;
    g_autoptr(GPtrArray) loaded = fixture_load(directory, NULL, targets, &session, &error);
    g_assert_no_error(error);
    return session;
}

static void test_scopes(void)
{
    char *directory = fixture_unpack(basic);
    Session *session = load(directory, NULL);
    gsize count = 0;
    Element *const *all = session_elements(session, &count);
    g_assert_cmpuint(count, ==, 5);
    for (gsize i = 0; i < count; i++) {
        g_assert_cmpuint(all[i]->index, ==, i);
    }
    Element *app = fixture_element(session, "sub/app.bst"), *top = fixture_element(session, "top.bst");
    g_autofree char *build = names_of(element_scope(app, SCOPE_BUILD));
    g_assert_cmpstr(build, ==, "base.bst data.bst lib.bst");
    g_autofree char *run = names_of(element_scope(app, SCOPE_RUN));
    g_assert_cmpstr(run, ==, "sub/app.bst");
    g_autofree char *everything = names_of(element_scope(top, SCOPE_ALL));
    g_assert_cmpstr(everything, ==, "base.bst data.bst lib.bst sub/app.bst top.bst");
    Element *both[] = {fixture_element(session, "lib.bst"), fixture_element(session, "data.bst")};
    g_autofree char *several = names_of(elements_scope(both, 2, SCOPE_RUN));
    g_assert_cmpstr(several, ==, "base.bst data.bst lib.bst");
    g_autofree char *nothing = names_of(elements_scope(NULL, 0, SCOPE_ALL));
    g_assert_cmpstr(nothing, ==, "");
    session_free(session);
    fixture_remove(directory);
}

static void test_answers(void)
{
    char *directory = fixture_unpack(basic);
    Session *session = load(directory, NULL);
    Element *app = fixture_element(session, "sub/app.bst");
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(app->description, ==, "An app");
    g_assert_cmpstr(element_variable(app, "build-root"), ==, "/buildstream/basic/sub/app.bst");
    g_assert_null(element_variable(app, "nope"));
    g_assert_cmpstr(element_expand(app, "a %{bindir}%{max-jobs} %{} %{", NULL, &error), ==, "a /usr/bin4 %{} %{");
    g_assert_null(element_expand(app, "%{nope}", &app->where, &error));
    g_assert_cmpstr(error->message, ==, "sub/app.bst [line 1 column 0]: Reference to undefined variable 'nope'");
    g_autofree char *normal = element_normal_name(app);
    g_assert_cmpstr(normal, ==, "sub-app");
    const char *const *commands = element_integration_commands(app);
    g_assert_cmpstr(commands[1], ==, "two /usr");
    g_assert_null(element_integration_commands(fixture_element(session, "base.bst"))[0]);
    g_assert_true(element_in_split_domain(app, "runtime", "/usr/bin/x"));
    g_assert_false(element_in_split_domain(app, "runtime", "/usr/bin/x/y"));
    g_assert_true(element_in_split_domain(app, "devel", "/usr/include/a/b.h"));
    g_assert_false(element_in_split_domain(app, "nope", "/usr/bin/x"));
    g_assert_cmpuint(g_strv_length((char **)element_split_domains(app)), ==, 5);
    Project *project = session_toplevel(session);
    g_assert_cmpstr(project_name(project), ==, "basic");
    g_assert_true(g_str_has_suffix(project_element_path(project), "/elements"));
    g_assert_true(g_str_has_prefix(project_element_path(project), project_directory(project)));
    g_assert_cmpint(project_dirfd(project), >=, 0);
    g_assert_false(project_uses_refs_file(project));
    g_assert_true(project_is_fatal_warning(project, "overlaps"));
    g_assert_false(project_is_fatal_warning(project, "other"));
    g_assert_cmpstr(node_text(node_at(node_find(project_shell(project), "command"), 0)), ==, "bash");
    g_assert_nonnull(project_alias(project, "up"));
    g_assert_null(project_alias(project, "down"));
    g_assert_nonnull(element_kind_find("autotools"));
    g_assert_null(element_kind_find("nope"));
    session_free(session);
    fixture_remove(directory);
}

static void test_urls(void)
{
    char *directory = fixture_unpack(basic);
    Session *session = load(directory, NULL);
    g_autoptr(GError) error = NULL;
    const Source *source = fixture_element(session, "sub/app.bst")->sources[1];
    g_auto(GStrv) urls = source_translate_url(source, "up:a/b.tar", &error);
    g_autofree char *joined = g_strjoinv(" ", urls);
    g_assert_cmpstr(joined, ==,
                    "http://one/a/b.tar http://uno/a/b.tar http://two/a/b.tar https://example.com/basic/a/b.tar");
    g_auto(GStrv) plain = source_translate_url(source, "https://example.com/x", &error);
    g_assert_cmpstr(plain[0], ==, "https://example.com/x");
    g_auto(GStrv) debian = source_translate_url(source, "debian:pool/x.deb", &error);
    g_assert_true(g_str_has_suffix(debian[0], "/pool/x.deb"));
    g_auto(GStrv) root = source_translate_url(source, "root:y", &error);
    g_assert_true(g_str_has_prefix(root[0], "file:///") && g_str_has_suffix(root[0], "/x/y"));
    g_assert_no_error(error);
    g_assert_null(source_translate_url(source, "down:x", &error));
    g_assert_cmpstr(error_get_reason(error), ==, "invalid-source-alias");
    session_free(session);
    fixture_remove(directory);
}

static void test_paths(void)
{
    char *directory = fixture_unpack(basic);
    g_autofree char *link = g_build_filename(directory, "link", NULL), *deep = g_build_filename(directory, "out", NULL);
    g_assert_cmpint(symlink("files", link), ==, 0);
    g_assert_cmpint(symlink("/etc", deep), ==, 0);
    Session *session = load(directory, NULL);
    const Source *source = fixture_element(session, "sub/app.bst")->sources[0];
    g_assert_true(source_project(source) == session_toplevel(session));
    g_assert_true(source_arena(source) == session_arena(session));
    int fd = source_open_project_path(source, "files/file", &source->where, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    static const struct {
        const char *path, *reason;
    } bad[] = {{"../x", "PROJ_PATH_INVALID"},        {"files/../../sluice-no-such", "MISSING_FILE"},
               {"/etc/passwd", "PROJ_PATH_INVALID"}, {"link", "PROJ_PATH_INVALID_KIND"},
               {"out/passwd", "PROJ_PATH_INVALID"},  {"nope", "MISSING_FILE"}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(source_open_project_path(source, bad[i].path, &source->where, &error), ==, -1);
        g_assert_cmpstr(error_get_reason(error), ==, bad[i].reason);
        g_assert_cmpstr(error_get_provenance(error), ==, "sub/app.bst [line 8 column 2]");
    }
    session_free(session);
    fixture_remove(directory);
}

/* Writes a ref and reads the file back. */
static char *store(const char *files, const char *target, const char *file, const char *const *words)
{
    char *directory = fixture_unpack(files);
    Session *session = load(directory, target);
    g_autoptr(GError) error = NULL;
    Element *element = fixture_element(session, target);
    Arena *arena = session_arena(session);
    g_assert_cmpstr(element->strict_key, ==, "");
    Node *ref = node_new_scalar(arena, words[0], NULL);
    if (words[1] != NULL) {
        ref = node_new_sequence(arena, NULL);
        for (; *words != NULL; words++) {
            Node *item = node_new_mapping(arena, NULL);
            node_set(arena, item, "name", node_new_scalar(arena, *words, NULL));
            node_append(arena, ref, item);
        }
    }
    g_assert_true(project_store_ref(element->sources[element->n_sources - 1], ref, &error));
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(directory, file, NULL);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    session_free(session);
    fixture_remove(directory);
    return text;
}

#define CONF "--- project.conf\nname: p\nmin-version: 2.0\n"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_store_ref(void)
{
    const char *const word[] = {HASH, NULL}, *const list[] = {"a", "b", NULL};
    g_autofree char *inline_text =
        store(CONF "--- a.bst\n# top\nkind: import\n\nsources:\n- kind: remote # one\n  url: http://x/y # where\n",
              "a.bst", "a.bst", word);
    g_assert_cmpstr(inline_text, ==,
                    "# top\nkind: import\n\nsources:\n- kind: remote # one\n  url: http://x/y # where\n  ref: " HASH
                    "\n");
    g_autofree char *in_include =
        store(CONF "--- i.yml\nsources:\n- kind: remote\n  url: http://x/y\n--- a.bst\nkind: import\n(@): i.yml\n",
              "a.bst", "i.yml", word);
    g_assert_cmpstr(in_include, ==, "sources:\n- kind: remote\n  url: http://x/y\n  ref: " HASH "\n");
    g_autofree char *refs =
        store(CONF "ref-storage: project.refs\n--- a.bst\nkind: import\nsources:\n- kind: local\n  path: f\n"
                   "- kind: remote\n  url: http://x/y\n--- f/x\n",
              "a.bst", "project.refs", word);
    g_assert_cmpstr(refs, ==, "projects:\n  p:\n    a.bst:\n    - {}\n    - ref: " HASH "\n");
    g_autofree char *kept =
        store(CONF "ref-storage: project.refs\n--- project.refs\n# by hand\nprojects:\n  p:\n    b.bst: # b\n"
                   "    - ref: x\n--- a.bst\nkind: import\nsources:\n- kind: remote\n  url: http://x/y\n",
              "a.bst", "project.refs", list);
    g_assert_cmpstr(
        kept, ==,
        "# by hand\nprojects:\n  p:\n    b.bst: # b\n    - ref: x\n    a.bst:\n    - ref:\n      - name: a\n"
        "      - name: b\n");
}

static void test_store_and_keys(void)
{
    char *directory = fixture_unpack(CONF "--- a.bst\nkind: import\nsources:\n- kind: remote\n  url: http://x/y\n"
                                          "--- b.bst\nkind: stack\ndepends: [a.bst]\n");
    Session *session = load(directory, "b.bst");
    g_autoptr(GError) error = NULL;
    Element *b = fixture_element(session, "b.bst");
    g_assert_cmpstr(b->strict_key, ==, "");
    Source *source = fixture_element(session, "a.bst")->sources[0];
    g_assert_true(project_store_ref(source, node_new_scalar(session_arena(session), HASH, NULL), &error));
    g_assert_true(source->kind->load_ref(source, source->ref, &error));
    g_assert_true(session_compute_keys(session, &error));
    g_assert_no_error(error);
    g_autofree char *now = g_strdup(b->strict_key);
    g_assert_cmpuint(strlen(now), ==, 64);
    session_free(session);
    session = load(directory, "b.bst");
    g_assert_cmpstr(fixture_element(session, "b.bst")->strict_key, ==, now);
    session_free(session);
    fixture_remove(directory);
}

static void test_store_fails(void)
{
    char *directory = fixture_unpack(CONF "--- a.bst\nkind: import\nsources:\n- kind: remote\n  url: http://x/y\n");
    Session *session = load(directory, "a.bst");
    g_autoptr(GError) error = NULL;
    Source *source = fixture_element(session, "a.bst")->sources[0];
    g_autofree char *path = g_build_filename(directory, "a.bst", NULL);
    g_assert_true(g_file_set_contents(path, "kind: something else now\n", -1, NULL));
    g_assert_false(project_store_ref(source, node_new_scalar(session_arena(session), HASH, NULL), &error));
    g_assert_cmpstr(error_get_reason(error), ==, "save-ref-error");
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "kind: something else now\n");
    session_free(session);
    fixture_remove(directory);
}

#define CHAIN 4000u

static gpointer load_chain(gpointer directory)
{
    g_autofree char *target = g_strdup_printf("e%u.bst", CHAIN - 1);
    Session *session = load(directory, target);
    Element *top = fixture_element(session, target);
    g_assert_cmpuint(strlen(top->strict_key), ==, 64);
    g_autoptr(GPtrArray) all = element_scope(top, SCOPE_ALL);
    g_assert_cmpuint(all->len, ==, CHAIN);
    g_assert_true(g_ptr_array_index(all, CHAIN - 1) == top);
    session_free(session);
    return NULL;
}

/* On a stack that has no room for one frame for each element of the chain. */
static void test_deep(void)
{
    char *directory = fixture_unpack(CONF);
    for (guint i = 0; i < CHAIN; i++) {
        g_autofree char *path = g_strdup_printf("%s/e%u.bst", directory, i);
        g_autofree char *text =
            i == 0 ? g_strdup("kind: stack\n") : g_strdup_printf("kind: manual\nbuild-depends: [e%u.bst]\n", i - 1);
        g_assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
    }
    pthread_t thread;
    pthread_attr_t attributes;
    g_assert_cmpint(pthread_attr_init(&attributes), ==, 0);
    g_assert_cmpint(pthread_attr_setstacksize(&attributes, 256 << 10), ==, 0);
    g_assert_cmpint(pthread_create(&thread, &attributes, load_chain, directory), ==, 0);
    g_assert_cmpint(pthread_join(thread, NULL), ==, 0);
    pthread_attr_destroy(&attributes);
    fixture_remove(directory);
}

static void test_workspace_marker(void)
{
    char *directory = fixture_unpack(CONF "--- a.bst\nkind: stack\n--- b.bst\nkind: stack\n");
    g_autofree char *marker = g_strdup_printf(
        "--- .bstproject.yaml\nformat-version: 1\nprojects:\n- project-path: %s\n  element-name: b.bst\n", directory);
    char *workspace = fixture_unpack(marker);
    Session *session = load(workspace, NULL);
    gsize count = 0;
    g_assert_cmpstr(session_elements(session, &count)[0]->name, ==, "b.bst");
    g_assert_cmpuint(count, ==, 1);
    session_free(session);
    fixture_remove(workspace);
    fixture_remove(directory);
}

static char *stage(Element *junction, gpointer data, GError **error)
{
    g_assert_cmpstr(junction->name, ==, "j.bst");
    return g_build_filename(data, "staged", NULL);
}

static void test_staged_junction(void)
{
    char *directory =
        fixture_unpack(CONF "--- a.bst\nkind: stack\ndepends:\n- j.bst:b.bst\n--- j.bst\nkind: junction\nsources:\n"
                            "- kind: tar\n  url: http://x/y\n  ref: " HASH
                            "\n--- staged/project.conf\nname: s\nmin-version: 2.0\n--- staged/b.bst\nkind: stack\n");
    LoadOptions options = {.directory = directory, .strict = TRUE};
    const char *const targets[] = {"a.bst", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) alone = session_load(&options, &error);
    g_assert_null(session_load_elements(alone, targets, &error));
    g_assert_cmpstr(error_get_reason(error), ==, "SUBPROJECT_INCONSISTENT");
    g_clear_error(&error);
    g_autoptr(Session) session = session_load(&options, &error);
    session_set_subproject_func(session, stage, directory);
    g_autoptr(GPtrArray) loaded = session_load_elements(session, targets, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(fixture_element(session, "j.bst:b.bst")->project->name, ==, "s");
    fixture_remove(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/scopes", test_scopes);
    g_test_add_func("/session/answers", test_answers);
    g_test_add_func("/session/urls", test_urls);
    g_test_add_func("/session/paths", test_paths);
    g_test_add_func("/session/store-ref", test_store_ref);
    g_test_add_func("/session/store-and-keys", test_store_and_keys);
    g_test_add_func("/session/store-fails", test_store_fails);
    g_test_add_func("/session/deep", test_deep);
    g_test_add_func("/session/workspace", test_workspace_marker);
    g_test_add_func("/session/staged-junction", test_staged_junction);
    return g_test_run();
}
