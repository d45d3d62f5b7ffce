/* A disk and a clock that fail on demand, for one process: loaded before libc (LD_PRELOAD).
 *
 * FAULTS_STORE    the folder whose files are watched
 * FAULTS_NOTES    a folder on the same file system for what is noted; nothing is noted without
 * FAULTS_EXEMPT   what in the store stands for somebody else's machine, with colons between
 * FAULTS_SWITCHES a file of 64-bit numbers that the test writes and this reads, see `enum`
 *
 * Before a file changes, what stood there goes to the notes; when a sync of that file returns,
 * the notes from before it began are dropped. So after a SIGKILL the notes are what a loss of
 * power may take back, and the test takes back as much of it as it likes. The same for names:
 * made, moved and removed ones stay noted until their folder was synced. Everything is noted by
 * the file's number, so it does not matter which descriptor is synced.
 */
#include "shim.h"

enum { WRITTEN = 1, RESIZED = 2 };

/* What was noted of one change: `was` bytes of what stood at `at` follow. */
struct note {
    uint64_t kind, at, bytes, was, size;
};

/* Which part of the notes counts: their first bytes. */
struct span {
    uint64_t from, to;
};

struct watched {
    dev_t dev;
    ino_t ino;
    int content, notes;
    struct span span;
    int is_log;
    int doomed;     /* a sync failed: the system forgot what it could not write */
    pthread_mutex_t lock;
};

#define MOST 4096
static struct watched table[MOST];
static int watched_files;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
char store[PATH_MAX], notes[PATH_MAX];
int ready;
static char exempt[PATH_MAX];
static int64_t *switches;
static int64_t nothing[SWITCHES];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        dprintf(2, "shim: there is no %s\n", name);
        _exit(97);
    }
    return found;
}

void must(int fine, const char *what) {
    if (!fine) {
        dprintf(2, "shim: %s: %s\n", what, strerror(errno));
        _exit(97);
    }
}

static void from_environment(const char *name, char *to) {
    const char *value = getenv(name);
    snprintf(to, PATH_MAX, "%s", value ? value : "");
}

__attribute__((constructor)) static void begin(void) {
    char path[PATH_MAX];
    from_environment("FAULTS_STORE", store);
    from_environment("FAULTS_NOTES", notes);
    from_environment("FAULTS_EXEMPT", exempt);
    from_environment("FAULTS_SWITCHES", path);
    switches = nothing;
    if (path[0]) {
        int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR);
        must(fd >= 0, path);
        void *map = mmap(0, sizeof nothing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        must(map != MAP_FAILED, path);
        switches = map;
        syscall(SYS_close, fd);
    }
    if (notes[0]) begin_names();
    ready = 1;
}

int64_t get(int which) { return __atomic_load_n(&switches[which], __ATOMIC_SEQ_CST); }

int is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length) && (!path[length] || path[length] == '/');
}

int is_ours(const char *path) {
    char all[PATH_MAX], *rest = all;
    if (!is_below(path, store)) return 0;
    snprintf(all, sizeof all, "%s", exempt);
    for (char *one; (one = strtok_r(rest, ":", &rest));)
        if (is_below(path, one)) return 0;
    return 1;
}

int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

/* The file behind a descriptor, if it is one of the store's. */
static struct watched *watch(int fd) {
    int kept_errno = errno;
    struct stat about;
    char path[PATH_MAX], name[PATH_MAX];
    struct watched *found = 0;
    if (!ready || !store[0] || fstat(fd, &about) || !S_ISREG(about.st_mode)) goto out;
    pthread_mutex_lock(&table_lock);
    for (int i = 0; i < watched_files && !found; i++)
        if (table[i].ino == about.st_ino && table[i].dev == about.st_dev) found = &table[i];
    if (!found && path_of(fd, path) && is_ours(path)) {
        must(watched_files < MOST, "too many files");
        found = &table[watched_files];
        *found = (struct watched){.dev = about.st_dev, .ino = about.st_ino};
        /* A segment is made under another name; the mark lies beside it. */
        found->is_log = strstr(path, "/log/") && !strstr(path, "/mark");
        pthread_mutex_init(&found->lock, 0);
        /* Open as long as the process, so its number is nobody else's. */
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        found->content = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
        must(found->content >= 0, path);
        found->notes = -1;
        if (notes[0]) {
            snprintf(name, sizeof name, "%.4000s/%llu", notes, (unsigned long long)about.st_ino);
            int flags = O_RDWR | O_CREAT | O_CLOEXEC;
            found->notes = syscall(SYS_openat, AT_FDCWD, name, flags, 0600);
            must(found->notes >= 0, name);
            long size = sizeof found->span;
            if (syscall(SYS_pread64, found->notes, &found->span, size, 0) != size) {
                found->span = (struct span){size, size};
            }
        }
        watched_files++;
    }
    pthread_mutex_unlock(&table_lock);
out:
    errno = kept_errno;
    return found;
}

static void put_span(struct watched *file) {
    long size = sizeof file->span;
    must(syscall(SYS_pwrite64, file->notes, &file->span, size, 0) == size, "noting");
}

