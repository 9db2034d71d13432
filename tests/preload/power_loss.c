/* Records the changes that a process makes to the files of one folder, for tests of power failures.
 *
 * The library is preloaded (LD_PRELOAD) into a process and intercepts its calls: every call that
 * changes a file or a folder below POWER_ROOT is appended to the file POWER_JOURNAL, in the order
 * in which the calls happen, and is then made. tests/it/support/journal.rs reads the journal, and
 * tests/it/support/disk.rs derives what a disk would hold after a power failure.
 *
 * The reader of the records applies the two rules of the model:
 *
 *  - written bytes are on the disk once fsync or fdatasync of that file was called, not before;
 *    sync_file_range and O_SYNC make nothing durable;
 *  - an entry of a folder (made by open with O_CREAT, rename, link, unlink, mkdir or rmdir) is on
 *    the disk once fsync of that folder was called.
 *
 * fsync and fdatasync do not reach the disk: they are recorded and return after 0 to 2 ms, as a
 * disk would take, so that other threads write in the meantime. If a process is killed (SIGKILL)
 * between the record of a call and the call, the journal has one record too many; a new file may
 * exist without its record. A record is `struct record`, followed by `length` bytes; integers have
 * the byte order of the machine.
 *
 * Some calls are not modelled: symbolic links, copies inside the kernel, files that are grown by
 * fallocate, and exchange of names. They write a record UNSUPPORTED, at which the test fails.
 * Shared writable mappings, io_uring, and system calls that bypass the C library are not recorded.
 * The test finds them because it compares the journal with the folder that the process left behind.
 */

#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "root.h"

enum kind {
  CREATE = 1,      /* file `inode` was created; path */
  WRITE = 2,       /* bytes written at `offset` of file `inode` */
  TRUNCATE = 3,    /* file `inode` was set to the length `offset` */
  SYNC = 4,        /* file or folder `inode`; path of a folder, empty for a file */
  RENAME = 5,      /* path, zero, path */
  UNLINK = 6,      /* path of a file */
  MKDIR = 7,       /* path */
  RMDIR = 8,       /* path */
  FAILED = 9,      /* the call of the previous record had no effect */
  SHORT = 10,      /* the write of the previous record wrote only `offset` bytes */
  UNSUPPORTED = 11, /* name of the call */
  LINK = 12        /* path of a file, zero, its new path */
};

struct record {
  uint64_t inode;
  uint64_t offset;
  uint32_t length;
  uint32_t kind;
};

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static uint64_t dice = 88172645463325252u;

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("POWER_ROOT"), *path = getenv("POWER_JOURNAL");
  if (folder == NULL || path == NULL || realpath(folder, root) == NULL) return;
  journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dice ^= (uint64_t)getpid() << 32;
}

static void record(enum kind kind, uint64_t inode, uint64_t offset, const void *bytes, size_t length) {
  struct record head = {inode, offset, (uint32_t)length, (uint32_t)kind};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)bytes, length}};
  int before = errno;
  if (syscall(SYS_writev, journal, parts, length ? 2 : 1) != (long)(sizeof head + length)) abort();
  errno = before;
}

/* Returns true if a descriptor is a file or folder below the root, even if it was unlinked. */
static int tracked(int fd, struct stat *about, char *path) {
  if (journal < 0 || fd < 0) return 0;
  int before = errno;
  int there = fstat(fd, about) == 0 && (S_ISREG(about->st_mode) || S_ISDIR(about->st_mode));
  errno = before;
  return there && path_of(fd, path);
}

/* Stores the absolute path of a name in `path`. Returns true if it is below the root. */
static int resolve(int folder, const char *name, char *path) {
  return journal >= 0 && resolve_below_root(folder, name, path);
}

static void lock(void) { pthread_mutex_lock(&one); }

static void unlock(void) {
  int before = errno;
  pthread_mutex_unlock(&one);
  errno = before;
}

/* ---- names ---- */

