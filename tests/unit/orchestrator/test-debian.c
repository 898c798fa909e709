/* Versions, dependency fields, indices, the closure, and apt's configuration. */
#include "debian-apt.h"
#include "debian-depends.h"
#include "debian-index.h"
#include "debian-resolve.h"
#include "debian-stanza.h"
#include "debian-version.h"

#include <glib/gstdio.h>
#include <string.h>

/* ---- Versions --------------------------------------------------------------------------------------------------------------------- */

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_version_order(void)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"1.0", "1.0", 0},
        {"1.0", "1.1", -1},
        {"1.10", "1.9", 1},
        {"1.0~rc1", "1.0", -1},
        {"1.0~~", "1.0~", -1},
        {"1.0a", "1.0", 1},
        {"1.0+b1", "1.0", 1},
        {"1.0-1", "1.0-2", -1},
        {"1:0.1", "9.9", 1},
        {"0:1.0", "1.0", 0},
        {"1.0-0", "1.0", 0},
        {"1.001", "1.1", 0},
        {"1.0.a", "1.0.+", -1},
        {"2.36-9+deb12u7", "2.36-9", 1},
        {"1.2-3-4", "1.2-3-5", -1},
        {"1.0", "1.0-~", 1},
        {"99999999999999999999", "99999999999999999998", 1},
        {"a", "1", 1},
        {"1.0+dfsg", "1.0-1", 1},
        {"1.0.0", "1.0", 1},
        {"7.6p2-4", "7.6-0", 1},
        {"~", "", -1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(sign(debian_version_compare(cases[i].a, cases[i].b)), ==, cases[i].order);
        g_assert_cmpint(sign(debian_version_compare(cases[i].b, cases[i].a)), ==, -cases[i].order);
    }
}

static void test_version_validity(void)
{
    static const char *const good[] = {"1", "1:2.3-4", "0~", "1.0+dfsg-1~bpo12+1", "2:1:2"};
    static const char *const bad[] = {"", "a1", ":1", "1:", "x:1", "1 2", "1_2", "1-2_3", "-1", "9999999999:1"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(debian_version_is_valid(good[i]));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(debian_version_is_valid(bad[i]));
    }
    g_assert_true(debian_relation_holds("1.0", DEBIAN_LATER_EQUAL, "1.0"));
    g_assert_false(debian_relation_holds("1.0", DEBIAN_LATER, "1.0"));
    g_assert_true(debian_relation_holds("0.9", DEBIAN_EARLIER, "1.0"));
}

/* ---- Dependencies ------------------------------------------------------------------------------------------------------------------ */

static char *depends_text(const char *field)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) groups = debian_depends_parse(field, "amd64", "test", &error);
    GString *text = g_string_new(NULL);
    if (groups == NULL) {
        g_assert_nonnull(error);
        return g_string_free(text, TRUE);
    }
    for (guint i = 0; i < groups->len; i++) {
        g_autofree char *group = debian_group_text(groups->pdata[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", group);
    }
    return g_string_free(text, FALSE);
}

static void test_depends(void)
{
    static const char *const cases[][2] = {
        {"a", "a"},
        {"a (>= 1:2.0-1) | b:any,c", "a (>= 1:2.0-1) | b:any, c"},
        {"  a\n ( << 2 )  |b\t,  c", "a (<< 2) | b, c"},
        {"a [amd64], b [arm64], c [!amd64] | d, e [linux-any]", "a, d, e"},
        {"a <!nocheck>, b (= 1) [amd64] <x> <y>", "a, b (= 1)"},
        {"a (< 1), b (> 1)", "a (<= 1), b (>= 1)"},
        {"", ""},
        {"a,,b,", "a, b"},
    };
    static const char *const bad[] = {"a b", "(>= 1)",  "a (>= )", "a (1)",     "a (>= 1", "a [amd64", "a <x",
                                      "a |", "a | , b", "-a",      "a (>= b!)", "a:",      "a (== 1)"};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = depends_text(cases[i][0]);
        g_assert_cmpstr(text, ==, cases[i][1]);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = depends_text(bad[i]);
        g_assert_null(text);
    }
    g_autoptr(GPtrArray) none = debian_depends_parse(NULL, "amd64", "test", NULL);
    g_assert_cmpuint(none->len, ==, 0);
}

/* ---- Indices ----------------------------------------------------------------------------------------------------------------------- */

