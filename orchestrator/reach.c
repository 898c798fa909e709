/*
 * reach.c - see reach.h.
 *
 * An element's depth (the longest chain below it) answers most questions, since a can only depend on what is less deep.  For the others, two traversals in opposite
 * directions number all elements in post-order.  The numbers below a are all at least low: b outside of [low, post] is no.  Those that were reached through a for the
 * first time are exactly the ones from `enter` on: b inside of [enter, post] is yes.
 *
 * If many pairs of neighbours in lists are left, they are all answered at once: for a block of some thousand elements, each element gets the set of those in the
 * block that it depends on, from the sets of its dependencies.  If few are left, each is searched for, below nothing that the above excludes.
 */
#include "reach.h"
#include "element-private.h"

#include <stdlib.h>
#include <string.h>

/* Elements of a block, and the words of one set. */
#define BLOCK       4096u
#define BLOCK_WORDS (BLOCK / 64)
/* Pairs from which on blocks are cheaper than searches. */
#define MANY_PAIRS 1000u
/* Of longer lists not all pairs are taken: their number would be quadratic. */
#define MAX_LIST 64u

typedef struct {
    guint depth;
    guint post[2], low[2], enter[2];
} Reach;

/* A pair that numbers do not decide. */
typedef struct {
    guint from, to;
    gboolean answer;
} Pair;

struct ReachGraph {
    Reach *reach;
    GPtrArray *order; /* Element *, in post-order */
    Element **elements;
    guint count;
    GArray *pairs;             /* Pair, sorted by (to, from) once they are answered */
    guint *first;              /* by `to`: where its pairs start; NULL: not answered */
    guint *first_edge, *edges; /* dependencies by number */
};

struct ReachSearch {
    const ReachGraph *graph;
    guint32 *seen;
    guint32 stamp;
    GArray *stack; /* guint */
};

typedef struct {
    Element *element;
    gsize next;
} Frame;

/* Numbers everything below `start` that has no number, dependencies first. */
static void number_from(GPtrArray *order, Element *start)
{
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(Frame));
    Frame frame = {start, 0};
    if (element_data(start)->order != 0) {
        return;
    }
    element_data(start)->order = G_MAXUINT;
    element_data(start)->slot = order->len;
    g_array_append_val(path, frame);
    while (path->len > 0) {
        Frame *top = &g_array_index(path, Frame, path->len - 1);
        if (top->next < top->element->n_dependencies) {
            Frame below = {top->element->dependencies[top->next++].element, 0};
            if (element_data(below.element)->order == 0) {
                element_data(below.element)->order = G_MAXUINT;
                element_data(below.element)->slot = order->len;
                g_array_append_val(path, below);
            }
            continue;
        }
        g_ptr_array_add(order, top->element);
        element_data(top->element)->order = order->len;
        g_array_set_size(path, path->len - 1);
    }
}

static guint order_of(const Element *element)
{
    return element_data(element)->order - 1;
}

static void find_depths(ReachGraph *graph)
{
    for (guint i = 0; i < graph->count; i++) {
        Reach *reach = &graph->reach[i];
        reach->post[0] = reach->low[0] = i;
        reach->enter[0] = element_data(graph->elements[i])->slot; /* of the traversal that numbered it */
        for (guint j = graph->first_edge[i]; j < graph->first_edge[i + 1]; j++) {
            const Reach *below = &graph->reach[graph->edges[j]];
            reach->depth = MAX(reach->depth, below->depth + 1);
            reach->low[0] = MIN(reach->low[0], below->low[0]);
        }
    }
}

/* A second numbering, children from last to first, excludes much that the first one does not. */
static void number_backward(ReachGraph *graph)
{
    typedef struct {
        guint at, left; /* edges up to here are still to be followed */
    } Step;
    g_autofree gboolean *visited = g_new0(gboolean, graph->count);
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(Step));
    guint next = 0;
    for (guint i = graph->count; i > 0; i--) {
        Step start = {i - 1, graph->first_edge[i]};
        if (visited[i - 1]) {
            continue;
        }
        visited[i - 1] = TRUE;
        graph->reach[i - 1].enter[1] = next;
        g_array_append_val(path, start);
        while (path->len > 0) {
            Step *top = &g_array_index(path, Step, path->len - 1);
            if (top->left > graph->first_edge[top->at]) {
                guint at = graph->edges[--top->left];
                Step below = {at, graph->first_edge[at + 1]};
                if (!visited[at]) {
                    visited[at] = TRUE;
                    graph->reach[at].enter[1] = next;
                    g_array_append_val(path, below);
                }
                continue;
            }
            graph->reach[top->at].post[1] = next++;
            g_array_set_size(path, path->len - 1);
        }
    }
    for (guint i = 0; i < graph->count; i++) {
        Reach *reach = &graph->reach[i];
        reach->low[1] = reach->post[1];
        for (guint j = graph->first_edge[i]; j < graph->first_edge[i + 1]; j++) {
            reach->low[1] = MIN(reach->low[1], graph->reach[graph->edges[j]].low[1]);
        }
    }
}

