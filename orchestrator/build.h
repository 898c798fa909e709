/*
 * build.h - building one element: stage what it depends on, integrate, stage its sources, run its commands, collect, store the artifact.
 *
 * Caveats: everything here blocks and belongs into a job process (a forked child with its own open store; the staging server may be the
 * parent's).  build_run starts gRPC's threads when the element has a socket, so nothing may fork after it.  Nothing is printed: events
 * go to the sink, the output of commands to log_fd.
 *
 * The first part is for the scheduler and the commands; the second, from `struct Build` on, for the element kinds' assemble functions.
 */
#pragma once

#include "job-budget.h"
#include "artifact.h"
#include "execution-policy.h"
#include "kind.h"
#include "layout.h"
#include "sandbox.h"
#include "split.h"

typedef enum {
    BUILDTREES_AUTO, /* of failed builds */
    BUILDTREES_ALWAYS,
    BUILDTREES_NEVER
} CacheBuildtrees;

typedef struct Cluster Cluster;
typedef struct AuditAccount AuditAccount; /* audit-account.h */

typedef struct {
    SluiceStore *store;
    const Cluster *cluster;           /* behind the action-proxies; NULL: none */
    JobBudget *budget;                /* for actions of clients; NULL: none is executed */
    SluiceStaging *staging;           /* NULL is allowed where no command runs (import, stack, filter) */
    const EventSink *events;          /* or NULL */
    GCancellable *cancellable;        /* or NULL */
    int log_fd;                       /* the element's log, opened for appending (and reading); -1: none */
    const char *log_name;             /* its name in the artifact, "KEY8-build.DATE.log"; NULL: "build.log" */
    unsigned timeout;                 /* seconds for each run of commands; 0: none */
    const ExecutionPolicy *execution; /* of the actions of clients; NULL: nothing bounds them */
    gboolean strict;                  /* dependencies are taken by strict key only */
    CacheBuildtrees buildtrees;
    AuditAccount *audits; /* gets what audits of hits found; NULL: none are made */
    unsigned audit_hits;  /* percent of the hits that clients get */
} BuildContext;

/* Builds the element and stores its artifact; its sources are fetched, the artifacts of its dependencies are in the store.  FALSE: a failed artifact
 * may have been stored.  A command that failed is SANDBOX/command-failed, no `sh` in the dependencies SANDBOX/missing-command,
 * cancelled is G_IO_ERROR_CANCELLED. */
gboolean build_run(Element *element, const BuildContext *context, GError **error);

/* The files of all elements in `scope` (of several targets: each once), merged at "/"; with `integrate`, after their integration commands.  For
 * `artifact checkout` and `shell`.  ARTIFACT/uncached-checkout-attempt if an artifact is missing. */
gboolean build_stage_elements(Element *const *elements, gsize count, Scope scope, gboolean integrate,
                              const BuildContext *context, SluiceDigest *root, GError **error);

typedef struct {
    const char *const *argv; /* NULL: the project's shell command */
    gboolean build_scope; /* --build: dependencies and sources staged, in the build root; else the element's runtime */
    gboolean use_buildtree;         /* the artifact's buildtree instead of the sources */
    gboolean isolate;               /* no network, no host files, the element's uid */
    const char *prompt;             /* PS1, or NULL */
    const SluiceSandboxBind *binds; /* --mount */
    gsize n_binds;
    gboolean interactive; /* stdin is a terminal: keep the session */
} ShellOptions;
/* Runs a command in the element's sandbox with the caller's stdin, stdout and stderr.  `status` gets its exit status. */
gboolean build_shell(Element *element, const BuildContext *context, const ShellOptions *options, int *status,
                     GError **error);

/* ---- For element kinds -------------------------------------------------------------------------------------------------- */

struct Build {
    Element *element;
    const BuildContext *context;
    const char *action; /* of its events: "build" or "main" */
    Arena *arena;       /* until the end of the build */
    SluiceLease *lease; /* what it works on is not evicted */
    int log_fd;         /* in memory if the caller gave none */
    /* The dependencies after integration, before sources: what the environment digest is made of. */
    SluiceDigest environment_root;
    gboolean has_environment_root;
    SluiceDigest buildtree; /* where one is to be kept, with the root around it */
    gboolean has_buildtree;
    SluiceDigest buildroot;
    gboolean has_buildroot;
    const char *work_directory;     /* of the commands that ran in it */
    const char *const *environment; /* of those, too */
    SluiceDigest sources; /* as they were staged, or would have been if the build did not go on from an earlier one */
    gboolean has_sources;
    SluiceDigest failed_files; /* what a failed build had collected */
    gboolean has_failed_files;
    gboolean failed_staging; /* what failed is no result of the element: it is not remembered */
    Node *public_;           /* to be stored instead of element->public_, or NULL */
    gboolean proxy_used;
    SluiceDigest proxy_environment; /* its E */
    SluiceEndpointStats proxy;
    SluiceUpstreamStats upstream; /* of the cluster, if there is one */
};