#define SHA "0000000000000000000000000000000000000000000000000000000000000000"

static void append_package(GString *text, const char *name, const char *version, const char *more)
{
    g_string_append_printf(text,
                           "Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: pool/%s.deb\nSize: 10\n"
                           "SHA256: " SHA "\n%s%s\n",
                           name, version, name, more, *more != '\0' ? "\n" : "");
}

static gboolean add_text(DebianIndex *index, const char *text, GError **error)
{
    return debian_index_add(index, g_strdup(text), strlen(text), "amd64", "stable", "Packages", error);
}

static void test_index(void)
{
    g_autoptr(DebianIndex) index = debian_index_new();
    g_autoptr(GString) text = g_string_new(NULL);
    append_package(text, "a", "1.0", "Essential: yes\nPriority: required\nDescription: x\n more\n .\n text");
    append_package(text, "b", "2.0", "Depends: a,\n c");
    append_package(text, "a", "1.5", "");
    g_string_append(text, "Package: other\nArchitecture: arm64\n");
    g_assert_true(add_text(index, text->str, NULL));
    g_autoptr(GString) newer = g_string_new(NULL);
    append_package(newer, "b", "1.9", "");
    g_assert_true(add_text(index, newer->str, NULL));
    gsize count;
    const DebianPackage *const *list = debian_index_list(index, &count);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpstr(list[0]->name, ==, "a");
    g_assert_cmpstr(list[0]->version, ==, "1.5");
    g_assert_cmpstr(list[1]->version, ==, "2.0");
    g_assert_cmpstr(list[1]->depends, ==, "a,\n c");
    g_assert_null(debian_index_find(index, "other"));
}

static void test_index_bad(void)
{
    static const char *const bad[] = {
        "Package: a\nArchitecture: amd64\n",
        "no field\n",
        " continuation\n",
        "Package: a\n",
        "Package: a\nVersion: 1\nArchitecture: amd64\nFilename: ../x\nSize: 1\nSHA256: " SHA "\n",
        "Package: a\nVersion: 1\nArchitecture: amd64\nFilename: /x\nSize: 1\nSHA256: " SHA "\n",
        "Package: a\nVersion: 1\nArchitecture: amd64\nFilename: x\nSize: -1\nSHA256: " SHA "\n",
        "Package: a\nVersion: 1\nArchitecture: amd64\nFilename: x\nSize: 1\nSHA256: 12\n",
        "Package: ../a\nVersion: 1\nArchitecture: amd64\nFilename: x\nSize: 1\nSHA256: " SHA "\n",
        "<html>404</html>\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(DebianIndex) index = debian_index_new();
        g_autoptr(GError) error = NULL;
        g_assert_false(add_text(index, bad[i], &error));
        g_assert_cmpstr(error_get_reason(error), ==, "debian-index-invalid");
        g_assert_nonnull(strstr(error->message, "Packages, line 1"));
    }
    g_autoptr(DebianIndex) index = debian_index_new();
    char *text = g_memdup2("Package: a\0b\n", 13);
    char *buffer = g_malloc0(14);
    memcpy(buffer, text, 13);
    g_free(text);
    g_assert_false(debian_index_add(index, buffer, 13, "amd64", "s", "Packages", NULL));
}

static void test_release(void)
{
    static const char text[] = "Suite: stable\nCodename: bookworm\nDate: Sat, 10 Jun 2023 08:53:33 UTC\n"
                               "Valid-Until: Sat, 17 Jun 2023 08:53:33 UTC\nAcquire-By-Hash: yes\n"
                               "SHA256:\n " SHA " 12 main/binary-amd64/Packages\n " SHA "   0 main/x\n";
    g_autoptr(DebianRelease) release = debian_release_parse(text, strlen(text), "Release", NULL);
    g_assert_nonnull(release);
    g_assert_cmpstr(release->codename, ==, "bookworm");
    g_assert_cmpint(release->date, ==, 1686387213);
    g_assert_cmpint(release->valid_until, ==, 1686387213 + 7 * 86400);
    g_assert_true(release->by_hash);
    g_assert_cmpint(debian_release_find(release, "main/binary-amd64/Packages")->size, ==, 12);
    g_assert_null(debian_release_find(release, "main/y"));

    static const char *const bad[] = {
        "",
        "Suite: x\n",
        "SHA256:\n 12 12 x\n",
        "SHA256:\n " SHA " -1 x\n",
        "SHA256:\n " SHA " 1 ../x\n",
        "SHA256:\n " SHA " 1\n",
        "SHA256:\n " SHA " 1 x y\n",
        "Date: yesterday\nSHA256:\n",
        "Valid-Until: Sat, 31 Feb 2023 08:53:33 UTC\nSHA256:\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DebianRelease) none = debian_release_parse(bad[i], strlen(bad[i]), "Release", &error);
        g_assert_null(none);
        g_assert_cmpstr(error_get_reason(error), ==, "debian-index-invalid");
    }
}

