/* What launchers are answered from: the files of a sandbox seen from outside, and manifests. */
#include "fixture.h"
#include "launcher-private.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

typedef struct {
    char *path, *upper;
    SluiceStore *store;
    SluiceStaged *staged;
    SluiceDigest root, environment, one, two;
} Place;

static void put_file(Place *place, SluiceTree *tree, const char *path, const SluiceDigest *digest)
{
    g_assert_true(sluice_tree_add_file(tree, path, digest, FALSE, NULL));
}

/* /usr/include/{a.h,b.h,link.h -> a.h}, /lib -> usr/lib, /usr/lib/x.h; sources in /src: s.c, inc/i.h, loop -> loop, out -> ../../../etc. */
static void set_up(Place *place)
{
    static const char *const mounted[] = {"/tmp", NULL};
    place->path = g_dir_make_tmp("test-launcher.XXXXXX", NULL);
    place->upper = g_build_filename(place->path, "upper", NULL);
    g_assert_no_errno(mkdir(place->upper, 0755));
    g_autofree char *store = g_build_filename(place->path, "store", NULL);
    place->store = sluice_store_open(store, NULL, NULL);
    g_assert_nonnull(place->store);
    sluice_store_put(place->store, "one", 3, NULL, &place->one, NULL);
    sluice_store_put(place->store, "two", 3, NULL, &place->two, NULL);
    g_autoptr(SluiceTree) tree = sluice_tree_new(place->store);
    put_file(place, tree, "/usr/include/a.h", &place->one);
    put_file(place, tree, "/usr/include/b.h", &place->two);
    put_file(place, tree, "/usr/lib/x.h", &place->one);
    sluice_tree_add_symlink(tree, "/usr/include/link.h", "a.h", NULL);
    sluice_tree_add_symlink(tree, "/lib", "usr/lib", NULL);
    g_assert_true(sluice_tree_commit(tree, &place->environment, NULL));
    put_file(place, tree, "/src/s.c", &place->one);
    put_file(place, tree, "/src/inc/i.h", &place->two);
    sluice_tree_add_symlink(tree, "/src/loop", "loop", NULL);
    sluice_tree_add_symlink(tree, "/src/out", "../../../etc", NULL);
    g_assert_true(sluice_tree_commit(tree, &place->root, NULL));
    SluiceStagedPlace where = {place->store, place->root, place->environment,
                               open(place->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC), mounted};
    place->staged = sluice_staged_new(&where);
}

static void tear_down(Place *place)
{
    sluice_staged_free(place->staged);
    sluice_store_close(place->store);
    sluice_remove_tree(place->path, NULL);
    g_free(place->path);
    g_free(place->upper);
}

static char *in_upper(Place *place, const char *path)
{
    char *full = g_build_filename(place->upper, path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);
    g_assert_no_errno(g_mkdir_with_parents(folder, 0755));
    return full;
}

static void write_upper(Place *place, const char *path, const char *text)
{
    g_autofree char *full = in_upper(place, path);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}

static void link_upper(Place *place, const char *path, const char *target)
{
    g_autofree char *full = in_upper(place, path);
    g_assert_no_errno(symlink(target, full));
}

static SluiceStagedKind kind_of(Place *place, const char *path, SluiceStagedFile *file)
{
    g_autoptr(SluiceLook) look = sluice_look_new(place->staged, -1, "/src");
    sluice_look_at(look, path, TRUE, file);
    return file->kind;
}

static void assert_file(Place *place, const char *path, const SluiceDigest *digest)
{
    SluiceStagedFile file;
    g_test_message("%s", path);
    g_assert_cmpint(kind_of(place, path, &file), ==, SLUICE_STAGED_FILE);
    g_assert_true(file.digested && sluice_digest_equal(&file.digest, digest));
}

static void assert_kind(Place *place, const char *path, SluiceStagedKind kind)
{
    SluiceStagedFile file;
    g_test_message("%s", path);
    g_assert_cmpint(kind_of(place, path, &file), ==, kind);
}

