/* Makes calls of a process fail, for tests of faults.
 *
 * The library is preloaded (LD_PRELOAD) into a process. While it is armed, it counts the calls of
 * the chosen kinds about files and folders below FAULTS_ROOT, and makes those at the chosen
 * positions fail. FAULTS_CONTROL is a file with a `struct control`, which the test reads and writes
 * while the process runs; tests/it/support/faults.rs is the other side.
 *
 * A call that fails has no effect. Threads belong to no folder, so every pthread_create counts.
 * System calls that bypass the C library, and those that it makes internally, are not seen.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "root.h"

/* The order is that of `Call` in tests/it/support/faults.rs. */
enum call {
  OPEN,   /* open, openat, creat */
  LIST,   /* opendir, fdopendir, readdir */
  STAT,   /* stat, fstat, lstat, fstatat, statx, access */
  READ,   /* read, readv */
  PREAD,  /* pread, preadv */
  COPY,   /* copy_file_range, sendfile */
  MAP,    /* mmap of a file */
  WRITE,  /* write, writev */
  PWRITE, /* pwrite, pwritev */
  RESIZE, /* ftruncate, truncate, fallocate */
  SYNC,   /* fsync, fdatasync, sync_file_range */
  NAME,   /* rename, link, mkdir */
  UNLINK, /* unlink, rmdir */
  LOCK,   /* flock */
  THREAD  /* pthread_create */
};

struct control {
  uint32_t calls;     /* the kinds of calls that count, a bit each; 0 disarms */
  int32_t error;      /* errno of the calls that fail; 0: half of the bytes are transferred; -1: the process is killed */
  uint64_t first;     /* position of the first call that fails, counted from 1; 0 for none */
  uint64_t times;     /* number of consecutive calls that fail */
  uint64_t counted;   /* calls that counted so far */
  uint64_t failed;    /* calls that failed so far */
  char name[64];      /* the first call that failed */
  char path[512];     /* its path */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("FAULTS_ROOT"), *path = getenv("FAULTS_CONTROL");
  if (folder == NULL || path == NULL || strlen(folder) >= sizeof root) return;
  strcpy(root, folder);
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  void *(*map)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");
  void *mapped = map(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) abort();
  close(fd);
  control = mapped;
}

enum fate { MAKE, FAIL, HALVE };

static int counts(enum call call) {
  return control != NULL && __atomic_load_n(&control->calls, __ATOMIC_SEQ_CST) >> call & 1;
}

/* Counts a call and decides its fate. `errno` is set if it fails. */
static enum fate decide(const char *name, const char *path) {
  uint64_t position = __atomic_add_fetch(&control->counted, 1, __ATOMIC_SEQ_CST);
  uint64_t first = control->first, times = control->times;
  if (first == 0 || position < first || position - first >= times) return MAKE;
  if (__atomic_fetch_add(&control->failed, 1, __ATOMIC_SEQ_CST) == 0) {
    strncpy(control->path, path, sizeof control->path - 1);
    strncpy(control->name, name, sizeof control->name - 1);
  }
  if (control->error == 0) return HALVE;
  if (control->error < 0) {
    kill(getpid(), SIGKILL);
    /* It takes effect before this returns, but the compiler does not know. */
    pause();
  }
  errno = control->error;
  return FAIL;
}

static enum fate by_fd(enum call call, const char *name, int fd) {
  char path[PATH_MAX];
  return counts(call) && fd >= 0 && path_of(fd, path) ? decide(name, path) : MAKE;
}

static enum fate by_name(enum call call, const char *name, int folder, const char *file) {
  char path[PATH_MAX];
  return counts(call) && resolve_below_root(folder, file, path) ? decide(name, path) : MAKE;
}

