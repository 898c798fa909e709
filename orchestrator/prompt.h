/*
 * prompt.h - questions to a user at a terminal.  They block; jobs go on meanwhile.
 */
#pragma once

#include <glib.h>

typedef enum { PROMPT_CONTINUE, PROMPT_QUIT, PROMPT_TERMINATE, PROMPT_RETRY } PromptAnswer;
/* End of input answers PROMPT_TERMINATE. */
PromptAnswer prompt_after_interrupt(void);
/* Also offers to see the log, and then asks again. */
PromptAnswer prompt_after_failure(const char *element, const char *log_path);
/* Asks for a line of text; an empty line gives the fallback, where there is one.  NULL at the end of input.  Free with g_free. */
char *prompt_text(const char *question, const char *fallback);
