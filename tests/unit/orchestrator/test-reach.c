/*
 * Reachability against plain bit sets: few pairs (searched for one by one) and many (answered in blocks).
 */
#include "element-private.h"
#include "reach.h"

#include <string.h>

typedef struct {
    guint count, words;
    ElementData *elements;
    guint64 *below; /* count × words */
} Model;

static gboolean model_has(const Model *model, guint from, guint to)
{
    return (model->below[(gsize)from * model->words + to / 64] >> to % 64 & 1) != 0;
}

/* Element i depends on up to `degree` of the `window` elements before it. */
static void model_init(Model *model, guint count, guint degree, guint window, GRand *random)
{
    model->count = count;
    model->words = count / 64 + 1;
    model->elements = g_new0(ElementData, count);
    model->below = g_new0(guint64, (gsize)count * model->words);
    for (guint i = 0; i < count; i++) {
        Element *element = &model->elements[i].element;
        guint64 *set = &model->below[(gsize)i * model->words];
        element->dependencies = g_new0(Dependency, degree);
        for (guint j = 0; i > 0 && j < degree; j++) {
            guint first = i > window ? i - window : 0;
            guint to = (guint)g_rand_int_range(random, (gint)first, (gint)i);
            const guint64 *other = &model->below[(gsize)to * model->words];
            element->dependencies[element->n_dependencies++].element = &model->elements[to].element;
            for (guint word = 0; word < model->words; word++) {
                set[word] |= other[word];
            }
            set[to / 64] |= (guint64)1 << to % 64;
        }
    }
}

static void model_clear(Model *model)
{
    for (guint i = 0; i < model->count; i++) {
        g_free(model->elements[i].element.dependencies);
    }
    g_free(model->elements);
    g_free(model->below);
}

static void check_model(guint count, guint degree, guint window, guint32 seed)
{
    Model model;
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    model_init(&model, count, degree, window, random);
    g_autofree Element **targets = g_new(Element *, count);
    for (guint i = 0; i < count; i++) {
        targets[i] = &model.elements[count - 1 - i].element;
    }
    ReachGraph *graph = reach_new(targets, count);
    ReachSearch *search = reach_search_new(graph);
    gsize total = 0;
    reach_elements(graph, &total);
    g_assert_cmpuint(total, ==, count);
    for (guint i = 0; i < count; i++) {
        const Element *element = &model.elements[i].element;
        for (gsize j = 0; j + 1 < element->n_dependencies; j++) {
            ElementData *a = element_data(element->dependencies[j].element);
            ElementData *b = element_data(element->dependencies[j + 1].element);
            g_assert_cmpint(reach_depends(search, &a->element, &b->element), ==,
                            model_has(&model, (guint)(a - model.elements), (guint)(b - model.elements)));
        }
        /* Pairs that no list has, too. */
        guint from = (guint)g_rand_int_range(random, 0, (gint)count),
              to = (guint)g_rand_int_range(random, 0, (gint)count);
        g_assert_cmpint(reach_depends(search, &model.elements[from].element, &model.elements[to].element), ==,
                        model_has(&model, from, to));
    }
    reach_search_free(search);
    reach_free(graph);
    model_clear(&model);
}

static void test_small(void)
{
    for (guint32 seed = 0; seed < 30; seed++) {
        check_model(60, 3, 20, seed);
    }
    check_model(1, 3, 1, 1);
}

static void test_blocks(void)
{
    check_model(9000, 5, 600, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reach/small", test_small);
    g_test_add_func("/reach/blocks", test_blocks);
    return g_test_run();
}
