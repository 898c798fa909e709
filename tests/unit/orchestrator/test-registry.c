/* What package registries answer, and the files that name what to get from them: versions, indices, TOML. */
#include "docker-manifest.h"
#include "lfs.h"
#include "netrc.h"
#include "pypi-index.h"
#include "python-version.h"
#include "source-package.h"
#include "toml.h"

#include <string.h>

/* ---- Versions of Python packages, in their order as `packaging` sorts them ----------------------------------------------------------- */

static const struct {
    const char *text, *normal;
    gboolean prerelease, equal; /* `equal`: to the one before */
} versions[] = {
    {"0.0.00", "0.0.0", FALSE, FALSE},
    {"1.0.dev456", "1.0.dev456", TRUE, FALSE},
    {"1.0a1", "1.0a1", TRUE, FALSE},
    {"1.0a2.dev456", "1.0a2.dev456", TRUE, FALSE},
    {"1.0a12.dev456", "1.0a12.dev456", TRUE, FALSE},
    {"1.0a12", "1.0a12", TRUE, FALSE},
    {"1.0b1.dev456", "1.0b1.dev456", TRUE, FALSE},
    {"1.0b2", "1.0b2", TRUE, FALSE},
    {"1.0b2.post345.dev456", "1.0b2.post345.dev456", TRUE, FALSE},
    {"1.0b2.post345", "1.0b2.post345", TRUE, FALSE},
    {"1.0rc1.dev456", "1.0rc1.dev456", TRUE, FALSE},
    {"1.0rc1", "1.0rc1", TRUE, FALSE},
    {"1.0", "1.0", FALSE, FALSE},
    {"1.0.0.0", "1.0.0.0", FALSE, TRUE},
    {"1.0+abc.5", "1.0+abc.5", FALSE, FALSE},
    {"1.0+abc.7", "1.0+abc.7", FALSE, FALSE},
    {"1.0+ABC-007", "1.0+abc.7", FALSE, TRUE},
    {"1.0+5", "1.0+5", FALSE, FALSE},
    {"1.0.post", "1.0.post0", FALSE, FALSE},
    {"1.0.rev2", "1.0.post2", FALSE, FALSE},
    {"1.0-r3", "1.0.post3", FALSE, FALSE},
    {"1.0.post456.dev34", "1.0.post456.dev34", TRUE, FALSE},
    {"1.0.post456", "1.0.post456", FALSE, FALSE},
    {"1.1.dev1", "1.1.dev1", TRUE, FALSE},
    {"1.9", "1.9", FALSE, FALSE},
    {"1.10", "1.10", FALSE, FALSE},
    {"2.0.ALPHA_3", "2.0a3", TRUE, FALSE},
    {"2.0preview", "2.0rc0", TRUE, FALSE},
    {"2.0-c-4", "2.0rc4", TRUE, FALSE},
    {"v2.0-1", "2.0.post1", FALSE, FALSE},
    {"20240101123456789012345678", "20240101123456789012345678", FALSE, FALSE},
    {"1!0.1", "1!0.1", FALSE, FALSE},
};

static void test_python_versions(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autoptr(PythonVersion) version = python_version_parse(versions[i].text, strlen(versions[i].text));
        g_assert_nonnull(version);
        g_assert_cmpstr(python_version_text(version), ==, versions[i].normal);
        g_assert_cmpint(python_version_is_prerelease(version), ==, versions[i].prerelease);
        for (gsize j = 0; j < i; j++) {
            g_autoptr(PythonVersion) before = python_version_parse(versions[j].text, strlen(versions[j].text));
            gboolean equal = j + 1 == i && versions[i].equal;
            int order = python_version_compare(before, version), reverse = python_version_compare(version, before);
            g_assert_true(equal ? order == 0 && reverse == 0 : order < 0 && reverse > 0);
        }
    }
}

/* Requirements see the same order. */
static void test_python_specifiers(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autofree char *same = g_strconcat("==", versions[i].text, NULL);
        g_autofree char *least = g_strconcat(">=", versions[i].text, NULL);
        gboolean valid = FALSE, is_local = strchr(versions[i].text, '+') != NULL;
        g_assert_true(python_version_satisfies(versions[i].normal, same, &valid) && valid);
        for (gsize j = 0; j < i && !is_local; j++) {
            gboolean equal = j + 1 == i && versions[i].equal;
            g_assert_cmpint(python_version_satisfies(versions[j].text, least, &valid), ==, equal);
            g_assert_true(valid);
        }
    }
}

