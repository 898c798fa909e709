/* reapi-bench.h - many calls at once, and what they cost the server. */
#pragma once

#include <glib.h>
#include <grpc/grpc.h>
#include <sys/types.h>

typedef struct {
    const char *operation;
    guint calls, in_flight;
    pid_t server; /* whose CPU is counted; 0: nobody's */
    gsize size;   /* of a blob */
    guint items;  /* digests or blobs in one call */
} BenchOptions;

/* Prints one line; returns an exit status. */
int reapi_bench(grpc_channel *channel, const BenchOptions *options);
/* Opens that many reads of one blob before reading the first message of any. */
int reapi_many_streams(grpc_channel *channel, guint count, const char *digest);
