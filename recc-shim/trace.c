/*
 * trace.c - an object for LD_PRELOAD that notes which files a compiler looks for.  Linked with nothing, so that it goes with whatever C library
 * the sandbox has; calls are made of the kernel directly, but for streams, which are the library's.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;
/* In old C libraries a program must ask for it. */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern char *canonicalize_file_name(const char *path) __attribute__((weak));
extern void free(void *memory);
extern FILE *_IO_fopen(const char *path, const char *mode) __attribute__((weak));
extern int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *info, size_t size, void *data), void *data)
    __attribute__((weak));

#define AFTER ((void *)-1L) /* RTLD_NEXT */

/* Where this object begins, as the linker knows. */
extern const char __ehdr_start __attribute__((visibility("hidden")));

static uint8_t *records;

/* ---- Records ---- */

static void note(int kind, const char *path)
{
    uint32_t length = 0;
    if (!records || !path)
        return;
    while (path[length])
        length++;
    uint32_t at = __atomic_fetch_add((uint32_t *)(void *)records, length + 2, __ATOMIC_RELAXED);
    if (length > TRACE_BYTES / 2 || at > TRACE_BYTES - TRACE_HEAD - (length + 2))
        return;
    uint8_t *to = records + TRACE_HEAD + at;
    *to++ = (uint8_t)kind;
    for (uint32_t i = 0; i <= length; i++)
        to[i] = (uint8_t)path[i];
}

static void note_result(int directory, const char *path, long result)
{
    if (directory != AT_FDCWD && path && *path != '/')
        note(TRACE_UNKNOWN, path);
    else if (result >= 0)
        note(TRACE_FOUND, path);
    else
        note(result == -ENOENT || result == -ENOTDIR ? TRACE_MISSING : TRACE_UNKNOWN, path);
}

static void note_open(int directory, const char *path, int flags, long result)
{
    int made = (flags & O_TRUNC) != 0 || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if ((flags & O_ACCMODE) == O_RDONLY || result < 0)
        note_result(directory, path, result);
    else if ((directory != AT_FDCWD && *path != '/') || ((flags & O_ACCMODE) == O_RDWR && !made))
        note(TRACE_UNKNOWN, path);
    else
        note(TRACE_WRITTEN, path);
}

static int note_library(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    if (info->dlpi_name && *info->dlpi_name == '/' && info->dlpi_addr != (ElfW(Addr)) & __ehdr_start)
        note(TRACE_FOUND, info->dlpi_name);
    return 0;
}

/* ---- System calls ---- */

static long call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
    long result = syscall(number, a, b, c, d);
    return result < 0 ? -errno : result;
#endif
}

static int finish(long result)
{
    if (result >= 0)
        return (int)result;
    errno = (int)-result;
    return -1;
}

static int number_of(const char *text)
{
    int number = 0;
    for (; *text >= '0' && *text <= '9' && number < 1 << 20; text++)
        number = number * 10 + (*text - '0');
    return number;
}

static int find_descriptor(void)
{
    static const char name[] = TRACE_VARIABLE "=";
    for (char **variable = environ; variable && *variable; variable++) {
        const char *at = *variable;
        unsigned i = 0;
        while (name[i] && at[i] == name[i])
            i++;
        if (!name[i])
            return number_of(at + i);
    }
    return -1;
}

