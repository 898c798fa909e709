/* execution-policy.c - see execution-policy.h */
#include "execution-policy.h"
#include "user-config.h"

#include <string.h>
#include <unistd.h>

void execution_policy_init(ExecutionPolicy *policy)
{
    *policy = (ExecutionPolicy){
        .processes = 2048,
        .files = 1000000,
        .timeout = 3600,
        .memory = {.percent = 75},
        .disk = {.bytes = 16ull << 30},
        .output = {.bytes = 64u << 20},
        .free_space = {.percent = 1},
    };
}

static const struct {
    const char *key;
    gsize offset;
    gint64 most;
} counts[] = {
    {"processes", G_STRUCT_OFFSET(ExecutionPolicy, processes), 4 << 20},
    {"files", G_STRUCT_OFFSET(ExecutionPolicy, files), 4 << 20},
    {"timeout", G_STRUCT_OFFSET(ExecutionPolicy, timeout), 365 * 24 * 3600},
};

static const struct {
    const char *key;
    gsize offset;
} amounts[] = {
    {"memory", G_STRUCT_OFFSET(ExecutionPolicy, memory)},
    {"disk", G_STRUCT_OFFSET(ExecutionPolicy, disk)},
    {"output", G_STRUCT_OFFSET(ExecutionPolicy, output)},
    {"free-space", G_STRUCT_OFFSET(ExecutionPolicy, free_space)},
};

static gboolean read_count(Node *section, const char *key, gint64 most, gint64 *out, GError **error)
{
    if (!node_get_int(section, key, out, error))
        return FALSE;
    if (*out >= 0 && *out <= most)
        return TRUE;
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(section, key)),
              "Value of '%s' must be between 0 and %" G_GINT64_FORMAT, key, most);
    return FALSE;
}

static gboolean read_amount(Node *section, const char *key, Amount *out, GError **error)
{
    const char *text = NULL;
    if (!node_get_string(section, key, &text, error))
        return FALSE;
    if (text == NULL)
        return TRUE;
    *out = (Amount){0};
    /* Output is a share of nothing. */
    if (strcmp(text, "0") == 0 ||
        (size_parse(text, &out->bytes, &out->percent) && (out->percent == 0 || strcmp(key, "output") != 0)))
        return TRUE;
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(section, key)),
              "%s is not a valid data size; it is a number with one of K, M, G, T or %%, or 'infinity'", text);
    return FALSE;
}

static gboolean read_limits(Node *section, ExecutionPolicy *policy, GError **error)
{
    static const char *const keys[] = {"processes", "files", "timeout", "memory", "disk", "output", "free-space", NULL};
    if (!node_check_keys(section, keys, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++)
        if (!read_count(section, counts[i].key, counts[i].most, &G_STRUCT_MEMBER(gint64, policy, counts[i].offset),
                        error))
            return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(amounts); i++)
        if (!read_amount(section, amounts[i].key, &G_STRUCT_MEMBER(Amount, policy, amounts[i].offset), error))
            return FALSE;
    return TRUE;
}

gboolean execution_policy_read(Node *root, ExecutionPolicy *policy, GError **error)
{
    static const char *const keys[] = {"audit-hits", "limits", NULL};
    enum { PERCENT = 100 };
    Node *section = NULL, *limits = NULL;
    if (!node_get_mapping(root, "execution", &section, error))
        return FALSE;
    if (section == NULL)
        return TRUE;
    return node_check_keys(section, keys, error) &&
           read_count(section, "audit-hits", PERCENT, &policy->audit_hits, error) &&
           node_get_mapping(section, "limits", &limits, error) && (!limits || read_limits(limits, policy, error));
}

static guint64 share_of_memory(guint percent)
{
    return (guint64)sysconf(_SC_PHYS_PAGES) * (guint64)sysconf(_SC_PAGESIZE) / 100 * percent;
}

static guint64 amount_on_disk(const Amount *amount, const char *path)
{
    return amount->percent > 0 ? size_of_disk_share(path, amount->percent) : amount->bytes;
}

void execution_policy_get_limits(const ExecutionPolicy *policy, const char *path, SluiceSandboxLimits *limits)
{
    *limits = (SluiceSandboxLimits){
        .processes = (uint64_t)policy->processes,
        .files = (uint64_t)policy->files,
        .output = policy->output.bytes,
        .memory = policy->memory.percent > 0 ? share_of_memory(policy->memory.percent) : policy->memory.bytes,
        .disk = amount_on_disk(&policy->disk, path),
        .free_space = amount_on_disk(&policy->free_space, path),
    };
}
