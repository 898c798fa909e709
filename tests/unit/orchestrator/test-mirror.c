/* test-mirror.c - where URLs lead: mirrors of all kinds, their order, what the user allows; URLs that are refused when they are read. */
#include "project-fixture.h"
#include "source-mirror.h"
#include "user-config.h"

#include <string.h>

#define HASH     "0000000000000000000000000000000000000000000000000000000000000000"
#define CONF     "--- project.conf\nname: p\nmin-version: 2.0\naliases:\n  one: https://one/\n  two: https://two/\n"
#define TAR(url) "--- a.bst\nkind: import\nsources:\n- kind: tar\n  url: " url "\n  ref: " HASH "\n"

/* The URLs of the project's one source, with blanks between them; or the reason of the error. */
static char *urls_of(const char *project, const char *user, SourceUrlUse use)
{
    static const char *const targets[] = {"a.bst", NULL};
    g_autoptr(GError) error = NULL;
    char *directory = fixture_unpack(project);
    g_autoptr(UserConfig) config = user_config_parse("user.conf", user, strlen(user), &error);
    g_assert_no_error(error);
    LoadOptions options = {.directory = directory, .strict = TRUE, .user_config = config->root};
    g_autoptr(Session) session = session_load(&options, &error);
    g_autoptr(GPtrArray) loaded = session != NULL ? session_load_elements(session, targets, &error) : NULL;
    fixture_remove(directory);
    if (loaded == NULL) {
        return g_strdup(error_get_reason(error));
    }
    Source *source = ((Element *)loaded->pdata[0])->sources[0];
    const char *url = node_text(node_find(source->node, "url"));
    g_auto(GStrv) urls = source_translate_url_for(source, url, use, &error);
    return urls != NULL ? g_strjoinv(" ", urls) : g_strdup(error_get_reason(error));
}

static void expect(const char *project, const char *user, SourceUrlUse use, const char *wanted)
{
    g_autofree char *urls = urls_of(project, user, use);
    g_assert_cmpstr(urls, ==, wanted);
}

#define MIRRORS                                                                                                        \
    "mirrors:\n- name: first\n  aliases:\n    one: [https://m1/, https://m2/]\n"                                       \
    "- name: second\n  aliases:\n    one: [https://m3/]\n    two: []\n"

static void test_order(void)
{
    expect(CONF MIRRORS TAR("one:x"), "", SOURCE_URL_FETCH, "https://m1/x https://m2/x https://m3/x https://one/x");
    expect(CONF MIRRORS TAR("two:x"), "", SOURCE_URL_FETCH, "https://two/x");
    expect(CONF MIRRORS TAR("https://else/x"), "", SOURCE_URL_FETCH, "https://else/x");
    expect(CONF MIRRORS TAR("one:x"), "projects:\n  p:\n    default-mirror: second\n", SOURCE_URL_FETCH,
           "https://m3/x https://m1/x https://m2/x https://one/x");
    expect(CONF MIRRORS TAR("one:x"), "", SOURCE_URL_PRIMARY, "https://one/x");
    /* Those of the user replace those of the project; an empty list has them all off. */
    expect(CONF MIRRORS TAR("one:x"),
           "projects:\n  p:\n    mirrors:\n    - name: u\n      aliases:\n        one: [https://u/]\n",
           SOURCE_URL_FETCH, "https://u/x https://one/x");
    expect(CONF MIRRORS TAR("one:x"), "projects:\n  p:\n    mirrors: []\n", SOURCE_URL_FETCH, "https://one/x");
}

static void test_policies(void)
{
    expect(CONF MIRRORS TAR("one:x"), "", SOURCE_URL_TRACK, "https://one/x");
    expect(CONF MIRRORS TAR("one:x"), "track:\n  source: all\n", SOURCE_URL_TRACK,
           "https://one/x https://m3/x https://m2/x https://m1/x");
    expect(CONF MIRRORS TAR("one:x"), "fetch:\n  source: aliases\n", SOURCE_URL_FETCH, "https://one/x");
    expect(CONF MIRRORS TAR("one:x"), "fetch:\n  source: mirrors\n", SOURCE_URL_FETCH,
           "https://m1/x https://m2/x https://m3/x");
    expect(CONF MIRRORS TAR("two:x"), "fetch:\n  source: mirrors\n", SOURCE_URL_FETCH, "missing-source-alias-target");
    expect(CONF MIRRORS TAR("one:x"), "fetch:\n  source: user\n", SOURCE_URL_FETCH, "missing-source-alias-target");
    expect(CONF MIRRORS TAR("one:x"), "track:\n  source: user\n", SOURCE_URL_FETCH, "missing-source-alias-target");
    expect(CONF MIRRORS TAR("one:x"),
           "fetch:\n  source: user\nprojects:\n  p:\n    mirrors:\n    - name: u\n      aliases:\n        one: "
           "[https://u/]\n",
           SOURCE_URL_FETCH, "https://u/x");
}

#define PLUGINS "plugins:\n- origin: local\n  path: .\n  source-mirrors: [simple_mirror, gitlab_lfs_mirror, odd]\n"
#define SIMPLE  CONF PLUGINS "mirrors:\n- name: m\n  kind: simple_mirror\n  config:\n    aliases: [one]\n    url: "
#define GITLAB                                                                                                         \
    CONF PLUGINS "mirrors:\n- name: m\n  kind: gitlab_lfs_mirror\n  config:\n    aliases: [one]\n    url: https://g\n"

