/* Execute and WaitExecution with an executor of our own: what is run, merged, cancelled, kept, refused. */
#include "bridge-private.h"
#include "served.h"

#define EXECUTE      RPC_REAPI("Execution/Execute")
#define WAIT         RPC_REAPI("Execution/WaitExecution")
#define GET_RESULT   RPC_REAPI("ActionCache/GetActionResult")
#define CAPABILITIES RPC_REAPI("Capabilities/GetCapabilities")

static const grpc_status_code OK = GRPC_STATUS_OK;

enum { LONGEST = 100 }; /* seconds, of an action */

/* The first argument tells it what to do. */
typedef struct {
    Served served;
    SluiceEndpoint *endpoint;
    RpcClient client;
    _Atomic int runs, cancelled, held;
    _Atomic int64_t timeout_us; /* of the last one */
    GMutex gate;                /* "hold" waits for it */
    GMutex lock;                /* for what follows */
    GString *order;             /* the second words of what ran */
} Bench;

static gboolean finish(Bench *bench, const SluiceExecution *execution, SluiceExecutionOutcome *outcome, GError **error)
{
    SluiceStore *store = bench->served.fixture.store;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, &execution->input_root, error);
    SluiceDigest digest = fixture_put(&bench->served.fixture, execution->arguments[1]);
    outcome->standard_output = digest;
    outcome->standard_error = sluice_digest_empty;
    g_autofree char *path = g_build_path("/", "/", execution->working_directory, "out/file", NULL);
    g_autofree char *other = g_build_path("/", "/", execution->working_directory, "undeclared", NULL);
    return tree != NULL && sluice_tree_add_file(tree, path, &digest, TRUE, error) &&
           sluice_tree_add_file(tree, other, &digest, FALSE, error) && sluice_tree_commit(tree, &outcome->root, error);
}

static gboolean wait_until_cancelled(Bench *bench, GCancellable *cancellable, GError **error)
{
    bench->held = TRUE;
    while (!g_cancellable_is_cancelled(cancellable))
        g_usleep(1000);
    bench->cancelled++;
    return !g_cancellable_set_error_if_cancelled(cancellable, error);
}

static gboolean execute(const SluiceExecution *execution, GCancellable *cancellable, SluiceExecutionOutcome *outcome,
                        gpointer data, GError **error)
{
    Bench *bench = data;
    const char *what = execution->arguments[0];
    bench->runs++;
    bench->timeout_us = execution->timeout_us;
    outcome->started = g_get_real_time();
    outcome->ended = outcome->started + 1;
    g_mutex_lock(&bench->lock);
    g_string_append_printf(bench->order, "%s ", execution->arguments[1]);
    g_mutex_unlock(&bench->lock);
    if (strcmp(what, "broken") == 0)
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the machine is broken");
    if (strcmp(what, "slow") == 0)
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "it took too long");
    if (*error != NULL)
        return FALSE;
    if (strcmp(what, "forever") == 0)
        return wait_until_cancelled(bench, cancellable, error);
    if (strcmp(what, "hold") == 0) {
        bench->held = TRUE;
        g_mutex_lock(&bench->gate);
        g_mutex_unlock(&bench->gate);
    }
    if (strcmp(what, "greedy") == 0)
        outcome->stopped = g_strdup("it wanted too much");
    outcome->exit_code = strcmp(what, "fail") == 0 || outcome->stopped != NULL ? 3 : 0;
    return finish(bench, execution, outcome, error);
}

static void bench_open(Bench *bench, SluiceCacheWrites writes)
{
    GError *error = NULL;
    memset(bench, 0, sizeof *bench);
    g_mutex_init(&bench->gate);
    g_mutex_init(&bench->lock);
    bench->order = g_string_new(NULL);
    served_open(&bench->served, NULL, SLUICE_CACHE_WRITES_OFF);
    const SluiceExecutor executor = {execute, bench, 2, LONGEST * G_USEC_PER_SEC};
    const SluiceDigest environment = fixture_put(&bench->served.fixture, "an environment");
    const SluiceEndpointPolicy policy = {&environment, writes, "test", &executor};
    g_autofree char *address = g_strdup_printf("unix:%s/executing", bench->served.fixture.directory);
    bench->endpoint = sluice_endpoint_new(bench->served.bridge, &policy, &error);
    g_assert_no_error(error);
    g_assert_true(sluice_endpoint_listen(bench->endpoint, address, NULL, &error));
    rpc_client_open(&bench->client, address);
}

