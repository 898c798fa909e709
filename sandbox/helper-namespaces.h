/* helper-namespaces.h - the namespaces of a helper program, which must have one thread when it calls these. */
#pragma once

#include "sandbox-error.h"

/* A user and a mount namespace in which the caller is root and nobody else exists. */
gboolean helper_new_user_namespace(GError **error);
/* Enters the namespaces of the descriptors and makes a mount namespace of its own from them; closes both. */
gboolean helper_join_namespaces(int user_fd, int mount_fd, GError **error);
/* Mounts of the host that go may go here, too; nothing goes the other way. */
gboolean helper_detach_mounts(GError **error);
/* A network namespace with nothing but a loopback interface that is up. */
gboolean helper_new_network(GError **error);
/* Listening sockets on 127.0.0.1 and, where there is IPv6, [::1].  The number of them in `fds`, or 0 with error. */
unsigned helper_listen(guint16 port, int fds[2], GError **error);
