/* The action-proxy proper: under which key a client's action is looked up and kept (design sections 3.3 to 3.6). */
#include "upstream.h"

void sluice_proxy_key(SluiceEndpoint *endpoint, const SluiceDigest *action, SluiceDigest *key, GBytes **witness)
{
    if (endpoint->keyed) {
        sluice_witness_key(&endpoint->environment, action, key, witness);
        return;
    }
    *key = *action;
    if (witness != NULL)
        *witness = NULL;
}

GBytes *sluice_proxy_lookup(SluiceEndpoint *endpoint, const SluiceDigest *action, GError **error)
{
    SluiceDigest key;
    sluice_proxy_key(endpoint, action, &key, NULL);
    return sluice_store_get_result(endpoint->bridge->store, &key, error);
}

/* Everything may be kept without its witness; with it, anyone can see which environment and action an entry belongs to. */
static gboolean store_witness(SluiceStore *store, GBytes *witness, GError **error)
{
    g_autoptr(GBytes) command = sluice_witness_command();
    GBytes *blobs[] = {witness, command};
    SluiceDigest digests[G_N_ELEMENTS(blobs)];
    return sluice_store_put_many(store, blobs, G_N_ELEMENTS(blobs), digests, error);
}

/* A message without any field: other caches lose it, so it is kept with an empty execution_metadata, which means the same. */
static GBytes *never_empty(GBytes *result)
{
    enum { RESULT_METADATA = 9 };
    if (g_bytes_get_size(result) > 0)
        return g_bytes_ref(result);
    GByteArray *bytes = g_byte_array_new();
    sluice_wire_put_bytes(bytes, RESULT_METADATA, NULL, 0);
    return g_byte_array_free_to_bytes(bytes);
}

gboolean sluice_proxy_store(SluiceEndpoint *endpoint, GBytes *result, SluiceOrigin *origin, gboolean *kept_it,
                            GError **error)
{
    SluiceStore *store = endpoint->bridge->store;
    SluiceDigest key;
    g_autoptr(GBytes) witness = NULL;
    g_autoptr(GBytes) kept = never_empty(result);
    sluice_proxy_key(endpoint, &origin->action, &key, &witness);
    gboolean refused = sluice_origin_refuses(store, &key, result, origin);
    if (kept_it != NULL)
        *kept_it = !refused;
    if (refused)
        return TRUE;
    g_autoptr(GBytes) note = sluice_origin_encode(origin);
    if (witness != NULL && !store_witness(store, witness, error))
        return FALSE;
    return sluice_store_put_result_with_note(store, &key, kept, note, error) &&
           (endpoint->upstream == NULL || sluice_upstream_enqueue(endpoint->upstream, &key, kept, error));
}