/* ---- Closure ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    DebianIndex *index;
    DebianWish wish;
    GError *error;
} World;

static void world_open(World *world, const char *const packages[][3], gsize count)
{
    g_autoptr(GString) text = g_string_new(NULL);
    *world = (World){.index = debian_index_new()};
    world->wish = (DebianWish){.architecture = "amd64", .essential = TRUE, .dependencies = TRUE};
    for (gsize i = 0; i < count; i++) {
        append_package(text, packages[i][0], packages[i][1], packages[i][2]);
    }
    g_assert_true(add_text(world->index, text->str, NULL));
}

static void world_close(World *world)
{
    g_clear_error(&world->error);
    debian_index_free(world->index);
}

/* Names of the closure, or "reason: message". */
static char *resolve(World *world, const char *const *packages)
{
    g_clear_error(&world->error);
    world->wish.packages = packages;
    g_autoptr(GPtrArray) closure = debian_resolve(world->index, &world->wish, &world->error);
    if (closure == NULL) {
        return g_strdup_printf("%s: %s", error_get_reason(world->error), world->error->message);
    }
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < closure->len; i++) {
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", ((const DebianPackage *)closure->pdata[i])->name);
    }
    return g_string_free(text, FALSE);
}

static void expect(World *world, const char *const *packages, const char *wanted)
{
    g_autofree char *text = resolve(world, packages);
    g_assert_cmpstr(text, ==, wanted);
}

#define LIST(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

static void test_closure(void)
{
    static const char *const packages[][3] = {
        {"base", "1", "Essential: yes\nPre-Depends: awk, libc (>= 2)"},
        {"libc", "2.36", "Breaks: old (<< 2)"},
        {"gawk", "1", "Provides: awk"},
        {"mawk", "1", "Provides: awk\nPriority: required"},
        {"app", "1", "Depends: db | sqlite, libc"},
        {"db", "1", "Depends: missing"},
        {"sqlite", "1", ""},
        {"both", "1", "Depends: app, sqlite"},
        {"late", "1", "Depends: x | sqlite\nRecommends: docs, nowhere, db | docs"},
        {"docs", "1", ""},
        {"x", "1", "Conflicts: sqlite"},
        {"y", "1", "Depends: x, sqlite"},
        {"v", "1", "Depends: api (>= 2)"},
        {"impl", "1", "Provides: api (= 2.5)"},
        {"impl0", "1", "Provides: api"},
        {"foreign", "1", "Depends: libc:any, app:arm64"},
    };
    World world;
    world_open(&world, packages, G_N_ELEMENTS(packages));
    expect(&world, LIST("libc"), "base libc mawk");
    expect(&world, LIST("both"), "app base both libc mawk sqlite");
    expect(&world, LIST("gawk"), "base gawk libc");
    expect(&world, LIST("late", "sqlite"), "base late libc mawk sqlite");
    expect(&world, LIST("v"), "base impl libc mawk v");
    world.wish.recommends = TRUE;
    expect(&world, LIST("late", "sqlite"), "base docs late libc mawk sqlite");
    world.wish.recommends = FALSE;
    world.wish.exclude = LIST("mawk", "gawk");
    expect(&world, LIST("libc"), "base libc");
    world.wish.exclude = NULL;
    world.wish.essential = FALSE;
    expect(&world, LIST("libc"), "libc");
    world.wish.dependencies = FALSE;
    expect(&world, LIST("db", "app"), "app db");
    world_close(&world);
}

