/* Compressed blobs, in streams and in batches, and uploads that break off and go on. */
#include "bridge-private.h"
#include "served.h"

#include <zstd.h>

#define CAPABILITIES RPC_REAPI("Capabilities/GetCapabilities")
#define BATCH_UPDATE RPC_REAPI("ContentAddressableStorage/BatchUpdateBlobs")
#define BATCH_READ   RPC_REAPI("ContentAddressableStorage/BatchReadBlobs")
#define READ         RPC_BYTESTREAM("Read")
#define WRITE        RPC_BYTESTREAM("Write")
#define QUERY        RPC_BYTESTREAM("QueryWriteStatus")

static const grpc_status_code OK = GRPC_STATUS_OK;
static const grpc_status_code BAD = GRPC_STATUS_INVALID_ARGUMENT;
static const uint64_t EARLY = (uint64_t)-1;

/* ---- Data ------------------------------------------------------------------------------------------------------------------- */

/* Compressible, but not too much. */
static GBytes *make_blob(gsize size)
{
    guint8 *data = g_malloc(size + 8);
    uint32_t state = 12345;
    for (gsize i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = (guint8)("abcdefgh\n"[(state >> 28) % 9]);
    }
    return g_bytes_new_take(data, size);
}

static GBytes *pack(const void *data, gsize length, int level)
{
    gsize room = ZSTD_compressBound(length);
    void *out = g_malloc(room);
    gsize packed = ZSTD_compress(out, room, data, length, level);
    g_assert_false(ZSTD_isError(packed));
    return g_bytes_new_take(out, packed);
}

static GBytes *pack_bytes(GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    return pack(data, length, 3);
}

/* Frames of any number. */
static GByteArray *unpack(const GByteArray *packed)
{
    GByteArray *out = g_byte_array_new();
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = {packed->data, packed->len, 0};
    guint8 buffer[4096];
    gsize wanted = 0;
    for (gboolean full = FALSE; in.pos < in.size || full;) {
        ZSTD_outBuffer piece = {buffer, sizeof buffer, 0};
        wanted = ZSTD_decompressStream(context, &piece, &in);
        g_assert_false(ZSTD_isError(wanted));
        g_byte_array_append(out, buffer, (guint)piece.pos);
        full = piece.pos == piece.size;
    }
    g_assert_cmpuint(wanted, ==, 0);
    ZSTD_freeDCtx(context);
    return out;
}

static char *upload_name(const char *kind, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strdup_printf("uploads/b0b5/%s/%s", kind, sluice_digest_string(digest, text));
}

static char *read_name(const char *kind, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strdup_printf("%s/%s", kind, sluice_digest_string(digest, text));
}

/* Bytes `from` to the end in pieces; the first has `offset`, later ones add what was sent. */
static GPtrArray *pieces(const char *name, GBytes *bytes, gsize from, uint64_t offset, gsize piece, gboolean finish)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(bytes, &length);
    GPtrArray *messages = served_messages(NULL, NULL);
    for (gsize at = from; at < length; at += piece) {
        gsize part = MIN(piece, length - at);
        g_ptr_array_add(messages,
                        g_byte_array_free_to_bytes(served_piece(at == from ? name : NULL, offset + at - from,
                                                                finish && at + part == length, data + at, part)));
    }
    return messages;
}

static void assert_stored(Served *served, const SluiceDigest *digest, GBytes *expected)
{
    GError *error = NULL;
    g_autoptr(GBytes) blob = sluice_store_read(served->fixture.store, digest, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(blob, expected));
}

/* ---- Compressed streams ----------------------------------------------------------------------------------------------------- */

static void test_capabilities(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) reply = served_call(&served.client, CAPABILITIES, g_byte_array_new(), OK);
    g_autoptr(GBytes) cache = served_bytes(reply, 1);
    for (uint32_t field = 6; field <= 7; field++) {
        g_autoptr(GBytes) compressors = served_bytes(cache, field);
        g_assert_cmpmem(g_bytes_get_data(compressors, NULL), g_bytes_get_size(compressors), "\x01", 1);
    }
    served_close(&served);
}

/* A call is freed a little after its answer. */
static void assert_memory_is_free(Served *served)
{
    for (int i = 0; i < 200 && served->bridge->unpacking != 0; i++)
        g_usleep(10000);
    g_assert_cmpint(served->bridge->unpacking, ==, 0);
}

