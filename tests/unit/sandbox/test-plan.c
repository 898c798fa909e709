/* Plans: golden texts, the way there and back as bytes, and what is refused. */
#include "plan.h"
#include "sandbox-limits.h"

#include <string.h>

static void ignore_listener(int fd, gpointer data)
{
}

static const SandboxPlace place = {.join = TRUE,
                                   .work = "/store/tmp/1/sandbox-1",
                                   .lower = "/store/trees/abc-12",
                                   .serial = 3,
                                   .bwrap = "/usr/bin/bwrap"};

static SluiceSandboxCommand simple_command(void)
{
    static const char *const argv[] = {"make", "all", NULL};
    return (SluiceSandboxCommand){.argv = argv, .cwd = "/build", .uid = 1000, .gid = 1001};
}

static void expect_text(const SandboxPlace *where, const SluiceSandboxCommand *command, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SandboxPlan) plan = sandbox_plan_for_command(where, command, &error);
    g_assert_no_error(error);
    g_autofree char *got = sandbox_plan_to_text(plan);
    g_assert_cmpstr(got, ==, text);
}

static void test_simple(void)
{
    SluiceSandboxCommand command = simple_command();
    expect_text(&place, &command,
                "namespaces join\n"
                "network none\n"
                "work /store/tmp/1/sandbox-1\n"
                "lower /store/trees/abc-12\n"
                "overlay overlay-3\n"
                "root writable\n"
                "dev /dev\n"
                "proc /proc\n"
                "tmpfs /tmp\n"
                "directory /build\n"
                "identity 1000 1001\n"
                "hostname sluice\n"
                "session same\n"
                "environment\n"
                "launch /usr/bin/bwrap make all\n");
}

static void test_everything(void)
{
    static const char *const envp[] = {"PATH=/usr/bin", "TEXT=two words\n", "EMPTY=", NULL};
    static const char *const writable[] = {"/build", "/install root", NULL};
    static const SluiceSandboxBind binds[] = {{"/run/socket", "/tmp/api.sock", FALSE},
                                              {"/etc/hosts", "/etc/hosts", TRUE}};
    static const char *const argv[] = {"sh", "-c", "echo \"$1\"", "grün", "", NULL};
    SluiceSandboxCommand command = simple_command();
    command.argv = argv;
    command.envp = envp;
    command.root_read_only = TRUE;
    command.writable = writable;
    command.binds = binds;
    command.n_binds = G_N_ELEMENTS(binds);
    command.loopback_port = 8080;
    command.listener = ignore_listener;
    command.new_session = TRUE;
    SandboxPlace other = place;
    other.join = FALSE;
    expect_text(&other, &command,
                "namespaces new\n"
                "network none\n"
                "listen 8080\n"
                "work /store/tmp/1/sandbox-1\n"
                "lower /store/trees/abc-12\n"
                "overlay overlay-3\n"
                "root read-only\n"
                "dev /dev\n"
                "proc /proc\n"
                "tmpfs /tmp\n"
                "writable /build\n"
                "writable \"/install root\"\n"
                "bind /run/socket /tmp/api.sock writable\n"
                "bind /etc/hosts /etc/hosts read-only\n"
                "directory /build\n"
                "identity 1000 1001\n"
                "hostname sluice\n"
                "session new\n"
                "environment PATH=/usr/bin \"TEXT=two words\\n\" EMPTY=\n"
                "launch /usr/bin/bwrap sh -c \"echo \\\"$1\\\"\" \"gr\\303\\274n\" \"\"\n");
}

static void test_limits(void)
{
    SluiceSandboxCommand command = simple_command();
    command.limits = (SluiceSandboxLimits){.processes = 1, .disk = G_MAXUINT64, .free_space = 3};
    g_autoptr(SandboxPlan) plan = sandbox_plan_for_command(&place, &command, NULL);
    g_autofree char *text = sandbox_plan_to_text(plan);
    g_assert_true(g_str_has_prefix(text, "limits 1 0 18446744073709551615 0 0 3\nnamespaces join\n"));
}

static void test_base(void)
{
    SluiceSandboxCommand command = simple_command();
    SandboxPlace below = place;
    below.base = "/store/trees/def-34";
    below.place = "/sluice/action";
    g_autoptr(SandboxPlan) plan = sandbox_plan_for_command(&below, &command, NULL);
    g_autofree char *text = sandbox_plan_to_text(plan);
    g_assert_nonnull(strstr(text, "\noverlay overlay-3\nbase /store/trees/def-34 /sluice/action\ndev /dev\n"));
}

static void test_network(void)
{
    SluiceSandboxCommand command = simple_command();
    command.network = TRUE;
    g_autoptr(SandboxPlan) plan = sandbox_plan_for_command(&place, &command, NULL);
    g_autofree char *text = sandbox_plan_to_text(plan);
    g_assert_nonnull(strstr(text, "\nnetwork host\n"));
}

