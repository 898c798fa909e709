/* Actions for a cluster: how they are rewritten, and one executed by another endpoint as the cluster. */
#include "difference.h"
#include "served.h"
#include "upstream.h"

/* ---- Rewriting ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    Fixture fixture;
    SluiceDigest environment, root, command, input_root;
} Bench;

static SluiceDigest put_tree(Fixture *fixture, const char *first, const char *second)
{
    SluiceDigest root, file = fixture_put(fixture, first);
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_assert_true(sluice_tree_add_file(tree, first, &file, FALSE, NULL));
    g_assert_true(second == NULL || sluice_tree_add_file(tree, second, &file, TRUE, NULL));
    g_assert_true(sluice_tree_commit(tree, &root, NULL));
    return root;
}

static void put_property(GByteArray *platform, const char *name, const char *value)
{
    g_autoptr(GByteArray) property = g_byte_array_new();
    sluice_wire_put_string(property, 1, name);
    sluice_wire_put_string(property, 2, value);
    sluice_wire_put_bytes(platform, 1, property->data, property->len);
}

static void bench_open(Bench *bench)
{
    fixture_open(&bench->fixture);
    bench->root = put_tree(&bench->fixture, "usr/bin/cc", "etc/environment");
    SluiceEnvironment environment = {.root = bench->root, .os = "linux", .isa = "x86-64", .scope = "full"};
    g_assert_true(sluice_environment_store(bench->fixture.store, &environment, &bench->environment, NULL));
    bench->input_root = put_tree(&bench->fixture, "in.c", NULL);
    GByteArray *command = g_byte_array_new();
    g_autoptr(GByteArray) platform = g_byte_array_new();
    put_property(platform, "ISA", "x86-64");
    sluice_wire_put_string(command, 1, "cc");
    sluice_wire_put_bytes(command, 5, platform->data, platform->len);
    bench->command = fixture_put_array(&bench->fixture, command);
}

static GByteArray *action_new(const Bench *bench, const char *salt)
{
    GByteArray *action = g_byte_array_new();
    sluice_wire_put_digest(action, 1, &bench->command);
    sluice_wire_put_digest(action, 2, &bench->input_root);
    if (salt != NULL)
        sluice_wire_put_string(action, 9, salt);
    return action;
}

/* A′'s bytes; the action is freed. */
static GBytes *make(Bench *bench, SluiceRemoteEnvironment mode, GByteArray *action, SluiceClusterAction *out,
                    GError **error)
{
    SluiceStore *store = bench->fixture.store;
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(action);
    if (!sluice_cluster_action_make(store, mode, &bench->environment, bytes, &bench->input_root, out, error))
        return NULL;
    return sluice_store_read(store, &out->digest, error);
}

static void test_salt(void)
{
    Bench bench;
    SluiceClusterAction made, again, salted;
    GError *error = NULL;
    bench_open(&bench);
    GByteArray *action = action_new(&bench, "pepper");
    sluice_wire_put_string(action, 10, "");
    sluice_wire_put_string(action, 29, "of a newer version");
    sluice_wire_put_varint(action, 1000, 7);
    g_autoptr(GBytes) bytes = make(&bench, SLUICE_REMOTE_ENVIRONMENT_IMAGE, action, &made, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) salt = served_bytes(bytes, 9);
    gsize length = 0;
    const char *text = g_bytes_get_data(salt, &length);
    static const char tag[] = "sluice-execute-1";
    g_assert_cmpmem(text, sizeof tag, tag, sizeof tag);
    g_assert_cmpmem(text + sizeof tag, SLUICE_HASH_BYTES, bench.environment.hash, SLUICE_HASH_BYTES);
    g_assert_cmpuint(length, ==, sizeof tag + SLUICE_HASH_BYTES + 8 + strlen("pepper"));
    g_assert_cmpmem(text + length - 6, 6, "pepper", 6);
    /* what is not known stays */
    g_autoptr(GBytes) newer = served_bytes(bytes, 29);
    g_assert_cmpmem(g_bytes_get_data(newer, NULL), g_bytes_get_size(newer), "of a newer version", 18);
    g_assert_cmpuint(served_number(bytes, 1000), ==, 7);
    g_assert_cmpuint(served_count(bytes, 10), ==, 1);
    g_assert_true(sluice_digest_equal(&made.input_root, &bench.input_root));
    g_assert_false(made.has_environment_root);
    /* another environment, and another salt, are other actions; the same are the same */
    g_autoptr(GBytes) one = make(&bench, SLUICE_REMOTE_ENVIRONMENT_IMAGE, action_new(&bench, NULL), &again, &error);
    g_autoptr(GBytes) two = make(&bench, SLUICE_REMOTE_ENVIRONMENT_IMAGE, action_new(&bench, "x"), &salted, &error);
    g_assert_false(sluice_digest_equal(&again.digest, &salted.digest));
    bench.environment = fixture_absent("another environment");
    g_autoptr(GBytes) three = make(&bench, SLUICE_REMOTE_ENVIRONMENT_IMAGE, action_new(&bench, NULL), &made, &error);
    g_assert_false(sluice_digest_equal(&again.digest, &made.digest));
    fixture_close(&bench.fixture);
}

