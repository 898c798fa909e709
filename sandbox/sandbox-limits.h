/* sandbox-limits.h - every ceiling and fixed name of this folder. */
#pragma once

#define SANDBOX_HOSTNAME "sluice" /* the same everywhere, so that nothing built depends on the machine's name */

#define SANDBOX_PLAN_BYTES_MAX  (64u << 20) /* one encoded plan: arguments and environment */
#define SANDBOX_PLAN_OPS_MAX    4096u
#define SANDBOX_LAUNCH_ARGS_MAX 8500u /* bubblewrap takes 9000 of them from a descriptor */
#define SANDBOX_MESSAGE_MAX     8192u /* one message between caller and helper */
#define SANDBOX_MESSAGE_FDS_MAX 4u
#define SANDBOX_LISTENERS_MAX   2u   /* 127.0.0.1 and [::1] */
#define SANDBOX_END_SECONDS     10   /* what a helper that was told to end may take before it is killed */
#define SANDBOX_LIMITS_INTERVAL 20   /* milliseconds between two looks at what a sandbox takes */
#define SANDBOX_START_SECONDS   30   /* what the server of trees may take to be ready */
#define SANDBOX_LINKS_MAX       40u  /* symbolic links in one path, as the kernel's limit */
#define SANDBOX_CHECKOUTS_KEPT  8u   /* cached checkouts below a store that are not in use */
#define SANDBOX_CAPTURE_DEPTH   200u /* levels below the root; the store takes a few more */
#define SANDBOX_CAPTURE_ENTRIES (4u << 20)
#define SANDBOX_CAPTURE_NOTES   1000u       /* names in `skipped` */
#define SANDBOX_CAPTURE_SMALL   (64u << 10) /* files up to this size are stored many at a time */
#define SANDBOX_CAPTURE_BATCH   (4u << 20)  /* bytes in one such batch */

#define TREES_THREADS            2u           /* more only pass requests between processors */
#define TREES_CACHED_FD_SIZE     (128u << 10) /* a larger file keeps its descriptor: it is read in several requests */
#define TREES_CACHED_FDS_MAX     256u
#define TREES_LISTED_ENTRIES_MAX 1000000u /* entries in decoded Directories that are kept for the next lookup */
