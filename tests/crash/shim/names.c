/* Names that were made, moved or removed since their folder was synced: one line each, in order.
 * Also opening, which may make a name.
 */
#include "shim.h"

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static int names_fd = -1;
static uint64_t names_count;

/* An earlier process may have been killed: what it did not sync is still not synced. */
static void count_names(const char *path) {
    char text[4 * PATH_MAX];
    FILE *lines = fopen(path, "r");
    must(lines != 0, path);
    while (fgets(text, sizeof text, lines)) names_count += strncmp(text, "synced", 6) != 0;
    fclose(lines);
}

void begin_names(void) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/names", notes);
    names_fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_APPEND, 0600);
    must(names_fd >= 0, path);
    count_names(path);
}

static void line(const char *format, ...) {
    char text[4 * PATH_MAX];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    must(syscall(SYS_write, names_fd, text, length) == length, "noting a name");
}

static int resolve(int folder, const char *path, char *whole) {
    char base[PATH_MAX];
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(folder, base)) return 0;
        snprintf(whole, PATH_MAX, "%.2000s/%.2000s", base, path);
    }
    return ready && names_fd >= 0 && is_ours(whole);
}

static int exists(const char *path) {
    struct stat about;
    return !lstat(path, &about);
}

/* A second name for what is about to lose one, so that it can come back. */
static uint64_t keep(const char *path) {
    char kept[PATH_MAX];
    if (!exists(path)) return 0;
    snprintf(kept, sizeof kept, "%.4000s/kept-%llu", notes, (unsigned long long)names_count + 1);
    must(!link(path, kept), path);
    return names_count + 1;
}

static int open_it(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    int kept_errno = errno;
    if (!(flags & (O_CREAT | O_TRUNC)) || !resolve(folder, path, whole)) {
        errno = kept_errno;
        return syscall(SYS_openat, folder, path, flags, mode);
    }
    pthread_mutex_lock(&names_lock);
    int is_new = !exists(whole);
    errno = kept_errno;
    int fd = syscall(SYS_openat, folder, path, flags & ~O_TRUNC, mode);
    if (fd >= 0 && is_new) {
        line("made\t0\t%s\t\n", whole);
        names_count++;
    }
    pthread_mutex_unlock(&names_lock);
    if (fd >= 0 && flags & O_TRUNC) must(!ftruncate64(fd, 0), whole);
    return fd;
}

#define OPEN(name, folder, ...)                                       \
    int name(__VA_ARGS__, ...) {                                      \
        va_list rest;                                                 \
        va_start(rest, flags);                                        \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                 \
        return open_it(folder, path, flags, mode);                    \
    }
OPEN(open, AT_FDCWD, const char *path, int flags)
OPEN(open64, AT_FDCWD, const char *path, int flags)
OPEN(openat, folder, int folder, const char *path, int flags)
OPEN(openat64, folder, int folder, const char *path, int flags)

int mkdirat(int folder, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    int noted = resolve(folder, path, whole);
    pthread_mutex_lock(&names_lock);
    int result = syscall(SYS_mkdirat, folder, path, mode);
    if (!result && noted) {
        line("made\t0\t%s\t\n", whole);
        names_count++;
    }
    pthread_mutex_unlock(&names_lock);
    return result;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int rename(const char *from, const char *to) {
    char from_whole[PATH_MAX], to_whole[PATH_MAX];
    int noted = resolve(AT_FDCWD, from, from_whole) & resolve(AT_FDCWD, to, to_whole);
    pthread_mutex_lock(&names_lock);
    if (noted) {
        uint64_t kept = keep(to_whole);
        line("moved\t%llu\t%s\t%s\n", (unsigned long long)kept, to_whole, from_whole);
        names_count++;
    }
    int result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    must(!noted || !result, to_whole);
    pthread_mutex_unlock(&names_lock);
    return result;
}

int unlinkat(int folder, const char *path, int flags) {
    char whole[PATH_MAX];
    int noted = resolve(folder, path, whole) && exists(whole);
    pthread_mutex_lock(&names_lock);
    if (noted) {
        int is_folder = flags & AT_REMOVEDIR;
        uint64_t kept = is_folder ? 0 : keep(whole);
        line("%s\t%llu\t%s\t\n", is_folder ? "rmdir" : "gone", (unsigned long long)kept, whole);
        names_count++;
    }
    int result = syscall(SYS_unlinkat, folder, path, flags);
    must(!noted || !result, whole);
    pthread_mutex_unlock(&names_lock);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int sync_names(int fd, const char *folder, long call) {
    pthread_mutex_lock(&names_lock);
    uint64_t before = names_count;
    pthread_mutex_unlock(&names_lock);
    int result = syscall(call, fd);
    if (!result && !get(LIE)) {
        pthread_mutex_lock(&names_lock);
        line("synced\t%llu\t%s\t\n", (unsigned long long)before, folder);
        pthread_mutex_unlock(&names_lock);
    }
    return result;
}