static void test_write_compressed(void)
{
    static const gsize sizes[] = {1, 100, 16 * 1024, 70000, 5000000};
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GBytes) blob = make_blob(sizes[i]);
        g_autoptr(GBytes) packed = pack_bytes(blob);
        SluiceDigest digest;
        sluice_digest_of_bytes(blob, &digest);
        g_autofree char *name = upload_name("compressed-blobs/zstd", &digest);
        g_autoptr(GPtrArray) replies =
            served_stream(&served.client, WRITE, pieces(name, packed, 0, 0, 30000, TRUE), OK);
        served_assert_committed(replies, g_bytes_get_size(packed));
        assert_stored(&served, &digest, blob);
        /* it is there: the answer comes at once */
        g_autoptr(GPtrArray) again = served_stream(&served.client, WRITE, pieces(name, packed, 0, 0, 30000, TRUE), OK);
        served_assert_committed(again, EARLY);
    }
    assert_memory_is_free(&served);
    served_close(&served);
}

static void test_write_several_frames(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest digest = fixture_absent("hello world");
    g_autoptr(GBytes) one = pack("hello ", 6, 1), other = pack("world", 5, 19);
    g_autofree char *name = upload_name("compressed-blobs/zstd", &digest);
    gsize first = g_bytes_get_size(one), second = g_bytes_get_size(other);
    g_autoptr(GPtrArray) replies =
        served_stream(&served.client, WRITE,
                      served_messages(served_piece(name, 0, FALSE, g_bytes_get_data(one, NULL), first),
                                      served_piece(NULL, first, TRUE, g_bytes_get_data(other, NULL), second), NULL),
                      OK);
    served_assert_committed(replies, first + second);
    g_assert_true(sluice_store_has(served.fixture.store, &digest));
    served_close(&served);
}

/* A frame that says it needs a window of 2 GiB. */
static const guint8 huge_window[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00};

static void test_write_compressed_mistakes(void)
{
    enum { BOMB = 64 * 1024 * 1024 };
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceDigest digest = fixture_absent("hello");
    g_autofree char *name = upload_name("compressed-blobs/zstd", &digest);
    g_autofree void *zeros = g_malloc0(BOMB);
    g_autoptr(GBytes) bomb = pack(zeros, BOMB, 19), good = pack("hello", 5, 3), other = pack("hellO", 5, 3);
    g_autoptr(GBytes) shorter = pack("hell", 4, 3), window = g_bytes_new_static(huge_window, sizeof huge_window);
    g_autoptr(GBytes) torn = g_bytes_new_from_bytes(good, 0, g_bytes_get_size(good) - 1);
    g_autoptr(GBytes) no_zstd = g_bytes_new_static("hello", 5);
    g_autoptr(GByteArray) trailing_array = g_byte_array_new();
    g_byte_array_append(trailing_array, g_bytes_get_data(good, NULL), (guint)g_bytes_get_size(good));
    g_byte_array_append(trailing_array, (const guint8 *)"xyzw!", 5);
    g_autoptr(GBytes) trailing = g_byte_array_free_to_bytes(g_steal_pointer(&trailing_array));
    g_assert_cmpuint(g_bytes_get_size(bomb), <, 10000);
    GBytes *const bad[] = {bomb, other, shorter, window, torn, no_zstd, trailing};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_ptr_array_unref(served_stream(&served.client, WRITE, pieces(name, bad[i], 0, 0, 30000, TRUE), BAD));
    /* offsets count what was sent */
    g_ptr_array_unref(served_stream(&served.client, WRITE, pieces(name, good, 0, 1, 5, TRUE), BAD));
    g_ptr_array_unref(
        served_stream(&served.client, WRITE,
                      served_messages(served_piece(name, 0, FALSE, g_bytes_get_data(good, NULL), 3),
                                      served_piece(NULL, 5, TRUE, (const guint8 *)g_bytes_get_data(good, NULL) + 3,
                                                   g_bytes_get_size(good) - 3),
                                      NULL),
                      BAD));
    g_assert_false(sluice_store_has(served.fixture.store, &digest));
    g_assert_cmpuint(served_stats(served.endpoint).bytes_written, ==, 0);
    assert_memory_is_free(&served);
    served_close(&served);
}

static void assert_read_packed(Served *served, const SluiceDigest *digest, int64_t offset, const void *expected,
                               gsize length)
{
    g_autofree char *name = read_name("compressed-blobs/zstd", digest);
    g_autoptr(GPtrArray) replies =
        served_stream(&served->client, READ, served_messages(served_read_request(name, offset, 0), NULL), OK);
    g_autoptr(GByteArray) packed = g_byte_array_new();
    for (guint i = 0; i < replies->len; i++) {
        g_autoptr(GBytes) chunk = served_bytes(replies->pdata[i], 10);
        g_byte_array_append(packed, g_bytes_get_data(chunk, NULL), (guint)g_bytes_get_size(chunk));
    }
    g_assert_cmpuint(packed->len, >, 0);
    g_autoptr(GByteArray) all = unpack(packed);
    g_assert_cmpmem(all->data, all->len, expected, length);
    if (length > 10000)
        g_assert_cmpuint(packed->len, <, length * 3 / 4);
}

