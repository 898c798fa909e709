/* Looking into ActionResults: checks, completeness, inlining. */
#include "fixture.h"
#include "remote_execution.pb-c.h"
#include "upstream.h"

typedef Build__Bazel__Remote__Execution__V2__ActionResult Decoded;

enum { FILES = 2, DIRECTORIES = 3, EXIT_CODE = 4, STDOUT_RAW = 5, STDOUT = 6, STDERR = 8, TREE = 3, ROOT = 5 };

static gboolean complete(Fixture *fixture, GByteArray *bytes)
{
    g_auto(SluiceResult) result = {0};
    GError *error = NULL;
    g_autoptr(GBytes) copy = g_bytes_new(bytes->data, bytes->len);
    g_assert_true(sluice_result_decode(copy, &result, &error));
    gboolean answer = sluice_result_is_complete(fixture->store, &result, &error);
    g_assert_no_error(error);
    return answer;
}

static void test_files(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest here = fixture_put(&fixture, "here"), gone = fixture_absent("gone");
    SluiceDigest other_size = here;
    other_size.size++;
    g_autoptr(GByteArray) empty = g_byte_array_new();
    g_assert_true(complete(&fixture, empty));
    g_autoptr(GByteArray) good = g_byte_array_new();
    fixture_put_node(good, FILES, "a", 2, &here);
    fixture_put_node(good, FILES, "b", 2, &sluice_digest_empty);
    sluice_wire_put_digest(good, STDOUT, &here);
    sluice_wire_put_digest(good, STDERR, &here);
    g_assert_true(complete(&fixture, good));
    const struct {
        uint32_t number;
        const SluiceDigest *digest;
    } bad[] = {{FILES, &gone}, {FILES, &other_size}, {STDOUT, &gone}, {STDERR, &gone}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        fixture_put_node(bytes, FILES, "a", 2, &here);
        if (bad[i].number == FILES)
            fixture_put_node(bytes, FILES, "b", 2, bad[i].digest);
        else
            sluice_wire_put_digest(bytes, bad[i].number, bad[i].digest);
        g_assert_false(complete(&fixture, bytes));
    }
    g_autoptr(GByteArray) nameless = g_byte_array_new();
    sluice_wire_put_bytes(nameless, FILES, NULL, 0);
    g_assert_false(complete(&fixture, nameless));
    fixture_close(&fixture);
}

/* A Tree whose root has file `in_root` and whose child has file `in_child`. */
static SluiceDigest put_tree(Fixture *fixture, const SluiceDigest *in_root, const SluiceDigest *in_child)
{
    g_autoptr(GByteArray) root = g_byte_array_new();
    g_autoptr(GByteArray) child = g_byte_array_new();
    SluiceDigest child_digest;
    fixture_put_node(child, 1, "file", 2, in_child);
    sluice_digest_of(child->data, child->len, &child_digest);
    fixture_put_node(root, 1, "file", 2, in_root);
    fixture_put_node(root, 2, "directory", 2, &child_digest);
    GByteArray *tree = g_byte_array_new();
    sluice_wire_put_bytes(tree, 1, root->data, root->len);
    sluice_wire_put_bytes(tree, 2, child->data, child->len);
    return fixture_put_array(fixture, tree);
}

static gboolean directory_complete(Fixture *fixture, uint32_t number, const SluiceDigest *digest)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    fixture_put_node(bytes, DIRECTORIES, "out", number, digest);
    return complete(fixture, bytes);
}

static void test_trees(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest here = fixture_put(&fixture, "here"), gone = fixture_absent("gone");
    SluiceDigest good = put_tree(&fixture, &here, &here);
    SluiceDigest hole_in_root = put_tree(&fixture, &gone, &here);
    SluiceDigest hole_in_child = put_tree(&fixture, &here, &gone);
    SluiceDigest damaged = fixture_put(&fixture, "\x0a\x7f not a Tree");
    SluiceDigest huge = good;
    huge.size = (int64_t)SLUICE_LIMIT_TREE + 1;
    g_assert_true(directory_complete(&fixture, TREE, &good));
    g_assert_false(directory_complete(&fixture, TREE, &hole_in_root));
    g_assert_false(directory_complete(&fixture, TREE, &hole_in_child));
    g_assert_false(directory_complete(&fixture, TREE, &damaged));
    g_assert_false(directory_complete(&fixture, TREE, &huge));
    g_assert_false(directory_complete(&fixture, TREE, &gone));
    fixture_close(&fixture);
}

