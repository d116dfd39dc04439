/* Counts what a process writes below one folder and ends it, as kill -9 does, before, in the middle of or after one of these calls.
 *
 * Loaded into an unchanged binary by LD_PRELOAD. EVERSTEP_KILL_FOLDER names the folder, EVERSTEP_KILL_CONTROL a file that is shared with
 * whoever says when: its layout is `struct control` and stands in killer.py, too. Nothing is counted until `armed` is set there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define CALLS 4096
#define NAMED 128

enum blow { BEFORE = 0, AFTER = 1, HALF = 2 };

struct control {
    _Atomic uint32_t armed;
    _Atomic uint32_t count;
    /* The number of the call to end at, from 1; 0 for never. */
    _Atomic uint32_t at;
    _Atomic uint32_t blow;
    _Atomic uint32_t pid;
    uint32_t unused[11];
    /* What each call was, for whoever reads why a case has failed. */
    char calls[CALLS][NAMED];
};

static struct control *control;
static const char *folder;
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("EVERSTEP_KILL_CONTROL");
    folder = getenv("EVERSTEP_KILL_FOLDER");
    /* What the process starts itself is left alone. */
    unsetenv("LD_PRELOAD");
    if (name == NULL || folder == NULL)
        return;
    folder_length = strlen(folder);
    int file = open(name, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED)
        return;
    control = mapped;
    atomic_store(&control->pid, (uint32_t)getpid());
}

static int is_below(const char *path) {
    return strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/' && strncmp(path + folder_length, "/logs/", 6) != 0;
}

/* The number of a call that counts, or 0. */
static uint32_t counted(const char *call, const char *path) {
    if (!is_below(path))
        return 0;
    uint32_t number = atomic_fetch_add(&control->count, 1) + 1;
    if (number <= CALLS)
        snprintf(control->calls[number - 1], NAMED, "%s %s", call, path + folder_length + 1);
    return number;
}

static uint32_t counted_fd(const char *call, int fd) {
    if (control == NULL || !atomic_load(&control->armed))
        return 0;
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return counted(call, path);
}

static uint32_t counted_path(const char *call, const char *path) {
    if (control == NULL || !atomic_load(&control->armed))
        return 0;
    return counted(call, path);
}

static int is_due(uint32_t number, enum blow blow) {
    return number != 0 && number == atomic_load(&control->at) && atomic_load(&control->blow) == (uint32_t)blow;
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void before(uint32_t number) {
    if (is_due(number, BEFORE))
        end();
}

static void after(uint32_t number) {
    if (is_due(number, AFTER))
        end();
}

/* The next definition of a function: the C library's. */
#define NEXT(type, name, ...)                                                                                                              \
    static type (*next)(__VA_ARGS__);                                                                                                      \
    if (next == NULL)                                                                                                                      \
        next = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* `half` is how the first half of the bytes is written. */
#define GUARDED(number, call, half)                                                                                                        \
    before(number);                                                                                                                        \
    if (is_due(number, HALF)) {                                                                                                            \
        half;                                                                                                                              \
        end();                                                                                                                             \
    }                                                                                                                                      \
    ssize_t done = call;                                                                                                                   \
    after(number);                                                                                                                         \
    return done

ssize_t write(int fd, const void *bytes, size_t size) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    uint32_t number = counted_fd("write", fd);
    GUARDED(number, next(fd, bytes, size), next(fd, bytes, size / 2));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
    uint32_t number = counted_fd("pwrite", fd);
    GUARDED(number, next(fd, bytes, size, at), next(fd, bytes, size / 2, at));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    uint32_t number = counted_fd("pwrite", fd);
    GUARDED(number, next(fd, bytes, size, at), next(fd, bytes, size / 2, at));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    uint32_t number = counted_fd("writev", fd);
    GUARDED(number, next(fd, parts, count), next(fd, parts, count / 2));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    NEXT(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
    uint32_t number = counted_fd("pwritev", fd);
    GUARDED(number, next(fd, parts, count, at), next(fd, parts, count / 2, at));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    NEXT(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
    uint32_t number = counted_fd("pwritev", fd);
    GUARDED(number, next(fd, parts, count, at), next(fd, parts, count / 2, at));
}

/* Of what has no halves, a blow in the middle is one behind it. */
#define WHOLE(number, call)                                                                                                                \
    before(number);                                                                                                                        \
    int done = call;                                                                                                                       \
    if (is_due(number, HALF))                                                                                                              \
        end();                                                                                                                             \
    after(number);                                                                                                                         \
    return done

int fsync(int fd) {
    NEXT(int, "fsync", int);
    uint32_t number = counted_fd("fsync", fd);
    WHOLE(number, next(fd));
}

int fdatasync(int fd) {
    NEXT(int, "fdatasync", int);
    uint32_t number = counted_fd("fdatasync", fd);
    WHOLE(number, next(fd));
}

int ftruncate(int fd, off_t size) {
    NEXT(int, "ftruncate", int, off_t);
    uint32_t number = counted_fd("ftruncate", fd);
    WHOLE(number, next(fd, size));
}

int ftruncate64(int fd, off64_t size) {
    NEXT(int, "ftruncate64", int, off64_t);
    uint32_t number = counted_fd("ftruncate", fd);
    WHOLE(number, next(fd, size));
}

int rename(const char *from, const char *to) {
    NEXT(int, "rename", const char *, const char *);
    uint32_t number = counted_path("rename", to);
    WHOLE(number, next(from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    NEXT(int, "renameat", int, const char *, int, const char *);
    uint32_t number = counted_path("rename", to);
    WHOLE(number, next(from_folder, from, to_folder, to));
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags) {
    NEXT(int, "renameat2", int, const char *, int, const char *, unsigned int);
    uint32_t number = counted_path("rename", to);
    WHOLE(number, next(from_folder, from, to_folder, to, flags));
}

int link(const char *from, const char *to) {
    NEXT(int, "link", const char *, const char *);
    uint32_t number = counted_path("link", to);
    WHOLE(number, next(from, to));
}

int unlink(const char *path) {
    NEXT(int, "unlink", const char *);
    uint32_t number = counted_path("unlink", path);
    WHOLE(number, next(path));
}
