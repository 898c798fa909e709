/* What a client says of itself with each call: REAPI's RequestMetadata.  Nothing of it is proven. */
#include "bridge-private.h"

typedef struct {
    SluiceSpan tool, action, invocation, mnemonic, target;
} Metadata;

static const SluiceFieldSpec metadata_fields[] = {
    {1, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Metadata, tool)},
    {2, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Metadata, action)},
    {3, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Metadata, invocation)},
    {5, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Metadata, mnemonic)},
    {6, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Metadata, target)},
};

typedef struct {
    SluiceSpan name, version;
} Tool;

static const SluiceFieldSpec tool_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Tool, name)},
    {2, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Tool, version)},
};

char *sluice_client_name(SluiceSpan span)
{
    if (span.length == 0)
        return NULL;
    return g_utf8_make_valid((const char *)span.data, (gssize)MIN(span.length, (gsize)SLUICE_LIMIT_CLIENT_NAME));
}

static char *take_tool(SluiceSpan span)
{
    Tool tool = {0};
    if (!sluice_fields_decode(span.data, span.length, tool_fields, G_N_ELEMENTS(tool_fields), &tool, NULL))
        return NULL;
    g_autofree char *name = sluice_client_name(tool.name), *version = sluice_client_name(tool.version);
    return version != NULL ? g_strdup_printf("%s %s", name != NULL ? name : "", version) : g_steal_pointer(&name);
}

void sluice_call_get_client(SluiceCall *call, SluiceClient *out)
{
    const grpc_slice *header = sluice_call_find_header(call, "build.bazel.remote.execution.v2.requestmetadata-bin");
    Metadata metadata = {0};
    if (header != NULL && !sluice_fields_decode(GRPC_SLICE_START_PTR(*header), GRPC_SLICE_LENGTH(*header),
                                                metadata_fields, G_N_ELEMENTS(metadata_fields), &metadata, NULL))
        metadata = (Metadata){0};
    *out = (SluiceClient){
        .tool = take_tool(metadata.tool),
        .action = sluice_client_name(metadata.action),
        .invocation = sluice_client_name(metadata.invocation),
        .mnemonic = sluice_client_name(metadata.mnemonic),
        .target = sluice_client_name(metadata.target),
    };
}

void sluice_client_clear(SluiceClient *client)
{
    g_free(client->tool);
    g_free(client->action);
    g_free(client->invocation);
    g_free(client->mnemonic);
    g_free(client->target);
    *client = (SluiceClient){0};
}
