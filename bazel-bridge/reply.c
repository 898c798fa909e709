#include "bridge-private.h"

SluiceReply *sluice_reply_new(void)
{
    SluiceReply *reply = g_new0(SluiceReply, 1);
    reply->bytes = g_byte_array_new();
    return reply;
}

static void unref_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

static grpc_slice slice_of(GBytes *bytes)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    if (length < SLUICE_COPY_BELOW)
        return grpc_slice_from_copied_buffer(data, length);
    return grpc_slice_new_with_user_data((void *)data, length, unref_bytes, g_bytes_ref(bytes));
}

static void append_slice(SluiceReply *reply, grpc_slice slice)
{
    if (reply->slices == NULL)
        reply->slices = g_array_new(FALSE, FALSE, sizeof(grpc_slice));
    g_array_append_val(reply->slices, slice);
}

SluiceReply *sluice_reply_new_from(GBytes *message)
{
    SluiceReply *reply = sluice_reply_new();
    append_slice(reply, slice_of(message));
    return reply;
}

void sluice_reply_free(SluiceReply *reply)
{
    for (guint i = 0; i < sluice_array_length(reply->slices); i++)
        grpc_slice_unref(g_array_index(reply->slices, grpc_slice, i));
    g_clear_pointer(&reply->slices, g_array_unref);
    g_byte_array_unref(reply->bytes);
    g_free(reply);
}

static guint8 *put_varint(guint8 *at, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        *at++ = (guint8)value | 0x80;
    *at++ = (guint8)value;
    return at;
}

void sluice_reply_put_prefix(GByteArray *out, uint32_t number, gsize length)
{
    guint8 prefix[20];
    guint8 *end = put_varint(prefix, (uint64_t)number << 3 | SLUICE_WIRE_BYTES);
    end = put_varint(end, length);
    g_byte_array_append(out, prefix, (guint)(end - prefix));
}

gsize sluice_reply_field_size(gsize length)
{
    guint8 scratch[10];
    return 1 + (gsize)(put_varint(scratch, length) - scratch) + length;
}

/* What was written so far becomes a slice of its own. */
static void flush(SluiceReply *reply)
{
    if (reply->bytes->len == 0)
        return;
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(reply->bytes);
    reply->bytes = g_byte_array_new();
    append_slice(reply, slice_of(bytes));
}

void sluice_reply_put_blob(SluiceReply *reply, uint32_t number, GBytes *blob)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(blob, &length);
    if (length < SLUICE_COPY_BELOW) {
        sluice_wire_put_bytes(reply->bytes, number, data, length);
        return;
    }
    sluice_reply_put_prefix(reply->bytes, number, length);
    flush(reply);
    append_slice(reply, slice_of(blob));
}

void sluice_reply_put_status(GByteArray *out, uint32_t number, grpc_status_code code, const char *message)
{
    enum { STATUS_CODE = 1, STATUS_MESSAGE = 2 };
    g_autoptr(GByteArray) status = g_byte_array_new();
    if (code != GRPC_STATUS_OK) {
        sluice_wire_put_varint(status, STATUS_CODE, code);
        sluice_wire_put_string(status, STATUS_MESSAGE, message);
    }
    sluice_wire_put_bytes(out, number, status->data, status->len);
}

grpc_byte_buffer *sluice_reply_finish(SluiceReply *reply)
{
    grpc_byte_buffer *buffer;
    if (reply->slices == NULL) {
        grpc_slice slice = grpc_slice_from_copied_buffer((const char *)reply->bytes->data, reply->bytes->len);
        buffer = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
    } else {
        flush(reply);
        buffer = grpc_raw_byte_buffer_create((grpc_slice *)(void *)reply->slices->data, reply->slices->len);
    }
    sluice_reply_free(reply);
    return buffer;
}
