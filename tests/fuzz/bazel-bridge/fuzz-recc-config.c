/* A recc.conf: what is accepted can be asked for, and stays behind what the environment says. */
#include "recc-config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

static void ask(const ReccConfig *config, const ReccVariable *variable)
{
    switch (variable->kind) {
    case RECC_TEXT:
        recc_config_text(config, variable->name);
        break;
    case RECC_SWITCH:
        recc_config_is_on(config, variable->name);
        break;
    case RECC_NUMBER:
        recc_config_number(config, variable->name, 0);
        break;
    case RECC_LIST:
        g_strfreev(recc_config_list(config, variable->name));
        break;
    case RECC_MAP: {
        g_autoptr(GPtrArray) map = recc_config_map(config, variable->name);
        check(map->len % 2 == 0);
    } break;
    }
}

static void check_accepted(const ReccConfig *config)
{
    gsize count;
    const ReccVariable *variables = recc_variables(&count);
    GPtrArray *notes = recc_config_notes(config);
    for (gsize i = 0; i < count; i++)
        ask(config, &variables[i]);
    for (guint i = 0; i < notes->len; i++)
        check(g_str_has_prefix(g_ptr_array_index(notes, i), "conf:"));
    check(strcmp(recc_config_text(config, "ACTION_SALT"), "mine") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *environment[] = {(char *)"RECC_ACTION_SALT=mine", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(ReccConfig) config = recc_config_new();
    check(recc_config_add_environment(config, environment, NULL));
    if (recc_config_add_file(config, "conf", (const char *)data, size, &error)) {
        check(error == NULL);
        check_accepted(config);
    } else {
        check(g_str_has_prefix(error->message, "conf:") && g_utf8_validate(error->message, -1, NULL));
    }
    return 0;
}
