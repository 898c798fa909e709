/* The configuration of recc: what was seen of recc 1.4.16 itself, and mistakes. */
#include "recc-config.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ReccConfig *of_text(const char *text)
{
    ReccConfig *config = recc_config_new();
    g_assert_true(recc_config_add_file(config, "conf", text, strlen(text), NULL));
    return config;
}

static void check_refused(const char *text, gsize length, const char *message)
{
    g_autoptr(ReccConfig) config = recc_config_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(recc_config_add_file(config, "conf", text, length, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_null(recc_config_text(config, "ACTION_SALT"));
}

static void test_lines(void)
{
    static const struct {
        const char *text, *salt;
    } rows[] = {
        {"action_salt=a\n", "a"},
        {"action_salt=a", "a"},
        {"ACTION_SALT=a", "a"},
        {"Action_Salt=a", "a"},
        {"action_salt=one\naction_salt=two", "two"},
        {"action_salt=a=b", "a=b"},
        {"action_salt= a # no comment ", " a # no comment "},
        {"action_salt=\"a\"", "\"a\""},
        {"action_salt=a\r\n", "a\r"},
        {"action_salt=\n", ""},
        {"# action_salt=a\n\n  # c\n \t\n", NULL},
        {"action_salt =a", NULL},
        {" action_salt=a", NULL},
        {"RECC_ACTION_SALT=a", NULL},
        {"frobnicate=a\n=b\n", NULL},
        {"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ReccConfig) config = of_text(rows[i].text);
        g_assert_cmpstr(recc_config_text(config, "ACTION_SALT"), ==, rows[i].salt);
    }
}

static void test_kinds(void)
{
    g_autoptr(ReccConfig) config = of_text(
        "cache_only=0\nlink=false\nskip_cache=\nretry_limit=-3\nretry_delay=\nenv_to_read=A,,B,\n"
        "remote_platform_OSFamily=linux\nRemote_Platform_ISA=x86-64\nremote_platform_none=\nremote_platform_=x\n"
        "compile_remote_platform_k=v\n");
    g_auto(GStrv) list = recc_config_list(config, "ENV_TO_READ"), none = recc_config_list(config, "DEPS_EXCLUDE_PATHS");
    g_autoptr(GPtrArray) map = recc_config_map(config, "REMOTE_PLATFORM");
    g_autoptr(GPtrArray) compile = recc_config_map(config, "COMPILE_REMOTE_PLATFORM");
    const char *const wanted[] = {"ISA", "x86-64", "OSFamily", "linux"};
    g_assert_true(recc_config_is_on(config, "CACHE_ONLY") && recc_config_is_on(config, "LINK"));
    g_assert_false(recc_config_is_on(config, "SKIP_CACHE") || recc_config_is_on(config, "VERIFY"));
    g_assert_cmpint(recc_config_number(config, "RETRY_LIMIT", 7), ==, -3);
    g_assert_cmpint(recc_config_number(config, "RETRY_DELAY", 7), ==, 7);
    g_assert_cmpint(recc_config_number(config, "KEEPALIVE_TIME", 7), ==, 7);
    g_assert_cmpuint(g_strv_length(list), ==, 2);
    g_assert_cmpstr(list[1], ==, "B");
    g_assert_cmpuint(g_strv_length(none), ==, 0);
    g_assert_cmpuint(map->len, ==, G_N_ELEMENTS(wanted));
    for (guint i = 0; i < map->len; i++)
        g_assert_cmpstr(g_ptr_array_index(map, i), ==, wanted[i]);
    g_assert_cmpuint(compile->len, ==, 2);
}

static void test_bad(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"action_salt=a\n\ngarbage\n", "conf:3: \"garbage\" is not name=value"},
        {"action_salt=a\ngar\tbage\x01", "conf:2: \"gar\\tbage\\001\" is not name=value"},
        {"action_salt=a\nretry_limit=abc", "conf:2: \"abc\" is not a number"},
        {"action_salt=a\nretry_limit=3 ", "conf:2: \"3 \" is not a number"},
        {"action_salt=a\nretry_limit=99999999999999999999", "conf:2: \"99999999999999999999\" is not a number"},
        {"reapi_version=2.0", "conf:1: \"2.0\" is not 2.1 to 2.12"},
        {"reapi_version=2.13", "conf:1: \"2.13\" is not 2.1 to 2.12"},
        {"reapi_version=2.01", "conf:1: \"2.01\" is not 2.1 to 2.12"},
        {"reapi_version=3", "conf:1: \"3\" is not 2.1 to 2.12"},
        {"cas_digest_function=SHA1", "conf:1: \"SHA1\" is not SHA256"},
        {"prefix_map=/a=/b:/c", "conf:1: \"/a=/b:/c\" is not /PATH=/PATH, with colons between several"},
        {"prefix_map=a=/b", "conf:1: \"a=/b\" is not /PATH=/PATH, with colons between several"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        check_refused(rows[i].text, strlen(rows[i].text), rows[i].message);
    check_refused("action_salt=a\nlink=\0", 20, "conf:2: there is a NUL in it");
    g_autoptr(ReccConfig) good =
        of_text("reapi_version=2.12\ncas_digest_function=sha256\nprefix_map=/a=/b:/c=/d\nretry_limit=");
    g_assert_cmpstr(recc_config_text(good, "REAPI_VERSION"), ==, "2.12");
}

static void test_many(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(ReccConfig) config = recc_config_new();
    g_autoptr(GError) error = NULL;
    for (int i = 0; i <= RECC_CONFIG_SETTINGS_MAX; i++)
        g_string_append_printf(text, "remote_env_%d=x\n", i);
    g_assert_false(recc_config_add_file(config, "conf", text->str, text->len, &error));
    g_assert_cmpstr(error->message, ==, "conf: there are more than 10000 settings");
}

static void test_environment(void)
{
    char *environment[] = {(char *)"RECC_ACTION_SALT=env", (char *)"RECC_INSTANCE=", (char *)"RECC_REMOTE_PLATFORM_a=1",
                           (char *)"ACTION_SALT=no",       (char *)"RECC_LINK",      NULL};
    char *bad[] = {(char *)"RECC_MAX_THREADS=many", NULL};
    const char *file = "action_salt=file\ninstance=file\nverify=1\n";
    g_autoptr(ReccConfig) config = recc_config_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(recc_config_add_environment(config, environment, NULL));
    g_assert_true(recc_config_add_file(config, "conf", file, strlen(file), NULL));
    g_assert_cmpstr(recc_config_text(config, "ACTION_SALT"), ==, "env");
    g_assert_cmpstr(recc_config_text(config, "INSTANCE"), ==, "");
    g_assert_true(recc_config_is_on(config, "VERIFY"));
    g_assert_false(recc_config_is_on(config, "LINK"));
    g_assert_false(recc_config_add_environment(config, bad, &error));
    g_assert_cmpstr(error->message, ==, "RECC_MAX_THREADS: \"many\" is not a number");
}

static void test_notes(void)
{
    g_autoptr(ReccConfig) config = of_text("verbose=1\nlog_level=\nserver=x\nuse_jobserver=1\nverbose=2\n");
    GPtrArray *notes = recc_config_notes(config);
    g_assert_cmpuint(notes->len, ==, 2);
    g_assert_true(g_str_has_prefix(g_ptr_array_index(notes, 0), "conf:4: RECC_USE_JOBSERVER has no effect: "));
    g_assert_true(g_str_has_prefix(g_ptr_array_index(notes, 1), "conf:5: RECC_VERBOSE has no effect: "));
}

static void test_table(void)
{
    gsize count;
    const ReccVariable *all = recc_variables(&count);
    for (gsize i = 0; i < count; i++) {
        g_autofree char *name = g_strconcat(all[i].name, all[i].kind == RECC_MAP ? "_x" : "", NULL);
        g_assert_true(recc_variable_find(name) == &all[i]);
        g_assert_cmpstr(all[i].meaning, !=, "");
        if (i > 0)
            g_assert_cmpstr(all[i - 1].name, <, all[i].name);
    }
    g_assert_null(recc_variable_find("REMOTE_PLATFORM"));
    g_assert_null(recc_variable_find("REMOTE_PLATFORM_"));
    g_assert_null(recc_variable_find("LINKS"));
    g_assert_null(recc_variable_find(""));
}

/* Files, in a directory of its own as "/". */

typedef struct {
    char *root;
    int root_fd, cwd_fd;
} Files;

static void put(Files *files, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(files->root, name, NULL);
    g_autofree char *directory = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void set_up(Files *files, gconstpointer data)
{
    files->root = g_dir_make_tmp("recc-config-XXXXXX", NULL);
    files->root_fd = open(files->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(mkdirat(files->root_fd, "w", 0755), ==, 0);
    files->cwd_fd = openat(files->root_fd, "w", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void tear_down(Files *files, gconstpointer data)
{
    const char *argv[] = {"rm", "-rf", files->root, NULL};
    close(files->cwd_fd);
    close(files->root_fd);
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(files->root);
}

static ReccConfig *load(Files *files, GError **error)
{
    char *environment[] = {(char *)"HOME=/home/u", (char *)"RECC_CONFIG_DIRECTORY=/cfg", NULL};
    return recc_config_load(environment, files->cwd_fd, files->root_fd, error);
}

static void test_precedence(Files *files, gconstpointer data)
{
    const char *const places[] = {"etc/recc", "home/u/.recc", "cfg", "w/recc"};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *file = g_build_filename(places[i], "recc.conf", NULL);
        g_autofree char *text = g_strdup_printf("action_salt=%s\nremote_env_%zu=x\n", places[i], i);
        put(files, file, text);
        g_autoptr(ReccConfig) config = load(files, NULL);
        g_autoptr(GPtrArray) map = recc_config_map(config, "REMOTE_ENV");
        g_assert_cmpstr(recc_config_text(config, "ACTION_SALT"), ==, places[i]);
        g_assert_cmpuint(map->len, ==, 2 * (i + 1)); /* each setting by itself */
    }
}

static void test_files_bad(Files *files, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *large = g_strnfill(RECC_CONFIG_FILE_MAX + 1, '\n');
    put(files, "secret", "action_salt=secret");
    g_assert_cmpint(mkdirat(files->cwd_fd, "recc", 0755), ==, 0);
    g_assert_cmpint(symlinkat("../../secret", files->cwd_fd, "recc/recc.conf"), ==, 0);
    g_autoptr(ReccConfig) config = load(files, NULL);
    g_assert_null(recc_config_text(config, "ACTION_SALT"));
    g_assert_cmpint(unlinkat(files->cwd_fd, "recc/recc.conf", 0), ==, 0);
    g_assert_cmpint(mkfifoat(files->cwd_fd, "recc/recc.conf", 0644), ==, 0);
    g_assert_null(load(files, &error));
    g_assert_cmpstr(error->message, ==, "recc/recc.conf: it is not a file");
    g_clear_error(&error);
    g_assert_cmpint(unlinkat(files->cwd_fd, "recc/recc.conf", 0), ==, 0);
    put(files, "w/recc/recc.conf", large);
    g_assert_null(load(files, &error));
    g_assert_cmpstr(error->message, ==, "recc/recc.conf: it is larger than 1048576 bytes");
    g_clear_error(&error);
    put(files, "w/recc/recc.conf", "link=1\nbad\n");
    g_assert_null(load(files, &error));
    g_assert_cmpstr(error->message, ==, "recc/recc.conf:2: \"bad\" is not name=value");
}

static void test_paths(void)
{
    char *full[] = {(char *)"HOME=/h", (char *)"RECC_CONFIG_DIRECTORY=c", NULL}, *none[] = {(char *)"HOME=h", NULL};
    g_auto(GStrv) paths = recc_config_paths(full), fewer = recc_config_paths(none);
    g_autofree char *all = g_strjoinv(" ", paths), *two = g_strjoinv(" ", fewer);
    g_assert_cmpstr(all, ==, "recc/recc.conf c/recc.conf /h/.recc/recc.conf /etc/recc/recc.conf");
    g_assert_cmpstr(two, ==, "recc/recc.conf /etc/recc/recc.conf");
    g_autoptr(ReccConfig) config = recc_config_load(none, -1, -1, NULL);
    g_assert_nonnull(config);
}

static void test_treated(void)
{
    g_auto(GStrv) environment =
        g_strsplit("PATH=/bin RECC_SERVER=grpc://a:1 RECC_NO_EXECUTE= RECC_PASSTHROUGH=0 RECC_ACTION_SALT=s "
                   "RECC_INSTANCE= RECC_UNKNOWN=1",
                   " ", -1);
    g_auto(GStrv) passes = recc_variables_dup(environment, RECC_PASSES);
    g_auto(GStrv) servers = recc_variables_dup(environment, RECC_REMOTE_ONLY);
    g_assert_true(g_strv_equal((const char *const *)passes, (const char *const[]){"RECC_PASSTHROUGH=0", NULL}));
    g_assert_true(g_strv_equal((const char *const *)servers, (const char *const[]){"RECC_SERVER=grpc://a:1", NULL}));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recc-config/lines", test_lines);
    g_test_add_func("/recc-config/kinds", test_kinds);
    g_test_add_func("/recc-config/bad", test_bad);
    g_test_add_func("/recc-config/many", test_many);
    g_test_add_func("/recc-config/environment", test_environment);
    g_test_add_func("/recc-config/notes", test_notes);
    g_test_add_func("/recc-config/table", test_table);
    g_test_add_func("/recc-config/paths", test_paths);
    g_test_add("/recc-config/precedence", Files, NULL, set_up, test_precedence, tear_down);
    g_test_add("/recc-config/files/bad", Files, NULL, set_up, test_files_bad, tear_down);
    g_test_add_func("/recc-config/treated", test_treated);
    return g_test_run();
}
