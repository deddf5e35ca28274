// Makes one call into the C library fail, or something happen just before it: loaded into the binary with LD_PRELOAD.
//
// FAULT=call:nth:what[:path]
//   call  one of the functions below, or `any` for all of those on files
//   nth   which of these calls, from 1; 0 is every one of them
//   what  an errno; `signalN` raises N before the call; `shW` runs W in a shell before it; `short` writes half
//   path  only calls on a file whose path ends in this
// FAULT_SIGNALS      whoever runs the tests may ignore signals, as a shell does for what runs behind it: here they are heard
// FAULT_COUNT=file   the number of calls that matched, written there when the program ends
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char call_[32], what_[512], path_[256];
static long nth_ = -1;
static atomic_long seen_;
static _Thread_local int inside_;

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  if (getenv("FAULT_SIGNALS")) {
    int heard[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for (size_t n = 0; n < sizeof heard / sizeof *heard; n++) signal(heard[n], SIG_DFL);
  }
  const char *spec = getenv("FAULT");
  char nth[32] = "";
  if (!spec || sscanf(spec, "%31[^:]:%31[^:]:%511[^:]:%255[^:]", call_, nth, what_, path_) < 3) return;
  nth_ = atol(nth);
}

__attribute__((destructor)) static void end(void) {
  const char *file = getenv("FAULT_COUNT");
  if (!file) return;
  nth_ = -1;
  FILE *out = fopen(file, "w");
  if (!out) return;
  fprintf(out, "%ld\n", atomic_load(&seen_));
  fclose(out);
}

static int ends(const char *path) {
  size_t all = strlen(path), tail = strlen(path_);
  return !tail || (all >= tail && !strcmp(path + all - tail, path_));
}

// What the call has to do: 0 go on, -1 write half, else the errno to fail with.
static int due(const char *name, const char *path) {
  if (nth_ < 0 || inside_ || (strcmp(call_, name) && (strcmp(call_, "any") || !path)) || !ends(path ? path : "")) return 0;
  long now = atomic_fetch_add(&seen_, 1) + 1;
  if (nth_ && now != nth_) return 0;
  if (!strncmp(what_, "signal", 6)) {
    raise(atoi(what_ + 6));
    return 0;
  }
  if (!strncmp(what_, "sh", 2) && strcmp(what_, "short")) {
    inside_ = 1;
    unsetenv("LD_PRELOAD");
    if (system(what_ + 2)) {}
    inside_ = 0;
    return 0;
  }
  return strcmp(what_, "short") ? atoi(what_) : -1;
}

static int due_fd(const char *name, int fd) {
  if (nth_ < 0 || inside_) return 0;
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  path[n < 0 ? 0 : n] = 0;
  // Only files on disk and what was asked for by name: not the runtime's own pipes and eventfds.
  return path[0] == '/' || !strcmp(call_, name) ? due(name, path) : 0;
}

#define FAIL_IF(check, result) \
  do { \
    int failed_ = check; \
    if (failed_ > 0) { \
      errno = failed_; \
      return result; \
    } \
  } while (0)

static int opens(const char *path) {
  // The C library's and the system's own files are no matter of the program's.
  if (!strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5) || !strncmp(path, "/etc/", 5) || !strncmp(path, "/dev/", 5)) return 0;
  return due("open", path);
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); \
    va_list list; \
    va_start(list, flags); \
    mode_t mode = va_arg(list, mode_t); \
    va_end(list); \
    FAIL_IF(opens(path), -1); \
    return real(path, flags, mode); \
  }

OPEN(open)
OPEN(open64)

ssize_t read(int fd, void *to, size_t count) {
  REAL(read);
  FAIL_IF(due_fd("read", fd), -1);
  return real(fd, to, count);
}

ssize_t write(int fd, const void *from, size_t count) {
  REAL(write);
  int e = due_fd("write", fd);
  if (e < 0) return real(fd, from, (count + 1) / 2);
  FAIL_IF(e, -1);
  return real(fd, from, count);
}

int fsync(int fd) {
  REAL(fsync);
  FAIL_IF(due_fd("fsync", fd), -1);
  return real(fd);
}

int fchmod(int fd, mode_t mode) {
  REAL(fchmod);
  FAIL_IF(due_fd("fchmod", fd), -1);
  return real(fd, mode);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  FAIL_IF(due("rename", to), -1);
  return real(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
  REAL(linkat);
  FAIL_IF(due("link", to), -1);
  return real(a, from, b, to, flags);
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  FAIL_IF(due("mkdir", path), -1);
  return real(path, mode);
}

int statx(int dir, const char *restrict path, int flags, unsigned mask, struct statx *restrict about) {
  REAL(statx);
  // The standard library asks with no path whether there is a statx at all.
  const char *volatile asked = path;
  if (!asked) return real(dir, path, flags, mask, about);
  if (*path) FAIL_IF(due("stat", path), -1);
  else FAIL_IF(due_fd("fstat", dir), -1);
  return real(dir, path, flags, mask, about);
}

DIR *opendir(const char *path) {
  REAL(opendir);
  FAIL_IF(due("opendir", path), NULL);
  return real(path);
}

struct dirent64 *readdir64(DIR *dir) {
  REAL(readdir64);
  FAIL_IF(due_fd("readdir", dirfd(dir)), NULL);
  return real(dir);
}

char *realpath(const char *restrict path, char *restrict to) {
  REAL(realpath);
  FAIL_IF(due("realpath", path), NULL);
  return real(path, to);
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
  REAL(mmap64);
  if (fd >= 0) FAIL_IF(due_fd("mmap", fd), MAP_FAILED);
  return real(at, length, protection, flags, fd, offset);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict about, void *(*start)(void *), void *restrict given) {
  REAL(pthread_create);
  int e = due("thread", NULL);
  return e > 0 ? e : real(thread, about, start, given);
}

// `what` is the day: seconds since 1970, or `fails`.
int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  if (nth_ >= 0 && clock == CLOCK_REALTIME && !strcmp(call_, "clock")) {
    atomic_fetch_add(&seen_, 1);
    if (!strcmp(what_, "fails")) {
      errno = EINVAL;
      return -1;
    }
    now->tv_sec = atoll(what_);
    now->tv_nsec = 0;
    return 0;
  }
  return real(clock, now);
}
