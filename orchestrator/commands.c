/* commands.c - what can be typed */
#include "command.h"

#define DEPS_CHOICES "none|run|build|all"
#define END_OPTIONS                                                                                                    \
    {                                                                                                                  \
        NULL                                                                                                           \
    }

const OptionSpec global_options[] = {
    {"version", 0, OPTION_FLAG, FALSE, NULL, "Print the version and exit"},
    {"help", 'h', OPTION_FLAG, FALSE, NULL, "Show this text and exit"},
    {"config", 'c', OPTION_STRING, FALSE, "FILE", "User configuration to use"},
    {"directory", 'C', OPTION_STRING, FALSE, "DIR", "Project directory (default: the current one)",
     "project-directory"},
    {"option", 'o', OPTION_PAIR, TRUE, "NAME VALUE", "Set a project option"},
    {"cache", 0, OPTION_STRING, FALSE, "DIR", "Cache to use (default: $SLUICE_CACHE, else below $XDG_CACHE_HOME)"},
    {"builders", 0, OPTION_INT, FALSE, "N", "Elements that are built at the same time"},
    {"fetchers", 0, OPTION_INT, FALSE, "N", "Sources that are fetched at the same time"},
    {"pushers", 0, OPTION_INT, FALSE, "N", "Uploads at the same time"},
    {"max-jobs", 0, OPTION_INT, FALSE, "N", "Processes in one build (0: automatic)"},
    {"network-retries", 0, OPTION_INT, FALSE, "N", "How often to try again"},
    {"on-error", 0, OPTION_STRING, FALSE, "continue|quit|terminate", "What to do when an element fails"},
    {"strict", 0, OPTION_SWITCH, FALSE, NULL,
     "Rebuild when any dependency changed (default), or only when an own input did"},
    {"staging", 0, OPTION_STRING, FALSE, "auto|fuse|checkout", "How roots are put under sandboxes"},
    {"default-mirror", 0, OPTION_STRING, FALSE, "NAME", "Mirror to try first"},
    {"log-file", 0, OPTION_STRING, FALSE, "FILE", "Also write the log there"},
    {"colors", 0, OPTION_SWITCH, FALSE, NULL, "Use colours (default: on a terminal)"},
    {"verbose", 0, OPTION_SWITCH, FALSE, NULL, "Log every activity (default), or leave out what is only a status"},
    {"debug", 0, OPTION_SWITCH, FALSE, NULL, "Log debugging messages"},
    {"error-lines", 0, OPTION_INT, FALSE, "N", "Lines of a log to show when an element fails"},
    {"message-lines", 0, OPTION_INT, FALSE, "N", "Lines to show of a message"},
    {"no-interactive", 0, OPTION_FLAG, FALSE, NULL, "Never ask anything"},
    {"cache-buildtrees", 0, OPTION_STRING, FALSE, "always|auto|never",
     "When to keep the build directory with an artifact"},
    END_OPTIONS,
};

static const OptionSpec build_options[] = {
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES,
     "Which dependencies to build, beside what is needed (default: run)"},
    {"retry-failed", 'r', OPTION_FLAG, FALSE, NULL, "Build again what failed before"},
    {"audit-hits", 0, OPTION_INT, FALSE, "PERCENT",
     "Execute this share of the hits that clients in sandboxes get again, and compare (default: 0)"},
    END_OPTIONS,
};

static const OptionSpec show_options[] = {
    {"except", 0, OPTION_STRING, TRUE, "ELEMENT", "Leave out this element and what only it needs"},
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES, "Which dependencies to show (default: all)"},
    {"explain-key", 0, OPTION_FLAG, FALSE, NULL,
     "Show what goes into the keys, as JSON; each part's compact text hashes to its key (default: --deps none)"},
    {"order", 0, OPTION_STRING, FALSE, "stage|alpha", "Staging order (default) or by name"},
    {"format", 'f', OPTION_STRING, FALSE, "FORMAT", "Template of a line, as %{state: >12} %{full-key} %{name}"},
    END_OPTIONS,
};

static const OptionSpec diff_keys_options[] = {
    {"with-option", 0, OPTION_PAIR, TRUE, "NAME VALUE", "Set a project option on the second side only"},
    END_OPTIONS,
};