static void test_staged(void)
{
    Place place = {NULL};
    set_up(&place);
    assert_file(&place, "/usr/include/a.h", &place.one);
    assert_file(&place, "/usr/include/link.h", &place.one);
    assert_file(&place, "/lib/x.h", &place.one);
    assert_file(&place, "/lib/../include/b.h", &place.two); /* above where the link leads */
    assert_file(&place, "s.c", &place.one);
    assert_file(&place, "./inc/../inc//i.h", &place.two);
    assert_kind(&place, "/usr/include", SLUICE_STAGED_DIRECTORY);
    assert_kind(&place, "inc/.", SLUICE_STAGED_DIRECTORY);
    assert_kind(&place, "/", SLUICE_STAGED_DIRECTORY);
    assert_kind(&place, "absent.h", SLUICE_STAGED_MISSING);
    assert_kind(&place, "absent/more.h", SLUICE_STAGED_MISSING);
    assert_kind(&place, "s.c/more.h", SLUICE_STAGED_MISSING);
    assert_kind(&place, "loop", SLUICE_STAGED_UNKNOWN);
    assert_kind(&place, "out/passwd", SLUICE_STAGED_MISSING); /* the host has one */
    assert_kind(&place, "/tmp/x", SLUICE_STAGED_UNKNOWN);     /* without the builder's own root */
    tear_down(&place);
}

static void test_upper(void)
{
    Place place = {NULL};
    SluiceStagedFile file;
    set_up(&place);
    write_upper(&place, "src/s.c", "two");
    write_upper(&place, "src/inc/new.h", "one");
    link_upper(&place, "src/there", "/usr/include");
    link_upper(&place, "src/passwd", "/etc/passwd");
    link_upper(&place, "src/away", "../../../../../../etc");
    assert_file(&place, "s.c", &place.two);
    assert_file(&place, "inc/i.h", &place.two);
    assert_file(&place, "inc/new.h", &place.one);
    assert_file(&place, "there/b.h", &place.two);
    assert_kind(&place, "passwd", SLUICE_STAGED_MISSING);
    assert_kind(&place, "away/passwd", SLUICE_STAGED_MISSING);
    g_autofree char *fifo = in_upper(&place, "src/inc/fifo.h");
    g_assert_no_errno(mkfifo(fifo, 0644));
    assert_kind(&place, "inc/fifo.h", SLUICE_STAGED_UNKNOWN); /* and nobody waits */
    kind_of(&place, "s.c", &file);
    g_assert_true(file.changing && file.changed > 0);
    /* the same length and a later time */
    g_usleep(20000);
    write_upper(&place, "src/s.c", "one");
    assert_file(&place, "s.c", &place.one);
    tear_down(&place);
}

static int64_t moment(void)
{
    g_usleep(20000);
    int64_t now = sluice_staged_now();
    g_usleep(20000);
    return now;
}

static int64_t changed(Place *place, const char *path)
{
    SluiceStagedFile file;
    g_test_message("%s", path);
    g_assert_cmpint(kind_of(place, path, &file), ==, SLUICE_STAGED_FILE);
    g_assert_true(file.changing);
    return file.changed;
}

/* A file is as new as what led to it. */
static void test_times(void)
{
    Place place = {NULL};
    SluiceStagedFile file;
    set_up(&place);
    write_upper(&place, "src/old/x.h", "one");
    int64_t written = moment();
    link_upper(&place, "src/folder", "old");
    link_upper(&place, "src/file", "old/x.h");
    link_upper(&place, "src/staged", "/usr/include");
    g_assert_cmpint(changed(&place, "old/x.h"), <, written);
    g_assert_cmpint(changed(&place, "folder/x.h"), >, written);
    g_assert_cmpint(changed(&place, "folder/../old/x.h"), >, written);
    g_assert_cmpint(changed(&place, "file"), >, written);
    g_assert_cmpint(changed(&place, "staged/a.h"), >, written);
    int64_t linked = moment();
    link_upper(&place, "src/chain", "folder/.");
    g_assert_cmpint(changed(&place, "folder/x.h"), <, linked);
    g_assert_cmpint(changed(&place, "chain/x.h"), >, linked);
    int64_t chained = moment();
    g_autofree char *from = in_upper(&place, "src/old"), *to = in_upper(&place, "src/moved");
    g_assert_no_errno(rename(from, to));
    g_assert_cmpint(changed(&place, "moved/x.h"), >, chained);
    int64_t moved = moment();
    write_upper(&place, "src/moved/object.o", "which says nothing of what was there before");
    g_assert_cmpint(changed(&place, "moved/x.h"), <, moved);
    g_assert_cmpint(changed(&place, "moved/x.h"), >, chained); /* it came here after that all the same */
    kind_of(&place, "/usr/include/a.h", &file);
    g_assert_false(file.changing);
    tear_down(&place);
}