__attribute__((constructor)) static void begin(void)
{
    char self[4096];
    struct stat info;
    int fd = find_descriptor();
    if (fd < 0 || call(SYS_fstat, fd, (long)&info, 0, 0) != 0 || info.st_size != TRACE_BYTES)
        return;
    void *map = mmap(NULL, TRACE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    records = map;
    long length = call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    note(length > 0 ? TRACE_FOUND : TRACE_UNKNOWN, self);
    if (dl_iterate_phdr)
        dl_iterate_phdr(note_library, NULL);
}

/* ---- Hooks ---- */

static int open_at(int directory, const char *path, int flags, mode_t mode)
{
    long result = call(SYS_openat, directory, (long)path, flags, (long)mode);
    note_open(directory, path, flags, result);
    return finish(result);
}

/* A function under the C library's name, whatever its headers think of it. */
#define HOOK(result, function, symbol, ...)                                                                            \
    __attribute__((visibility("default"))) result function(__VA_ARGS__) __asm__(symbol);                               \
    result function(__VA_ARGS__)

#define MODE_ARGUMENT                                                                                                  \
    mode_t mode = 0;                                                                                                   \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

#define OPEN_HOOK(symbol)                                                                                              \
    HOOK(int, hook_##symbol, #symbol, const char *path, int flags, ...)                                                \
    {                                                                                                                  \
        MODE_ARGUMENT                                                                                                  \
        return open_at(AT_FDCWD, path, flags, mode);                                                                   \
    }                                                                                                                  \
    HOOK(int, hook_at_##symbol, #symbol "at", int directory, const char *path, int flags, ...)                         \
    {                                                                                                                  \
        MODE_ARGUMENT                                                                                                  \
        return open_at(directory, path, flags, mode);                                                                  \
    }
OPEN_HOOK(open)

HOOK(int, hook_open64, "open64", const char *path, int flags, ...)
{
    MODE_ARGUMENT
    return open_at(AT_FDCWD, path, flags, mode);
}

HOOK(int, hook_openat64, "openat64", int directory, const char *path, int flags, ...)
{
    MODE_ARGUMENT
    return open_at(directory, path, flags, mode);
}

HOOK(int, hook_open_2, "__open_2", const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

HOOK(int, hook_open64_2, "__open64_2", const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

HOOK(int, hook_creat, "creat", const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

HOOK(int, hook_creat64, "creat64", const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* ---- Files with a name that nobody knows before ---- */

enum { LETTERS = 6, TRIES = 1 << 12 };

/* The last letters of a name without those after them, or NULL. */
static char *find_letters(char *pattern, int after)
{
    long length = 0;
    while (pattern[length])
        length++;
    char *letters = pattern + length - after - LETTERS;
    if (after < 0 || length < after + LETTERS)
        return NULL;
    for (int i = 0; i < LETTERS; i++) {
        if (letters[i] != 'X')
            return NULL;
    }
    return letters;
}

static int choose(char *letters)
{
    static const char all[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    uint8_t chance[LETTERS];
    long got = call(SYS_getrandom, (long)chance, sizeof chance, 0, 0);
    for (int i = 0; i < LETTERS && got == sizeof chance; i++)
        letters[i] = all[chance[i] % (sizeof all - 1)];
    return got == sizeof chance;
}

/* The library would open it without us. */
static int make_temporary(char *pattern, int after, int flags)
{
    char *letters = find_letters(pattern, after);
    long result = letters ? -EEXIST : -EINVAL;
    for (int i = 0; i < TRIES && result == -EEXIST; i++) {
        if (!choose(letters))
            return finish(-EIO);
        result = call(SYS_openat, AT_FDCWD, (long)pattern, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL,
                      S_IRUSR | S_IWUSR);
    }
    if (result >= 0)
        note(TRACE_WRITTEN, pattern);
    return finish(result);
}

#define TEMPORARY_HOOK(symbol)                                                                                         \
    HOOK(int, hook_##symbol, #symbol, char *pattern)                                                                   \
    {                                                                                                                  \
        return make_temporary(pattern, 0, 0);                                                                          \
    }
TEMPORARY_HOOK(mkstemp)
TEMPORARY_HOOK(mkstemp64)

#define FLAGGED_HOOK(symbol)                                                                                           \
    HOOK(int, hook_##symbol, #symbol, char *pattern, int flags)                                                        \
    {                                                                                                                  \
        return make_temporary(pattern, 0, flags);                                                                      \
    }
FLAGGED_HOOK(mkostemp)
FLAGGED_HOOK(mkostemp64)

#define SUFFIXED_HOOK(symbol)                                                                                          \
    HOOK(int, hook_##symbol, #symbol, char *pattern, int after)                                                        \
    {                                                                                                                  \
        return make_temporary(pattern, after, 0);                                                                      \
    }
SUFFIXED_HOOK(mkstemps)
SUFFIXED_HOOK(mkstemps64)

HOOK(int, hook_mkostemps, "mkostemps", char *pattern, int after, int flags)
{
    return make_temporary(pattern, after, flags);
}

HOOK(int, hook_mkostemps64, "mkostemps64", char *pattern, int after, int flags)
{
    return make_temporary(pattern, after, flags);
}

/* ---- Questions ---- */

static int stat_at(int directory, const char *path, void *out, int flags)
{
    long result = call(SYS_newfstatat, directory, (long)path, (long)out, flags);
    if (!(flags & AT_EMPTY_PATH) || (path && *path))
        note_result(directory, path, result);
    return finish(result);
}

#define STAT_HOOK(name, flags)                                                                                         \
    HOOK(int, hook_##name, #name, const char *path, void *out)                                                         \
    {                                                                                                                  \
        return stat_at(AT_FDCWD, path, out, flags);                                                                    \
    }                                                                                                                  \
    HOOK(int, hook_x##name, "__x" #name, int version, const char *path, void *out)                                     \
    {                                                                                                                  \
        (void)version;                                                                                                 \
        return stat_at(AT_FDCWD, path, out, flags);                                                                    \
    }
STAT_HOOK(stat, 0)
STAT_HOOK(stat64, 0)
STAT_HOOK(lstat, AT_SYMLINK_NOFOLLOW)
STAT_HOOK(lstat64, AT_SYMLINK_NOFOLLOW)

#define STATAT_HOOK(name)                                                                                              \
    HOOK(int, hook_##name, #name, int directory, const char *path, void *out, int flags)                               \
    {                                                                                                                  \
        return stat_at(directory, path, out, flags);                                                                   \
    }                                                                                                                  \
    HOOK(int, hook_x##name, "__fx" #name, int version, int directory, const char *path, void *out, int flags)          \
    {                                                                                                                  \
        (void)version;                                                                                                 \
        return stat_at(directory, path, out, flags);                                                                   \
    }
STATAT_HOOK(fstatat)
STATAT_HOOK(fstatat64)

static int access_at(int directory, const char *path, int mode, int flags)
{
    long result = flags ? call(SYS_faccessat2, directory, (long)path, mode, flags)
                        : call(SYS_faccessat, directory, (long)path, mode, 0);
    note_result(directory, path, result);
    return finish(result);
}

HOOK(int, hook_access, "access", const char *path, int mode)
{
    return access_at(AT_FDCWD, path, mode, 0);
}

HOOK(int, hook_eaccess, "eaccess", const char *path, int mode)
{
    return access_at(AT_FDCWD, path, mode, AT_EACCESS);
}

HOOK(int, hook_euidaccess, "euidaccess", const char *path, int mode)
{
    return access_at(AT_FDCWD, path, mode, AT_EACCESS);
}

HOOK(int, hook_faccessat, "faccessat", int directory, const char *path, int mode, int flags)
{
    return access_at(directory, path, mode, flags);
}

/* Where a descriptor leads: clang asks for the name of each file that it has opened. */
static int is_descriptor(const char *path)
{
    static const char place[] = "/proc/self/fd/";
    unsigned i = 0;
    while (place[i] && path[i] == place[i])
        i++;
    return !place[i];
}

/* What is not a link is found all the same. */
HOOK(ssize_t, hook_readlink, "readlink", const char *path, char *out, size_t room)
{
    long result = call(SYS_readlinkat, AT_FDCWD, (long)path, (long)out, (long)room);
    if (result < 0 || !is_descriptor(path))
        note_result(AT_FDCWD, path, result == -EINVAL ? 0 : result);
    if (result >= 0)
        return result;
    return finish(result);
}

HOOK(int, hook_chdir, "chdir", const char *path)
{
    note(TRACE_UNKNOWN, path);
    return finish(call(SYS_chdir, (long)path, 0, 0, 0));
}

HOOK(int, hook_fchdir, "fchdir", int fd)
{
    note(TRACE_UNKNOWN, ".");
    return finish(call(SYS_fchdir, fd, 0, 0, 0));
}

/* Compilers that write beside their output, and then put it in its place. */
HOOK(int, hook_rename, "rename", const char *from, const char *to)
{
    long result = call(SYS_renameat, AT_FDCWD, (long)from, AT_FDCWD, (long)to);
    if (result == 0)
        note(TRACE_WRITTEN, to);
    return finish(result);
}

/* ---- Real paths ---- */

typedef char *RealPath(const char *path, char *out);

static char *ask_library(const char *path, char *out)
{
    RealPath *real = dlsym ? (RealPath *)dlsym(AFTER, "realpath") : NULL;
    if (real)
        return real(path, out);
    char *found = canonicalize_file_name ? canonicalize_file_name(path) : NULL;
    if (!canonicalize_file_name)
        errno = ENOSYS;
    for (char *to = out, *from = found; found && out && (*to++ = *from);)
        from++;
    if (!out)
        return found;
    free(found);
    return found ? out : NULL;
}

static int are_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* gcc opens a header of the system's where its links lead, if that is the shorter name: so the links are asked for only here.  What is its own
 * name is found when it is opened; or it is an output, which gcc compares with its input. */
static char *real_path(const char *path, char *out)
{
    if (path && path == out)
        note(TRACE_UNKNOWN, path); /* it will be gone */
    char *real = ask_library(path, out);
    int code = errno;
    if (!path || (real && are_equal(path, real)))
        return real;
    note_result(AT_FDCWD, path, real ? 0 : -code);
    errno = code;
    return real;
}

HOOK(char *, hook_realpath, "realpath", const char *path, char *out)
{
    return real_path(path, out);
}

HOOK(char *, hook_realpath_chk, "__realpath_chk", const char *path, char *out, size_t room)
{
    if (room < PATH_MAX)
        __builtin_trap(); /* as the library does */
    return real_path(path, out);
}

/* ---- Streams ---- */

typedef FILE *OpenStream(const char *path, const char *mode);

static FILE *open_stream(const char *name, const char *path, const char *mode)
{
    OpenStream *real = dlsym ? (OpenStream *)dlsym(AFTER, name) : NULL;
    if (!real)
        real = _IO_fopen;
    if (!real) {
        errno = ENOSYS;
        return NULL;
    }
    FILE *stream = real(path, mode);
    int code = errno, written = *mode == 'w', plain = *mode == 'r' && mode[1] != '+' && !(mode[1] && mode[2] == '+');
    if (written && stream)
        note(TRACE_WRITTEN, path);
    else if (plain || !stream)
        note_result(AT_FDCWD, path, stream ? 0 : -code);
    else
        note(TRACE_UNKNOWN, path);
    errno = code;
    return stream;
}

HOOK(FILE *, hook_fopen, "fopen", const char *path, const char *mode)
{
    return open_stream("fopen", path, mode);
}

HOOK(FILE *, hook_fopen64, "fopen64", const char *path, const char *mode)
{
    return open_stream("fopen64", path, mode);
}
