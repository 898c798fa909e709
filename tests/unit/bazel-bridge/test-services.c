/* Every method over a real socket: what the specification says, and what it says about mistakes. */
#include "bridge-limits.h"
#include "served.h"

#define CAPABILITIES  RPC_REAPI("Capabilities/GetCapabilities")
#define FIND_MISSING  RPC_REAPI("ContentAddressableStorage/FindMissingBlobs")
#define BATCH_UPDATE  RPC_REAPI("ContentAddressableStorage/BatchUpdateBlobs")
#define BATCH_READ    RPC_REAPI("ContentAddressableStorage/BatchReadBlobs")
#define GET_TREE      RPC_REAPI("ContentAddressableStorage/GetTree")
#define GET_RESULT    RPC_REAPI("ActionCache/GetActionResult")
#define UPDATE_RESULT RPC_REAPI("ActionCache/UpdateActionResult")
#define READ          RPC_BYTESTREAM("Read")
#define WRITE         RPC_BYTESTREAM("Write")
#define QUERY         RPC_BYTESTREAM("QueryWriteStatus")

static const grpc_status_code OK = GRPC_STATUS_OK;
static const grpc_status_code BAD = GRPC_STATUS_INVALID_ARGUMENT;

/* ---- Capabilities ------------------------------------------------------------------------------------------------------- */

static void assert_capabilities(RpcClient *client, gboolean update_enabled)
{
    g_autoptr(GBytes) reply = served_call(client, CAPABILITIES, g_byte_array_new(), OK);
    g_autoptr(GBytes) cache = served_bytes(reply, 1);
    g_autoptr(GBytes) updates = served_bytes(cache, 2);
    g_autoptr(GBytes) low = served_bytes(reply, 4);
    g_autoptr(GBytes) high = served_bytes(reply, 5);
    g_assert_cmpuint(served_number(updates, 1), ==, update_enabled);
    g_assert_cmpuint(served_number(cache, 4), ==, SLUICE_LIMIT_BATCH);
    g_assert_cmpuint(served_count(reply, 2), ==, 0); /* no execution */
    g_assert_cmpuint(served_number(low, 1), ==, 2);
    g_assert_cmpuint(served_number(low, 2), ==, 0);
    g_assert_cmpuint(served_number(high, 2), ==, 12);
}

static void test_capabilities(void)
{
    static const struct {
        const char *scope;
        SluiceCacheWrites writes;
        gboolean enabled;
    } cases[] = {
        {NULL, SLUICE_CACHE_WRITES_OFF, TRUE},
        {"full", SLUICE_CACHE_WRITES_OFF, FALSE},
        {"full", SLUICE_CACHE_WRITES_EXECUTED, FALSE},
        {"full", SLUICE_CACHE_WRITES_TRUSTED, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Served served;
        served_open(&served, cases[i].scope, cases[i].writes);
        assert_capabilities(&served.client, cases[i].enabled);
        served_close(&served);
    }
}

static void test_instance_names(void)
{
    static const struct {
        const char *name;
        gboolean allowed;
    } cases[] = {{"main", TRUE},       {"a/b/c", TRUE},  {"blobs", FALSE},        {"a/uploads", FALSE},
                 {"a/blobs/b", FALSE}, {"blobsy", TRUE}, {"actionResults", FALSE}};
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        static const char *const methods[] = {CAPABILITIES, FIND_MISSING, BATCH_UPDATE, BATCH_READ};
        for (gsize j = 0; j < G_N_ELEMENTS(methods); j++) {
            GByteArray *request = g_byte_array_new();
            sluice_wire_put_string(request, 1, cases[i].name);
            g_autoptr(GBytes) reply = served_call(&served.client, methods[j], request, cases[i].allowed ? OK : BAD);
        }
    }
    served_close(&served);
}

static void test_digest_functions(void)
{
    Served served;
    SluiceDigest digest = fixture_absent("x");
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (uint64_t function = 0; function < 11; function++) {
        GByteArray *request = served_request(2, &digest);
        sluice_wire_put_varint(request, 3, function);
        g_autoptr(GBytes) reply = served_call(&served.client, FIND_MISSING, request, function <= 1 ? OK : BAD);
    }
    served_close(&served);
}

static void test_unknown_method(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (int i = 0; i < 20; i++) { /* more than wait at a time */
        served_call(&served.client, "/build.bazel.remote.asset.v1.Fetch/FetchBlob", g_byte_array_new(),
                    GRPC_STATUS_UNIMPLEMENTED);
    }
    served_close(&served);
}

/* ---- Blobs -------------------------------------------------------------------------------------------------------------- */

