/* Roles, tokens, the files they stand in, addresses that only this machine reaches. */
#include "access.h"
#include "fixture.h"
#include "watched-file.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static SluiceTokens *parse(const char *text, GError **error)
{
    return sluice_tokens_parse("tokens", text, strlen(text), error);
}

static void assert_bad(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(parse(text, &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_TOKENS);
    if (strstr(error->message, message) == NULL)
        g_error("\"%s\" instead of \"%s\"", error->message, message);
}

static void test_roles(void)
{
    static const SluiceRole roles[] = {SLUICE_ROLE_NONE, SLUICE_ROLE_READ, SLUICE_ROLE_READ_WRITE};
    SluiceRole role;
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_assert_true(sluice_role_parse(sluice_role_name(roles[i]), &role));
        g_assert_cmpint(role, ==, roles[i]);
    }
    g_assert_false(sluice_role_parse("", &role));
    g_assert_false(sluice_role_parse("Read", &role));
    g_assert_false(sluice_role_parse("write", &role));
}

static gboolean find(const SluiceTokens *tokens, const char *token, const char *user, SluiceRole role)
{
    const char *name = NULL;
    SluiceRole found = SLUICE_ROLE_NONE;
    return sluice_tokens_find(tokens, token, strlen(token), &name, &found) && strcmp(name, user) == 0 && found == role;
}

static void test_tokens(void)
{
    GError *error = NULL;
    /* "abcdefghijklmnop" by its hash; blanks, comments, a line without end */
    g_autoptr(SluiceTokens) tokens =
        parse("# comment\n\n  ci\tread-write  0123456789abcdef # more\r\nci read 0123456789abcdeF\n"
              "x@y/z read sha256:f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf",
              &error);
    g_assert_no_error(error);
    g_assert_cmpuint(sluice_tokens_count(tokens), ==, 3);
    g_assert_true(find(tokens, "0123456789abcdef", "ci", SLUICE_ROLE_READ_WRITE));
    g_assert_true(find(tokens, "0123456789abcdeF", "ci", SLUICE_ROLE_READ));
    g_assert_true(find(tokens, "abcdefghijklmnop", "x@y/z", SLUICE_ROLE_READ));
    const char *user;
    SluiceRole role;
    g_assert_false(sluice_tokens_find(tokens, "", 0, &user, &role));
    g_assert_false(sluice_tokens_find(tokens, "0123456789abcdef\0", 17, &user, &role));
    g_assert_false(sluice_tokens_find(tokens, "0123456789abcde", 15, &user, &role));
    g_autofree char *large = g_strnfill(100000, 'x');
    g_assert_false(sluice_tokens_find(tokens, large, 100000, &user, &role));
}

static void test_bad_tokens(void)
{
    assert_bad("ci\n", "tokens:1: a line is NAME ROLE TOKEN");
    assert_bad("\nci read\n", "tokens:2: a line is NAME ROLE TOKEN");
    assert_bad("ci read 0123456789abcdef more\n", "a line is NAME ROLE TOKEN");
    assert_bad("ci none 0123456789abcdef\n", "the role is read or read-write");
    assert_bad("ci write 0123456789abcdef\n", "the role is read or read-write");
    assert_bad("c\"i read 0123456789abcdef\n", "a name has");
    assert_bad("ci read 0123456789abcde\n", "shorter than 16");
    assert_bad("ci read 0123456789abcd\xc3\xa9zzzz\n", "printable ASCII");
    assert_bad("ci read sha256:1234\n", "64 hexadecimal digits");
    assert_bad("a read 0123456789abcdef\nb read 0123456789abcdef\n", "tokens:2: the token was given before");
    g_autoptr(GError) error = NULL;
    g_assert_null(sluice_tokens_parse("tokens",
                                      "a read 01234567\0"
                                      "89abcdef",
                                      24, &error));
    g_assert_nonnull(strstr(error->message, "NUL"));
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i < 1001; i++)
        g_string_append_printf(many, "user read token-%016d\n", i);
    assert_bad(many->str, "tokens:1001: there are more than 1000 tokens");
    g_autofree char *long_name = g_strnfill(65, 'n'), *line = g_strconcat(long_name, " read 0123456789abcdef", NULL);
    assert_bad(line, "a name has at most 64");
}

static gboolean header(SluiceAccess *access, const char *value, SluiceRole *role)
{
    GRefString *user = NULL;
    gboolean known = sluice_access_check_header(access, value, strlen(value), &user, role);
    g_clear_pointer(&user, g_ref_string_release);
    return known;
}