static void test_root_directories(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest here = fixture_put(&fixture, "here"), gone = fixture_absent("gone");
    GByteArray *leaf = g_byte_array_new(), *top = g_byte_array_new(), *broken = g_byte_array_new();
    fixture_put_node(leaf, 1, "file", 2, &here);
    SluiceDigest leaf_digest = fixture_put_array(&fixture, leaf);
    /* the same child twice: each is looked at once */
    fixture_put_node(top, 2, "a", 2, &leaf_digest);
    fixture_put_node(top, 2, "b", 2, &leaf_digest);
    SluiceDigest top_digest = fixture_put_array(&fixture, top);
    fixture_put_node(broken, 2, "a", 2, &gone);
    SluiceDigest broken_digest = fixture_put_array(&fixture, broken);
    g_assert_true(directory_complete(&fixture, ROOT, &top_digest));
    g_assert_false(directory_complete(&fixture, ROOT, &broken_digest));
    g_assert_false(directory_complete(&fixture, ROOT, &gone));
    fixture_close(&fixture);
}

/* Two readers of one output directory must not find different things. */
static void test_contradictions(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest here = fixture_put(&fixture, "here");
    g_autoptr(GByteArray) child = fixture_node("file", 2, &here), leaf = g_byte_array_new(), top = g_byte_array_new();
    sluice_wire_put_bytes(leaf, 1, child->data, child->len);
    SluiceDigest leaf_digest, top_digest;
    g_assert_true(sluice_store_put(fixture.store, leaf->data, leaf->len, NULL, &leaf_digest, NULL));
    fixture_put_node(top, 2, "a", 2, &leaf_digest);
    fixture_put_node(top, 2, "empty", 2, &sluice_digest_empty);
    g_assert_true(sluice_store_put(fixture.store, top->data, top->len, NULL, &top_digest, NULL));
    const struct {
        unsigned roots, children;
        gboolean sound;
    } trees[] = {{1, 1, TRUE}, {1, 2, TRUE}, {1, 0, FALSE}, {0, 1, FALSE}, {2, 1, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(trees); i++) {
        GByteArray *tree = g_byte_array_new();
        for (unsigned n = 0; n < trees[i].roots; n++)
            sluice_wire_put_bytes(tree, 1, top->data, top->len);
        for (unsigned n = 0; n < trees[i].children; n++)
            sluice_wire_put_bytes(tree, 2, leaf->data, leaf->len);
        SluiceDigest digest = fixture_put_array(&fixture, tree);
        g_assert_cmpint(directory_complete(&fixture, TREE, &digest), ==, trees[i].sound);
        const struct {
            const SluiceDigest *root;
            gboolean same;
        } roots[] = {{&top_digest, TRUE}, {&leaf_digest, FALSE}};
        for (gsize n = 0; n < G_N_ELEMENTS(roots); n++) {
            g_autoptr(GByteArray) both = fixture_node("out", TREE, &digest), result = g_byte_array_new();
            sluice_wire_put_digest(both, ROOT, roots[n].root);
            sluice_wire_put_bytes(result, DIRECTORIES, both->data, both->len);
            g_assert_cmpint(complete(&fixture, result), ==, trees[i].sound && roots[n].same);
        }
    }
    fixture_close(&fixture);
}

/* One large tree under many names is one tree. */
static void test_same_tree(void)
{
    enum { NAMES = 40000, FILES_IN_TREE = 40000 };
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest here = fixture_put(&fixture, "here");
    GByteArray *tree = g_byte_array_new();
    g_autoptr(GByteArray) root = g_byte_array_new(), bytes = g_byte_array_new();
    for (int i = 0; i < FILES_IN_TREE; i++)
        fixture_put_node(root, 1, "f", 2, &here);
    SluiceDigest root_digest;
    g_assert_true(sluice_store_put(fixture.store, root->data, root->len, NULL, &root_digest, NULL));
    sluice_wire_put_bytes(tree, 1, root->data, root->len);
    SluiceDigest digest = fixture_put_array(&fixture, tree);
    g_autoptr(GByteArray) both = fixture_node("out", TREE, &digest);
    sluice_wire_put_digest(both, ROOT, &root_digest);
    for (int i = 0; i < NAMES; i++)
        sluice_wire_put_bytes(bytes, DIRECTORIES, both->data, both->len);
    g_assert_true(complete(&fixture, bytes));
    g_auto(SluiceResult) result = {0};
    g_autoptr(GBytes) copy = g_bytes_new(bytes->data, bytes->len);
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GArray) absent = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_assert_true(sluice_result_decode(copy, &result, NULL));
    g_assert_true(sluice_result_collect(fixture.store, &result, out, absent, NULL));
    g_assert_cmpuint(out->len, ==, 2 + 2 * FILES_IN_TREE);
    g_assert_cmpuint(absent->len, ==, 0);
    fixture_close(&fixture);
}

