// Three functions of the same code, called by turns, so that one can be measured against another however busy the machine is: one to be probed, its twin, and one that a counter has been spliced
// into by hand. Prints, ten times a second, what a call of each takes, in ns: the medians of batches, which leaves out those in which the thread did not run, averaged over all threads.
//   twincost THREADS
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { MOST = 64, BATCH = 1000, BATCHES = 4001 };

enum { LEAF, TWIN, BY_HAND, KINDS };

static struct { _Alignas(128) volatile double median[KINDS]; double batches[KINDS][BATCHES]; } of[MOST];
static volatile uint64_t last;

// Some work, so that the counter is not all there is; no call, so that gcc -O2 makes it a leaf with its arguments in registers. noipa: a call is made, whatever is known of it. Each begins a cache
// line, so that the processor fetches both alike.
#define WORK(name) __attribute__((noipa, aligned(64))) uint64_t name(uint64_t a, uint64_t b) \
{ \
    uint64_t x = a * 0x9e3779b97f4a7c15u; \
    if (x == 12345) return b; \
    return x ^ (x >> 29); \
}
WORK(leaf)
WORK(twin)

// What gcc -O2 makes of it, its first instruction moved to another page behind an increment that is not locked: exact in one thread only.
uint64_t by_hand(uint64_t a, uint64_t b);
uint64_t counted_by_hand;
__asm__(
    ".text\n.p2align 6\n.globl by_hand\n.type by_hand, @function\n"
    "by_hand: .byte 0xe9\n.long 2f - 1f\n1: .skip 5, 0xcc\n"
    "3: imul %rdi, %rdx\n mov %rdx, %rax\n shr $29, %rax\n xor %rdx, %rax\n movabs $0x9345a9f582f41895, %rdx\n cmp %rdx, %rdi\n cmove %rsi, %rax\n ret\n"
    ".size by_hand, . - by_hand\n"
    ".section .text.spliced, \"ax\"\n.p2align 12\n"
    "2: incq counted_by_hand(%rip)\n movabs $0x9e3779b97f4a7c15, %rdx\n jmp 3b\n.text\n");

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

// The loops are one, so that they lie alike in the cache.
static __attribute__((noinline)) uint64_t batch(uint64_t (*function)(uint64_t, uint64_t), uint64_t x)
{
    for (int i = 0; i < BATCH; i++) x = function(x | 1, 7);
    return x;
}

static void *run(void *at)
{
    static uint64_t (*const functions[KINDS])(uint64_t, uint64_t) = { leaf, twin, by_hand };
    long number = (long)at;
    uint64_t x = number + 1;
    for (;;) {
        for (int i = 0; i < BATCHES; i++)
            for (int kind = 0; kind < KINDS; kind++) {
                uint64_t start = __rdtsc();
                x = batch(functions[kind], x);
                of[number].batches[kind][i] = __rdtsc() - start;
            }
        last = x;
        for (int kind = 0; kind < KINDS; kind++) of[number].median[kind] = median(of[number].batches[kind]);
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
        double tick = (now() - from) / (__rdtsc() - start) / BATCH, sum[KINDS] = { 0 };
        int all = 1;
        for (int i = 0; i < threads; i++) {
            all &= of[i].median[KINDS - 1] > 0;
            for (int kind = 0; kind < KINDS; kind++) sum[kind] += of[i].median[kind] * tick / threads;
        }
        if (all) printf("%.4f %.4f %.4f\n", sum[LEAF], sum[TWIN], sum[BY_HAND]);
    }
}
