/* test-plugin.c - declared plugins: origins followed to their YAML, installed Python packages, versions; kinds that are not implemented. */
#include "plugin.h"
#include "kind.h"
#include "project-fixture.h"
#include "python-package.h"
#include "python-version.h"

#include <string.h>

#define CONF "--- project.conf\nname: p\nmin-version: 2.0\n"

/* ---- Versions ---- */

static void test_versions(void)
{
    static const struct {
        const char *version, *specifiers;
        gboolean fits;
    } cases[] = {
        {"1.0", "", TRUE},
        {"1.0", "==1.0.0", TRUE},
        {"1.0", ">=1.0, <2", TRUE},
        {"2.0", ">=1.0,<2", FALSE},
        {"2.0rc1", "<2", FALSE},
        {"2.0rc1", "<2rc2", TRUE},
        {"1.9", "<2", TRUE},
        {"2.0.post1", ">2.0", FALSE},
        {"2.0.1", ">2.0", TRUE},
        {"2.0.post1", ">=2.0", TRUE},
        {"2.3.1", "==2.3.*", TRUE},
        {"2.4", "==2.3.*", FALSE},
        {"2.4", "!=2.3.*", TRUE},
        {"2.3", "==2.3.0.*", TRUE},
        {"2.5", "~=2.2", TRUE},
        {"3.0", "~=2.2", FALSE},
        {"2.2.9", "~=2.2.1", TRUE},
        {"2.3", "~=2.2.1", FALSE},
        {"1.0.dev1", "<1.0a1", TRUE},
        {"1.0a1", "<1.0b1", TRUE},
        {"1.0rc1", "<=1.0", TRUE},
        {"1!0.5", ">100", TRUE},
        {"1.0+local", "==1.0", TRUE},
        {"1.0", "==1.0+local", FALSE},
        {"1.0-1", "==1.0.post1", TRUE},
        {"v1.0", "==1", TRUE},
        {"odd", ">=0", FALSE},
        {"odd", "===ODD", TRUE},
        {"1.10", ">1.9,", TRUE},
        {"1.0.post1.dev2", "<1.0.post1", FALSE},
    };
    static const char *const malformed[] = {"1.0", ">=", ">=x", ">=1.0.*", "~=1", "=1.0", ">=1.0 2"};
    gboolean valid = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (python_version_satisfies(cases[i].version, cases[i].specifiers, &valid) != cases[i].fits || !valid) {
            g_error("%s against '%s'", cases[i].version, cases[i].specifiers);
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++) {
        if (python_version_satisfies("1.0", malformed[i], &valid) || valid) {
            g_error("'%s' is taken for a requirement", malformed[i]);
        }
    }
}

static void test_requirements(void)
{
    Arena *arena = arena_new();
    const char *name = NULL, *specifiers = NULL;
    g_assert_true(
        python_requirement_parse(arena, "Some.Package[a, b] (>= 1.0, <2) ; python_version > '3'", &name, &specifiers));
    g_assert_cmpstr(name, ==, "Some.Package");
    g_assert_cmpstr(specifiers, ==, ">= 1.0, <2");
    g_assert_true(python_requirement_parse(arena, "plain", &name, &specifiers));
    g_assert_cmpstr(specifiers, ==, "");
    g_assert_false(python_requirement_parse(arena, "", &name, &specifiers));
    g_assert_false(python_requirement_parse(arena, "-x", &name, &specifiers));
    g_assert_false(python_requirement_parse(arena, "x=1", &name, &specifiers));
    arena_free(arena);
}

/* ---- Origins ---- */

#define PACKAGE                                                                                                        \
    "--- site/some_plugins-1.5.dist-info/METADATA\nMetadata-Version: 2.1\nName: some-plugins\nVersion: "               \
    "1.5\n\nVersion: 9\n"                                                                                              \
    "--- site/some_plugins-1.5.dist-info/entry_points.txt\n[console_scripts]\nmake = no.such:thing\n"                  \
    "[buildstream.plugins.elements]\nmake = some_plugins.elements.make\ncmake = some_plugins.hidden.cmake\n"           \
    "--- site/some_plugins/elements/make.py\n\n--- site/some_plugins/elements/make.yaml\nvariables:\n  from: "         \
    "package\n"

