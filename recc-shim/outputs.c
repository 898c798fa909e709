/*
 * outputs.c - the files of a hit.  An assembler removes the object that is there and makes another, so ours is made beside it and takes its
 * place whole; an empty one it fills, and all else compilers write over what is there.
 */
#include "recc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

static bool copy(int from, int to, uint64_t size)
{
    static char chunk[CHUNK];
    while (size > 0) {
        size_t wanted = size < sizeof chunk ? (size_t)size : sizeof chunk;
        ssize_t got = read(from, chunk, wanted);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !recc_write_all(to, chunk, (size_t)got))
            return false;
        size -= (uint64_t)got;
    }
    return true;
}

static bool name_beside(char *out, size_t room, const char *path)
{
    int length = snprintf(out, room, "%s.recc-%ld", path, (long)getpid());
    return length > 0 && (size_t)length < room;
}

static bool take(int fd, const ReccOutput *output)
{
    char beside[PATH_MAX];
    struct stat old, target;
    bool exists = lstat(output->path, &old) == 0;
    bool links = exists && S_ISLNK(old.st_mode);
    if (exists && !S_ISREG(old.st_mode) && !links)
        return false;
    if (links && !output->in_place && (stat(output->path, &target) != 0 || target.st_size == 0))
        return false; /* GNU's write to where it leads, and LLVM's not */
    bool over = exists && (output->in_place || (!links && old.st_size == 0));
    if (!over && !name_beside(beside, sizeof beside, output->path))
        return false;
    int to = over ? open(output->path, O_WRONLY | O_TRUNC | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
                  : open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (to < 0)
        return false;
    bool done = copy(fd, to, output->size);
    done = close(to) == 0 && done;
    if (over)
        return done;
    if (done && rename(beside, output->path) == 0)
        return true;
    unlink(beside);
    return false;
}

bool recc_take_outputs(int fd, const ReccAnswer *answer)
{
    sigset_t all, before;
    bool done = true;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; i < answer->n_outputs && done; i++)
        done = take(fd, &answer->outputs[i]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return done;
}
