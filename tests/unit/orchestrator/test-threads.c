/*
 * A project that is large enough for threads to read its files and to hash its keys: the keys are those of elements that are loaded one by one, and of the texts that
 * key.c writes; errors are those of one thread.
 */
#include "cas.h"
#include "key.h"
#include "project-fixture.h"

#include <string.h>

#define COUNT  400u
#define NO_REF 100u /* this element's source has no ref */

static const char *const all[] = {"all.bst", NULL};

static void append_dependency(GString *text, guint number, const char *type, gboolean strict)
{
    g_string_append_printf(text, "- filename: e%03u.bst\n  type: %s\n%s", number, type,
                           strict ? "  strict: true\n" : "");
}

/* Every way in which an entry gets into a key; most scopes start with e000. */
static void append_element(GString *text, guint number)
{
    static const char *const types[] = {"build", "runtime", "all"};
    g_string_append_printf(text, "--- e%03u.bst\nkind: %s\n", number, number % 9 == 8 ? "compose" : "manual");
    if (number == NO_REF) {
        g_string_append(text, "sources:\n- kind: remote\n  url: https://origin.invalid/file\n");
    }
    if (number == 0) {
        return;
    }
    g_string_append(text, "depends:\n");
    append_dependency(text, 0, "build", FALSE);
    for (guint i = 1; i <= 3; i++) {
        guint other = number - number / (i * 2 + 1) - 1;
        if (other > 0 && (i == 1 || other != number - number / (i * 2 - 1) - 1)) {
            const char *type = number % 9 == 8 ? "build" : types[(number + i) % 3];
            append_dependency(text, other, type, (number + i) % 3 == 0 && number % 5 == 0);
        }
    }
}

static char *make_project(guint broken_yaml, guint missing)
{
    g_autoptr(GString) text = g_string_new("--- project.conf\nname: many\nmin-version: 2.0\n");
    for (guint i = 0; i < COUNT; i++) {
        append_element(text, i);
        if (i == broken_yaml) {
            g_string_append(text, "config: [\n");
        }
        if (i == missing) {
            g_string_append(text, "- nowhere.bst\n");
        }
    }
    g_string_append(text, "--- all.bst\nkind: stack\ndepends:\n");
    for (guint i = 0; i < COUNT; i++) {
        g_string_append_printf(text, "- e%03u.bst\n", i);
    }
    return fixture_unpack(text->str);
}

static Session *load(const char *directory, const char *const *targets)
{
    g_autoptr(GError) error = NULL;
    Session *session = NULL;
    g_autoptr(GPtrArray) loaded = fixture_load(directory, NULL, targets, &session, &error);
    g_assert_no_error(error);
    return session;
}

/* Each element by itself: no call has enough for a second thread. */
static Session *load_one_by_one(const char *directory)
{
    const char *const first[] = {"e000.bst", NULL};
    Session *session = load(directory, first);
    for (guint i = 1; i < COUNT; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *name = g_strdup_printf("e%03u.bst", i);
        const char *const targets[] = {name, NULL};
        g_autoptr(GPtrArray) loaded = session_load_elements(session, targets, &error);
        g_assert_no_error(error);
    }
    return session;
}

static void check_text(KeyWriter *writer, Element *element, KeyStrength strength, const char *key)
{
    char hex[65] = "";
    SluiceDigest digest;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = key_writer_text(writer, element, strength, &error);
    g_assert_no_error(error);
    if (text != NULL) {
        sluice_digest_of(text, strlen(text), &digest);
        sluice_digest_hex(&digest, hex);
    }
    g_assert_cmpstr(key, ==, hex);
}

static void test_keys(void)
{
    char *directory = make_project(COUNT, COUNT);
    Session *slow = load_one_by_one(directory);
    for (int round = 0; round < 4; round++) {
        Session *session = load(directory, all);
        KeyWriter *writer = key_writer_new(session);
        guint weak = 0, strict = 0;
        for (guint i = 0; i < COUNT; i++) {
            g_autofree char *name = g_strdup_printf("e%03u.bst", i);
            Element *element = fixture_element(session, name), *other = fixture_element(slow, name);
            g_assert_cmpstr(element->weak_key, ==, other->weak_key);
            g_assert_cmpstr(element->strict_key, ==, other->strict_key);
            g_assert_cmpstr(element->strong_key, ==, element->strict_key);
            check_text(writer, element, KEY_WEAK, element->weak_key);
            check_text(writer, element, KEY_STRICT, element->strict_key);
            weak += element->weak_key[0] != '\0';
            strict += element->strict_key[0] != '\0';
        }
        /* What is above the one without a ref has no strict key; the project is no good if that is nothing or all. */
        g_assert_cmpuint(strict, >, NO_REF - 1);
        g_assert_cmpuint(strict, <, weak);
        g_assert_cmpstr(fixture_element(session, "e100.bst")->weak_key, ==, "");
        key_writer_free(writer);
        session_free(session);
    }
    session_free(slow);
    fixture_remove(directory);
}

static GError *failure(const char *directory, const char *target)
{
    const char *const targets[] = {target, NULL};
    GError *error = NULL;
    Session *session = NULL;
    g_autoptr(GPtrArray) loaded = fixture_load(directory, NULL, targets, &session, &error);
    g_assert_null(loaded);
    g_assert_nonnull(error);
    session_free(session);
    return error;
}

/* Of several errors the loader's first is told, whichever file a thread read first: that of `target`, which is few enough for one thread. */
static void check_errors(guint broken_yaml, guint missing, const char *target, const char *says)
{
    char *directory = make_project(broken_yaml, missing);
    g_autoptr(GError) alone = failure(directory, target);
    g_assert_nonnull(strstr(alone->message, says));
    for (int round = 0; round < 4; round++) {
        g_autoptr(GError) error = failure(directory, "all.bst");
        g_assert_cmpstr(error->message, ==, alone->message);
        g_assert_cmpstr(error_get_provenance(error), ==, error_get_provenance(alone));
    }
    fixture_remove(directory);
}

static void test_errors(void)
{
    check_errors(350, COUNT, "e350.bst", "e350.bst [line ");
    check_errors(COUNT, 390, "e390.bst", "Could not find element 'nowhere.bst'");
    check_errors(20, 399, "e020.bst", "e020.bst [line ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/load/threads/keys", test_keys);
    g_test_add_func("/load/threads/errors", test_errors);
    return g_test_run();
}
