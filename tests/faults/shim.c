/* Faults on demand: preloaded into one program, it counts the calls by which that program changes files below one
 * directory, and at one of them kills the program, tears a write, or answers with an error.
 *
 *   FAULT_EXE     the program to act in; what it starts is left alone
 *   FAULT_ROOT    the directory; calls elsewhere are neither counted nor touched
 *   FAULT_ONLY    counts only calls on paths that contain these words (everything, if it is not set)
 *   FAULT_OPS     counts only these calls: open dir write sync rename link unlink mkdir truncate close, first letters
 *   FAULT_TRACE   a file that takes one line per counted call: number, call, size of the file after it, path, errno
 *   FAULT_AT      the number of the call at which something happens, from 1
 *   FAULT_HOW     before | after: SIGKILL; torn:K: the first K/4 of a write (0: its first byte, 4: all but its last),
 *                 then SIGKILL; error: FAULT_ERRNO; from: FAULT_ERRNO at this call and all later ones
 *   FAULT_BUDGET  counted writes may take this many bytes in all; then ENOSPC, after as much as still fits
 *   FAULT_NO_FALLOCATE  this errno from every fallocate(2)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096

static char *root, *only, *ops = "odwsrlumtc", *how = "";
static long at, budget = -1, count;
static int trace_fd = -1, fault_errno = EIO, on;
static pid_t me;
static char *names[FILES];
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* What a call is told to do. */
enum fate { GO_ON, DIE_AFTER, TEAR, FAIL };

static void die(void) {
    for (;;) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

static char *take(const char *name) {
    char *value = getenv(name);
    value = value ? strdup(value) : NULL;
    unsetenv(name);
    return value;
}

/* fallocate(2) is made without libc, so that only the kernel can refuse it. */
static void refuse_fallocate(int error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        abort();
    }
}

__attribute__((constructor)) static void begin(void) {
    char exe[PATH_MAX] = { 0 }, *wanted = getenv("FAULT_EXE"), *value;
    if (!wanted || readlink("/proc/self/exe", exe, sizeof exe - 1) < 0 || strcmp(exe, wanted)) return;
    unsetenv("LD_PRELOAD");
    unsetenv("FAULT_EXE");
    if (!(root = take("FAULT_ROOT"))) abort();
    only = take("FAULT_ONLY");
    if ((value = take("FAULT_OPS"))) ops = value;
    if ((value = take("FAULT_AT"))) at = atol(value);
    if ((value = take("FAULT_HOW"))) how = value;
    if ((value = take("FAULT_ERRNO"))) fault_errno = atoi(value);
    if ((value = take("FAULT_BUDGET"))) budget = atol(value);
    if ((value = take("FAULT_TRACE"))) {
        trace_fd = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (trace_fd < 0) abort();
    }
    if ((value = take("FAULT_NO_FALLOCATE"))) refuse_fallocate(atoi(value));
    me = getpid();
    on = 1;
}

static int is_ours(const char *path) {
    /* A child between fork and exec is not the program any more. */
    return on && path && !strncmp(path, root, strlen(root)) && getpid() == me;
}

static const char *name_of(int fd) {
    return on && fd >= 0 && fd < FILES && getpid() == me ? names[fd] : NULL;
}

static int is_counted(char op, const char *path) {
    return strchr(ops, op) && (!only || strstr(path, only));
}

/* Whether this call is the one. Called with the lock held. */
static enum fate decide(char op, const char *path) {
    if (!is_counted(op, path)) return GO_ON;
    count++;
    if (!strcmp(how, "from") && at && count >= at) return FAIL;
    if (count != at) return GO_ON;
    if (!strcmp(how, "before")) die();
    if (!strcmp(how, "after")) return DIE_AFTER;
    if (!strncmp(how, "torn", 4)) return op == 'w' ? TEAR : DIE_AFTER;
    return FAIL;
}

static void settle(enum fate fate, char op, const char *path, int fd, int error) {
    struct stat meta;
    char line[2 * PATH_MAX + 64];
    if (is_counted(op, path) && trace_fd >= 0) {
        long size = fd >= 0 && !syscall(SYS_fstat, fd, &meta) ? (long)meta.st_size : -1;
        int length = snprintf(line, sizeof line, "%ld %c %ld %d %s\n", count, op, size, error, path);
        if (syscall(SYS_write, trace_fd, line, length) != length) abort();
    }
    if (fate == DIE_AFTER || fate == TEAR) die();
}

/* A call with a path: decide, make it unless it is to fail, settle. */
#define CALL(result_type, op, path, fd, expression) \
    pthread_mutex_lock(&one_at_a_time); \
    enum fate fate = decide(op, path); \
    result_type result = fate == FAIL ? -1 : (expression); \
    int error = fate == FAIL ? fault_errno : result < 0 ? errno : 0; \
    settle(fate, op, path, fd, error); \
    pthread_mutex_unlock(&one_at_a_time); \
    errno = error; \
    return result