static void test_find_missing(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest here = fixture_put(&served.fixture, "here"), gone = fixture_absent("gone"), longer = here;
    longer.size++;
    GByteArray *request = served_request(2, &here);
    sluice_wire_put_digest(request, 2, &gone);
    sluice_wire_put_digest(request, 2, &sluice_digest_empty);
    sluice_wire_put_digest(request, 2, &longer);
    g_autoptr(GBytes) reply = served_call(&served.client, FIND_MISSING, request, OK);
    g_assert_cmpuint(served_count(reply, 2), ==, 2);
    g_autoptr(GBytes) first = served_bytes(reply, 2);
    SluiceDigest missing;
    g_assert_true(sluice_wire_get_digest(g_bytes_get_data(first, NULL), g_bytes_get_size(first), &missing, NULL));
    g_assert_true(sluice_digest_equal(&missing, &gone));
    g_autoptr(GBytes) nothing = served_call(&served.client, FIND_MISSING, g_byte_array_new(), OK);
    g_assert_cmpuint(g_bytes_get_size(nothing), ==, 0);
    /* so many that a worker does it */
    GByteArray *large = g_byte_array_new();
    for (int i = 0; i < 5000; i++)
        sluice_wire_put_digest(large, 2, i % 2 ? &gone : &here);
    g_autoptr(GBytes) many = served_call(&served.client, FIND_MISSING, large, OK);
    g_assert_cmpuint(served_count(many, 2), ==, 2500);
    served_close(&served);
}

static void test_bad_digests(void)
{
    static const char *const hashes[] = {
        "",
        "abc",
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85g",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85500",
    };
    static const char *const methods[] = {FIND_MISSING, BATCH_READ, GET_RESULT, GET_TREE};
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (gsize i = 0; i <= G_N_ELEMENTS(hashes); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(methods); j++) {
            g_autoptr(GByteArray) digest = g_byte_array_new();
            GByteArray *request = g_byte_array_new();
            sluice_wire_put_string(digest, 1, i < G_N_ELEMENTS(hashes) ? hashes[i] : hashes[2]);
            sluice_wire_put_varint(digest, 2, i < G_N_ELEMENTS(hashes) ? 3 : (uint64_t)-1);
            sluice_wire_put_bytes(request, 2, digest->data, digest->len);
            served_stream(&served.client, methods[j], served_messages(request, NULL), BAD);
        }
    }
    /* none at all, where there must be one */
    served_call(&served.client, GET_RESULT, g_byte_array_new(), BAD);
    served_stream(&served.client, GET_TREE, served_messages(g_byte_array_new(), NULL), BAD);
    served_close(&served);
}

static void put_item(GByteArray *request, const SluiceDigest *digest, const void *data, gsize length)
{
    g_autoptr(GByteArray) item = g_byte_array_new();
    sluice_wire_put_digest(item, 1, digest);
    sluice_wire_put_bytes(item, 2, data, length);
    sluice_wire_put_bytes(request, 2, item->data, item->len);
}

/* The codes of a batch's items, as letters: o for OK, i for INVALID_ARGUMENT, n for NOT_FOUND. */
static char *batch_codes(GBytes *reply, uint32_t status_field)
{
    GString *codes = g_string_new(NULL);
    SluiceWireReader reader;
    SluiceWireField field;
    sluice_wire_reader_init(&reader, g_bytes_get_data(reply, NULL), g_bytes_get_size(reply));
    while (sluice_wire_next(&reader, &field, NULL)) {
        g_autoptr(GBytes) response = g_bytes_new(field.data, field.length);
        g_autoptr(GBytes) status = served_bytes(response, status_field);
        uint64_t code = served_number(status, 1);
        g_string_append_c(codes, code == 0 ? 'o' : code == 3 ? 'i' : code == 5 ? 'n' : '?');
    }
    return g_string_free(codes, FALSE);
}

static void test_batch_update(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest good = fixture_absent("good"), bad = fixture_absent("bad"), longer = fixture_absent("longer");
    longer.size++;
    GByteArray *request = g_byte_array_new();
    put_item(request, &good, "good", 4);
    put_item(request, &bad, "evi", 3);
    put_item(request, &longer, "longer", 6);
    put_item(request, &sluice_digest_empty, NULL, 0);
    g_autoptr(GBytes) reply = served_call(&served.client, BATCH_UPDATE, request, OK);
    g_autofree char *codes = batch_codes(reply, 2);
    g_assert_cmpstr(codes, ==, "oiio");
    g_assert_true(sluice_store_has(served.fixture.store, &good));
    g_assert_false(sluice_store_has(served.fixture.store, &bad));
    g_assert_false(sluice_store_has(served.fixture.store, &longer));
    g_assert_cmpuint(served_stats(served.endpoint).bytes_written, ==, 4);
    served_close(&served);
}