static void test_ambiguous(void)
{
    Bench bench;
    bench_open(&bench);
    for (int i = 0; i < 5; i++) {
        SluiceClusterAction made;
        g_autoptr(GError) error = NULL;
        GByteArray *action = action_new(&bench, "salt");
        if (i == 0)
            sluice_wire_put_string(action, 9, "twice");
        else if (i == 1)
            sluice_wire_put_digest(action, 2, &bench.input_root);
        else if (i == 2)
            g_byte_array_append(action, (const guint8 *)"\x5b\x5c", 2); /* a group */
        else if (i == 3)
            g_byte_array_append(action, (const guint8 *)"\x52\x7f", 2); /* truncated */
        else
            sluice_wire_put_varint(action, 10, 1); /* a platform that is a number */
        g_assert_null(make(&bench, SLUICE_REMOTE_ENVIRONMENT_CHROOT, action, &made, &error));
        g_assert_true(error->domain == SLUICE_PROTO_ERROR);
    }
    fixture_close(&bench.fixture);
}

/* The platform of A′ as "name=value name=value". */
static char *platform_of(GBytes *action)
{
    GString *out = g_string_new(NULL);
    SluiceWireReader reader;
    SluiceWireField field;
    g_assert_cmpuint(served_count(action, 10), ==, 1);
    g_autoptr(GBytes) platform = served_bytes(action, 10);
    sluice_wire_reader_init(&reader, g_bytes_get_data(platform, NULL), g_bytes_get_size(platform));
    while (sluice_wire_next(&reader, &field, NULL)) {
        g_autoptr(GBytes) property = g_bytes_new(field.data, field.length);
        g_autoptr(GBytes) name = served_bytes(property, 1), value = served_bytes(property, 2);
        g_string_append_printf(out, "%s%.*s=%.*s", out->len > 0 ? " " : "", (int)g_bytes_get_size(name),
                               (const char *)g_bytes_get_data(name, NULL), (int)g_bytes_get_size(value),
                               (const char *)g_bytes_get_data(value, NULL));
    }
    return g_string_free(out, FALSE);
}

static void test_chroot(void)
{
    static const struct {
        const char *names[4];
        const char *format;
    } cases[] = {
        {{NULL}, "ISA=x86-64 chrootRootDigest=%s"}, /* the Command's */
        {{"OSFamily", NULL}, "OSFamily=v chrootRootDigest=%s"},
        {{"OSFamily", "zone", NULL}, "OSFamily=v chrootRootDigest=%s zone=v"},
        {{"a", "chrootRootDigest", "chrootRootDigest", "d"},
         "a=v chrootRootDigest=%s d=v"}, /* the client's gives way */
        {{"z", NULL}, "chrootRootDigest=%s z=v"},
    };
    Bench bench;
    char text[SLUICE_DIGEST_STRING_MAX];
    bench_open(&bench);
    sluice_digest_string(&bench.root, text);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        SluiceClusterAction made;
        GError *error = NULL;
        GByteArray *action = action_new(&bench, NULL);
        g_autoptr(GByteArray) platform = g_byte_array_new();
        for (gsize j = 0; j < G_N_ELEMENTS(cases[i].names) && cases[i].names[j] != NULL; j++)
            put_property(platform, cases[i].names[j], "v");
        if (platform->len > 0)
            sluice_wire_put_bytes(action, 10, platform->data, platform->len);
        g_autoptr(GBytes) bytes = make(&bench, SLUICE_REMOTE_ENVIRONMENT_CHROOT, action, &made, &error);
        g_assert_no_error(error);
        g_assert_true(made.has_environment_root && sluice_digest_equal(&made.environment_root, &bench.root));
        g_auto(GStrv) parts = g_strsplit(cases[i].format, "%s", 2);
        g_autofree char *expected = g_strconcat(parts[0], text, parts[1], NULL);
        g_autofree char *real = platform_of(bytes);
        g_assert_cmpstr(real, ==, expected);
    }
    fixture_close(&bench.fixture);
}

