// One function twice: as it is, and with two hand-placed rdtsc. A thread calls both by turns. Prints, ten times a second: processor time per call of the one and of the other, and what the rdtsc
// say that a call lasted, all in ns.
//   timecost ROUNDS
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

enum { BATCH = 2000 };

static uint64_t ticks;
static volatile uint64_t sink, last;

// A chain of multiplications, which takes 3 cycles a round.
static inline __attribute__((always_inline)) uint64_t chain(uint64_t x, int rounds)
{
    for (int i = 0; i < rounds; i++) x = x * 0x9e3779b97f4a7c15u + i;
    return x;
}

__attribute__((noipa)) uint64_t work(uint64_t x, int rounds)
{
    x = chain(x, rounds);
    last = x;
    return x;
}

__attribute__((noipa)) uint64_t work_by_hand(uint64_t x, int rounds)
{
    uint64_t from = __rdtsc();
    x = chain(x, rounds);
    last = x;
    // So that it is not read before the work is done.
    __asm__ volatile("" : "+r"(x));
    ticks += __rdtsc() - from;
    return x;
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    setvbuf(stdout, 0, _IOLBF, 0);
    uint64_t x = 1;
    for (;;) {
        double bare = 0, hand = 0, wall = now(CLOCK_MONOTONIC);
        uint64_t start = __rdtsc(), calls = 0;
        ticks = 0;
        while (now(CLOCK_MONOTONIC) - wall < 0.1) {
            double at = now(CLOCK_THREAD_CPUTIME_ID);
            for (int i = 0; i < BATCH; i++) x = work(x | 1, rounds);
            double then = now(CLOCK_THREAD_CPUTIME_ID);
            for (int i = 0; i < BATCH; i++) x = work_by_hand(x | 1, rounds);
            hand += now(CLOCK_THREAD_CPUTIME_ID) - then;
            bare += then - at;
            calls += BATCH;
        }
        double tick = (now(CLOCK_MONOTONIC) - wall) * 1e9 / (__rdtsc() - start);
        sink = x;
        printf("%.3f %.3f %.3f\n", bare * 1e9 / calls, hand * 1e9 / calls, ticks * tick / calls);
    }
}
