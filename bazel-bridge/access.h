/*
 * access.h - whom the server talks to: connections, what they proved, and what that lets them do.  For access.c, tokens.c, tls.c, tunnel.c,
 * connection.c and attend.c.
 */
#pragma once

#include "bridge-private.h"

/* ---- Tokens (tokens.c) ------------------------------------------------------------------------------------------------------- */

/* The file has a line NAME ROLE TOKEN for each token; '#' begins a comment.  TOKEN is what clients send, or "sha256:" and its SHA-256 in
 * hexadecimal digits, so that the file gives nothing away.  Only hashes are kept. */
typedef struct SluiceTokens SluiceTokens;
/* `name` is the file's, for messages, which never repeat a token. */
SluiceTokens *sluice_tokens_parse(const char *name, const char *text, gsize length, GError **error);
/* Takes the same time whichever of them fits, if any.  `user` is borrowed. */
gboolean sluice_tokens_find(const SluiceTokens *tokens, const void *token, gsize length, const char **user,
                            SluiceRole *role);
guint sluice_tokens_count(const SluiceTokens *tokens);
void sluice_tokens_free(SluiceTokens *tokens);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceTokens, sluice_tokens_free)

/* ---- Access (access.c) --------------------------------------------------------------------------------------------------------- */

/* Whether the value of an `authorization` header fits.  `user` is new. */
gboolean sluice_access_check_header(SluiceAccess *access, const void *value, gsize length, GRefString **user,
                                    SluiceRole *role);
gboolean sluice_access_has_tokens(const SluiceAccess *access);
/* Of a certificate with these names (char *). */
SluiceRole sluice_access_of_certificate(const SluiceAccess *access, const GPtrArray *names);
SluiceRole sluice_access_of_anonymous(const SluiceAccess *access);

/* ---- Connections (connection.c) -------------------------------------------------------------------------------------------------- */

/* What is known of a client before it calls. */
struct SluiceConnection {
    _Atomic int references;
    uint64_t socket; /* inode */
    char *peer;
    gboolean tls;
    GRefString *user; /* of its certificate, or NULL */
    SluiceRole role;  /* of its certificate */
};

/* `fd`: the client's socket. */
SluiceConnection *sluice_connection_new(int fd);
void sluice_connection_unref(SluiceConnection *connection);

SluiceConnections *sluice_connections_new(void);
void sluice_connections_free(SluiceConnections *connections);
/* Remembers it (takes it) as the one of the RPC library's socket `fd`, before that is handed over. */
void sluice_connections_add(SluiceConnections *connections, int fd, SluiceConnection *connection);
/* By the name that the RPC library gives the peer of a call.  A new reference, or NULL.
 * The descriptor cannot be another connection's: a call keeps its transport, and that its socket, open. */
SluiceConnection *sluice_connections_find(SluiceConnections *connections, const char *peer);
/* Those that are open. */
unsigned sluice_connections_count(SluiceConnections *connections);

/* ---- TLS (tls.c, tunnel.c) ---------------------------------------------------------------------------------------------------- */

typedef struct ssl_st SluiceTlsSession;
/* Of the newest certificate; the server's end of `fd`, which is not blocking. */
SluiceTlsSession *sluice_tls_accept(SluiceTls *tls, int fd);
/* The names that the client's certificate proved: whole subject last.  NULL: it gave none. */
GPtrArray *sluice_tls_peer_names(SluiceTlsSession *session);

/* Takes the connected socket: when its client has shown who it is, the endpoint gets one that carries what is inside. */
void sluice_tunnels_add(SluiceTunnels *tunnels, SluiceEndpoint *endpoint, int fd);

/* ---- Calls of an attended endpoint (attend.c) ------------------------------------------------------------------------------------- */

/* Who calls, and what it took. */
struct SluiceAttendance {
    SluiceConnection *connection; /* or NULL */
    GRefString *user;
    SluiceRole role;
    int64_t arrived;
    uint64_t received, sent;
    grpc_status_code code;
};
