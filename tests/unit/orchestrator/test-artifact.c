/* test-artifact.c - artifacts in the store: all that goes in comes out, and what is damaged or gone counts as not cached */
#include "build-fixture.h"

#include <string.h>

static SluiceDigest put(BuildFixture *fixture, const char *text)
{
    SluiceDigest digest;
    g_assert_true(sluice_store_put(fixture->store, text, strlen(text), NULL, &digest, NULL));
    return digest;
}

static Artifact make_artifact(BuildFixture *fixture, const Element *element, ArtifactLog *log,
                              ArtifactDependency *dependency)
{
    *log = (ArtifactLog){"a-build.log", put(fixture, "the log")};
    *dependency = (ArtifactDependency){"other", "sub/dep.bst", "0123"};
    return (Artifact){
        .success = TRUE,
        .error = "",
        .error_detail = "",
        .strong_key = element->strict_key,
        .strict_key = element->strict_key,
        .weak_key = element->weak_key,
        .has_files = TRUE,
        .files = build_fixture_tree(fixture, "usr/bin/x=1"),
        .has_public = TRUE,
        .public_data = put(fixture, "bst: {integration-commands: [one, two]}\n"),
        .has_low_meta = TRUE,
        .low_meta = put(fixture, "environment: {}\n"),
        .has_high_meta = TRUE,
        .high_meta = put(fixture, "variables: {}\nsluice: {action-proxy: {lookups: 7, hits: 5}}\n"),
        .logs = log,
        .n_logs = 1,
        .build_deps = dependency,
        .n_build_deps = 1,
    };
}

static Element *store_one(BuildFixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;
    ArtifactLog log;
    ArtifactDependency dependency;
    Element *element = build_fixture_element(fixture, name, NULL);
    Artifact artifact = make_artifact(fixture, element, &log, &dependency);
    g_assert_true(artifact_store(fixture->store, element, &artifact, &error));
    g_assert_no_error(error);
    return element;
}

