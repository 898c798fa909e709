#include "reapi-message.h"

static gboolean find(GBytes *message, uint32_t number, SluiceWireType type, SluiceWireField *field)
{
    SluiceWireReader reader;
    gsize length = 0;
    const void *data = message != NULL ? g_bytes_get_data(message, &length) : NULL;
    sluice_wire_reader_init(&reader, length > 0 ? data : "", length);
    while (sluice_wire_next(&reader, field, NULL))
        if (field->number == number && field->type == type)
            return TRUE;
    return FALSE;
}

GBytes *reapi_field(GBytes *message, uint32_t number)
{
    SluiceWireField field;
    return find(message, number, SLUICE_WIRE_BYTES, &field) ? g_bytes_new(field.data, field.length) : NULL;
}

uint64_t reapi_number(GBytes *message, uint32_t number)
{
    SluiceWireField field;
    return find(message, number, SLUICE_WIRE_VARINT, &field) ? field.value : 0;
}

SluiceDigest reapi_upload(RpcClient *client, const GByteArray *blob)
{
    SluiceDigest digest;
    g_auto(RpcResult) answer = {0};
    g_autoptr(GByteArray) item = g_byte_array_new();
    GByteArray *request = g_byte_array_new();
    sluice_digest_of(blob->data, blob->len, &digest);
    sluice_wire_put_digest(item, 1, &digest);
    sluice_wire_put_bytes(item, 2, blob->data, blob->len);
    sluice_wire_put_bytes(request, 2, item->data, item->len);
    g_autoptr(GBytes) reply =
        rpc_unary(client, RPC_REAPI("ContentAddressableStorage/BatchUpdateBlobs"), request, &answer);
    if (reply == NULL)
        g_error("upload: %s", answer.message);
    return digest;
}
