#include "served.h"

#include <stdarg.h>

SluiceEndpoint *served_add(Served *served, const char *scope, SluiceCacheWrites writes, const char *name,
                           RpcClient *client)
{
    GError *error = NULL;
    SluiceEnvironment environment = {.root = sluice_digest_empty, .os = "linux", .isa = "x86-64", .scope = scope};
    SluiceDigest digest;
    SluiceEndpointPolicy policy = {.cache_writes = writes, .label = name};
    if (scope != NULL) {
        g_assert_true(sluice_environment_store(served->fixture.store, &environment, &digest, &error));
        policy.environment = &digest;
    }
    SluiceEndpoint *endpoint = sluice_endpoint_new(served->bridge, &policy, &error);
    g_assert_no_error(error);
    g_autofree char *address = g_strdup_printf("unix:%s/%s", served->fixture.directory, name);
    sluice_endpoint_listen(endpoint, address, NULL, &error);
    g_assert_no_error(error);
    if (client != NULL)
        rpc_client_open(client, address);
    return endpoint;
}

void served_open(Served *served, const char *scope, SluiceCacheWrites writes)
{
    GError *error = NULL;
    fixture_open(&served->fixture);
    served->bridge = sluice_bridge_new(served->fixture.store, &error);
    g_assert_no_error(error);
    served->address = g_strdup_printf("unix:%s/main", served->fixture.directory);
    served->endpoint = served_add(served, scope, writes, "main", &served->client);
}

void served_close(Served *served)
{
    rpc_client_close(&served->client);
    sluice_bridge_free(served->bridge);
    g_free(served->address);
    fixture_close(&served->fixture);
}

GPtrArray *served_stream(RpcClient *client, const char *method, GPtrArray *messages, grpc_status_code code)
{
    RpcResult result;
    rpc_call(client, method, messages, TRUE, 0, &result);
    g_ptr_array_unref(messages);
    if (result.code != code)
        g_error("%s answered %s (%s), not %s", method, rpc_status_name(result.code), result.message,
                rpc_status_name(code));
    if (code != GRPC_STATUS_OK)
        g_assert_cmpuint(strlen(result.message), >, 0);
    GPtrArray *replies = g_steal_pointer(&result.replies);
    rpc_result_clear(&result);
    return replies;
}

GBytes *served_call(RpcClient *client, const char *method, GByteArray *request, grpc_status_code code)
{
    g_autoptr(GPtrArray) replies = served_stream(client, method, served_messages(request, NULL), code);
    if (code != GRPC_STATUS_OK)
        return NULL;
    g_assert_cmpuint(replies->len, ==, 1);
    return g_bytes_ref(replies->pdata[0]);
}

GPtrArray *served_messages(GByteArray *first, ...)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    va_list rest;
    va_start(rest, first);
    for (GByteArray *message = first; message != NULL; message = va_arg(rest, GByteArray *))
        g_ptr_array_add(messages, g_byte_array_free_to_bytes(message));
    va_end(rest);
    return messages;
}

static gboolean find(GBytes *message, uint32_t number, guint *count, SluiceWireField *found)
{
    SluiceWireReader reader;
    SluiceWireField field;
    *count = 0;
    if (g_bytes_get_size(message) == 0)
        return FALSE;
    sluice_wire_reader_init(&reader, g_bytes_get_data(message, NULL), g_bytes_get_size(message));
    while (sluice_wire_next(&reader, &field, NULL)) {
        if (field.number != number)
            continue;
        if ((*count)++ == 0)
            *found = field;
    }
    return *count > 0;
}

uint64_t served_number(GBytes *message, uint32_t number)
{
    guint count;
    SluiceWireField field;
    return find(message, number, &count, &field) ? field.value : 0;
}

guint served_count(GBytes *message, uint32_t number)
{
    guint count;
    SluiceWireField field;
    find(message, number, &count, &field);
    return count;
}

GBytes *served_bytes(GBytes *message, uint32_t number)
{
    guint count;
    SluiceWireField field;
    if (!find(message, number, &count, &field))
        return g_bytes_new(NULL, 0);
    return g_bytes_new(field.data, field.length);
}

GByteArray *served_request(uint32_t number, const SluiceDigest *digest)
{
    GByteArray *request = g_byte_array_new();
    sluice_wire_put_digest(request, number, digest);
    return request;
}

SluiceEndpointStats served_stats(SluiceEndpoint *endpoint)
{
    SluiceEndpointStats stats;
    sluice_endpoint_get_stats(endpoint, &stats);
    return stats;
}

GByteArray *served_piece(const char *name, uint64_t offset, gboolean last, const void *data, gsize length)
{
    GByteArray *message = g_byte_array_new();
    if (name != NULL)
        sluice_wire_put_string(message, 1, name);
    sluice_wire_put_varint(message, 2, offset);
    sluice_wire_put_varint(message, 3, last);
    sluice_wire_put_bytes(message, 10, data, length);
    return message;
}

void served_assert_committed(GPtrArray *replies, uint64_t size)
{
    g_assert_cmpuint(replies->len, ==, 1);
    g_assert_cmpuint(served_number(replies->pdata[0], 1), ==, size);
}

GByteArray *served_read_request(const char *name, int64_t offset, int64_t limit)
{
    GByteArray *request = g_byte_array_new();
    sluice_wire_put_string(request, 1, name);
    sluice_wire_put_varint(request, 2, (uint64_t)offset);
    sluice_wire_put_varint(request, 3, (uint64_t)limit);
    return request;
}
