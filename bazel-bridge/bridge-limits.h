/* bridge-limits.h - every bound of this folder on what a peer controls, and the sizes that were chosen by measuring. */
#pragma once

enum {
    SLUICE_KIB = 1024,
    SLUICE_MIB = 1024 * 1024,

    /* What one message may bring.  A batch and its framing fit by far; 16 is what common clients assume of a server. */
    SLUICE_LIMIT_MESSAGE = 16 * SLUICE_MIB,
    /* Contents of one batch call, announced.  Clients receive 4 MiB by default, so the framing of an answer needs room below it. */
    SLUICE_LIMIT_BATCH = 4 * SLUICE_MIB - 64 * SLUICE_KIB,
    /* An ActionResult with everything that is inlined in it: the same reason. */
    SLUICE_LIMIT_RESULT = SLUICE_LIMIT_BATCH,
    /* Contents that are put into one ActionResult on a client's wish; what goes beyond stays a digest. */
    SLUICE_LIMIT_INLINE = SLUICE_MIB,
    /* Headers of one call. */
    SLUICE_LIMIT_METADATA = 32 * SLUICE_KIB,
    /* Elements of one repeated field of a request. */
    SLUICE_LIMIT_REPEATED = 256 * SLUICE_KIB,
    /* An encoded Tree that completeness checking reads. */
    SLUICE_LIMIT_TREE = 256 * SLUICE_MIB,
    /* Different directories of one tree, in GetTree and in completeness checking. */
    SLUICE_LIMIT_TREE_DIRECTORIES = 256 * SLUICE_KIB,
    SLUICE_LIMIT_INSTANCE_NAME = SLUICE_KIB,
    /* An Action, and a Command: its arguments and environment must fit into what the kernel takes. */
    SLUICE_LIMIT_ACTION = 64 * SLUICE_KIB,
    SLUICE_LIMIT_COMMAND = 4 * SLUICE_MIB,
    /* Execute calls of one endpoint at a time; the others wait in the transport. */
    SLUICE_LIMIT_EXECUTIONS = 256,
    /* Priorities of executions that make a difference. */
    SLUICE_PRIORITY_FIRST = -1000,
    SLUICE_PRIORITY_LAST = 1000,
    /* How long an execution goes on that nobody waits for: a client whose connection broke asks for it again.  Milliseconds. */
    SLUICE_EXECUTION_PATIENCE = 10000,
    /* Executions that ended and can still be asked for with WaitExecution. */
    SLUICE_LIMIT_ENDED_EXECUTIONS = 256,
    /* Missing blobs that one answer names. */
    SLUICE_LIMIT_MISSING = 4096,
    /* Streams on one connection. */
    SLUICE_LIMIT_STREAMS = 10000,
    /* Memory of all connections together for what was received and is not used yet.  Above it, the RPC library breaks off
     * streams with RESOURCE_EXHAUSTED. */
    SLUICE_LIMIT_TRANSPORT = 256 * SLUICE_MIB,
    /* Memory of all streams together that are being unpacked, and the window of one of them (as a power of two: 8 MiB is what the format's
     * specification asks every reader to accept). */
    SLUICE_LIMIT_UNPACKING = 256 * SLUICE_MIB,
    SLUICE_LIMIT_UNPACK_WINDOW_LOG = 23,
    /* Broken-off uploads of one endpoint that wait for their client: how many, with how many bytes, for how long (seconds), and what is
     * too small to be worth it. */
    SLUICE_LIMIT_PARKED = 64,
    SLUICE_LIMIT_PARKED_MIB = 4096,
    SLUICE_LIMIT_PARKED_TIME = 10 * 60,
    SLUICE_PARK_ABOVE = 64 * SLUICE_KIB,
    /* What is mapped of files, the program's own included, before the index is unmapped (see sluice_store_set_mapped_limit). */
    SLUICE_LIMIT_MAPPED = 24 * SLUICE_MIB,
    /* After messages of this size, memory is given back when it has become quiet. */
    SLUICE_TRIM_ABOVE = SLUICE_MIB,
    /* A stream that moves nothing for so long is cancelled; seconds. */
    SLUICE_LIMIT_STREAM_IDLE = 120,
    /* Where a method has no room for more calls: one whose client moved less than the stride (bytes) in so many seconds. */
    SLUICE_LIMIT_BUSY_IDLE = 10,
    SLUICE_STRIDE = 16 * SLUICE_KIB,
    /* A connection without any call for so long is closed; seconds. */
    SLUICE_LIMIT_CONNECTION_IDLE = 30 * 60,
    /* A peer that is silent for KEEPALIVE_TIME is pinged, and closed after KEEPALIVE_TIMEOUT without an answer; seconds. */
    SLUICE_KEEPALIVE_TIME = 60,
    SLUICE_KEEPALIVE_TIMEOUT = 20,
    /* A client that has not greeted for so long, or takes nothing, is disconnected; seconds. */
    SLUICE_LIMIT_TLS_GREETING = 10,
    SLUICE_LIMIT_TLS_STALL = 60,
    /* Files that an operator wrote: a certificate with its chain, a key; tokens. */
    SLUICE_LIMIT_PEM_FILE = SLUICE_MIB,
    SLUICE_LIMIT_TOKEN_FILE = SLUICE_MIB,
    /* What is kept of a name that a client gave itself. */
    SLUICE_LIMIT_CLIENT_NAME = 256,
    /* Audits of one endpoint that wait, and keys that are remembered as audited: what goes beyond is counted, and not audited. */
    SLUICE_LIMIT_AUDITS = 16 * SLUICE_KIB,
    SLUICE_LIMIT_AUDITED_KEYS = 256 * SLUICE_KIB,
    /* Files, links and directories of one result that are compared, and differences that are told; what is kept of them. */
    SLUICE_LIMIT_COMPARED = SLUICE_MIB,
    SLUICE_LIMIT_DIFFERENCES = 20,
    /* Bytes of all their paths together; and of one path, or target of a link, what is told. */
    SLUICE_LIMIT_COMPARED_PATHS = 256 * SLUICE_MIB,
    SLUICE_LIMIT_TOLD_PATH = 160,
    SLUICE_LIMIT_FINDINGS = 4 * SLUICE_KIB,
    /* Streams that wait for a change of the server's health. */
    SLUICE_LIMIT_HEALTH_WATCHERS = 256,

