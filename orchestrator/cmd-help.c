/* cmd-help.c - `help` */
#include "app.h"
#include <string.h>

int cmd_help(App *app, GError **error)
{
    guint count;
    char **words = (char **)arguments_words(app->arguments, &count);
    int position = 0;
    const char *group = NULL;
    const Command *command = command_take(words, &position, &group, error);
    if (error && *error)
        return EXIT_USAGE;
    g_autofree char *text = command ? command_help(app->program, command) : command_overview(app->program, group);
    app_print(text);
    return 0;
}