static void write_tokens(const char *path, const char *text, int mode)
{
    GError *error = NULL;
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

static void test_access(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    GError *error = NULL;
    SluiceRole role;
    gboolean changed = TRUE;
    g_autofree char *path = g_build_filename(fixture.directory, "tokens", NULL);
    SluiceAccessOptions options = {.anonymous = SLUICE_ROLE_READ, .token_file = path};
    g_assert_null(sluice_access_new(&options, &error)); /* there is none */
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_TOKENS);
    g_clear_error(&error);
    write_tokens(path, "ci read-write 0123456789abcdef\n", 0604);
    g_assert_null(sluice_access_new(&options, &error));
    g_assert_nonnull(strstr(error->message, "its mode is 0604"));
    g_clear_error(&error);
    write_tokens(path, "# nobody\n", 0600);
    g_assert_null(sluice_access_new(&options, &error));
    g_assert_nonnull(strstr(error->message, "has no token"));
    g_clear_error(&error);
    write_tokens(path, "ci read-write 0123456789abcdef\n", 0640);
    g_autoptr(SluiceAccess) access = sluice_access_new(&options, &error);
    g_assert_no_error(error);
    g_assert_true(header(access, "Bearer 0123456789abcdef", &role));
    g_assert_cmpint(role, ==, SLUICE_ROLE_READ_WRITE);
    g_assert_true(header(access, "bearer 0123456789abcdef", &role));
    g_assert_false(header(access, "Bearer ", &role));
    g_assert_false(header(access, "Basic 0123456789abcdef", &role));
    g_assert_false(header(access, "0123456789abcdef", &role));
    /* not changed; changed to nonsense, told once; changed to something */
    g_assert_true(sluice_access_reload(access, &changed, &error) && !changed);
    write_tokens(path, "ci\n", 0600);
    g_assert_false(sluice_access_reload(access, &changed, &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_TOKENS);
    g_clear_error(&error);
    g_assert_true(sluice_access_reload(access, &changed, &error) && !changed);
    g_assert_true(header(access, "Bearer 0123456789abcdef", &role));
    write_tokens(path, "ci read fedcba9876543210\n", 0600);
    g_assert_true(sluice_access_reload(access, &changed, &error) && changed);
    g_assert_false(header(access, "Bearer 0123456789abcdef", &role));
    g_assert_true(header(access, "Bearer fedcba9876543210", &role));
    g_assert_cmpint(role, ==, SLUICE_ROLE_READ);
    fixture_close(&fixture);
}

static void test_certificates(void)
{
    const SluiceCertificateRole certificates[] = {{"ci", SLUICE_ROLE_READ_WRITE}, {"*", SLUICE_ROLE_READ}};
    SluiceAccessOptions options = {.certificates = certificates, .n_certificates = 2};
    g_autoptr(SluiceAccess) access = sluice_access_new(&options, NULL);
    const char *other[] = {"cj", "CN=ci"}, *ours[] = {"x", "ci"};
    GPtrArray names = {(gpointer *)other, 2};
    g_assert_cmpint(sluice_access_of_certificate(access, &names), ==, SLUICE_ROLE_READ);
    names = (GPtrArray){(gpointer *)ours, 2};
    g_assert_cmpint(sluice_access_of_certificate(access, &names), ==, SLUICE_ROLE_READ_WRITE);
    options.n_certificates = 1;
    g_autoptr(SluiceAccess) strict = sluice_access_new(&options, NULL);
    names = (GPtrArray){(gpointer *)other, 2};
    g_assert_cmpint(sluice_access_of_certificate(strict, &names), ==, SLUICE_ROLE_NONE);
}

static void test_tls_files(void)
{
    Fixture fixture;
    fixture_open(&fixture);
    GError *error = NULL;
    g_autofree char *path = g_build_filename(fixture.directory, "pem", NULL);
    SluiceTlsOptions options = {.certificate = path, .key = path};
    g_assert_null(sluice_tls_new(&options, &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_CERTIFICATE);
    g_clear_error(&error);
    write_tokens(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0600);
    g_assert_null(sluice_tls_new(&options, &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_CERTIFICATE);
    g_assert_nonnull(strstr(error->message, "holds no certificate"));
    g_clear_error(&error);
    gsize length;
    g_assert_null(sluice_watched_file_read(fixture.directory, FALSE, 10, SLUICE_BRIDGE_ERROR_KEY, &length, &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_KEY);
    g_clear_error(&error);
    g_assert_null(sluice_watched_file_read(path, FALSE, 10, SLUICE_BRIDGE_ERROR_KEY, &length, &error));
    g_assert_nonnull(strstr(error->message, "larger than 10 bytes"));
    g_clear_error(&error);
    fixture_close(&fixture);
}

static void test_addresses(void)
{
    static const char *const local[] = {"unix:/x",  "127.0.0.1:0", "127.8.9.1:80",
                                        "[::1]:80", "localhost:1", "nonsense"};
    static const char *const public[] = {"0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[2001:db8::1]:80"};
    for (gsize i = 0; i < G_N_ELEMENTS(local); i++)
        g_assert_true(sluice_address_is_local(local[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(public); i++)
        g_assert_false(sluice_address_is_local(public[i]));
    int fd = sluice_address_bind_tcp("127.0.0.1:0", NULL, NULL);
    g_assert_true(sluice_listener_is_local(fd));
    close(fd);
    g_assert_false(sluice_listener_is_local(-1));
}

static void test_connections(void)
{
    SluiceConnections *connections = sluice_connections_new();
    int pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *name = g_strdup_printf("fd:%d", pair[0]);
    g_assert_null(sluice_connections_find(connections, name));
    g_assert_null(sluice_connections_find(connections, NULL));
    g_assert_null(sluice_connections_find(connections, "ipv4:127.0.0.1:1"));
    sluice_connections_add(connections, pair[0], sluice_connection_new(pair[0]));
    SluiceConnection *found = sluice_connections_find(connections, name);
    g_assert_cmpstr(found->peer, ==, "unix");
    g_assert_cmpuint(sluice_connections_count(connections), ==, 1);
    close(pair[0]);
    close(pair[1]);
    g_assert_cmpuint(sluice_connections_count(connections), ==, 0);
    sluice_connection_unref(found);
    sluice_connections_free(connections);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/access/roles", test_roles);
    g_test_add_func("/access/tokens", test_tokens);
    g_test_add_func("/access/bad-tokens", test_bad_tokens);
    g_test_add_func("/access/files", test_access);
    g_test_add_func("/access/certificates", test_certificates);
    g_test_add_func("/access/tls-files", test_tls_files);
    g_test_add_func("/access/addresses", test_addresses);
    g_test_add_func("/access/connections", test_connections);
    return g_test_run();
}
