/*
 * show-keys.c - prints what `show` has no token for: element, strict key, weak key; "-" where there is none.
 *
 *   show-keys PROJECT [NAME VALUE]… [-- TARGET…]
 *
 * Junctions that must be staged were staged before, by the program itself.
 */
#include "element.h"
#include "project.h"

#include <stdio.h>
#include <string.h>

static char *find_staged(Element *junction, gpointer data, GError **error)
{
    return g_build_filename(project_directory(junction->project), ".bst/staged-junctions", junction->name,
                            junction->weak_key, NULL);
}

static const char *or_dash(const char *key)
{
    return *key != '\0' ? key : "-";
}

static gboolean show(const LoadOptions *options, const char *const *targets, GError **error)
{
    g_autoptr(Session) session = session_load(options, error);
    if (session == NULL) {
        return FALSE;
    }
    session_set_subproject_func(session, find_staged, NULL);
    g_autoptr(GPtrArray) loaded = session_load_elements(session, targets, error);
    gsize count = 0;
    Element *const *elements = loaded != NULL ? session_elements(session, &count) : NULL;
    for (gsize i = 0; i < count; i++) {
        printf("%s %s %s\n", elements[i]->full_name, or_dash(elements[i]->strict_key), or_dash(elements[i]->weak_key));
    }
    return loaded != NULL;
}

int main(int argc, char **argv)
{
    int at = 2;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) pairs = g_ptr_array_new();
    if (argc < 2) {
        fprintf(stderr, "usage: %s PROJECT [NAME VALUE]... [-- TARGET...]\n", argv[0]);
        return 2;
    }
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        g_ptr_array_add(pairs, argv[at]);
    }
    if (pairs->len % 2 != 0) {
        fprintf(stderr, "%s: an option without a value\n", argv[0]);
        return 2;
    }
    g_ptr_array_add(pairs, NULL);
    const LoadOptions options = {.directory = argv[1],
                                 .options = (const char *const *)pairs->pdata,
                                 .max_jobs = 8,
                                 .strict = TRUE,
                                 .unknown_kinds = TRUE};
    if (!show(&options, (const char *const *)argv + MIN(at + 1, argc), &error)) {
        g_autofree char *report = error_report(error);
        fprintf(stderr, "%s\n", report);
        return 1;
    }
    return 0;
}