#define REAL(NAME)                                  \
  static __typeof__(NAME) *real;                    \
  if (real == NULL) real = dlsym(RTLD_NEXT, #NAME)

/* ---- names ---- */

static mode_t mode_of(int flags, va_list more) {
  return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(more, unsigned) : 0;
}

#define OPEN_BY_NAME(NAME)                                              \
  int NAME(const char *name, int flags, ...) {                          \
    va_list more;                                                       \
    va_start(more, flags);                                              \
    mode_t mode = mode_of(flags, more);                                 \
    va_end(more);                                                       \
    REAL(NAME);                                                         \
    return by_name(OPEN, #NAME, AT_FDCWD, name) == FAIL ? -1 : real(name, flags, mode); \
  }
#define OPEN_AT(NAME)                                                   \
  int NAME(int folder, const char *name, int flags, ...) {              \
    va_list more;                                                       \
    va_start(more, flags);                                              \
    mode_t mode = mode_of(flags, more);                                 \
    va_end(more);                                                       \
    REAL(NAME);                                                         \
    return by_name(OPEN, #NAME, folder, name) == FAIL ? -1 : real(folder, name, flags, mode); \
  }
OPEN_BY_NAME(open)
OPEN_BY_NAME(open64)
OPEN_AT(openat)
OPEN_AT(openat64)

#define BY_NAME(CALL, NAME, FOLDER, FILE, FAILURE, ...)                 \
  REAL(NAME);                                                           \
  return by_name(CALL, #NAME, FOLDER, FILE) == FAIL ? (FAILURE) : real(__VA_ARGS__)

int creat(const char *name, mode_t mode) { BY_NAME(OPEN, creat, AT_FDCWD, name, -1, name, mode); }
int creat64(const char *name, mode_t mode) { BY_NAME(OPEN, creat64, AT_FDCWD, name, -1, name, mode); }
DIR *opendir(const char *name) { BY_NAME(LIST, opendir, AT_FDCWD, name, NULL, name); }
int rename(const char *from, const char *to) { BY_NAME(NAME, rename, AT_FDCWD, from, -1, from, to); }
int renameat(int folder, const char *from, int other, const char *to) {
  BY_NAME(NAME, renameat, folder, from, -1, folder, from, other, to);
}
int renameat2(int folder, const char *from, int other, const char *to, unsigned flags) {
  BY_NAME(NAME, renameat2, folder, from, -1, folder, from, other, to, flags);
}
int link(const char *from, const char *to) { BY_NAME(NAME, link, AT_FDCWD, to, -1, from, to); }
int linkat(int folder, const char *from, int other, const char *to, int flags) {
  BY_NAME(NAME, linkat, other, to, -1, folder, from, other, to, flags);
}
int mkdir(const char *name, mode_t mode) { BY_NAME(NAME, mkdir, AT_FDCWD, name, -1, name, mode); }
int mkdirat(int folder, const char *name, mode_t mode) {
  BY_NAME(NAME, mkdirat, folder, name, -1, folder, name, mode);
}
int unlink(const char *name) { BY_NAME(UNLINK, unlink, AT_FDCWD, name, -1, name); }
int unlinkat(int folder, const char *name, int flags) {
  BY_NAME(UNLINK, unlinkat, folder, name, -1, folder, name, flags);
}
int rmdir(const char *name) { BY_NAME(UNLINK, rmdir, AT_FDCWD, name, -1, name); }
int truncate(const char *name, off_t length) { BY_NAME(RESIZE, truncate, AT_FDCWD, name, -1, name, length); }
int truncate64(const char *name, off64_t length) {
  BY_NAME(RESIZE, truncate64, AT_FDCWD, name, -1, name, length);
}

/* ---- metadata ---- */

int stat(const char *name, struct stat *about) { BY_NAME(STAT, stat, AT_FDCWD, name, -1, name, about); }
int stat64(const char *name, struct stat64 *about) { BY_NAME(STAT, stat64, AT_FDCWD, name, -1, name, about); }
int lstat(const char *name, struct stat *about) { BY_NAME(STAT, lstat, AT_FDCWD, name, -1, name, about); }
int lstat64(const char *name, struct stat64 *about) { BY_NAME(STAT, lstat64, AT_FDCWD, name, -1, name, about); }
int access(const char *name, int mode) { BY_NAME(STAT, access, AT_FDCWD, name, -1, name, mode); }

static enum fate status_at(const char *call, int folder, const char *name) {
  return name != NULL && *name ? by_name(STAT, call, folder, name) : by_fd(STAT, call, folder);
}
int fstatat(int folder, const char *name, struct stat *about, int flags) {
  REAL(fstatat);
  return status_at("fstatat", folder, name) == FAIL ? -1 : real(folder, name, about, flags);
}
int fstatat64(int folder, const char *name, struct stat64 *about, int flags) {
  REAL(fstatat64);
  return status_at("fstatat64", folder, name) == FAIL ? -1 : real(folder, name, about, flags);
}
int statx(int folder, const char *name, int flags, unsigned mask, struct statx *about) {
  REAL(statx);
  return status_at("statx", folder, name) == FAIL ? -1 : real(folder, name, flags, mask, about);
}

/* ---- descriptors ---- */

#define BY_FD(CALL, NAME, FD, FAILURE, ...) \
  REAL(NAME);                               \
  return by_fd(CALL, #NAME, FD) == FAIL ? (FAILURE) : real(__VA_ARGS__)

int fstat(int fd, struct stat *about) { BY_FD(STAT, fstat, fd, -1, fd, about); }
int fstat64(int fd, struct stat64 *about) { BY_FD(STAT, fstat64, fd, -1, fd, about); }
DIR *fdopendir(int fd) { BY_FD(LIST, fdopendir, fd, NULL, fd); }
struct dirent *readdir(DIR *folder) { BY_FD(LIST, readdir, dirfd(folder), NULL, folder); }
struct dirent64 *readdir64(DIR *folder) { BY_FD(LIST, readdir64, dirfd(folder), NULL, folder); }
int ftruncate(int fd, off_t length) { BY_FD(RESIZE, ftruncate, fd, -1, fd, length); }
int ftruncate64(int fd, off64_t length) { BY_FD(RESIZE, ftruncate64, fd, -1, fd, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
  BY_FD(RESIZE, fallocate, fd, -1, fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  BY_FD(RESIZE, fallocate64, fd, -1, fd, mode, offset, length);
}
int fsync(int fd) { BY_FD(SYNC, fsync, fd, -1, fd); }
int fdatasync(int fd) { BY_FD(SYNC, fdatasync, fd, -1, fd); }
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  BY_FD(SYNC, sync_file_range, fd, -1, fd, offset, length, flags);
}
int flock(int fd, int operation) { BY_FD(LOCK, flock, fd, -1, fd, operation); }
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  BY_FD(MAP, mmap, fd, MAP_FAILED, at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
  BY_FD(MAP, mmap64, fd, MAP_FAILED, at, length, protection, flags, fd, offset);
}

/* A transfer of `length` bytes, of which half may be made. */
#define TRANSFER(CALL, NAME, FD, LENGTH, ...)          \
  REAL(NAME);                                          \
  switch (by_fd(CALL, #NAME, FD)) {                    \
    case FAIL: return -1;                              \
    case HALVE: LENGTH = (LENGTH + 1) / 2;             \
    /* fall through */                                 \
    default: return real(__VA_ARGS__);                 \
  }

ssize_t read(int fd, void *bytes, size_t length) { TRANSFER(READ, read, fd, length, fd, bytes, length) }
ssize_t readv(int fd, const struct iovec *parts, int count) { TRANSFER(READ, readv, fd, count, fd, parts, count) }
ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
  TRANSFER(PREAD, pread, fd, length, fd, bytes, length, offset)
}
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
  TRANSFER(PREAD, pread64, fd, length, fd, bytes, length, offset)
}
ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset) {
  TRANSFER(PREAD, preadv, fd, count, fd, parts, count, offset)
}
ssize_t write(int fd, const void *bytes, size_t length) { TRANSFER(WRITE, write, fd, length, fd, bytes, length) }
ssize_t writev(int fd, const struct iovec *parts, int count) { TRANSFER(WRITE, writev, fd, count, fd, parts, count) }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  TRANSFER(PWRITE, pwrite, fd, length, fd, bytes, length, offset)
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  TRANSFER(PWRITE, pwrite64, fd, length, fd, bytes, length, offset)
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  TRANSFER(PWRITE, pwritev, fd, count, fd, parts, count, offset)
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
  TRANSFER(COPY, copy_file_range, from, length, from, from_at, to, to_at, length, flags)
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
  TRANSFER(COPY, sendfile, from, length, to, from, offset, length)
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  TRANSFER(COPY, sendfile64, from, length, to, from, offset, length)
}

/* ---- threads ---- */

int pthread_create(pthread_t *thread, const pthread_attr_t *about, void *(*run)(void *), void *with) {
  REAL(pthread_create);
  return counts(THREAD) && decide("pthread_create", "") == FAIL ? errno : real(thread, about, run, with);
}
