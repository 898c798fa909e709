/* reapi-ambiguous.h - requests and Actions whose bytes two readers could understand differently: one of them would look a result up under another key
 * than the one that it is kept under. */
#pragma once

/* Sends lookups, updates (with the result in that file) and executions that could be about either of two actions (digests; the first one's bytes are
 * in the server's store).  Prints "N of M refused", and each that was not; 0 if all were. */
int reapi_ambiguous(const char *address, const char *action, const char *other, const char *result_file);
