/*
 * channel.h - messages between a calling process and a helper: a SOCK_SEQPACKET pair, a word, a text and descriptors.
 *
 * To the caller: "ready" (trees: user and mount namespace), "listener" (one socket), "listening" (waits for "go"),
 * "exit" (text: status), "error" (text).  To the helper: "go", "kill".  The end of the stream is the death of the other side.
 */
#pragma once

#include "sandbox-error.h"
#include "sandbox-limits.h"

typedef struct {
    char word[16];
    char text[SANDBOX_MESSAGE_MAX];
    int fds[SANDBOX_MESSAGE_FDS_MAX]; /* the receiver's, close-on-exec */
    unsigned n_fds;
} SandboxMessage;

/* Longer texts are cut. */
gboolean sandbox_channel_send(int fd, const char *word, const char *text, const int *fds, unsigned n_fds,
                              GError **error);
/* Waits for one message.  FALSE without error: the other side is gone. */
gboolean sandbox_channel_receive(int fd, SandboxMessage *message, GError **error);
void sandbox_message_close_fds(SandboxMessage *message);
