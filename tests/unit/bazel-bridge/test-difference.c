/* What two results of one action say differently, in whatever form they come; and origins, which must survive what clients say. */
#include "difference.h"
#include "fixture.h"

static void put_file(GByteArray *out, uint32_t number, const char *path, const SluiceDigest *digest,
                     gboolean executable)
{
    g_autoptr(GByteArray) file = fixture_node(path, 2, digest);
    if (executable)
        sluice_wire_put_varint(file, 4, 1);
    sluice_wire_put_bytes(out, number, file->data, file->len);
}

static void put_link(GByteArray *out, uint32_t number, const char *path, const char *target)
{
    g_autoptr(GByteArray) link = g_byte_array_new();
    sluice_wire_put_string(link, 1, path);
    sluice_wire_put_string(link, 2, target);
    sluice_wire_put_bytes(out, number, link->data, link->len);
}

/* A Directory with a file, and one below it with another; as `tree` its bytes, too. */
static SluiceDigest make_directories(Fixture *fixture, const SluiceDigest *file, SluiceDigest *tree)
{
    GByteArray *child = g_byte_array_new(), *root = g_byte_array_new(), *whole = g_byte_array_new();
    SluiceDigest digest;
    put_file(child, 1, "file", file, FALSE);
    sluice_digest_of(child->data, child->len, &digest);
    put_file(root, 1, "file", file, TRUE);
    fixture_put_node(root, 2, "sub", 2, &digest);
    sluice_wire_put_bytes(whole, 1, root->data, root->len);
    sluice_wire_put_bytes(whole, 2, child->data, child->len);
    *tree = fixture_put_array(fixture, whole);
    fixture_put_array(fixture, child);
    return fixture_put_array(fixture, root);
}

static SluiceOutputs *read_outputs(Fixture *fixture, GByteArray *result)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(result);
    SluiceOutputs *outputs = sluice_outputs_read(fixture->store, bytes, &error);
    g_assert_no_error(error);
    return outputs;
}

static void test_forms(void)
{
    Fixture fixture;
    SluiceDigest tree;
    fixture_open(&fixture);
    SluiceDigest file = fixture_put(&fixture, "content"), root = make_directories(&fixture, &file, &tree);
    GByteArray *by_tree = g_byte_array_new(), *by_root = g_byte_array_new();
    fixture_put_node(by_tree, 3, "dir", 3, &tree);
    fixture_put_node(by_root, 3, "dir", 5, &root);
    put_link(by_tree, 10, "link", "dir"); /* the older field */
    put_link(by_root, 12, "link", "dir");
    sluice_wire_put_bytes(by_tree, 5, "said", 4);
    SluiceDigest said = fixture_absent("said");
    sluice_wire_put_digest(by_root, 6, &said);
    g_autoptr(SluiceOutputs) first = read_outputs(&fixture, by_tree), second = read_outputs(&fixture, by_root);
    g_auto(SluiceDifferences) none = {0};
    sluice_outputs_compare(first, second, NULL, &none);
    g_assert_cmpuint(none.outputs->len, ==, 0);
    g_assert_cmpuint(none.messages->len, ==, 0);
    fixture_close(&fixture);
}

static void test_differences(void)
{
    Fixture fixture;
    SluiceDigest tree;
    fixture_open(&fixture);
    SluiceDigest file = fixture_put(&fixture, "content"), other = fixture_put(&fixture, "other");
    SluiceDigest one = make_directories(&fixture, &file, &tree), two = make_directories(&fixture, &other, &tree);
    GByteArray *was = g_byte_array_new(), *is = g_byte_array_new(), *again = g_byte_array_new();
    put_file(was, 2, "mode", &file, TRUE);
    put_file(is, 2, "mode", &file, FALSE); /* clients call all files executable */
    put_file(was, 2, "tool", &file, FALSE);
    put_file(is, 2, "tool", &file, TRUE);
    fixture_put_node(was, 3, "dir", 5, &one);
    fixture_put_node(is, 3, "dir", 5, &two);
    put_link(was, 12, "link", "here");
    put_link(is, 12, "link", "there");
    sluice_wire_put_varint(is, 4, 3);
    sluice_wire_put_digest(is, 8, &other);
    put_file(again, 2, "mode", &other, FALSE);
    g_autoptr(SluiceOutputs) cached = read_outputs(&fixture, was), own = read_outputs(&fixture, is);
    g_autoptr(SluiceOutputs) unlike = read_outputs(&fixture, again);
    g_auto(SluiceDifferences) found = {0}, unstable = {0}, stable = {0};
    sluice_outputs_compare(cached, own, NULL, &found);
    g_autofree char *lines = NULL;
    g_ptr_array_add(found.outputs, NULL);
    lines = g_strjoinv("\n", (char **)found.outputs->pdata);
    g_assert_cmpuint(found.outputs->len, ==, 6);
    g_assert_nonnull(strstr(lines, "exit code: cached 0, executed 3"));
    g_assert_nonnull(strstr(lines, "tool: cached file"));
    g_assert_nonnull(strstr(lines, "dir/file: cached"));
    g_assert_nonnull(strstr(lines, "dir/sub/file: cached"));
    g_assert_nonnull(strstr(lines, "link: cached a link to here, executed a link to there"));
    g_assert_null(strstr(lines, "mode"));
    g_assert_cmpuint(found.messages->len, ==, 1);
    g_assert_false(found.stable);
    sluice_outputs_compare(cached, own, unlike, &unstable);
    g_assert_false(unstable.stable);
    sluice_outputs_compare(cached, own, own, &stable);
    g_assert_true(stable.stable);
    fixture_close(&fixture);
}

