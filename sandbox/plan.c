/*
 * The list of operations itself, as text and as bytes.
 *
 * Bytes: strings that each end in NUL.  First VERSION, then for each operation its name, the number of its arguments in decimal,
 * and the arguments.
 */
#include "plan.h"
#include "sandbox-error.h"
#include "sandbox-limits.h"

#include <string.h>

#define VERSION "sluice-plan 1"
#define ANY     G_MAXUINT

static const struct {
    const char *name;
    unsigned least, most; /* arguments */
} ops[SANDBOX_N_OPS] = {
    [SANDBOX_OP_NAMESPACES] = {"namespaces", 1, 1},
    [SANDBOX_OP_NETWORK] = {"network", 1, 1},
    [SANDBOX_OP_LISTEN] = {"listen", 1, 1},
    [SANDBOX_OP_LIMITS] = {"limits", 6, 6},
    [SANDBOX_OP_WORK] = {"work", 1, 1},
    [SANDBOX_OP_LOWER] = {"lower", 1, 1},
    [SANDBOX_OP_OVERLAY] = {"overlay", 1, 1},
    [SANDBOX_OP_ROOT] = {"root", 1, 1},
    [SANDBOX_OP_BASE] = {"base", 2, 2},
    [SANDBOX_OP_DEV] = {"dev", 1, 1},
    [SANDBOX_OP_PROC] = {"proc", 1, 1},
    [SANDBOX_OP_TMPFS] = {"tmpfs", 1, 1},
    [SANDBOX_OP_WRITABLE] = {"writable", 1, 1},
    [SANDBOX_OP_BIND] = {"bind", 3, 3},
    [SANDBOX_OP_DIRECTORY] = {"directory", 1, 1},
    [SANDBOX_OP_IDENTITY] = {"identity", 2, 2},
    [SANDBOX_OP_HOSTNAME] = {"hostname", 1, 1},
    [SANDBOX_OP_SESSION] = {"session", 1, 1},
    [SANDBOX_OP_ENVIRONMENT] = {"environment", 0, ANY},
    [SANDBOX_OP_LAUNCH] = {"launch", 2, ANY},
};

static void op_free(gpointer data)
{
    SandboxOp *op = data;
    g_strfreev(op->args);
    g_free(op);
}

SandboxPlan *sandbox_plan_new(void)
{
    SandboxPlan *plan = g_new(SandboxPlan, 1);
    plan->ops = g_ptr_array_new_with_free_func(op_free);
    return plan;
}

void sandbox_plan_free(SandboxPlan *plan)
{
    if (plan == NULL)
        return;
    g_ptr_array_unref(plan->ops);
    g_free(plan);
}

static void take(SandboxPlan *plan, SandboxOpType type, char **args)
{
    SandboxOp *op = g_new(SandboxOp, 1);
    *op = (SandboxOp){.type = type, .args = args};
    g_ptr_array_add(plan->ops, op);
}

void sandbox_plan_addv(SandboxPlan *plan, SandboxOpType type, const char *const *args)
{
    take(plan, type, g_strdupv((char **)args));
}

const char *sandbox_op_name(SandboxOpType type)
{
    return ops[type].name;
}

static gboolean is_plain(const char *arg)
{
    return *arg != '\0' &&
           arg[strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@%")] == '\0';
}

char *sandbox_plan_to_text(const SandboxPlan *plan)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < plan->ops->len; i++) {
        const SandboxOp *op = plan->ops->pdata[i];
        g_string_append(text, ops[op->type].name);
        for (char **arg = op->args; *arg != NULL; arg++) {
            g_autofree char *escaped = is_plain(*arg) ? NULL : g_strescape(*arg, NULL);
            if (escaped == NULL)
                g_string_append_printf(text, " %s", *arg);
            else
                g_string_append_printf(text, " \"%s\"", escaped);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static void append(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text) + 1);
}

GBytes *sandbox_plan_encode(const SandboxPlan *plan)
{
    GByteArray *out = g_byte_array_new();
    append(out, VERSION);
    for (guint i = 0; i < plan->ops->len; i++) {
        const SandboxOp *op = plan->ops->pdata[i];
        char count[16];
        g_snprintf(count, sizeof count, "%u", g_strv_length(op->args));
        append(out, ops[op->type].name);
        append(out, count);
        for (char **arg = op->args; *arg != NULL; arg++)
            append(out, *arg);
    }
    return g_byte_array_free_to_bytes(out);
}

typedef struct {
    const char *at, *end;
} Strings;

static const char *next_string(Strings *strings)
{
    const char *start = strings->at;
    const char *nul = start < strings->end ? memchr(start, '\0', (gsize)(strings->end - start)) : NULL;
    if (nul == NULL)
        return NULL;
    strings->at = nul + 1;
    return start;
}

static gboolean find_type(const char *name, SandboxOpType *type)
{
    for (unsigned i = 0; i < SANDBOX_N_OPS; i++) {
        if (g_str_equal(ops[i].name, name)) {
            *type = (SandboxOpType)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean decode_op(SandboxPlan *plan, Strings *strings, GError **error)
{
    const char *name = next_string(strings);
    const char *count_text = next_string(strings);
    SandboxOpType type = SANDBOX_N_OPS;
    guint64 count = 0;
    if (name == NULL || count_text == NULL || !find_type(name, &type))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: unknown operation %s", name != NULL ? name : "");
    if (!g_ascii_string_to_unsigned(count_text, 10, ops[type].least, ops[type].most, &count, NULL))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: wrong number of arguments for %s", name);
    if (count > (guint64)(strings->end - strings->at))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: %s is cut off", name);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (guint64 i = 0; i < count; i++) {
        const char *arg = next_string(strings);
        if (arg == NULL)
            return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: %s is cut off", name);
        g_strv_builder_add(builder, arg);
    }
    take(plan, type, g_strv_builder_end(builder));
    return TRUE;
}

SandboxPlan *sandbox_plan_decode(const void *data, gsize length, GError **error)
{
    Strings strings = {.at = data, .end = (const char *)data + length};
    const char *version = length <= SANDBOX_PLAN_BYTES_MAX ? next_string(&strings) : NULL;
    if (version == NULL || !g_str_equal(version, VERSION)) {
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP,
                      "the plan is not of this version: program and helper are of different releases");
        return NULL;
    }
    SandboxPlan *plan = sandbox_plan_new();
    gboolean ok = TRUE;
    while (ok && strings.at < strings.end) {
        ok = plan->ops->len < SANDBOX_PLAN_OPS_MAX ||
             sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: more than %u operations", SANDBOX_PLAN_OPS_MAX);
        ok = ok && decode_op(plan, &strings, error);
    }
    if (ok)
        return plan;
    sandbox_plan_free(plan);
    return NULL;
}