static void test_unresolvable(void)
{
    static const char *const packages[][3] = {
        {"a", "1", "Depends: b"},       {"b", "1", "Depends: c (>= 2)"}, {"c", "1.5", ""},
        {"x", "1", "Conflicts: y"},     {"y", "1", "Provides: virtual"}, {"z", "1", "Depends: x, y"},
        {"broken", "1", "Depends: (("}, {"w", "1", "Depends: broken"},
    };
    World world;
    world_open(&world, packages, G_N_ELEMENTS(packages));
    g_autofree char *versions = resolve(&world, LIST("a"));
    g_assert_cmpstr(versions, ==, "debian-unresolvable: Package b: its Depends 'c (>= 2)' cannot be satisfied");
    g_assert_cmpstr(error_get_detail(world.error), ==,
                    "c: there is only version 1.5 for amd64\nb 1 is needed by a\na 1 is asked for");
    g_autofree char *conflict = resolve(&world, LIST("z"));
    g_assert_cmpstr(conflict, ==, "debian-unresolvable: Package z: its Depends 'y' cannot be satisfied");
    g_assert_nonnull(strstr(error_get_detail(world.error), "is in conflict with x 1"));
    g_autofree char *asked = resolve(&world, LIST("x", "y"));
    g_assert_cmpstr(asked, ==, "debian-unresolvable: Package y 1 is in conflict with x 1");
    g_autofree char *unknown = resolve(&world, LIST("nothing"));
    g_assert_cmpstr(unknown, ==, "debian-no-package: There is no package 'nothing' for amd64");
    g_autofree char *virtual = resolve(&world, LIST("virtual"));
    g_assert_nonnull(strstr(virtual, "is a virtual package; name one that provides it instead: y"));
    g_autofree char *broken = resolve(&world, LIST("w"));
    g_assert_nonnull(strstr(broken, "Depends of broken 1: an invalid package name"));
    world_close(&world);
}

/* ---- apt --------------------------------------------------------------------------------------------------------------------------- */

static void write_below(const char *root, const char *path, const char *text)
{
    g_autofree char *whole = g_build_filename(root, path, NULL);
    g_autofree char *folder = g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(whole, text, -1, NULL));
}

static void expect_mirrors(const char *root, const char *wanted)
{
    g_auto(GStrv) mirrors = apt_debian_mirrors(root, NULL);
    g_autofree char *text = mirrors != NULL ? g_strjoinv(" ", mirrors) : NULL;
    g_assert_cmpstr(text, ==, wanted);
}

static void test_apt(void)
{
    g_autofree char *root = g_dir_make_tmp("sluice-apt-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    g_unsetenv("SLUICE_DEBIAN_MIRROR");
    g_assert_null(apt_debian_mirrors(root, &error));
    g_assert_cmpstr(error_get_reason(error), ==, "debian-no-mirror");
    write_below(root, "etc/apt/sources.list",
                "# deb http://commented.example/debian bookworm main\n"
                "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://one.example/mirror/ "
                "bookworm main\n"
                "deb-src http://source.example/debian bookworm main\n"
                "deb https://cloud.example/apt cloud main\n"
                "deb http://security.debian.org/debian-security bookworm-security main\n");
    write_below(root, "etc/apt/sources.list.d/two.sources",
                "Types: deb deb-src\nURIs: http://two.example/debian\n file:/srv/debian\nSuites: bookworm\n"
                "Components: main\n\nTypes: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: x\n\n"
                "Types: deb\nURIs: http://node.example/debian\nSuites: x\nSigned-By: /usr/share/keyrings/node.gpg\n");
    write_below(root, "etc/apt/sources.list.d/three.list",
                "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n");
    write_below(root, "etc/apt/mirrors/debian.list", "http://three.example/debian/ priority:1\n\n");
    expect_mirrors(root, "http://one.example/mirror http://three.example/debian http://two.example/debian "
                         "file:///srv/debian http://security.debian.org/debian-security");
    g_setenv("SLUICE_DEBIAN_MIRROR", "http://mine.example/debian/  file:///pool", TRUE);
    expect_mirrors(root, "http://mine.example/debian file:///pool");
    g_unsetenv("SLUICE_DEBIAN_MIRROR");
    g_autofree char *command = g_strdup_printf("rm -r '%s'", root);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debian/version/order", test_version_order);
    g_test_add_func("/debian/version/validity", test_version_validity);
    g_test_add_func("/debian/depends", test_depends);
    g_test_add_func("/debian/index", test_index);
    g_test_add_func("/debian/index/bad", test_index_bad);
    g_test_add_func("/debian/release", test_release);
    g_test_add_func("/debian/closure", test_closure);
    g_test_add_func("/debian/unresolvable", test_unresolvable);
    g_test_add_func("/debian/apt", test_apt);
    return g_test_run();
}
