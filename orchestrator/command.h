/*
 * command.h - the table of commands: parsing, --help, completion and usage errors all come from it.
 */
#pragma once

#include "options.h"

typedef struct App App;

typedef enum { WORDS_NONE, WORDS_ELEMENTS, WORDS_ARTIFACTS, WORDS_COMMANDS, WORDS_FILES } WordsKind;

/* Gives the exit status; an error that is set is reported, and the status then is 255. */
typedef int (*CommandFunc)(App *app, GError **error);

typedef struct {
    const char *name;  /* "source track" */
    const char *words; /* "[ELEMENTS]..." */
    WordsKind words_kind;
    guint max_words;     /* G_MAXUINT: any number */
    gboolean has_rest;   /* takes "-- COMMAND…"; words beyond max_words belong to it */
    const char *summary; /* one line, without full stop */
    const char *text;    /* more for --help, or NULL */
    const OptionSpec *options;
    CommandFunc run;
} Command;

extern const Command commands[]; /* ends in an entry without name */
extern const OptionSpec global_options[];

/* One line about each group ("source"), or NULL. */
const char *command_group_summary(const char *group);
const Command *command_find(const char *name);
/* Finds the command that argv[*position…] names and steps over its words.  With `group` set and no error, only a group was named. */
const Command *command_take(char **argv, int *position, const char **group, GError **error);

/* Texts of help; free with g_free. */
char *command_help(const char *program, const Command *command);
char *command_overview(const char *program, const char *group); /* group NULL: everything */
char *command_usage(const char *program, const Command *command, const char *group);

/* The commands. */
int cmd_build(App *app, GError **error);
int cmd_show(App *app, GError **error);
int cmd_diff_keys(App *app, GError **error);
int cmd_shell(App *app, GError **error);
int cmd_recc_daemon(App *app, GError **error);
int cmd_recc_stats(App *app, GError **error);
int cmd_help(App *app, GError **error);
int cmd_init(App *app, GError **error);
int cmd_serve(App *app, GError **error);
int cmd_source_fetch(App *app, GError **error);
int cmd_source_track(App *app, GError **error);
int cmd_source_checkout(App *app, GError **error);
int cmd_artifact_show(App *app, GError **error);
int cmd_artifact_checkout(App *app, GError **error);
int cmd_artifact_log(App *app, GError **error);
int cmd_artifact_list_contents(App *app, GError **error);
int cmd_artifact_delete(App *app, GError **error);
int cmd_workspace_open(App *app, GError **error);
int cmd_workspace_close(App *app, GError **error);
int cmd_workspace_reset(App *app, GError **error);
int cmd_workspace_list(App *app, GError **error);
int cmd_cache_explain(App *app, GError **error);
int cmd_cache_info(App *app, GError **error);
int cmd_cache_fsck(App *app, GError **error);
int cmd_cache_gc(App *app, GError **error);
