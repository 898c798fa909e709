/* test-user-config.c - the user's configuration: values, sizes, and what is refused with its place */
#include "user-config.h"
#include <string.h>
#include <unistd.h>

static UserConfig *parse(const char *text, GError **error)
{
    return user_config_parse("user.conf", text, strlen(text), error);
}

static void test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UserConfig) config = parse("", &error);
    g_assert_no_error(error);
    g_assert_cmpint(config->fetchers, ==, 10);
    g_assert_cmpint(config->builders, ==, 4);
    g_assert_cmpint(config->network_retries, ==, 2);
    g_assert_cmpint(config->on_error, ==, ON_ERROR_QUIT);
    g_assert_cmpstr(config->dependencies, ==, "run");
    g_assert_false(config->has_quota);
}

static void test_values(void)
{
    g_setenv("SLUICE_TEST_PLACE", "/somewhere", TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(UserConfig) config = parse("cachedir: ${SLUICE_TEST_PLACE}/cache\n"
                                         "logdir: $SLUICE_TEST_PLACE/$SLUICE_NOT_SET\n"
                                         "cache:\n  quota: 20G\n  cache-buildtrees: always\n"
                                         "scheduler:\n  builders: 2\n  on-error: continue\n"
                                         "build:\n  dependencies: all\n  retry-failed: True\n"
                                         "logging:\n  key-length: 12\n  verbose: False\n"
                                         "projects:\n  some:\n    strict: False\n",
                                         &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->cachedir, ==, "/somewhere/cache");
    g_assert_cmpstr(config->logdir, ==, "/somewhere/$SLUICE_NOT_SET");
    g_assert_cmpuint(config->quota, ==, 20ull << 30);
    g_assert_cmpint(config->buildtrees, ==, BUILDTREES_ALWAYS);
    g_assert_cmpint(config->builders, ==, 2);
    g_assert_cmpint(config->on_error, ==, ON_ERROR_CONTINUE);
    g_assert_cmpstr(config->dependencies, ==, "all");
    g_assert_true(config->retry_failed);
    g_assert_cmpint(config->key_length, ==, 12);
    g_assert_false(config->verbose);
}

static void test_execution(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UserConfig) config =
        parse("execution:\n  audit-hits: 7\n  limits:\n    processes: 100\n    memory: infinity\n"
              "    disk: 1%\n    output: 0\n    timeout: 0\n    free-space: 1G\n",
              &error);
    g_assert_no_error(error);
    SluiceSandboxLimits limits;
    execution_policy_get_limits(&config->execution, "/", &limits);
    g_assert_cmpint(config->execution.timeout, ==, 0);
    g_assert_cmpint(config->execution.audit_hits, ==, 7);
    g_assert_cmpuint(limits.processes, ==, 100);
    g_assert_cmpuint(limits.memory, ==, 0);
    g_assert_cmpuint(limits.disk, ==, size_of_disk_share("/", 1));
    g_assert_cmpuint(limits.output, ==, 0);
    g_assert_cmpuint(limits.free_space, ==, 1u << 30);
    g_assert_cmpuint(limits.files, ==, 1000000); /* the default */
    execution_policy_init(&config->execution);
    execution_policy_get_limits(&config->execution, "/", &limits);
    g_assert_cmpuint(limits.memory, >, 1u << 20);
}

static void test_clusters(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UserConfig) config =
        parse("cache:\n  storage-service:\n    url: http://general:1\n"
              "projects:\n  own:\n    remote-execution:\n      storage-service:\n        url: http://own:2\n"
              "      action-cache-service:\n        url: http://own:3\n  plain:\n    strict: False\n",
              &error);
    g_assert_no_error(error);
    const ClusterConfig *general = user_config_get_cluster(config, NULL), *own = user_config_get_cluster(config, "own");
    g_assert_cmpstr(general->storage.url, ==, "http://general:1");
    g_assert_cmpstr(general->action_cache.url, ==, "http://general:1");
    g_assert_true(user_config_get_cluster(config, "plain") == general);
    g_assert_true(user_config_get_cluster(config, "other") == general);
    g_assert_cmpstr(own->storage.url, ==, "http://own:2");
    g_assert_cmpstr(own->action_cache.url, ==, "http://own:3");
}