static void test_input_root(void)
{
    Bench bench;
    SluiceClusterAction made;
    SluiceEntry entry;
    GError *error = NULL;
    SluiceDigestField told = {0};
    static const SluiceFieldSpec specs[] = {{2, SLUICE_FIELD_DIGEST, 0}};
    bench_open(&bench);
    g_autoptr(GBytes) bytes =
        make(&bench, SLUICE_REMOTE_ENVIRONMENT_INPUT_ROOT, action_new(&bench, NULL), &made, &error);
    g_assert_no_error(error);
    g_assert_true(
        sluice_fields_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), specs, 1, &told, &error));
    g_assert_true(sluice_digest_equal(&told.value, &made.input_root));
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(bench.fixture.store, &made.input_root, &error);
    g_assert_true(sluice_tree_lookup(tree, "in.c", &entry, NULL));
    g_assert_true(sluice_tree_lookup(tree, "usr/bin/cc", &entry, NULL));
    /* an environment that is not there any more */
    bench.environment = fixture_absent("gone");
    g_assert_null(make(&bench, SLUICE_REMOTE_ENVIRONMENT_INPUT_ROOT, action_new(&bench, NULL), &made, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    fixture_close(&bench.fixture);
}

/* ---- Operations ------------------------------------------------------------------------------------------------------------------- */

static GBytes *operation(const char *type, uint32_t code, gboolean with_result)
{
    g_autoptr(GByteArray) response = g_byte_array_new(), status = g_byte_array_new(), any = g_byte_array_new();
    GByteArray *message = g_byte_array_new();
    if (with_result)
        sluice_wire_put_string(response, 1, "");
    sluice_wire_put_varint(status, 1, code);
    sluice_wire_put_string(status, 2, "words");
    sluice_wire_put_bytes(response, 3, status->data, status->len);
    sluice_wire_put_string(any, 1, type);
    sluice_wire_put_bytes(any, 2, response->data, response->len);
    sluice_wire_put_string(message, 1, "name");
    sluice_wire_put_varint(message, 3, TRUE);
    sluice_wire_put_bytes(message, 5, any->data, any->len);
    return g_byte_array_free_to_bytes(message);
}

static void test_operations(void)
{
    static const char type[] = "type.googleapis.com/build.bazel.remote.execution.v2.ExecuteResponse";
    static const struct {
        const char *type;
        uint32_t code;
        gboolean with_result, valid;
    } cases[] = {
        {type, 0, TRUE, TRUE},     {type, 4, FALSE, TRUE},           {type, 0, FALSE, FALSE},
        {"other", 0, TRUE, FALSE}, {type, 4000000000u, FALSE, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(SluiceClusterOutcome) outcome = {0};
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = operation(cases[i].type, cases[i].code, cases[i].with_result);
        g_assert_true(sluice_answer_operation(bytes, &outcome, &error) == cases[i].valid);
        g_assert_true((error == NULL) == cases[i].valid);
        g_assert_cmpstr(outcome.name, ==, "name");
        if (cases[i].valid) {
            g_assert_true(outcome.done);
            g_assert_cmpint(outcome.code, ==, cases[i].code > 16 ? GRPC_STATUS_UNKNOWN : (int)cases[i].code);
        }
    }
}

/* What a server puts beside an operation that goes on; what means nothing leaves the last stage. */
static void test_stages(void)
{
    static const char type[] = "type.googleapis.com/build.bazel.remote.execution.v2.ExecuteOperationMetadata";
    static const struct {
        const char *type;
        uint32_t stage, told;
    } cases[] = {{type, 2, 2}, {type, 3, 3}, {type, 4, 3}, {"other", 1, 3}, {type, 77, 3}, {type, 2, 2}, {NULL, 0, 2}};
    g_auto(SluiceClusterOutcome) outcome = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) metadata = g_byte_array_new(), any = g_byte_array_new();
        GByteArray *message = g_byte_array_new();
        sluice_wire_put_varint(metadata, 1, cases[i].stage);
        sluice_wire_put_string(message, 1, "name");
        if (cases[i].type != NULL) {
            sluice_wire_put_string(any, 1, cases[i].type);
            sluice_wire_put_bytes(any, 2, metadata->data, metadata->len);
            sluice_wire_put_bytes(message, 2, any->data, any->len);
        }
        g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(message);
        g_assert_true(sluice_answer_operation(bytes, &outcome, &error));
        g_assert_no_error(error);
        g_assert_false(outcome.done);
        g_assert_cmpuint(outcome.stage, ==, cases[i].told);
    }
}

