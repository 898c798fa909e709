/*
 * trace.h - what trace.so writes: a file of TRACE_BYTES, mapped by all processes of a compile.
 *
 * Four bytes, in the machine's order, count the bytes of records that were written, also those that found no room; records begin at
 * TRACE_HEAD: one character of those below, a path as it was given, and NUL.
 */
#pragma once

#define TRACE_VARIABLE "SLUICE_RECC_TRACE" /* the number of its descriptor */

enum {
    TRACE_BYTES = 4 << 20,
    TRACE_HEAD = 8,
    TRACE_FOUND = 'f',   /* read, or asked for */
    TRACE_MISSING = 'm', /* asked for, and not there */
    TRACE_WRITTEN = 'w',
    TRACE_UNKNOWN = 'u' /* something that cannot be told */
};