static void test_batch_limits(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autofree char *half = g_strnfill(SLUICE_LIMIT_BATCH / 2 + 1, 'x');
    g_autofree char *large = g_strnfill(SLUICE_LIMIT_BATCH + 1, 'y');
    SluiceDigest half_digest = fixture_put(&served.fixture, half), large_digest = fixture_put(&served.fixture, large);
    SluiceDigest small = fixture_put(&served.fixture, "small"), gone = fixture_absent("gone");
    GByteArray *update = g_byte_array_new();
    put_item(update, &half_digest, half, strlen(half));
    put_item(update, &half_digest, half, strlen(half));
    served_call(&served.client, BATCH_UPDATE, update, BAD);
    GByteArray *both = served_request(2, &half_digest);
    sluice_wire_put_digest(both, 2, &half_digest);
    served_call(&served.client, BATCH_READ, both, BAD);
    /* one that can never be in a batch does not spoil the others */
    GByteArray *mixed = served_request(2, &large_digest);
    sluice_wire_put_digest(mixed, 2, &small);
    sluice_wire_put_digest(mixed, 2, &gone);
    sluice_wire_put_digest(mixed, 2, &half_digest);
    g_autoptr(GBytes) reply = served_call(&served.client, BATCH_READ, mixed, OK);
    g_autofree char *codes = batch_codes(reply, 3);
    g_assert_cmpstr(codes, ==, "iono");
    g_assert_cmpuint(served_stats(served.endpoint).bytes_read, ==, 5 + strlen(half));
    served_close(&served);
}

