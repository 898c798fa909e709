/*
 * integration.c - integration commands: run once for each root, remembered in the store.
 *
 * All commands of one root are one batch in one sandbox with a writable root.  What comes out is a ref in the space "integrated", named by the digest of all
 * that went in: root, commands, environments, ids, layout.  A lock makes the first of several builders do it and
 * the others wait: the result need not be reproducible (caches with dates in them), but all must stand on the same one, or their environment digests differ.
 */
#include "build-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define INTEGRATED_SPACE "integrated"
#define LOCK_POLL_USEC   20000

/* ---- Commands ------------------------------------------------------------------------------------------------------------ */

/* Commands of a filter with pass-integration are those of what it filters, then its own; BuildStream stores them so in the artifact. */
static void collect_commands(Element *element, GPtrArray *out)
{
    gboolean pass = FALSE;
    if (strcmp(element->kind_name, "filter") == 0 && node_get_bool(element->config, "pass-integration", &pass, NULL) &&
        pass) {
        for (gsize i = 0; i < element->n_dependencies; i++) {
            if (element->dependencies[i].types & DEP_BUILD)
                collect_commands(element->dependencies[i].element, out);
        }
    }
    const char *const *commands = element_integration_commands(element);
    for (; commands && *commands; commands++)
        g_ptr_array_add(out, (gpointer)*commands);
}

GPtrArray *build_integration_commands(Element *element)
{
    GPtrArray *commands = g_ptr_array_new();
    collect_commands(element, commands);
    return commands;
}

static void append_element(Build *build, GString *script, Element *element, const char *const *base)
{
    g_autoptr(GPtrArray) commands = build_integration_commands(element);
    if (commands->len == 0)
        return;
    g_string_append(script, "(\ncd /\n");
    script_append_environment(script, base, environment_from_node(build->arena, element->environment));
    for (guint i = 0; i < commands->len; i++)
        script_append_command(script, "sh -e -c", commands->pdata[i]);
    g_string_append(script, ") || exit $?\n");
}

/* That of the first element with commands, not of the one being built: all that stand on the same root ask the same question.
 * NULL: there is nothing to do. */
static const char *const *base_environment(Build *build, GPtrArray *elements)
{
    for (guint i = 0; i < elements->len; i++) {
        Element *element = elements->pdata[i];
        g_autoptr(GPtrArray) commands = build_integration_commands(element);
        if (commands->len > 0)
            return environment_from_node(build->arena, element->environment);
    }
    return NULL;
}

static char *integration_script(Build *build, GPtrArray *elements, const char *const *base)
{
    g_autoptr(GString) script = g_string_new(NULL);
    for (guint i = 0; i < elements->len; i++)
        append_element(build, script, elements->pdata[i], base);
    return g_strdup(script->str);
}

/* ---- Memory -------------------------------------------------------------------------------------------------------------- */

static char *integration_name(Build *build, const SluiceDigest *lower, const char *script, const char *const *base)
{
    char text[SLUICE_DIGEST_STRING_MAX], hex[SLUICE_HASH_HEX + 1];
    g_autofree char *variables = g_strjoinv("\n", (char **)base);
    g_autofree char *question = g_strdup_printf("sluice integration 2\n%s\n%u %u %d\n%s\n\n%s",
                                                sluice_digest_string(lower, text), (unsigned)build_uid(build),
                                                (unsigned)build_gid(build), SLUICE_SANDBOX_LAYOUT, variables, script);
    SluiceDigest digest;
    sluice_digest_of(question, strlen(question), &digest);
    sluice_digest_hex(&digest, hex);
    return g_strdup(hex);
}

/* FALSE without error: not known. */
static gboolean recall(Build *build, const char *name, SluiceDigest *root)
{
    g_autoptr(GBytes) value = sluice_store_get_ref(build->context->store, INTEGRATED_SPACE, name, NULL);
    if (!value)
        return FALSE;
    g_autofree char *text = g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
    return sluice_digest_parse(text, root, NULL) && sluice_store_has(build->context->store, root);
}

static gboolean remember(Build *build, const char *name, const SluiceDigest *root, GError **error)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_string(root, text);
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    SluiceRef ref = {value, root, 1, NULL, 0};
    return sluice_store_set_ref(build->context->store, INTEGRATED_SPACE, name, &ref, error);
}

/* ---- One at a time ------------------------------------------------------------------------------------------------------- */

/* A byte of a file beside the store's, chosen by the name; released by closing, so also by death.  -1 with error. */
static int lock_integration(Build *build, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(sluice_store_get_path(build->context->store), "integration.lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    g_autofree char *digits = g_strndup(name, 15);
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)g_ascii_strtoull(digits, NULL, 16), .l_len = 1};
    while (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        gboolean busy = errno == EAGAIN || errno == EACCES || errno == EINTR;
        if (busy && !g_cancellable_set_error_if_cancelled(build->context->cancellable, error)) {
            g_usleep(LOCK_POLL_USEC);
            continue;
        }
        if (!busy)
            error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot lock %s: %s", path, g_strerror(errno));
        close(fd);
        return -1;
    }
    if (fd < 0)
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot open %s: %s", path, g_strerror(errno));
    return fd;
}

static gboolean run_integration(Build *build, const SluiceDigest *lower, const char *script, const char *const *base,
                                SluiceDigest *root, GError **error)
{
    SluiceDigest prepared = *lower;
    if (!build_check_command(build, lower, "sh", base, error) || !build_add_mount_points(build, "/", &prepared, error))
        return FALSE;
    g_autoptr(SluiceSandbox) sandbox = build_open_sandbox(build, &prepared, error);
    RunPlan plan;
    run_plan_init(build, &plan);
    plan.environment = base;
    return sandbox && build_run_script(build, sandbox, &plan, script, error) &&
           build_capture(build, sandbox, "/", root, error);
}

gboolean build_integrate(Build *build, GPtrArray *elements, const SluiceDigest *lower, SluiceDigest *root,
                         GError **error)
{
    const char *const *base = base_environment(build, elements);
    g_autofree char *script = base ? integration_script(build, elements, base) : NULL;
    gint64 started = build_event_start(build, "Integrating sandbox");
    gboolean ok = TRUE;
    SluiceDigest result = *lower;
    if (script) {
        g_autofree char *name = integration_name(build, lower, script, base);
        if (!recall(build, name, &result)) {
            int lock = lock_integration(build, name, error);
            ok = lock >= 0 &&
                 (recall(build, name, &result) || (run_integration(build, lower, script, base, &result, error) &&
                                                   remember(build, name, &result, error)));
            if (lock >= 0)
                close(lock);
        }
    }
    build_event(build, ok ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Integrating sandbox");
    if (ok)
        *root = result;
    return ok;
}