static void test_not_versions(void)
{
    static const char *const texts[] = {"",      "1.0-",  "1..0",    "a1",    "1.0+", "1.0+a..b",
                                        "1.0-x", "1.0.f", "1.0a1b2", "1.0 2", "1.0!", "1!"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *specifier = g_strconcat("!=", texts[i], NULL);
        gboolean valid = TRUE;
        g_assert_null(python_version_parse(texts[i], strlen(texts[i])));
        g_assert_false(python_version_satisfies("3", specifier, &valid) || valid);
        g_assert_false(python_version_satisfies(texts[i], ">=0", &valid));
    }
    g_assert_null(python_version_parse("1.0\0"
                                       "1",
                                       5));
}

/* ---- Indices -------------------------------------------------------------------------------------------------------------------------- */

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILE_OF(name, more)                                                                                            \
    "{\"filename\": \"" name "\", \"url\": \"u/" name "\", \"hashes\": {\"sha256\": \"" HASH "\"}" more "}"

static const char *const none[] = {NULL}, *const ones[] = {"1.*", NULL}, *const tens[] = {"1.1?", "9*", NULL};

static const struct {
    const char *text;
    PypiFilter filter;
    PypiResult result;
    const char *url;
} indices[] = {
    {"{\"files\": [" FILE_OF("a-1.9.tar.gz", "") "," FILE_OF("a-1.10.zip", ", \"yanked\": false") "]}",
     {FALSE, none, none},
     PYPI_FOUND,
     "u/a-1.10.zip"},
    {"{\"files\": [" FILE_OF("a-1.0.tar.gz", "") "," FILE_OF("a-1.0.0.zip", "") "]}",
     {FALSE, none, none},
     PYPI_FOUND,
     "u/a-1.0.0.zip"},
    {"{\"files\": [" FILE_OF("a-1.0.tar.gz", "") "," FILE_OF("a-2.0rc1.tar.gz", "") "]}",
     {FALSE, none, none},
     PYPI_FOUND,
     "u/a-1.0.tar.gz"},
    {"{\"files\": [" FILE_OF("a-1.0.tar.gz", "") "," FILE_OF("a-2.0rc1.tar.gz", "") "]}",
     {TRUE, none, none},
     PYPI_FOUND,
     "u/a-2.0rc1.tar.gz"},
    {"{\"files\": [" FILE_OF("a-1.2.tar.gz", "") "," FILE_OF("a-1.10.tar.gz", "") "," FILE_OF("a-2.tar.gz", "") "]}",
     {FALSE, ones, tens},
     PYPI_FOUND,
     "u/a-1.2.tar.gz"},
    {"{\"files\": [" FILE_OF("a-1.0.tar.gz", ", \"yanked\": true") "," FILE_OF(
         "a-2.tar.gz", ", \"yanked\": \"why\"") "," FILE_OF("a-3-py3-none-any.whl", "") "," FILE_OF("nodash.zip",
                                                                                                    "") "]}",
     {FALSE, none, none},
     PYPI_FILTERED,
     NULL},
    {"{\"files\": []}", {FALSE, none, none}, PYPI_EMPTY, NULL},
    {"{\"files\": {}}", {FALSE, none, none}, PYPI_MALFORMED, NULL},
    {"[]", {FALSE, none, none}, PYPI_MALFORMED, NULL},
    {"<html>", {FALSE, none, none}, PYPI_MALFORMED, NULL},
    {"", {FALSE, none, none}, PYPI_MALFORMED, NULL},
    {"{\"files\": [{\"filename\": \"a-1.zip\", \"url\": \"u\", \"hashes\": {\"sha256\": \"abc\"}}]}",
     {FALSE, none, none},
     PYPI_MALFORMED,
     NULL},
    {"{\"files\": [{\"filename\": \"a-1.zip\", \"hashes\": {}}, 1, null, {\"filename\": 1}]}",
     {FALSE, none, none},
     PYPI_MALFORMED,
     NULL},
};