static void test_read_compressed(void)
{
    enum { SIZE = 2 * SLUICE_CHUNK + 777 };
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) blob = make_blob(SIZE);
    const guint8 *data = g_bytes_get_data(blob, NULL);
    SluiceDigest digest, small = fixture_put(&served.fixture, "0123456789"), gone = fixture_absent("gone");
    g_assert_true(sluice_store_put(served.fixture.store, data, SIZE, NULL, &digest, NULL));
    assert_read_packed(&served, &digest, 0, data, SIZE);
    assert_read_packed(&served, &digest, SLUICE_CHUNK + 5, data + SLUICE_CHUNK + 5, SLUICE_CHUNK + 772);
    assert_read_packed(&served, &small, 3, "3456789", 7);
    assert_read_packed(&served, &small, 10, "", 0);
    assert_read_packed(&served, &sluice_digest_empty, 0, "", 0);
    g_autofree char *name = read_name("compressed-blobs/zstd", &small);
    g_autofree char *absent = read_name("compressed-blobs/zstd", &gone);
    const struct {
        const char *name;
        int64_t offset, limit;
        grpc_status_code code;
    } bad[] = {{name, 0, 4, BAD}, {name, 11, 0, GRPC_STATUS_OUT_OF_RANGE}, {absent, 0, 0, GRPC_STATUS_NOT_FOUND}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_ptr_array_unref(served_stream(
            &served.client, READ, served_messages(served_read_request(bad[i].name, bad[i].offset, bad[i].limit), NULL),
            bad[i].code));
    served_close(&served);
}

/* ---- Compressed batches ----------------------------------------------------------------------------------------------------- */

static void put_item(GByteArray *request, const SluiceDigest *digest, GBytes *data, uint64_t compressor)
{
    g_autoptr(GByteArray) item = served_request(1, digest);
    sluice_wire_put_bytes(item, 2, g_bytes_get_data(data, NULL), g_bytes_get_size(data));
    sluice_wire_put_varint(item, 3, compressor);
    sluice_wire_put_bytes(request, 2, item->data, item->len);
}

static uint64_t update_one(Served *served, const SluiceDigest *digest, GBytes *data, uint64_t compressor)
{
    GByteArray *request = g_byte_array_new();
    put_item(request, digest, data, compressor);
    g_autoptr(GBytes) reply = served_call(&served->client, BATCH_UPDATE, request, OK);
    g_autoptr(GBytes) response = served_bytes(reply, 1);
    g_autoptr(GBytes) status = served_bytes(response, 2);
    return served_number(status, 1);
}

static void test_batch_update(void)
{
    enum { BOMB = 64 * 1024 * 1024 };
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) blob = make_blob(100000), packed = pack_bytes(blob);
    g_autofree void *zeros = g_malloc0(BOMB);
    g_autoptr(GBytes) bomb = pack(zeros, BOMB, 19), window = g_bytes_new_static(huge_window, sizeof huge_window);
    SluiceDigest digest, longer, hello = fixture_absent("hello"), bomb_digest = hello;
    sluice_digest_of_bytes(blob, &digest);
    longer = digest;
    longer.size++;
    bomb_digest.size = BOMB;
    g_assert_cmpuint(update_one(&served, &longer, packed, 1), ==, BAD);
    g_assert_cmpuint(update_one(&served, &hello, packed, 1), ==, BAD);
    g_assert_cmpuint(update_one(&served, &hello, bomb, 1), ==, BAD);
    g_assert_cmpuint(update_one(&served, &hello, window, 1), ==, BAD);
    g_assert_cmpuint(update_one(&served, &digest, blob, 1), ==, BAD); /* not compressed at all */
    g_assert_cmpuint(update_one(&served, &digest, packed, 0), ==, BAD);
    g_assert_cmpuint(update_one(&served, &digest, packed, 2), ==, BAD); /* DEFLATE */
    g_assert_false(sluice_store_has(served.fixture.store, &digest));
    g_assert_cmpuint(update_one(&served, &digest, packed, 1), ==, OK);
    assert_stored(&served, &digest, blob);
    /* an honest bomb is too large for a batch; so are many that are not */
    GByteArray *one = g_byte_array_new(), *many = g_byte_array_new();
    put_item(one, &bomb_digest, bomb, 1);
    served_call(&served.client, BATCH_UPDATE, one, BAD);
    for (int i = 0; i < 50; i++)
        put_item(many, &digest, packed, 1);
    served_call(&served.client, BATCH_UPDATE, many, BAD);
    served_close(&served);
}