    /* Bytes in one ReadResponse: larger ones gain nothing. */
    SLUICE_CHUNK = SLUICE_MIB,
    /* Blob contents up to here are copied into an answer, larger ones are referred to. */
    SLUICE_COPY_BELOW = 16 * SLUICE_KIB,
    /* Zstandard's level: at the first one, reading stays faster than most networks.  Smaller blobs of a batch are not packed. */
    SLUICE_PACK_LEVEL = 1,
    SLUICE_PACK_ABOVE = 512,
    /* Work on so many bytes or digests at most is done on the serving thread, more goes to the workers. */
    SLUICE_INLINE_BYTES = 64 * SLUICE_KIB,
    SLUICE_INLINE_LOOKUPS = 256,
    /* One thread serves best while clients wait for each other's answers: a second one costs latency (110 against 35 us). */
    SLUICE_SERVING_THREADS = 1,
    SLUICE_WORKERS_MIN = 2,
    SLUICE_WORKERS_MAX = 16,
    SLUICE_LISTEN_BACKLOG = 1024,

    /* ---- Of a cluster behind us ---- */
    /* Calls to one service at a time: some servers refuse more than a few hundred. */
    SLUICE_UPSTREAM_CALLS = 64,
    /* Threads that wait for its answers on behalf of clients. */
    SLUICE_UPSTREAM_THREADS = 32,
    /* Digests in one question for missing blobs. */
    SLUICE_UPSTREAM_FIND = 8192,
    /* Contents of one batch, unless the server wants less; most servers receive 4 MiB with framing. */
    SLUICE_UPSTREAM_BATCH = 3 * SLUICE_MIB,
    /* What one blob costs in a batch beside its contents. */
    SLUICE_UPSTREAM_FRAMING = 192,
    /* Blobs of one batch. */
    SLUICE_UPSTREAM_BATCH_BLOBS = 4096,
    /* GiB: a blob that a result may name. */
    SLUICE_UPSTREAM_BLOB_GIB = 16,
    /* Seconds for an answer that a client waits for; for one that nobody waits for; and a transfer, beside its size at the slowest rate. */
    SLUICE_UPSTREAM_LOOKUP_TIME = 10,
    SLUICE_UPSTREAM_TIME = 60,
    SLUICE_UPSTREAM_RATE = 128 * SLUICE_KIB,
    /* Attempts after the first, and milliseconds before the first of them, where a client waits and where nobody does. */
    SLUICE_UPSTREAM_RETRIES_WAITING = 2,
    SLUICE_UPSTREAM_DELAY_WAITING = 50,
    SLUICE_UPSTREAM_RETRIES = 4,
    SLUICE_UPSTREAM_DELAY = 1000,
    SLUICE_UPSTREAM_DELAY_MAX = 30 * 1000,
    /* The breaker opens after so many failures in a row; or when answers take longer than this on average; milliseconds. */
    SLUICE_BREAKER_FAILURES = 3,
    SLUICE_BREAKER_SLOW = 1500,
    SLUICE_BREAKER_SAMPLES = 8,
    /* And stays open for so long, doubled each time; seconds. */
    SLUICE_BREAKER_FIRST = 5,
    SLUICE_BREAKER_LAST = 120,
    /* Keys that are known to be absent for so long (seconds), and how many of them. */
    SLUICE_UPSTREAM_ABSENT_TIME = 30,
    SLUICE_UPSTREAM_ABSENT = 16 * SLUICE_KIB,
    /* How often the results that wait in the store are looked at, when none comes; seconds. */
    SLUICE_UPSTREAM_PUSH_PAUSE = 20,
    /* Blobs that it is known to have. */
    SLUICE_UPSTREAM_GIVEN = 512 * SLUICE_KIB,
    /* How long an execution may take there, whatever it was told; seconds. */
    SLUICE_UPSTREAM_PATIENCE = 24 * 3600,
    /* A certificate, a key, a token. */
    SLUICE_LIMIT_SECRET = SLUICE_MIB,
    SLUICE_LIMIT_TOKEN = 16 * SLUICE_KIB,