/* More entries than are looked up at once. */
static void test_many(void)
{
    enum { COUNT = 10000 };
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest here = fixture_put(&fixture, "here"), gone = fixture_absent("gone");
    for (int holes = 0; holes < 2; holes++) {
        GByteArray *tree = g_byte_array_new();
        for (int directory = 0; directory < 10; directory++) {
            g_autoptr(GByteArray) bytes = g_byte_array_new();
            for (int i = 0; i < COUNT / 10; i++)
                fixture_put_node(bytes, 1, "f", 2, holes && directory == 9 && i == 3 ? &gone : &here);
            sluice_wire_put_bytes(tree, directory == 0 ? 1 : 2, bytes->data, bytes->len);
        }
        SluiceDigest digest = fixture_put_array(&fixture, tree);
        g_assert_cmpint(directory_complete(&fixture, TREE, &digest), ==, !holes);
    }
    fixture_close(&fixture);
}

static gboolean check(GByteArray *bytes)
{
    g_auto(SluiceResult) result = {0};
    g_autoptr(GBytes) copy = g_bytes_new(bytes->data, bytes->len);
    g_autoptr(GError) error = NULL;
    gboolean ok = sluice_result_decode(copy, &result, &error) && sluice_result_check(&result, &error);
    if (!ok)
        g_assert_cmpuint(error->domain, ==, SLUICE_PROTO_ERROR);
    return ok;
}

