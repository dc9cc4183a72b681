// To be preloaded into a program: a thread of it that looks at the clock all the time and keeps, in a file that others may map, the longest time that it did not.
// Words of the file: 0 a number that is raised to begin anew; 1 looks; 2 longest gap; 3 longest gap less the time that the thread waited for a processor in it
// (/proc/thread-self/schedstat), both in ns.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NOTED = 50000, FRESH = 1000000 };   // ns: gaps that are looked at; how old the figure of waiting may be

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

// The second number of the file.
static uint64_t waited(int file)
{
    char text[128] = { 0 }, *end;
    if (pread(file, text, sizeof text - 1, 0) <= 0) return 0;
    strtoull(text, &end, 10);
    return strtoull(end, 0, 10);
}

static void *watch(void *argument)
{
    volatile uint64_t *words = argument;
    int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    uint64_t seen = words[0], before = waited(file), last = nanoseconds(), read = last;
    for (;;) {
        uint64_t now = nanoseconds(), gap = now - last;
        last = now;
        if (words[0] != seen) {
            seen = words[0];
            words[1] = words[2] = words[3] = 0;
        }
        words[1]++;
        if (gap < NOTED && now - read < FRESH) continue;
        uint64_t after = waited(file), own = after - before < gap ? gap - (after - before) : 0;
        before = after;
        read = last = nanoseconds();
        if (gap < NOTED) continue;
        if (gap > words[2]) words[2] = gap;
        if (own > words[3]) words[3] = own;
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("CLOCKWATCHER");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *words = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    unsetenv("LD_PRELOAD");
    if (words == MAP_FAILED) return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    pthread_create(&thread, 0, watch, words);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}
