#include "yaml-edit.h"

#include <string.h>

static const NodeFile file = {.name = "file"};

static const struct {
    const char *name, *text;
    int line, column; /* of the start; 0: top */
    const char *path; /* "/"-separated, digits are list items */
    const char *value;
    const char *result;
} good[] = {
    {"replace plain", "# top\na: 1 # one\nref: old   # keep\nb: 2\n", 0, 0, "ref", "v: new",
     "# top\na: 1 # one\nref: new   # keep\nb: 2\n"},
    {"keep quotes", "ref: 'old'\n", 0, 0, "ref", "v: new", "ref: 'new'\n"},
    {"keep double quotes", "ref: \"old\"\n", 0, 0, "ref", "v: new", "ref: \"new\"\n"},
    {"add", "sources:\n- kind: tar\n  url: x # where\n\n# end\n", 2, 2, "ref", "v: new",
     "sources:\n- kind: tar\n  url: x # where\n  ref: new\n\n# end\n"},
    {"replace in item", "sources:\n- kind: tar\n  ref: old\n  url: x\n- kind: tar\n  ref: other\n", 2, 2, "ref",
     "v: new", "sources:\n- kind: tar\n  ref: new\n  url: x\n- kind: tar\n  ref: other\n"},
    {"flow", "sources: [{kind: tar, ref: old}]\n", 1, 10, "ref", "v: new", "sources: [{kind: tar, ref: new}]\n"},
    {"add in flow", "sources: [{kind: tar}]\n", 1, 10, "ref", "v: [a, b]", "sources: [{kind: tar, ref: [a, b]}]\n"},
    {"list of mappings", "ref: old\nb: 1\n", 0, 0, "ref", "v: [{n: a, s: 1}, {n: b}]",
     "ref:\n- n: a\n  s: 1\n- n: b\nb: 1\n"},
    {"list by list", "ref:\n- n: a\n  s: 1\n# tail\nb: 1\n", 0, 0, "ref", "v: [{n: c}]",
     "ref:\n- n: c\n# tail\nb: 1\n"},
    {"list by text", "x:\n  ref:\n  - a\n  - b\n  y: z\n", 2, 2, "ref", "v: t", "x:\n  ref: t\n  y: z\n"},
    {"literal", "ref: |\n  one\n  two\n\nb: 1\n", 0, 0, "ref", "v: new", "ref: new\n\nb: 1\n"},
    {"empty file", "", 0, 0, "projects/p/e.bst/1/ref", "v: r", "projects:\n  p:\n    e.bst:\n    - {}\n    - ref: r\n"},
    {"new element", "projects:\n  p:\n    a.bst:\n    - ref: x\n", 0, 0, "projects/p/b.bst/0/ref", "v: r",
     "projects:\n  p:\n    a.bst:\n    - ref: x\n    b.bst:\n    - ref: r\n"},
    {"next source", "projects:\n  p:\n    a.bst:\n    - ref: x\n", 0, 0, "projects/p/a.bst/2/ref", "v: r",
     "projects:\n  p:\n    a.bst:\n    - ref: x\n    - {}\n    - ref: r\n"},
    {"fill empty", "projects:\n  p:\n    a.bst:\n    - {}\n    - ref: y\n", 0, 0, "projects/p/a.bst/0/ref", "v: r",
     "projects:\n  p:\n    a.bst:\n    - ref: r\n    - ref: y\n"},
    {"fill nothing", "projects:\n", 0, 0, "projects/p/a.bst/0/ref", "v: r",
     "projects:\n  p:\n    a.bst:\n    - ref: r\n"},
    {"needs quotes", "ref: a\n", 0, 0, "ref", "v: 'yes'", "ref: 'yes'\n"},
    {"special text", "ref: a\n", 0, 0, "ref", "v: \"a: b # c\"", "ref: 'a: b # c'\n"},
    {"several lines", "ref: a\n", 0, 0, "ref", "v: \"a\\nb\"", "ref: \"a\\nb\"\n"},
    {"no newline at end", "a: 1", 0, 0, "ref", "v: x", "a: 1\nref: x"},
    {"byte order mark",
     "\xef\xbb\xbf"
     "a: 1\nref: old\n",
     0, 0, "ref", "v: new",
     "\xef\xbb\xbf"
     "a: 1\nref: new\n"},
    {"multi-byte before", "é: ü\nref: ñ # ö\n", 0, 0, "ref", "v: x", "é: ü\nref: x # ö\n"},
};

static gsize read_path(const char *path, YamlStep *steps, char **words)
{
    gsize count = 0;
    for (; words[count] != NULL; count++) {
        gboolean item = g_ascii_isdigit(*words[count]);
        steps[count] =
            (YamlStep){item ? NULL : words[count], item ? (gsize)g_ascii_strtoull(words[count], NULL, 10) : 0};
    }
    return count;
}

static void test_good(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        Arena *arena = arena_new();
        g_autoptr(GError) error = NULL;
        YamlStep steps[16];
        g_auto(GStrv) words = g_strsplit(good[i].path, "/", -1);
        gsize count = read_path(good[i].path, steps, words);
        const Node *value = node_parse(arena, &file, good[i].value, strlen(good[i].value), &error);
        Provenance start = {&file, good[i].line, good[i].column};
        g_assert_no_error(error);
        g_autofree char *result = yaml_edit_set(good[i].text, strlen(good[i].text), good[i].line > 0 ? &start : NULL,
                                                steps, count, node_find(value, "v"), &error);
        if (error != NULL) {
            g_error("%s: %s", good[i].name, error->message);
        }
        g_assert_cmpstr(result, ==, good[i].result);
        arena_free(arena);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text, *key;
    } cases[] = {
        {"a: [b\n", "ref"},              /* no YAML */
        {"a: scalar\n", "a"},            /* below a scalar that is not empty */
        {"ref: # comment\n  old\n", ""}, /* the value would end up in the comment */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Arena *arena = arena_new();
        g_autoptr(GError) error = NULL;
        YamlStep steps[] = {{cases[i].key, 0}, {"below", 0}};
        gsize count = *cases[i].key == 'a' ? 2 : 1;
        if (*cases[i].key == '\0') {
            steps[0].key = "ref";
        }
        g_assert_null(yaml_edit_set(cases[i].text, strlen(cases[i].text), NULL, steps, count,
                                    node_new_scalar(arena, "new", NULL), &error));
        g_assert_nonnull(error);
        arena_free(arena);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/yaml-edit/good", test_good);
    g_test_add_func("/yaml-edit/bad", test_bad);
    return g_test_run();
}