static int open_counted(const char *path, int flags, mode_t mode) {
    struct stat meta;
    char op = flags & (O_CREAT | O_WRONLY | O_RDWR) ? 'o' : 0;
    /* A directory that is only a place to begin at cannot be synced. */
    if (!op && !(flags & O_PATH) && !stat(path, &meta) && S_ISDIR(meta.st_mode)) op = 'd';
    if (!op) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&one_at_a_time);
    enum fate fate = decide(op, path);
    int fd = fate == FAIL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    int error = fate == FAIL ? fault_errno : fd < 0 ? errno : 0;
    if (fd >= 0 && fd < FILES) {
        free(names[fd]);
        names[fd] = strdup(path);
    }
    settle(fate, op, path, fd, error);
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        return is_ours(path) ? open_counted(path, flags, mode) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

/* A name in a directory that is open, as a whole path. */
static const char *whole(int dir, const char *name, char *path, size_t size) {
    char link[64], at[PATH_MAX];
    if (!on || !name || *name == '/' || dir == AT_FDCWD || getpid() != me) return name;
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, at, sizeof at - 1);
    if (length < 0) return name;
    at[length] = 0;
    snprintf(path, size, "%s/%s", at, name);
    return path;
}

#define OPEN_AT(function) \
    int function(int dir, const char *name, int flags, ...) { \
        char path[2 * PATH_MAX]; \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        const char *at = whole(dir, name, path, sizeof path); \
        return is_ours(at) ? open_counted(at, flags, mode) : (int)syscall(SYS_openat, dir, name, flags, mode); \
    }
OPEN_AT(openat)
OPEN_AT(openat64)

ssize_t write(int fd, const void *bytes, size_t length) {
    const char *path = name_of(fd);
    if (!path) return syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&one_at_a_time);
    enum fate fate = decide('w', path);
    size_t part = length;
    int error = 0;
    if (fate == TEAR) {
        int k = atoi(how + 5);
        part = k == 0 ? 1 : k == 4 ? length - 1 : length * k / 4;
    }
    if (budget >= 0 && is_counted('w', path)) {
        part = (long)part > budget ? (size_t)budget : part;
        budget -= part;
        if (!part && length) error = ENOSPC;
    }
    if (fate == FAIL) error = fault_errno;
    ssize_t result = error ? -1 : syscall(SYS_write, fd, bytes, part);
    if (!error && result < 0) error = errno;
    settle(fate, 'w', path, fd, error);
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    /* Writing less than was asked for is always allowed. */
    return name_of(fd) && n > 0 ? write(fd, parts[0].iov_base, parts[0].iov_len) : syscall(SYS_writev, fd, parts, n);
}

static int sync_counted(int fd, long call) {
    const char *path = name_of(fd);
    if (!path) return syscall(call, fd);
    CALL(int, 's', path, fd, (int)syscall(call, fd));
}

int fsync(int fd) { return sync_counted(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_counted(fd, SYS_fdatasync); }

static int truncate_counted(int fd, off_t length) {
    const char *path = name_of(fd);
    if (!path) return syscall(SYS_ftruncate, fd, length);
    CALL(int, 't', path, fd, (int)syscall(SYS_ftruncate, fd, length));
}

int ftruncate(int fd, off_t length) { return truncate_counted(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_counted(fd, length); }

int close(int fd) {
    const char *path = name_of(fd);
    if (!path) return syscall(SYS_close, fd);
    pthread_mutex_lock(&one_at_a_time);
    enum fate fate = decide('c', path);
    names[fd] = NULL;
    /* A descriptor is gone even when close says that something was lost. */
    int result = syscall(SYS_close, fd);
    int error = fate == FAIL ? fault_errno : result < 0 ? errno : 0;
    settle(fate, 'c', path, -1, error);
    free((char *)path);
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return error ? -1 : 0;
}

int rename(const char *from, const char *to) {
    if (!is_ours(to)) return syscall(SYS_rename, from, to);
    CALL(int, 'r', to, -1, (int)syscall(SYS_rename, from, to));
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    if (!is_ours(to)) return syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    CALL(int, 'l', to, -1, (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}

int unlink(const char *path) {
    if (!is_ours(path)) return syscall(SYS_unlink, path);
    CALL(int, 'u', path, -1, (int)syscall(SYS_unlink, path));
}

int mkdir(const char *path, mode_t mode) {
    if (!is_ours(path)) return syscall(SYS_mkdir, path, mode);
    CALL(int, 'm', path, -1, (int)syscall(SYS_mkdir, path, mode));
}