static void bench_close(Bench *bench)
{
    rpc_client_close(&bench->client);
    sluice_endpoint_close(bench->endpoint);
    served_close(&bench->served);
    g_mutex_clear(&bench->gate);
    g_mutex_clear(&bench->lock);
    g_string_free(bench->order, TRUE);
}

/* ---- Messages ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *what, *text, *output, *working_directory;
    gboolean do_not_cache, old_fields;
    unsigned timeout, format;
} Wish;

static SluiceDigest put_command(Bench *bench, const Wish *wish)
{
    GByteArray *command = g_byte_array_new();
    if (wish->what != NULL)
        sluice_wire_put_string(command, 1, wish->what);
    sluice_wire_put_string(command, 1, wish->text != NULL ? wish->text : "text");
    if (wish->old_fields)
        sluice_wire_put_string(command, 3, wish->output);
    if (wish->working_directory != NULL)
        sluice_wire_put_string(command, 6, wish->working_directory);
    if (!wish->old_fields)
        sluice_wire_put_string(command, 7, wish->output != NULL ? wish->output : "out/file");
    if (wish->format != 0)
        sluice_wire_put_varint(command, 9, wish->format);
    return fixture_put_array(&bench->served.fixture, command);
}

static SluiceDigest put_action(Bench *bench, const Wish *wish, const SluiceDigest *root)
{
    GByteArray *action = g_byte_array_new();
    SluiceDigest command = put_command(bench, wish);
    sluice_wire_put_digest(action, 1, &command);
    sluice_wire_put_digest(action, 2, root);
    if (wish->timeout > 0) {
        g_autoptr(GByteArray) duration = g_byte_array_new();
        sluice_wire_put_varint(duration, 1, wish->timeout);
        sluice_wire_put_bytes(action, 6, duration->data, duration->len);
    }
    if (wish->do_not_cache)
        sluice_wire_put_varint(action, 7, TRUE);
    return fixture_put_array(&bench->served.fixture, action);
}

/* The ExecuteResponse of the last message. */
static GBytes *response_of(const GPtrArray *answers)
{
    g_assert_cmpuint(answers->len, >, 0);
    g_autoptr(GBytes) any = served_bytes(answers->pdata[answers->len - 1], 5);
    g_assert_cmpuint(served_number(answers->pdata[answers->len - 1], 3), ==, TRUE);
    return served_bytes(any, 2);
}

static GBytes *run_digest(Bench *bench, const SluiceDigest *action)
{
    g_autoptr(GPtrArray) answers =
        served_stream(&bench->client, EXECUTE, served_messages(served_request(6, action), NULL), OK);
    return response_of(answers);
}

static GBytes *run_wish(Bench *bench, const Wish *wish)
{
    SluiceDigest action = put_action(bench, wish, &sluice_digest_empty);
    return run_digest(bench, &action);
}

static void assert_status(GBytes *response, grpc_status_code code)
{
    g_autoptr(GBytes) status = served_bytes(response, 3);
    g_assert_cmpuint(served_number(status, 1), ==, code);
}

static gboolean is_cached(GBytes *response)
{
    return served_number(response, 2) != 0;
}

/* ---- Tests --------------------------------------------------------------------------------------------------------------------- */

static void test_capabilities(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    g_autoptr(GBytes) reply = served_call(&bench.client, CAPABILITIES, g_byte_array_new(), OK);
    g_autoptr(GBytes) execution = served_bytes(reply, 2);
    g_assert_cmpuint(served_number(execution, 2), ==, TRUE);
    served_stream(&bench.served.client, EXECUTE, served_messages(served_request(6, &sluice_digest_empty), NULL),
                  GRPC_STATUS_UNIMPLEMENTED);
    served_stream(&bench.served.client, WAIT, served_messages(g_byte_array_new(), NULL), GRPC_STATUS_UNIMPLEMENTED);
    bench_close(&bench);
}

static void assert_output(GBytes *response, const char *path)
{
    g_autoptr(GBytes) result = served_bytes(response, 1);
    g_autoptr(GBytes) file = served_bytes(result, 2);
    g_autoptr(GBytes) name = served_bytes(file, 1);
    g_assert_cmpuint(served_count(result, 2), ==, 1); /* not what was not declared */
    g_assert_cmpmem(g_bytes_get_data(name, NULL), g_bytes_get_size(name), path, strlen(path));
    g_assert_cmpuint(served_number(file, 4), ==, TRUE);
    g_assert_cmpuint(served_number(result, 4), ==, 0);
}