/* FALSE if a certainly does not depend on b. */
static gboolean may_reach(const Reach *a, const Reach *b)
{
    return a->depth > b->depth && b->post[0] < a->post[0] && b->post[0] >= a->low[0] && b->post[1] < a->post[1] &&
           b->post[1] >= a->low[1];
}

/* TRUE if a certainly does. */
static gboolean must_reach(const Reach *a, const Reach *b)
{
    return (b->post[0] >= a->enter[0] && b->post[0] < a->post[0]) ||
           (b->post[1] >= a->enter[1] && b->post[1] < a->post[1]);
}

/* What is at and below a visited element is looked at once. */
static gboolean find_path(ReachSearch *search, guint start, guint goal)
{
    const ReachGraph *graph = search->graph;
    const Reach *target = &graph->reach[goal];
    g_array_set_size(search->stack, 0);
    search->stamp++;
    g_array_append_val(search->stack, start);
    while (search->stack->len > 0) {
        guint at = g_array_index(search->stack, guint, search->stack->len - 1);
        g_array_set_size(search->stack, search->stack->len - 1);
        for (guint i = graph->first_edge[at]; i < graph->first_edge[at + 1]; i++) {
            guint below = graph->edges[i];
            if (below == goal || must_reach(&graph->reach[below], target)) {
                return TRUE;
            }
            if (search->seen[below] != search->stamp && may_reach(&graph->reach[below], target)) {
                search->seen[below] = search->stamp;
                g_array_append_val(search->stack, below);
            }
        }
    }
    return FALSE;
}

/* ---- Many pairs at once ---- */

/* By `to`, then `from`: two passes of counting, since numbers are small and pairs many. */
static void sort_pairs(const ReachGraph *graph, Pair *pairs, gsize count)
{
    g_autofree Pair *other = g_new(Pair, count);
    g_autofree gsize *next = g_new(gsize, graph->count + 1);
    for (int pass = 0; pass < 2; pass++) {
        const Pair *in = pass == 0 ? pairs : other;
        Pair *out = pass == 0 ? other : pairs;
        memset(next, 0, (graph->count + 1) * sizeof *next);
        for (gsize i = 0; i < count; i++) {
            next[(pass == 0 ? in[i].from : in[i].to) + 1]++;
        }
        for (guint i = 0; i < graph->count; i++) {
            next[i + 1] += next[i];
        }
        for (gsize i = 0; i < count; i++) {
            out[next[pass == 0 ? in[i].from : in[i].to]++] = in[i];
        }
    }
}

static void collect_pairs(ReachGraph *graph)
{
    for (guint at = 0; at < graph->count; at++) {
        guint first = graph->first_edge[at], end = graph->first_edge[at + 1];
        if (end - first > MAX_LIST) {
            continue;
        }
        for (guint i = first; i < end; i++) {
            for (guint j = i + 1; j < end; j++) {
                guint a = graph->edges[i], b = graph->edges[j];
                gboolean deeper = graph->reach[a].depth > graph->reach[b].depth;
                Pair pair = {deeper ? a : b, deeper ? b : a, FALSE};
                const Reach *from = &graph->reach[pair.from], *to = &graph->reach[pair.to];
                if (may_reach(from, to) && !must_reach(from, to)) {
                    g_array_append_val(graph->pairs, pair);
                }
            }
        }
    }
}

/* Sets of a block's elements, for the elements from the block's first to `end`.  Post-order: dependencies have smaller numbers. */
static void fill_sets(const ReachGraph *graph, guint start, guint end, guint64 (*sets)[BLOCK_WORDS], guint8 *any)
{
    for (guint at = start; at < end; at++) {
        guint64 *set = sets[at - start];
        gboolean inside = at < start + BLOCK;
        any[at - start] = 0;
        for (guint i = graph->first_edge[at]; i < graph->first_edge[at + 1]; i++) {
            guint below = graph->edges[i];
            if (below < start || !any[below - start]) {
                continue;
            }
            const guint64 *other = sets[below - start];
            if (!any[at - start]) {
                memcpy(set, other, sizeof sets[0]);
                any[at - start] = 1;
                continue;
            }
            for (guint word = 0; word < BLOCK_WORDS; word++) {
                set[word] |= other[word];
            }
        }
        if (inside && !any[at - start]) {
            memset(set, 0, sizeof sets[0]);
            any[at - start] = 1;
        }
        if (inside) {
            set[(at - start) / 64] |= (guint64)1 << (at - start) % 64;
        }
    }
}