/* Notes what stands where `bytes` are about to be written; with the file's lock held. */
static void note(struct watched *file, uint64_t kind, uint64_t at, uint64_t bytes) {
    if (file->notes < 0) return;
    struct stat about;
    must(!fstat(file->content, &about), "fstat");
    uint64_t size = about.st_size, was = at < size ? size - at : 0;
    if (kind == WRITTEN && was > bytes) was = bytes;
    struct note head = {kind, at, bytes, was, size};
    char *buffer = malloc(sizeof head + was);
    must(buffer != 0, "malloc");
    memcpy(buffer, &head, sizeof head);
    for (uint64_t done = 0; done < was;) {
        long got = syscall(SYS_pread64, file->content, buffer + sizeof head + done, was - done, at + done);
        must(got > 0, "reading what stands there");
        done += got;
    }
    long all = sizeof head + was;
    must(syscall(SYS_pwrite64, file->notes, buffer, all, file->span.to) == all, "noting");
    free(buffer);
    file->span.to += all;
    put_span(file);
}

static int is_full(struct watched *file, uint64_t end) {
    struct stat about;
    return file && get(FULL) && !fstat(file->content, &about) && end > (uint64_t)about.st_size;
}

static int refuse(int why) {
    errno = why;
    return -1;
}

#define CHANGING(file, kind, at, bytes, call)                         \
    ({                                                                \
        __typeof__(call) result_;                                     \
        if (!file) {                                                  \
            result_ = call;                                           \
        } else if (is_full(file, (at) + (bytes))) {                   \
            result_ = refuse(ENOSPC);                                 \
        } else {                                                      \
            pthread_mutex_lock(&file->lock);                          \
            note(file, kind, at, bytes);                              \
            result_ = call;                                           \
            pthread_mutex_unlock(&file->lock);                        \
        }                                                             \
        result_;                                                      \
    })

static uint64_t next_at(int fd, struct watched *file) {
    struct stat about;
    if (!file) return 0;
    if (fcntl(fd, F_GETFL) & O_APPEND) return fstat(fd, &about) ? 0 : about.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

static uint64_t sum(const struct iovec *parts, int count) {
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    return bytes;
}

ssize_t write(int fd, const void *from, size_t bytes) {
    struct watched *file = watch(fd);
    return CHANGING(file, WRITTEN, next_at(fd, file), bytes, (ssize_t)syscall(SYS_write, fd, from, bytes));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct watched *file = watch(fd);
    uint64_t bytes = file ? sum(parts, count) : 0;
    return CHANGING(file, WRITTEN, next_at(fd, file), bytes, (ssize_t)syscall(SYS_writev, fd, parts, count));
}

ssize_t pwrite64(int fd, const void *from, size_t bytes, off64_t at) {
    struct watched *file = watch(fd);
    return CHANGING(file, WRITTEN, at, bytes, (ssize_t)syscall(SYS_pwrite64, fd, from, bytes, at));
}

ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at) { return pwrite64(fd, from, bytes, at); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    struct watched *file = watch(fd);
    uint64_t bytes = sum(parts, count);
    return CHANGING(file, WRITTEN, at, bytes, (ssize_t)syscall(SYS_pwritev, fd, parts, count, at, 0));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return pwritev64(fd, parts, count, at);
}

int ftruncate64(int fd, off64_t size) {
    struct watched *file = watch(fd);
    return CHANGING(file, RESIZED, size, 0, (int)syscall(SYS_ftruncate, fd, size));
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fallocate64(int fd, int mode, off64_t at, off64_t bytes) {
    struct watched *file = watch(fd);
    return CHANGING(file, RESIZED, at + bytes, 0, (int)syscall(SYS_fallocate, fd, mode, at, bytes));
}

int fallocate(int fd, int mode, off_t at, off_t bytes) { return fallocate64(fd, mode, at, bytes); }

/* Syncs. */

static int sync_it(int fd, long call) {
    struct stat about;
    char path[PATH_MAX];
    struct watched *file = watch(fd);
    if (!file) {
        int is_folder = notes[0] && !fstat(fd, &about) && S_ISDIR(about.st_mode);
        int is_near = is_folder && path_of(fd, path) && (is_below(path, store) || is_below(store, path));
        return is_near ? sync_names(fd, path, call) : syscall(call, fd);
    }
    int which = file->is_log ? FAIL_LOG : FAIL_OTHER;
    if (get(which) > 0 && !__atomic_sub_fetch(&switches[which], 1, __ATOMIC_SEQ_CST)) {
        file->doomed = 1;
        return refuse(EIO);
    }
    pthread_mutex_lock(&file->lock);
    uint64_t before = file->span.to;
    pthread_mutex_unlock(&file->lock);
    if (get(LIE)) return 0;
    int result = syscall(call, fd);
    pthread_mutex_lock(&file->lock);
    if (!result && !file->doomed && file->notes >= 0) {
        file->span.from = before;
        if (file->span.to == before) file->span = (struct span){sizeof file->span, sizeof file->span};
        put_span(file);
    }
    pthread_mutex_unlock(&file->lock);
    return result;
}

int fdatasync(int fd) { return sync_it(fd, SYS_fdatasync); }
int fsync(int fd) { return sync_it(fd, SYS_fsync); }

/* The wall clock; the monotonic one is nobody's to set. */

int clock_gettime(clockid_t which, struct timespec *at) {
    static __typeof__(&clock_gettime) from_libc;
    if (!from_libc) from_libc = REAL(clock_gettime);
    int result = from_libc(which, at);
    int64_t ms = ready ? get(CLOCK_MS) : 0;
    if (!result && ms && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        at->tv_sec += ms / 1000;
        at->tv_nsec += ms % 1000 * 1000000;
        if (at->tv_nsec >= 1000000000) at->tv_sec++, at->tv_nsec -= 1000000000;
        if (at->tv_nsec < 0) at->tv_sec--, at->tv_nsec += 1000000000;
    }
    return result;
}
