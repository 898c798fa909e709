/*
 * recc.h - the compiler launcher that is put into sandboxes: what its files share.
 *
 * It runs once for each compile, so it starts and ends fast: static, one connection, nothing on the heap but frames.  It asks the proxy outside
 * (proto/recc.proto) for the outputs of its command.  Whatever goes wrong on the way, the real compiler runs with the arguments as they
 * were, and how that ends is how the launcher ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECC_VERSION 1

/* The socket `socket`, the object `trace.so` and the folder `bin` of links are there; RECC_FOLDER_VARIABLE names another place.  Without both it is
 * the folder of the user's daemon. */
#define RECC_FOLDER          "/run/sluice-recc"
#define RECC_FOLDER_VARIABLE "SLUICE_RECC_FOLDER"

enum {
    RECC_FRAME_MAX = 4 << 20,   /* of one message */
    RECC_OUTPUTS_MAX = 16,      /* of one compile */
    RECC_ERRORS_MAX = 1 << 20,  /* kept of what a compiler writes */
    RECC_PATIENCE_SECONDS = 10, /* for the next bytes of the proxy */
    RECC_EXIT_USAGE = 100,
    RECC_EXIT_ABSENT = 127
};

typedef struct {
    char *path;
    uint64_t size;
    bool in_place;
} ReccOutput;

typedef enum { RECC_RUN, RECC_HIT, RECC_LEARN } ReccVerdict;

typedef struct {
    ReccVerdict verdict;
    uint8_t *errors; /* or NULL */
    size_t n_errors;
    ReccOutput outputs[RECC_OUTPUTS_MAX];
    size_t n_outputs;
} ReccAnswer;

/* A growing buffer; `failed` once memory ran out or it became larger than RECC_FRAME_MAX. */
typedef struct {
    uint8_t *bytes;
    size_t length, room;
    bool failed;
} ReccBuffer;
void recc_buffer_append(ReccBuffer *buffer, const void *bytes, size_t length);

/* ---- find.c ---- */

/* The compiler that `name` means to a caller who does not know of us: a path, or what comes after us in PATH.  NULL: there is none. */
const char *recc_find_compiler(const char *name);
const char *recc_base_name(const char *path);

/* ---- daemon.c ---- */

/* The folder of the user's daemon, who need not be there. */
const char *recc_user_folder(void);
/* A connected socket, or -1.  A daemon that does not run is started, if sluice is there. */
int recc_connect_user(const char *folder);

/* ---- message.c ---- */

/* A connected socket, or -1. */
int recc_connect(const char *folder);
bool recc_send_compile(int fd, char *const *arguments, char *const *environment);
/* What the answer has is on the heap, and stays there: the process ends soon. */
bool recc_receive_answer(int fd, ReccAnswer *answer);
bool recc_send_report(int fd, bool succeeded, const ReccBuffer *errors, bool incomplete, int trace);
/* Waits for the empty frame. */
bool recc_await_receipt(int fd);
bool recc_read_all(int fd, void *bytes, size_t length);
bool recc_write_all(int fd, const void *bytes, size_t length);

/* ---- outputs.c ---- */

/* Makes the outputs of what the socket brings.  FALSE: some may have been made. */
bool recc_take_outputs(int fd, const ReccAnswer *answer);

/* ---- run.c ---- */

/* Becomes the compiler; returns only if it cannot be started, with the exit status. */
int recc_become(char *const *arguments);
/* Runs it and reports to the proxy; the exit status.  A compiler that dies of a signal takes this process along. */
int recc_run_watched(int fd, const char *folder, char *const *arguments);
