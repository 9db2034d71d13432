/* The folder whose files a preloaded library watches: only calls about paths below it are of
 * interest. Nothing here calls a function that a preloaded library replaces. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The absolute path of the folder, without symbolic links. */
static char root[PATH_MAX];

static int below_root(const char *path) {
  size_t length = strlen(root);
  return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Stores the path of an open descriptor in `path`. Returns true if it is below the root. */
static int path_of(int fd, char *path) {
  char link[64];
  int before = errno;
  /* printf is not used because this may run in a signal handler. */
  char digits[16];
  size_t count = 0;
  unsigned number = (unsigned)fd;
  do digits[count++] = (char)('0' + number % 10);
  while (number /= 10);
  strcpy(link, "/proc/self/fd/");
  size_t at = strlen(link);
  while (count) link[at++] = digits[--count];
  link[at] = 0;
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = 0;
  return below_root(path);
}

/* Stores the absolute path of a name in `path`, without following a link in its last component.
 * Returns true if it is below the root. */
static int resolve_below_root(int folder, const char *name, char *path) {
  if (name == NULL || *name == 0) return 0;
  char whole[PATH_MAX];
  size_t length = 0;
  if (*name != '/') {
    if (folder == AT_FDCWD) {
      if (getcwd(whole, sizeof whole) == NULL) return 0;
    } else {
      if (!path_of(folder, whole)) return 0;
    }
    length = strlen(whole);
    whole[length++] = '/';
  }
  if (length + strlen(name) >= sizeof whole) return 0;
  strcpy(whole + length, name);
  for (length = strlen(whole); length > 1 && whole[length - 1] == '/'; length--) whole[length - 1] = 0;
  char *slash = strrchr(whole, '/');
  if (slash == NULL) return 0;
  *slash = 0;
  int before = errno;
  const char *parent = realpath(*whole ? whole : "/", path);
  errno = before;
  if (parent == NULL || strlen(path) + strlen(slash + 1) + 2 > PATH_MAX) return 0;
  strcat(path, "/");
  strcat(path, slash + 1);
  return below_root(path);
}
