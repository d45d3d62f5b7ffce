/* What the parts of the shim share; seen by nobody else in the process. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#pragma GCC visibility push(hidden)

enum {
    CLOCK_MS,    /* added to the wall clock */
    FAIL_LOG,    /* the n-th sync of a segment from now on fails; 0 is none */
    FAIL_OTHER,  /* the same of any other file */
    LIE,         /* syncs say that they are done and are not */
    FULL,        /* no file may take more room than it has */
    SWITCHES
};

/* The folder that is watched, and where notes go, or "". */
extern char store[PATH_MAX], notes[PATH_MAX];
/* Calls of a process that is still being made are none of the server's. */
extern int ready;

int64_t get(int which);
void must(int fine, const char *what);
int is_below(const char *path, const char *folder);
/* Whether a path is the store's, and not exempt. */
int is_ours(const char *path);
int path_of(int fd, char *path);
void begin_names(void);
/* Syncs a folder of the store or above it. */
int sync_names(int fd, const char *folder, long call);

#pragma GCC visibility pop