static const OptionSpec shell_options[] = {
    {"build", 'b', OPTION_FLAG, FALSE, NULL, "The sandbox in which the element is built, with its sources"},
    {"mount", 0, OPTION_PAIR, TRUE, "HOSTPATH PATH", "Mount a file or directory of the host"},
    {"isolate", 0, OPTION_FLAG, FALSE, NULL, "As in a build: no network, nothing of the host"},
    {"use-buildtree", 't', OPTION_FLAG, FALSE, NULL, "The kept build directory instead of the sources (with --build)"},
    END_OPTIONS,
};

static const OptionSpec fetch_options[] = {
    {"except", 0, OPTION_STRING, TRUE, "ELEMENT", "Leave out this element and what only it needs"},
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES, "Which dependencies to include (default: none)"},
    {"source-remote", 0, OPTION_STRING, TRUE, "REMOTE", "A server of sources; taken for compatibility, not asked"},
    {"ignore-project-source-remotes", 0, OPTION_FLAG, FALSE, NULL,
     "Without servers that projects name (none is asked)"},
    END_OPTIONS,
};

static const OptionSpec track_options[] = {
    {"except", 0, OPTION_STRING, TRUE, "ELEMENT", "Leave out this element and what only it needs"},
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES, "Which dependencies to include (default: none)"},
    {"cross-junctions", 'J', OPTION_FLAG, FALSE, NULL, "Also track elements of subprojects"},
    END_OPTIONS,
};

static const OptionSpec source_checkout_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "Into a directory that is not empty, over an existing file"},
    {"except", 0, OPTION_STRING, TRUE, "ELEMENT", "Leave out this element and what only it needs"},
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES, "Whose sources (default: none, the element's own)"},
    {"tar", 0, OPTION_STRING, FALSE, "FILE", "Write an archive instead of a directory; - is standard output"},
    {"compression", 0, OPTION_STRING, FALSE, "gz|xz|bz2", "Of the archive (default: none)"},
    {"include-build-scripts", 0, OPTION_FLAG, FALSE, NULL, "With scripts that build the elements without sluice"},
    {"directory", 0, OPTION_STRING, FALSE, "DIR", "Where to (default: source-checkout)"},
    {"source-remote", 0, OPTION_STRING, TRUE, "REMOTE", "A server of sources; taken for compatibility, not asked"},
    {"ignore-project-source-remotes", 0, OPTION_FLAG, FALSE, NULL,
     "Without servers that projects name (none is asked)"},
    END_OPTIONS,
};

static const OptionSpec artifact_show_options[] = {
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES, "Which dependencies to include (default: none)"},
    END_OPTIONS,
};

static const OptionSpec artifact_checkout_options[] = {
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "Into a directory that is not empty, over an existing file"},
    {"deps", 'd', OPTION_STRING, FALSE, DEPS_CHOICES, "Which dependencies to include (default: run)"},
    {"integrate", 0, OPTION_SWITCH, FALSE, NULL, "Run integration commands (default: yes)"},
    {"hardlinks", 0, OPTION_FLAG, FALSE, NULL, "Link files to the cache: for places that nobody writes to"},
    {"tar", 0, OPTION_STRING, FALSE, "FILE", "Write an archive instead of a directory; - is standard output"},
    {"compression", 0, OPTION_STRING, FALSE, "gz|xz|bz2", "Of the archive (default: from the name of FILE)"},
    {"directory", 0, OPTION_STRING, FALSE, "DIR", "Where to (default: the element's name)"},
    END_OPTIONS,
};

static const OptionSpec artifact_log_options[] = {
    {"out", 0, OPTION_STRING, FALSE, "DIR", "Write each log into a file there"},
    END_OPTIONS,
};

static const OptionSpec artifact_list_options[] = {
    {"long", 'l', OPTION_FLAG, FALSE, NULL, "With type, size and mode"},
    END_OPTIONS,
};

static const OptionSpec cache_info_options[] = {
    {"json", 0, OPTION_FLAG, FALSE, NULL, "As one JSON object"},
    END_OPTIONS,
};

static const OptionSpec cache_explain_options[] = {
    {"json", 0, OPTION_FLAG, FALSE, NULL, "As one JSON object"},
    END_OPTIONS,
};

static const OptionSpec cache_fsck_options[] = {
    {"repair", 0, OPTION_SWITCH, FALSE, NULL, "Remove what is damaged (default: yes)"},
    END_OPTIONS,
};