static void test_success(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    const Wish wishes[] = {
        {.what = "run", .text = "1"},
        {.what = "run", .text = "2", .working_directory = "a/b"},
        {.what = "run", .text = "8", .working_directory = "."},
        {.what = "run", .text = "3", .old_fields = TRUE, .output = "out/file"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wishes); i++) {
        SluiceDigest action = put_action(&bench, &wishes[i], &sluice_digest_empty);
        g_autoptr(GBytes) first = run_digest(&bench, &action);
        g_autoptr(GBytes) again = run_digest(&bench, &action);
        assert_output(first, "out/file");
        assert_output(again, "out/file");
        g_assert_false(is_cached(first));
        g_assert_true(is_cached(again));
        g_autoptr(GBytes) found = served_call(&bench.client, GET_RESULT, served_request(2, &action), OK);
        g_assert_cmpint(bench.runs, ==, i + 1);
    }
    SluiceEndpointStats stats = served_stats(bench.endpoint);
    g_assert_cmpuint(stats.executed, ==, G_N_ELEMENTS(wishes));
    bench_close(&bench);
}

/* Failures, what must not be cached, and an endpoint that writes nothing: run each time. */
static void test_not_kept(void)
{
    const struct {
        Wish wish;
        SluiceCacheWrites writes;
        grpc_status_code status;
    } cases[] = {
        {{.what = "fail"}, SLUICE_CACHE_WRITES_EXECUTED, GRPC_STATUS_OK},
        {{.what = "run", .do_not_cache = TRUE}, SLUICE_CACHE_WRITES_EXECUTED, GRPC_STATUS_OK},
        {{.what = "run"}, SLUICE_CACHE_WRITES_OFF, GRPC_STATUS_OK},
        {{.what = "broken"}, SLUICE_CACHE_WRITES_EXECUTED, GRPC_STATUS_INTERNAL},
        {{.what = "slow"}, SLUICE_CACHE_WRITES_EXECUTED, GRPC_STATUS_DEADLINE_EXCEEDED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Bench bench;
        bench_open(&bench, cases[i].writes);
        SluiceDigest action = put_action(&bench, &cases[i].wish, &sluice_digest_empty);
        for (int run = 1; run <= 2; run++) {
            g_autoptr(GBytes) response = run_digest(&bench, &action);
            if (cases[i].status != GRPC_STATUS_OK)
                assert_status(response, cases[i].status);
            else
                g_assert_cmpuint(served_count(response, 3), ==, 0);
            g_assert_false(is_cached(response));
            g_assert_cmpint(bench.runs, ==, run);
        }
        served_call(&bench.client, GET_RESULT, served_request(2, &action), GRPC_STATUS_NOT_FOUND);
        bench_close(&bench);
    }
}

/* What was stopped for what it took: it failed, with a message, and has no outputs. */
static void test_stopped(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    g_autoptr(GBytes) response = run_wish(&bench, &(Wish){.what = "greedy"});
    g_autoptr(GBytes) result = served_bytes(response, 1), message = served_bytes(response, 5);
    g_assert_cmpuint(served_count(response, 3), ==, 0);
    g_assert_cmpuint(served_number(result, 4), ==, 3);
    g_assert_cmpuint(served_count(result, 2), ==, 0);
    g_assert_cmpuint(served_count(result, 6), ==, 1);
    g_assert_cmpmem(g_bytes_get_data(message, NULL), g_bytes_get_size(message), "it wanted too much", 18);
    bench_close(&bench);
}

static void test_timeout(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    g_autoptr(GBytes) allowed = run_wish(&bench, &(Wish){.what = "run", .timeout = LONGEST});
    g_assert_cmpint(bench.timeout_us, ==, LONGEST * G_USEC_PER_SEC);
    g_autoptr(GBytes) without = run_wish(&bench, &(Wish){.what = "run", .text = "without"});
    g_assert_cmpint(bench.timeout_us, ==, LONGEST * G_USEC_PER_SEC);
    SluiceDigest action = put_action(&bench, &(Wish){.what = "run", .timeout = LONGEST + 1}, &sluice_digest_empty);
    served_stream(&bench.client, EXECUTE, served_messages(served_request(6, &action), NULL),
                  GRPC_STATUS_INVALID_ARGUMENT);
    bench_close(&bench);
}

static guint count_missing(GBytes *response)
{
    g_autoptr(GBytes) status = served_bytes(response, 3);
    g_autoptr(GBytes) any = served_bytes(status, 3);
    g_autoptr(GBytes) failure = served_bytes(any, 2);
    assert_status(response, GRPC_STATUS_FAILED_PRECONDITION);
    return served_count(failure, 1);
}

static void test_missing(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    const Wish wish = {.what = "run"};
    SluiceDigest absent = fixture_absent("action"), file = fixture_absent("file"), root = fixture_absent("root");
    GByteArray *directory = g_byte_array_new();
    fixture_put_node(directory, 1, "a", 2, &file);
    fixture_put_node(directory, 2, "b", 2, &root);
    SluiceDigest partial = fixture_put_array(&bench.served.fixture, directory);
    const struct {
        SluiceDigest action;
        guint count;
    } cases[] = {
        {absent, 1},
        {put_action(&bench, &wish, &root), 1},
        {put_action(&bench, &wish, &partial), 2},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) response = run_digest(&bench, &cases[i].action);
        g_assert_cmpuint(count_missing(response), ==, cases[i].count);
    }
    g_assert_cmpint(bench.runs, ==, 0);
    bench_close(&bench);
}

