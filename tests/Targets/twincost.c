// Two functions of the same code, called by turns, so that one can be measured against the other however busy the machine is. Prints, ten times a second: what a call of the first and one of its
// twin takes, in ns: the medians of batches, which leaves out those in which the thread did not run, averaged over all threads.
//   twincost THREADS
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { MOST = 64, BATCH = 1000, BATCHES = 4001 };

static struct { _Alignas(128) volatile double first, twin; double batches[2][BATCHES]; } of[MOST];
static volatile uint64_t last;

// Some work, so that the counter is not all there is; no call, so that gcc -O2 makes it a leaf with its arguments in registers. noipa: a call is made, whatever is known of it. Each begins a cache
// line, so that the processor fetches both alike.
#define LEAF(name) __attribute__((noipa, aligned(64))) uint64_t name(uint64_t a, uint64_t b) \
{ \
    uint64_t x = a * 0x9e3779b97f4a7c15u; \
    if (x == 12345) return b; \
    return x ^ (x >> 29); \
}
LEAF(leaf)
LEAF(twin)

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, BATCHES, sizeof *values, compare);
    return values[BATCHES / 2];
}

// The two loops are one, so that they lie alike in the cache.
static __attribute__((noinline)) uint64_t batch(uint64_t (*function)(uint64_t, uint64_t), uint64_t x)
{
    for (int i = 0; i < BATCH; i++) x = function(x | 1, 7);
    return x;
}

static void *run(void *at)
{
    long number = (long)at;
    uint64_t x = number + 1;
    for (;;) {
        for (int i = 0; i < BATCHES; i++) {
            uint64_t start = __rdtsc();
            x = batch(leaf, x);
            uint64_t then = __rdtsc();
            x = batch(twin, x);
            of[number].batches[0][i] = then - start;
            of[number].batches[1][i] = __rdtsc() - then;
        }
        last = x;
        of[number].first = median(of[number].batches[0]);
        of[number].twin = median(of[number].batches[1]);
    }
    return 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1 || threads > MOST) return 2;
    pthread_t thread;
    for (long i = 0; i < threads; i++) pthread_create(&thread, 0, run, (void *)i);
    setvbuf(stdout, 0, _IOLBF, 0);
    double from = now();
    for (uint64_t start = __rdtsc(); ; ) {
        usleep(100000);
        double tick = (now() - from) / (__rdtsc() - start) / BATCH, first = 0, twin = 0;
        int all = 1;
        for (int i = 0; i < threads; i++) {
            all &= of[i].twin > 0;
            first += of[i].first * tick / threads;
            twin += of[i].twin * tick / threads;
        }
        if (all) printf("%.4f %.4f\n", first, twin);
    }
}