static void test_check(void)
{
    SluiceDigest digest = fixture_absent("contents");
    g_autoptr(GByteArray) good = g_byte_array_new();
    g_autoptr(GByteArray) with_contents = fixture_node("a", 2, &digest);
    sluice_wire_put_string(with_contents, 5, "contents");
    fixture_put_node(good, FILES, "dir/a", 2, &digest);
    fixture_put_node(good, DIRECTORIES, "", TREE, &digest);
    sluice_wire_put_bytes(good, FILES, with_contents->data, with_contents->len);
    g_assert_true(check(good));
    static const char *const bad_paths[] = {"/etc/passwd", ""};
    for (gsize i = 0; i < G_N_ELEMENTS(bad_paths); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        fixture_put_node(bytes, FILES, bad_paths[i], 2, &digest);
        g_assert_false(check(bytes));
    }
    g_autoptr(GByteArray) absolute = g_byte_array_new();
    fixture_put_node(absolute, DIRECTORIES, "/out", TREE, &digest);
    g_assert_false(check(absolute));
    g_autoptr(GByteArray) no_digest = g_byte_array_new();
    fixture_put_node(no_digest, DIRECTORIES, "out", 15, &digest);
    g_assert_false(check(no_digest));
    const struct {
        const char *path, *target;
        gboolean good;
    } symlinks[] = {{"link", "../target", TRUE}, {"link", "/target", TRUE},  {"link", "", FALSE},
                    {"link", NULL, FALSE},       {"/link", "target", FALSE}, {"", "target", FALSE},
                    {NULL, "target", FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(symlinks); i++)
        for (uint32_t field = 10; field <= 12; field++) {
            g_autoptr(GByteArray) bytes = g_byte_array_new(), symlink = g_byte_array_new();
            if (symlinks[i].path != NULL)
                sluice_wire_put_string(symlink, 1, symlinks[i].path);
            if (symlinks[i].target != NULL)
                sluice_wire_put_string(symlink, 2, symlinks[i].target);
            sluice_wire_put_bytes(bytes, field, symlink->data, symlink->len);
            g_assert_cmpint(check(bytes), ==, symlinks[i].good);
        }
    /* contents of another file under this digest */
    g_autoptr(GByteArray) lie = g_byte_array_new();
    g_autoptr(GByteArray) lying = fixture_node("a", 2, &digest);
    sluice_wire_put_string(lying, 5, "other contents");
    sluice_wire_put_bytes(lie, FILES, lying->data, lying->len);
    g_assert_false(check(lie));
    g_autoptr(GByteArray) twice = g_byte_array_new();
    sluice_wire_put_varint(twice, EXIT_CODE, 0);
    sluice_wire_put_varint(twice, EXIT_CODE, 0);
    g_assert_false(check(twice));
}

static Decoded *inline_all(Fixture *fixture, GByteArray *bytes, const char *path)
{
    GError *error = NULL;
    g_autoptr(GArray) paths = g_array_new(FALSE, FALSE, sizeof(SluiceSpan));
    SluiceSpan span = {(const guint8 *)path, strlen(path)};
    g_array_append_val(paths, span);
    SluiceInlining inlining = {TRUE, TRUE, paths};
    g_autoptr(GBytes) copy = g_bytes_new(bytes->data, bytes->len);
    g_autoptr(GBytes) inlined = sluice_result_inline(fixture->store, copy, &inlining, &error);
    g_assert_no_error(error);
    Decoded *decoded = build__bazel__remote__execution__v2__action_result__unpack(NULL, g_bytes_get_size(inlined),
                                                                                  g_bytes_get_data(inlined, NULL));
    g_assert_nonnull(decoded);
    return decoded;
}

static void test_inline(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    SluiceDigest out = fixture_put(&fixture, "output"), said = fixture_put(&fixture, "said");
    SluiceDigest gone = fixture_absent("gone");
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    fixture_put_node(bytes, FILES, "a", 2, &out);
    fixture_put_node(bytes, FILES, "b", 2, &out);
    sluice_wire_put_digest(bytes, STDOUT, &said);
    sluice_wire_put_digest(bytes, STDERR, &gone);
    Decoded *decoded = inline_all(&fixture, bytes, "b");
    g_assert_cmpuint(decoded->n_output_files, ==, 2);
    g_assert_cmpuint(decoded->output_files[0]->contents.len, ==, 0);
    g_assert_cmpmem(decoded->output_files[1]->contents.data, decoded->output_files[1]->contents.len, "output", 6);
    g_assert_cmpmem(decoded->stdout_raw.data, decoded->stdout_raw.len, "said", 4);
    g_assert_cmpuint(decoded->stderr_raw.len, ==, 0);
    g_assert_nonnull(decoded->stdout_digest);
    build__bazel__remote__execution__v2__action_result__free_unpacked(decoded, NULL);
    fixture_close(&fixture);
}

static void test_inline_limit(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    g_autofree char *large = g_strnfill(SLUICE_LIMIT_INLINE + 1, 'x');
    SluiceDigest out = fixture_put(&fixture, large);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    sluice_wire_put_digest(bytes, STDOUT, &out);
    Decoded *decoded = inline_all(&fixture, bytes, "x");
    g_assert_cmpuint(decoded->stdout_raw.len, ==, 0);
    build__bazel__remote__execution__v2__action_result__free_unpacked(decoded, NULL);
    /* what is already there is not doubled */
    sluice_wire_put_string(bytes, STDOUT_RAW, "x");
    decoded = inline_all(&fixture, bytes, "x");
    g_assert_cmpuint(decoded->stdout_raw.len, ==, 1);
    build__bazel__remote__execution__v2__action_result__free_unpacked(decoded, NULL);
    fixture_close(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/complete/files", test_files);
    g_test_add_func("/complete/trees", test_trees);
    g_test_add_func("/complete/root-directories", test_root_directories);
    g_test_add_func("/complete/many", test_many);
    g_test_add_func("/complete/contradictions", test_contradictions);
    g_test_add_func("/complete/same-tree", test_same_tree);
    g_test_add_func("/result/check", test_check);
    g_test_add_func("/inline/contents", test_inline);
    g_test_add_func("/inline/limit", test_inline_limit);
    return g_test_run();
}