static void test_refused(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    const Wish wishes[] = {
        {.what = "run", .output = "/etc/passwd"},   {.what = "run", .output = "../out"},
        {.what = "run", .output = "a//b"},          {.what = "run", .working_directory = "/"},
        {.what = "run", .working_directory = ".."}, {.what = ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wishes); i++) {
        SluiceDigest action = put_action(&bench, &wishes[i], &sluice_digest_empty);
        served_stream(&bench.client, EXECUTE, served_messages(served_request(6, &action), NULL),
                      GRPC_STATUS_INVALID_ARGUMENT);
    }
    /* names out of order: not canonical */
    GByteArray *directory = g_byte_array_new();
    SluiceDigest file = fixture_put(&bench.served.fixture, "file");
    fixture_put_node(directory, 1, "b", 2, &file);
    fixture_put_node(directory, 1, "../a", 2, &file);
    SluiceDigest root = fixture_put_array(&bench.served.fixture, directory);
    SluiceDigest action = put_action(&bench, &(Wish){.what = "run"}, &root);
    served_stream(&bench.client, EXECUTE, served_messages(served_request(6, &action), NULL),
                  GRPC_STATUS_INVALID_ARGUMENT);
    served_stream(&bench.client, EXECUTE, served_messages(g_byte_array_new(), NULL), GRPC_STATUS_INVALID_ARGUMENT);
    served_stream(&bench.client, WAIT, served_messages(g_byte_array_new(), NULL), GRPC_STATUS_NOT_FOUND);
    g_assert_cmpint(bench.runs, ==, 0);
    bench_close(&bench);
}

typedef struct {
    Bench *bench;
    const SluiceDigest *action;
    RpcClient client;
    int priority;
} Caller;

static gpointer call_in_thread(gpointer data)
{
    Caller *caller = data;
    g_autoptr(GPtrArray) answers =
        served_stream(&caller->client, EXECUTE, served_messages(served_request(6, caller->action), NULL), OK);
    g_autoptr(GBytes) response = response_of(answers);
    g_assert_cmpuint(served_count(response, 1), ==, 1);
    return NULL;
}

/* Four clients want the same: it runs once, and one of them may wait for it by name. */
static void test_merged(void)
{
    Bench bench;
    Caller callers[4];
    GThread *threads[G_N_ELEMENTS(callers)];
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    SluiceDigest action = put_action(&bench, &(Wish){.what = "hold"}, &sluice_digest_empty);
    g_autofree char *address = g_strdup_printf("unix:%s/executing", bench.served.fixture.directory);
    g_mutex_lock(&bench.gate);
    for (gsize i = 0; i < G_N_ELEMENTS(callers); i++) {
        callers[i].bench = &bench;
        callers[i].action = &action;
        rpc_client_open(&callers[i].client, address);
        threads[i] = g_thread_new("caller", call_in_thread, &callers[i]);
    }
    while (!bench.held || served_stats(bench.endpoint).calls < G_N_ELEMENTS(callers))
        g_usleep(1000);
    g_usleep(50000);
    g_mutex_unlock(&bench.gate);
    for (gsize i = 0; i < G_N_ELEMENTS(callers); i++) {
        g_thread_join(threads[i]);
        rpc_client_close(&callers[i].client);
    }
    g_assert_cmpint(bench.runs, ==, 1);
    bench_close(&bench);
}

