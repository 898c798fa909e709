/*
 * dependency-sort.c - the order of dependencies.
 *
 * Two dependencies are compared by whether one depends on the other, then by their types, then by name.  That is no order: it is not transitive.  So the result
 * depends on which pairs are compared, and BuildStream fixed that once and for all to the list sort of CPython 3.12: runs, extended to a minimum length by binary
 * insertion; merged by the policy of "powersort"; galloping when one side keeps winning.  The same steps are taken here.
 */
#include "element-private.h"
#include "reach.h"

#include <string.h>

/* ---- The sort ---- */

#define MAX_PENDING      85
#define FIRST_MIN_GALLOP 7

typedef const Dependency *Item;

typedef struct {
    Item *base;
    gssize length;
    int power;
} Run;

typedef struct {
    int (*compare)(const Dependency *, const Dependency *, gpointer);
    gpointer data;
    Item *list;
    gssize length;
    gssize min_gallop;
    Run pending[MAX_PENDING];
    int n_pending;
    Item *scratch; /* room for half of the list */
} Sorter;

static gboolean less(const Sorter *sorter, Item a, Item b)
{
    return sorter->compare(a, b, sorter->data) < 0;
}

static void reverse(Item *low, Item *high)
{
    while (low < --high) {
        Item item = *low;
        *low++ = *high;
        *high = item;
    }
}

/* The length of the run that starts at `low`: not descending, or strictly descending. */
static gssize count_run(const Sorter *sorter, Item *low, Item *high, gboolean *descending)
{
    gssize count = 2;
    *descending = FALSE;
    if (low + 1 == high) {
        return 1;
    }
    *descending = less(sorter, low[1], low[0]);
    for (Item *at = low + 2; at < high; at++, count++) {
        if (less(sorter, at[0], at[-1]) != *descending) {
            break;
        }
    }
    return count;
}

/* Sorts [low, high), of which [low, start) is sorted. */
static void binary_insertion(const Sorter *sorter, Item *low, Item *high, Item *start)
{
    if (start == low) {
        start++;
    }
    for (; start < high; start++) {
        Item pivot = *start;
        Item *left = low, *right = start;
        while (left < right) {
            Item *middle = left + ((right - left) >> 1);
            if (less(sorter, pivot, *middle)) {
                right = middle;
            } else {
                left = middle + 1;
            }
        }
        memmove(left + 1, left, (gsize)(start - left) * sizeof *left);
        *left = pivot;
    }
}

static gssize next_offset(gssize offset, gssize limit)
{
    return MIN(offset * 2 + 1, limit);
}

