/*
 * The list sort under comparisons that are no order: the result must be that of CPython 3.12, which tests/data/list-sort.txt has for many lists:
 * length, seed, modulus, and a hash of the order.
 */
#include "element-private.h"

#include <stdio.h>

typedef struct {
    guint32 seed, modulus;
} Rule;

/* Not transitive, but antisymmetric: what BuildStream's comparison may be, only worse. */
static int compare(const Dependency *a, const Dependency *b, gpointer data)
{
    const Rule *rule = data;
    guint x = GPOINTER_TO_UINT(a->element), y = GPOINTER_TO_UINT(b->element);
    guint low = MIN(x, y), high = MAX(x, y);
    guint32 mixed = (low * 2654435761u) ^ (high * 40503u + rule->seed);
    mixed ^= mixed >> 13;
    mixed *= 0x5bd1e995u;
    mixed ^= mixed >> 15;
    int sign = mixed % rule->modulus == 0 ? -1 : 1; /* the larger the modulus, the nearer to an order */
    return x == y ? 0 : (x < y) == (sign > 0) ? -1 : 1;
}

static guint32 shuffle_key(guint32 i, guint32 seed)
{
    guint32 mixed = (i + 1) * 2246822519u + seed * 3266489917u;
    mixed ^= mixed >> 15;
    mixed *= 668265263u;
    return mixed ^ mixed >> 13;
}

/* Pieces that rise, pieces that fall, noise. */
static guint value_at(guint32 i, guint32 count, guint32 seed)
{
    switch (seed % 4) {
    case 0:
        return shuffle_key(i, seed) % 100000;
    case 1:
        return i < count / 2 ? i * 2 : (i - count / 2) * 2 + 1;
    case 2:
        return (i / 40) % 2 == 0 ? i : 2 * count - i;
    default:
        return i * 7 + shuffle_key(i, seed) % 50;
    }
}

static void test_file(gconstpointer path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    guint checked = 0;
    for (char **line = lines; *line != NULL; line++) {
        guint count = 0, hash = 0;
        Rule rule;
        if (**line == '#') {
            continue;
        }
        g_assert_cmpint(sscanf(*line, "%u %u %u %u", &count, &rule.seed, &rule.modulus, &hash), ==, 4);
        g_autofree Dependency *list = g_new0(Dependency, count + 1);
        for (guint i = 0; i < count; i++) {
            list[i].element = GUINT_TO_POINTER(value_at(i, count, rule.seed) + 1);
        }
        dependency_list_sort(list, count, compare, &rule);
        guint32 got = 2166136261u;
        for (guint i = 0; i < count; i++) {
            got = (got ^ GPOINTER_TO_UINT(list[i].element)) * 16777619u;
        }
        if (got != hash) {
            g_error("'%s' gives %u", *line, got);
        }
        checked++;
    }
    g_assert_cmpuint(checked, >, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    g_test_add_data_func("/sort/python", argv[1], test_file);
    return g_test_run();
}
