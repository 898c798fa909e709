/* fixture.h - a store in a scratch folder, for the tests of this folder. */
#pragma once

#include "cas.h"

typedef struct {
    char *directory;
    SluiceStore *store;
} Fixture;

void fixture_open(Fixture *fixture);
void fixture_close(Fixture *fixture);
/* Stores a blob of this text. */
SluiceDigest fixture_put(Fixture *fixture, const char *text);
/* The digest of a text that is not stored. */
SluiceDigest fixture_absent(const char *text);
/* Stores and frees. */
SluiceDigest fixture_put_array(Fixture *fixture, GByteArray *bytes);
/* { 1: name, NUMBER: digest } */
GByteArray *fixture_node(const char *name, uint32_t number, const SluiceDigest *digest);
/* Appends such a message as field `number` of `out`. */
void fixture_put_node(GByteArray *out, uint32_t number, const char *name, uint32_t digest_number,
                      const SluiceDigest *digest);
