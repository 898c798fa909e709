/*
 * plan.h - what a sandbox is set up from: an ordered list of operations, made without doing anything.
 *
 * A plan is data.  It is made in the calling process from a SluiceSandboxCommand (plan-command.c), can be looked at as text (tests do),
 * and travels to the helper program as bytes, which carries it out from first to last (helper-execute.c).
 */
#pragma once

#include "sandbox.h"

typedef enum {
    SANDBOX_OP_LIMITS,      /* PROCESSES, MEMORY, DISK, FILES, OUTPUT, FREE-SPACE as in SluiceSandboxLimits */
    SANDBOX_OP_NAMESPACES,  /* new|join: the user namespace; always with a mount namespace of its own */
    SANDBOX_OP_NETWORK,     /* none|host */
    SANDBOX_OP_LISTEN,      /* PORT on the loopback addresses; the sockets go to the caller, who says when to go on */
    SANDBOX_OP_WORK,        /* DIRECTORY that holds upper/, lower/, root/ and the overlay's own directory */
    SANDBOX_OP_LOWER,       /* DIRECTORY that is shown on lower/ */
    SANDBOX_OP_OVERLAY,     /* NAME of the overlay's own directory; the root appears on root/ */
    SANDBOX_OP_ROOT,        /* read-only|writable */
    SANDBOX_OP_BASE,        /* DIRECTORY that is the read-only root, PATH in it where what is on root/ goes */
    SANDBOX_OP_DEV,         /* PATH */
    SANDBOX_OP_PROC,        /* PATH */
    SANDBOX_OP_TMPFS,       /* PATH */
    SANDBOX_OP_WRITABLE,    /* PATH: made, and writable whatever the root is */
    SANDBOX_OP_BIND,        /* SOURCE on the host, PATH, read-only|writable */
    SANDBOX_OP_DIRECTORY,   /* PATH: made; commands start there */
    SANDBOX_OP_IDENTITY,    /* UID, GID */
    SANDBOX_OP_HOSTNAME,    /* NAME */
    SANDBOX_OP_SESSION,     /* new|same */
    SANDBOX_OP_ENVIRONMENT, /* NAME=VALUE… */
    SANDBOX_OP_LAUNCH,      /* PATH of bubblewrap, ARGUMENT… of the command */
    SANDBOX_N_OPS
} SandboxOpType;

typedef struct {
    SandboxOpType type;
    char **args; /* NULL-terminated */
} SandboxOp;

typedef struct {
    GPtrArray *ops; /* SandboxOp, owned */
} SandboxPlan;

SandboxPlan *sandbox_plan_new(void);
void sandbox_plan_free(SandboxPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SandboxPlan, sandbox_plan_free)
/* Copies the arguments; the list ends with NULL. */
void sandbox_plan_addv(SandboxPlan *plan, SandboxOpType type, const char *const *args);
/* The same with the arguments one by one, at least one. */
#define sandbox_plan_add(plan, type, ...) sandbox_plan_addv(plan, type, (const char *const[]){__VA_ARGS__, NULL})

const char *sandbox_op_name(SandboxOpType type);
/* One line for each operation, arguments escaped as in C where they are not plain. */
char *sandbox_plan_to_text(const SandboxPlan *plan);
GBytes *sandbox_plan_encode(const SandboxPlan *plan);
/* SETUP for bytes that are no plan of this version. */
SandboxPlan *sandbox_plan_decode(const void *data, gsize length, GError **error);

/* What a plan depends on besides the command. */
typedef struct {
    gboolean join;     /* the user and mount namespaces of the server of trees */
    const char *work;  /* directory of the sandbox */
    const char *lower; /* directory with the staged root */
    const char *base;  /* directory with the root that has it at `place`; NULL: it is the root itself */
    const char *place;
    unsigned serial;   /* of the run in this sandbox: an overlay's own directory is not used twice */
    const char *bwrap; /* path of bubblewrap */
} SandboxPlace;

/* SETUP names what is wrong with `command`. */
SandboxPlan *sandbox_plan_for_command(const SandboxPlace *place, const SluiceSandboxCommand *command, GError **error);
