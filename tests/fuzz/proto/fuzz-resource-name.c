/* ByteStream resource names: what is accepted can be put together again from its parts. */
#include "proto.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

static char *rebuild(const SluiceResourceName *name)
{
    char digest[SLUICE_DIGEST_STRING_MAX];
    GString *text = g_string_new_len(name->instance, (gssize)name->instance_length);
    if (name->instance_length > 0)
        g_string_append_c(text, '/');
    if (name->upload) {
        g_string_append(text, "uploads/");
        g_string_append_len(text, name->uuid, (gssize)name->uuid_length);
        g_string_append_c(text, '/');
    }
    g_string_append(text, name->compressor == SLUICE_COMPRESSOR_ZSTD ? "compressed-blobs/zstd/" : "blobs/");
    g_string_append(text, sluice_digest_string(&name->digest, digest));
    return g_string_free(text, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    SluiceResourceName name, again;
    if (!sluice_resource_name_parse(text, &name, &error)) {
        check(error != NULL);
        return 0;
    }
    check(name.digest.size >= 0);
    g_autofree char *canonical = rebuild(&name);
    /* only an upload's name may go on, and a size may be written with leading zeros */
    if (!name.upload && strlen(canonical) == strlen(text))
        check(strcmp(canonical, text) == 0);
    check(sluice_resource_name_parse(canonical, &again, NULL));
    check(sluice_digest_equal(&name.digest, &again.digest) && name.upload == again.upload);
    check(name.instance_length == again.instance_length && name.uuid_length == again.uuid_length);
    return 0;
}
