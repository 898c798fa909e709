/* A′: a client's Action made one that a cluster can run (design sections 3.4 and 3.5).  Its bytes are kept but for the salt, which gets the environment in
 * front of the client's own; and, where the environment travels along, the input root or one platform property. */
#include "upstream.h"

enum {
    ACTION_COMMAND = 1,
    ACTION_INPUT_ROOT = 2,
    ACTION_PLATFORM = 10,
    COMMAND_PLATFORM = 5,
    PLATFORM_PROPERTIES = 1,
    PROPERTY_NAME = 1,
    PROPERTY_VALUE = 2,
    ENVIRONMENT_ROOT = 1
};

/* Changes when the meaning of a salt changes. */
static const char salt_tag[] = "sluice-execute-1";

static gboolean is_ambiguous(GError **error, const char *what)
{
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS, what);
    return FALSE;
}

/* ---- Parts ---------------------------------------------------------------------------------------------------------------------- */

/* The tag, hash and size of the environment, then the client's salt as it is: what comes before has one length. */
static GByteArray *make_salt(const SluiceDigest *environment, const uint8_t *salt, gsize length)
{
    GByteArray *out = g_byte_array_new();
    uint64_t size = GUINT64_TO_BE((uint64_t)environment->size);
    g_byte_array_append(out, (const guint8 *)salt_tag, sizeof salt_tag);
    g_byte_array_append(out, environment->hash, sizeof environment->hash);
    g_byte_array_append(out, (const guint8 *)&size, sizeof size);
    g_byte_array_append(out, salt, (guint)length);
    return out;
}

/* A copy with field `number` replaced, or put where it belongs; all others stay as they are. */
static GByteArray *replace_field(const GByteArray *message, uint32_t number, const void *data, gsize length,
                                 GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    gboolean written = FALSE;
    GError *problem = NULL;
    g_autoptr(GByteArray) out = g_byte_array_sized_new(message->len + (guint)length);
    sluice_wire_reader_init(&reader, message->data, message->len);
    while (sluice_wire_next(&reader, &field, &problem)) {
        if (!written && field.number >= number) {
            sluice_wire_put_bytes(out, number, data, length);
            written = TRUE;
        }
        if (field.number != number)
            g_byte_array_append(out, field.start, (guint)(field.end - field.start));
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    if (!written)
        sluice_wire_put_bytes(out, number, data, length);
    return g_steal_pointer(&out);
}

static gboolean find_field(const void *data, gsize length, uint32_t number, SluiceSpan *out, GError **error)
{
    const SluiceFieldSpec specs[] = {{number, SLUICE_FIELD_BYTES, 0}};
    *out = (SluiceSpan){NULL, 0};
    return sluice_fields_decode(data, length, specs, G_N_ELEMENTS(specs), out, error);
}

static void put_chroot(GByteArray *out, const SluiceDigest *root)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    g_autoptr(GByteArray) property = g_byte_array_new();
    sluice_wire_put_string(property, PROPERTY_NAME, SLUICE_CHROOT_PROPERTY);
    sluice_wire_put_string(property, PROPERTY_VALUE, sluice_digest_string(root, text));
    sluice_wire_put_bytes(out, PLATFORM_PROPERTIES, property->data, property->len);
}