static int do_open(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
  if (!writes || flags & O_PATH || !resolve(folder, name, path)) {
    return (int)syscall(SYS_openat, folder, name, flags, mode);
  }
  lock();
  struct stat about;
  int before = errno;
  int there = stat(path, &about) == 0;
  errno = before;
  if ((flags & O_TMPFILE) == O_TMPFILE) record(UNSUPPORTED, 0, 0, "O_TMPFILE", 9);
  if (there && S_ISREG(about.st_mode) && flags & O_TRUNC) record(TRUNCATE, about.st_ino, 0, NULL, 0);
  int fd = (int)syscall(SYS_openat, folder, name, flags, mode);
  if (fd < 0) {
    if (there && S_ISREG(about.st_mode) && flags & O_TRUNC) record(FAILED, 0, 0, NULL, 0);
  } else if (!there && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
    record(CREATE, about.st_ino, 0, path, strlen(path));
  }
  unlock();
  return fd;
}

static mode_t mode_of(int flags, va_list more) {
  return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(more, unsigned) : 0;
}

#define OPEN(NAME)                              \
  int NAME(const char *name, int flags, ...) {  \
    va_list more;                               \
    va_start(more, flags);                      \
    mode_t mode = mode_of(flags, more);         \
    va_end(more);                               \
    return do_open(AT_FDCWD, name, flags, mode); \
  }