static GBytes *read_one(Served *served, const SluiceDigest *digest, uint64_t *compressor)
{
    GByteArray *request = served_request(2, digest);
    sluice_wire_put_varint(request, 3, 2); /* what we do not know is passed over */
    sluice_wire_put_varint(request, 3, 1);
    g_autoptr(GBytes) reply = served_call(&served->client, BATCH_READ, request, OK);
    g_autoptr(GBytes) response = served_bytes(reply, 1);
    *compressor = served_number(response, 4);
    return served_bytes(response, 2);
}

static void test_batch_read(void)
{
    Served served;
    uint64_t compressor;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) blob = make_blob(100000);
    SluiceDigest digest, small = fixture_put(&served.fixture, "small");
    g_assert_true(sluice_store_put(served.fixture.store, g_bytes_get_data(blob, NULL), 100000, NULL, &digest, NULL));
    g_autoptr(GBytes) packed = read_one(&served, &digest, &compressor);
    g_assert_cmpuint(compressor, ==, 1);
    g_autoptr(GByteArray) array = g_byte_array_new();
    g_byte_array_append(array, g_bytes_get_data(packed, NULL), (guint)g_bytes_get_size(packed));
    g_autoptr(GByteArray) all = unpack(array);
    g_assert_cmpmem(all->data, all->len, g_bytes_get_data(blob, NULL), 100000);
    g_assert_cmpuint(served_stats(served.endpoint).bytes_read, ==, 100000);
    /* what does not shrink comes as it is */
    g_autoptr(GBytes) plain = read_one(&served, &small, &compressor);
    g_assert_cmpuint(compressor, ==, 0);
    g_assert_cmpmem(g_bytes_get_data(plain, NULL), g_bytes_get_size(plain), "small", 5);
    served_close(&served);
}

/* ---- Uploads that break off --------------------------------------------------------------------------------------------------- */

static uint64_t query(Served *served, const char *name, gboolean *complete)
{
    GByteArray *request = g_byte_array_new();
    sluice_wire_put_string(request, 1, name);
    g_autoptr(GBytes) reply = served_call(&served->client, QUERY, request, OK);
    *complete = (gboolean)served_number(reply, 2);
    return served_number(reply, 1);
}

/* Sends the first bytes and goes: politely, or by cancelling. */
static void break_off(Served *served, const char *name, GBytes *bytes, gsize length, gboolean politely)
{
    g_autoptr(GBytes) first = g_bytes_new_from_bytes(bytes, 0, length);
    g_autoptr(GPtrArray) messages = pieces(name, first, 0, 0, 50000, FALSE);
    g_auto(RpcResult) result = {0};
    rpc_call(&served->client, WRITE, messages, politely, politely ? 0 : 100, &result);
    g_assert_cmpint(result.code, ==, politely ? GRPC_STATUS_OK : GRPC_STATUS_CANCELLED);
}

static void test_resume(void)
{
    enum { SIZE = 400000, FIRST = 150000 };
    Served served;
    gboolean complete;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (int politely = 0; politely < 2; politely++) {
        g_autoptr(GBytes) blob = make_blob(SIZE + (gsize)politely);
        SluiceDigest digest;
        sluice_digest_of_bytes(blob, &digest);
        g_autofree char *name = upload_name("blobs", &digest);
        g_assert_cmpuint(query(&served, name, &complete), ==, 0);
        break_off(&served, name, blob, FIRST, politely);
        for (int i = 0; i < 100 && query(&served, name, &complete) == 0; i++)
            g_usleep(20000); /* the server hears of it a little later */
        g_assert_cmpuint(query(&served, name, &complete), ==, FIRST);
        g_assert_false(complete);
        g_assert_false(sluice_store_has(served.fixture.store, &digest));
        /* elsewhere than it stands */
        g_ptr_array_unref(served_stream(&served.client, WRITE, pieces(name, blob, 1000, 1000, 50000, TRUE), BAD));
        g_autoptr(GPtrArray) replies =
            served_stream(&served.client, WRITE, pieces(name, blob, FIRST, FIRST, 50000, TRUE), OK);
        served_assert_committed(replies, SIZE + (gsize)politely);
        assert_stored(&served, &digest, blob);
        g_assert_cmpuint(query(&served, name, &complete), ==, SIZE + (gsize)politely);
        g_assert_true(complete);
    }
    served_close(&served);
}