static void test_wait(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    SluiceDigest action = put_action(&bench, &(Wish){.what = "run"}, &sluice_digest_empty);
    g_autoptr(GPtrArray) answers =
        served_stream(&bench.client, EXECUTE, served_messages(served_request(6, &action), NULL), OK);
    g_autoptr(GBytes) name = served_bytes(answers->pdata[0], 1);
    GByteArray *request = g_byte_array_new();
    sluice_wire_put_bytes(request, 1, g_bytes_get_data(name, NULL), g_bytes_get_size(name));
    g_autoptr(GPtrArray) again = served_stream(&bench.client, WAIT, served_messages(request, NULL), OK);
    g_autoptr(GBytes) response = response_of(again);
    assert_output(response, "out/file");
    bench_close(&bench);
}

/* The client goes before there is an answer. */
static void run_and_go(Bench *bench, const SluiceDigest *action)
{
    g_auto(RpcResult) result = {0};
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_ptr_array_add(messages, g_byte_array_free_to_bytes(served_request(6, action)));
    rpc_call(&bench->client, EXECUTE, messages, FALSE, 200, &result);
}

/* A client that goes and comes back finds what it wanted still running. */
static void test_comes_back(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    SluiceDigest action = put_action(&bench, &(Wish){.what = "hold"}, &sluice_digest_empty);
    g_autofree char *address = g_strdup_printf("unix:%s/executing", bench.served.fixture.directory);
    Caller caller = {.bench = &bench, .action = &action};
    rpc_client_open(&caller.client, address);
    g_mutex_lock(&bench.gate);
    run_and_go(&bench, &action);
    while (!bench.held)
        g_usleep(1000);
    GThread *thread = g_thread_new("caller", call_in_thread, &caller);
    while (served_stats(bench.endpoint).calls < 2)
        g_usleep(1000);
    g_usleep(50000);
    g_mutex_unlock(&bench.gate);
    g_thread_join(thread);
    rpc_client_close(&caller.client);
    g_assert_cmpint(bench.runs, ==, 1);
    bench_close(&bench);
}

static gpointer run_with_priority(gpointer data)
{
    Caller *caller = data;
    GByteArray *request = served_request(6, caller->action);
    g_autoptr(GByteArray) policy = g_byte_array_new();
    sluice_wire_put_varint(policy, 1, (uint64_t)(int64_t)caller->priority);
    sluice_wire_put_bytes(request, 7, policy->data, policy->len);
    g_autoptr(GPtrArray) answers = served_stream(&caller->client, EXECUTE, served_messages(request, NULL), OK);
    g_assert_cmpuint(answers->len, ==, 3); /* queued, executing, completed */
    return NULL;
}

/* Of two threads, one never comes back; what waits for the other is sorted. */
static void test_priority(void)
{
    Bench bench;
    const int priorities[] = {5, 0, -5};
    static const char *const names[] = {"last", "middle", "first"};
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    SluiceDigest forever = put_action(&bench, &(Wish){.what = "forever", .text = "a"}, &sluice_digest_empty);
    SluiceDigest hold = put_action(&bench, &(Wish){.what = "hold", .text = "b"}, &sluice_digest_empty);
    SluiceDigest actions[G_N_ELEMENTS(names)];
    Caller callers[G_N_ELEMENTS(names)];
    GThread *threads[G_N_ELEMENTS(names)];
    g_autofree char *address = g_strdup_printf("unix:%s/executing", bench.served.fixture.directory);
    g_mutex_lock(&bench.gate);
    run_and_go(&bench, &forever);
    run_and_go(&bench, &hold);
    while (bench.runs < 2)
        g_usleep(1000);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        actions[i] = put_action(&bench, &(Wish){.what = "run", .text = names[i]}, &sluice_digest_empty);
        callers[i] = (Caller){.bench = &bench, .action = &actions[i], .priority = priorities[i]};
        rpc_client_open(&callers[i].client, address);
        threads[i] = g_thread_new("caller", run_with_priority, &callers[i]);
    }
    g_usleep(200000);
    g_mutex_unlock(&bench.gate);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_thread_join(threads[i]);
        rpc_client_close(&callers[i].client);
    }
    g_mutex_lock(&bench.lock);
    g_assert_cmpstr(bench.order->str, ==, "a b first middle last ");
    g_mutex_unlock(&bench.lock);
    bench_close(&bench);
}