static void test_pypi_index(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(indices); i++) {
        g_autofree char *url = NULL, *sha256 = NULL;
        PypiResult result =
            pypi_index_find(indices[i].text, strlen(indices[i].text), &indices[i].filter, &url, &sha256);
        g_assert_cmpint(result, ==, indices[i].result);
        g_assert_cmpstr(url, ==, indices[i].url);
        g_assert_cmpstr(sha256, ==, result == PYPI_FOUND ? HASH : NULL);
    }
}

static void test_cpan_index(void)
{
    static const char listing[] = "File: x\nA::B 9 in/head.tar.gz\n\nA::B::C undef A/B/C.tar.gz\n"
                                  "A::B   1.0\tA/AB/A-B-1.tar.gz\r\nOdd two words too many\nLast 1 L.zip";
    g_autofree char *found = cpan_index_find(listing, "A::B"), *last = cpan_index_find(listing, "Last");
    g_assert_cmpstr(found, ==, "A/AB/A-B-1.tar.gz");
    g_assert_cmpstr(last, ==, "L.zip");
    g_assert_null(cpan_index_find(listing, "A"));
    g_assert_null(cpan_index_find(listing, "Odd"));
    g_assert_null(cpan_index_find("no empty line\nA 1 x", "A"));
    g_assert_null(cpan_index_find("", "A"));
}

/* ---- Images --------------------------------------------------------------------------------------------------------------------------- */

static void test_docker_tokens(void)
{
    static const struct {
        const char *challenge, *url;
    } cases[] = {
        {"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x/y:pull,push\"",
         "https://a/t?service=s&scope=repository:x/y:pull,push"},
        {"bearer scope=\"a b\", realm=\"http://a/t?x=1\"", "http://a/t?x=1&scope=a%20b"},
        {"Bearer realm=https://a,service=x", "https://a?service=x"},
        {"Bearer realm=\"https://a", "https://a"},
        {"Bearer realm=\"file:///etc/passwd\",service=\"s\"", NULL},
        {"Bearer service=\"s\"", NULL},
        {"Basic realm=\"https://a\"", NULL},
        {"Bearer ", NULL},
        {"Bearer ,,=,\"", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *url = docker_token_url(cases[i].challenge);
        g_assert_cmpstr(url, ==, cases[i].url);
    }
    g_autofree char *token = docker_token_parse("{\"token\": \"abc\"}", 16);
    g_autofree char *other = docker_token_parse("{\"access_token\": \"d\"}", 21);
    g_assert_cmpstr(token, ==, "abc");
    g_assert_cmpstr(other, ==, "d");
    g_assert_null(docker_token_parse("{\"token\": \"a\\r\\nX: y\"}", 24));
    g_assert_null(docker_token_parse("{\"token\": \"\"}", 13));
    g_assert_null(docker_token_parse("{\"token\": 1}", 12));
    g_assert_null(docker_token_parse("[]", 2));
    g_assert_null(docker_token_parse("{", 1));
}

/* ---- Git LFS -------------------------------------------------------------------------------------------------------------------------- */

#define POINTER "version https://git-lfs.github.com/spec/v1\n"

static void test_lfs_pointers(void)
{
    static const char *const others[] = {
        "",
        POINTER,
        POINTER "oid sha256:" HASH "\n",
        POINTER "size 1\noid sha1:" HASH "\n",
        POINTER "oid sha256:" HASH "0\nsize 1\n",
        POINTER "oid sha256:" HASH "\nsize -1\n",
        POINTER "oid sha256:" HASH "\nsize 99999999999999999999\n",
        "oid sha256:" HASH "\nsize 1\n",
    };
    LfsPointer pointer;
    const char *text = POINTER "ext-0-x sha256:" HASH "\noid sha256:" HASH "\nsize 12\n";
    g_assert_true(lfs_pointer_parse(text, strlen(text), &pointer));
    g_assert_cmpstr(pointer.oid, ==, HASH);
    g_assert_cmpint(pointer.size, ==, 12);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_false(lfs_pointer_parse(others[i], strlen(others[i]), &pointer));
    }
    const LfsPointer two[] = {pointer, pointer};
    g_autofree char *request = lfs_request_new(two, 2);
    g_assert_cmpstr(request, ==,
                    "{\"operation\":\"download\",\"transfers\":[\"basic\"],\"objects\":[{\"oid\":\"" HASH
                    "\",\"size\":12},{\"oid\":\"" HASH "\",\"size\":12}],\"hash_algo\":\"sha256\"}");
}