/* More than a look may take of this process: nothing can be told, and nothing falls over. */
static void test_bounds(void)
{
    enum { MANY = 300, DEEP = 1000 };
    Place place = {NULL};
    SluiceStagedFile file;
    guint known = 0;
    set_up(&place);
    for (int i = 0; i < MANY; i++) {
        g_autofree char *path = g_strdup_printf("src/many/%d/x.h", i);
        write_upper(&place, path, "one");
    }
    SluiceLook *look = sluice_look_new(place.staged, -1, "/src");
    for (int i = 0; i < MANY; i++) {
        g_autofree char *path = g_strdup_printf("many/%d/x.h", i);
        sluice_look_at(look, path, TRUE, &file);
        known += file.kind == SLUICE_STAGED_FILE;
        g_assert_true(file.kind == SLUICE_STAGED_FILE || file.kind == SLUICE_STAGED_UNKNOWN);
    }
    g_assert_cmpuint(known, >, 100);
    g_assert_cmpuint(known, <, MANY);
    sluice_look_at(look, "/src/many/0/x.h", TRUE, &file);
    g_assert_cmpint(file.kind, ==, SLUICE_STAGED_FILE); /* what was found stays */
    g_autoptr(GString) deep = g_string_new("many");
    for (int i = 0; i < DEEP; i++)
        g_string_append(deep, "/.");
    g_string_append(deep, "/0/x.h");
    assert_kind(&place, deep->str, SLUICE_STAGED_UNKNOWN);
    assert_kind(&place, "many/./0/x.h", SLUICE_STAGED_FILE);
    sluice_look_free(look);
    tear_down(&place);
}

static void test_removed(void)
{
    Place place = {NULL};
    set_up(&place);
    g_autofree char *whiteout = in_upper(&place, "src/inc/i.h");
    g_autofree char *opaque = in_upper(&place, "usr/include/x");
    g_autofree char *folder = g_path_get_dirname(opaque);
    if (mknod(whiteout, S_IFCHR, 0) != 0 || setxattr(folder, "user.overlay.opaque", "y", 1, 0) != 0) {
        g_test_skip("no device nodes or attributes here");
    } else {
        assert_kind(&place, "inc/i.h", SLUICE_STAGED_MISSING);
        assert_kind(&place, "/usr/include/a.h", SLUICE_STAGED_MISSING);
        assert_file(&place, "/usr/lib/x.h", &place.one);
    }
    tear_down(&place);
}

/* ---- Manifests ------------------------------------------------------------------------------------------------------------- */

static GBytes *add_variant(Place *place, GBytes *old, const ManifestVariant *variant, const char *const *paths)
{
    g_autoptr(SluiceLook) look = sluice_look_new(place->staged, -1, "/src");
    g_autoptr(GArray) inputs = g_array_new(FALSE, TRUE, sizeof(ManifestInput));
    for (; *paths != NULL; paths++) {
        ManifestInput input = {.path = *paths};
        sluice_look_at(look, *paths, TRUE, &input.file);
        g_array_append_val(inputs, input);
    }
    GBytes *manifest = launcher_manifest_add(old, variant, (ManifestInput *)(void *)inputs->data, inputs->len, look);
    g_assert_nonnull(manifest);
    return manifest;
}

static GBytes *add(Place *place, GBytes *old, const SluiceDigest *action, const char *const *paths)
{
    return add_variant(place, old, &(ManifestVariant){.action = *action}, paths);
}

/* In a build folder, or in none; nothing does if `action` is NULL. */
static gboolean holds_in(Place *place, GBytes *manifest, const char *folder, const SluiceDigest *action)
{
    ManifestVariant found = {.made_in = NULL};
    g_autoptr(SluiceLook) look = sluice_look_new(place->staged, -1, "/src");
    gboolean holds = launcher_manifest_find(manifest, look, folder, &found);
    gboolean good = holds == (action != NULL) && (!holds || sluice_digest_equal(&found.action, action));
    launcher_variant_clear(&found);
    return good;
}

static gboolean holds(Place *place, GBytes *manifest, const SluiceDigest *action)
{
    return holds_in(place, manifest, NULL, action);
}

