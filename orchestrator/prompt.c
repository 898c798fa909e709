/* prompt.c - questions at a terminal */
#include "prompt.h"
#include "log.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *word, *help;
    int answer;
} Choice;

#define SHOW_LOG (-1)

/* A line of the terminal without its newline; FALSE at its end. */
static gboolean read_line(char *line, gsize size)
{
    gssize length;
    do
        length = read(STDIN_FILENO, line, size - 1);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        return FALSE;
    line[length] = '\0';
    g_strstrip(line);
    return TRUE;
}

static const Choice *match(const Choice *choices, const char *line)
{
    for (const Choice *choice = choices; choice->word; choice++)
        if (*line && g_ascii_strncasecmp(choice->word, line, strlen(line)) == 0)
            return choice;
    return NULL;
}

static int ask(const char *question, const Choice *choices)
{
    g_autoptr(GString) text = g_string_new(question);
    for (const Choice *choice = choices; choice->word; choice++)
        g_string_append_printf(text, "\n  %-10s %s", choice->word, choice->help);
    g_string_append(text, "\nChoice: [continue] ");
    for (;;) {
        char line[128];
        g_printerr("%s", text->str);
        if (!read_line(line, sizeof line))
            return PROMPT_TERMINATE;
        const Choice *choice = *line ? match(choices, line) : &choices[0];
        if (choice)
            return choice->answer;
    }
}

char *prompt_text(const char *question, const char *fallback)
{
    char line[128];
    do {
        if (fallback)
            g_printerr("%s [%s]: ", question, fallback);
        else
            g_printerr("%s: ", question);
        if (!read_line(line, sizeof line))
            return NULL;
    } while (!*line && !fallback);
    return g_strdup(*line ? line : fallback);
}

PromptAnswer prompt_after_interrupt(void)
{
    static const Choice choices[] = {
        {"continue", "go on as if nothing had happened", PROMPT_CONTINUE},
        {"quit", "start nothing more, wait for running jobs", PROMPT_QUIT},
        {"terminate", "end running jobs now", PROMPT_TERMINATE},
        {NULL},
    };
    return ask("\nInterrupted.", choices);
}

PromptAnswer prompt_after_failure(const char *element, const char *log_path)
{
    static const Choice choices[] = {
        {"continue", "build what does not need it", PROMPT_CONTINUE},
        {"quit", "start nothing more, wait for running jobs", PROMPT_QUIT},
        {"terminate", "end running jobs now", PROMPT_TERMINATE},
        {"retry", "try it again", PROMPT_RETRY},
        {"log", "show the whole log", SHOW_LOG},
        {NULL},
    };
    g_autofree char *question = g_strdup_printf("\n%s failed.", element);
    for (;;) {
        int answer = ask(question, choices);
        if (answer != SHOW_LOG)
            return answer;
        g_autofree char *log = file_tail(log_path, G_MAXUINT);
        g_printerr("%s\n", log);
    }
}