static void test_refused(void)
{
    static const struct {
        const char *text, *where, *reason;
    } cases[] = {
        {"bilders: 3\n", "user.conf [line 1 column 9]", "INVALID_DATA"},
        {"scheduler:\n  bilders: 3\n", "user.conf [line 2 column 11]", "INVALID_DATA"},
        {"scheduler:\n  builders: many\n", "user.conf [line 2 column 12]", "INVALID_DATA"},
        {"scheduler:\n  builders: 0\n", "user.conf [line 2 column 12]", "INVALID_DATA"},
        {"scheduler:\n  on-error: panic\n", "user.conf [line 2 column 12]", "INVALID_DATA"},
        {"cache:\n  quota: much\n", "user.conf [line 2 column 9]", "INVALID_DATA"},
        {"execution:\n  audit-hits: 101\n", "user.conf [line 2 column 14]", "INVALID_DATA"},
        {"execution:\n  audit-hits: -1\n", "user.conf [line 2 column 14]", "INVALID_DATA"},
        {"execution:\n  audit-hits: some\n", "user.conf [line 2 column 14]", "INVALID_DATA"},
        {"execution:\n  limits:\n    processes: -1\n", "user.conf [line 3 column 15]", "INVALID_DATA"},
        {"execution:\n  limits:\n    memory: much\n", "user.conf [line 3 column 12]", "INVALID_DATA"},
        {"execution:\n  limits:\n    output: 5%\n", "user.conf [line 3 column 12]", "INVALID_DATA"},
        {"execution:\n  limits:\n    colour: 5\n", "user.conf [line 3 column 12]", "INVALID_DATA"},
        {"cache: [1]\n", "user.conf [line 1 column 7]", "INVALID_DATA"},
        {"build:\n  dependencies: build\n", "user.conf [line 2 column 16]", "INVALID_DATA"},
        {"logging: {\n", NULL, "INVALID_YAML"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(parse(cases[i].text, &error));
        g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_LOAD);
        g_assert_cmpstr(error_get_reason(error), ==, cases[i].reason);
        if (cases[i].where)
            g_assert_cmpstr(error_get_provenance(error), ==, cases[i].where);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(user_config_load("sluice", "/nonexistent/sluice.conf", &error));
    g_assert_cmpstr(error_get_reason(error), ==, "MISSING_FILE");
}

/* The directory of a cache that BuildStream uses as well is told by the file's name, whoever names the file. */
static void test_foreign(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("sluice-config-XXXXXX", &error);
    g_assert_no_error(error);
    static const char *const names[] = {"buildstream.conf", "sluice.conf"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        g_assert_true(g_file_set_contents(path, "cachedir: /somewhere\n", -1, &error));
        g_autoptr(UserConfig) config = user_config_load("sluice", path, &error);
        g_assert_no_error(error);
        g_assert_cmpint(config->foreign, ==, i == 0);
        g_assert_cmpint(unlink(path), ==, 0);
    }
    g_assert_cmpint(rmdir(directory), ==, 0);
}

static void test_sizes(void)
{
    static const struct {
        const char *text;
        gboolean valid;
        guint64 bytes;
        guint percent;
    } cases[] = {
        {"infinity", TRUE, 0, 0},
        {"1", TRUE, 1, 0},
        {"10k", TRUE, 10240, 0},
        {"3M", TRUE, 3 << 20, 0},
        {"2T", TRUE, 2ull << 40, 0},
        {"50%", TRUE, 0, 50},
        {"101%", FALSE},
        {"0%", FALSE},
        {"0", FALSE},
        {"", FALSE},
        {"-1", FALSE},
        {"1.5G", FALSE},
        {"10KB", FALSE},
        {"99999999999T", FALSE},
        {"lots", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint64 bytes;
        guint percent;
        g_assert_cmpint(size_parse(cases[i].text, &bytes, &percent), ==, cases[i].valid);
        if (!cases[i].valid)
            continue;
        g_assert_cmpuint(bytes, ==, cases[i].bytes);
        g_assert_cmpuint(percent, ==, cases[i].percent);
    }
    g_assert_cmpuint(size_of_disk_share("/nonexistent/below", 50), >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/user-config/defaults", test_defaults);
    g_test_add_func("/user-config/values", test_values);
    g_test_add_func("/user-config/execution", test_execution);
    g_test_add_func("/user-config/clusters", test_clusters);
    g_test_add_func("/user-config/refused", test_refused);
    g_test_add_func("/user-config/foreign", test_foreign);
    g_test_add_func("/user-config/sizes", test_sizes);
    return g_test_run();
}