static void test_manifest(void)
{
    static const char *const paths[] = {
        "s.c", "inc/i.h", "inc2/i.h", "absent.h", "/usr/include/a.h", "/usr/include/no.h", "/usr/include/link.h", NULL};
    Place place = {NULL};
    set_up(&place);
    g_autoptr(GBytes) first = add(&place, NULL, &place.one, paths);
    g_assert_true(holds(&place, first, &place.one));
    write_upper(&place, "src/object.o", "something else");
    g_assert_true(holds(&place, first, &place.one));
    write_upper(&place, "src/inc2/i.h", "shadow");
    g_assert_true(holds(&place, first, NULL));
    g_autoptr(GBytes) second = add(&place, first, &place.two, paths);
    g_assert_true(holds(&place, second, &place.two));
    g_autofree char *shadow = in_upper(&place, "src/inc2/i.h");
    g_assert_no_errno(unlink(shadow));
    g_assert_true(holds(&place, second, NULL));
    g_autofree char *folder = g_path_get_dirname(shadow);
    g_assert_no_errno(rmdir(folder));
    g_assert_true(holds(&place, second, &place.one));
    write_upper(&place, "src/inc/i.h", "changed");
    g_assert_true(holds(&place, second, NULL));
    write_upper(&place, "src/inc/i.h", "two");
    g_assert_true(holds(&place, second, &place.one));
    write_upper(&place, "usr/include/no.h", "a header of the system's");
    g_assert_true(holds(&place, second, NULL));
    tear_down(&place);
}

/* The same sources in two more build folders. */
static void test_roaming(void)
{
    static const char *const paths[] = {"/src/s.c", "/src/inc/i.h", "/src/none.h", "/usr/include/a.h", NULL};
    Place place = {NULL};
    set_up(&place);
    for (const char *const *folder = (const char *const[]){"/two", "/three", NULL}; *folder != NULL; folder++) {
        g_autofree char *source = g_strconcat(*folder + 1, "/s.c", NULL);
        g_autofree char *header = g_strconcat(*folder + 1, "/inc/i.h", NULL);
        write_upper(&place, source, "one");
        write_upper(&place, header, "two");
    }
    ManifestVariant made = {place.one, (char *)"/src"};
    g_autoptr(GBytes) manifest = add_variant(&place, NULL, &made, paths);
    g_autoptr(GBytes) literal = add(&place, NULL, &place.one, paths);
    g_assert_true(holds_in(&place, manifest, "/src", &place.one));
    g_assert_true(holds_in(&place, manifest, "/two", &place.one));
    g_assert_true(holds_in(&place, manifest, "/three", &place.one));
    g_assert_true(holds_in(&place, manifest, "/absent", NULL));
    g_assert_true(holds_in(&place, manifest, NULL, NULL)); /* marks are no paths */
    g_assert_true(holds_in(&place, literal, "/src", NULL));
    link_upper(&place, "link", "two");
    g_assert_true(holds_in(&place, manifest, "/link", NULL)); /* gcc may call its headers otherwise */
    write_upper(&place, "four/s.c", "one");
    write_upper(&place, "four/inc/other.h", "two");
    g_assert_true(holds_in(&place, manifest, "/four", NULL));
    link_upper(&place, "four/inc/i.h", "other.h");
    g_assert_true(holds_in(&place, manifest, "/four", NULL));
    write_upper(&place, "three/none.h", "here there is one");
    g_assert_true(holds_in(&place, manifest, "/three", NULL));
    write_upper(&place, "two/inc/i.h", "another");
    g_assert_true(holds_in(&place, manifest, "/two", NULL));
    g_assert_true(holds_in(&place, manifest, "/src", &place.one));
    tear_down(&place);
}

static void assert_stays(Place *place, const char *path, gboolean names_files, gboolean stays)
{
    const SluiceLauncher launcher = {.folder = (char *)"/src"};
    g_autoptr(SluiceLook) look = sluice_look_new(place->staged, -1, "/src");
    ManifestInput input = {.path = path};
    g_test_message("%s", path);
    sluice_look_at(look, path, TRUE, &input.file);
    g_assert_cmpint(launcher_input_stays(&launcher, look, &input, names_files), ==, stays);
}