static void test_inlined(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    SluiceDigest action = put_action(&bench, &(Wish){.what = "run", .text = "words"}, &sluice_digest_empty);
    for (int run = 0; run < 2; run++) { /* executed, then from the cache */
        GByteArray *request = served_request(6, &action);
        sluice_wire_put_varint(request, 10, TRUE);
        sluice_wire_put_string(request, 12, "out/file");
        g_autoptr(GPtrArray) answers = served_stream(&bench.client, EXECUTE, served_messages(request, NULL), OK);
        g_autoptr(GBytes) response = response_of(answers), result = served_bytes(response, 1);
        g_autoptr(GBytes) said = served_bytes(result, 5), file = served_bytes(result, 2), held = served_bytes(file, 5);
        g_assert_cmpmem(g_bytes_get_data(said, NULL), g_bytes_get_size(said), "words", 5);
        g_assert_cmpmem(g_bytes_get_data(held, NULL), g_bytes_get_size(held), "words", 5);
        g_assert_true(is_cached(response) == (run == 1));
    }
    /* what is kept is not changed by it */
    g_autoptr(GBytes) found = served_call(&bench.client, GET_RESULT, served_request(2, &action), OK);
    g_assert_cmpuint(served_count(found, 5), ==, 0);
    bench_close(&bench);
}

static void test_formats(void)
{
    enum { TREE_ONLY, DIRECTORY_ONLY, BOTH };
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    for (unsigned format = TREE_ONLY; format <= BOTH; format++) {
        g_autoptr(GBytes) response = run_wish(&bench, &(Wish){.what = "run", .output = "out", .format = format});
        g_autoptr(GBytes) result = served_bytes(response, 1), directory = served_bytes(result, 3);
        g_assert_cmpuint(served_count(directory, 3), ==, format != DIRECTORY_ONLY);
        g_assert_cmpuint(served_count(directory, 5), ==, 1);
    }
    bench_close(&bench);
}

/* All times are there, and in order. */
static void test_metadata(void)
{
    static const uint32_t in_order[] = {2, 3, 5, 6, 7, 8, 9, 10, 4};
    Bench bench;
    uint64_t last = 0;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    g_autoptr(GBytes) response = run_wish(&bench, &(Wish){.what = "run"});
    g_autoptr(GBytes) result = served_bytes(response, 1), metadata = served_bytes(result, 9);
    g_assert_cmpuint(served_count(metadata, 1), ==, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(in_order); i++) {
        g_autoptr(GBytes) time = served_bytes(metadata, in_order[i]);
        uint64_t nanos = served_number(time, 1) * 1000000000 + served_number(time, 2);
        g_assert_cmpuint(nanos, >=, last);
        last = nanos;
    }
    g_assert_cmpuint(served_count(metadata, 11), ==, 0);
    g_assert_cmpuint(served_count(metadata, 12), ==, 1);
    bench_close(&bench);
}

/* A client that goes ends what nobody else wants. */
static void test_cancelled(void)
{
    Bench bench;
    bench_open(&bench, SLUICE_CACHE_WRITES_EXECUTED);
    bench.served.bridge->execution_patience = 10;
    SluiceDigest action = put_action(&bench, &(Wish){.what = "forever"}, &sluice_digest_empty);
    run_and_go(&bench, &action);
    while (bench.cancelled == 0)
        g_usleep(1000);
    g_assert_cmpint(bench.runs, ==, 1);
    /* one that runs while the endpoint closes is ended, too */
    bench.held = FALSE;
    g_autoptr(GBytes) ran = run_wish(&bench, &(Wish){.what = "run"});
    bench_close(&bench);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/execution/capabilities", test_capabilities);
    g_test_add_func("/execution/success", test_success);
    g_test_add_func("/execution/not-kept", test_not_kept);
    g_test_add_func("/execution/stopped", test_stopped);
    g_test_add_func("/execution/timeout", test_timeout);
    g_test_add_func("/execution/missing", test_missing);
    g_test_add_func("/execution/refused", test_refused);
    g_test_add_func("/execution/merged", test_merged);
    g_test_add_func("/execution/wait", test_wait);
    g_test_add_func("/execution/comes-back", test_comes_back);
    g_test_add_func("/execution/priority", test_priority);
    g_test_add_func("/execution/inlined", test_inlined);
    g_test_add_func("/execution/formats", test_formats);
    g_test_add_func("/execution/metadata", test_metadata);
    g_test_add_func("/execution/cancelled", test_cancelled);
    return g_test_run();
}
