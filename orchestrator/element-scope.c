/*
 * element-scope.c - which elements a build or a checkout needs, in the order of staging.
 */
#include "element-private.h"

#include <string.h>

typedef struct {
    Element *element;
    gsize next; /* dependency to look at; for SCOPE_ALL counts through the list twice, build dependencies first */
} Frame;

/* Post-order over runtime dependencies (or all). `seen` is indexed by element and holds `stamp` for what was there before. */
static void walk(Element *start, gboolean all, guint32 *seen, guint32 stamp, GArray *stack, GPtrArray *out)
{
    Frame frame = {start, 0};
    if (seen[start->index] == stamp) {
        return;
    }
    seen[start->index] = stamp;
    g_array_append_val(stack, frame);
    while (stack->len > 0) {
        Frame *top = &g_array_index(stack, Frame, stack->len - 1);
        Element *element = top->element;
        gsize count = element->n_dependencies;
        Element *below = NULL;
        while (below == NULL && top->next < (all ? count * 2 : count)) {
            gboolean build = all && top->next < count;
            const Dependency *dependency = &element->dependencies[top->next % count];
            top->next++;
            if ((dependency->types & (unsigned)(build ? DEP_BUILD : DEP_RUNTIME)) != 0 &&
                seen[dependency->element->index] != stamp) {
                below = dependency->element;
            }
        }
        if (below == NULL) {
            g_ptr_array_add(out, element);
            g_array_set_size(stack, stack->len - 1);
            continue;
        }
        seen[below->index] = stamp;
        Frame next = {below, 0};
        g_array_append_val(stack, next);
    }
}

void elements_scope_into(Element *element, Scope scope, guint32 *seen, guint32 stamp, GArray *stack, GPtrArray *out)
{
    if (scope != SCOPE_BUILD) {
        walk(element, scope == SCOPE_ALL, seen, stamp, stack, out);
        return;
    }
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if ((element->dependencies[i].types & DEP_BUILD) != 0) {
            walk(element->dependencies[i].element, FALSE, seen, stamp, stack, out);
        }
    }
}

GArray *elements_scope_stack(void)
{
    return g_array_new(FALSE, FALSE, sizeof(Frame));
}

GPtrArray *elements_scope(Element *const *elements, gsize count, Scope scope)
{
    GPtrArray *out = g_ptr_array_new();
    if (count == 0) {
        return out;
    }
    gsize total = elements[0]->project->session->elements->len;
    g_autofree guint32 *seen = g_new0(guint32, total);
    g_autoptr(GArray) stack = elements_scope_stack();
    for (gsize i = 0; i < count; i++) {
        elements_scope_into(elements[i], scope, seen, 1, stack, out);
    }
    return out;
}

GPtrArray *element_scope(Element *element, Scope scope)
{
    return elements_scope(&element, 1, scope);
}

Element *element_behind_filters(Element *element)
{
    while (strcmp(element->kind_name, "filter") == 0) {
        gsize i = 0;
        while (i < element->n_dependencies && (element->dependencies[i].types & DEP_BUILD) == 0) {
            i++;
        }
        if (i == element->n_dependencies) {
            break;
        }
        element = element->dependencies[i].element;
    }
    return element;
}