static GPtrArray *load(const char *directory, gboolean unknown_kinds, Session **session, GError **error)
{
    static const char *const targets[] = {"a.bst", NULL};
    LoadOptions options = {.directory = directory, .strict = TRUE, .unknown_kinds = unknown_kinds};
    *session = session_load(&options, error);
    return *session != NULL ? session_load_elements(*session, targets, error) : NULL;
}

/* The project's one element has the variable that its kind's YAML sets. */
static void expect_from(const char *project, const char *from)
{
    g_autoptr(GError) error = NULL;
    char *directory = fixture_unpack(project);
    g_autofree char *site = g_build_filename(directory, "site", NULL);
    g_setenv("PYTHONPATH", site, TRUE);
    g_autoptr(Session) session = NULL;
    g_autoptr(GPtrArray) targets = load(directory, FALSE, &session, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(element_variable(targets->pdata[0], "from"), ==, from);
    fixture_remove(directory);
}

/* It fails to load, with that reason, and with that text somewhere in the report. */
static void expect_error(const char *project, const char *reason, const char *text)
{
    g_autoptr(GError) error = NULL;
    char *directory = fixture_unpack(project);
    g_autofree char *site = g_build_filename(directory, "site", NULL);
    g_setenv("PYTHONPATH", site, TRUE);
    g_autoptr(Session) session = NULL;
    g_autoptr(GPtrArray) targets = load(directory, FALSE, &session, &error);
    g_assert_null(targets);
    g_assert_cmpstr(error_get_reason(error), ==, reason);
    g_autofree char *report = error_report(error);
    if (strstr(report, text) == NULL) {
        g_error("no '%s' in: %s", text, report);
    }
    fixture_remove(directory);
}

#define LOCAL    "plugins:\n- origin: local\n  path: plugins\n  elements:\n  - kind: make\n    allow-deprecated: True\n"
#define JUNCTION "plugins:\n- origin: junction\n  junction: j.bst\n  elements: [make]\n"
#define PIP      "plugins:\n- origin: pip\n  package-name: Some_Plugins>=1\n  elements: [make, cmake]\n"
#define YAML     "--- plugins/make.py\n\n--- plugins/make.yaml\nvariables:\n  from: local\n"
#define MAKE     "--- a.bst\nkind: make\n"
#define SUB                                                                                                            \
    "--- j.bst\nkind: junction\nsources:\n- kind: local\n  path: sub\n--- sub/project.conf\nname: s\nmin-version: "    \
    "2.0\n"

static void test_origins(void)
{
    expect_from(CONF LOCAL YAML MAKE, "local");
    expect_from(CONF JUNCTION MAKE SUB LOCAL "--- sub/plugins/make.yaml\nvariables:\n  from: sub\n", "sub");
    /* From the subproject's subproject. */
    expect_from(CONF JUNCTION MAKE SUB JUNCTION
                "--- sub/j.bst\nkind: junction\nsources:\n- kind: local\n  path: deeper\n"
                "--- sub/deeper/project.conf\nname: d\nmin-version: 2.0\n" LOCAL
                "--- sub/deeper/plugins/make.yaml\nvariables:\n  from: deeper\n",
                "deeper");
    expect_from(CONF PIP MAKE PACKAGE, "package");
    /* Not installed: what is built in is as good. */
    expect_from(CONF PIP MAKE "--- site/x\n\n", NULL);
    /* The package hides where its files are. */
    expect_from(CONF PIP "--- a.bst\nkind: cmake\n" PACKAGE, NULL);
}

static void test_origin_errors(void)
{
    expect_error(CONF JUNCTION MAKE SUB, "junction-plugin-not-found",
                 "project 's' referred to by junction 'j.bst' does not declare a element plugin named: 'make'");
    expect_error(CONF JUNCTION MAKE SUB PIP PACKAGE
                 "--- sub/project.conf\nname: s\nmin-version: 2.0\n"
                 "plugins:\n- origin: pip\n  package-name: some-plugins>=2\n  elements: [make]\n",
                 "junction-plugin-load-error", "some-plugins 1.5 is installed but some-plugins>=2 is required");
    expect_error(CONF "plugins:\n- origin: pip\n  package-name: some-plugins==1.4\n  elements: [make]\n" MAKE PACKAGE,
                 "package-version-conflict", "Version conflict encountered while loading element plugin 'make'");
    expect_error(CONF "plugins:\n- origin: pip\n  package-name: some-plugins=1.4\n  elements: [make]\n" MAKE,
                 "package-malformed-requirement", "Malformed package-name 'some-plugins=1.4' encountered");
    expect_error(CONF "plugins:\n- origin: pip\n  package-name: some-plugins\n  elements: [meson]\n"
                      "--- a.bst\nkind: meson\n" PACKAGE,
                 "plugin-not-found", "Pip package some-plugins does not contain a element plugin named 'meson'");
    expect_error(CONF LOCAL "- origin: pip\n  package-name: x\n  elements: [make]\n" YAML MAKE, "duplicate-plugin",
                 "More than one element plugin registered as kind 'make'");
    expect_error(CONF "plugins:\n- origin: pip\n  package-name: x\n  path: y\n" MAKE, "INVALID_DATA",
                 "Unexpected key: path");
    expect_error(CONF LOCAL "--- plugins/make.yaml\nvariables: [\n" MAKE, "INVALID_YAML", "make.yaml");
    /* A kind twice in one origin is no duplicate. */
    expect_from(CONF "plugins:\n- origin: local\n  path: plugins\n  elements: [make, make]\n" YAML MAKE, "local");
}

/* Two projects whose plugins come from each other. */
static void test_origin_circle(void)
{
    expect_error(CONF JUNCTION MAKE SUB "plugins:\n- origin: junction\n  junction: up.bst\n  elements: [make]\n"
                                        "--- sub/up.bst\nkind: link\nconfig:\n  target: up.bst\n",
                 "CIRCULAR_REFERENCE", "up.bst");
}

/* ---- Plugins without code ---- */

#define PLAIN                                                                                                          \
    "\"\"\"\nDocumentation: evil()\n\"\"\"\n# comment\nfrom buildstream import BuildElement  # pylint: "               \
    "disable=x\n\n\n"                                                                                                  \
    "class Some(BuildElement):\n    \'\'\'One line.\'\'\'\n    BST_MIN_VERSION = \"2.0\"\n\n\ndef setup():\n    "      \
    "return Some\n"

static void test_python(void)
{
    static const char *const others[] = {
        "",
        "from buildstream import Element\nclass S(Element):\n  BST_MIN_VERSION = \"2.0\"\ndef setup():\n  return S\n",
        PLAIN "evil()\n",
        PLAIN "\"\"\"not ended\n",
        "\"\"\"text\"\"\"; evil()\n" PLAIN,
        "\"\"\"\n\\\"\"\"\n" PLAIN "\"\"\"\nevil()\n\"\"\"\n\"\"\"\n",
        "# -*- coding: utf-7 -*-\n" PLAIN,
        "import os\n" PLAIN,
        "from buildstream import BuildElement\nclass S(BuildElement):\n    BST_MIN_VERSION = \"2.0\"\n"
        "    BST_ARTIFACT_VERSION = 3\ndef setup():\n    return S\n",
        "from buildstream import BuildElement\nclass S(BuildElement):\n    BST_MIN_VERSION = \"2.0\"\n"
        "    def get_unique_key(self): return 1\ndef setup():\n    return S\n",
        "from buildstream import BuildElement\nclass S(BuildElement):\n    BST_MIN_VERSION = \"2.0\"\ndef setup():\n"
        "    return Other\n",
        "from buildstream import BuildElement\nclass S(BuildElement):\n    BST_MIN_VERSION = \"2.0\"\ndef setup():\n"
        "return S\n",
    };
    g_assert_true(python_is_build_element(PLAIN));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        if (python_is_build_element(others[i])) {
            g_error("taken for a plain build element: %s", others[i]);
        }
    }
    expect_from(CONF "plugins:\n- origin: local\n  path: plugins\n  elements: [some]\n--- a.bst\nkind: some\n"
                     "--- plugins/some.yaml\nvariables:\n  from: plain\n--- plugins/some.py\n" PLAIN,
                "plain");
}