/* ---- Another endpoint as the cluster ------------------------------------------------------------------------------------------------ */

typedef struct {
    Served cluster;
    Fixture here;
    SluiceBridge *bridge;
    SluiceUpstream *upstream;
    RpcClient client;
    _Atomic int there, locally;
    _Atomic int exit_code;
    _Atomic int break_off;
    unsigned warnings;
    _Atomic(const char *) said_there;
    SluiceDigest environment; /* of this side's endpoint */
} Two;

static gboolean finish(SluiceStore *store, const SluiceExecution *execution, const char *said,
                       SluiceExecutionOutcome *outcome, GError **error)
{
    SluiceDigest digest;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, &execution->input_root, error);
    outcome->standard_error = sluice_digest_empty;
    return tree != NULL && sluice_store_put(store, said, strlen(said), NULL, &digest, error) &&
           sluice_store_put(store, said, strlen(said), NULL, &outcome->standard_output, error) &&
           sluice_tree_add_file(tree, "out/file", &digest, TRUE, error) &&
           sluice_tree_commit(tree, &outcome->root, error);
}

static gboolean execute_there(const SluiceExecution *execution, GCancellable *cancellable,
                              SluiceExecutionOutcome *outcome, gpointer data, GError **error)
{
    Two *two = data;
    two->there++;
    if (two->break_off) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the worker is broken");
        return FALSE;
    }
    outcome->exit_code = two->exit_code;
    return finish(two->cluster.fixture.store, execution, two->said_there, outcome, error);
}

static gboolean execute_here(const SluiceExecution *execution, GCancellable *cancellable,
                             SluiceExecutionOutcome *outcome, gpointer data, GError **error)
{
    Two *two = data;
    two->locally++;
    return finish(two->here.store, execution, "here", outcome, error);
}

static void on_warning(const char *message, gpointer data)
{
    ((Two *)data)->warnings++;
}

/* `executes`: this side can, too. */
static void two_open_as(Two *two, gboolean executes, SluiceDigest *action)
{
    GError *error = NULL;
    Bench bench;
    memset(two, 0, sizeof *two);
    two->said_there = "there";
    served_open(&two->cluster, NULL, SLUICE_CACHE_WRITES_TRUSTED);
    const SluiceExecutor there = {execute_there, two, 2, 0}, here = {execute_here, two, 2, 0};
    const SluiceEndpointPolicy cluster = {NULL, SLUICE_CACHE_WRITES_TRUSTED, "cluster", &there};
    SluiceEndpoint *endpoint = sluice_endpoint_new(two->cluster.bridge, &cluster, &error);
    g_autofree char *url = g_strdup_printf("unix:%s/cluster", two->cluster.fixture.directory);
    g_assert_true(sluice_endpoint_listen(endpoint, url, NULL, &error));
    bench_open(&bench);
    two->here = bench.fixture;
    SluiceRemote remote = {.name = "execution-service", .url = url, .retry_limit = 1, .retry_delay = 1};
    SluiceUpstreamConfig config = {
        .storage = &remote, .execution = &remote, .environment = SLUICE_REMOTE_ENVIRONMENT_INPUT_ROOT};
    two->upstream = sluice_upstream_new(two->here.store, &config, NULL, on_warning, two, &error);
    g_assert_true(sluice_upstream_check(two->upstream, &error));
    two->bridge = sluice_bridge_new(two->here.store, &error);
    const SluiceEndpointPolicy policy = {&bench.environment, SLUICE_CACHE_WRITES_EXECUTED, "here",
                                         executes ? &here : NULL, two->upstream};
    two->environment = bench.environment;
    endpoint = sluice_endpoint_new(two->bridge, &policy, &error);
    g_autofree char *address = g_strdup_printf("unix:%s/here", two->here.directory);
    g_assert_true(sluice_endpoint_listen(endpoint, address, NULL, &error));
    rpc_client_open(&two->client, address);
    GByteArray *command = g_byte_array_new();
    sluice_wire_put_string(command, 1, "cc");
    sluice_wire_put_string(command, 7, "out/file");
    bench.fixture = two->here;
    bench.command = fixture_put_array(&two->here, command);
    *action = fixture_put_array(&two->here, action_new(&bench, NULL));
}