static const LfsPlace *find_place(GHashTable **places, const char *object)
{
    g_autofree char *text = g_strdup_printf("{\"objects\": [{\"oid\": \"" HASH "\"%s}]}", object);
    g_clear_pointer(places, g_hash_table_unref);
    *places = lfs_answer_parse(text, strlen(text));
    return *places != NULL ? g_hash_table_lookup(*places, HASH) : NULL;
}

static void test_lfs_answers(void)
{
    static const char *const malformed[] = {"", "{", "[]", "{}", "{\"objects\": {}}", "null"};
    g_autoptr(GHashTable) places = NULL;
    const LfsPlace *place = find_place(&places, ", \"actions\": {\"download\": {\"href\": \"https://x\", \"header\": "
                                                "{\"A\": \"b\", \"C\": 1, \"D\": \"e\\r\\nF: g\"}}}");
    g_assert_nonnull(place);
    g_assert_null(place->problem);
    g_assert_cmpstr(place->url, ==, "https://x");
    g_assert_cmpuint(g_strv_length(place->headers), ==, 1);
    g_assert_cmpstr(place->headers[0], ==, "A: b");
    place = find_place(&places, ", \"actions\": {\"download\": {\"href\": \"file:///etc/passwd\"}}");
    g_assert_cmpstr(place->problem, ==, "the server does not say where it is");
    place = find_place(&places, ", \"error\": {\"code\": 404, \"message\": \"gone\"}");
    g_assert_cmpstr(place->problem, ==, "gone");
    g_assert_nonnull(find_place(&places, "")->problem);
    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++) {
        g_assert_null(lfs_answer_parse(malformed[i], strlen(malformed[i])));
    }
}

/* ---- Passwords ------------------------------------------------------------------------------------------------------------------------ */

