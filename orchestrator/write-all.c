#include "write-all.h"

#include <errno.h>
#include <unistd.h>

gboolean write_all(int fd, const void *data, gsize length)
{
    const char *at = data;
    while (length > 0) {
        gssize written = write(fd, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return FALSE;
        at += written;
        length -= (gsize)written;
    }
    return TRUE;
}
