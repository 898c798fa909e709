/* A store of its own for each test, below a scratch folder that is removed afterwards. */
#pragma once

#include "cas-private.h"

typedef struct {
    char *scratch; /* a folder of the test */
    char *path;    /* of the store, in it */
    SluiceStore *store;
} Fixture;

void fixture_set_up(Fixture *fixture, gconstpointer data);
void fixture_tear_down(Fixture *fixture, gconstpointer data);
#define FIXTURE_TEST(name, function) g_test_add(name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

/* Closes and opens it again. */
void fixture_reopen(Fixture *fixture);
/* Makes everything in the store look as if it was last used that much earlier. */
void fixture_age(Fixture *fixture, unsigned seconds);
/* A path in the scratch folder; free with g_free. */
char *fixture_path(Fixture *fixture, const char *name);
void fixture_write(Fixture *fixture, const char *name, const char *text, int mode);
/* Stores bytes that are `size` times repeated text (distinct for distinct seeds). */
SluiceDigest fixture_put(Fixture *fixture, unsigned seed, gsize size);
GBytes *fixture_bytes(unsigned seed, gsize size);
SluiceDigest fixture_put_text(Fixture *fixture, const char *text);
/* A digest of nothing that is stored. */
SluiceDigest fixture_absent(void);
void fixture_assert_content(Fixture *fixture, const SluiceDigest *digest, unsigned seed, gsize size);
/* fsck finds nothing. */
void fixture_assert_sound(Fixture *fixture);
/* Everything in a tree, one line an entry: "/path type …". */
char *fixture_describe(Fixture *fixture, const SluiceDigest *root);