static void test_netrc(void)
{
    static const char text[] =
        "# machine a password no\nmachine a login x password one\n"
        "macdef m\n machine b password no\n\nmachine b account y\n\tlogin z password \"t w\\\"o\"\n"
        "machine c login x\ndefault login d password last";
    static const struct {
        const char *text, *host, *password;
    } cases[] = {
        {text, "a", "one"},
        {text, "b", "t w\"o"},
        {text, "c", "last"},
        {text, "d", "last"},
        {"", "a", NULL},
        {"machine", "a", NULL},
        {"machine b password x", "a", NULL},
        {"machine a password", "a", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *password = netrc_find_password(cases[i].text, cases[i].host);
        g_assert_cmpstr(password, ==, cases[i].password);
    }
}

/* ---- TOML ----------------------------------------------------------------------------------------------------------------------------- */

static Toml *parse(Arena *arena, const char *text)
{
    g_autoptr(GError) error = NULL;
    Toml *toml = toml_parse(arena, text, strlen(text), &error);
    g_assert_no_error(error);
    return toml;
}

static void test_toml_values(void)
{
    static const char text[] =
        "# a comment\r\n"
        "plain = \"a\\tb\\u00e9\\U0001F600\\\"\"\n'quoted key' = 'C:\\new'\n"
        "many = \"\"\"\nfirst\\\n   joined \"\" quote\"\"\"\"\"\nraw = '''\r\n'it''s'''\n"
        "int = 1_000\nhex = 0xDEAD_beef\nreal = -6.26e-3\ninf = +inf\nyes = true\n"
        "date = 1979-05-27T07:32:00.5-07:00\nday = 1979-05-27 07:32:00\n"
        "list = [ 1, # one\n 'two', [3, ], ]\ninline = { a.b = 1, c = {} }\nx.y.z = 'dotted'\nx.y.w = 1\n"
        "[table]\nkey = \"v\"\n[table.sub . 'deep key']\n[[array]]\nn = 'one'\n[array.of]\nk = 1\n[[array]]\nn = "
        "'two'\n"
        "[parent.child]\n[parent]\nlate = 1\n";
    Arena *arena = arena_new();
    Toml *toml = parse(arena, text);
    g_assert_cmpstr(toml_find_string(toml, "plain"), ==, "a\tb\303\251\360\237\230\200\"");
    g_assert_cmpstr(toml_find_string(toml, "quoted key"), ==, "C:\\new");
    g_assert_cmpstr(toml_find_string(toml, "many"), ==, "firstjoined \"\" quote\"\"");
    g_assert_cmpstr(toml_find_string(toml, "raw"), ==, "'it''s");
    g_assert_cmpint(toml_type(toml_find(toml, "int")), ==, TOML_INTEGER);
    g_assert_cmpstr(toml_text(toml_find(toml, "hex")), ==, "0xDEAD_beef");
    g_assert_cmpint(toml_type(toml_find(toml, "real")), ==, TOML_FLOAT);
    g_assert_cmpint(toml_type(toml_find(toml, "inf")), ==, TOML_FLOAT);
    g_assert_cmpint(toml_type(toml_find(toml, "yes")), ==, TOML_BOOLEAN);
    g_assert_cmpint(toml_type(toml_find(toml, "date")), ==, TOML_DATE);
    g_assert_cmpstr(toml_text(toml_find(toml, "day")), ==, "1979-05-27 07:32:00");
    g_assert_cmpuint(toml_size(toml_find(toml, "list")), ==, 3);
    g_assert_cmpuint(toml_size(toml_at(toml_find(toml, "list"), 2)), ==, 1);
    g_assert_nonnull(toml_find(toml_find(toml_find(toml, "inline"), "a"), "b"));
    g_assert_cmpstr(toml_find_string(toml_find(toml_find(toml, "x"), "y"), "z"), ==, "dotted");
    g_assert_nonnull(toml_find(toml_find(toml_find(toml, "table"), "sub"), "deep key"));
    Toml *array = toml_find(toml, "array");
    g_assert_cmpuint(toml_size(array), ==, 2);
    g_assert_cmpstr(toml_find_string(toml_at(array, 1), "n"), ==, "two");
    g_assert_cmpstr(toml_key_at(toml_at(array, 0), 1), ==, "of");
    g_assert_cmpuint(toml_size(toml_find(toml, "parent")), ==, 2);
    g_assert_null(toml_find_string(toml, "int"));
    g_assert_null(toml_find(NULL, "x"));
    arena_free(arena);
}

static const struct {
    const char *text, *problem;
} bad_toml[] = {
    {"a", "line 1, column 2: expected '='"},
    {"a = ", "line 1, column 5: invalid value"},
    {"a = 1 b = 2", "line 1, column 7: expected the end of the line"},
    {"a = 01", "invalid value"},
    {"a = 1__0", "invalid value"},
    {"a = truely", "invalid value"},
    {"a = 1\na = 2", "line 2, column 4: a key that has a value already"},
    {"a = 1\na.b = 2", "a key that has a value already"},
    {"a = {b = 1}\na.c = 2", "a key that has a value already"},
    {"a = {b.c = 1}\n[a.b]", "a key that has a value already"},
    {"[a]\n[a]", "a table that is there already"},
    {"a.b = 1\n[a]", "a table that is there already"},
    {"[a.b]\n[a]\nb.c = 1", "a key that has a value already"},
    {"a = []\n[[a]]", "a key that has a value already"},
    {"[[a]]\n[a]", "a table that is there already"},
    {"[a", "a header without an end"},
    {"[]", "expected a key"},
    {"a = \"x", "a string without an end"},
    {"a = \"x\ny\"", "a string without an end"},
    {"a = '''x", "a string without an end"},
    {"a = \"\\q\"", "an unknown escape"},
    {"a = \"\\ud800\"", "an escape that is no character"},
    {"a = \"\\u00g0\"", "an escape without enough hexadecimal digits"},
    {"a = \"\001\"", "a control character in a string"},
    {"# \001", "a control character in a comment"},
    {"a = [1 2]", "expected ',' or ']'"},
    {"a = {b = 1,}", "expected a key"},
    {"a = {b = 1", "expected ',' or '}'"},
    {"\"\"\"a\"\"\" = 1", "expected '='"},
    {"a = \"\377\"", "line 1, column 6: not UTF-8"},
};

static void test_bad_toml(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_toml); i++) {
        Arena *arena = arena_new();
        g_autoptr(GError) error = NULL;
        Toml *toml = toml_parse(arena, bad_toml[i].text, strlen(bad_toml[i].text), &error);
        g_assert_null(toml);
        g_assert_nonnull(error);
        if (strstr(error->message, bad_toml[i].problem) == NULL) {
            g_error("%s: %s", bad_toml[i].text, error->message);
        }
        arena_free(arena);
    }
}