static void test_kinds(void)
{
    expect(SIMPLE "https://m/{alias}\n" TAR("one:x/y"), "", SOURCE_URL_FETCH, "https://m/one/x/y https://one/x/y");
    expect(SIMPLE "https://m/{{{alias}}}/\n" TAR("one:x"), "", SOURCE_URL_FETCH, "https://m/{one}/x https://one/x");
    expect(SIMPLE "https://m/{alias}\n" TAR("two:x"), "", SOURCE_URL_FETCH, "https://two/x");
    expect(
        GITLAB "    project: mirrors/{alias}\n" TAR("one:a b/c"), "", SOURCE_URL_FETCH,
        "https://g/api/v4/projects/mirrors%2Fone/repository/files/a%20b%2Fc/raw?ref=master&lfs=true https://one/a b/c");
    expect(GITLAB "    project: p\n    ref: main\n" TAR("one:c"), "", SOURCE_URL_FETCH,
           "https://g/api/v4/projects/p/repository/files/c/raw?ref=main&lfs=true https://one/c");
    expect(GITLAB TAR("one:x"), "", SOURCE_URL_FETCH, "INVALID_DATA");
}

static void test_tokens(void)
{
    g_assert_true(source_mirror_wants_token("https://g/x/api/v4/projects/p/repository/files/c/raw?ref=main&lfs=true"));
    g_assert_false(source_mirror_wants_token("https://g/api/v4/projects/p/repository/files/c/raw?ref=main"));
    g_assert_false(source_mirror_wants_token("https://g/c/raw?ref=main&lfs=true"));
    g_assert_false(source_mirror_wants_token(""));
}

static void test_bad_mirrors(void)
{
    static const char *const mirrors[] = {
        "- word\n",
        "- aliases: {}\n",
        "- name: m\n",
        "- name: m\n  aliases:\n    one: https://x/\n",
        "- name: m\n  aliases: {}\n  config: {}\n",
        "- name: m\n  kind: simple_mirror\n",
        "- name: m\n  kind: simple_mirror\n  aliases: {}\n",
        "- name: m\n  kind: simple_mirror\n  config:\n    url: https://m/\n",
        "- name: m\n  kind: simple_mirror\n  config:\n    url: https://m/\n    aliases: [one]\n    more: x\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(mirrors); i++) {
        g_autofree char *project = g_strconcat(CONF "mirrors:\n", mirrors[i], TAR("one:x"), NULL);
        expect(project, "", SOURCE_URL_FETCH, "INVALID_DATA");
    }
    expect(CONF PLUGINS "mirrors:\n- name: m\n  kind: odd\n" TAR("one:x"), "", SOURCE_URL_FETCH, "plugin-not-found");
    expect(CONF "mirrors:\n- name: m\n  kind: odd\n" TAR("one:x"), "", SOURCE_URL_FETCH, "plugin-not-found");
}

/* ---- URLs that are refused when they are read ---- */

#define SUB                                                                                                            \
    "--- a.bst\nkind: stack\ndepends:\n- j.bst:b.bst\n--- sub/project.conf\nname: s\nmin-version: 2.0\naliases:\n  "   \
    "up: https://up/\n"                                                                                                \
    "  down: https://down/\n--- j.bst\nkind: junction\nsources:\n- kind: local\n  path: sub\nconfig:\n  aliases:\n"
#define SUB_TAR(url) "--- sub/b.bst\nkind: import\nsources:\n- kind: tar\n  url: " url "\n  ref: " HASH "\n"
#define NO_URIS      CONF "junctions:\n  disallow-subproject-uris: True\n"

static void expect_load(const char *project, const char *reason)
{
    static const char *const targets[] = {"a.bst", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) session = NULL;
    char *directory = fixture_unpack(project);
    g_autoptr(GPtrArray) loaded = fixture_load(directory, NULL, targets, &session, &error);
    g_assert_cmpstr(loaded != NULL ? NULL : error_get_reason(error), ==, reason);
    fixture_remove(directory);
}

static void test_refused(void)
{
    expect_load(CONF TAR("nowhere:x"), "invalid-source-alias");
    expect_load(CONF TAR("https://h/x"), NULL);
    expect_load(CONF "fatal-warnings: [unaliased-url]\n" TAR("https://h/x"), "unaliased-url");
    expect_load(CONF SUB "    up: one\n" SUB_TAR("up:x"), NULL);
    expect_load(CONF SUB "    up: three\n" SUB_TAR("up:x"), "invalid-source-alias");
    expect_load(CONF SUB "    up: one\n" SUB_TAR("down:x"), NULL);
    expect_load(NO_URIS SUB "    up: one\n" SUB_TAR("up:x"), NULL);
    expect_load(NO_URIS SUB "    up: one\n" SUB_TAR("down:x"), "missing-alias-mapping");
    expect_load(NO_URIS SUB "    up: one\n" SUB_TAR("https://h/x"), "unaliased-url");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mirror/order", test_order);
    g_test_add_func("/mirror/policies", test_policies);
    g_test_add_func("/mirror/kinds", test_kinds);
    g_test_add_func("/mirror/tokens", test_tokens);
    g_test_add_func("/mirror/bad", test_bad_mirrors);
    g_test_add_func("/mirror/refused", test_refused);
    return g_test_run();
}