/* Each level names the one below twice: a few blobs, more paths than memory. */
static void test_bomb(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest digest = sluice_digest_empty;
    for (int i = 0; i < 40; i++) {
        GByteArray *level = g_byte_array_new();
        fixture_put_node(level, 2, "a", 2, &digest);
        fixture_put_node(level, 2, "b", 2, &digest);
        digest = fixture_put_array(&fixture, level);
    }
    GByteArray *result = g_byte_array_new();
    fixture_put_node(result, 3, "dir", 5, &digest);
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(result);
    g_autoptr(GError) error = NULL;
    SluiceDigest unused;
    g_assert_null(sluice_outputs_read(fixture.store, bytes, &error));
    g_assert_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE);
    g_assert_false(sluice_result_digest_outputs(fixture.store, bytes, &unused));
    fixture_close(&fixture);
}

/* One large Tree under many names: each of them is read. */
static void test_many_trees(void)
{
    enum { SIZE = 8 * SLUICE_MIB, MANY = SLUICE_LIMIT_TREE / SIZE };
    Fixture fixture;
    fixture_open(&fixture);
    for (int more = 0; more <= 1; more++) {
        GByteArray *tree = g_byte_array_new(), *result = g_byte_array_new();
        g_autofree char *padding = g_malloc0(SIZE);
        sluice_wire_put_bytes(tree, 1, NULL, 0);
        sluice_wire_put_bytes(tree, 1000, padding, SIZE - 2 * (1 + !more) * 16); /* a field that nobody knows */
        SluiceDigest digest = fixture_put_array(&fixture, tree);
        for (int i = 0; i < MANY + more; i++) {
            g_autofree char *name = g_strdup_printf("dir%d", i);
            fixture_put_node(result, 3, name, 3, &digest);
        }
        g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(result);
        g_autoptr(GError) error = NULL;
        g_autoptr(SluiceOutputs) outputs = sluice_outputs_read(fixture.store, bytes, &error);
        g_assert_true((outputs == NULL) == more);
        if (more)
            g_assert_nonnull(strstr(error->message, "trees are too large"));
    }
    fixture_close(&fixture);
}

/* Of a path that is longer than anybody reads, the beginning is told. */
static void test_long_names(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest file = fixture_put(&fixture, "content");
    g_autofree char *name = g_strnfill(2000, 'x');
    GByteArray *was = g_byte_array_new(), *is = g_byte_array_new();
    put_file(was, 2, name, &file, FALSE);
    g_autoptr(SluiceOutputs) cached = read_outputs(&fixture, was), own = read_outputs(&fixture, is);
    g_auto(SluiceDifferences) found = {0};
    sluice_outputs_compare(cached, own, NULL, &found);
    g_assert_cmpuint(found.outputs->len, ==, 1);
    g_assert_cmpuint(strlen(found.outputs->pdata[0]), <, 400);
    g_assert_true(g_str_has_prefix(found.outputs->pdata[0], "xxxxxxxx"));
    fixture_close(&fixture);
}

static void test_absent(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest absent = fixture_absent("nothing");
    for (uint32_t field = 3; field <= 5; field += 2) {
        GByteArray *result = g_byte_array_new();
        fixture_put_node(result, 3, "dir", field, &absent);
        g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(result);
        g_autoptr(GError) error = NULL;
        g_assert_null(sluice_outputs_read(fixture.store, bytes, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    }
    fixture_close(&fixture);
}

static void test_origins(void)
{
    g_auto(SluiceOrigin) origin = {
        .producer = SLUICE_PRODUCER_CLIENT,
        .has_environment = TRUE,
        .environment = fixture_absent("environment"),
        .action = fixture_absent("action"),
        .stored = 1700000000,
        .element = g_strdup("app.bst"),
        .tool = g_strdup("\033[2J\n"),
        .audit = SLUICE_AUDIT_WRONG,
        .audited = 1700000001,
        .findings = g_strdup("a\nb"),
        .has_refused = TRUE,
        .refused = fixture_absent("refused"),
    };
    g_autoptr(GBytes) bytes = sluice_origin_encode(&origin);
    g_autoptr(GError) error = NULL;
    g_auto(SluiceOrigin) back = {0};
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_assert_true(sluice_origin_decode(data, length, &back, &error));
    g_autoptr(GBytes) again = sluice_origin_encode(&back);
    g_assert_true(g_bytes_equal(bytes, again));
    g_assert_cmpstr(back.tool, ==, origin.tool);
    g_assert_null(back.project);
    g_assert_true(sluice_digest_equal(&back.refused, &origin.refused));
    for (gsize cut = 1; cut < length; cut++) { /* never more than an error */
        g_auto(SluiceOrigin) part = {0};
        (void)sluice_origin_decode(data, cut, &part, NULL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/difference/forms", test_forms);
    g_test_add_func("/difference/differences", test_differences);
    g_test_add_func("/difference/bomb", test_bomb);
    g_test_add_func("/difference/many-trees", test_many_trees);
    g_test_add_func("/difference/long-names", test_long_names);
    g_test_add_func("/difference/absent", test_absent);
    g_test_add_func("/origin/round-trip", test_origins);
    return g_test_run();
}