    /* How often idle streams are looked for; seconds. */
    SLUICE_SWEEP_INTERVAL = 5,
    /* Of compiler launchers (launcher*.c): one message, and what one compile may look for and bring. */
    SLUICE_LIMIT_LAUNCHER_FRAME = 4 * SLUICE_MIB,
    SLUICE_LIMIT_TRACE = 4 * SLUICE_MIB,
    SLUICE_LIMIT_TRACED = 64 * SLUICE_KIB,
    SLUICE_LIMIT_LAUNCHER_OUTPUTS = 16,
    SLUICE_LIMIT_LAUNCHER_OUTPUT = 256 * SLUICE_MIB,
    /* Bytes of outputs, and of inputs that are new, that all compiles of a sandbox together have in memory; files of which one thing each is remembered. */
    SLUICE_LIMIT_LAUNCHER_HELD = 512 * SLUICE_MIB,
    SLUICE_LIMIT_LAUNCHER_MEMORY = 64 * SLUICE_KIB,
    SLUICE_LIMIT_LAUNCHER_REASONS = 64,
    /* Expressions of RECC_INVALID_INPUT_PATHS_REGEX, and the length of each. */
    SLUICE_LIMIT_LAUNCHER_REGEXES = 64,
    SLUICE_LIMIT_LAUNCHER_REGEX = 4 * SLUICE_KIB,
    /* Outcomes that are known of one command and source, and their bytes. */
    SLUICE_LIMIT_VARIANTS = 16,
    SLUICE_LIMIT_VARIANT = SLUICE_MIB,
    SLUICE_LIMIT_MANIFEST = 2 * SLUICE_MIB,
    /* Connected launchers, and seconds in which one must send or take the next bytes.  While its compiler runs it may be silent. */
    SLUICE_LIMIT_LAUNCHERS = 400,
    SLUICE_LAUNCHER_PATIENCE = 5
};