/* Where in sorted a[0..n) the key belongs, left of equals, searching outward from `hint`. */
static gssize gallop_left(const Sorter *sorter, Item key, Item *a, gssize n, gssize hint)
{
    gssize last = 0, offset = 1, low = 0, high = 0;
    if (less(sorter, a[hint], key)) {
        gssize limit = n - hint;
        while (offset < limit && less(sorter, a[hint + offset], key)) {
            last = offset;
            offset = next_offset(offset, limit);
        }
        low = last + hint;
        high = MIN(offset, limit) + hint;
    } else {
        gssize limit = hint + 1;
        while (offset < limit && !less(sorter, a[hint - offset], key)) {
            last = offset;
            offset = next_offset(offset, limit);
        }
        low = hint - MIN(offset, limit);
        high = hint - last;
    }
    for (low++; low < high;) {
        gssize middle = low + ((high - low) >> 1);
        if (less(sorter, a[middle], key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return high;
}

/* The same, right of equals. */
static gssize gallop_right(const Sorter *sorter, Item key, Item *a, gssize n, gssize hint)
{
    gssize last = 0, offset = 1, low = 0, high = 0;
    if (less(sorter, key, a[hint])) {
        gssize limit = hint + 1;
        while (offset < limit && less(sorter, key, a[hint - offset])) {
            last = offset;
            offset = next_offset(offset, limit);
        }
        low = hint - MIN(offset, limit);
        high = hint - last;
    } else {
        gssize limit = n - hint;
        while (offset < limit && !less(sorter, key, a[hint + offset])) {
            last = offset;
            offset = next_offset(offset, limit);
        }
        low = last + hint;
        high = MIN(offset, limit) + hint;
    }
    for (low++; low < high;) {
        gssize middle = low + ((high - low) >> 1);
        if (less(sorter, key, a[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return high;
}

static void copy_items(Item *to, const Item *from, gssize count)
{
    memmove(to, from, (gsize)count * sizeof *to);
}

/* Merges neighbouring runs a (the shorter) and b, from the left.  a[0] belongs behind b[0], and b's last before a's last. */
static void merge_low(Sorter *sorter, Item *a, gssize na, Item *b, gssize nb)
{
    Item *out = a;
    gssize min_gallop = sorter->min_gallop;
    copy_items(sorter->scratch, a, na);
    a = sorter->scratch;
    *out++ = *b++;
    nb--;
    while (nb > 0 && na > 1) {
        gssize a_wins = 0, b_wins = 0;
        /* One pair at a time, until one side wins often in a row. */
        while (nb > 0 && na > 1 && a_wins < min_gallop && b_wins < min_gallop) {
            if (less(sorter, *b, *a)) {
                *out++ = *b++;
                nb--;
                b_wins++;
                a_wins = 0;
            } else {
                *out++ = *a++;
                na--;
                a_wins++;
                b_wins = 0;
            }
        }
        if (nb == 0 || na == 1) {
            break;
        }
        min_gallop++;
        do {
            min_gallop -= min_gallop > 1;
            sorter->min_gallop = min_gallop;
            a_wins = gallop_right(sorter, *b, a, na, 0);
            copy_items(out, a, a_wins);
            out += a_wins;
            a += a_wins;
            na -= a_wins;
            if (na <= 1) {
                break;
            }
            *out++ = *b++;
            if (--nb == 0) {
                break;
            }
            b_wins = gallop_left(sorter, *a, b, nb, 0);
            copy_items(out, b, b_wins);
            out += b_wins;
            b += b_wins;
            nb -= b_wins;
            if (nb == 0) {
                break;
            }
            *out++ = *a++;
            na--;
        } while (na > 1 && (a_wins >= FIRST_MIN_GALLOP || b_wins >= FIRST_MIN_GALLOP));
        if (na <= 1 || nb == 0) {
            break;
        }
        min_gallop++; /* leaving gallop mode costs */
        sorter->min_gallop = min_gallop;
    }
    if (na == 1 && nb > 0) {
        /* The last item of a is known to come last. */
        copy_items(out, b, nb);
        out[nb] = *a;
    } else if (na > 0) {
        copy_items(out, a, na);
    }
}

/* Merges neighbouring runs a and b (the shorter) from the right. */
static void merge_high(Sorter *sorter, Item *a, gssize na, Item *b, gssize nb)
{
    Item *out = b + nb - 1;
    Item *first_a = a;
    gssize min_gallop = sorter->min_gallop;
    copy_items(sorter->scratch, b, nb);
    Item *first_b = sorter->scratch;
    b = first_b + nb - 1;
    a += na - 1;
    *out-- = *a--;
    na--;
    while (na > 0 && nb > 1) {
        gssize a_wins = 0, b_wins = 0;
        while (na > 0 && nb > 1 && a_wins < min_gallop && b_wins < min_gallop) {
            if (less(sorter, *b, *a)) {
                *out-- = *a--;
                na--;
                a_wins++;
                b_wins = 0;
            } else {
                *out-- = *b--;
                nb--;
                b_wins++;
                a_wins = 0;
            }
        }
        if (na == 0 || nb == 1) {
            break;
        }
        min_gallop++;
        do {
            min_gallop -= min_gallop > 1;
            sorter->min_gallop = min_gallop;
            a_wins = na - gallop_right(sorter, *b, first_a, na, na - 1);
            out -= a_wins;
            a -= a_wins;
            copy_items(out + 1, a + 1, a_wins);
            na -= a_wins;
            if (na == 0) {
                break;
            }
            *out-- = *b--;
            if (--nb == 1) {
                break;
            }
            b_wins = nb - gallop_left(sorter, *a, first_b, nb, nb - 1);
            out -= b_wins;
            b -= b_wins;
            copy_items(out + 1, b + 1, b_wins);
            nb -= b_wins;
            if (nb <= 1) {
                break;
            }
            *out-- = *a--;
            na--;
        } while (na > 0 && (a_wins >= FIRST_MIN_GALLOP || b_wins >= FIRST_MIN_GALLOP));
        if (na == 0 || nb <= 1) {
            break;
        }
        min_gallop++;
        sorter->min_gallop = min_gallop;
    }
    if (nb == 1 && na > 0) {
        /* The first item of b is known to come first. */
        out -= na;
        a -= na;
        copy_items(out + 1, a + 1, na);
        *out = *b;
    } else if (nb > 0) {
        copy_items(out - (nb - 1), first_b, nb);
    }
}

/* Merges pending runs i and i + 1. */
static void merge_at(Sorter *sorter, int i)
{
    Run *first = &sorter->pending[i], *second = &sorter->pending[i + 1];
    Item *a = first->base, *b = second->base;
    gssize na = first->length, nb = second->length;
    first->length += nb;
    if (i == sorter->n_pending - 3) {
        sorter->pending[i + 1] = sorter->pending[i + 2];
    }
    sorter->n_pending--;
    /* What is in place already on both ends is left alone. */
    gssize skip = gallop_right(sorter, *b, a, na, 0);
    a += skip;
    na -= skip;
    if (na == 0) {
        return;
    }
    nb = gallop_left(sorter, a[na - 1], b, nb, nb - 1);
    if (nb <= 0) {
        return;
    }
    if (na <= nb) {
        merge_low(sorter, a, na, b, nb);
    } else {
        merge_high(sorter, a, na, b, nb);
    }
}

/* The depth of the node between two runs in the nearly optimal merge tree: the first bit in which the midpoints of the two, as fractions of
 * the list, differ. */
static int run_power(gssize start, gssize n1, gssize n2, gssize total)
{
    int power = 0;
    gssize a = 2 * start + n1;
    gssize b = a + n1 + n2;
    for (;;) {
        power++;
        if (a >= total) {
            a -= total;
            b -= total;
        } else if (b >= total) {
            return power;
        }
        a *= 2;
        b *= 2;
    }
}

static void push_run(Sorter *sorter, Item *base, gssize length)
{
    if (sorter->n_pending > 0) {
        const Run *last = &sorter->pending[sorter->n_pending - 1];
        int power = run_power(last->base - sorter->list, last->length, length, sorter->length);
        while (sorter->n_pending > 1 && sorter->pending[sorter->n_pending - 2].power > power) {
            merge_at(sorter, sorter->n_pending - 2);
        }
        sorter->pending[sorter->n_pending - 1].power = power;
    }
    g_assert(sorter->n_pending < MAX_PENDING);
    sorter->pending[sorter->n_pending++] = (Run){base, length, 0};
}

static gssize minimum_run(gssize length)
{
    gssize odd = 0;
    while (length >= 64) {
        odd |= length & 1;
        length >>= 1;
    }
    return length + odd;
}

static void sort_items(Sorter *sorter)
{
    Item *low = sorter->list;
    gssize left = sorter->length, minimum = minimum_run(left);
    while (left > 0) {
        gboolean descending = FALSE;
        gssize length = count_run(sorter, low, low + left, &descending);
        if (descending) {
            reverse(low, low + length);
        }
        if (length < minimum) {
            gssize forced = MIN(left, minimum);
            binary_insertion(sorter, low, low + forced, low + length);
            length = forced;
        }
        push_run(sorter, low, length);
        low += length;
        left -= length;
    }
    while (sorter->n_pending > 1) {
        int i = sorter->n_pending - 2;
        if (i > 0 && sorter->pending[i - 1].length < sorter->pending[i + 1].length) {
            i--;
        }
        merge_at(sorter, i);
    }
}

void dependency_list_sort(Dependency *list, gsize count,
                          int (*compare)(const Dependency *, const Dependency *, gpointer), gpointer data)
{
    if (count < 2) {
        return;
    }
    g_autofree Item *items = g_new(Item, count);
    g_autofree Item *scratch = g_new(Item, count);
    g_autofree Dependency *copy = g_new(Dependency, count);
    memcpy(copy, list, count * sizeof *copy);
    for (gsize i = 0; i < count; i++) {
        items[i] = &copy[i];
    }
    Sorter sorter = {.compare = compare,
                     .data = data,
                     .list = items,
                     .length = (gssize)count,
                     .min_gallop = FIRST_MIN_GALLOP,
                     .scratch = scratch};
    sort_items(&sorter);
    for (gsize i = 0; i < count; i++) {
        list[i] = *items[i];
    }
}

/* ---- BuildStream's comparison ---- */

/* From which on a second thread is worth its start. */
#define MANY_LISTS 2000u

static int compare_junctions(const Element *a, const Element *b)
{
    const Element *left = a->project->junction, *right = b->project->junction;
    if (left != NULL && right != NULL) {
        return strcmp(left->name, right->name);
    }
    return left != NULL ? -1 : right != NULL ? 1 : 0;
}

static int compare_dependencies(const Dependency *a, const Dependency *b, gpointer data)
{
    if (reach_depends(data, a->element, b->element)) {
        return 1;
    }
    if (reach_depends(data, b->element, a->element)) {
        return -1;
    }
    if (a->types != b->types && (a->types == DEP_RUNTIME || b->types == DEP_RUNTIME)) {
        return a->types == DEP_RUNTIME ? 1 : -1;
    }
    int names = strcmp(a->element->name, b->element->name);
    return names != 0 ? names : compare_junctions(a->element, b->element);
}

/* The lists of some elements; those of an earlier call are sorted already. */
typedef struct {
    const ReachGraph *graph;
    Element *const *elements;
    gsize count;
} Share;

static gpointer sort_share(gpointer data)
{
    const Share *share = data;
    ReachSearch *search = reach_search_new(share->graph);
    for (gsize i = 0; i < share->count; i++) {
        Element *element = share->elements[i];
        if (element->index == G_MAXUINT) {
            dependency_list_sort(element->dependencies, element->n_dependencies, compare_dependencies, search);
        }
    }
    reach_search_free(search);
    return NULL;
}

void elements_sort_dependencies(Session *session, Element *const *targets, gsize count)
{
    ReachGraph *graph = reach_new(targets, count);
    gsize total = 0;
    Element *const *elements = reach_elements(graph, &total);
    gsize half = total >= MANY_LISTS ? total / 2 : 0;
    Share others = {graph, elements, half}, own = {graph, elements + half, total - half};
    GThread *thread = half > 0 ? g_thread_try_new("sort", sort_share, &others, NULL) : NULL;
    sort_share(&own);
    if (thread != NULL) {
        g_thread_join(thread);
    } else {
        sort_share(&others);
    }
    reach_free(graph);
}