static void test_inputs_that_stay(void)
{
    Place place = {NULL};
    set_up(&place);
    link_upper(&place, "src/link.h", "../usr/include/a.h");
    link_upper(&place, "src/includes", "../usr/include");
    link_upper(&place, "usr/long-name", "../src/inc");
    write_upper(&place, "usr/lib/new.h", "of the builder");
    link_upper(&place, "usr/lib/new-link.h", "new.h");
    link_upper(&place, "usr/lib/into.h", "../../src/inc/i.h");
    assert_stays(&place, "/src/s.c", FALSE, FALSE);
    assert_stays(&place, "/src/s.c", TRUE, TRUE);
    assert_stays(&place, "/usr/include/a.h", FALSE, FALSE);
    assert_stays(&place, "/usr/include/a.h", TRUE, TRUE);
    assert_stays(&place, "/src/link.h", FALSE, TRUE);
    assert_stays(&place, "/src/includes/a.h", FALSE, TRUE);
    assert_stays(&place, "/src/inc/../s.c", FALSE, TRUE);
    assert_stays(&place, "inc/../s.c", FALSE, FALSE);
    assert_stays(&place, "/usr/long-name/i.h", FALSE, TRUE);
    assert_stays(&place, "/usr/include/link.h", FALSE, FALSE);
    assert_stays(&place, "/usr/lib/new-link.h", FALSE, FALSE);
    assert_stays(&place, "/usr/lib/into.h", FALSE, TRUE);
    assert_stays(&place, "/src/none.h", FALSE, FALSE);
    write_upper(&place, "usr/include/assert.h", "of the builder");
    assert_stays(&place, "/usr/include/assert.h", TRUE, TRUE);
    tear_down(&place);
}

/* From a directory in the build folder /build/x.bst, mostly. */
static gboolean roams(const char *line, const char *directory, const char *variable)
{
    const SluiceLauncher launcher = {.folder = (char *)"/build/x.bst"};
    g_auto(GStrv) arguments = g_strsplit(line, " ", -1);
    LauncherCompile compile = {.question = {arguments, (char *[]){(char *)variable, NULL}, (char *)directory}};
    g_test_message("%s", line);
    compile.is_clang = g_str_has_prefix(line, "clang");
    compile.options = compile_options_parse(arguments, -1, -1, NULL);
    g_assert_cmpstr(compile.options->reason, ==, NULL);
    gboolean may = launcher_may_roam(&launcher, &compile);
    compile_options_free(compile.options);
    return may;
}

static void test_commands_that_roam(void)
{
    static const char *const good[] = {
        "gcc -c a.c -o a.o",
        "gcc -O2 -Wall -I/build/x.bst/inc -I/usr/include/z -c /build/x.bst/a.c -o /build/x.bst/a.o",
        "gcc -isystem /build/x.bst/inc -c a.c -MD -MT /build/x.bst/a.o -MF a.d",
        "clang++ -std=c++17 -fno-rtti -c a.cc",
        "gcc -fPIC -fvisibility=hidden -DNDEBUG -DX=y -c a.c",
        "gcc -I../inc -I. -I/build/x.bst/a/../b -c a.c",
        NULL};
    static const char *const bad[] = {"gcc -g -c a.c",
                                      "gcc -flto -c a.c",
                                      "gcc -c a.c -DX=/build/x.bst",
                                      "gcc -c a.c -DX=__FILE__",
                                      "gcc -c a.c -I/build/x.bst2",
                                      "gcc -c a.c -ffile-prefix-map=/build=X",
                                      "gcc -c a.c -ffile-prefix-map=/build/x.bst=X",
                                      "gcc -c a.c -finstrument-functions-exclude-file-list=one",
                                      "clang -c a.c -funique-internal-linkage-names",
                                      "clang -c a.c -fsanitize=undefined -fsanitize-undefined-strip-path-components=1",
                                      "gcc -c a.c -fexec-charset=IBM1047",
                                      "gcc -c a.c -finput-charset=UTF-16",
                                      "gcc -c a.c -isystem inc",
                                      "gcc -c a.c -I../../inc",
                                      "gcc -c a.c -I../x/../../inc",
                                      "gcc -c a.c -I/build/x.bst/../inc",
                                      "gcc -c a.c -fopenmp",
                                      "gcc -c a.c -isysteminc",
                                      "gcc -c a.c -Wp,-I/build/x.bst",
                                      "gcc -c a.c -Wa,-I/build/x.bst",
                                      "gcc -c a.c -B/build/x.bst",
                                      "/build/x.bst/gcc -c a.c",
                                      "gcc -c a.c -MD -MT \001/a.o",
                                      NULL};
    for (const char *const *line = good; *line != NULL; line++)
        g_assert_true(roams(*line, "/build/x.bst/below", "LANG=C"));
    for (const char *const *line = bad; *line != NULL; line++)
        g_assert_false(roams(*line, "/build/x.bst/below", "LANG=C"));
    g_assert_true(roams("gcc -c a.c", "/build/x.bst", "PWD=/build/x.bst"));
    for (const char *const *directory = (const char *const[]){"/build", "/build/x.bst2", "/", "/build/x.bst/..", NULL};
         *directory != NULL; directory++)
        g_assert_false(roams("gcc -c a.c", *directory, "LANG=C"));
    for (const char *const *variable =
             (const char *const[]){"CPATH=inc", "C_INCLUDE_PATH=/usr/x", "LANG=/build/x.bst/locale", NULL};
         *variable != NULL; variable++)
        g_assert_false(roams("gcc -c a.c", "/build/x.bst", *variable));
}