/* A compressed upload stands in uncompressed bytes, and goes on with a new frame from there. */
static void test_resume_compressed(void)
{
    enum { SIZE = 4000000 };
    Served served;
    gboolean complete;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) blob = make_blob(SIZE), packed = pack_bytes(blob);
    SluiceDigest digest;
    sluice_digest_of_bytes(blob, &digest);
    g_autofree char *name = upload_name("compressed-blobs/zstd", &digest);
    break_off(&served, name, packed, g_bytes_get_size(packed) / 2, TRUE);
    uint64_t stands = query(&served, name, &complete);
    g_assert_cmpuint(stands, >, SIZE / 4);
    g_assert_cmpuint(stands, <, SIZE);
    g_autoptr(GBytes) tail = g_bytes_new_from_bytes(blob, stands, SIZE - stands), rest = pack_bytes(tail);
    g_autoptr(GPtrArray) replies = served_stream(&served.client, WRITE, pieces(name, rest, 0, stands, 50000, TRUE), OK);
    served_assert_committed(replies, stands + g_bytes_get_size(rest));
    assert_stored(&served, &digest, blob);
    served_close(&served);
}

/* What is resumed is verified like everything else. */
static void test_resume_forged(void)
{
    enum { SIZE = 200000, FIRST = 100000 };
    Served served;
    gboolean complete;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) blob = make_blob(SIZE);
    g_autofree void *zeros = g_malloc0(SIZE);
    g_autoptr(GBytes) forged = g_bytes_new_static(zeros, SIZE);
    SluiceDigest digest;
    sluice_digest_of_bytes(blob, &digest);
    g_autofree char *name = upload_name("blobs", &digest);
    break_off(&served, name, forged, FIRST, TRUE);
    g_assert_cmpuint(query(&served, name, &complete), ==, FIRST);
    g_ptr_array_unref(served_stream(&served.client, WRITE, pieces(name, blob, FIRST, FIRST, 50000, TRUE), BAD));
    g_assert_cmpuint(query(&served, name, &complete), ==, 0);
    g_assert_false(sluice_store_has(served.fixture.store, &digest));
    /* all of it without finish_write: it is kept, because it is right */
    g_autoptr(GPtrArray) replies = served_stream(&served.client, WRITE, pieces(name, blob, 0, 0, 50000, FALSE), OK);
    served_assert_committed(replies, SIZE);
    assert_stored(&served, &digest, blob);
    served_close(&served);
}

static void test_parked_limits(void)
{
    enum { SIZE = 200000, FIRST = 100000 };
    Served served;
    gboolean complete;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autoptr(GBytes) blob = make_blob(SIZE);
    SluiceDigest digest;
    char text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_of_bytes(blob, &digest);
    sluice_digest_string(&digest, text);
    g_autofree char *first = g_strdup_printf("uploads/u0/blobs/%s", text);
    for (int i = 0; i <= SLUICE_LIMIT_PARKED; i++) {
        g_autofree char *name = g_strdup_printf("uploads/u%d/blobs/%s", i, text);
        break_off(&served, name, blob, FIRST, TRUE);
        g_assert_cmpuint(query(&served, name, &complete), ==, FIRST);
    }
    g_assert_cmpuint(query(&served, first, &complete), ==, 0); /* the oldest had to go */
    g_autofree char *last = g_strdup_printf("uploads/u%d/blobs/%s", SLUICE_LIMIT_PARKED, text);
    sluice_uploads_expire(served.endpoint->uploads, g_get_monotonic_time());
    g_assert_cmpuint(query(&served, last, &complete), ==, 0);
    /* too little to be kept */
    break_off(&served, last, blob, 1000, TRUE);
    g_assert_cmpuint(query(&served, last, &complete), ==, 0);
    served_close(&served);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    grpc_init();
    g_test_add_func("/streams/capabilities", test_capabilities);
    g_test_add_func("/streams/write-compressed", test_write_compressed);
    g_test_add_func("/streams/write-several-frames", test_write_several_frames);
    g_test_add_func("/streams/write-compressed-mistakes", test_write_compressed_mistakes);
    g_test_add_func("/streams/read-compressed", test_read_compressed);
    g_test_add_func("/streams/batch-update", test_batch_update);
    g_test_add_func("/streams/batch-read", test_batch_read);
    g_test_add_func("/streams/resume", test_resume);
    g_test_add_func("/streams/resume-compressed", test_resume_compressed);
    g_test_add_func("/streams/resume-forged", test_resume_forged);
    g_test_add_func("/streams/parked-limits", test_parked_limits);
    int status = g_test_run();
    grpc_shutdown();
    return status;
}