static void check_refused(const char *text, const char *problem)
{
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(toml_parse(arena, text, strlen(text), &error));
    g_assert_nonnull(strstr(error->message, problem));
    arena_free(arena);
}

static void test_toml_limits(void)
{
    g_autoptr(GString) deep = g_string_new("a = ");
    g_autoptr(GString) dotted = g_string_new("a");
    g_autoptr(GString) wide = g_string_new(NULL);
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(deep, '[');
        g_string_append(dotted, ".a");
        g_string_append_printf(wide, "k%d = 1\n", i);
    }
    check_refused(deep->str, "nested too deeply");
    check_refused(dotted->str, "a key of too many parts");
    check_refused(wide->str, "too many keys");
}

static void test_toml_writing(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    toml_write_pair("plain-key_1", "a\"b\\c\td\001\303\251", out);
    toml_write_pair("git+https://x", "", out);
    toml_write_key("", out);
    g_assert_cmpstr(out->str, ==, "plain-key_1 = \"a\\\"b\\\\c\\td\\u0001\303\251\"\n\"git+https://x\" = \"\"\n\"\"");
}

/* What tomlkit makes of the same document. */
static void test_toml_layout(void)
{
    static const char before[] = "[[bin]]\n[[bin]]\nt = {u = {v = 1}}\nz = [{a = 1}, {}]\ny = 3\n[p.q]\n"
                                 "r = [{s = {t = 1, u = 2}, w = []}, 1_0]\nx = \"\303\251\\t\\\"\\u0001\"\n"
                                 "\"k.k\" = \"\"\n[p.'c(o = \"l\")'.d]\ne = 1.5\n[empty]\n";
    static const char after[] = "[[bin]]\n[[bin]]\ny = 3\n[[bin.z]]\na = 1\n\n[[bin.z]]\n\n[bin.t.u]\nv = 1\n\n[p.q]\n"
                                "r = [{s = {t = 1,u = 2}, w = []}, 10]\nx = \"\303\251\\t\\\"\\u0001\"\n"
                                "\"k.k\" = \"\"\n\n[p.\"c(o = \\\"l\\\")\".d]\ne = 1.5\n\n[empty]\n";
    Arena *arena = arena_new();
    g_autoptr(GString) out = g_string_new(NULL), full = g_string_new(NULL);
    const Toml *document = parse(arena, before);
    g_assert_true(toml_write(document, sizeof after, out));
    g_assert_cmpstr(out->str, ==, after);
    g_assert_false(toml_write(document, 20, full));
    arena_free(arena);
}

static void test_toml_changes(void)
{
    Arena *arena = arena_new();
    g_autoptr(GString) out = g_string_new(NULL);
    Toml *table = parse(arena, "a = 1\nb = 2\nc = 3\nlist = []\n"), *list = toml_new_array(arena);
    toml_append(arena, list, toml_find(table, "c"));
    toml_set(arena, table, "a", list);
    toml_set(arena, table, "new", toml_find(table, "b"));
    toml_remove(table, "b");
    toml_remove(table, "list");
    toml_remove(table, "absent");
    g_assert_true(toml_write(table, 100, out));
    g_assert_cmpstr(out->str, ==, "a = [3]\nc = 3\nnew = 2\n");
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/python-version/order", test_python_versions);
    g_test_add_func("/python-version/specifiers", test_python_specifiers);
    g_test_add_func("/python-version/bad", test_not_versions);
    g_test_add_func("/pypi-index", test_pypi_index);
    g_test_add_func("/cpan-index", test_cpan_index);
    g_test_add_func("/docker/tokens", test_docker_tokens);
    g_test_add_func("/lfs/pointers", test_lfs_pointers);
    g_test_add_func("/lfs/answers", test_lfs_answers);
    g_test_add_func("/netrc", test_netrc);
    g_test_add_func("/toml/values", test_toml_values);
    g_test_add_func("/toml/bad", test_bad_toml);
    g_test_add_func("/toml/limits", test_toml_limits);
    g_test_add_func("/toml/writing", test_toml_writing);
    g_test_add_func("/toml/layout", test_toml_layout);
    g_test_add_func("/toml/changes", test_toml_changes);
    return g_test_run();
}