static void assert_moved(const char *line, const char *rules, const char *moved)
{
    LauncherCompile compile = {.is_clang = g_str_has_prefix(line, "clang")};
    g_auto(GStrv) arguments = g_strsplit(line, " ", -1);
    compile.options = compile_options_parse(arguments, -1, -1, NULL);
    g_autoptr(GBytes) before = g_bytes_new(rules, strlen(rules));
    g_autoptr(GBytes) after = launcher_move_rules(before, &compile, "/b/one", "/build/another");
    if (moved == NULL)
        g_assert_null(after);
    else
        g_assert_cmpmem(g_bytes_get_data(after, NULL), g_bytes_get_size(after), moved, strlen(moved));
    compile_options_free(compile.options);
}

static void test_rules(void)
{
    static const char gcc[] = "gcc -c /build/another/a.c -MD -MP -MT /build/another/a.o -MF a.d";
    static const char clang[] = "clang -c /build/another/a.c -MD -MT /build/another/a.o -MF a.d";
    assert_moved(gcc, "/b/one/a.o: /b/one/a.c /b/one/inc/h.h /usr/include/x.h\n/b/one/inc/h.h:\n/usr/include/x.h:\n",
                 "/build/another/a.o: /build/another/a.c /build/another/inc/h.h \\\n /usr/include/x.h\n"
                 "/build/another/inc/h.h:\n/usr/include/x.h:\n");
    assert_moved(clang, "/b/one/a.o: /b/one/a.c /b/one/inc/h.h /usr/include/x.h\n",
                 "/build/another/a.o: /build/another/a.c /build/another/inc/h.h \\\n  /usr/include/x.h\n");
    assert_moved(gcc, "something: else\n", NULL);
    assert_moved(gcc, "", NULL);
}