static const OptionSpec cache_gc_options[] = {
    {"size", 0, OPTION_STRING, FALSE, "SIZE",
     "Evict until at most this much remains: bytes, K, M, G, T or % of the disk"},
    {"all", 0, OPTION_FLAG, FALSE, NULL, "Evict all that is not in use"},
    {"quota", 0, OPTION_STRING, FALSE, "SIZE", "Remember this as the quota of the cache; infinity for none"},
    END_OPTIONS,
};

static const OptionSpec recc_daemon_options[] = {
    {"detach", 0, OPTION_FLAG, FALSE, NULL, "Return when it answers; it stays"},
    {"idle", 0, OPTION_INT, FALSE, "SECONDS", "End after so long without a compile (0: never; default: 900)"},
    {"folder", 0, OPTION_STRING, FALSE, "DIR",
     "Where launchers find it (default: $XDG_RUNTIME_DIR/sluice-recc, or /tmp/sluice-recc-UID)"},
    {"stop", 0, OPTION_FLAG, FALSE, NULL, "End the one that runs"},
    END_OPTIONS,
};

static const OptionSpec serve_options[] = {
    {"listen", 0, OPTION_STRING, TRUE, "ADDRESS", "unix:PATH or HOST:PORT (port 0: any)"},
    {"execute", 0, OPTION_FLAG, FALSE, NULL, "Execute actions, each in a sandbox of its own"},
    {"environment", 0, OPTION_STRING, FALSE, "ELEMENT",
     "With --execute: what is there beside an action's inputs; or a tree's digest"},
    {"config", 0, OPTION_STRING, FALSE, "FILE", "Read these options from a file (this is not the user configuration)",
     "serve-config"},
    {"tls-cert", 0, OPTION_STRING, FALSE, "FILE", "Serve TLS with this certificate (PEM, its chain behind it)"},
    {"tls-key", 0, OPTION_STRING, FALSE, "FILE", "The certificate's key (PEM)"},
    {"client-ca", 0, OPTION_STRING, FALSE, "FILE", "Let clients in that have a certificate of these authorities (PEM)"},
    {"client", 0, OPTION_PAIR, TRUE, "NAME ROLE",
     "Role of clients whose certificate has this name; '*': all (default: '*' read-write)"},
    {"token-file", 0, OPTION_STRING, FALSE, "FILE", "Let clients in that send a token of this file"},
    {"anonymous", 0, OPTION_STRING, FALSE, "none|read|read-write",
     "Role of all others (default: none with --client-ca or --token-file, else read-write)"},
    {"allow-plaintext", 0, OPTION_FLAG, FALSE, NULL, "Let tokens come over unencrypted connections"},
    {"max-size", 0, OPTION_STRING, FALSE, "SIZE", "Evict while serving: bytes, K, M, G, T or % of the disk"},
    {"high-watermark", 0, OPTION_INT, FALSE, "PERCENT", "Of --max-size, where eviction starts (default: 95)"},
    {"low-watermark", 0, OPTION_INT, FALSE, "PERCENT", "Of --max-size, where eviction stops (default: 80)"},
    {"metrics", 0, OPTION_STRING, FALSE, "HOST:PORT", "Serve /metrics (Prometheus) and /healthz over HTTP"},
    {"access-log", 0, OPTION_STRING, FALSE, "FILE", "Write a line of JSON for each call; - is standard output"},
    {"audit-hits", 0, OPTION_INT, FALSE, "PERCENT",
     "With --execute: execute this share of the hits again, and warn of results that are wrong (default: 0)"},
    {"drain", 0, OPTION_INT, FALSE, "SECONDS", "What calls in work get at the end (default: 30)"},
    END_OPTIONS,
};

static const OptionSpec init_options[] = {
    {"project-name", 0, OPTION_STRING, FALSE, "NAME", "The project's name; without it, questions are asked"},
    {"min-version", 0, OPTION_STRING, FALSE, "VERSION", "The format version that the project needs (default: 2.8)"},
    {"element-path", 0, OPTION_STRING, FALSE, "PATH", "Where its elements are (default: elements)"},
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "Over an existing project.conf"},
    END_OPTIONS,
};

static const OptionSpec workspace_open_options[] = {
    {"no-checkout", 0, OPTION_FLAG, FALSE, NULL, "Do not write the sources there: use what is in the directory"},
    {"force", 'f', OPTION_FLAG, FALSE, NULL, "Replace a workspace that is open, overwrite what is in the directory"},
    {"directory", 0, OPTION_STRING, FALSE, "DIR", "Where to (default: the element's name), for one element"},
    END_OPTIONS,
};

