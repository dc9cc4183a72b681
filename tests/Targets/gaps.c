// Each thread records the gaps that it sees. Two busy threads (gap: time between two looks at the clock), six that wake 1,000 times
// a second (gap: how late a wake-up is). On SIGUSR1 the distributions since the last one are printed and cleared.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUSY = 2, WAKERS = 6, THREADS = BUSY + WAKERS, BINS = 40 * 16 };

static struct record { uint64_t bins[BINS], longest, count; char pad[64]; } records[THREADS];
static volatile sig_atomic_t asked;
static volatile unsigned generation;

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

// Logarithmic bins, 16 to a doubling.
static int bin_of(uint64_t ns)
{
    if (ns < 16) return (int)ns;
    int power = 63 - __builtin_clzll(ns);
    int bin = (power - 3) * 16 + (int)((ns >> (power - 4)) & 15);
    return bin < BINS ? bin : BINS - 1;
}

static uint64_t edge_of(int bin)
{
    return bin < 32 ? (uint64_t)bin : (16ull + bin % 16) << (bin / 16 - 1);
}

static void note(struct record *r, unsigned *seen, uint64_t ns)
{
    if (*seen != generation) {
        *seen = generation;
        memset(r->bins, 0, sizeof r->bins);
        r->longest = r->count = 0;
    }
    r->bins[bin_of(ns)]++;
    r->count++;
    if (ns > r->longest) r->longest = ns;
}

// The work of a busy thread: something that is worth specializing.
__attribute__((noinline)) uint64_t mixdown(const uint32_t *data, long count, unsigned shift, unsigned divisor)
{
    uint64_t sum = 0;
    for (long i = 0; i < count; i++) sum += (data[i] >> shift) % divisor;
    return sum;
}

static volatile uint64_t sink;

static void *busy(void *argument)
{
    struct record *r = argument;
    unsigned seen = 0;
    uint32_t data[64];
    for (int i = 0; i < 64; i++) data[i] = 2654435761u * (uint32_t)(i + 1);
    uint64_t last = nanoseconds();
    for (;;) {
        sink += mixdown(data, 64, 3, 1000);
        uint64_t t = nanoseconds();
        note(r, &seen, t - last);
        last = t;
    }
}

static void *waker(void *argument)
{
    struct record *r = argument;
    unsigned seen = 0;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (;;) {
        next.tv_nsec += 1000000;
        if (next.tv_nsec >= 1000000000) next.tv_nsec -= 1000000000, next.tv_sec++;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, 0);
        uint64_t due = next.tv_sec * 1000000000ull + next.tv_nsec, t = nanoseconds();
        note(r, &seen, t > due ? t - due : 0);
        if (t > due + 100000000) clock_gettime(CLOCK_MONOTONIC, &next);
    }
}

static void print_one(const char *kind, int from, int to)
{
    uint64_t bins[BINS] = { 0 }, count = 0, longest = 0, over = 0;
    for (int i = from; i < to; i++) {
        for (int b = 0; b < BINS; b++) bins[b] += records[i].bins[b];
        count += records[i].count;
        if (records[i].longest > longest) longest = records[i].longest;
    }
    double wanted[] = { 0.5, 0.99, 0.999, 0.9999, 0.99999 };
    printf("%s count %llu", kind, (unsigned long long)count);
    for (unsigned w = 0; w < sizeof wanted / sizeof *wanted; w++) {
        uint64_t sum = 0;
        int b = 0;
        for (; b < BINS && sum < wanted[w] * count; b++) sum += bins[b];
        printf(" p%g %.1f", wanted[w] * 100, edge_of(b) / 1000.0);
    }
    for (int b = bin_of(1000000); b < BINS; b++) over += bins[b];
    printf(" longest %.1f us, over 1 ms: %llu\n", longest / 1000.0, (unsigned long long)over);
}

static void on_signal(int number) { (void)number; asked = 1; }

int main(void)
{
    setvbuf(stdout, 0, _IOLBF, 0);
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(SIGUSR1, &action, 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, 0, i < BUSY ? busy : waker, &records[i]);
    }
    puts("ready");
    for (;;) {
        usleep(20000);
        if (!asked) continue;
        asked = 0;
        print_one("busy", 0, BUSY);
        print_one("wake", BUSY, THREADS);
        generation++;
    }
}
