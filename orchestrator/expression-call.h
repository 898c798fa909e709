/*
 * expression-call.h - filters, tests and methods: functions of a value and some arguments, found by name.
 */
#pragma once

#include "expression-private.h"

/* What a filter, test or method was called with. */
typedef struct {
    Evaluation *evaluation;
    const char *name;
    const Value *value;
    const Value *const *arguments;
    gsize count;
} Call;

typedef const Value *(*CallFunc)(const Call *call);
typedef struct {
    const char *name;
    CallFunc func;
    gsize most; /* arguments */
} Callable;

const Callable *callable_find(const Callable *table, gsize count, const char *name);
const Value *callable_apply(Evaluation *evaluation, const Callable *callable, const Value *value,
                            const Value *const *arguments, gsize count);
/* Whether there is a filter of that name. */
gboolean filter_exists(const char *name);