/* Properties are sorted by name.  A root that the client named gives way: it is keyed by this one. */
static GByteArray *make_platform(SluiceSpan platform, const SluiceDigest *root, GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    gboolean written = FALSE;
    GError *problem = NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    sluice_wire_reader_init(&reader, platform.length > 0 ? platform.data : (const void *)"", platform.length);
    while (sluice_wire_next(&reader, &field, &problem)) {
        SluiceSpan name = {NULL, 0};
        if (field.number == PLATFORM_PROPERTIES &&
            (field.type != SLUICE_WIRE_BYTES || !find_field(field.data, field.length, PROPERTY_NAME, &name, &problem)))
            break;
        g_autofree char *text = sluice_span_dup(name);
        if (!written && (field.number > PLATFORM_PROPERTIES || strcmp(text, SLUICE_CHROOT_PROPERTY) >= 0)) {
            put_chroot(out, root);
            written = TRUE;
        }
        if (strcmp(text, SLUICE_CHROOT_PROPERTY) != 0)
            g_byte_array_append(out, field.start, (guint)(field.end - field.start));
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    if (!written)
        put_chroot(out, root);
    return g_steal_pointer(&out);
}

/* The Action's, or where it has none the Command's: once the Action has one, servers look at that alone. */
static gboolean find_platform(SluiceStore *store, const GByteArray *action, GBytes **command, SluiceSpan *out,
                              GError **error)
{
    static const SluiceFieldSpec specs[] = {{ACTION_COMMAND, SLUICE_FIELD_DIGEST, 0}};
    SluiceDigestField digest = {0};
    gsize length = 0;
    *command = NULL;
    if (!find_field(action->data, action->len, ACTION_PLATFORM, out, error))
        return FALSE;
    if (out->data != NULL)
        return TRUE;
    if (!sluice_fields_decode(action->data, action->len, specs, G_N_ELEMENTS(specs), &digest, error) ||
        !digest.present || (*command = sluice_store_read(store, &digest.value, error)) == NULL)
        return FALSE;
    const void *data = g_bytes_get_data(*command, &length);
    return find_field(data, length, COMMAND_PLATFORM, out, error);
}

/* ---- The environment ---------------------------------------------------------------------------------------------------------------- */

static gboolean find_root(SluiceStore *store, const SluiceDigest *environment, SluiceDigest *root, GError **error)
{
    static const SluiceFieldSpec specs[] = {{ENVIRONMENT_ROOT, SLUICE_FIELD_DIGEST, 0}};
    SluiceDigestField digest = {0};
    gsize length = 0;
    g_autoptr(GBytes) bytes = sluice_store_read(store, environment, error);
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    if (bytes == NULL || !sluice_fields_decode(data, length, specs, G_N_ELEMENTS(specs), &digest, error))
        return FALSE;
    *root = digest.value;
    return digest.present || is_ambiguous(error, "the environment has no root");
}

static GByteArray *add_chroot(SluiceStore *store, const GByteArray *action, const SluiceDigest *root, GError **error)
{
    SluiceSpan platform;
    g_autoptr(GBytes) command = NULL;
    if (!find_platform(store, action, &command, &platform, error))
        return NULL;
    g_autoptr(GByteArray) changed = make_platform(platform, root, error);
    return changed != NULL ? replace_field(action, ACTION_PLATFORM, changed->data, changed->len, error) : NULL;
}

/* The action's inputs over the environment. */
static GByteArray *add_tree(SluiceStore *store, const GByteArray *action, const SluiceDigest *root,
                            SluiceDigest *input_root, GError **error)
{
    g_autoptr(GByteArray) digest = g_byte_array_new(), wrapped = g_byte_array_new();
    SluiceSpan inner;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, root, error);
    if (tree == NULL || !sluice_tree_merge(tree, "/", input_root, NULL, NULL, error) ||
        !sluice_tree_commit(tree, input_root, error))
        return NULL;
    sluice_wire_put_digest(wrapped, ACTION_INPUT_ROOT, input_root);
    if (!find_field(wrapped->data, wrapped->len, ACTION_INPUT_ROOT, &inner, error))
        return NULL;
    return replace_field(action, ACTION_INPUT_ROOT, inner.data, inner.length, error);
}

gboolean sluice_cluster_action_make(SluiceStore *store, SluiceRemoteEnvironment mode, const SluiceDigest *environment,
                                    GBytes *action, const SluiceDigest *input_root, SluiceClusterAction *out,
                                    GError **error)
{
    const uint8_t *salt = NULL;
    gsize length = 0, salt_length = 0;
    const void *data = g_bytes_get_data(action, &length);
    *out = (SluiceClusterAction){.input_root = *input_root};
    if (mode == SLUICE_REMOTE_ENVIRONMENT_CLIENT) {
        sluice_digest_of(data, length, &out->digest);
        return TRUE;
    }
    if (!sluice_action_get_salt(data, length, &salt, &salt_length, error))
        return FALSE;
    g_autoptr(GByteArray) combined = make_salt(environment, salt, salt_length);
    g_autoptr(GByteArray) salted = sluice_action_with_salt(data, length, combined->data, combined->len, error);
    g_autoptr(GByteArray) made = NULL;
    if (salted == NULL)
        return FALSE;
    if (mode == SLUICE_REMOTE_ENVIRONMENT_IMAGE) {
        made = g_byte_array_ref(salted);
    } else {
        if (!find_root(store, environment, &out->environment_root, error))
            return FALSE;
        out->has_environment_root = mode == SLUICE_REMOTE_ENVIRONMENT_CHROOT;
        made = mode == SLUICE_REMOTE_ENVIRONMENT_CHROOT
                   ? add_chroot(store, salted, &out->environment_root, error)
                   : add_tree(store, salted, &out->environment_root, &out->input_root, error);
    }
    return made != NULL && sluice_store_put(store, made->data, made->len, NULL, &out->digest, error);
}
