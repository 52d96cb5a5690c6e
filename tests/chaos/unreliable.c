/* What a program asks of the C library fails, waits or kills it, as files in the folder that CHAOS names say:
   `slow`, `slow-read` (of what is open for reading alone) and `stall` hold milliseconds, `broken` makes every sync
   fail; `kill-before` and `kill-after` hold words: the sync of what has them in it is the program's last deed, or
   comes too late. `clock` holds two numbers of 8 bytes: how many nanoseconds CLOCK_BOOTTIME and CLOCK_REALTIME are
   ahead. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int met_before, met_after;
static const volatile long long *ahead;

/* The length of what stands in a file of the folder; -1 where there is none. */
static int told(const char *name, char *into, size_t room) {
    char path[512];
    const char *folder = getenv("CHAOS");
    if (!folder) return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int length = (int) read(fd, into, room - 1);
    close(fd);
    if (length >= 0) into[length] = 0;
    return length;
}

static void wait_ms(const char *name) {
    char text[64];
    if (told(name, text, sizeof text) <= 0) return;
    long left = atol(text);
    struct timespec pause = {left / 1000, left % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void look(const void *data, size_t length) {
    char words[256];
    int found = told("kill-before", words, sizeof words);
    if (found > 0 && memmem(data, length, words, found)) met_before = 1;
    found = told("kill-after", words, sizeof words);
    if (found > 0 && memmem(data, length, words, found)) met_after = 1;
}

static int synced(int fd, const char *name) {
    char text[64];
    wait_ms("slow");
    if (met_before) kill(getpid(), SIGKILL);
    if (told("broken", text, sizeof text) >= 0) { errno = EIO; return -1; }
    int result = ((int (*)(int)) dlsym(RTLD_NEXT, name))(fd);
    if (met_after) kill(getpid(), SIGKILL);
    return result;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }

ssize_t write(int fd, const void *data, size_t length) {
    look(data, length);
    return ((ssize_t (*)(int, const void *, size_t)) dlsym(RTLD_NEXT, "write"))(fd, data, length);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    look(data, length);
    return ((ssize_t (*)(int, const void *, size_t, off_t)) dlsym(RTLD_NEXT, "pwrite"))(fd, data, length, at);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    look(data, length);
    return ((ssize_t (*)(int, const void *, size_t, off64_t)) dlsym(RTLD_NEXT, "pwrite64"))(fd, data, length, at);
}

/* Of a connection that only reads: what writes goes on as fast as before. */
static void read_from(int fd) {
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) wait_ms("slow-read");
}

ssize_t pread(int fd, void *into, size_t length, off_t at) {
    read_from(fd);
    return ((ssize_t (*)(int, void *, size_t, off_t)) dlsym(RTLD_NEXT, "pread"))(fd, into, length, at);
}

ssize_t pread64(int fd, void *into, size_t length, off64_t at) {
    read_from(fd);
    return ((ssize_t (*)(int, void *, size_t, off64_t)) dlsym(RTLD_NEXT, "pread64"))(fd, into, length, at);
}

__attribute__((constructor)) static void begin(void) {
    char path[512];
    const char *folder = getenv("CHAOS");
    if (!folder) return;
    snprintf(path, sizeof path, "%s/clock", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (mapped != MAP_FAILED) ahead = mapped;
}

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, now);
    if (ahead && (which == CLOCK_BOOTTIME || which == CLOCK_REALTIME)) {
        long long moved = now->tv_nsec + ahead[which == CLOCK_REALTIME];
        now->tv_sec += moved / 1000000000 - (moved % 1000000000 < 0);
        now->tv_nsec = moved % 1000000000 + (moved % 1000000000 < 0 ? 1000000000 : 0);
    }
    return result;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout_ms) {
    /* The main thread's alone: that is the one with the event loop. */
    if (getpid() == (pid_t) syscall(SYS_gettid)) {
        char path[512];
        const char *folder = getenv("CHAOS");
        if (folder) {
            wait_ms("stall");
            snprintf(path, sizeof path, "%s/stall", folder);
            unlink(path);
        }
    }
    return ((int (*)(int, struct epoll_event *, int, int)) dlsym(RTLD_NEXT, "epoll_wait"))(fd, events, most, timeout_ms);
}