static void test_bytes(void)
{
    static const char *const odd[] = {"", "a\nb", "\xff\xfe", "namespaces", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(SandboxPlan) plan = sandbox_plan_new();
    sandbox_plan_add(plan, SANDBOX_OP_WORK, "/w");
    sandbox_plan_addv(plan, SANDBOX_OP_ENVIRONMENT, odd);
    sandbox_plan_add(plan, SANDBOX_OP_BIND, "/s", "/t", "writable");
    g_autoptr(GBytes) bytes = sandbox_plan_encode(plan);
    gsize length = 0;
    const char *data = g_bytes_get_data(bytes, &length);
    g_autoptr(SandboxPlan) again = sandbox_plan_decode(data, length, &error);
    g_assert_no_error(error);
    g_autofree char *first = sandbox_plan_to_text(plan), *second = sandbox_plan_to_text(again);
    g_assert_cmpstr(first, ==, second);
    /* Cut anywhere, it is a shorter plan or an error, never a crash. */
    for (gsize cut = 0; cut < length; cut++) {
        g_autoptr(SandboxPlan) part = sandbox_plan_decode(data, cut, NULL);
        g_assert_true(part == NULL || part->ops->len < plan->ops->len);
    }
}

static void expect_undecodable(const char *data, gsize length, const char *problem)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sandbox_plan_decode(data, length, &error));
    g_assert_error(error, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_SETUP);
    g_assert_nonnull(strstr(error->message, problem));
}

static void test_bad_bytes(void)
{
#define EXPECT(text, problem) expect_undecodable(text, sizeof text - 1, problem)
    EXPECT("", "not of this version");
    EXPECT("sluice-plan 2\0", "not of this version");
    EXPECT("sluice-plan 1", "not of this version");
    EXPECT("sluice-plan 1\0explode\0"
           "0\0",
           "unknown operation explode");
    EXPECT("sluice-plan 1\0work\0"
           "2\0a\0b\0",
           "wrong number of arguments for work");
    EXPECT("sluice-plan 1\0work\0-1\0", "wrong number");
    EXPECT("sluice-plan 1\0environment\0"
           "4000000000\0a\0",
           "cut off");
    EXPECT("sluice-plan 1\0environment\0"
           "3\0a\0b\0",
           "cut off");
    EXPECT("sluice-plan 1\0work\0"
           "1\0abc",
           "cut off");
#undef EXPECT
    g_autoptr(SandboxPlan) plan = sandbox_plan_new();
    for (unsigned i = 0; i <= SANDBOX_PLAN_OPS_MAX; i++)
        sandbox_plan_add(plan, SANDBOX_OP_WORK, "w");
    g_autoptr(GBytes) bytes = sandbox_plan_encode(plan);
    expect_undecodable(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "more than");
}

static void expect_refused(const SluiceSandboxCommand *command, const char *problem)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sandbox_plan_for_command(&place, command, &error));
    g_assert_error(error, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_SETUP);
    if (strstr(error->message, problem) == NULL)
        g_error("'%s' does not say '%s'", error->message, problem);
}

static void test_refused_commands(void)
{
    static const char *const nothing[] = {NULL};
    static const char *const empty[] = {"", NULL};
    SluiceSandboxCommand command = simple_command();
    command.argv = NULL;
    expect_refused(&command, "the command is empty");
    command.argv = nothing;
    expect_refused(&command, "the command is empty");
    command.argv = empty;
    expect_refused(&command, "the command is empty");
    command = simple_command();
    command.cwd = NULL;
    expect_refused(&command, "the working directory must be an absolute path: (none)");
    command.cwd = "build";
    expect_refused(&command, "the working directory must be an absolute path: build");
    command.cwd = "/a/../b";
    expect_refused(&command, "must not contain '..'");
    g_autofree char *endless = g_strnfill(5000, 'x');
    endless[0] = '/';
    command.cwd = endless;
    expect_refused(&command, "is too long");
}

static void test_refused_settings(void)
{
    static const char *const no_value[] = {"A=b", "NAME", NULL};
    static const char *const no_name[] = {"=value", NULL};
    static const char *const relative[] = {"/ok", "build", NULL};
    static const char *const whole[] = {"//", NULL};
    SluiceSandboxCommand command = simple_command();
    command.envp = no_value;
    expect_refused(&command, "'NAME' is not NAME=value");
    command.envp = no_name;
    expect_refused(&command, "'=value' is not NAME=value");
    command = simple_command();
    command.writable = relative;
    expect_refused(&command, "a writable directory must be an absolute path: build");
    command.writable = whole;
    expect_refused(&command, "cannot be writable as a whole");
    command = simple_command();
    command.loopback_port = 70000;
    command.listener = ignore_listener;
    expect_refused(&command, "70000 is no port");
    command.loopback_port = 80;
    command.network = TRUE;
    expect_refused(&command, "needs a private network");
    command.network = FALSE;
    command.listener = NULL;
    expect_refused(&command, "somebody to take it");
}

static void test_refused_binds(void)
{
    SluiceSandboxBind bind = {.source = "relative", .target = "/t"};
    SluiceSandboxCommand command = simple_command();
    command.binds = &bind;
    command.n_binds = 1;
    expect_refused(&command, "the source of a bind must be an absolute path: relative");
    bind = (SluiceSandboxBind){.source = "/s", .target = "/t/./u"};
    expect_refused(&command, "must not contain '.'");
    bind = (SluiceSandboxBind){.source = "/s", .target = "//"};
    expect_refused(&command, "a bind cannot replace the root");
    bind = (SluiceSandboxBind){.source = NULL, .target = "/t"};
    expect_refused(&command, "absolute path: (none)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/simple", test_simple);
    g_test_add_func("/plan/everything", test_everything);
    g_test_add_func("/plan/network", test_network);
    g_test_add_func("/plan/base", test_base);
    g_test_add_func("/plan/limits", test_limits);
    g_test_add_func("/plan/bytes", test_bytes);
    g_test_add_func("/plan/bad-bytes", test_bad_bytes);
    g_test_add_func("/plan/refused/commands", test_refused_commands);
    g_test_add_func("/plan/refused/settings", test_refused_settings);
    g_test_add_func("/plan/refused/binds", test_refused_binds);
    return g_test_run();
}
