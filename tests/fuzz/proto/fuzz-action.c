/* Action bytes: a new salt changes the salt and nothing else, and an accepted Action reads the same to another decoder. */
#include "proto.h"
#include "remote_execution.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

/* Everything but the salt, in its order. */
static GByteArray *without_salt(const void *data, gsize size)
{
    GByteArray *rest = g_byte_array_new();
    SluiceWireReader reader;
    SluiceWireField field;
    sluice_wire_reader_init(&reader, data, size);
    while (sluice_wire_next(&reader, &field, NULL))
        if (field.number != 9)
            g_byte_array_append(rest, field.start, (guint)(field.end - field.start));
    return rest;
}

static void check_salt(const GByteArray *action, const char *salt)
{
    const uint8_t *found;
    gsize length;
    check(sluice_action_get_salt(action->data, action->len, &found, &length, NULL));
    check(length == strlen(salt) && memcmp(found, salt, length) == 0);
    Build__Bazel__Remote__Execution__V2__Action *decoded =
        build__bazel__remote__execution__v2__action__unpack(NULL, action->len, action->data);
    if (decoded == NULL)
        return; /* a submessage that it looks into, and we do not */
    check(decoded->salt.len == length && memcmp(decoded->salt.data, salt, length) == 0);
    build__bazel__remote__execution__v2__action__free_unpacked(decoded, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char salt[] = "salt of the environment";
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) salted = sluice_action_with_salt(data, size, salt, strlen(salt), &error);
    if (salted == NULL) {
        check(error != NULL);
        return 0;
    }
    check_salt(salted, salt);
    g_autoptr(GByteArray) before = without_salt(data, size);
    g_autoptr(GByteArray) after = without_salt(salted->data, salted->len);
    check(before->len == after->len && (before->len == 0 || memcmp(before->data, after->data, before->len) == 0));
    g_autoptr(GByteArray) again = sluice_action_with_salt(salted->data, salted->len, salt, strlen(salt), &error);
    check(again != NULL && again->len == salted->len && memcmp(again->data, salted->data, salted->len) == 0);
    return 0;
}