/* Answers the pairs of the block that the first of them is in; what they are asked about is at most as far up as the last `from`. */
static guint answer_block(Pair *pairs, guint count, const ReachGraph *graph, guint64 (*sets)[BLOCK_WORDS], guint8 *any)
{
    guint start = pairs[0].to, end = start, in_block = 0;
    for (; in_block < count && pairs[in_block].to - start < BLOCK; in_block++) {
        end = MAX(end, pairs[in_block].from + 1);
    }
    fill_sets(graph, start, end, sets, any);
    for (guint i = 0; i < in_block; i++) {
        guint from = pairs[i].from - start, bit = pairs[i].to - start;
        pairs[i].answer = any[from] && (sets[from][bit / 64] >> bit % 64 & 1) != 0;
    }
    return in_block;
}

static void answer_pairs(ReachGraph *graph)
{
    Pair *pairs = (Pair *)(void *)graph->pairs->data;
    guint count = graph->pairs->len;
    sort_pairs(graph, pairs, count);
    /* Only what is touched takes memory; an arena has it in large pages. */
    Arena *arena = arena_new();
    guint64(*sets)[BLOCK_WORDS] = arena_alloc(arena, graph->count * sizeof *sets);
    g_autofree guint8 *any = g_new(guint8, graph->count);
    for (guint i = 0; i < count;) {
        i += answer_block(pairs + i, count - i, graph, sets, any);
    }
    arena_free(arena);
    graph->first = g_new(guint, graph->count + 1);
    for (guint to = 0, i = 0; to <= graph->count; to++) {
        graph->first[to] = i;
        while (i < count && pairs[i].to == to) {
            i++;
        }
    }
}

static const Pair *find_pair(const ReachGraph *graph, guint from, guint to)
{
    if (graph->first == NULL) {
        return NULL;
    }
    const Pair *pairs = (const Pair *)(const void *)graph->pairs->data;
    guint low = graph->first[to], high = graph->first[to + 1];
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (pairs[middle].from < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < graph->first[to + 1] && pairs[low].from == from ? &pairs[low] : NULL;
}

/* ---- The graph ---- */

static void copy_edges(ReachGraph *graph)
{
    gsize total = 0;
    for (guint i = 0; i < graph->count; i++) {
        total += graph->elements[i]->n_dependencies;
    }
    graph->first_edge = g_new(guint, graph->count + 1);
    graph->edges = g_new(guint, total + 1);
    guint next = 0;
    for (guint i = 0; i < graph->count; i++) {
        graph->first_edge[i] = next;
        for (gsize j = 0; j < graph->elements[i]->n_dependencies; j++) {
            graph->edges[next++] = order_of(graph->elements[i]->dependencies[j].element);
        }
    }
    graph->first_edge[graph->count] = next;
}

ReachGraph *reach_new(Element *const *targets, gsize count)
{
    ReachGraph *graph = g_new0(ReachGraph, 1);
    graph->order = g_ptr_array_new();
    for (gsize i = 0; i < count; i++) {
        number_from(graph->order, targets[i]);
    }
    graph->count = graph->order->len;
    graph->elements = (Element **)graph->order->pdata;
    graph->reach = g_new0(Reach, graph->count + 1);
    graph->pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    copy_edges(graph);
    find_depths(graph);
    number_backward(graph);
    collect_pairs(graph);
    if (graph->pairs->len > MANY_PAIRS) {
        answer_pairs(graph);
    }
    return graph;
}

void reach_free(ReachGraph *graph)
{
    for (guint i = 0; i < graph->count; i++) {
        element_data(graph->elements[i])->order = 0;
    }
    g_ptr_array_unref(graph->order);
    g_free(graph->reach);
    g_free(graph->first_edge);
    g_free(graph->edges);
    g_free(graph->first);
    g_array_unref(graph->pairs);
    g_free(graph);
}

Element *const *reach_elements(const ReachGraph *graph, gsize *count)
{
    *count = graph->count;
    return graph->elements;
}

ReachSearch *reach_search_new(const ReachGraph *graph)
{
    ReachSearch *search = g_new0(ReachSearch, 1);
    search->graph = graph;
    search->seen = g_new0(guint32, graph->count + 1);
    search->stack = g_array_new(FALSE, FALSE, sizeof(guint));
    return search;
}

void reach_search_free(ReachSearch *search)
{
    g_free(search->seen);
    g_array_unref(search->stack);
    g_free(search);
}

gboolean reach_depends(ReachSearch *search, const Element *a, const Element *b)
{
    const ReachGraph *graph = search->graph;
    guint from = order_of(a), to = order_of(b);
    if (!may_reach(&graph->reach[from], &graph->reach[to])) {
        return FALSE;
    }
    if (must_reach(&graph->reach[from], &graph->reach[to])) {
        return TRUE;
    }
    const Pair *known = find_pair(graph, from, to);
    return known != NULL ? known->answer : find_path(search, from, to);
}