#define OPENAT(NAME)                                       \
  int NAME(int folder, const char *name, int flags, ...) { \
    va_list more;                                          \
    va_start(more, flags);                                 \
    mode_t mode = mode_of(flags, more);                    \
    va_end(more);                                          \
    return do_open(folder, name, flags, mode);             \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int creat(const char *name, mode_t mode) { return do_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return creat(name, mode); }

/* Records a call about one path and makes it. */
static int named(enum kind kind, int folder, const char *name, long call, int argument) {
  char path[PATH_MAX];
  if (!resolve(folder, name, path)) return (int)syscall(call, folder, name, argument);
  lock();
  record(kind, 0, 0, path, strlen(path));
  int result = (int)syscall(call, folder, name, argument);
  if (result < 0) record(FAILED, 0, 0, NULL, 0);
  unlock();
  return result;
}

int unlinkat(int folder, const char *name, int flags) {
  return named(flags & AT_REMOVEDIR ? RMDIR : UNLINK, folder, name, SYS_unlinkat, flags);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int mkdirat(int folder, const char *name, mode_t mode) { return named(MKDIR, folder, name, SYS_mkdirat, (int)mode); }
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* Records a call about two paths and makes it. */
static int twice_named(enum kind kind, int old_folder, const char *old_name, int new_folder, const char *new_name, int flags) {
  long call = kind == LINK ? SYS_linkat : SYS_renameat2;
  char paths[2 * PATH_MAX];
  int from = resolve(old_folder, old_name, paths);
  size_t length = from ? strlen(paths) + 1 : 1;
  int to = resolve(new_folder, new_name, paths + length);
  if (!from && !to) return (int)syscall(call, old_folder, old_name, new_folder, new_name, flags);
  lock();
  if (from != to || flags) record(UNSUPPORTED, 0, 0, "link or rename", 14);
  record(kind, 0, 0, paths, length + strlen(paths + length));
  int result = (int)syscall(call, old_folder, old_name, new_folder, new_name, flags);
  if (result < 0) record(FAILED, 0, 0, NULL, 0);
  unlock();
  return result;
}

int renameat2(int old_folder, const char *old_name, int new_folder, const char *new_name, unsigned flags) {
  return twice_named(RENAME, old_folder, old_name, new_folder, new_name, (int)flags);
}
int renameat(int old_folder, const char *old_name, int new_folder, const char *new_name) {
  return renameat2(old_folder, old_name, new_folder, new_name, 0);
}
int rename(const char *old_name, const char *new_name) {
  return renameat2(AT_FDCWD, old_name, AT_FDCWD, new_name, 0);
}

int linkat(int old_folder, const char *old_name, int new_folder, const char *new_name, int flags) {
  return twice_named(LINK, old_folder, old_name, new_folder, new_name, flags);
}
int link(const char *old_name, const char *new_name) { return linkat(AT_FDCWD, old_name, AT_FDCWD, new_name, 0); }

/* ---- contents ---- */

static ssize_t written(int fd, const struct iovec *parts, int count, int64_t offset) {
  struct stat about;
  char path[PATH_MAX];
  int here = offset < 0;
  if (!tracked(fd, &about, path)) {
    return here ? syscall(SYS_writev, fd, parts, count)
                : syscall(SYS_pwritev, fd, parts, count, (unsigned long)offset, 0ul);
  }
  size_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  char *bytes = malloc(length + 1);
  if (bytes == NULL) abort();
  length = 0;
  for (int i = 0; i < count; i++) {
    memcpy(bytes + length, parts[i].iov_base, parts[i].iov_len);
    length += parts[i].iov_len;
  }
  lock();
  if (here) {
    offset = lseek(fd, 0, SEEK_CUR);
    if (fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &about) == 0) offset = about.st_size;
  }
  record(WRITE, about.st_ino, (uint64_t)offset, bytes, length);
  ssize_t result = here ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, offset);
  if (result < 0) {
    record(FAILED, 0, 0, NULL, 0);
  } else if ((size_t)result < length) {
    record(SHORT, 0, (uint64_t)result, NULL, 0);
  }
  unlock();
  int before = errno;
  free(bytes);
  errno = before;
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  return written(fd, &part, 1, -1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, -1); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  struct iovec part = {(void *)bytes, length};
  return written(fd, &part, 1, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return written(fd, parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return written(fd, parts, count, offset);
}

int ftruncate64(int fd, off64_t length) {
  struct stat about;
  char path[PATH_MAX];
  if (!tracked(fd, &about, path)) return (int)syscall(SYS_ftruncate, fd, length);
  lock();
  record(TRUNCATE, about.st_ino, (uint64_t)length, NULL, 0);
  int result = (int)syscall(SYS_ftruncate, fd, length);
  if (result < 0) record(FAILED, 0, 0, NULL, 0);
  unlock();
  return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* ---- durability ---- */

static int synced(int fd, long call) {
  struct stat about;
  char path[PATH_MAX];
  if (!tracked(fd, &about, path)) return (int)syscall(call, fd);
  lock();
  record(SYNC, about.st_ino, 0, path, S_ISDIR(about.st_mode) ? strlen(path) : 0);
  dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
  struct timespec pause = {0, (long)(dice % 2000) * 1000};
  unlock();
  nanosleep(&pause, NULL);
  return 0;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* Starts and awaits a write, but does not flush the cache of the disk, so it is not recorded. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  (void)fd, (void)offset, (void)length, (void)flags;
  return 0;
}

/* ---- calls that are not modelled ---- */

static void unsupported(int fd, const char *call) {
  struct stat about;
  char path[PATH_MAX];
  if (!tracked(fd, &about, path)) return;
  lock();
  record(UNSUPPORTED, about.st_ino, 0, call, strlen(call));
  unlock();
}

static void unsupported_name(int folder, const char *name, const char *call) {
  char path[PATH_MAX];
  if (!resolve(folder, name, path)) return;
  lock();
  record(UNSUPPORTED, 0, 0, call, strlen(call));
  unlock();
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  unsupported(fd, "fallocate");
  return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  unsupported(fd, "posix_fallocate");
  return syscall(SYS_fallocate, fd, 0, offset, length) < 0 ? errno : 0;
}
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
  unsupported(to, "copy_file_range");
  return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  unsupported(to, "sendfile");
  return syscall(SYS_sendfile, to, from, offset, length);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }
int symlinkat(const char *target, int folder, const char *name) {
  unsupported_name(folder, name, "symlink");
  return (int)syscall(SYS_symlinkat, target, folder, name);
}
int symlink(const char *target, const char *name) { return symlinkat(target, AT_FDCWD, name); }
int truncate64(const char *name, off64_t length) {
  unsupported_name(AT_FDCWD, name, "truncate");
  return (int)syscall(SYS_truncate, name, length);
}
int truncate(const char *name, off_t length) { return truncate64(name, length); }