/* ---- Kinds that are not implemented ---- */

#define SPECIAL                                                                                                        \
    CONF "plugins:\n- origin: local\n  path: plugins\n  elements: [special]\n  sources: [magic]\n"                     \
         "--- plugins/special.yaml\nvariables:\n  from: yaml\n--- a.bst\nkind: stack\ndepends:\n- b.bst\n- c.bst\n- "  \
         "d.bst\n"                                                                                                     \
         "--- b.bst\nkind: special\nconfig:\n  anything: [goes]\n--- c.bst\nkind: manual\nsources:\n- kind: magic\n  " \
         "what: ever\n"                                                                                                \
         "--- d.bst\nkind: manual\n"

typedef struct {
    guint count;
    char *detail;
} Warnings;

static void on_event(const Event *event, gpointer data)
{
    Warnings *warnings = data;
    if (event->type == EVENT_WARNING) {
        warnings->count++;
        g_free(warnings->detail);
        warnings->detail = g_strdup(event->detail);
    }
}

static void test_unknown_kinds(void)
{
    g_autoptr(GError) error = NULL;
    Warnings warnings = {0, NULL};
    const EventSink sink = {on_event, &warnings};
    const char *const targets[] = {"a.bst", NULL};
    char *directory = fixture_unpack(SPECIAL);
    LoadOptions options = {.directory = directory, .strict = TRUE, .unknown_kinds = TRUE, .events = &sink};
    g_autoptr(Session) session = session_load(&options, &error);
    g_autoptr(GPtrArray) loaded = session_load_elements(session, targets, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(fixture_element(session, "a.bst")->strict_key, ==, "");
    g_assert_cmpstr(fixture_element(session, "b.bst")->strict_key, ==, "");
    g_assert_cmpstr(fixture_element(session, "b.bst")->kind_name, ==, "special");
    g_assert_cmpstr(element_variable(fixture_element(session, "b.bst"), "from"), ==, "yaml");
    g_assert_cmpstr(fixture_element(session, "c.bst")->weak_key, ==, "");
    g_assert_cmpuint(strlen(fixture_element(session, "d.bst")->strict_key), ==, 64);
    g_assert_cmpuint(warnings.count, ==, 1);
    g_assert_nonnull(strstr(warnings.detail,
                            "b.bst [line 1 column 6]: No element plugin registered for kind 'special': "
                            "the declared one (project directory: plugins) is not implemented"));
    g_assert_nonnull(strstr(warnings.detail, "c.bst [line 3 column 8]: No source plugin registered for kind 'magic'"));
    g_free(warnings.detail);
    fixture_remove(directory);
}

static void test_unknown_kinds_refused(void)
{
    expect_error(SPECIAL, "plugin-not-found", "plugins written in Python cannot be run here");
    /* What is not declared is an error whatever is allowed. */
    g_autoptr(GError) error = NULL;
    g_autoptr(Session) session = NULL;
    char *directory = fixture_unpack(CONF "--- a.bst\nkind: special\n");
    g_autoptr(GPtrArray) loaded = load(directory, TRUE, &session, &error);
    g_assert_null(loaded);
    g_assert_cmpstr(error_get_reason(error), ==, "plugin-not-found");
    fixture_remove(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/versions", test_versions);
    g_test_add_func("/plugin/requirements", test_requirements);
    g_test_add_func("/plugin/origins", test_origins);
    g_test_add_func("/plugin/origin-errors", test_origin_errors);
    g_test_add_func("/plugin/origin-circle", test_origin_circle);
    g_test_add_func("/plugin/python", test_python);
    g_test_add_func("/plugin/unknown-kinds", test_unknown_kinds);
    g_test_add_func("/plugin/unknown-kinds-refused", test_unknown_kinds_refused);
    return g_test_run();
}
