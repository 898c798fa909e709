/*
 * Conditionals: any text has a value or a problem, never both.
 */
#include "expression.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Value *lookup(const char *name, gpointer data)
{
    static const Value items[] = {{.type = VALUE_STRING, .text = "a"}, {.type = VALUE_STRING, .text = "b"}};
    static const Value list = {.type = VALUE_LIST, .items = items, .count = 2};
    static const Value text = {.type = VALUE_STRING, .text = "x86-64"};
    static const Value flag = {.type = VALUE_BOOL, .number = 1};
    return strcmp(name, "flags") == 0  ? &list
           : strcmp(name, "arch") == 0 ? &text
           : strcmp(name, "flag") == 0 ? &flag
                                       : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *problem = NULL;
    gboolean result = FALSE;
    if (!g_utf8_validate(text, -1, NULL)) {
        return 0;
    }
    if (expression_evaluate(text, lookup, NULL, &result, &problem) != (problem == NULL)) {
        abort();
    }
    return 0;
}