static void test_moving(void)
{
    static const struct {
        const char *text, *path, *anywhere;
    } cases[] = {
        {"/src/a.c", "/b/c/a.c", "/b/c/a.c"},
        {"/src", "/b/c", "/b/c"},
        {"/src2/a.c", "/src2/a.c", "/src2/a.c"},
        {"a/src/a.c", "a/src/a.c", "a/b/c/a.c"},
        {"/src/../src/x /src/y", "/b/c/../src/x /src/y", "/b/c/../b/c/x /b/c/y"},
        {"/src=/usr", "/src=/usr", "/src=/usr"},
        {"", "", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = launcher_move_path(cases[i].text, "/src", "/b/c");
        g_autofree char *text = launcher_move_text(cases[i].text, "/src", "/b/c");
        g_assert_cmpstr(path, ==, cases[i].path);
        g_assert_cmpstr(text, ==, cases[i].anywhere);
    }
    for (const char *const *bad = (const char *const[]){"", "/", "/a", "abcd", "/abc/", "//abc", "/a/../b", "/a b/c",
                                                        "/a#b/c", "/a$b/c", NULL};
         *bad != NULL; bad++)
        g_assert_false(launcher_is_roaming_folder(*bad));
    g_assert_true(launcher_is_roaming_folder("/buildstream/test/x-1_2+3.bst"));
    g_autoptr(GBytes) symbol = g_bytes_new_static("_GLOBAL__sub_I__build_x_bst_a_c", 31);
    g_assert_true(launcher_shows(symbol, "/build/x.bst"));
    g_assert_false(launcher_shows(symbol, "/build/y.bst"));
    g_assert_false(launcher_shows(NULL, "/build/y.bst"));
}

static void test_many_variants(void)
{
    static const char *const paths[] = {"s.c", NULL};
    Place place = {NULL};
    set_up(&place);
    g_autoptr(GBytes) manifest = NULL;
    for (int i = 0; i < 3 * SLUICE_LIMIT_VARIANTS; i++) {
        SluiceDigest action = place.one;
        action.size = i;
        g_autofree char *text = g_strdup_printf("%d", i);
        g_usleep(5000);
        write_upper(&place, "src/s.c", text);
        GBytes *more = add(&place, manifest, &action, paths);
        g_clear_pointer(&manifest, g_bytes_unref);
        manifest = more;
        g_assert_true(holds(&place, manifest, &action));
    }
    g_assert_cmpuint(g_bytes_get_size(manifest), <, SLUICE_LIMIT_VARIANTS * 128);
    tear_down(&place);
}

static void test_trace(void)
{
    static const char records[] = "ma.o\0fs.c\0minc/i.h\0f/usr/include/i.h\0w/tmp/c.s\0f/tmp/c.s\0wa.o\0fold\0wold";
    g_auto(LauncherTrace) trace = {NULL}, cut = {NULL}, odd = {NULL};
    guint8 bytes[8 + sizeof records] = {sizeof records};
    memcpy(bytes + 8, records, sizeof records);
    g_assert_true(launcher_trace_parse(bytes, sizeof bytes, &trace));
    g_assert_false(trace.unknown || trace.overflow);
#define KIND(path) GPOINTER_TO_INT(g_hash_table_lookup(trace.paths, path))
    g_assert_cmpint(KIND("a.o"), ==, LAUNCHER_TRACE_WRITTEN);
    g_assert_cmpint(KIND("s.c"), ==, LAUNCHER_TRACE_FOUND);
    g_assert_cmpint(KIND("inc/i.h"), ==, LAUNCHER_TRACE_MISSING);
    g_assert_cmpint(KIND("/tmp/c.s"), ==, LAUNCHER_TRACE_WRITTEN);
    g_assert_cmpint(KIND("old"), ==, LAUNCHER_TRACE_REWRITTEN);
    bytes[1] = 1; /* more than there is */
    g_assert_true(launcher_trace_parse(bytes, sizeof bytes, &cut));
    g_assert_true(cut.overflow);
    bytes[1] = 0;
    bytes[8] = 'x';
    g_assert_false(launcher_trace_parse(bytes, sizeof bytes, &odd));
}

static void test_launcher(void)
{
    Place place = {NULL};
    SluiceLauncherStats stats;
    g_autoptr(GError) error = NULL;
    set_up(&place);
    SluiceLauncherPlace where = {.root = place.root,
                                 .environment_root = place.environment,
                                 .environment = place.one,
                                 .upper = open(place.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    SluiceLauncher *launcher = sluice_launcher_new(place.store, &where, &error);
    g_assert_no_error(error);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_assert_false(sluice_launcher_add_listener(launcher, file, &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS);
    sluice_launcher_stop(launcher);
    sluice_launcher_get_stats(launcher, &stats);
    g_assert_cmpuint(stats.hits + stats.misses + stats.others, ==, 0);
    g_auto(GStrv) reasons = sluice_launcher_dup_reasons(launcher);
    g_assert_null(reasons[0]);
    sluice_launcher_free(launcher);
    tear_down(&place);
}

/* ---- Variables of recc ------------------------------------------------------------------------------------------------- */

static gboolean read_wishes(const char *text, LauncherWishes *out)
{
    g_auto(GStrv) environment = g_strsplit(text, " ", -1);
    return launcher_wishes_read(environment, out);
}

/* Every variable does what its row says: it has the compiler run by itself, is in the key, or changes nothing. */
static void test_treatments(void)
{
    gsize count;
    const ReccVariable *all = recc_variables(&count);
    for (gsize i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("RECC_%s%s", all[i].name, all[i].kind == RECC_MAP ? "_key" : "");
        const char *value = g_str_equal(all[i].name, "PREFIX_MAP")            ? "/a=/b"
                            : g_str_equal(all[i].name, "REAPI_VERSION")       ? "2.2"
                            : g_str_equal(all[i].name, "CAS_DIGEST_FUNCTION") ? "sha256"
                                                                              : "1";
        g_autofree char *setting = g_strconcat(name, "=", value, NULL), *empty = g_strconcat(name, "=", NULL);
        LauncherWishes wishes;
        g_test_message("%s", setting);
        g_assert_cmpint(read_wishes(setting, &wishes), ==, all[i].treatment != RECC_PASSES);
        g_assert_cmpint(launcher_wishes_count(&wishes, name, value), ==, all[i].treatment == RECC_KEYED);
        g_assert_false(launcher_wishes_count(&wishes, name, ""));
        launcher_wishes_clear(&wishes);
        gboolean checked = all[i].kind == RECC_TEXT && !g_str_equal(value, "1");
        g_assert_true(checked || read_wishes(empty, &wishes));
        launcher_wishes_clear(&wishes);
    }
}

static void test_wishes(void)
{
    LauncherWishes wishes;
    g_assert_true(read_wishes("RECC_SKIP_CACHE=0 RECC_VERIFY= RECC_ENV_TO_READ=A,,B RECC_NOBODY=1", &wishes));
    g_assert_true(wishes.skips_cache && !wishes.verifies && !wishes.whole_environment);
    g_assert_true(launcher_wishes_count(&wishes, "A", "") && launcher_wishes_count(&wishes, "B", "x"));
    g_assert_false(launcher_wishes_count(&wishes, "C", "x") || launcher_wishes_count(&wishes, "RECC_NOBODY", "1"));
    launcher_wishes_clear(&wishes);
    g_assert_true(read_wishes("RECC_VERIFY=no RECC_PRESERVE_ENV=1", &wishes));
    g_assert_true(wishes.verifies && launcher_wishes_count(&wishes, "C", "x"));
    g_assert_false(launcher_wishes_count(&wishes, "RECC_SERVER", "grpc://a:1"));
    launcher_wishes_clear(&wishes);
}

static void test_refused_inputs(void)
{
    static const struct {
        const char *expressions, *path;
        gboolean refused;
    } rows[] = {
        {"x", "/src/a.c", FALSE},
        {"", "/src/a.c", FALSE},
        {"a[.]c$", "a.c", TRUE},
        {"^/src/a", "a.c", TRUE},
        {"^a", "a.c", TRUE},
        {"^src", "a.c", FALSE},
        {"x,/conftest,y", "b/../conftest.c", TRUE},
        {"^b/", "b/../conftest.c", TRUE},
        {".*/CMakeFiles/.*", "/src/CMakeFiles/x.c", TRUE},
        {"\\xff", "\xff.c", TRUE},
    };
    static const char *const bad[] = {"(", "a,[", "*"};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LauncherWishes wishes;
        g_autofree char *text = g_strconcat("RECC_INVALID_INPUT_PATHS_REGEX=", rows[i].expressions, NULL);
        g_test_message("%s %s", text, rows[i].path);
        g_assert_true(read_wishes(text, &wishes));
        g_assert_cmpint(launcher_wishes_refuse(&wishes, rows[i].path, "/src"), ==, rows[i].refused);
        launcher_wishes_clear(&wishes);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        LauncherWishes wishes;
        g_autofree char *text = g_strconcat("RECC_INVALID_INPUT_PATHS_REGEX=", bad[i], NULL);
        g_assert_false(read_wishes(text, &wishes));
        launcher_wishes_clear(&wishes);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/launcher/staged", test_staged);
    g_test_add_func("/launcher/upper", test_upper);
    g_test_add_func("/launcher/times", test_times);
    g_test_add_func("/launcher/bounds", test_bounds);
    g_test_add_func("/launcher/removed", test_removed);
    g_test_add_func("/launcher/manifest", test_manifest);
    g_test_add_func("/launcher/roaming", test_roaming);
    g_test_add_func("/launcher/inputs-that-stay", test_inputs_that_stay);
    g_test_add_func("/launcher/commands-that-roam", test_commands_that_roam);
    g_test_add_func("/launcher/rules", test_rules);
    g_test_add_func("/launcher/moving", test_moving);
    g_test_add_func("/launcher/many-variants", test_many_variants);
    g_test_add_func("/launcher/trace", test_trace);
    g_test_add_func("/launcher/server", test_launcher);
    g_test_add_func("/launcher/treatments", test_treatments);
    g_test_add_func("/launcher/wishes", test_wishes);
    g_test_add_func("/launcher/refused-inputs", test_refused_inputs);
    return g_test_run();
}