static void two_open(Two *two, SluiceDigest *action)
{
    two_open_as(two, TRUE, action);
}

static void two_close(Two *two)
{
    rpc_client_close(&two->client);
    sluice_bridge_free(two->bridge);
    sluice_upstream_free(two->upstream);
    fixture_close(&two->here);
    served_close(&two->cluster);
}

/* The ExecuteResponse; `said` gets what the output holds, NULL if there is no result. */
static GBytes *run(Two *two, const SluiceDigest *action, char **said)
{
    *said = NULL;
    g_autoptr(GPtrArray) answers = served_stream(&two->client, RPC_REAPI("Execution/Execute"),
                                                 served_messages(served_request(6, action), NULL), GRPC_STATUS_OK);
    g_autoptr(GBytes) any = served_bytes(answers->pdata[answers->len - 1], 5);
    GBytes *response = served_bytes(any, 2);
    g_autoptr(GBytes) result = served_bytes(response, 1);
    g_autoptr(GBytes) file = served_bytes(result, 2);
    g_autoptr(GBytes) digest = served_bytes(file, 2);
    SluiceDigest value;
    if (g_bytes_get_size(digest) == 0)
        return response;
    g_assert_true(sluice_wire_get_digest(g_bytes_get_data(digest, NULL), g_bytes_get_size(digest), &value, NULL));
    g_autoptr(GBytes) contents = sluice_store_read(two->here.store, &value, NULL);
    *said = g_strndup(g_bytes_get_data(contents, NULL), g_bytes_get_size(contents));
    return response;
}

static void test_executed_there(void)
{
    Two two;
    SluiceDigest action;
    g_autofree char *first = NULL, *second = NULL;
    two_open(&two, &action);
    g_autoptr(GBytes) executed = run(&two, &action, &first);
    g_assert_cmpstr(first, ==, "there");
    g_autoptr(GBytes) cached = run(&two, &action, &second);
    g_assert_cmpstr(second, ==, "there");
    g_assert_cmpuint(served_number(cached, 2), ==, 1);
    g_assert_cmpint(two.there, ==, 1);
    g_assert_cmpint(two.locally, ==, 0);
    served_call(&two.client, RPC_REAPI("ActionCache/GetActionResult"), served_request(2, &action), GRPC_STATUS_OK);
    /* the client's own digest is a key neither here nor there */
    g_assert_null(sluice_store_get_result(two.here.store, &action, NULL));
    g_assert_null(sluice_store_get_result(two.cluster.fixture.store, &action, NULL));
    SluiceUpstreamStats stats;
    sluice_upstream_get_stats(two.upstream, &stats);
    g_assert_cmpuint(stats.executions, ==, 1);
    two_close(&two);
}

static void test_failure_there(void)
{
    Two two;
    SluiceDigest action;
    g_autofree char *said = NULL;
    two_open(&two, &action);
    two.exit_code = 7;
    g_autoptr(GBytes) response = run(&two, &action, &said);
    g_autoptr(GBytes) result = served_bytes(response, 1);
    g_assert_cmpuint(served_number(result, 4), ==, 7);
    g_assert_cmpint(two.locally, ==, 0);
    served_call(&two.client, RPC_REAPI("ActionCache/GetActionResult"), served_request(2, &action),
                GRPC_STATUS_NOT_FOUND);
    two_close(&two);
}