static void test_message_limit(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    GByteArray *huge = g_byte_array_new();
    g_byte_array_set_size(huge, SLUICE_LIMIT_MESSAGE + 1);
    memset(huge->data, 0, huge->len);
    served_call(&served.client, FIND_MISSING, huge, GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_capabilities(&served.client, TRUE); /* the connection lives */
    served_close(&served);
}

/* ---- ByteStream ---------------------------------------------------------------------------------------------------------- */

static char *upload_name(const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strdup_printf("some/instance/uploads/some-uuid/blobs/%s", sluice_digest_string(digest, text));
}

static void assert_blob(Served *served, const SluiceDigest *digest, const char *contents)
{
    GError *error = NULL;
    g_autoptr(GBytes) blob = sluice_store_read(served->fixture.store, digest, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(blob, NULL), g_bytes_get_size(blob), contents, strlen(contents));
}

static void test_write(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest digest = fixture_absent("hello world");
    g_autofree char *name = upload_name(&digest);
    g_autoptr(GPtrArray) replies =
        served_stream(&served.client, WRITE,
                      served_messages(served_piece(name, 0, FALSE, "hello", 5), served_piece(NULL, 5, FALSE, NULL, 0),
                                      served_piece(name, 5, TRUE, " world", 6), NULL),
                      OK);
    served_assert_committed(replies, 11);
    assert_blob(&served, &digest, "hello world");
    /* again: it is there, so nothing more is wanted */
    g_autoptr(GPtrArray) again =
        served_stream(&served.client, WRITE, served_messages(served_piece(name, 0, FALSE, "he", 2), NULL), OK);
    served_assert_committed(again, 11);
    /* even where the client starts in the middle */
    g_autoptr(GPtrArray) middle =
        served_stream(&served.client, WRITE, served_messages(served_piece(name, 7, TRUE, "orld", 4), NULL), OK);
    served_assert_committed(middle, 11);
    g_autofree char *empty = upload_name(&sluice_digest_empty);
    g_autoptr(GPtrArray) none =
        served_stream(&served.client, WRITE, served_messages(served_piece(empty, 0, TRUE, NULL, 0), NULL), OK);
    served_assert_committed(none, 0);
    served_close(&served);
}

static void test_write_large(void)
{
    enum { PIECE = 300000, PIECES = 9 };
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autofree char *text = g_strnfill((gsize)PIECE * PIECES, 'a');
    for (gsize i = 0; i < (gsize)PIECE * PIECES; i += 4099)
        text[i] = (char)('b' + i % 20);
    SluiceDigest digest = fixture_absent(text);
    g_autofree char *name = upload_name(&digest);
    GPtrArray *messages = served_messages(NULL, NULL);
    for (gsize i = 0; i < PIECES; i++)
        g_ptr_array_add(messages, g_byte_array_free_to_bytes(served_piece(i ? NULL : name, i * PIECE, i + 1 == PIECES,
                                                                          text + i * PIECE, PIECE)));
    g_autoptr(GPtrArray) replies = served_stream(&served.client, WRITE, messages, OK);
    served_assert_committed(replies, (gsize)PIECE * PIECES);
    assert_blob(&served, &digest, text);
    served_close(&served);
}

static void test_write_mistakes(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest digest = fixture_absent("hello"), longer = digest;
    longer.size = 9;
    g_autofree char *name = upload_name(&digest), *longer_name = upload_name(&longer);
    char text[SLUICE_DIGEST_STRING_MAX];
    g_autofree char *reading = g_strdup_printf("blobs/%s", sluice_digest_string(&digest, text));
    g_autofree char *compressed = g_strdup_printf("uploads/u/compressed-blobs/zstd/%s", text);
    g_autofree char *lzma = g_strdup_printf("uploads/u/compressed-blobs/lzma/%s", text);
    g_autofree char *other = g_strconcat("other/", name, NULL);
    struct {
        GPtrArray *messages;
        grpc_status_code code;
    } cases[] = {
        {served_messages(served_piece(name, 0, TRUE, "hellO", 5), NULL), BAD},
        {served_messages(served_piece(name, 0, TRUE, "hell", 4), NULL), BAD},
        {served_messages(served_piece(name, 0, TRUE, "hello!", 6), NULL), BAD},
        {served_messages(served_piece(name, 0, FALSE, "hello!", 6), NULL), BAD},
        {served_messages(served_piece(longer_name, 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece(name, 3, TRUE, "lo", 2), NULL), BAD},
        {served_messages(served_piece(name, 0, FALSE, "he", 2), served_piece(NULL, 3, TRUE, "lo", 2), NULL), BAD},
        {served_messages(served_piece(name, 0, FALSE, "he", 2), served_piece(NULL, (uint64_t)-1, TRUE, "llo", 3), NULL),
         BAD},
        {served_messages(served_piece(name, 0, FALSE, "he", 2), served_piece(other, 2, TRUE, "llo", 3), NULL), BAD},
        {served_messages(served_piece(NULL, 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece("", 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece(reading, 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece("uploads/u/blobs/abc/5", 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece("../../etc/passwd", 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece(compressed, 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(served_piece(lzma, 0, TRUE, "hello", 5), NULL), BAD},
        {served_messages(NULL, NULL), BAD},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) replies = served_stream(&served.client, WRITE, cases[i].messages, cases[i].code);
        g_assert_cmpuint(replies->len, ==, 0);
    }
    g_assert_false(sluice_store_has(served.fixture.store, &digest));
    g_assert_false(sluice_store_has(served.fixture.store, &longer));
    g_assert_cmpuint(served_stats(served.endpoint).bytes_written, ==, 0);
    g_assert_cmpuint(served_stats(served.endpoint).errors, ==, G_N_ELEMENTS(cases));
    served_close(&served);
}

static char *blob_name(const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strdup_printf("blobs/%s", sluice_digest_string(digest, text));
}

static void assert_read(Served *served, const SluiceDigest *digest, int64_t offset, int64_t limit, const char *data,
                        gsize length)
{
    g_autofree char *name = blob_name(digest);
    g_autoptr(GPtrArray) replies =
        served_stream(&served->client, READ, served_messages(served_read_request(name, offset, limit), NULL), OK);
    g_autoptr(GByteArray) all = g_byte_array_new();
    for (guint i = 0; i < replies->len; i++) {
        g_autoptr(GBytes) chunk = served_bytes(replies->pdata[i], 10);
        g_assert_cmpuint(g_bytes_get_size(chunk), <=, SLUICE_CHUNK);
        g_byte_array_append(all, g_bytes_get_data(chunk, NULL), (guint)g_bytes_get_size(chunk));
    }
    g_assert_cmpmem(all->data, all->len, data, length);
}

static void test_read(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    gsize size = 2 * SLUICE_CHUNK + 12345;
    g_autofree char *large = g_strnfill(size, 'r');
    for (gsize i = 0; i < size; i += 1009)
        large[i] = (char)('a' + i % 13);
    SluiceDigest small = fixture_put(&served.fixture, "0123456789"), big = fixture_put(&served.fixture, large);
    assert_read(&served, &small, 0, 0, "0123456789", 10);
    assert_read(&served, &small, 3, 0, "3456789", 7);
    assert_read(&served, &small, 3, 4, "3456", 4);
    assert_read(&served, &small, 3, 400, "3456789", 7);
    assert_read(&served, &small, 10, 0, "", 0);
    assert_read(&served, &sluice_digest_empty, 0, 0, "", 0);
    assert_read(&served, &big, 0, 0, large, size);
    assert_read(&served, &big, 17, 0, large + 17, size - 17);
    assert_read(&served, &big, SLUICE_CHUNK - 5, SLUICE_CHUNK + 10, large + SLUICE_CHUNK - 5, SLUICE_CHUNK + 10);
    assert_read(&served, &big, (int64_t)size, 1, "", 0);
    served_close(&served);
}

static void test_read_mistakes(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest here = fixture_put(&served.fixture, "0123456789"), gone = fixture_absent("gone");
    g_autofree char *name = blob_name(&here), *absent = blob_name(&gone), *upload = upload_name(&here);
    g_autofree char *compressed = g_strconcat("compressed-", name, NULL);
    const struct {
        const char *name;
        int64_t offset, limit;
        grpc_status_code code;
    } cases[] = {
        {absent, 0, 0, GRPC_STATUS_NOT_FOUND},
        {name, 11, 0, GRPC_STATUS_OUT_OF_RANGE},
        {name, G_MAXINT64, G_MAXINT64, GRPC_STATUS_OUT_OF_RANGE},
        {name, -1, 0, GRPC_STATUS_OUT_OF_RANGE},
        {name, 0, -1, BAD},
        {upload, 0, 0, BAD},
        {compressed, 0, 0, BAD},
        {"", 0, 0, BAD},
        {"blobs", 0, 0, BAD},
        {"blobs/abc/3", 0, 0, BAD},
        {"/etc/passwd", 0, 0, BAD},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        GByteArray *request = served_read_request(cases[i].name, cases[i].offset, cases[i].limit);
        g_autoptr(GPtrArray) replies =
            served_stream(&served.client, READ, served_messages(request, NULL), cases[i].code);
        g_assert_cmpuint(replies->len, ==, 0);
    }
    served_close(&served);
}

static void test_query_write(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest here = fixture_put(&served.fixture, "here"), gone = fixture_absent("gone");
    g_autofree char *name = upload_name(&here), *absent = upload_name(&gone), *reading = blob_name(&here);
    GByteArray *request = g_byte_array_new(), *other = g_byte_array_new(), *wrong = g_byte_array_new();
    sluice_wire_put_string(request, 1, name);
    sluice_wire_put_string(other, 1, absent);
    sluice_wire_put_string(wrong, 1, reading);
    g_autoptr(GBytes) reply = served_call(&served.client, QUERY, request, OK);
    g_assert_cmpuint(served_number(reply, 1), ==, 4);
    g_assert_cmpuint(served_number(reply, 2), ==, TRUE);
    g_autoptr(GBytes) nothing = served_call(&served.client, QUERY, other, OK);
    g_assert_cmpuint(served_number(nothing, 1), ==, 0);
    g_assert_cmpuint(served_number(nothing, 2), ==, FALSE);
    served_call(&served.client, QUERY, wrong, BAD);
    served_close(&served);
}

/* ---- Trees -------------------------------------------------------------------------------------------------------------- */

/* A chain of directories, each with one file, the deepest of them first. */
static SluiceDigest put_chain(Fixture *fixture, int length, const SluiceDigest *end)
{
    SluiceDigest digest = *end;
    for (int i = 0; i < length; i++) {
        GByteArray *directory = g_byte_array_new();
        fixture_put_node(directory, 1, "file", 2, &sluice_digest_empty);
        fixture_put_node(directory, 2, "next", 2, &digest);
        digest = fixture_put_array(fixture, directory);
    }
    return digest;
}

static guint tree_page(Served *served, const SluiceDigest *root, uint64_t page_size, const char *token, guint *messages,
                       GBytes **first_token)
{
    GByteArray *request = served_request(2, root);
    sluice_wire_put_varint(request, 3, page_size);
    sluice_wire_put_string(request, 4, token);
    g_autoptr(GPtrArray) replies = served_stream(&served->client, GET_TREE, served_messages(request, NULL), OK);
    guint directories = 0;
    for (guint i = 0; i < replies->len; i++)
        directories += served_count(replies->pdata[i], 1);
    *messages = replies->len;
    *first_token = served_bytes(replies->pdata[0], 2);
    g_assert_cmpuint(served_count(replies->pdata[replies->len - 1], 2), ==, 0);
    return directories;
}

static void test_tree(void)
{
    Served served;
    guint messages;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest gone = fixture_absent("gone");
    SluiceDigest whole = put_chain(&served.fixture, 10, &sluice_digest_empty); /* the empty directory ends it */
    SluiceDigest torn = put_chain(&served.fixture, 10, &gone);
    g_autoptr(GBytes) none = NULL;
    g_assert_cmpuint(tree_page(&served, &whole, 0, "", &messages, &none), ==, 11);
    g_assert_cmpuint(messages, ==, 1);
    g_autoptr(GBytes) none_again = NULL;
    g_assert_cmpuint(tree_page(&served, &torn, 0, "", &messages, &none_again), ==, 10);
    /* pages, and going on from the first one's token */
    g_autoptr(GBytes) token = NULL;
    g_assert_cmpuint(tree_page(&served, &whole, 4, "", &messages, &token), ==, 11);
    g_assert_cmpuint(messages, ==, 3);
    g_autofree char *text = g_strndup(g_bytes_get_data(token, NULL), g_bytes_get_size(token));
    g_autoptr(GBytes) next = NULL;
    g_assert_cmpuint(tree_page(&served, &whole, 4, text, &messages, &next), ==, 7);
    served_stream(&served.client, GET_TREE, served_messages(served_request(2, &gone), NULL), GRPC_STATUS_NOT_FOUND);
    SluiceDigest text_blob = fixture_put(&served.fixture, "\x0a\x7fno directory");
    served_stream(&served.client, GET_TREE, served_messages(served_request(2, &text_blob), NULL), BAD);
    GByteArray *bad_token = served_request(2, &whole), *bad_size = served_request(2, &whole);
    sluice_wire_put_string(bad_token, 4, "-1");
    sluice_wire_put_varint(bad_size, 3, (uint64_t)-1);
    served_stream(&served.client, GET_TREE, served_messages(bad_token, NULL), BAD);
    served_stream(&served.client, GET_TREE, served_messages(bad_size, NULL), BAD);
    served_close(&served);
}

/* ---- Results -------------------------------------------------------------------------------------------------------------- */

static GByteArray *update_request(const SluiceDigest *action, GByteArray *result)
{
    GByteArray *request = served_request(2, action);
    sluice_wire_put_bytes(request, 3, result->data, result->len);
    return request;
}

static GByteArray *result_with_file(const SluiceDigest *file)
{
    GByteArray *result = g_byte_array_new();
    fixture_put_node(result, 2, "out/file", 2, file);
    sluice_wire_put_string(result, 3000, "a field of a newer client");
    return result;
}

static void assert_hit(RpcClient *client, const SluiceDigest *action, GByteArray *result)
{
    g_autoptr(GBytes) reply = served_call(client, GET_RESULT, served_request(2, action), OK);
    g_assert_cmpmem(g_bytes_get_data(reply, NULL), g_bytes_get_size(reply), result->data, result->len);
}

static void assert_miss(RpcClient *client, const SluiceDigest *action)
{
    served_call(client, GET_RESULT, served_request(2, action), GRPC_STATUS_NOT_FOUND);
}

static void update(RpcClient *client, const SluiceDigest *action, GByteArray *result, grpc_status_code code)
{
    g_autoptr(GBytes) reply = served_call(client, UPDATE_RESULT, update_request(action, result), code);
    if (reply != NULL)
        g_assert_cmpmem(g_bytes_get_data(reply, NULL), g_bytes_get_size(reply), result->data, result->len);
}

static void test_plain_results(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest action = fixture_absent("action"), longer = action;
    SluiceDigest file = fixture_put(&served.fixture, "file"), gone = fixture_absent("gone");
    longer.size++;
    g_autoptr(GByteArray) result = result_with_file(&file);
    g_autoptr(GByteArray) other = result_with_file(&sluice_digest_empty);
    g_autoptr(GByteArray) incomplete = result_with_file(&gone);
    assert_miss(&served.client, &action);
    update(&served.client, &action, result, OK);
    assert_hit(&served.client, &action, result);
    assert_miss(&served.client, &longer); /* the size is part of the digest */
    update(&served.client, &action, other, OK);
    assert_hit(&served.client, &action, other);
    update(&served.client, &action, incomplete, OK);
    assert_miss(&served.client, &action);
    SluiceEndpointStats stats = served_stats(served.endpoint);
    g_assert_cmpuint(stats.lookups, ==, 5);
    g_assert_cmpuint(stats.hits, ==, 2);
    g_assert_cmpuint(stats.misses, ==, 3);
    g_assert_cmpuint(stats.updates, ==, 3);
    g_assert_cmpuint(stats.updates_refused, ==, 0);
    g_assert_cmpuint(stats.errors, ==, 0);
    served_close(&served);
}

/* The reason for this program: two environments, the same action digests, nothing in common. */
static void test_environments(void)
{
    Served served;
    RpcClient other, same, plain;
    served_open(&served, "one", SLUICE_CACHE_WRITES_TRUSTED);
    served_add(&served, "two", SLUICE_CACHE_WRITES_TRUSTED, "other", &other);
    served_add(&served, "one", SLUICE_CACHE_WRITES_EXECUTED, "same", &same);
    served_add(&served, NULL, SLUICE_CACHE_WRITES_OFF, "plain", &plain);
    SluiceDigest action = fixture_absent("action"), file = fixture_put(&served.fixture, "file");
    g_autoptr(GByteArray) result = result_with_file(&file);
    g_autoptr(GByteArray) result_of_other = result_with_file(&sluice_digest_empty);
    update(&served.client, &action, result, OK);
    assert_hit(&served.client, &action, result);
    assert_hit(&same, &action, result); /* another sandbox, the same environment */
    assert_miss(&other, &action);
    assert_miss(&plain, &action);
    update(&other, &action, result_of_other, OK);
    assert_hit(&served.client, &action, result);
    assert_hit(&other, &action, result_of_other);
    assert_miss(&plain, &action);
    /* a result under the client's own digest is not taken for one of an environment */
    SluiceDigest foreign = fixture_absent("foreign");
    update(&plain, &foreign, result, OK);
    assert_miss(&served.client, &foreign);
    rpc_client_close(&other);
    rpc_client_close(&same);
    rpc_client_close(&plain);
    served_close(&served);
}

static void test_witness_is_kept(void)
{
    Served served;
    served_open(&served, "one", SLUICE_CACHE_WRITES_TRUSTED);
    SluiceEnvironment environment = {.root = sluice_digest_empty, .os = "linux", .isa = "x86-64", .scope = "one"};
    SluiceDigest action = fixture_absent("action"), digest, key;
    g_autoptr(GByteArray) result = result_with_file(&sluice_digest_empty);
    g_autoptr(GBytes) witness = NULL;
    GError *error = NULL;
    update(&served.client, &action, result, OK);
    sluice_environment_digest(&environment, &digest);
    sluice_witness_key(&digest, &action, &key, &witness);
    g_autoptr(GBytes) kept = sluice_store_get_result(served.fixture.store, &key, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(kept, NULL), g_bytes_get_size(kept), result->data, result->len);
    g_autoptr(GBytes) blob = sluice_store_read(served.fixture.store, &key, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(blob, witness));
    g_autoptr(GBytes) command = served_bytes(witness, 1);
    SluiceDigest command_digest;
    g_assert_true(
        sluice_wire_get_digest(g_bytes_get_data(command, NULL), g_bytes_get_size(command), &command_digest, &error));
    g_assert_true(sluice_store_has(served.fixture.store, &command_digest));
    g_assert_true(sluice_store_has(served.fixture.store, &digest));
    served_close(&served);
}

static void test_policies(void)
{
    static const SluiceCacheWrites policies[] = {SLUICE_CACHE_WRITES_OFF, SLUICE_CACHE_WRITES_EXECUTED};
    for (gsize i = 0; i < G_N_ELEMENTS(policies); i++) {
        Served served;
        served_open(&served, "one", policies[i]);
        SluiceDigest action = fixture_absent("action");
        g_autoptr(GByteArray) result = result_with_file(&sluice_digest_empty);
        update(&served.client, &action, result, GRPC_STATUS_PERMISSION_DENIED);
        assert_miss(&served.client, &action);
        g_assert_cmpuint(served_stats(served.endpoint).updates_refused, ==, 1);
        g_assert_cmpuint(served_stats(served.endpoint).updates, ==, 0);
        served_close(&served);
    }
}

static void test_failures_are_not_kept(void)
{
    Served served;
    served_open(&served, "one", SLUICE_CACHE_WRITES_TRUSTED);
    SluiceDigest action = fixture_absent("action");
    g_autoptr(GByteArray) good = result_with_file(&sluice_digest_empty);
    g_autoptr(GByteArray) failed = result_with_file(&sluice_digest_empty);
    sluice_wire_put_varint(failed, 4, 1);
    update(&served.client, &action, failed, OK); /* the client's build goes on */
    assert_miss(&served.client, &action);
    update(&served.client, &action, good, OK);
    update(&served.client, &action, failed, OK);
    assert_hit(&served.client, &action, good);
    g_assert_cmpuint(served_stats(served.endpoint).updates_refused, ==, 2);
    served_close(&served);
}

static void test_empty_result(void)
{
    static const char *const scopes[] = {NULL, "one"};
    for (gsize i = 0; i < G_N_ELEMENTS(scopes); i++) {
        Served served;
        served_open(&served, scopes[i], SLUICE_CACHE_WRITES_TRUSTED);
        SluiceDigest action = fixture_absent("action");
        g_autoptr(GByteArray) empty = g_byte_array_new();
        update(&served.client, &action, empty, OK);
        g_autoptr(GBytes) reply = served_call(&served.client, GET_RESULT, served_request(2, &action), OK);
        g_assert_cmpuint(served_count(reply, 2), ==, 0);
        g_assert_cmpuint(served_number(reply, 4), ==, 0);
        /* other caches lose a message without fields */
        g_assert_cmpuint(g_bytes_get_size(reply), >, 0);
        served_close(&served);
    }
}

static void test_update_mistakes(void)
{
    Served served;
    served_open(&served, "one", SLUICE_CACHE_WRITES_TRUSTED);
    SluiceDigest action = fixture_absent("action"), other = fixture_absent("other");
    g_autoptr(GByteArray) good = result_with_file(&sluice_digest_empty);
    g_autoptr(GByteArray) absolute = g_byte_array_new();
    g_autoptr(GByteArray) huge = g_byte_array_new();
    g_autofree char *filler = g_strnfill(SLUICE_LIMIT_RESULT, 'x');
    fixture_put_node(absolute, 2, "/etc/passwd", 2, &sluice_digest_empty);
    sluice_wire_put_string(huge, 5, filler);
    update(&served.client, &action, absolute, BAD);
    update(&served.client, &action, huge, BAD);
    served_call(&served.client, UPDATE_RESULT, served_request(2, &action), BAD); /* no result */
    /* what two readers could understand differently */
    GByteArray *two_results = update_request(&action, good);
    sluice_wire_put_bytes(two_results, 3, good->data, good->len);
    served_call(&served.client, UPDATE_RESULT, two_results, BAD);
    GByteArray *two_actions = update_request(&action, good);
    sluice_wire_put_digest(two_actions, 2, &other);
    served_call(&served.client, UPDATE_RESULT, two_actions, BAD);
    g_autoptr(GByteArray) nul = g_byte_array_new();
    g_autoptr(GByteArray) node = served_request(2, &sluice_digest_empty);
    sluice_wire_put_bytes(node, 1, "ab\0cd", 5);
    sluice_wire_put_bytes(nul, 2, node->data, node->len);
    update(&served.client, &action, nul, BAD);
    GByteArray *group = update_request(&action, good);
    g_byte_array_append(group, (const guint8 *)"\x7b\x7c", 2);
    served_call(&served.client, UPDATE_RESULT, group, BAD);
    assert_miss(&served.client, &action);
    assert_miss(&served.client, &other);
    g_assert_cmpuint(served_stats(served.endpoint).updates, ==, 0);
    served_close(&served);
}

static void test_incomplete_tree(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest action = fixture_absent("action"), gone = fixture_absent("gone");
    for (int whole = 0; whole < 2; whole++) {
        g_autoptr(GByteArray) root = g_byte_array_new();
        g_autoptr(GByteArray) result = g_byte_array_new();
        GByteArray *tree = g_byte_array_new();
        fixture_put_node(root, 1, "file", 2, whole ? &sluice_digest_empty : &gone);
        sluice_wire_put_bytes(tree, 1, root->data, root->len);
        SluiceDigest tree_digest = fixture_put_array(&served.fixture, tree);
        fixture_put_node(result, 3, "out", 3, &tree_digest);
        update(&served.client, &action, result, OK);
        if (whole)
            assert_hit(&served.client, &action, result);
        else
            assert_miss(&served.client, &action);
    }
    served_close(&served);
}

static void test_inlining(void)
{
    Served served;
    served_open(&served, "one", SLUICE_CACHE_WRITES_TRUSTED);
    SluiceDigest action = fixture_absent("action"), said = fixture_put(&served.fixture, "said");
    g_autoptr(GByteArray) result = g_byte_array_new();
    fixture_put_node(result, 2, "out", 2, &said);
    sluice_wire_put_digest(result, 6, &said);
    update(&served.client, &action, result, OK);
    GByteArray *request = served_request(2, &action);
    sluice_wire_put_varint(request, 3, TRUE);
    sluice_wire_put_string(request, 5, "out");
    g_autoptr(GBytes) reply = served_call(&served.client, GET_RESULT, request, OK);
    g_autoptr(GBytes) raw = served_bytes(reply, 5);
    g_autoptr(GBytes) file = served_bytes(reply, 2);
    g_autoptr(GBytes) contents = served_bytes(file, 5);
    g_assert_cmpmem(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw), "said", 4);
    g_assert_cmpmem(g_bytes_get_data(contents, NULL), g_bytes_get_size(contents), "said", 4);
    assert_hit(&served.client, &action, result); /* what is kept did not change */
    served_close(&served);
}

/* ---- Damage ------------------------------------------------------------------------------------------------------------------ */

static void test_malformed(void)
{
    static const char *const methods[] = {CAPABILITIES, FIND_MISSING,  BATCH_UPDATE, BATCH_READ, GET_TREE,
                                          GET_RESULT,   UPDATE_RESULT, READ,         WRITE,      QUERY};
    static const struct {
        const char *data;
        gsize length;
    } messages[] = {
        {"\xff", 1},     /* a number that does not end */
        {"\x0a\x7f", 2}, /* longer than the message */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},
        {"\x0b\x0c", 2},     /* a group */
        {"\x02\x01\x00", 3}, /* field 0 */
        {"\x0f", 1},         /* a reserved wire type */
        {"\x0a\x03"
         "a\0b",
         5}, /* NUL in text */
        {"\x0a\x01"
         "a"
         "\x0a\x01"
         "b",
         6},             /* a singular field twice */
        {"\x08\x01", 2}, /* a number where text belongs */
    };
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(messages); j++) {
            GByteArray *message = g_byte_array_new();
            g_byte_array_append(message, (const guint8 *)messages[j].data, (guint)messages[j].length);
            served_stream(&served.client, methods[i], served_messages(message, NULL), BAD);
        }
    }
    g_assert_cmpuint(served_stats(served.endpoint).errors, ==, G_N_ELEMENTS(methods) * G_N_ELEMENTS(messages));
    served_close(&served);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    grpc_init();
    g_test_add_func("/services/capabilities", test_capabilities);
    g_test_add_func("/services/instance-names", test_instance_names);
    g_test_add_func("/services/digest-functions", test_digest_functions);
    g_test_add_func("/services/unknown-method", test_unknown_method);
    g_test_add_func("/services/find-missing", test_find_missing);
    g_test_add_func("/services/bad-digests", test_bad_digests);
    g_test_add_func("/services/batch-update", test_batch_update);
    g_test_add_func("/services/batch-limits", test_batch_limits);
    g_test_add_func("/services/message-limit", test_message_limit);
    g_test_add_func("/services/write", test_write);
    g_test_add_func("/services/write-large", test_write_large);
    g_test_add_func("/services/write-mistakes", test_write_mistakes);
    g_test_add_func("/services/read", test_read);
    g_test_add_func("/services/read-mistakes", test_read_mistakes);
    g_test_add_func("/services/query-write", test_query_write);
    g_test_add_func("/services/tree", test_tree);
    g_test_add_func("/services/plain-results", test_plain_results);
    g_test_add_func("/services/environments", test_environments);
    g_test_add_func("/services/witness-is-kept", test_witness_is_kept);
    g_test_add_func("/services/policies", test_policies);
    g_test_add_func("/services/failures-are-not-kept", test_failures_are_not_kept);
    g_test_add_func("/services/empty-result", test_empty_result);
    g_test_add_func("/services/update-mistakes", test_update_mistakes);
    g_test_add_func("/services/incomplete-tree", test_incomplete_tree);
    g_test_add_func("/services/inlining", test_inlining);
    g_test_add_func("/services/malformed", test_malformed);
    int status = g_test_run();
    grpc_shutdown();
    return status;
}