static const OptionSpec workspace_close_options[] = {
    {"remove-dir", 0, OPTION_FLAG, FALSE, NULL, "Remove the directory too"},
    {"all", 'a', OPTION_FLAG, FALSE, NULL, "Close all that are open"},
    END_OPTIONS,
};

static const OptionSpec workspace_reset_options[] = {
    {"soft", 0, OPTION_FLAG, FALSE, NULL, "Only let the next build start from the beginning"},
    {"all", 'a', OPTION_FLAG, FALSE, NULL, "Reset all that are open"},
    END_OPTIONS,
};

static const OptionSpec no_options[] = {END_OPTIONS};

#define ANY G_MAXUINT

const Command commands[] = {
    {"artifact checkout", "[TARGET]", WORDS_ARTIFACTS, 1, FALSE, "Write an artifact's files to a directory or archive",
     NULL, artifact_checkout_options, cmd_artifact_checkout},
    {"artifact delete", "[ARTIFACTS]...", WORDS_ARTIFACTS, ANY, FALSE, "Remove artifacts from the cache", NULL,
     artifact_show_options, cmd_artifact_delete},
    {"artifact list-contents", "[ARTIFACTS]...", WORDS_ARTIFACTS, ANY, FALSE, "List the files of artifacts", NULL,
     artifact_list_options, cmd_artifact_list_contents},
    {"artifact log", "[ARTIFACTS]...", WORDS_ARTIFACTS, ANY, FALSE, "Show the build logs of artifacts", NULL,
     artifact_log_options, cmd_artifact_log},
    {"artifact show", "[ARTIFACTS]...", WORDS_ARTIFACTS, ANY, FALSE, "Show whether artifacts are cached", NULL,
     artifact_show_options, cmd_artifact_show},
    {"build", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE, "Build elements",
     "Builds the elements with all they need, and fetches what is missing before.  Without elements: the default "
     "targets of the\n"
     "project.  What is cached is not built again; a failure that is cached is shown again, unless --retry-failed is "
     "given.\n"
     "\n"
     "With --audit-hits (or execution: audit-hits: in the user configuration), actions whose results clients found in "
     "the "
     "action cache\n"
     "are executed again after the hit was answered, always those of the same keys; an element ends when its audits "
     "have. "
     "A result that\n"
     "differs is told as a warning with who made it. If two runs agree with each other, it is wrong (audit-wrong): "
     "what was "
     "executed\n"
     "takes its place, and it is not taken again from whoever has it. If they do not, the action is not deterministic "
     "(audit-unstable),\n"
     "and the result stays, as it does where only the standard output or error differ (audit-messages). These words in "
     "the "
     "project's\n"
     "fatal-warnings make it the failure of the element that was given the result, and the exit status that of a "
     "failed "
     "build; without\n"
     "them it is not changed. Actions whose inputs are not in the cache cannot be audited; they are counted.",
     build_options, cmd_build},
    {"cache explain", "KEY|ELEMENT", WORDS_ELEMENTS, 1, FALSE, "Show who made a result of the action cache, and where",
     "KEY is the key under which a result is stored, or the digest that its client gave the action: 64 hexadecimal "
     "digits, perhaps\n"
     "with /SIZE, or at least 4 of the first ones if nothing else begins with them.  An ELEMENT's last build tells its "
     "environment;\n"
     "the results that its clients stored are listed.",
     cache_explain_options, cmd_cache_explain},
    {"cache fsck", "", WORDS_NONE, 0, FALSE, "Read and check every blob of the cache", NULL, cache_fsck_options,
     cmd_cache_fsck},
    {"cache gc", "", WORDS_NONE, 0, FALSE, "Remove rubbish, and what was not used for the longest time",
     "Without options: what processes that died left behind, and what exceeds the quota.", cache_gc_options,
     cmd_cache_gc},
    {"cache info", "", WORDS_NONE, 0, FALSE, "Show what the cache holds", NULL, cache_info_options, cmd_cache_info},
    {"diff-keys", "[A] [B]", WORDS_ARTIFACTS, 2, FALSE, "Show why two cache keys differ",
     "A and B are elements, elements of another project directory (DIR::ELEMENT), or cached artifacts "
     "(PROJECT/ELEMENT/KEY).\n"
     "A alone is compared with its newest cached artifact that has another key: why it was, or would be, built "
     "again; or, with\n"
     "--with-option, with itself under these options.  Dependencies are followed to those elements that differ by "
     "themselves.\n"
     "The exit status is 1 if the keys differ.",
     diff_keys_options, cmd_diff_keys},
    {"help", "[COMMAND]...", WORDS_COMMANDS, ANY, FALSE, "Show help of a command", NULL, no_options, cmd_help},
    {"init", "[TARGET_DIRECTORY]", WORDS_FILES, 1, FALSE, "Make a new project", NULL, init_options, cmd_init},
    {"recc-daemon", "", WORDS_NONE, 0, FALSE, "Cache compiles of this user, outside of sandboxes",
     "Answers sluice-recc, the compiler launcher, which starts it where it does not run: \"make CC='sluice-recc gcc'\" "
     "is "
     "all that is\n"
     "needed.  What it does is logged in the folder's file log.  recc(1) has more.",
     recc_daemon_options, cmd_recc_daemon},
    {"recc-stats", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE, "Show what compile caching did",
     "The sums of what was counted in the last build of each element and by the last recc-daemon, or of these: "
     "compiles that the cache answered "
     "(hits), those that\n"
     "were watched (misses) and kept (learned), all else that compilers were called for (others), and the reasons why "
     "compiles were\n"
     "not looked up or not kept.  recc(1) explains them.",
     no_options, cmd_recc_stats},
    {"serve", "", WORDS_NONE, 0, FALSE, "Offer the cache to Remote Execution API clients",
     "Serves Capabilities, CAS, ByteStream, ActionCache and Health until SIGINT or SIGTERM.  Prints \"Listening on "
     "ADDRESS\" for\n"
     "each address when it is ready.  The socket that systemd hands over is an address too.\n"
     "\n"
     "A role is none, read, or read-write.  Clients that can come from other machines need --token-file, --client-ca, "
     "or --anonymous,\n"
     "which says what those without either may do.  The token file has a line NAME ROLE TOKEN for each token; instead "
     "of itself, TOKEN\n"
     "can be sha256: and its SHA-256 in hexadecimal digits.  Clients send \"authorization: Bearer TOKEN\".  A NAME of "
     "--client is the\n"
     "common name, a subject alternative name, or the whole subject.\n"
     "\n"
     "FILE of --config is YAML: the keys are these options' names; listen is a list, client a mapping of NAME to ROLE; "
     "cache is the\n"
     "cache's directory; execute and environment are options only.  Paths are relative to FILE.  The command line "
     "wins.\n"
     "\n"
     "Certificates, keys and tokens that change are read again, at once after SIGHUP, which also reopens the access "
     "log.",
     serve_options, cmd_serve},
    {"shell", "[ELEMENT] [-- COMMAND...]", WORDS_ELEMENTS, 1, TRUE, "Run a command in an element's sandbox",
     "Without --build, the root is what the element needs at runtime.  The exit status is that of the command.",
     shell_options, cmd_shell},
    {"show", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE, "Show elements, their keys and states",
     "FORMAT has %{TOKEN} or %{TOKEN:SPEC}; SPEC is [[fill]align][width][.precision] with align one of < > ^.  Tokens: "
     "name, kind,\n"
     "description, key, full-key, state, config, vars, env, public, workspaced, workspace-dirs, deps, build-deps, "
     "runtime-deps,\n"
     "source-info, artifact-cas-digest.",
     show_options, cmd_show},
    {"source checkout", "[ELEMENT]", WORDS_ELEMENTS, 1, FALSE, "Write an element's sources to a directory", NULL,
     source_checkout_options, cmd_source_checkout},
    {"source fetch", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE, "Fetch sources", NULL, fetch_options,
     cmd_source_fetch},
    {"source track", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE,
     "Find the newest version of sources and write it down", NULL, track_options, cmd_source_track},
    {"workspace close", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE, "Build elements from their own sources again",
     "Without elements: the one whose workspace the command is started in.", workspace_close_options,
     cmd_workspace_close},
    {"workspace list", "", WORDS_NONE, 0, FALSE, "List open workspaces", NULL, no_options, cmd_workspace_list},
    {"workspace open", "ELEMENTS...", WORDS_ELEMENTS, ANY, FALSE,
     "Put sources into a directory, and build elements from there", NULL, workspace_open_options, cmd_workspace_open},
    {"workspace reset", "[ELEMENTS]...", WORDS_ELEMENTS, ANY, FALSE, "Give workspaces their original contents again",
     "Without elements: the one whose workspace the command is started in.", workspace_reset_options,
     cmd_workspace_reset},
    {NULL},
};