/* A cluster that cannot: the action is run here; or fails, where it was demanded. */
static void test_broken_there(void)
{
    Two two;
    SluiceDigest action;
    g_autofree char *said = NULL, *nothing = NULL;
    two_open(&two, &action);
    two.break_off = two.upstream->required = TRUE;
    g_autoptr(GBytes) failed = run(&two, &action, &nothing);
    g_assert_null(nothing);
    g_autoptr(GBytes) status = served_bytes(failed, 3);
    g_assert_cmpuint(served_number(status, 1), ==, GRPC_STATUS_UNAVAILABLE);
    g_assert_cmpint(two.locally, ==, 0);
    two.upstream->required = FALSE;
    g_autoptr(GBytes) executed = run(&two, &action, &said);
    g_assert_cmpstr(said, ==, "here");
    g_assert_cmpint(two.locally, ==, 1);
    two_close(&two);
}

/* Blobs that the cluster had, and lost, are given again. */
static void test_lost_there(void)
{
    Two two;
    SluiceDigest action;
    g_autofree char *said = NULL, *again = NULL;
    two_open(&two, &action);
    g_autoptr(GBytes) executed = run(&two, &action, &said);
    g_assert_cmpstr(said, ==, "there");
    g_assert_true(sluice_store_gc(two.cluster.fixture.store, 0, NULL, NULL));
    GByteArray *request = served_request(6, &action);
    sluice_wire_put_varint(request, 3, TRUE); /* not from a cache */
    g_autoptr(GPtrArray) answers =
        served_stream(&two.client, RPC_REAPI("Execution/Execute"), served_messages(request, NULL), GRPC_STATUS_OK);
    g_assert_cmpint(two.there, ==, 2);
    g_assert_cmpint(two.locally, ==, 0);
    two_close(&two);
}

/* As an audit does that finds the entry to be wrong. */
static void refuse(Two *two, const SluiceDigest *action)
{
    SluiceDigest key;
    gboolean changed;
    g_auto(SluiceOrigin) origin = {.producer = SLUICE_PRODUCER_EXECUTOR, .has_refused = TRUE};
    sluice_witness_key(&two->environment, action, &key, NULL);
    g_autoptr(GBytes) entry = sluice_store_get_result(two->here.store, &key, NULL);
    g_assert_true(sluice_result_digest_outputs(two->here.store, entry, &origin.refused));
    g_autoptr(GBytes) note = sluice_origin_encode(&origin);
    g_assert_true(sluice_store_change_result(two->here.store, &key, entry, NULL, note, &changed, NULL) && changed);
}

/* What an audit refused is not taken from the cluster again: it is executed here; or there, and not out of the cache. */
static void test_refused_there(void)
{
    for (int executes = 0; executes <= 1; executes++) {
        Two two;
        SluiceDigest action;
        g_autofree char *first = NULL, *second = NULL, *third = NULL;
        two_open_as(&two, executes, &action);
        g_autoptr(GBytes) wrong = run(&two, &action, &first);
        g_assert_cmpstr(first, ==, "there");
        refuse(&two, &action);
        g_autoptr(GBytes) again = run(&two, &action, &second);
        g_autoptr(GBytes) status = served_bytes(again, 3);
        g_assert_cmpstr(second, ==, executes ? "here" : NULL);
        g_assert_cmpint(two.locally, ==, executes);
        g_assert_cmpint(two.there, ==, executes ? 1 : 2);
        g_assert_cmpuint(served_number(status, 1), ==, executes ? GRPC_STATUS_OK : GRPC_STATUS_ABORTED);
        two.said_there = "something else";
        g_autoptr(GBytes) right = run(&two, &action, &third);
        g_assert_cmpstr(third, ==, executes ? "here" : "something else");
        two_close(&two);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    grpc_init();
    g_test_add_func("/upstream-execute/salt", test_salt);
    g_test_add_func("/upstream-execute/ambiguous", test_ambiguous);
    g_test_add_func("/upstream-execute/chroot", test_chroot);
    g_test_add_func("/upstream-execute/input-root", test_input_root);
    g_test_add_func("/upstream-execute/operations", test_operations);
    g_test_add_func("/upstream-execute/stages", test_stages);
    g_test_add_func("/upstream-execute/executed-there", test_executed_there);
    g_test_add_func("/upstream-execute/failure-there", test_failure_there);
    g_test_add_func("/upstream-execute/broken-there", test_broken_there);
    g_test_add_func("/upstream-execute/lost-there", test_lost_there);
    g_test_add_func("/upstream-execute/refused-there", test_refused_there);
    int status = g_test_run();
    grpc_shutdown();
    return status;
}