typedef struct {
    const char *const *commands; /* NULL-terminated; or NULL */
    const char *marker;          /* absolute: an empty file that is made after them; or NULL */
} CommandStep;

typedef struct {
    SluiceDigest root; /* staged, sources included */
    const CommandStep *steps;
    gsize n_steps;
    const char *cwd; /* absolute */
    gboolean root_read_only;
    const char *const *writable;    /* NULL-terminated, absolute; with root_read_only */
    const char *collect;            /* absolute: what becomes the artifact */
    gboolean collect_failed;        /* also when a command fails: what is there then is kept with the failure */
    const char *buildtree;          /* absolute: what is kept as the buildtree; or NULL */
    const char *const *environment; /* NULL-terminated "NAME=value" */
    const char *proxy_socket;       /* where the UNIX socket of the action-proxy goes; NULL: none */
    unsigned proxy_port;            /* its TCP port on the sandbox's loopback interface; 0: none */
    SluiceCacheWrites cache_writes;
    const char *proxy_required; /* the program that must have called the proxy, or the build fails; NULL: none */
} CommandPlan;

typedef struct {
    const Layout *layout;
    gboolean integrate;         /* what is staged at "/" */
    const char *split_location; /* where only a part of each artifact is staged; NULL: nowhere */
    SplitRules split;           /* which part; of each artifact by its own element's rules */
} StagePlan;

/* `started` is g_get_monotonic_time() at the START event, or 0. */
G_GNUC_PRINTF(5, 6)
void build_event(Build *build, EventType type, gint64 started, const char *detail, const char *format, ...);
/* START with a return value for the event that ends it. */
gint64 build_event_start(Build *build, const char *message);
/* A warning of BuildStream's: an error if the project made it fatal.  `token` is a static string. */
gboolean build_warn(Build *build, const char *token, const char *message, const char *detail, GError **error);

/* For what fails before the element's own work begins: FALSE, and the failure will not be remembered. */
gboolean build_staging_failed(Build *build);
/* Dependencies with all that they need at run time, merged, overlaps reported.  Sets environment_root. */
gboolean build_stage(Build *build, const StagePlan *plan, SluiceDigest *root, GError **error);
/* The same with the element's build dependencies where their `location` configs say. */
gboolean build_stage_dependencies(Build *build, SluiceDigest *root, GError **error);
/* All artifacts of `elements` in one tree at "/", overlaps reported.  Not integrated. */
gboolean build_stage_artifacts(Build *build, GPtrArray *elements, SluiceDigest *root, GError **error);
/* Adds the sources' files under `path` of the tree `root`. */
gboolean build_stage_sources(Build *build, const char *path, SluiceDigest *root, GError **error);
gboolean build_is_empty(Build *build, const SluiceDigest *directory, gboolean *empty, GError **error);
/* Puts a file of that text into the tree. */
gboolean build_add_text(Build *build, SluiceTree *tree, const char *path, const char *text, gboolean executable,
                        GError **error);
/* The public data of a dependency as its artifact has it, which its build may have changed; in the build's arena. */
const Node *build_public_data(Build *build, const Element *dependency, GError **error);
/* Runs the integration commands of `elements` in the tree `lower`; once for each such question, by any process. */
gboolean build_integrate(Build *build, GPtrArray *elements, const SluiceDigest *lower, SluiceDigest *root,
                         GError **error);
/* The element's integration commands; borrowed strings, free the array. */
GPtrArray *build_integration_commands(Element *element);
/* The element's environment as "NAME=value", its digest-environment variables included; in the build's arena. */
const char *const *build_environment(Build *build, GError **error);
/* Runs all steps in one sandbox and captures `collect`. */
gboolean build_commands(Build *build, const CommandPlan *plan, SluiceDigest *files, GError **error);
/* How the action-proxy of an element is set up by `sandbox: remote-apis-socket` and `public: sluice: cache-writes`. */
gboolean build_plan_proxy(Build *build, SluiceCacheWrites default_writes, CommandPlan *plan, GError **error);