static void test_round_trip(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Element *element = store_one(fixture, "sub/it.bst");
    g_autoptr(Artifact) artifact = artifact_find(fixture->store, element, TRUE, &error);
    SluiceDigest files = build_fixture_tree(fixture, "usr/bin/x=1");
    g_assert_no_error(error);
    g_assert_nonnull(artifact);
    g_assert_true(artifact->success && artifact->has_files && !artifact->has_buildtree);
    g_assert_true(sluice_digest_equal(&artifact->files, &files));
    g_assert_cmpstr(artifact->strict_key, ==, element->strict_key);
    g_assert_cmpstr(artifact->weak_key, ==, element->weak_key);
    g_assert_cmpuint(artifact->n_build_deps, ==, 1);
    g_assert_cmpstr(artifact->build_deps[0].element, ==, "sub/dep.bst");
    g_assert_cmpstr(artifact->logs[0].name, ==, "a-build.log");
    g_autoptr(GBytes) log = artifact_read_log(fixture->store, artifact, 0, &error);
    g_assert_cmpmem(g_bytes_get_data(log, NULL), g_bytes_get_size(log), "the log", 7);
    g_assert_null(artifact_read_log(fixture->store, artifact, 1, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_ARTIFACT);
}

static void test_parts(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Element *element = store_one(fixture, "it.bst");
    g_autoptr(Artifact) artifact = artifact_find(fixture->store, element, TRUE, &error);
    Node *public_ = artifact_read_public(fixture->store, artifact, fixture->arena, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(node_size(node_find(node_find(public_, "bst"), "integration-commands")), ==, 2);
    SluiceEndpointStats stats;
    g_assert_true(artifact_read_stats(fixture->store, artifact, &stats, &error));
    g_assert_cmpuint(stats.lookups, ==, 7);
    g_assert_cmpuint(stats.hits, ==, 5);
    g_assert_cmpuint(stats.misses, ==, 0);
}

static void test_stats_round_trip(BuildFixture *fixture, gconstpointer data)
{
    SluiceEndpointStats in = {.calls = 9, .lookups = 4, .bytes_read = G_GUINT64_CONSTANT(1) << 40}, out;
    const Artifact none = {.success = TRUE};
    Node *meta = node_new_mapping(fixture->arena, NULL);
    node_set(fixture->arena, meta, "sluice", artifact_own_meta(&none, &in, fixture->arena));
    g_autofree char *text = node_emit(meta);
    Artifact artifact = {.has_high_meta = TRUE, .high_meta = put(fixture, text)};
    g_assert_true(artifact_read_stats(fixture->store, &artifact, &out, NULL));
    g_assert_cmpmem(&in, sizeof in, &out, sizeof out);
    artifact.high_meta = put(fixture, "variables: {}\n");
    g_assert_false(artifact_read_stats(fixture->store, &artifact, &out, NULL));
}

static void test_names(BuildFixture *fixture, gconstpointer data)
{
    Element *element = store_one(fixture, "sub/it.bst");
    g_autofree char *strict = artifact_ref_name(element, NULL), *weak = artifact_ref_name(element, element->weak_key);
    g_autofree char *wanted = g_strdup_printf("test/sub-it/%s", element->strict_key);
    g_assert_cmpstr(strict, ==, wanted);
    g_autoptr(GPtrArray) all = artifact_list(fixture->store, NULL, NULL);
    g_autoptr(GPtrArray) exact = artifact_list(fixture->store, weak, NULL);
    g_autoptr(GPtrArray) flat = artifact_list(fixture->store, "test/*", NULL);
    g_autoptr(GPtrArray) deep = artifact_list(fixture->store, "test/**", NULL);
    g_autoptr(GPtrArray) other = artifact_list(fixture->store, "other/**", NULL);
    g_assert_cmpuint(all->len, ==, 2);
    g_assert_cmpuint(exact->len, ==, 1);
    g_assert_cmpuint(flat->len, ==, 0);
    g_assert_cmpuint(deep->len, ==, 2);
    g_assert_cmpuint(other->len, ==, 0);
    *element->strong_key = '\0';
    g_assert_null(artifact_ref_name(element, NULL));
}

static void test_strictness(BuildFixture *fixture, gconstpointer data)
{
    Element *element = store_one(fixture, "it.bst");
    element->strict_key[0] = element->strict_key[0] == 'a' ? 'b' : 'a';
    g_autoptr(Artifact) strict = artifact_find(fixture->store, element, TRUE, NULL);
    g_autoptr(Artifact) loose = artifact_find(fixture->store, element, FALSE, NULL);
    g_assert_null(strict);
    g_assert_nonnull(loose);
}

static void test_delete(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Element *element = store_one(fixture, "it.bst");
    g_autofree char *name = artifact_ref_name(element, NULL);
    g_assert_true(artifact_delete(fixture->store, name, &error));
    g_assert_false(artifact_delete(fixture->store, name, &error));
    g_assert_no_error(error);
    g_autoptr(Artifact) gone = artifact_find(fixture->store, element, TRUE, &error);
    g_assert_no_error(error);
    g_assert_null(gone);
}

static void test_incomplete(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    ArtifactLog log;
    ArtifactDependency dependency;
    Element *element = build_fixture_element(fixture, "it.bst", NULL);
    Artifact artifact = make_artifact(fixture, element, &log, &dependency);
    g_assert_true(artifact_is_complete(fixture->store, &artifact));
    sluice_digest_of("not there", 9, &artifact.low_meta);
    g_assert_false(artifact_is_complete(fixture->store, &artifact));
}

/* What a ref of ours cannot be, but a damaged or foreign one may. */
static void test_damaged(BuildFixture *fixture, gconstpointer data)
{
    static const char *const values[] = {"", "nonsense", "\xff\xff\xff\xff", "\x42\x02\x0a\x7f"};
    Element *element = build_fixture_element(fixture, "it.bst", NULL);
    g_autofree char *name = artifact_ref_name(element, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GError) error = NULL;
        char text[SLUICE_DIGEST_STRING_MAX];
        SluiceDigest digest = put(fixture, values[i]);
        g_autoptr(GBytes) value = i % 2 ? g_bytes_new(values[i], strlen(values[i])) : NULL;
        if (!value)
            value = g_bytes_new(text, strlen(sluice_digest_string(&digest, text)));
        SluiceRef ref = {.value = value};
        g_assert_true(sluice_store_set_ref(fixture->store, ARTIFACT_SPACE, name, &ref, NULL));
        g_autoptr(Artifact) artifact = artifact_load(fixture->store, name, &error);
        g_assert_true(i == 0 || (!artifact && error));
    }
}

#define TEST(name, function)                                                                                           \
    g_test_add("/artifact/" name, BuildFixture, NULL, build_fixture_set_up, function, build_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("round-trip", test_round_trip);
    TEST("parts", test_parts);
    TEST("stats", test_stats_round_trip);
    TEST("names", test_names);
    TEST("strictness", test_strictness);
    TEST("delete", test_delete);
    TEST("incomplete", test_incomplete);
    TEST("damaged", test_damaged);
    return g_test_run();
}
